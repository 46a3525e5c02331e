//! The source of the credentials: profiles, exported keys, `AWS_PROFILE`, and processes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::{Desk, OTHER, refused};
use crate::emulator::http::Message;
use crate::emulator::profiles::SECRET;
use crate::emulator::server::{Reply, Server};
use crate::emulator::{Answer, Fault};

/// A command whose first call gets the caller identity with the credentials of the dev account.
const ADOPT: [&str; 3] = ["adopt", "--name", "none"];

#[test]
fn profiles_and_exported_keys_have_the_precedence_of_the_aws_cli() {
    // Exported variables and options determine the profile, which the access key ID identifies.
    for (keys, variable, options) in [
        (false, None, &["--profile", "dev"][..]),
        (true, None, &["--profile", "dev"]),
        (true, Some("prod"), &["--profile", "dev"]),
        (false, Some("prod"), &[]),
        (true, Some("prod"), &[]),
        (true, Some("none"), &[]),
        (true, None, &["--profile", "bare"]),
    ] {
        let mut desk = Desk::new();
        let config = desk.project.read("aws/config");
        let config = format!("{config}[profile bare]\nregion = us-east-1\n");
        desk.project.write("aws/config", config);
        if keys {
            desk.export_keys(OTHER);
        }
        if let Some(profile) = variable {
            desk.project.set("AWS_PROFILE", profile);
        }
        let ours = desk.caller(&[&ADOPT[..], options].concat());
        let theirs = desk.caller_of_aws_cli(options);
        assert_eq!(
            ours, theirs,
            "keys {keys}, AWS_PROFILE {variable:?}, {options:?}"
        );
    }
}

#[test]
fn a_profile_of_the_configuration_takes_precedence_over_exported_keys() {
    let mut desk = Desk::new();
    desk.export_keys(OTHER);
    desk.project.expect("deploy --all --yes", 0);
    let calls = desk.proxy.calls();
    assert!(calls.iter().all(|(call, _)| call.access_key_id != OTHER));
    desk.project.expect("status", 0);
}

#[test]
fn keys_in_place_of_a_missing_profile_are_named() {
    let mut desk = Desk::new();
    desk.project.write("aws/config", "");
    desk.project.write("aws/credentials", "");
    desk.export_keys(OTHER);
    let run = desk.run(&["deploy", "--profile", "dev", "--yes"]);
    refused(
        &run,
        2,
        &[
            "the identity from AWS_ACCESS_KEY_ID belongs to account 888888888888",
            "credentials come from AWS_ACCESS_KEY_ID, not from profile `dev`",
            "unset the variable",
        ],
    );
    // The same applies if AWS rejects the keys.
    let expired = Answer::error(403, "ExpiredToken", "The security token is expired");
    desk.proxy
        .always("GetCallerIdentity", Fault::Answered(expired));
    let run = desk.run(&["deploy", "--profile", "dev", "--yes"]);
    let said = "credentials come from AWS_ACCESS_KEY_ID, not from profile `dev`";
    refused(&run, 3, &["ExpiredToken", said]);
    assert!(!run.stderr.contains("aws sso login"), "{}", run.stderr);
}

#[test]
fn a_profile_without_credentials_is_not_replaced_by_exported_keys() {
    let mut desk = Desk::new();
    desk.project.write("aws/credentials", "");
    desk.export_keys(&desk.accounts.dev.clone());
    let run = desk.run(&["deploy", "--profile", "dev", "--yes"]);
    refused(
        &run,
        3,
        &[
            "cannot get credentials from profile `dev`",
            "AWS_ACCESS_KEY_ID is ignored",
        ],
    );
    assert!(desk.proxy.calls().is_empty());
}

#[test]
fn an_incomplete_pair_of_exported_keys_is_named() {
    let mut desk = Desk::new();
    desk.project.write("aws/config", "");
    desk.project.write("aws/credentials", "");
    desk.project.set("AWS_ACCESS_KEY_ID", OTHER);
    let run = desk.run(&["deploy", "--profile", "dev", "--yes"]);
    refused(
        &run,
        2,
        &["AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not"],
    );
}

