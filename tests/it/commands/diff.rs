use super::{configure, json};
use crate::emulator::{Accounts, Emulator, FaultProxy};

const SOURCE: &str = "  source:\n";
const OTHER_SOURCE: &str = "  source:\n    object_key: site.zip\n";

#[test]
fn nothing_deployed_is_all_to_create_and_leaves_no_stack() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    let run = project.expect("diff --profile dev", 1);
    assert!(run.stdout.contains("not deployed"), "{}", run.stdout);
    assert!(run.stdout.contains("create  DeployKey "), "{}", run.stdout);
    let stacks = emulator.aws(&accounts.dev, "cloudformation describe-stacks");
    assert_eq!(stacks["Stacks"].as_array().expect("a list").len(), 0);
    assert!(!project.exists(".s3ferry/outputs.json"));
}

#[test]
fn a_target_waits_for_dev_only_when_all_are_compared() {
    let emulator = Emulator::shared();
    let project = Accounts::fresh().project(&emulator.endpoint());
    let alone = project.expect("diff --profile prod", 1);
    assert!(alone.stderr.contains("deploy it first"), "{}", alone.stderr);
    let all = json(&project.expect("diff --all --format json", 1));
    let obstacle = all["stacks"][1]["obstacle"].as_str().expect("an obstacle");
    assert!(obstacle.contains("does not stand yet"), "{obstacle}");
}

#[test]
fn what_is_deployed_is_no_difference() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    project.expect("deploy --all --yes", 0);
    let run = project.expect("diff --all", 0);
    assert_eq!(
        run.stdout
            .matches("CloudFormation finds no changes.")
            .count(),
        2,
        "{}",
        run.stdout
    );
}

#[test]
fn a_change_is_shown_in_the_template_and_by_cloudformation_and_nothing_is_done() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let proxy = FaultProxy::before(emulator.address());
    let project = accounts.project(&proxy.endpoint());
    project.expect("deploy --all --yes", 0);
    configure(&project, SOURCE, OTHER_SOURCE);
    // A deploy would turn it on again.
    let unprotect = "cloudformation update-termination-protection --stack-name \
                     crossaccountdeploy-dev --no-enable-termination-protection";
    emulator.aws(&accounts.dev, unprotect);
    proxy.reset();
    let run = project.expect("diff --profile dev", 1);
    let (old, new) = ("sample-website.zip\n", "site.zip\n");
    for (sign, key) in [("-", old), ("+", new)] {
        let line = run
            .stdout
            .lines()
            .find(|line| line.starts_with(sign) && line.ends_with(key.trim()));
        assert!(line.is_some(), "{}", run.stdout);
    }
    assert!(
        run.stdout
            .contains("change  Pipeline      AWS::CodePipeline::Pipeline  Properties.Stages"),
        "{}",
        run.stdout
    );
    let writes = [
        "ExecuteChangeSet",
        "SetStackPolicy",
        "UpdateTerminationProtection",
    ];
    for write in writes {
        assert_eq!(proxy.done(write), 0, "{write}");
    }
    assert_eq!(proxy.done("CreateChangeSet"), proxy.done("DeleteChangeSet"));
    let stack = "cloudformation list-change-sets --stack-name crossaccountdeploy-dev";
    let left = emulator.aws(&accounts.dev, stack);
    let left = left["Summaries"].as_array().expect("a list");
    assert!(
        left.iter()
            .all(|one| one["ExecutionStatus"] == "EXECUTE_COMPLETE"),
        "{left:?}"
    );
}

#[test]
fn comments_alone_are_shown_and_are_no_difference() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    let template = project.read("stacks/dev.yaml");
    let (comment, rest) = template.split_once('\n').expect("lines");
    assert!(comment.starts_with('#'));
    project.write("older.yaml", format!("# An older comment.\n{rest}"));
    let body = format!("file://{}", project.path("older.yaml").display());
    let create = [
        "cloudformation",
        "create-stack",
        "--stack-name",
        "crossaccountdeploy-dev",
        "--capabilities",
        "CAPABILITY_NAMED_IAM",
        "--template-body",
        &body,
    ];
    emulator.aws_with(&accounts.dev, &create).expect("created");
    let wait = "cloudformation wait stack-create-complete --stack-name crossaccountdeploy-dev";
    emulator.aws(&accounts.dev, wait);
    let run = project.expect("diff --profile dev", 0);
    assert!(
        run.stdout.contains("-# An older comment."),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("only comments or notation differ"),
        "{}",
        run.stdout
    );
}

#[test]
fn another_key_for_a_target_is_shown() {
    let emulator = Emulator::shared();
    let project = Accounts::fresh().project(&emulator.endpoint());
    project.expect("deploy --all --yes", 0);
    let other = "00000000-0000-4000-8000-000000000000";
    let run = project.expect(
        &format!("diff --profile prod --parameter DeployKeyId={other} --format json"),
        1,
    );
    let found = json(&run);
    assert_eq!(found["stacks"][0]["parameters"][0]["to"], other);
    assert_eq!(
        found["stacks"][0]["changes"][0]["resource"],
        "DevKmsS3Access"
    );
}
