//! Tests of `s3ferry authorize`.

use std::io::Write as _;
use std::process::{Command, Stdio};

fn authorize(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_s3ferry"))
        .arg("authorize")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("written");
    drop(stdin);
    let out = child.wait_with_output().expect("ends");
    (
        out.status.code().expect("a code"),
        String::from_utf8(out.stdout).expect("text"),
        String::from_utf8(out.stderr).expect("text"),
    )
}

fn case(id: &str, expect: &str) -> String {
    format!(
        r#"{{"id":"{id}","request":{{"principal":"arn:aws:iam::111111111111:role/a","action":"s3:GetObject","resource":"arn:aws:s3:::b/k","resourceAccount":"111111111111"}},"identityPolicies":[{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}}}],"expect":"{expect}"}}"#
    )
}

#[test]
fn decisions_are_one_object_per_line() {
    let input = format!("{}\n{}\n", case("one", "Allowed"), case("two", "Allowed"));
    let (code, out, _) = authorize(&["-"], &input);
    assert_eq!(code, 0);
    let ids: Vec<String> = out
        .lines()
        .map(|line| {
            let json: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(json["decision"], "Allowed");
            assert!(json["reason"].is_object());
            json["id"].as_str().expect("an ID").to_owned()
        })
        .collect();
    assert_eq!(ids, ["one", "two"]);
}

#[test]
fn an_unexpected_decision_is_a_finding() {
    let (code, out, _) = authorize(&["--format", "text", "-"], &case("one", "ExplicitlyDenied"));
    assert_eq!(code, 1);
    assert!(out.contains("expected ExplicitlyDenied"), "{out}");
}

#[test]
fn malformed_cases_have_positions_and_do_not_block_others() {
    let input = format!("{}\n{{\"id\": \"bad\"}}\n", case("one", "Allowed"));
    let (code, out, err) = authorize(&["-"], &input);
    assert_eq!(code, 2);
    assert_eq!(out.lines().count(), 1);
    assert!(err.contains("standard input:2"), "{err}");
    assert_eq!(authorize(&["no-such-file"], "").0, 2);
}

/// The request does not exist in AWS, so no policy can allow it.
#[test]
fn an_unknown_action_is_rejected() {
    let put = |action: &str| {
        case("one", "Allowed")
            .replace("s3:GetObject", action)
            .replace("s3:Get*", "s3:Put*")
    };
    let (code, out, err) = authorize(&["-"], &put("s3:PutObjekt"));
    assert_eq!((code, out.as_str()), (2, ""));
    let found = crate::support::shown(&err);
    let [problem] = found.as_slice() else {
        panic!("{err}");
    };
    assert_eq!(problem.message, "`s3` has no action `s3:PutObjekt`");
    assert_eq!(problem.underlined, "\"s3:PutObjekt\"");
    assert!(
        problem.help.contains("did you mean `s3:PutObject`?"),
        "{err}"
    );
    // Actions are not case-sensitive, and actions of unknown services are accepted.
    for known in ["S3:putOBJECT", "sqs:SendMessage", "notes:Put"] {
        let input = put(known).replace("s3:Put*", "*");
        assert_eq!(authorize(&["-"], &input).0, 0, "{known}");
    }
}

/// AWS accepts all policies that it publishes, so the parser must accept them as well.
#[test]
fn all_aws_managed_policies_are_parsed() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = Command::new(crate::support::python("python"))
        .arg("-B")
        .arg(root.join("tests/python/managed_policies.py"))
        .output()
        .expect("Python runs");
    assert!(made.status.success(), "{made:?}");
    let cases = String::from_utf8(made.stdout).expect("text");
    let count = cases.lines().count();
    assert!(count > 1_500, "{count} managed policies");
    let (code, out, err) = authorize(&["-"], &cases);
    assert_eq!(code, 0, "{err}");
    assert_eq!(out.lines().count(), count);
    // The decisions are not all the same.
    let decisions = |decision: &str| {
        let decision = format!("\"decision\":\"{decision}\"");
        out.lines().filter(|line| line.contains(&decision)).count()
    };
    assert!(decisions("Allowed") > 20, "{}", decisions("Allowed"));
    assert!(decisions("ImplicitlyDenied") > 1_000);
}