#[test]
fn an_exported_profile_never_selects_stacks() {
    let mut desk = Desk::new();
    desk.project.set("AWS_PROFILE", "dev");
    for command in [
        "deploy --yes",
        "destroy",
        "diff",
        "events",
        "deployer-policy",
    ] {
        let arguments: Vec<&str> = command.split(' ').collect();
        let run = desk.run(&arguments);
        refused(
            &run,
            2,
            &["--profile", "AWS_PROFILE (`dev`) does not select stacks"],
        );
    }
    assert!(desk.proxy.calls().is_empty());
    desk.project.unset("AWS_PROFILE");
    let run = desk.run(&["deploy", "--yes"]);
    refused(&run, 2, &["requires --profile or --all"]);
    assert!(!run.stderr.contains("AWS_PROFILE"), "{}", run.stderr);
    // The variable has no effect on a command that reads every stack.
    desk.project.set("AWS_PROFILE", "prod");
    desk.project.expect("deploy --all --yes", 0);
    let run = desk.project.expect("status", 0);
    assert!(
        run.stdout.contains("crossaccountdeploy-dev"),
        "{}",
        run.stdout
    );
}

#[test]
fn an_exported_profile_of_another_account_is_named() {
    let mut desk = Desk::deployed();
    desk.project.set("AWS_PROFILE", "prod");
    let run = desk.run(&ADOPT);
    let said = format!(
        "profile `prod` from AWS_PROFILE belongs to account {}",
        desk.accounts.prod
    );
    refused(&run, 2, &[&said, "--profile, or unset AWS_PROFILE"]);
    desk.project.set("AWS_PROFILE", "");
    assert_eq!(desk.caller(&ADOPT), Some(desk.accounts.dev.clone()));
}

/// Gives the profile `dev` a process that runs this command before it prints credentials.
fn with_process(desk: &Desk, before: &str) {
    let dev = &desk.accounts.dev;
    desk.project.write(
        "login",
        format!(
            "#!/bin/sh\n{before}\necho '{{\"Version\": 1, \"AccessKeyId\": \"{dev}\", \
             \"SecretAccessKey\": \"{SECRET}\"}}'\n"
        ),
    );
    let path = desk.project.path("login");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
    desk.project.write("aws/credentials", "");
    desk.project.write(
        "aws/config",
        format!(
            "[profile dev]\nregion = us-east-1\ncredential_process = {}\n",
            path.display()
        ),
    );
}

#[test]
fn a_process_can_take_longer_than_the_sdk_waits() {
    let mut desk = Desk::new();
    desk.project.set("PATH", "/usr/bin:/bin");
    with_process(&desk, "sleep 6");
    assert_eq!(desk.caller(&ADOPT), Some(desk.accounts.dev.clone()));
}

#[test]
fn a_process_that_fails_is_the_cause() {
    let mut desk = Desk::new();
    desk.project.set("PATH", "/usr/bin:/bin");
    with_process(&desk, "echo 'touch the key' >&2; exit 3");
    let run = desk.run(&ADOPT);
    refused(
        &run,
        3,
        &[
            "the credential_process of profile `dev` failed",
            "touch the key",
        ],
    );
    with_process(&desk, "echo no JSON; exit 0");
    refused(
        &desk.run(&ADOPT),
        3,
        &["the credential_process of profile `dev` failed"],
    );
    // The error names the profile of the process, not the profile that is based on it.
    with_process(&desk, "exit 3");
    let process = desk
        .project
        .read("aws/config")
        .replace("[profile dev]", "[profile base]");
    let role = format!("arn:aws:iam::{}:role/deployer", desk.accounts.dev);
    desk.project.write(
        "aws/config",
        format!("{process}[profile dev]\nsource_profile = base\nrole_arn = {role}\n"),
    );
    refused(
        &desk.run(&ADOPT),
        3,
        &["the credential_process of profile `base` failed"],
    );
}

