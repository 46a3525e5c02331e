//! Authorization cases with verdicts from the AWS documentation: `tests/authz-cases/*.jsonl`.
//!
//! Each case names the document that its verdict is based on. The verdicts were written before the
//! engine evaluated the cases. If they differ, the document decides.

use s3ferry::diagnostic::{Diagnostic, Source};
use s3ferry::policy::evaluation::{CaseOutcome, Failure, Grant, Outcome, evaluate_cases};
use std::collections::HashSet;
use std::path::Path;

fn case_files() -> Vec<Source> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/authz-cases");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "jsonl"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            Source::new(name, std::fs::read_to_string(path).expect("readable"))
        })
        .collect()
}

fn formatted(source: &Source, problem: &Diagnostic) -> String {
    let at = source.position(problem.span.start);
    format!(
        "{}:{}:{}: {}",
        source.name(),
        at.line,
        at.column,
        problem.message
    )
}

#[test]
fn every_case_has_the_documented_decision() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for source in case_files() {
        for CaseOutcome { id, result } in evaluate_cases(&source) {
            count += 1;
            match result {
                Err(problems) => {
                    wrong.extend(problems.iter().map(|problem| formatted(&source, problem)));
                }
                Ok(result) if result.expected.is_none() || result.is_mismatch() => {
                    wrong.push(format!(
                        "{}: {:?}: expected {:?}, got {}",
                        source.name(),
                        id,
                        result.expected,
                        result.reason
                    ));
                }
                Ok(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 27 + 150, "only {count} cases");
}

#[test]
fn every_case_has_a_unique_id_a_note_and_a_document() {
    let mut ids = HashSet::new();
    for source in case_files() {
        for line in source.text().lines() {
            let case: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let text = |member: &str| case[member].as_str().unwrap_or_default().to_owned();
            assert!(ids.insert(text("id")), "duplicate ID {}", text("id"));
            for member in ["id", "note", "basis", "expect"] {
                assert!(!text(member).is_empty(), "{} has no {member}", text("id"));
            }
        }
    }
}

fn outcome(text: &str) -> (Source, CaseOutcome) {
    let source = Source::new("cases", text);
    let outcome = evaluate_cases(&source).pop().expect("a case");
    (source, outcome)
}

const CASE: &str = r#"{
    "id": "one",
    "request": {
        "principal": "arn:aws:sts::222222222222:assumed-role/deploy/run",
        "action": "s3:GetObject", "resource": "arn:aws:s3:::b/k", "resourceAccount": "111111111111",
        "context": {"aws:PrincipalTag/team": "red"}
    },
    "identityPolicies": [{"Version": "2012-10-17", "Statement": [
        {"Sid": "Other", "Effect": "Allow", "Action": "kms:*", "Resource": "arn:aws:kms:*:*:key/*"},
        {"Sid": "Near", "Effect": "Allow", "Action": "s3:Get*", "Resource": "*",
         "Condition": {"StringEquals": {"aws:PrincipalTag/team": ["blue", "green"]}}}
    ]}],
    "resourcePolicy": {"Statement": [
        {"Sid": "Yes", "Effect": "Allow", "Principal": {"AWS": "222222222222"},
         "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}
    ]},
    "expect": "Allowed"
}"#;

#[test]
fn the_reason_names_deciding_and_near_statements() {
    let (source, outcome) = outcome(CASE);
    let result = outcome.result.expect("a result");
    assert!(result.is_mismatch());
    let json = serde_json::to_value(&result).expect("JSON");
    assert_eq!(json["id"], "one");
    assert_eq!(json["decision"], "ImplicitlyDenied");
    assert_eq!(
        json["reason"]["missing"],
        serde_json::json!(["identityPolicies"])
    );
    let [resource, identity] = result.reason.layers.as_slice() else {
        panic!("expected two layers: {json}");
    };
    assert_eq!(resource.outcome, Outcome::Allows);
    assert_eq!(resource.statements[0].grant, Some(Grant::Account));
    assert_eq!(identity.outcome, Outcome::Silent);
    let [near] = identity.statements.as_slice() else {
        panic!("expected only near statements: {json}");
    };
    assert_eq!(near.statement, 1);
    let place = source.position(near.span.start);
    assert_eq!(place.line, 10, "the line of the statement in the file");
    let Failure::Condition {
        key,
        wanted,
        actual,
        ..
    } = &near.failed[0]
    else {
        panic!("expected a condition: {json}");
    };
    assert_eq!(key, "aws:PrincipalTag/team");
    assert_eq!(wanted, &["blue", "green"]);
    assert_eq!(actual.as_deref(), Some(&["red".to_owned()][..]));
    let text = result.reason.to_string();
    assert!(text.contains("both accounts must allow the call"), "{text}");
    assert!(text.contains("the request has `red`"), "{text}");
}

#[test]
fn a_single_case_a_list_and_lines_are_parsed_alike() {
    let one = CASE.to_owned();
    let list = format!("[{CASE}, {CASE}]");
    let line = CASE.replace('\n', " ");
    let lines = format!("\n{line}\n\n{line}\n");
    for (text, count) in [(one, 1), (list, 2), (lines, 2)] {
        let outcomes = evaluate_cases(&Source::new("cases", text));
        assert_eq!(outcomes.len(), count);
        for outcome in outcomes {
            assert_eq!(outcome.id.as_deref(), Some("one"));
            assert!(outcome.result.is_ok());
        }
    }
}

#[test]
fn a_malformed_case_has_a_position_and_does_not_block_others() {
    let good = CASE.replace('\n', " ");
    let bad = good.replace("s3:Get*", "s3").replace("Allowed", "Perhaps");
    let text = format!("{good}\n{bad}\n{{]\n{good}\n");
    let source = Source::new("cases", text);
    let outcomes = evaluate_cases(&source);
    let read: Vec<bool> = outcomes
        .iter()
        .map(|outcome| outcome.result.is_ok())
        .collect();
    assert_eq!(read, [true, false, false, true]);
    let problems = outcomes[1].result.as_ref().expect_err("problems");
    let at: Vec<&str> = problems
        .iter()
        .map(|problem| &source.text()[problem.span.start..problem.span.end])
        .collect();
    assert_eq!(at, ["\"s3\"", "\"Perhaps\""]);
    assert_eq!(source.position(problems[0].span.start).line, 2);
}

#[test]
fn a_malformed_request_is_rejected() {
    for (from, to, message) in [
        (
            "\"s3:GetObject\", \"resource\"",
            "\"s3:*\", \"resource\"",
            "not a valid action",
        ),
        (
            "assumed-role/deploy/run",
            "assumed-role/deploy",
            "not a valid principal",
        ),
        ("arn:aws:s3:::b/k", "b/k", "neither an ARN"),
        (
            "\"resourceAccount\": \"111111111111\",",
            "",
            "is not specified",
        ),
        ("\"111111111111\"", "\"1111\"", "not a valid account ID"),
        ("\"expect\"", "\"expected\"", "unknown member of a case"),
        ("\"context\"", "\"contexts\"", "unknown member of a request"),
        ("\"red\"", "{}", "must be a string"),
        ("\"id\": \"one\",", "", "missing `id`"),
    ] {
        let text = CASE.replacen(from, to, 1);
        assert_ne!(text, CASE);
        let (_, outcome) = outcome(&text);
        let problems = outcome.result.expect_err(message);
        assert!(
            problems
                .iter()
                .any(|problem| problem.message.contains(message)),
            "{message}: {problems:?}"
        );
    }
}
