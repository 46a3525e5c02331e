//! The screens of the commands that need no AWS account. They are 80 columns wide, and also 120
//! columns if a table is wider.
//!
//! `INSTA_UPDATE=always cargo test --test it snapshots` writes the screens to `snapshots/`. Review
//! the differences before you commit them.

use crate::support::{Project, SMALL};

/// Returns the screen of a run: the command, its output and messages, and its exit code.
fn screen(project: &mut Project, arguments: &str, columns: usize) -> String {
    project.set("COLUMNS", &columns.to_string());
    let run = project.run(arguments);
    // A difference contains lines of templates.
    if !arguments.contains("--check") {
        fits(&run.stdout, columns);
        fits(&run.stderr, columns);
    }
    let mut text = format!("$ s3ferry {arguments}\n{}", run.stdout);
    if !run.stderr.is_empty() {
        text += &format!("--- standard error ---\n{}", run.stderr);
    }
    text + &format!("--- exit code {} ---\n", run.code)
}

/// Asserts that lines fit. Diffs, source lines, JSON, diagrams, names, and commands are never
/// wrapped.
fn fits(text: &str, columns: usize) {
    let is_whole = |line: &&str| {
        let start = line.trim_start();
        let is_source = start.split_once(" |").is_some_and(|(number, _)| {
            number.is_empty() || number.chars().all(|c| c.is_ascii_digit())
        });
        is_source
            || line.starts_with(['+', '-', '@', ' ']) && line.contains(": ")
            || start.starts_with(['"', '{', '}', '[', ']', '%'])
            || line.contains("s3ferry ")
            || line.contains("[\"")
            || line
                .split_whitespace()
                .any(|word| word.chars().count() > columns / 2)
    };
    for line in text.lines().filter(|line| !is_whole(line)) {
        assert!(line.chars().count() <= columns, "{columns}: {line}");
    }
}

/// Compares the screen of a run in 80 columns with the snapshot of this name.
fn check(name: &str, project: &mut Project, arguments: &str) {
    check_in(name, project, arguments, 80);
}

/// Compares the screens of a run in 80 and in 120 columns with the snapshots of this name.
fn check_both(name: &str, project: &mut Project, arguments: &str) {
    check_in(name, project, arguments, 80);
    check_in(&format!("{name}-120"), project, arguments, 120);
}

fn check_in(name: &str, project: &mut Project, arguments: &str, columns: usize) {
    let text = screen(project, arguments, columns);
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn help_of_every_command() {
    let mut project = Project::empty();
    check("help", &mut project, "--help");
    let help = project.expect("--help", 0).stdout;
    let lines = help.lines().take_while(|line| *line != "Global options:");
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    for name in names.filter(|name| !name.is_empty() && *name != "help") {
        check(
            &format!("help-{name}"),
            &mut project,
            &format!("{name} --help"),
        );
    }
}

#[test]
fn templates_are_written_and_compared() {
    let mut project = Project::with(SMALL);
    check_both("synth", &mut project, "synth");
    check("synth-unchanged", &mut project, "synth");
    let prod = project.read("stacks/prod.yaml");
    project.write("stacks/prod.yaml", prod.replace("Type: AWS::", "Type: ::"));
    check("synth-check", &mut project, "synth --check");
    check("lint-stale", &mut project, "lint");
}

#[test]
fn findings() {
    let mut project = Project::with(SMALL);
    check_both("lint-rules", &mut project, "lint --list-rules");
    check("lint", &mut project, "lint");
    project.write(
        "bad.yaml",
        "\
Resources:
  Key:
    Type: AWS::KMS::Key
    Properties:
      EnableKeyRotation: false
      KeyPolicy:
        Statement:
          Effect: Allow
          Principal: \"*\"
          Action: kms:*
          Resource: \"*\"
  Logs:
    Type: AWS::S3::Bucket
    Metadata:
      guard:
        SuppressedRules: [S3_BUCKET_LOGGED]
        Reasons:
          S3_BUCKET_LOGGED: it holds the logs
",
    );
    check_both("lint-findings", &mut project, "lint bad.yaml");
    check("lint-verbose", &mut project, "lint bad.yaml --verbose");
    project.write("bad.yaml", "Resources: [a, b\n");
    check("lint-no-yaml", &mut project, "lint bad.yaml");
}

#[test]
fn proofs() {
    let mut project = Project::with(SMALL);
    check_both("prove", &mut project, "prove");
    check_both("prove-verbose", &mut project, "prove --verbose");
    check("prove-call", &mut project, "prove --call read");
    project.expect("synth", 0);
    let prod = project.read("stacks/prod.yaml");
    project.write(
        "stacks/prod.yaml",
        prod.replace("kms:Decrypt", "kms:Dekrypt"),
    );
    check_both("prove-denied", &mut project, "prove");
    check("prove-denied-call", &mut project, "prove --call decrypt");

    let existing = SMALL.replace(
        "account: \"222222222222\"",
        "account: \"222222222222\"\n    create: false",
    );
    let mut project = Project::with(&existing);
    check("prove-unproven", &mut project, "prove");
    check("prove-strict", &mut project, "synth --strict");
}

#[test]
fn decisions() {
    let mut project = Project::empty();
    project.write(
        "cases.jsonl",
        r#"{"id": "reads", "request": {"principal": "arn:aws:iam::111111111111:role/a", "action": "s3:GetObject", "resource": "arn:aws:s3:::b/k", "resourceAccount": "111111111111"}, "identityPolicies": [{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}]}
{"id": "writes", "expect": "Allowed", "request": {"principal": "arn:aws:iam::111111111111:role/a", "action": "s3:PutObject", "resource": "arn:aws:s3:::b/k", "resourceAccount": "111111111111"}}
{"id": "invents", "request": {"principal": "arn:aws:iam::111111111111:role/a", "action": "s3:PutObjekt", "resource": "arn:aws:s3:::b/k", "resourceAccount": "111111111111"}}
"#,
    );
    check(
        "authorize",
        &mut project,
        "authorize --format text cases.jsonl",
    );
}

#[test]
fn lists_and_diagrams() {
    let mut project = Project::with(SMALL);
    check_both("targets", &mut project, "targets");
    check("targets-unknown", &mut project, "targets --target prud");
    check("graph", &mut project, "graph");
    check("report", &mut project, "report");
    check(
        "deployer-policy",
        &mut project,
        "deployer-policy --profile dev",
    );
    check("deployer-policy-profile", &mut project, "deployer-policy");
}

#[test]
fn errors_of_the_configuration() {
    let mut project = Project::empty();
    check("config-missing", &mut project, "synth");
    project.write(
        "s3ferry.yaml",
        "\
dev:
  account: 111111111111
  regoin: us-east-1
targets:
  - name: prod
    account: \"2222\"
    region: us-east-9
",
    );
    check("config-shape", &mut project, "synth");
    project.write(
        "s3ferry.yaml",
        "\
dev:
  account: \"111111111111\"
  region: us-east-9
targets:
  - name: prod
    account: \"2222\"
",
    );
    check_both("config-values", &mut project, "synth");
}
