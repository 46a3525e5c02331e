//! Tests of `s3ferry lint` with custom rules, so that they do not depend on the embedded rules.

mod formats;

use serde_json::{Value as Json, json};

use crate::support::{Project, Run, SMALL, shown};

const RULES: &str = "\
# TOPIC_ENCRYPTED
# Severity: error
# What: Every topic is encrypted.
# Why: Messages are stored on disk.
# Fix: Write `KmsMasterKeyId`.
# Controls: Ours 1
let topics = Resources.*[ Type == 'AWS::SNS::Topic'
  Metadata.guard.SuppressedRules.* != 'TOPIC_ENCRYPTED' or
  Metadata.guard.SuppressedRules not exists
]
rule TOPIC_ENCRYPTED when %topics !empty {
  %topics.Properties.KmsMasterKeyId exists
  <<Violation: the topic is not encrypted. Fix: Write `KmsMasterKeyId`.>>
}
";

const WARNING: &str = "\
# TOPIC_NAMED
# Severity: warning
# What: Every topic has a display name.
# Why: People read it.
# Fix: Write `DisplayName`.
rule TOPIC_NAMED when Resources.*[ Type == 'AWS::SNS::Topic' ] !empty {
  Resources.*[ Type == 'AWS::SNS::Topic' ].Properties.DisplayName exists
  <<Violation: the topic has no display name. Fix: Write `DisplayName`.>>
}
";

const BAD: &str = "\
Resources:
  Quiet:
    Type: AWS::SNS::Topic
    Metadata:
      guard:
        SuppressedRules: [TOPIC_ENCRYPTED]
        Reasons:
          TOPIC_ENCRYPTED: it says nothing
    Properties:
      DisplayName: q
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      DisplayName: t
";

fn project() -> Project {
    let project = Project::empty();
    project.write("rules/topic/encrypted.guard", RULES);
    project.write("bad.yaml", BAD);
    project.write(
        "good.json",
        json!({"Resources": {"Topic": {"Type": "AWS::SNS::Topic",
            "Properties": {"DisplayName": "t", "KmsMasterKeyId": "alias/x"}}}})
        .to_string(),
    );
    project
}

const OURS: &str = "lint --no-default-rules --rules rules";

fn json_of(run: &Run) -> Json {
    serde_json::from_str(&run.stdout).expect("JSON")
}

#[test]
fn text_shows_the_finding_with_its_position_and_fix() {
    let project = project();
    let run = project.expect(&format!("{OURS} bad.yaml"), 1);
    let found = shown(&run.stdout);
    assert_eq!(found.len(), 1, "{}", run.stdout);
    assert!(
        run.stdout.contains("error[TOPIC_ENCRYPTED]"),
        "{}",
        run.stdout
    );
    assert!(
        found[0].message.contains("the topic is not encrypted"),
        "{found:?}"
    );
    assert!(
        found[0].help.contains("Write `KmsMasterKeyId`"),
        "{found:?}"
    );
    assert!(found[0].place.starts_with("bad.yaml:1"), "{found:?}");
    let line: usize = found[0]
        .place
        .split(':')
        .nth(1)
        .and_then(|line| line.parse().ok())
        .expect("a line");
    assert!(
        (11..=14).contains(&line),
        "the finding is not about `Topic`: {found:?}"
    );
    assert!(!found[0].underlined.is_empty());
    let summary =
        "Checked 1 template against 1 rule and the quotas: 1 error, 0 warnings, 1 suppressed.";
    assert!(run.stdout.contains(summary), "{}", run.stdout);
}

#[test]
fn a_template_without_findings_passes() {
    let run = project().expect(&format!("{OURS} good.json"), 0);
    assert!(
        run.stdout.contains("0 errors, 0 warnings, 0 suppressed"),
        "{}",
        run.stdout
    );
    assert!(shown(&run.stdout).is_empty());
}

