//! A repeated key in a template is a finding, because CloudFormation uses the last value. In other
//! files, it is an error.

use serde_json::{Value as Json, json};

use crate::support::{Project, Run, SMALL, shown};

const TAGS: &str = "\
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      Tags: [{Key: a, Value: b}]
      TopicName: topic
      Tags: [{Key: c, Value: d}]
";

const NAMED: &str = "\
rule TOPIC_IS_LAST {
  Resources.*[ Type == 'AWS::SNS::Topic' ].Properties.TopicName == 'last'
  <<Violation: another name counts.>>
}
";

const OURS: &str = "lint --no-default-rules --rules rules.guard";

fn project(template: &str) -> Project {
    let project = Project::empty();
    project.write("rules.guard", NAMED);
    project.write("template.yaml", template);
    project
}

/// Returns the position and the message of each finding about a repeated key.
fn repeated(run: &Run) -> Vec<(String, String)> {
    assert!(!run.stdout.contains("LINT_UNKNOWN_SUPPRESSION"), "{run:?}");
    let found = shown(&run.stdout).into_iter();
    let found = found.filter(|finding| finding.message.contains("CloudFormation uses"));
    found
        .map(|finding| (finding.place, finding.message))
        .collect()
}

#[test]
fn a_repeated_key_is_a_warning_at_the_value_that_counts() {
    let run = project(TAGS).expect("lint template.yaml", 0);
    let findings = shown(&run.stdout);
    let finding = (findings.iter())
        .find(|finding| finding.message.starts_with("[LINT_REPEATED_KEY]"))
        .unwrap_or_else(|| panic!("{}", run.stdout));
    assert!(run.stdout.contains("warning[LINT_REPEATED_KEY]"));
    let message = "duplicate key `Tags` (first on line 5): CloudFormation uses the last value";
    assert!(finding.message.ends_with(message), "{finding:?}");
    assert!(
        finding.place.starts_with("template.yaml:7:7"),
        "{finding:?}"
    );
    assert_eq!(finding.underlined, "Tags");
    assert_eq!(finding.help, "remove one of them");
}

#[test]
fn the_finding_names_the_resource_and_the_path() {
    let run = project(TAGS).expect("lint template.yaml --format json", 0);
    let report: Json = serde_json::from_str(&run.stdout).expect("JSON");
    let found = report.to_string();
    assert!(found.contains("LINT_REPEATED_KEY"), "{found}");
    assert!(found.contains("Resources.Topic.Properties.Tags"), "{found}");
    for format in ["sarif", "junit"] {
        let run = project(TAGS).expect(&format!("lint template.yaml --format {format}"), 0);
        assert!(run.stdout.contains("LINT_REPEATED_KEY"), "{}", run.stdout);
    }
}

#[test]
fn rules_get_the_last_value() {
    for (names, code) in [(["first", "last"], 0), (["last", "first"], 1)] {
        let [a, b] = names;
        let yaml = format!(
            "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      TopicName: {a}\n      \
             TopicName: {b}\n"
        );
        let json = format!(
            "{{\"Resources\": {{\"T\": {{\"Type\": \"AWS::SNS::Topic\", \"Properties\": \
             {{\"TopicName\": \"{a}\", \"TopicName\": \"{b}\"}}}}}}}}"
        );
        for template in [yaml, json] {
            let run = project(&template).expect(&format!("{OURS} template.yaml"), code);
            assert_eq!(repeated(&run).len(), 1, "{}", run.stdout);
        }
    }
}

#[test]
fn a_whole_resource_or_section_can_be_repeated() {
    let topic = |name: &str| {
        format!("  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      TopicName: {name}\n")
    };
    let (first, last) = (topic("first"), topic("last"));
    for template in [
        format!("Resources:\n{first}{last}"),
        format!("Resources:\n{first}Resources:\n{last}"),
    ] {
        let run = project(&template).expect(&format!("{OURS} template.yaml"), 0);
        assert_eq!(repeated(&run).len(), 1, "{}", run.stdout);
    }
}

