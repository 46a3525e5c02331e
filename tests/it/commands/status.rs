use super::{configure, json};
use crate::emulator::profiles::log_in;
use crate::emulator::{Accounts, Answer, Emulator, Failure, Fault, FaultProxy};
use crate::schemas::conforms;

#[test]
fn the_next_step_is_named_until_everything_is_deployed() {
    let emulator = Emulator::shared();
    let project = Accounts::fresh().project(&emulator.endpoint());
    let next = |expected: &str| {
        let found = json(&project.expect("status --format json", 0));
        let hints = &found["next"];
        assert_eq!(hints.as_array().map(Vec::len), Some(1), "{hints}");
        assert!(
            hints[0]
                .as_str()
                .is_some_and(|hint| hint.contains(expected)),
            "{hints}"
        );
    };
    next("`s3ferry deploy --profile dev` creates stack crossaccountdeploy-dev");
    project.expect("deploy --profile dev --yes", 0);
    next("`s3ferry deploy --profile prod` creates stack crossaccountdeploy-prod");
    project.expect("deploy --profile prod --yes", 0);
    next("`s3ferry deploy --profile dev` creates the pipeline");
    project.expect("deploy --profile dev --yes", 0);
    let run = project.expect("status", 0);
    assert!(!run.stdout.contains("Next:"), "{}", run.stdout);
    let rows: Vec<Vec<&str>> = run
        .stdout
        .lines()
        .skip(1)
        .take(2)
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows[0][3..6], ["UPDATE_COMPLETE", "on", "same"]);
    assert_eq!(rows[1][3..6], ["CREATE_COMPLETE", "on", "same"]);
    assert!(
        run.stdout
            .contains("PipelineName        crossaccountdeploy"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_different_template_and_a_stale_one_are_reported() {
    let emulator = Emulator::shared();
    let project = Accounts::fresh().project(&emulator.endpoint());
    project.expect("deploy --all --yes", 0);
    let config = project.read("s3ferry.yaml");
    project.write(
        "s3ferry.yaml",
        config.replace("  source:\n", "  source:\n    object_key: site.zip\n"),
    );
    let stale = json(&project.expect("status --format json", 0));
    assert_eq!(stale["staleFile"], "stacks/dev.yaml");
    configure(&project, "site.zip", "other.zip");
    let found = json(&project.expect("status --format json", 0));
    assert_eq!(found["staleFile"], serde_json::Value::Null);
    assert_eq!(found["stacks"][0]["templateComparison"], "differs");
    assert_eq!(found["stacks"][1]["templateComparison"], "same");
    let hint = found["next"][0].as_str().expect("a hint");
    assert!(hint.contains("s3ferry diff --profile dev"), "{hint}");
}

#[test]
fn a_stack_without_a_local_profile_is_listed_and_is_not_an_error() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let mut project = accounts.project(&emulator.endpoint());
    log_in(
        &mut project,
        &emulator.endpoint(),
        &[("dev", &accounts.dev)],
    );
    let run = project.expect("status", 0);
    assert!(
        run.stdout
            .contains("cannot be read: profile `prod` does not exist"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("not deployed"), "{}", run.stdout);
    let alone = project.expect("status --profile prod", 3);
    assert!(
        alone.stderr.contains("profile `prod` does not exist"),
        "{}",
        alone.stderr
    );
    log_in(
        &mut project,
        &emulator.endpoint(),
        &[("other", &accounts.dev)],
    );
    project.expect("status", 3);
}

#[test]
fn a_failed_stack_is_explained() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    emulator.fail(
        &accounts.dev,
        &Failure {
            resource_type: "AWS::IAM::Role",
            name: "ServiceRole",
            operation: "create",
            reason: "LimitExceeded: too many roles",
            after: 0,
        },
    );
    project.expect("deploy --profile dev --yes", 1);
    let run = project.expect("status", 1);
    assert!(run.stdout.contains("ROLLBACK_COMPLETE"), "{}", run.stdout);
    assert!(
        run.stdout
            .contains("ServiceRole (AWS::IAM::Role) failed: LimitExceeded: too many roles"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("delete stack crossaccountdeploy-dev"),
        "{}",
        run.stdout
    );
}

#[test]
fn drift_is_detected_and_its_properties_listed() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    project.expect("deploy --all --yes", 0);
    let clean = json(&project.expect("status --drift --format json", 0));
    assert_eq!(clean["stacks"][1]["drift"], "IN_SYNC");
    let suspend = format!(
        "s3api put-bucket-versioning --bucket output-{} --versioning-configuration \
         Status=Suspended",
        accounts.prod
    );
    emulator.aws(&accounts.prod, &suspend);
    let run = project.expect("status --profile prod --drift", 1);
    assert!(
        run.stdout
            .contains("OutputBucket (AWS::S3::Bucket) was modified outside CloudFormation"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("Suspended instead of Enabled"),
        "{}",
        run.stdout
    );
    // CloudFormation keeps the result.
    let later = json(&project.expect("status --profile prod --format json", 0));
    assert_eq!(later["stacks"][0]["drift"], "DRIFTED");
}

#[test]
fn an_open_policy_and_missing_termination_protection_are_findings_with_the_next_step() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    project.expect("deploy --all --yes", 0);
    let stack = "crossaccountdeploy-prod";
    let allow =
        r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"Update:*","Resource":"*"}}"#;
    let set_policy = |body: &str| {
        let words = [
            "cloudformation",
            "set-stack-policy",
            "--stack-name",
            stack,
            "--stack-policy-body",
            body,
        ];
        emulator.aws_with(&accounts.prod, &words).expect("set");
    };
    set_policy(allow);
    let run = project.expect("status", 1);
    for part in [
        "policy open",
        "is not protected: its stack policy allows replacement or deletion of",
        "OutputBucket",
        "`s3ferry deploy --profile prod` restores the protection of stack crossaccountdeploy-prod",
    ] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    let found = conforms("status", &project.expect("status --format json", 1).stdout);
    assert_eq!(found["stacks"][0]["stackPolicy"], "inForce");
    assert_eq!(found["stacks"][1]["stackPolicy"], "open");
    emulator.aws(
        &accounts.prod,
        "cloudformation update-termination-protection --stack-name crossaccountdeploy-prod \
         --no-enable-termination-protection",
    );
    let run = project.expect("status --profile prod", 1);
    let said = "its termination protection is off, and its stack policy allows";
    assert!(run.stdout.contains(said), "{}", run.stdout);
    // The command in the hint works.
    project.expect("deploy --profile prod --yes", 0);
    let run = project.expect("status", 0);
    assert!(!run.stdout.contains("protected:"), "{}", run.stdout);
    // A different policy with the same protection is not a finding.
    let stricter = allow.replace("Update:*", "Update:Modify");
    set_policy(&stricter);
    project.expect("status", 0);
}

