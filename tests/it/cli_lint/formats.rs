//! The machine-readable formats: SARIF and JUnit.

use std::collections::BTreeSet;

use quick_xml::events::{BytesStart, Event};

use super::*;
use crate::support::finish;

const NOTE: &str = "\
# TOPIC_TAGGED
# Severity: note
# What: Every topic has tags.
rule TOPIC_TAGGED when Resources.*[ Type == 'AWS::SNS::Topic' ] !empty {
  Resources.*[ Type == 'AWS::SNS::Topic' ].Properties.Tags exists
  <<Violation: the topic has no tags. Fix: Write `Tags`.>>
}
";

/// Returns a project with an error, a warning, notes, a finding without a Guard rule, and two
/// suppressed rules: one that is checked, and one from another rule set.
fn all_kinds() -> Project {
    let project = project();
    project.write("rules/topic/named.guard", WARNING);
    project.write("rules/topic/tagged.guard", NOTE);
    project.write(
        "all.yaml",
        "Resources:
  Quiet:
    Type: AWS::SNS::Topic
    Metadata:
      guard:
        SuppressedRules:
          - TOPIC_ENCRYPTED: it says <nothing> & \"means\" it
          - THEIR_RULE: of another rule set
          - 5
  Loud:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: t}
",
    );
    project
}

fn texts<'j>(list: &'j Json, member: &str) -> Vec<&'j str> {
    let items = list.as_array().expect("a list").iter();
    items
        .map(|item| item[member].as_str().expect("text"))
        .collect()
}

#[test]
fn notes_are_counted_and_do_not_change_the_exit_code() {
    let project = project();
    project.write("rules/topic/tagged.guard", NOTE);
    project.expect(&format!("{OURS} good.json --strict"), 1);
    let run = project.expect(&format!("{OURS} good.json"), 0);
    assert!(run.stdout.contains("note[TOPIC_TAGGED]"), "{}", run.stdout);
    let summary = "0 errors, 0 warnings, 1 note, 0 suppressed.";
    assert!(run.stdout.contains(summary), "{}", run.stdout);
    let run = project.expect(&format!("{OURS} good.json --format json"), 0);
    assert_eq!(json_of(&run)["findings"][0]["severity"], "note");
    let run = project.expect(&format!("{OURS} good.json --format sarif"), 0);
    let log = json_of(&run);
    assert_eq!(log["runs"][0]["results"][0]["level"], "note");
    let run = project.expect(&format!("{OURS} good.json --format junit"), 0);
    let cases = junit(&run.stdout);
    assert!(cases.iter().all(|case| case.outcome.is_empty()));
}

#[test]
fn sarif_is_valid_and_has_the_same_results() {
    // The published pattern for languages has an extra bracket, so it is not a valid regular
    // expression.
    let schema = include_str!("../../fixtures/sarif-schema-2.1.0.json").replace(
        "^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$",
        "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$",
    );
    let schema: Json = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let project = all_kinds();
    project.write("rules/bare.guard", "rule BARE { Resources !empty }\n");
    for files in [
        "bad.yaml",
        "good.json",
        "bad.yaml good.json",
        "bad.yaml ./bad.yaml",
        "all.yaml",
    ] {
        let run = project.run(&format!("{OURS} --format sarif {files}"));
        let log = json_of(&run);
        let errors: Vec<String> = validator
            .iter_errors(&log)
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        let code = i32::from(!files.starts_with("good"));
        assert_eq!(run.code, code, "{files}");
        // Each result occurs once, and its rule is described.
        let run = &log["runs"][0];
        let rules = texts(&run["tool"]["driver"]["rules"], "id");
        let results = run["results"].as_array().expect("results");
        let mut seen = BTreeSet::new();
        for result in results {
            assert!(
                seen.insert(result.to_string()),
                "{files}: duplicate: {result}"
            );
            let rule = result["ruleId"].as_str().expect("a rule");
            assert!(rules.contains(&rule), "{files}: {rule}");
        }
        let once: BTreeSet<&str> = rules.iter().copied().collect();
        assert_eq!(once.len(), rules.len(), "{files}: {rules:?}");
    }
    let log = json_of(&project.run(&format!("{OURS} --format sarif bad.yaml")));
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!(driver["name"], "s3ferry");
    let information = driver["informationUri"].as_str().expect("an address");
    assert!(information.starts_with("https://"), "{information}");
    let rules = driver["rules"].as_array().expect("rules");
    assert_eq!(
        rules.len(),
        4,
        "each rule is described, with findings or without"
    );
    let mut results = run["results"].as_array().expect("results").iter();
    let result = results
        .find(|result| result["ruleId"] == "TOPIC_ENCRYPTED")
        .expect("a result");
    assert_eq!(result["level"], "error");
    assert_eq!(result.get("suppressions"), None);
    let logical = &result["locations"][0]["logicalLocations"][0];
    assert_eq!(logical["name"], "Topic");
    let path = logical["fullyQualifiedName"].as_str().unwrap_or_default();
    assert!(path.starts_with("Resources.Topic"), "{path}");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "bad.yaml");
    assert!(place["region"]["startLine"].as_u64() >= Some(11));
    // The validator detects errors.
    let mut broken = log.clone();
    broken["runs"][0]["results"][0]["level"] = json!("catastrophe");
    assert!(!validator.is_valid(&broken));
}

