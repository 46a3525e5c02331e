//! Cases whose verdicts are derived from AWS's documents: `tests/authz-cases/*.jsonl`.
//!
//! Each case names the document that its verdict rests on. The verdict was written down before
//! the engine was asked; where the two differ, the document decides.

use s3ferry::authz::{CaseOutcome, evaluate_cases};
use s3ferry::syntax::{Problem, Source};
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

fn told(source: &Source, problem: &Problem) -> String {
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
fn every_case_comes_out_as_its_document_says() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for source in case_files() {
        for CaseOutcome { id, result } in evaluate_cases(&source) {
            count += 1;
            match result {
                Err(problems) => {
                    wrong.extend(problems.iter().map(|problem| told(&source, problem)));
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
fn every_case_has_a_name_of_its_own_a_note_and_a_document() {
    let mut ids = HashSet::new();
    for source in case_files() {
        for line in source.text().lines() {
            let case: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let text = |member: &str| case[member].as_str().unwrap_or_default().to_owned();
            assert!(ids.insert(text("id")), "{} is there twice", text("id"));
            for member in ["id", "note", "basis", "expect"] {
                assert!(!text(member).is_empty(), "{} has no {member}", text("id"));
            }
        }
    }
}
