//! Responses that come from proxies, captive portals, and wrong endpoints instead of AWS, for each
//! kind of call.

use crate::cli_push::Stage;
use crate::emulator::{Accounts, Emulator, Fault, FaultProxy};
use crate::support::Project;

const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head>\n\
                    <body><h1>Please \u{202e}log in</h1></body></html>";
const HELP: &str = "HTTPS_PROXY";

/// Returns responses that do not come from AWS, each with the texts that describe it.
fn strangers() -> Vec<(Fault, Vec<&'static str>)> {
    vec![
        (
            Fault::Stranger(
                503,
                "text/html",
                "",
                "<html><h1>503 Unavailable</h1></html>",
            ),
            vec!["HTTP 503 (text/html), which is not an AWS response: \"503 Unavailable\""],
        ),
        (
            Fault::Stranger(
                407,
                "text/html; charset=utf-8",
                "",
                "<html>Who are you?</html>",
            ),
            vec![
                "HTTP 407 (text/html), which is not",
                "a user name and a password",
            ],
        ),
        (
            Fault::Stranger(403, "text/html", "", PAGE),
            vec!["HTTP 403 (text/html), which is not", "\"Welcome\""],
        ),
        (
            Fault::Stranger(200, "text/html", "", PAGE),
            vec!["HTTP 200 (text/html), which is not", "\"Welcome\""],
        ),
        (
            Fault::Stranger(200, "text/xml", "", ""),
            vec!["HTTP 200 (text/xml) without a body, which is not an AWS response"],
        ),
        (
            Fault::Stranger(302, "text/html", "https://login.example/in", ""),
            vec!["not an AWS response: a redirect to https://login.example/in"],
        ),
        (
            Fault::Stranger(200, "text/plain", "", "It works!\r\nNot."),
            vec!["HTTP 200 (text/plain), which is not an AWS response: \"It works!\""],
        ),
    ]
}

fn check(said: &str, call: &str, parts: &[&str]) {
    let returned = format!("error: {call} returned HTTP ");
    for part in parts.iter().chain([&&*returned, &HELP]) {
        assert!(said.contains(part), "{part}\n{said}");
    }
    for bad in [
        "refused",
        "no value was set",
        "Headers {",
        "\u{1b}[2J",
        "\u{202e}",
    ] {
        assert!(!said.contains(bad), "{bad}\n{said}");
    }
}

#[test]
fn a_foreign_answer_to_cloudformation_and_sts_is_described() {
    std::thread::scope(|scope| {
        for (fault, parts) in strangers() {
            scope.spawn(move || {
                let (project, proxy) = behind_a_proxy();
                for (action, call) in [
                    ("DescribeStacks", "cloudformation:DescribeStacks"),
                    ("GetCallerIdentity", "sts:GetCallerIdentity"),
                ] {
                    proxy.always(action, fault.clone());
                    let run = project.expect("deploy --profile dev --yes", 3);
                    check(&run.stderr, call, &parts);
                    proxy.reset();
                }
            });
        }
    });
}

#[test]
fn a_truncated_answer_is_described() {
    let (project, proxy) = behind_a_proxy();
    let half = "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>half";
    for fault in [
        Fault::CutOff(half),
        Fault::Stranger(200, "text/xml", "", half),
    ] {
        proxy.always("DescribeStacks", fault);
        let run = project.expect("deploy --profile dev --yes", 3);
        let cut = "HTTP 200 (text/xml), but the response is truncated: \"half\"";
        check(&run.stderr, "cloudformation:DescribeStacks", &[cut]);
        proxy.reset();
    }
}

#[test]
fn a_stack_without_a_status_is_not_an_answer_from_aws() {
    let (project, proxy) = behind_a_proxy();
    let strange = "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>a\
                   </StackName></member></Stacks></DescribeStacksResult></DescribeStacksResponse>";
    proxy.always(
        "DescribeStacks",
        Fault::Stranger(200, "text/xml", "", strange),
    );
    let run = project.expect("deploy --profile dev --yes", 3);
    assert!(
        run.stderr.contains("a stack without a status"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("no value was set"), "{}", run.stderr);
}

#[test]
fn a_foreign_answer_to_s3_is_described() {
    let stage = Stage::new();
    for (action, call, status) in [
        ("GetBucketVersioning", "s3:GetBucketVersioning", 200),
        // The response to HEAD has no body.
        ("HeadObject", "s3:HeadObject", 200),
        ("PutObject", "s3:PutObject", 200),
        ("PutObject", "s3:PutObject", 403),
    ] {
        let proxy = FaultProxy::before(Emulator::shared().address());
        proxy.always(action, Fault::Stranger(status, "text/html", "", PAGE));
        let arguments = format!("push site --no-watch --endpoint-url {}", proxy.endpoint());
        let run = stage.project.expect(&arguments, 3);
        let shown = format!("HTTP {status} (text/html)");
        check(&run.stderr, call, &[&shown, "which is not an AWS response"]);
    }
    assert!(stage.versions().is_empty());
}

#[test]
fn a_foreign_answer_to_codepipeline_is_described() {
    let stage = Stage::new();
    stage.project.expect("push site --no-watch", 0);
    for (fault, part) in [
        (
            Fault::Stranger(200, "text/html", "", PAGE),
            "HTTP 200 (text/html)",
        ),
        (
            Fault::Stranger(200, "application/x-amz-json-1.1", "", ""),
            "without a body",
        ),
        (
            Fault::Stranger(403, "text/plain", "", "Blocked"),
            "\"Blocked\"",
        ),
    ] {
        let proxy = FaultProxy::before(Emulator::shared().address());
        proxy.always("StartPipelineExecution", fault);
        let arguments = format!("push site --start --endpoint-url {}", proxy.endpoint());
        let run = stage.project.expect(&arguments, 3);
        check(&run.stderr, "codepipeline:StartPipelineExecution", &[part]);
    }
}

fn behind_a_proxy() -> (Project, FaultProxy) {
    let accounts = Accounts::fresh();
    let proxy = FaultProxy::before(Emulator::shared().address());
    let project = accounts.project(&proxy.endpoint());
    (project, proxy)
}
