//! Tests each rule in `guard-rules/` on the cases of its tests, with the lint and with plain Guard,
//! and checks the format of the files.

mod spellings;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::path::{Path, PathBuf};

use cfn_guard::commands::Executable;
use cfn_guard::commands::validate::{OutputFormatType, ShowSummaryType};
use cfn_guard::utils::reader::{ReadBuffer, Reader};
use cfn_guard::utils::writer::{WriteBuffer, Writer};
use cfn_guard::{CommandBuilder, ValidateBuilder};
use s3ferry::diagnostic::{Diagnostic, Severity, Source, read};
use s3ferry::lint::{Rule, check, embedded, from_source};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guard-rules")
}

/// Returns every rule file with its test file.
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

/// A case in the tests of a rule.
struct Case {
    /// The rule that the case tests.
    rule: Rule,
    name: String,
    template: Value,
    /// `PASS`, `FAIL`, or `SKIP`.
    expected: String,
}

impl Case {
    fn fails(&self) -> bool {
        self.expected == "FAIL"
    }

    /// Returns whether the case contains a value that is known only when the stack is deployed.
    fn is_unknown(&self) -> bool {
        self.name.contains("unknown")
    }

    fn what(&self) -> String {
        format!("{}: {}", self.rule.name, self.name)
    }
}

/// Returns the cases of all rules, except those without resources.
fn cases() -> Vec<Case> {
    let rules: BTreeMap<String, Rule> = embedded()
        .into_iter()
        .map(|rule| (rule.file.clone(), rule))
        .collect();
    let mut all = Vec::new();
    for (file, tests) in files() {
        let file = file
            .strip_prefix(env!("CARGO_MANIFEST_DIR"))
            .expect("within");
        let rule = &rules[file.to_string_lossy().as_ref()];
        let text = std::fs::read_to_string(&tests)
            .unwrap_or_else(|error| panic!("{}: {error}", tests.display()));
        let source = Source::new(tests.to_string_lossy(), text);
        let cases = read(&source)
            .unwrap_or_else(|problem| panic!("{problem:?}"))
            .to_json();
        for case in cases.as_array().expect("a list") {
            let expected = case["expectations"]["rules"][&rule.name].as_str();
            let new = Case {
                rule: rule.clone(),
                name: case["name"].to_string(),
                template: case["input"].clone(),
                expected: expected.expect("an expectation").to_owned(),
            };
            let has_resources = new.template["Resources"]
                .as_object()
                .is_some_and(|all| !all.is_empty());
            if has_resources {
                all.push(new);
            }
        }
    }
    all
}

/// Returns the errors that a rule finds in a template, and the parts that it cannot decide.
fn lint(rule: &Rule, template: &Value) -> Result<(Vec<Diagnostic>, Vec<Diagnostic>), String> {
    let source = Source::new("template.json", template.to_string());
    let node = read(&source).map_err(|problem| format!("{problem:?}"))?;
    let rules = std::slice::from_ref(rule);
    let mut reports = check(rules, &[(&source, &node)]).map_err(|error| error.to_string())?;
    let findings = reports.remove(0).findings;
    let is_fault =
        |finding: &Diagnostic| finding.severity != Severity::Note && finding.code() == rule.name;
    let (faults, rest): (Vec<_>, Vec<_>) = findings.into_iter().partition(is_fault);
    let notes = rest
        .into_iter()
        .filter(|finding| finding.severity == Severity::Note);
    Ok((faults, notes.collect()))
}

