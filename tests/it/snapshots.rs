//! What users see: the screens of the commands that need no AWS account, 80 columns wide.
//!
//! `INSTA_UPDATE=always cargo test --test it snapshots` writes the screens to `snapshots/`; read the
//! difference before you commit it.

use crate::support::{Project, SMALL};

/// The whole screen of a run: the command, its results and messages, and its exit code.
fn screen(project: &mut Project, arguments: &str) -> String {
    project.set("COLUMNS", "80");
    let run = project.run(arguments);
    let mut text = format!("$ s3ferry {arguments}\n{}", run.stdout);
    if !run.stderr.is_empty() {
        text += &format!("--- standard error ---\n{}", run.stderr);
    }
    text + &format!("--- exit code {} ---\n", run.code)
}

/// Compares the screen of a run with the snapshot of this name.
fn check(name: &str, project: &mut Project, arguments: &str) {
    let text = screen(project, arguments);
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
    let commands = help.split("Commands:\n").nth(1).expect("commands");
    let lines = commands.lines().take_while(|line| !line.is_empty());
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
    check("synth", &mut project, "synth");
    check("synth-unchanged", &mut project, "synth");
    let prod = project.read("stacks/prod.yaml");
    project.write("stacks/prod.yaml", prod.replace("Type: AWS::", "Type: ::"));
    check("synth-check", &mut project, "synth --check");
    check("lint-stale", &mut project, "lint");
}

#[test]
fn findings() {
    let mut project = Project::with(SMALL);
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
    check("lint-findings", &mut project, "lint bad.yaml");
    check("lint-verbose", &mut project, "lint bad.yaml --verbose");
    project.write("bad.yaml", "Resources: [a, b\n");
    check("lint-no-yaml", &mut project, "lint bad.yaml");
}

#[test]
fn proofs() {
    let mut project = Project::with(SMALL);
    check("prove", &mut project, "prove");
    check("prove-verbose", &mut project, "prove --verbose");
    check("prove-call", &mut project, "prove --call read");
    project.expect("synth", 0);
    let prod = project.read("stacks/prod.yaml");
    project.write(
        "stacks/prod.yaml",
        prod.replace("kms:Decrypt", "kms:Dekrypt"),
    );
    check("prove-denied", &mut project, "prove");
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
    check("targets", &mut project, "targets");
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
    check("config-values", &mut project, "synth");
}
