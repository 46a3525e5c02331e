//! Errors with credentials and connections: each gives one clear message, and nothing is changed.

use std::net::TcpListener;

use super::Site;
use crate::emulator::profiles::{SECRET, log_in};
use crate::emulator::{Answer, Fault};
use crate::support::Run;

/// Asserts that there is one error with all these parts, and that nothing was changed.
fn refused(site: &Site, code: i32, parts: &[&str]) -> Run {
    let run = site.deploy("--profile dev --yes", code);
    assert_eq!(
        run.stderr.matches("error:").count(),
        1,
        "one error:\n{}",
        run.stderr
    );
    for part in parts {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    assert!(site.writes().is_empty(), "{:?}", site.writes());
    assert!(!site.project.exists(".s3ferry"));
    run
}

/// Makes AWS return this error for an operation.
fn answered(site: &Site, action: &str, status: u16, code: &str, message: &str) {
    let answer = Answer::error(status, code, message);
    site.proxy.always(action, Fault::Answered(answer));
}

#[test]
fn the_wrong_account_is_rejected_before_any_other_call() {
    let mut site = Site::new();
    let endpoint = site.proxy.endpoint();
    log_in(&mut site.project, &endpoint, &[("dev", "999999999999")]);
    let configured = site.accounts.dev.clone();
    refused(
        &site,
        2,
        &["profile `dev` belongs to account 999999999999", &configured],
    );
    assert_eq!(site.proxy.actions(), ["GetCallerIdentity"]);
}

#[test]
fn a_missing_profile_is_named() {
    let site = Site::new();
    site.project.write("aws/config", "");
    site.project.write("aws/credentials", "");
    refused(
        &site,
        3,
        &[
            "profile `dev` does not exist in the AWS configuration files",
            "aws configure sso --profile dev",
        ],
    );
}

#[test]
fn a_profile_that_the_configuration_does_not_use_is_an_error() {
    let site = Site::new();
    let run = site.deploy("--profile staging --yes", 2);
    assert!(
        run.stderr
            .contains("no stack in the configuration uses profile `staging`"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("dev, prod"), "{}", run.stderr);
}

#[test]
fn the_environment_provides_credentials_without_a_profile() {
    let mut site = Site::new();
    site.project.write("aws/config", "");
    site.project.write("aws/credentials", "");
    let account = site.accounts.dev.clone();
    site.project.set("AWS_ACCESS_KEY_ID", &account);
    site.project.set("AWS_SECRET_ACCESS_KEY", SECRET);
    site.deploy("--profile dev --yes", 0);
    assert_eq!(site.state().dev_stack()["status"], "CREATE_COMPLETE");
}

#[test]
fn a_profile_can_assume_a_role() {
    let site = Site::new();
    let dev = &site.accounts.dev;
    site.project.write(
        "aws/config",
        format!(
            "[profile base]\nregion = eu-north-1\n[profile dev]\nsource_profile = base\n\
             role_arn = arn:aws:iam::{dev}:role/deployer\n"
        ),
    );
    site.project.write(
        "aws/credentials",
        format!("[base]\naws_access_key_id = 888888888888\naws_secret_access_key = {SECRET}\n"),
    );
    site.deploy("--profile dev --yes", 0);
    assert_eq!(site.state().dev_stack()["status"], "CREATE_COMPLETE");
    assert_eq!(site.proxy.done("AssumeRole"), 1);
}

#[test]
fn a_multi_factor_profile_is_reported_as_unsupported() {
    let site = Site::new();
    site.project.write(
        "aws/config",
        "[profile base]\n[profile dev]\nsource_profile = base\nrole_arn = \
         arn:aws:iam::111111111111:role/x\nmfa_serial = arn:aws:iam::111111111111:mfa/me\n",
    );
    refused(
        &site,
        3,
        &[
            "profile `dev` requires a multi-factor authentication code",
            "SSO",
        ],
    );
    assert!(site.proxy.calls().is_empty());
}

#[test]
fn the_error_for_an_expired_session_says_how_to_log_in() {
    let mut site = Site::new();
    let home = site.project.path("").display().to_string();
    site.project.set("HOME", &home);
    site.project.write("aws/credentials", "");
    site.project.write(
        "aws/config",
        "[sso-session company]\nsso_start_url = https://127.0.0.1/start\nsso_region = us-east-1\n\
         [profile dev]\nsso_session = company\nsso_account_id = 111111111111\nsso_role_name = Admin\n",
    );
    refused(
        &site,
        3,
        &[
            "cannot get credentials from profile `dev`",
            "aws sso login --profile dev",
        ],
    );
}

#[test]
fn the_error_for_an_expired_token_says_how_to_log_in() {
    let site = Site::new();
    let said = "The security token included in the request is expired";
    answered(&site, "GetCallerIdentity", 403, "ExpiredToken", said);
    refused(
        &site,
        3,
        &["ExpiredToken", said, "aws sso login --profile dev"],
    );
}

#[test]
fn a_deploy_resumes_where_a_token_expired() {
    let site = Site::new();
    let said = "The security token included in the request is expired";
    answered(&site, "ExecuteChangeSet", 400, "ExpiredToken", said);
    let run = site.deploy("--all --yes", 3);
    assert!(
        run.stderr.contains("aws sso login --profile dev"),
        "{}",
        run.stderr
    );
    site.proxy.reset();
    site.deploy("--all --yes", 0);
    assert_eq!(site.state().dev_stack()["status"], "UPDATE_COMPLETE");
}

#[test]
fn a_wrong_clock_is_named_as_the_cause() {
    let skewed = "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z \
                  (20260101T001500Z - 5 min.)";
    let site = Site::new();
    answered(
        &site,
        "GetCallerIdentity",
        403,
        "SignatureDoesNotMatch",
        skewed,
    );
    refused(
        &site,
        3,
        &["Signature expired", "check this machine's clock"],
    );
}

#[test]
fn a_region_that_is_not_enabled_is_named_as_a_cause() {
    let site = Site::new();
    let said = "The security token included in the request is invalid";
    answered(
        &site,
        "GetCallerIdentity",
        403,
        "InvalidClientTokenId",
        said,
    );
    refused(
        &site,
        3,
        &[said, "the region is not enabled in the account"],
    );
    site.proxy.reset();
    let said = "You are not subscribed to this service";
    answered(&site, "DescribeStacks", 403, "OptInRequired", said);
    refused(&site, 3, &[said, "enable the region in this account"]);
}

#[test]
fn the_error_for_a_denied_call_names_the_call_and_the_deployer_policy() {
    let site = Site::new();
    let said = "User: arn:aws:iam::111111111111:user/me is not authorized to perform: \
                cloudformation:DescribeStacks on resource: *";
    answered(&site, "DescribeStacks", 403, "AccessDenied", said);
    refused(&site, 3, &[said, "s3ferry deployer-policy --profile dev"]);
}

#[test]
fn a_missing_network_is_one_error() {
    let site = Site::new();
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", closed.local_addr().expect("an address"));
    drop(closed);
    let run = site.deploy(&format!("--profile dev --yes --endpoint-url {endpoint}"), 3);
    assert!(
        run.stderr
            .contains("cannot reach AWS for sts:GetCallerIdentity"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("check the network"), "{}", run.stderr);
    assert!(site.proxy.calls().is_empty());
}

#[test]
fn the_region_comes_from_the_configuration_and_not_from_the_environment() {
    let mut site = Site::new();
    site.project.set("AWS_REGION", "ap-southeast-2");
    site.project.set("AWS_DEFAULT_REGION", "ap-southeast-2");
    site.deploy("--profile dev --yes", 0);
    let calls = site.proxy.calls();
    assert!(calls.iter().all(|(call, _)| call.region == "us-east-1"));
}