#[test]
fn a_chain_of_profiles_works_as_in_the_aws_cli() {
    let desk = Desk::new();
    let dev = &desk.accounts.dev;
    let role = |name: &str| format!("role_arn = arn:aws:iam::{dev}:role/{name}\n");
    desk.project.write(
        "aws/config",
        format!(
            "[profile \"my base\"]\nregion = us-east-1\n[profile middle]\n{}source_profile = my \
             base\nrole_session_name = somebody\n[profile dev]\n{}source_profile = middle\n\
             external_id = 12345\nduration_seconds = 900\n",
            role("middle"),
            role("deployer"),
        ),
    );
    desk.project.write(
        "aws/credentials",
        format!("[my base]\naws_access_key_id = {OTHER}\naws_secret_access_key = {SECRET}\n"),
    );
    let assumed = |calls: Vec<(crate::emulator::Call, _)>| -> Vec<Vec<Option<String>>> {
        let roles = calls.iter().filter(|(call, _)| call.action == "AssumeRole");
        roles
            .map(|(call, _)| {
                ["RoleArn", "ExternalId", "DurationSeconds"]
                    .map(|name| call.parameter(name).map(str::to_owned))
                    .to_vec()
            })
            .collect()
    };
    desk.run(&ADOPT);
    let ours = assumed(desk.proxy.calls());
    assert_eq!(desk.first_caller(), Some(OTHER.to_owned()));
    desk.proxy.reset();
    desk.aws_cli(&["--profile", "dev"]).expect("credentials");
    assert_eq!(ours, assumed(desk.proxy.calls()));
    assert_eq!(ours.len(), 2);
}

#[test]
fn an_incomplete_chain_is_explained() {
    let desk = Desk::new();
    let role = "role_arn = arn:aws:iam::111111111111:role/x\n";
    for (config, parts) in [
        (
            format!("[profile dev]\n{role}source_profile = none\n"),
            &["profile `none`, the `source_profile` of profile `dev`, does not exist"][..],
        ),
        (
            format!(
                "[profile dev]\n{role}source_profile = a\n[profile a]\n{role}source_profile = dev\n"
            ),
            &["profile `dev` refers back to profile `dev`"],
        ),
        (
            format!("[profile dev]\n{role}"),
            &["profile `dev` has a role, but neither"],
        ),
        (
            format!("[profile dev]\n{role}source_profile = bare\n[profile bare]\nregion = x\n"),
            &["profile `bare`, the source of profile `dev`, has no credentials"],
        ),
        (
            "[profile dev]\nsso_session = none\nsso_account_id = 1\nsso_role_name = x\n".to_owned(),
            &["no section [sso-session none]", "aws/config, line 2"],
        ),
        (
            "[profile dev]\naws_access_key_id = 1\n".to_owned(),
            &["profile `dev` has an access key but no `aws_secret_access_key`"],
        ),
    ] {
        desk.project.write("aws/config", &config);
        desk.project.write("aws/credentials", "");
        refused(&desk.run(&ADOPT), 2, parts);
    }
    assert!(desk.proxy.calls().is_empty());
}

/// Simulates IAM Identity Center, which returns these keys for the token.
fn identity_center(access_key_id: &str) -> Server {
    let answer = json!({ "roleCredentials": {
        "accessKeyId": access_key_id,
        "secretAccessKey": SECRET,
        "sessionToken": "any",
        "expiration": 4_000_000_000_000_u64,
    }});
    Server::start(move |request| {
        let token = request.header("x-amz-sso_bearer_token");
        let expected = "/federation/credentials?role_name=Deployer&account_id=111111111111";
        let expected: Vec<&str> = expected.split(['?', '&']).collect();
        let asked: Vec<&str> = request.word(1).split(['?', '&']).collect();
        let is_right = token == Some("the token") && expected.iter().all(|one| asked.contains(one));
        let (status, body) = match is_right {
            true => ("200 OK", answer.to_string()),
            false => ("401 Unauthorized", json!({ "message": "no" }).to_string()),
        };
        Reply::Message(Message {
            start: format!("HTTP/1.1 {status}"),
            headers: vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                ("content-length".to_owned(), body.len().to_string()),
            ],
            body: body.into_bytes(),
        })
    })
}