#[test]
fn every_rule_finds_each_error_once_and_nothing_else() {
    let mut wrong = Vec::new();
    for case in cases() {
        let (faults, notes) = lint(&case.rule, &case.template).expect("checked");
        if faults.len() != usize::from(case.fails()) || notes.is_empty() == case.is_unknown() {
            wrong.push(format!(
                "{} ({}): {faults:#?} {notes:#?}",
                case.what(),
                case.expected
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_all_kinds_of_cases() {
    let mut kinds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for case in cases() {
        kinds
            .entry(case.rule.name)
            .or_default()
            .insert(case.expected);
    }
    for rule in embedded() {
        let kinds = &kinds[&rule.name];
        assert!(
            kinds.contains("FAIL") && kinds.contains("PASS"),
            "{}: {kinds:?}",
            rule.name
        );
    }
    for (_, tests) in files() {
        let text = std::fs::read_to_string(&tests).expect("readable");
        assert!(
            text.contains("SuppressedRules: ["),
            "{} has no suppression",
            tests.display()
        );
    }
}

/// Rules about relations between resources. Guard alone cannot match resources with each other, so
/// these rules find nothing without the facts of the normal form.
const ON_RELATIONS: [&str; 10] = [
    "CODEPIPELINE_NAMESPACES_UNIQUE",
    "CODEPIPELINE_SOURCE_BUCKET_VERSIONED",
    "DEPLOYMENT_CREATION_GUARDED",
    "DEPLOYMENT_DEPLOY_ROLE_ASSUMABLE",
    "DEPLOYMENT_PIPELINE_AFTER_POLICIES",
    "DEPLOYMENT_SOURCE_BUCKET_NOTIFIES",
    "DEPLOYMENT_SOURCE_CHANGES_DETECTED",
    "EVENTS_ROLE_STARTS_ONLY_PIPELINE",
    "S3_BUCKET_HAS_POLICY",
    "S3_LOG_BUCKET_AES256",
];

/// Rules whose facts come from the service reference.
const ON_REFERENCE: [&str; 1] = ["IAM_NO_STAR_RESOURCES"];

/// Teams can copy the rules and use Guard without the lint.
#[test]
fn plain_guard_finds_fewer_errors_but_reports_no_correct_template() {
    let mut by_rule: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in cases() {
        by_rule
            .entry(case.rule.name.clone())
            .or_default()
            .push(case);
    }
    for (name, cases) in by_rule {
        let templates: Vec<String> = cases.iter().map(|case| case.template.to_string()).collect();
        let failed = plain_guard(&cases[0].rule.text, &templates);
        let mut found = 0;
        for (case, failed) in cases.iter().zip(failed) {
            let fails = failed.contains(&name);
            assert!(
                !fails || case.fails(),
                "{}: plain Guard reports a correct template",
                case.what()
            );
            found += usize::from(fails);
        }
        let needs_facts =
            ON_RELATIONS.contains(&name.as_str()) || ON_REFERENCE.contains(&name.as_str());
        assert_eq!(
            found == 0,
            needs_facts,
            "{name}: plain Guard finds {found} errors"
        );
    }
}

/// Guard alone does not know the result of a function that selects a value.
#[test]
fn plain_guard_ignores_values_of_functions() {
    let mut by_rule: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in cases().into_iter().filter(|case| !case.fails()) {
        let name = case.rule.name.clone();
        by_rule.entry(name).or_default().push(case);
    }
    let mut wrong = Vec::new();
    for (name, cases) in by_rule {
        let mut templates = Vec::new();
        for case in &cases {
            let resources = case.template["Resources"].as_object().expect("resources");
            for (id, resource) in resources {
                let mut below = Vec::new();
                places_in(resource, &mut String::new(), &mut below);
                for place in below {
                    let mut template = case.template.clone();
                    let path = format!("/Resources/{id}{place}");
                    let value = template.pointer_mut(&path).expect("a place");
                    *value = serde_json::json!({ "Fn::If": ["C", value.take(), "x"] });
                    let branches = value["Fn::If"].as_array_mut().expect("branches");
                    branches[2] = branches[1].clone();
                    templates.push(template.to_string());
                }
            }
        }
        let failed = plain_guard(&cases[0].rule.text, &templates);
        for (template, failed) in templates.iter().zip(failed) {
            if failed.contains(&name) {
                wrong.push(format!("{name}: {template}"));
            }
        }
    }
    assert_eq!(wrong, [] as [String; 0]);
}

/// Collects the JSON pointers of all values in a resource that a function can return.
fn places_in(node: &Value, path: &mut String, into: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match node {
        Value::Object(entries) if entries.len() == 1 && is_function(entries) => return,
        Value::Object(entries) => {
            let entries = entries.iter();
            entries.map(|(key, value)| (key.clone(), value)).collect()
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.map(|(at, item)| (at.to_string(), item)).collect()
        }
        _ => return,
    };
    for (key, value) in children {
        let attributes = ["Type", "Metadata", "Condition", "DependsOn"];
        if path.is_empty() && attributes.contains(&key.as_str()) {
            continue;
        }
        let before = path.len();
        path.push('/');
        path.push_str(&key.replace('~', "~0").replace('/', "~1"));
        into.push(path.clone());
        places_in(value, path, into);
        path.truncate(before);
    }
}

fn is_function(entries: &serde_json::Map<String, Value>) -> bool {
    entries
        .keys()
        .any(|key| key.starts_with("Fn::") || key == "Ref")
}

/// Returns the rules that fail on each template.
fn plain_guard(rules: &str, templates: &[String]) -> Vec<BTreeSet<String>> {
    let payload = serde_json::json!({ "rules": [rules], "data": templates }).to_string();
    let command = ValidateBuilder::default()
        .payload(true)
        .structured(true)
        .output_format(OutputFormatType::JSON)
        .show_summary(vec![ShowSummaryType::None])
        .try_build()
        .expect("a command");
    let mut reader = Reader::new(ReadBuffer::Cursor(Cursor::new(payload.into_bytes())));
    let mut writer =
        Writer::new_with_err(WriteBuffer::Vec(vec![]), WriteBuffer::Vec(vec![])).expect("a writer");
    command
        .execute(&mut writer, &mut reader)
        .expect("an answer");
    let answer = writer.into_string().expect("text");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let reports = answer.as_array().expect("reports").iter();
    let failed = |report: &Value| {
        let failed = report["not_compliant"].as_array().expect("a list").iter();
        failed
            .map(|rule| rule["Rule"]["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    reports.map(failed).collect()
}

#[test]
fn every_test_file_has_its_rule() {
    let known: BTreeSet<_> = files().into_iter().map(|(_, tests)| tests).collect();
    for service in std::fs::read_dir(root()).expect("guard-rules") {
        let tests = service.expect("a service").path().join("tests");
        for file in std::fs::read_dir(tests).expect("tests") {
            let file = file.expect("a file").path();
            assert!(
                known.contains(&file),
                "no rule belongs to {}",
                file.display()
            );
        }
    }
}

#[test]
fn every_rule_has_a_header_and_the_name_of_its_service() {
    let rules = embedded();
    assert_eq!(rules.len(), files().len());
    assert!(rules.len() >= 34, "{} rules", rules.len());
    let mut names = BTreeSet::new();
    for rule in &rules {
        let mut parts = rule.file.trim_end_matches(".guard").split('/');
        let (Some("guard-rules"), Some(service), Some(file), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            panic!("{} is in the wrong folder", rule.file);
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
            "{} does not match its file name",
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
fn every_rule_file_contains_its_rule_and_can_be_joined_to_the_others() {
    let rules = embedded();
    let mut variables = BTreeMap::new();
    for rule in &rules {
        let of_file = from_source(&Source::new(&rule.file, &rule.text))
            .unwrap_or_else(|problem| panic!("{}: {problem:?}", rule.file));
        let names: Vec<_> = of_file.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, [rule.name.as_str()], "{}", rule.file);
        let lines = rule.text.lines().filter(|line| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#')
        });
        assert!(lines.count() <= 30, "{} is too long", rule.file);
        for line in rule.text.lines().filter(|line| line.starts_with("let ")) {
            let variable = line.split_whitespace().nth(1).expect("a name");
            assert!(
                variable.starts_with(&rule.name.to_lowercase()),
                "{}: {variable} is not named after its rule",
                rule.file
            );
            if let Some(other) = variables.insert(variable, &rule.file) {
                panic!("{variable} is in {other} and in {}", rule.file);
            }
        }
    }
    let joined: Vec<_> = rules.iter().map(|rule| rule.text.as_str()).collect();
    let all = from_source(&Source::new("joined", joined.join("\n"))).expect("valid");
    assert_eq!(all.len(), rules.len());
}