#[test]
fn a_denied_read_of_the_policy_hides_nothing_else() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let proxy = FaultProxy::before(emulator.address());
    let project = accounts.project(&proxy.endpoint());
    project.expect("deploy --all --yes", 0);
    let said = "not authorized to perform: cloudformation:GetStackPolicy";
    let denied = Answer::error(403, "AccessDenied", said);
    proxy.always("GetStackPolicy", Fault::Answered(denied));
    let run = project.expect("status", 0);
    assert!(run.stdout.contains("policy unknown"), "{}", run.stdout);
    assert!(run.stdout.contains(said), "{}", run.stdout);
    assert!(run.stdout.contains("UPDATE_COMPLETE"), "{}", run.stdout);
}

#[test]
fn every_line_fits_the_terminal_and_nothing_is_omitted() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let mut project = accounts.project(&emulator.endpoint());
    project.expect("deploy --all --yes", 0);
    let complete = project.expect("status", 0).stdout;
    let table: Vec<&str> = complete.lines().take(3).collect();
    assert!(
        table.iter().all(|line| line.chars().count() <= 120),
        "{table:#?}"
    );
    for width in [80, 120] {
        project.set("COLUMNS", &width.to_string());
        for command in [
            "status",
            "events --profile dev",
            "targets",
            "lint --list-rules",
        ] {
            let run = project.expect(command, 0);
            let long: Vec<&str> = (run.stdout.lines())
                .filter(|line| line.chars().count() > width)
                .collect();
            assert!(long.is_empty(), "{command} at {width}: {long:#?}");
        }
        let shown = project.expect("status", 0).stdout;
        for word in complete.split_whitespace().filter(|word| word.len() <= 40) {
            assert!(shown.contains(word), "{word} at {width}\n{shown}");
        }
    }
    let shown = project.expect("status", 0).stdout;
    assert!(
        shown.lines().any(|line| line.starts_with("stack")),
        "{shown}"
    );
}