#[test]
fn a_login_to_identity_center_is_used_as_in_the_aws_cli() {
    let mut desk = Desk::new();
    let dev = desk.accounts.dev.clone();
    let center = identity_center(&dev);
    desk.project.set("AWS_ENDPOINT_URL_SSO", &center.endpoint());
    let home = desk.project.path("").display().to_string();
    desk.project.set("HOME", &home);
    desk.project.write("aws/credentials", "");
    let role = "sso_account_id = 111111111111\nsso_role_name = Deployer\n";
    let login = "sso_start_url = https://example.com/start\nsso_region = eu-west-1\n";
    // The file name is the SHA-1 hash of the session name or of the URL.
    for (config, hash) in [
        (
            format!(
                "[profile dev]\nsso_session = my company\n{role}[sso-session 'my company']\n{login}"
            ),
            "7bd56751335bdc475a370672bf83e31e7c842a9a",
        ),
        (
            format!("[profile dev]\n{role}{login}"),
            "b343494cf15ba6b81449840ea93161cf3b27e5e3",
        ),
    ] {
        desk.project.write("aws/config", config);
        let run = desk.run(&ADOPT);
        refused(
            &run,
            3,
            &[
                "cannot get credentials from profile `dev`",
                "aws sso login --profile dev",
            ],
        );
        let token = |text: &str, expires: &str| {
            json!({
                "startUrl": "https://example.com/start",
                "region": "eu-west-1",
                "accessToken": text,
                "expiresAt": expires,
            })
        };
        let file = format!(".aws/sso/cache/{hash}.json");
        let expired = token("the token", "2020-01-01T00:00:00Z").to_string();
        desk.project.write(&file, expired);
        let run = desk.run(&ADOPT);
        refused(
            &run,
            3,
            &[
                "cannot get credentials from profile `dev`",
                "aws sso login --profile dev",
            ],
        );
        let refusal = token("another token", "2096-01-01T00:00:00Z").to_string();
        desk.project.write(&file, refusal);
        let run = desk.run(&ADOPT);
        refused(
            &run,
            3,
            &["sso:GetRoleCredentials", "aws sso login --profile dev"],
        );
        let valid = token("the token", "2096-01-01T00:00:00Z").to_string();
        desk.project.write(&file, valid);
        assert_eq!(desk.aws_cli(&["--profile", "dev"]), Ok(dev.clone()));
        assert_eq!(desk.caller(&ADOPT), Some(dev.clone()));
        fs::remove_file(desk.project.path(&file)).expect("removed");
    }
}

#[test]
fn a_web_identity_token_is_used_as_in_the_aws_cli() {
    let mut desk = Desk::new();
    let role = format!("arn:aws:iam::{}:role/deployer", desk.accounts.dev);
    desk.project.write("token", "the token");
    let token = desk.project.path("token").display().to_string();
    desk.project.write("aws/credentials", "");
    let used = |desk: &Desk, options: &[&str]| {
        let by = |calls: Vec<(crate::emulator::Call, _)>| {
            let call = calls.into_iter().next().expect("a call").0;
            let value = |name| call.parameter(name).map(str::to_owned);
            (
                call.action.clone(),
                value("RoleArn"),
                value("WebIdentityToken"),
            )
        };
        desk.proxy.reset();
        desk.run(&ADOPT);
        let ours = by(desk.proxy.calls());
        desk.proxy.reset();
        let _ = desk.aws_cli(options);
        assert_eq!(ours, by(desk.proxy.calls()));
        assert_eq!(ours.0, "AssumeRoleWithWebIdentity");
    };
    let config = format!("[profile dev]\nrole_arn = {role}\nweb_identity_token_file = {token}\n");
    desk.project.write("aws/config", config);
    used(&desk, &["--profile", "dev"]);
    // Without the profile, the variables apply. They name another role, because the AWS CLI caches
    // the credentials of the first role.
    let role = format!("{role}-of-environment");
    desk.project.write("aws/config", "");
    desk.project.set("AWS_WEB_IDENTITY_TOKEN_FILE", &token);
    desk.project.set("AWS_ROLE_ARN", &role);
    used(&desk, &[]);
    desk.project.unset("AWS_ROLE_ARN");
    let run = desk.run(&ADOPT);
    refused(
        &run,
        2,
        &["AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not"],
    );
}