#[test]
fn a_warning_is_not_a_failure() {
    let project = project();
    project.write("rules/topic/named.guard", WARNING);
    project.write(
        "unnamed.yaml",
        "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      KmsMasterKeyId: x\n",
    );
    project.expect(&format!("{OURS} unnamed.yaml --strict"), 1);
    let run = project.expect(&format!("{OURS} unnamed.yaml"), 0);
    assert!(
        run.stdout.contains("warning[TOPIC_NAMED]"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("0 errors, 1 warning,"),
        "{}",
        run.stdout
    );
}

#[test]
fn verbose_shows_suppressed_findings_with_their_reasons() {
    let run = project().expect(&format!("{OURS} bad.yaml -v"), 1);
    let line = run
        .stdout
        .lines()
        .find(|line| line.starts_with("suppressed:"));
    assert_eq!(
        line,
        Some("suppressed: TOPIC_ENCRYPTED on Quiet (bad.yaml:6:27): it says nothing")
    );
}

#[test]
fn json_has_every_finding_and_suppression() {
    let project = project();
    let run = project.expect(&format!("{OURS} --format json bad.yaml good.json"), 1);
    let whole = json_of(&run);
    assert_eq!(whole["files"], json!(["bad.yaml", "good.json"]));
    let findings = whole["findings"].as_array().expect("a list");
    assert_eq!(findings.len(), 1);
    let finding = &findings[0];
    assert_eq!(finding["rule"], "TOPIC_ENCRYPTED");
    assert_eq!(finding["severity"], "error");
    assert_eq!(finding["file"], "bad.yaml");
    assert_eq!(finding["resource"], "Topic");
    let line = finding["line"].as_u64().expect("a line");
    assert!((11..=14).contains(&line), "{finding}");
    assert!(finding["column"].as_u64() >= Some(1));
    assert!(
        finding["path"]
            .as_str()
            .is_some_and(|path| path.starts_with("Resources.Topic"))
    );
    assert_eq!(
        whole["suppressed"],
        json!([{"rule": "TOPIC_ENCRYPTED", "file": "bad.yaml", "line": 6, "resource": "Quiet",
            "reason": "it says nothing"}])
    );
}

#[test]
fn quotas_are_checked_on_any_template() {
    let project = project();
    project.write(
        "role.yaml",
        format!(
            "Resources:\n  Role:\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: {}\n",
            "r".repeat(65)
        ),
    );
    let run = project.expect(&format!("{OURS} role.yaml"), 1);
    let found = shown(&run.stdout);
    assert_eq!(found[0].place, "role.yaml:5:17", "{}", run.stdout);
    assert!(
        found[0]
            .message
            .contains("role name of resource Role has 65 characters, but AWS allows 64"),
        "{found:?}"
    );
    assert_eq!(
        found[0].help,
        "shorten the name: this quota cannot be increased"
    );
    assert!(run.stdout.contains("error[QUOTA_NAME_LENGTH]"));
    let run = project.expect(&format!("{OURS} --format junit role.yaml"), 1);
    assert!(
        run.stdout.contains("QUOTA_NAME_LENGTH"),
        "the finding of a built-in rule is missing"
    );
}

#[test]
fn a_raised_quota_is_configured() {
    let project = project();
    let principals: String = (0..50)
        .map(|n| {
            format!("                - arn:aws:iam::1111111111{n:02}:role/quite-a-long-name-{n}\n")
        })
        .collect();
    project.write(
        "role.yaml",
        format!(
            "Resources:\n  Role:\n    Type: AWS::IAM::Role\n    Properties:\n      \
             AssumeRolePolicyDocument:\n        Statement:\n          - Effect: Allow\n            \
             Action: sts:AssumeRole\n            Principal:\n              AWS:\n{principals}"
        ),
    );
    let run = project.expect(&format!("{OURS} role.yaml"), 1);
    assert!(
        run.stdout.contains("QUOTA_TRUST_POLICY_SIZE"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("quotas.trust_policy_characters"),
        "the help does not suggest the setting"
    );
    project.write(
        "s3ferry.yaml",
        format!("{SMALL}quotas: {{trust_policy_characters: 4096}}\n"),
    );
    project.expect(&format!("{OURS} role.yaml"), 0);
}

#[test]
fn the_templates_of_the_configuration_are_linted_by_default() {
    let project = project();
    project.write("s3ferry.yaml", SMALL);
    project.write("any.guard", "rule ANY { Resources !empty }\n");
    let run = project.expect("lint --no-default-rules --rules any.guard --format json", 0);
    assert_eq!(
        json_of(&run)["files"],
        json!(["stacks/dev.yaml", "stacks/prod.yaml"])
    );
    assert!(!project.exists("stacks"), "lint wrote files");
    project.write(
        "never.guard",
        "rule NEVER { Resources.DeployRole.Type == 'X' <<no Fix: no>> }\n",
    );
    let run = project.run("lint --no-default-rules --rules never.guard --format json");
    assert_eq!(run.code, 1);
}

#[test]
fn checked_in_templates_are_linted_unchanged() {
    let project = project();
    project.write("s3ferry.yaml", SMALL);
    project.write(
        "trusts.guard",
        "rule TRUSTS { Resources.DeployRole.Type == 'AWS::IAM::Role' <<no Fix: no>> }\n",
    );
    project.write(
        "stacks/dev.json",
        r#"{"Resources": {"DeployRole": {"Type": "AWS::IAM::Role"}}}"#,
    );
    let lint = "lint --no-default-rules --rules trusts.guard --format json";
    let run = project.expect(lint, 2);
    assert!(
        run.stderr
            .contains("no template for stack `prod` in stacks"),
        "{}",
        run.stderr
    );
    project.write(
        "stacks/prod.yaml",
        "Resources:\n  DeployRole:\n    Type: AWS::IAM::User\n",
    );
    let found = json_of(&project.expect(lint, 1));
    assert_eq!(
        found["files"],
        json!(["stacks/dev.json", "stacks/prod.yaml"])
    );
    let findings = found["findings"].as_array().expect("findings");
    assert!(!findings.is_empty());
    for finding in findings {
        assert_eq!(finding["file"], "stacks/prod.yaml", "{finding}");
    }
}

#[test]
fn the_rules_cannot_be_listed_in_formats_of_findings() {
    for format in ["sarif", "junit"] {
        let arguments = format!("lint --list-rules --format {format}");
        let run = Project::empty().expect(&arguments, 2);
        assert!(run.stderr.contains("--list-rules"), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn the_rules_are_listed() {
    let project = project();
    let run = project.expect(&format!("{OURS} --list-rules"), 0);
    let rows: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(rows.len(), 2, "{}", run.stdout);
    for cell in [
        "TOPIC_ENCRYPTED",
        "error",
        "Every topic is encrypted.",
        "Ours 1",
    ] {
        assert!(rows[1].contains(cell), "{}", run.stdout);
    }
    let run = project.expect(&format!("{OURS} --list-rules --format json"), 0);
    assert!(json_of(&run).to_string().contains("TOPIC_ENCRYPTED"));
    let built_in = project
        .expect("lint --list-rules", 0)
        .stdout
        .lines()
        .count();
    let both = project
        .expect("lint --list-rules --rules rules", 0)
        .stdout
        .lines()
        .count();
    assert!(built_in > 1);
    assert_eq!(both, built_in + 1);
}

#[test]
fn nothing_to_check_is_an_error() {
    let project = project();
    project.write("empty/x.txt", "");
    project.write("empty.guard", "# nothing\n");
    project.write("assigned.guard", "let x = Resources.*\n");
    project.write("comments/a.guard", "# nothing\n");
    project.write("comments/b/c.guard", "");
    project.write("none.yaml", "Resources: {}\n");
    project.write("other.yaml", "a: 1\n");
    for (arguments, message) in [
        (
            "lint --no-default-rules bad.yaml",
            "nothing was checked: there are no rules",
        ),
        (
            "lint --rules empty bad.yaml",
            "nothing was checked: folder `empty` contains no Guard rules",
        ),
        (
            "lint --rules missing bad.yaml",
            "cannot read rule file `missing`",
        ),
        ("lint --rules empty.guard bad.yaml", "contains no rule"),
        (
            "lint --rules rules --rules empty.guard bad.yaml",
            "contains no rule",
        ),
        ("lint --rules assigned.guard bad.yaml", "contains no rule"),
        (
            "lint --rules comments bad.yaml",
            "nothing was checked: folder `comments` contains no Guard rules",
        ),
        (
            "lint --rules rules --rules comments bad.yaml",
            "nothing was checked: folder `comments` contains no Guard rules",
        ),
        ("lint none.yaml", "`Resources` is empty"),
        ("lint other.yaml", "not a CloudFormation template"),
        ("lint missing.yaml", "cannot read template `missing.yaml`"),
        ("lint --format xml", "invalid value 'xml'"),
    ] {
        let run = project.expect(arguments, 2);
        assert!(run.stderr.contains(message), "{arguments}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{arguments}");
    }
}

#[test]
fn files_without_rules_in_a_folder_are_skipped_and_counted() {
    let project = project();
    project.write("rules/topic/none.guard", "## No template shows this.\n#\n");
    project.write("rules/empty.guard", "");
    project.write("rules/blank.guard", "\n  \n");
    project.write("rules/assigned.guard", "let x = Resources.*\n");
    let said = "Skipped 4 files without rules.";
    let run = project.expect(&format!("{OURS} bad.yaml"), 1);
    assert!(
        run.stdout.contains("against 1 rule and the quotas"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.trim_end().ends_with(said), "{}", run.stdout);
    let run = project.expect(&format!("{OURS} bad.yaml -v"), 1);
    assert!(
        run.stdout
            .contains("without rules: rules/topic/none.guard\n"),
        "{}",
        run.stdout
    );
    let run = project.expect(&format!("{OURS} --list-rules"), 0);
    assert_eq!(run.stdout.lines().count(), 3, "{}", run.stdout);
    assert!(run.stdout.trim_end().ends_with(said), "{}", run.stdout);
    for arguments in ["--list-rules", "good.json"] {
        let run = project.expect(&format!("{OURS} --format json {arguments}"), 0);
        assert_eq!(
            json_of(&run)["filesWithoutRules"],
            json!([
                "rules/assigned.guard",
                "rules/blank.guard",
                "rules/empty.guard",
                "rules/topic/none.guard"
            ])
        );
    }
    let run = project.expect(&format!("{OURS} --format sarif bad.yaml"), 1);
    assert!(!run.stdout.contains("none.guard"), "{}", run.stdout);
}

#[test]
fn an_invalid_rule_file_is_reported_with_its_position() {
    let project = project();
    project.write("broken.guard", "rule A {\n  Resources exists\n  %% ??\n}\n");
    let run = project.expect("lint --rules broken.guard bad.yaml", 2);
    let found = run.problems();
    assert!(
        found[0].place.starts_with("broken.guard:"),
        "{}",
        run.stderr
    );
    assert!(
        found[0].message.contains("not a valid Guard rule file"),
        "{found:?}"
    );
}

#[test]
fn unusual_templates_do_not_crash_the_lint() {
    let project = project();
    for (name, text) in [
        ("list.yaml", "- a\n"),
        ("scalar.yaml", "x"),
        ("empty.yaml", ""),
        ("open.json", "{\"Resources\": {"),
        ("nul.yaml", "Resources: \u{0}\n"),
        ("string.yaml", "Resources: x\n"),
    ] {
        project.write(name, text);
        let run = project.expect(&format!("{OURS} {name}"), 2);
        assert!(run.stderr.contains(name), "{name}: {}", run.stderr);
    }
    for (name, text) in [
        ("no-type.yaml", "Resources: {A: {}}\n"),
        (
            "odd.yaml",
            "Resources: {A: 1, B: [], C: {Type: 7, Properties: x}}\n",
        ),
        (
            "odd-role.yaml",
            "Resources: {A: {Type: AWS::IAM::Role, Properties: {RoleName: [x], Policies: 3, AssumeRolePolicyDocument: !Ref X}}}\n",
        ),
        (
            "odd-pipeline.yaml",
            "Resources: {A: {Type: AWS::CodePipeline::Pipeline, Properties: {Stages: {a: b}}}}\n",
        ),
    ] {
        project.write(name, text);
        let run = project.run(&format!("{OURS} {name}"));
        assert!(matches!(run.code, 0..=2), "{name}: {}", run.stderr);
    }
}

#[test]
fn a_folder_is_checked_without_its_other_files() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    project.write("stacks/values.yaml", "name: not a template\n");
    project.write("stacks/notes.txt", "text");
    project.write("stacks/sub/broken.yaml", "Resources: [");
    let run = project.expect("lint stacks stacks/dev.yaml", 0);
    assert!(run.stdout.contains("Checked 2 templates"), "{}", run.stdout);
    assert!(
        run.stderr.contains("Skipped 1 file without"),
        "{}",
        run.stderr
    );
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", project.path("stacks/link.yaml")).expect("a link");
        let run = project.expect("lint stacks", 2);
        assert!(run.stderr.contains("link.yaml"), "{}", run.stderr);
    }
    project.write("empty/notes.txt", "text");
    let run = project.expect("lint empty", 2);
    assert!(
        run.stderr.contains("contains no templates"),
        "{}",
        run.stderr
    );
}
