//! The rules in `guard-rules/`: every one through Guard's own test engine, and their form.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cfn_guard::commands::Executable;
use cfn_guard::commands::validate::OutputFormatType;
use cfn_guard::utils::reader::Reader;
use cfn_guard::utils::writer::{WriteBuffer, Writer};
use cfn_guard::{CommandBuilder, TestBuilder};
use s3ferry::diagnostic::Source;
use s3ferry::lint::{embedded, from_source};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guard-rules")
}

/// Every rule file, with the file of its tests.
fn files() -> Vec<(PathBuf, PathBuf)> {
    let mut files: Vec<_> = std::fs::read_dir(root())
        .expect("guard-rules")
        .flat_map(|service| std::fs::read_dir(service.expect("a service").path()).expect("rules"))
        .map(|file| file.expect("a file").path())
        .filter(|file| file.extension().is_some_and(|ext| ext == "guard"))
        .map(|rule| {
            let stem = rule.file_stem().expect("a name").to_string_lossy();
            let tests = rule
                .with_file_name("tests")
                .join(format!("{stem}_tests.yaml"));
            (rule, tests)
        })
        .collect();
    files.sort();
    files
}

fn run(rule: &Path, tests: &Path) -> Value {
    let command = TestBuilder::default()
        .rules(Some(rule.to_string_lossy().into_owned()))
        .test_data(Some(tests.to_string_lossy().into_owned()))
        .output_format(OutputFormatType::JSON)
        .try_build()
        .expect("a command");
    let mut writer =
        Writer::new_with_err(WriteBuffer::Vec(vec![]), WriteBuffer::Vec(vec![])).expect("a writer");
    let code = command
        .execute(&mut writer, &mut Reader::default())
        .unwrap_or_else(|error| panic!("{}: {error}", tests.display()));
    let text = writer.into_string().expect("text");
    let answer: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{}: {error}\n{text}", tests.display()));
    assert_eq!(code, 0, "{}:\n{}", rule.display(), failures(&answer));
    answer
}

fn cases(answer: &Value) -> &[Value] {
    answer["test_cases"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn failures(answer: &Value) -> String {
    cases(answer)
        .iter()
        .filter(|case| {
            case["failed_rules"]
                .as_array()
                .is_none_or(|f| !f.is_empty())
        })
        .map(|case| format!("  {}: {}\n", case["name"], case["failed_rules"]))
        .collect()
}

#[test]
fn every_rule_passes_its_tests() {
    let rules: BTreeMap<_, _> = embedded()
        .into_iter()
        .map(|rule| (rule.file.clone(), rule.name))
        .collect();
    for (rule, tests) in files() {
        assert!(tests.is_file(), "{} has no tests", rule.display());
        let answer = run(&rule, &tests);
        let file = rule
            .strip_prefix(env!("CARGO_MANIFEST_DIR"))
            .expect("within")
            .to_string_lossy();
        let name = &rules[file.as_ref()];

        let text = std::fs::read_to_string(&tests).expect("readable");
        let cases_in_file: Vec<serde_yaml::Value> = serde_yaml::from_str(&text).expect("YAML");
        assert_eq!(
            cases(&answer).len(),
            cases_in_file.len(),
            "{}",
            tests.display()
        );
        let mut expected = BTreeSet::new();
        for (case, said) in cases_in_file.iter().zip(cases(&answer)) {
            let expectation = case["expectations"]["rules"][name]
                .as_str()
                .unwrap_or_else(|| {
                    panic!("{}: {:?} expects nothing", tests.display(), case["name"])
                });
            expected.insert(expectation);
            let passed = said["passed_rules"].as_array().expect("passed rules");
            assert!(
                passed.iter().any(|rule| rule["name"] == **name),
                "{}: {said}",
                tests.display()
            );
            assert_eq!(
                said["failed_rules"].as_array().map(Vec::len),
                Some(0),
                "{}: {said}",
                tests.display()
            );
        }
        assert_eq!(
            expected,
            BTreeSet::from(["FAIL", "PASS", "SKIP"]),
            "{} must expect all three",
            tests.display()
        );
        let suppressed = format!("SuppressedRules: [{name}]");
        assert!(
            text.contains(&suppressed),
            "{} must test a suppression",
            tests.display()
        );
    }
}

#[test]
fn every_test_file_has_its_rule() {
    let known: BTreeSet<_> = files().into_iter().map(|(_, tests)| tests).collect();
    for service in std::fs::read_dir(root()).expect("guard-rules") {
        let tests = service.expect("a service").path().join("tests");
        for file in std::fs::read_dir(tests).expect("tests") {
            let file = file.expect("a file").path();
            assert!(known.contains(&file), "{} tests no rule", file.display());
        }
    }
}

#[test]
fn every_rule_has_a_header_and_a_name_of_its_service() {
    let rules = embedded();
    assert_eq!(rules.len(), files().len());
    assert!(rules.len() >= 34, "{} rules", rules.len());
    let mut names = BTreeSet::new();
    for rule in &rules {
        let mut parts = rule.file.trim_end_matches(".guard").split('/');
        let (Some("guard-rules"), Some(service), Some(file), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            panic!("{} stands elsewhere", rule.file);
        };
        assert!(
            rule.name
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'),
            "{}",
            rule.name
        );
        assert_eq!(
            rule.name.to_lowercase(),
            format!("{service}_{file}"),
            "{} is called otherwise than its file",
            rule.name
        );
        assert!(names.insert(&rule.name), "{} exists twice", rule.name);

        let header: Vec<_> = rule.text.lines().take(6).collect();
        let keys = ["", "Severity: ", "What: ", "Why: ", "Fix: ", "Controls: "];
        for (line, key) in header.iter().zip(keys) {
            assert!(
                line.starts_with(&format!("# {key}")),
                "{}: {line}",
                rule.file
            );
        }
        for sentence in [&rule.what, &rule.why, &rule.fix] {
            assert!(sentence.ends_with('.'), "{}: {sentence}", rule.file);
        }
        assert!(rule.text.contains("<<Violation: "), "{}", rule.file);
        assert!(rule.text.contains(&rule.fix), "{}", rule.file);
    }
}

#[test]
fn every_rule_file_holds_its_rule_and_can_be_joined_to_the_others() {
    let rules = embedded();
    let mut variables = BTreeMap::new();
    for rule in &rules {
        let of_file = from_source(&Source::new(&rule.file, &rule.text))
            .unwrap_or_else(|problem| panic!("{}: {problem:?}", rule.file));
        let names: Vec<_> = of_file.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, [rule.name.as_str()], "{}", rule.file);
        for line in rule.text.lines().filter(|line| line.starts_with("let ")) {
            let variable = line.split_whitespace().nth(1).expect("a name");
            assert!(
                variable.starts_with(&rule.name.to_lowercase()),
                "{}: {variable} is not called after its rule",
                rule.file
            );
            if let Some(other) = variables.insert(variable, &rule.file) {
                panic!("{variable} stands in {other} and in {}", rule.file);
            }
        }
    }
    let joined: Vec<_> = rules.iter().map(|rule| rule.text.as_str()).collect();
    let all = from_source(&Source::new("joined", joined.join("\n"))).expect("valid");
    assert_eq!(all.len(), rules.len());
}