#[test]
fn sarif_has_suppressed_rules_as_suppressed_results() {
    let project = all_kinds();
    let log = json_of(&project.expect(&format!("{OURS} --format sarif all.yaml"), 1));
    let run = &log["runs"][0];
    let results = run["results"].as_array().expect("results").iter();
    let (suppressed, open): (Vec<&Json>, Vec<&Json>) =
        results.partition(|result| result.get("suppressions").is_some());
    let [suppressed] = suppressed[..] else {
        panic!("expected one suppressed result: {suppressed:#?}");
    };
    assert_eq!(suppressed["ruleId"], "TOPIC_ENCRYPTED");
    assert_eq!(suppressed["level"], "error");
    assert_eq!(
        suppressed["suppressions"],
        json!([{"kind": "inSource", "justification": "it says <nothing> & \"means\" it"}])
    );
    let place = &suppressed["locations"][0]["physicalLocation"];
    assert_eq!(place["region"]["startLine"], 7);
    let open: BTreeSet<(&str, &str)> = open
        .iter()
        .map(|result| {
            let text = |member: &str| result[member].as_str().expect("text");
            (text("ruleId"), text("level"))
        })
        .collect();
    assert_eq!(
        open,
        BTreeSet::from([
            ("LINT_UNKNOWN_SUPPRESSION", "warning"),
            ("TOPIC_ENCRYPTED", "error"),
            ("TOPIC_NAMED", "warning"),
            ("TOPIC_TAGGED", "note"),
        ])
    );
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    let own = rules
        .iter()
        .find(|rule| rule["id"] == "LINT_UNKNOWN_SUPPRESSION")
        .expect("it is described");
    assert_eq!(own["defaultConfiguration"]["level"], "warning");
    assert_ne!(own["shortDescription"]["text"], own["id"]);
    // The other suppression has a result when its rule set is checked, too.
    project.write(
        "rules/theirs.guard",
        "rule THEIR_RULE { Resources !empty }\n",
    );
    let run = project.expect(&format!("{OURS} --format sarif all.yaml"), 1);
    assert!(run.stdout.contains("of another rule set"), "{}", run.stdout);
}

#[test]
fn sarif_names_files_relative_to_the_folder() {
    let project = all_kinds();
    project.write("a b/ü:x.yaml", project.read("bad.yaml"));
    let mut command = project.command();
    command.args(OURS.split(' ')).args(["--format", "sarif"]);
    command.arg(project.path("a b/ü:x.yaml"));
    let log = json_of(&finish(command));
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b/%C3%BC%3Ax.yaml");
}

/// A test case of a JUnit report.
#[derive(Debug, Default)]
struct Case {
    suite: String,
    name: String,
    /// `failure`, `skipped`, or empty.
    outcome: String,
    message: String,
    /// The text of the failure.
    text: String,
    /// The content of `system-out`.
    output: String,
}

/// An element: its name, its required and optional attributes, its child elements, and whether it
/// contains text.
type Form = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
    bool,
);

/// The elements of the common format. The Jenkins schema `junit-10.xsd` defines them in the same
/// way.
#[rustfmt::skip]
const FORM: &[Form] = &[
    ("testsuites", &[], &["name", "time", "tests", "failures", "errors"], &["testsuite"], false),
    ("testsuite", &["name", "tests", "failures", "errors"],
        &["skipped", "time", "timestamp", "hostname", "id", "package", "file"],
        &["properties", "testcase", "system-out", "system-err"], false),
    ("testcase", &["name"], &["classname", "time", "group"],
        &["skipped", "error", "failure", "system-out", "system-err"], false),
    ("failure", &[], &["type", "message"], &[], true),
    ("error", &[], &["type", "message"], &[], true),
    ("skipped", &[], &["type", "message"], &[], true),
    ("system-out", &[], &[], &[], true),
    ("system-err", &[], &[], &[], true),
];

