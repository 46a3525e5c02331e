//! `s3ferry authorize`.

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
fn decisions_are_one_object_a_line() {
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
fn another_decision_than_expected_is_a_finding() {
    let (code, out, _) = authorize(&["--format", "text", "-"], &case("one", "ExplicitlyDenied"));
    assert_eq!(code, 1);
    assert!(out.contains("expected ExplicitlyDenied"), "{out}");
}

#[test]
fn malformed_cases_have_positions_and_keep_no_others_back() {
    let input = format!("{}\n{{\"id\": \"bad\"}}\n", case("one", "Allowed"));
    let (code, out, err) = authorize(&["-"], &input);
    assert_eq!(code, 2);
    assert_eq!(out.lines().count(), 1);
    assert!(err.contains("standard input:2"), "{err}");
    assert_eq!(authorize(&["no-such-file"], "").0, 2);
}