#[test]
fn a_key_repeated_several_times_is_one_finding() {
    let template = TAGS.replace("topic\n", "topic\n      Tags: []\n      \"Tags\": []\n");
    let run = project(&template).expect("lint template.yaml", 0);
    let [(place, message)] = &repeated(&run)[..] else {
        panic!("{}", run.stdout);
    };
    assert!(place.starts_with("template.yaml:9:7"), "{place}");
    assert!(message.contains("(4 times, first on line 5)"), "{message}");
}

#[test]
fn overridden_values_are_not_checked() {
    let template = TAGS.replace("Key: a,", "Key: a, Key: b,");
    let run = project(&template).expect("lint template.yaml", 0);
    assert_eq!(repeated(&run).len(), 1, "{}", run.stdout);
    let template = TAGS.replace("Key: c,", "Key: c, Key: d,");
    let run = project(&template).expect("lint template.yaml", 0);
    assert_eq!(repeated(&run).len(), 2, "{}", run.stdout);
}

#[test]
fn the_same_key_in_two_mappings_is_not_repeated() {
    let template = TAGS.replace("      Tags: [{Key: a, Value: b}]\n", "");
    let run = project(&template).expect("lint template.yaml", 0);
    assert_eq!(repeated(&run), []);
}

#[test]
fn a_resource_can_suppress_the_finding() {
    let metadata = "    Metadata: {guard: {SuppressedRules: [LINT_REPEATED_KEY]}}\n";
    let suppressing = TAGS.replace("    Properties:\n", &format!("{metadata}    Properties:\n"));
    for options in [
        "lint",
        OURS,
        "lint --no-default-rules --rules rules.guard -v",
    ] {
        let run = project(&suppressing).run(&format!("{options} template.yaml"));
        assert_eq!(repeated(&run), [], "{}", run.stdout);
    }
    // A suppression in another resource has no effect.
    let other = format!("{TAGS}  Other:\n    Type: AWS::SNS::Topic\n{metadata}");
    let run = project(&other).expect("lint template.yaml", 0);
    assert_eq!(repeated(&run).len(), 1, "{}", run.stdout);
}

#[test]
fn the_proof_uses_the_last_value() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    let prod = project.read("stacks/prod.yaml");
    let at = prod.find("Effect: Allow").expect("a statement");
    let line = prod[..at].rfind('\n').map_or(0, |end| end + 1);
    let indent = " ".repeat(at - line);
    for (effects, code) in [(["Deny", "Allow"], 0), (["Allow", "Deny"], 1)] {
        let [first, last] = effects;
        let twice = format!("Effect: {first}\n{indent}Effect: {last}");
        let changed = prod.replacen("Effect: Allow", &twice, 1);
        project.write("stacks/prod.yaml", changed);
        project.expect("prove", code);
        let run = project.run("lint");
        assert_eq!(repeated(&run).len(), 1, "{}", run.stdout);
    }
}

#[test]
fn elsewhere_a_repeated_key_is_an_error() {
    let project =
        Project::with(&SMALL.replace("targets:", "dev:\n  account: \"333333333333\"\ntargets:"));
    let run = project.expect("targets", 2);
    let problems = run.problems();
    assert_eq!(problems[0].message, "duplicate key `dev`");
    assert!(
        problems[0].place.starts_with("s3ferry.yaml:3:1"),
        "{problems:?}"
    );

    let project = Project::with(SMALL);
    let statement = json!({"Effect": "Deny", "Action": "*", "Resource": "*"});
    project.write(
        "scp.json",
        format!("{{\"Statement\": {statement}, \"Statement\": {statement}}}"),
    );
    let run = project.expect("prove --scp scp.json", 2);
    assert_eq!(run.problems()[0].message, "duplicate key `Statement`");
}
