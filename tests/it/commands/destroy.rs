use std::time::Duration;

use super::json;
use crate::emulator::profiles::log_in;
use crate::emulator::{Accounts, Emulator, Failure, FaultProxy};

const CONFIRMED: &str =
    "destroy --all --confirm crossaccountdeploy-dev --confirm crossaccountdeploy-prod";

#[test]
fn without_the_stack_name_nothing_is_deleted() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let proxy = FaultProxy::before(emulator.address());
    let project = accounts.project(&proxy.endpoint());
    project.expect("deploy --all --yes", 0);
    proxy.reset();
    let asked = project.expect("destroy --profile prod", 2);
    assert!(
        asked.stderr.contains("--confirm crossaccountdeploy-prod"),
        "{}",
        asked.stderr
    );
    // One of two names is not enough, and a wrong name is rejected immediately.
    project.expect("destroy --all --confirm crossaccountdeploy-prod", 2);
    project.expect("destroy --profile prod --confirm crossaccountdeploy-dev", 2);
    project.expect("destroy --profile prod --yes", 2);
    // The option applies to stacks of stack sets, not to a separate stack.
    let kept = "destroy --profile prod --confirm crossaccountdeploy-prod --retain-stacks";
    let refused = project.expect(kept, 2);
    assert!(
        refused.stderr.contains("no stack set is selected"),
        "{}",
        refused.stderr
    );
    for write in ["UpdateTerminationProtection", "DeleteStack"] {
        assert_eq!(proxy.done(write), 0, "{write}");
    }
}

#[test]
fn dev_is_rejected_while_a_target_exists_or_is_recorded() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let mut project = accounts.project(&emulator.endpoint());
    project.expect("deploy --all --yes", 0);
    let dev = "destroy --profile dev --confirm crossaccountdeploy-dev";
    let seen = project.expect(dev, 1);
    assert!(
        seen.stderr.contains("target `prod` is still deployed"),
        "{}",
        seen.stderr
    );
    log_in(
        &mut project,
        &emulator.endpoint(),
        &[("dev", &accounts.dev)],
    );
    let recorded = project.expect(dev, 1);
    assert!(
        recorded.stderr.contains("target `prod` is still deployed"),
        "{}",
        recorded.stderr
    );
    let forced = project.expect(&format!("{dev} --force"), 0);
    assert!(
        forced.stdout.contains("destroy and redeploy the targets"),
        "{}",
        forced.stdout
    );
}

#[test]
fn everything_else_is_deleted_and_a_deploy_imports_retained_resources() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let proxy = FaultProxy::before(emulator.address());
    let project = accounts.project(&proxy.endpoint());
    project.expect("deploy --all --yes", 0);
    let stack = "cloudformation describe-stacks --stack-name crossaccountdeploy-dev";
    let outputs = emulator.aws(&accounts.dev, stack)["Stacks"][0]["Outputs"].clone();
    let key = outputs
        .as_array()
        .and_then(|all| all.iter().find(|one| one["OutputKey"] == "DeployKeyId"))
        .and_then(|one| one["OutputValue"].as_str())
        .expect("the key")
        .to_owned();
    proxy.reset();
    let run = project.expect(CONFIRMED, 0);
    let deleted: Vec<String> = proxy
        .calls()
        .into_iter()
        .filter(|(call, _)| call.action == "DeleteStack")
        .map(|(call, _)| call.access_key_id)
        .collect();
    assert_eq!(deleted, [&*accounts.prod, &*accounts.dev], "targets first");
    for kept in [
        format!("aws kms schedule-key-deletion --key-id {key} --pending-window-in-days 30"),
        format!(
            "aws s3api delete-bucket --bucket artifacts-{}",
            accounts.dev
        ),
        format!("aws s3api delete-bucket --bucket output-{}", accounts.prod),
    ] {
        assert!(run.stdout.contains(&kept), "{kept}\n{}", run.stdout);
    }
    assert!(
        !project
            .read(".s3ferry/outputs.json")
            .contains(&accounts.dev)
    );
    let bucket = format!("s3api head-bucket --bucket output-{}", accounts.prod);
    emulator.aws(&accounts.prod, &bucket);
    let state = emulator.aws(&accounts.dev, &format!("kms describe-key --key-id {key}"));
    assert_eq!(state["KeyMetadata"]["KeyState"], "Enabled");

    let again = project.expect("deploy --all --yes", 0);
    assert!(
        again.stderr.contains("import  OutputBucket"),
        "{}",
        again.stderr
    );
    assert!(
        again.stderr.contains("creates a new key"),
        "{}",
        again.stderr
    );
    project.expect("status", 0);
}

#[test]
fn the_next_run_completes_a_killed_deletion() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let proxy = FaultProxy::before(emulator.address());
    let project = accounts.project(&proxy.endpoint());
    project.expect("deploy --all --yes", 0);
    // Kill the run during the first deletion.
    proxy.reset();
    emulator.slow(&accounts.prod, Duration::from_millis(200));
    let prod = "destroy --profile prod --confirm crossaccountdeploy-prod";
    let mut killed = project.spawn(prod);
    let until = std::time::Instant::now() + Duration::from_secs(60);
    while proxy.done("DeleteStack") == 0 {
        assert!(std::time::Instant::now() < until);
        std::thread::sleep(Duration::from_millis(20));
    }
    killed.kill().expect("killed");
    killed.wait().expect("ended");
    emulator.slow(&accounts.prod, Duration::ZERO);
    let run = project.expect(CONFIRMED, 0);
    assert!(
        run.stderr.contains("Stack crossaccountdeploy-prod")
            && run.stderr.contains("does not exist"),
        "{}",
        run.stderr
    );
    assert!(
        !project
            .read(".s3ferry/outputs.json")
            .contains(&accounts.prod)
    );
}

#[test]
fn a_deletion_that_fails_names_the_resource_and_can_be_repeated() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    project.expect("deploy --all --yes", 0);
    emulator.fail(
        &accounts.prod,
        &Failure {
            resource_type: "AWS::IAM::Role",
            name: "prods3role",
            operation: "delete",
            reason: "Cannot delete entity, must detach all policies first.",
            after: 0,
        },
    );
    let prod = "destroy --profile prod --confirm crossaccountdeploy-prod";
    let failed = project.expect(prod, 1);
    assert!(
        failed
            .stderr
            .contains("DeployRole (AWS::IAM::Role) failed: Cannot delete entity"),
        "{}",
        failed.stderr
    );
    project.expect("status --profile prod", 1);
    project.expect(prod, 0);
    let found = json(&project.expect("status --profile prod --format json", 0));
    assert_eq!(found["stacks"][0]["state"], "missing");
}