fn attributes(tag: &BytesStart) -> Vec<(String, String)> {
    tag.attributes()
        .map(|attribute| {
            let attribute = attribute.expect("an attribute");
            let value = String::from_utf8_lossy(&attribute.value).into_owned();
            let value = quick_xml::escape::unescape(&value)
                .expect("escaped")
                .into_owned();
            let name = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
            (name, value)
        })
        .collect()
}

/// Parses a report in the common format, and returns its cases.
fn junit(report: &str) -> Vec<Case> {
    check_junit(report).unwrap_or_else(|fault| panic!("{fault}\n{report}"))
}

fn check_junit(report: &str) -> Result<Vec<Case>, String> {
    let mut reader = quick_xml::Reader::from_str(report);
    let mut open: Vec<String> = Vec::new();
    let mut suite = String::new();
    let mut cases: Vec<Case> = Vec::new();
    let mut counts: Vec<[usize; 4]> = Vec::new();
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        match &event {
            Event::Start(tag) | Event::Empty(tag) => {
                let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
                let (_, must, may, _, _) = FORM
                    .iter()
                    .find(|(known, ..)| *known == name)
                    .ok_or_else(|| format!("unknown element <{name}>"))?;
                let fits = match open.last() {
                    None => name == "testsuites" && counts.is_empty(),
                    Some(parent) => FORM.iter().any(|(known, _, _, children, _)| {
                        known == parent && children.contains(&name.as_str())
                    }),
                };
                if !fits {
                    return Err(format!("<{name}> in {:?}", open.last()));
                }
                let attributes = attributes(tag);
                let value = |wanted: &str| {
                    let mut all = attributes.iter();
                    let found = all.find(|(name, _)| name == wanted);
                    found.map(|(_, value)| value.clone())
                };
                if let Some(missing) = must.iter().find(|wanted| value(wanted).is_none()) {
                    return Err(format!("<{name}> has no {missing}"));
                }
                let odd = attributes.iter().map(|(name, _)| name.as_str());
                let mut odd = odd.filter(|name| !must.contains(name) && !may.contains(name));
                if let Some(odd) = odd.next() {
                    return Err(format!("<{name}> has {odd}"));
                }
                match name.as_str() {
                    "testsuite" => {
                        suite = value("name").unwrap_or_default();
                        let number = |name: &str| {
                            let text = value(name).unwrap_or_else(|| "0".to_owned());
                            text.parse::<usize>().map_err(|error| error.to_string())
                        };
                        counts.push([
                            number("tests")?,
                            number("failures")?,
                            number("errors")?,
                            number("skipped")?,
                        ]);
                    }
                    "testcase" => cases.push(Case {
                        suite: suite.clone(),
                        name: value("name").unwrap_or_default(),
                        ..Case::default()
                    }),
                    "failure" | "skipped" | "error" => {
                        let case = cases.last_mut().ok_or("an outcome without a case")?;
                        if !case.outcome.is_empty() {
                            return Err(format!("two outcomes of {}", case.name));
                        }
                        case.outcome.clone_from(&name);
                        case.message = value("message").unwrap_or_default();
                    }
                    _ => {}
                }
                if matches!(event, Event::Start(_)) {
                    open.push(name);
                }
            }
            Event::End(_) => {
                open.pop();
            }
            Event::Text(_) | Event::GeneralRef(_) | Event::CData(_) => {
                let text = match &event {
                    Event::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    Event::GeneralRef(name) => {
                        let name = String::from_utf8_lossy(name);
                        let text = format!("&{name};");
                        let text = quick_xml::escape::unescape(&text);
                        text.map_err(|error| error.to_string())?.into_owned()
                    }
                    _ => return Err("CDATA".to_owned()),
                };
                let inside = open.last().map_or("", String::as_str);
                let takes_text = FORM
                    .iter()
                    .any(|(known, .., text)| *known == inside && *text);
                if !takes_text && !text.trim().is_empty() {
                    return Err(format!("unexpected text in <{inside}>: {text}"));
                }
                if let Some(case) = cases.last_mut() {
                    match inside {
                        "failure" => case.text += &text,
                        "system-out" => case.output += &text,
                        _ => {}
                    }
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !open.is_empty() {
        return Err(format!("not closed: {open:?}"));
    }
    // The totals match the cases.
    let mut counted: Vec<[usize; 4]> = Vec::new();
    let mut last = None;
    for case in &cases {
        if last != Some(&case.suite) {
            counted.push([0; 4]);
            last = Some(&case.suite);
        }
        let numbers = counted.last_mut().ok_or("no suite")?;
        numbers[0] += 1;
        match case.outcome.as_str() {
            "failure" => numbers[1] += 1,
            "error" => numbers[2] += 1,
            "skipped" => numbers[3] += 1,
            _ => {}
        }
    }
    if counted != counts {
        return Err(format!(
            "the totals are {counts:?}, but the cases add up to {counted:?}"
        ));
    }
    Ok(cases)
}

#[test]
fn junit_has_a_case_for_each_rule_and_each_suppression() {
    let project = all_kinds();
    let run = project.expect(&format!("{OURS} --format junit all.yaml good.json"), 1);
    let cases = junit(&run.stdout);
    let named: Vec<(&str, &str, &str)> = cases
        .iter()
        .map(|case| {
            (
                case.suite.as_str(),
                case.name.as_str(),
                case.outcome.as_str(),
            )
        })
        .collect();
    assert_eq!(
        named,
        [
            ("all.yaml", "TOPIC_ENCRYPTED", "failure"),
            ("all.yaml", "TOPIC_NAMED", ""),
            ("all.yaml", "TOPIC_TAGGED", ""),
            ("all.yaml", "LINT_UNKNOWN_SUPPRESSION", ""),
            ("all.yaml", "TOPIC_ENCRYPTED on Quiet", "skipped"),
            ("good.json", "TOPIC_ENCRYPTED", ""),
            ("good.json", "TOPIC_NAMED", ""),
            ("good.json", "TOPIC_TAGGED", ""),
        ]
    );
    let [failed, warned, noted, unknown, skipped, passed, ..] = &cases[..] else {
        panic!("{cases:?}");
    };
    // The message and the fix are separate.
    let place = "all.yaml:10:3";
    assert_eq!(
        failed.message,
        format!("{place}: the topic is not encrypted")
    );
    assert_eq!(
        failed.text,
        format!("{place}: error: the topic is not encrypted\n  fix: Write `KmsMasterKeyId`.")
    );
    assert!(
        warned
            .output
            .contains("warning: the topic has no display name\n")
    );
    assert_eq!(
        noted
            .output
            .matches("note: the topic has no tags\n")
            .count(),
        2
    );
    assert!(
        unknown
            .output
            .contains("all.yaml:9:13: warning: the entry is a number")
    );
    assert_eq!(skipped.message, "it says <nothing> & \"means\" it");
    assert_eq!(passed.output, "");
}

#[test]
fn junit_has_one_case_for_each_check_without_a_guard_rule() {
    let project = project();
    let role = |id: &str| {
        let name = "r".repeat(65);
        format!("  {id}: {{Type: AWS::IAM::Role, Properties: {{RoleName: {name}}}}}\n")
    };
    project.write(
        "roles.yaml",
        format!("Resources:\n{}{}", role("A"), role("B")),
    );
    let run = project.expect(&format!("{OURS} --format junit roles.yaml"), 1);
    let cases = junit(&run.stdout);
    assert_eq!(cases.len(), 2, "{cases:?}");
    assert_eq!(cases[1].name, "QUOTA_NAME_LENGTH");
    assert_eq!(cases[1].text.matches("error: ").count(), 2, "{cases:?}");
}

#[test]
fn a_deviation_from_the_common_format_is_detected() {
    let project = all_kinds();
    let run = project.expect(&format!("{OURS} --format junit all.yaml"), 1);
    for (part, other) in [
        ("<testsuites name", "<testsuites skipped=\"1\" name"),
        ("<testsuite name", "<testsuite title"),
        ("<testcase name", "<testcase title"),
        ("<skipped", "<ignored"),
        ("<system-out>", "<system-out/>text<system-out>"),
        ("failures=\"1\"", "failures=\"2\""),
        ("</testsuites>", ""),
    ] {
        let broken = run.stdout.replace(part, other);
        assert_ne!(broken, run.stdout, "{part}");
        assert!(check_junit(&broken).is_err(), "{part}:\n{broken}");
    }
    let broken = run.stdout.replacen("<testcase ", "<testcase id=\"1\" ", 1);
    assert!(check_junit(&broken).is_err());
}
