//! Buckets that a deleted stack retained: the next stack in the account imports them. This includes
//! templates that compute the bucket names with a function, for which CloudFormation does not find
//! the buckets.

use serde_json::Value;

use super::fleet::Fleet;
use crate::emulator::{Answer, Emulator, Fault};

const STACK: &str = "crossaccountdeploy-fleet";

/// Configures the first two accounts.
fn configure(fleet: &Fleet, logs: bool, more: &str) {
    fleet.configure(2, "us-east-1", more);
    if !logs {
        let config = fleet.project.read("s3ferry.yaml");
        let config = config.replacen("  key:\n", "  access_logs: false\n  key:\n", 1);
        fleet.project.write("s3ferry.yaml", config);
        fleet.project.expect("synth --no-lint --no-prove", 0);
    }
}

/// Returns a fleet of two accounts that was deployed and destroyed.
fn destroyed(logs: bool, more: &str) -> Fleet {
    let fleet = Fleet::new();
    configure(&fleet, logs, more);
    fleet.deploy();
    fleet.project.expect(
        &format!("destroy --all --confirm {STACK} --confirm crossaccountdeploy-dev"),
        0,
    );
    fleet
}

/// Returns the name of a target's output bucket.
fn bucket(account: &str) -> String {
    format!("out-{account}-us-east-1")
}

/// Returns the deployed template of the first account's stack.
fn deployed_template(fleet: &Fleet) -> String {
    let get = format!("cloudformation get-template --stack-name {STACK}");
    let found = Emulator::shared().aws(&fleet.targets[0], &get);
    match &found["TemplateBody"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[test]
fn a_template_for_many_accounts_imports_retained_buckets() {
    for logs in [true, false] {
        let fleet = destroyed(logs, "tags: {team: web}\n");
        let first = bucket(&fleet.targets[0]);
        // The purpose of the import is to keep the content of the bucket.
        Emulator::shared().aws(
            &fleet.targets[0],
            &format!("s3api put-object --bucket {first} --key kept"),
        );
        let said = fleet.deploy();
        assert_eq!(said.matches("import  OutputBucket").count(), 2, "{said}");
        // Dev also has a log bucket.
        let imported_logs = if logs { 3 } else { 0 };
        assert_eq!(
            said.matches("import  LogBucket").count(),
            imported_logs,
            "{said}"
        );
        assert!(
            said.contains(&format!("Bucket {first} already exists")),
            "{said}"
        );
        Emulator::shared().aws(
            &fleet.targets[0],
            &format!("s3api head-object --bucket {first} --key kept"),
        );
        // The deployed template contains literal names, and this is not a difference from the
        // configuration.
        assert!(
            deployed_template(&fleet).contains(&format!("BucketName: {first}\n")),
            "{}",
            deployed_template(&fleet)
        );
        let run = fleet.project.expect("diff --all", 0);
        assert_eq!(
            run.stdout.matches("The templates are equivalent").count(),
            2,
            "{}",
            run.stdout
        );
        let run = fleet.project.expect("status", 0);
        assert!(!run.stdout.contains("differs"), "{}", run.stdout);
        let again = fleet.deploy();
        assert_eq!(fleet.executed(), [], "{again}");

        // A later change deploys the template without literal names, and replaces nothing.
        let more = "    cache_control: no-store\n    path: v2\ntags: {team: web}\n";
        configure(&fleet, logs, more);
        let changed = fleet.deploy();
        assert!(
            changed.contains("change  OutputBucketDeployAccess"),
            "{changed}"
        );
        assert!(!changed.contains("REPLACE"), "{changed}");
        assert!(
            deployed_template(&fleet).contains("BucketName: !Sub \"out-${AWS::AccountId}"),
            "{}",
            deployed_template(&fleet)
        );
        Emulator::shared().aws(
            &fleet.targets[0],
            &format!("s3api head-object --bucket {first} --key kept"),
        );
    }
}

#[test]
fn the_template_with_literal_names_was_linted_and_proven() {
    let fleet = Fleet::new();
    fleet.configure(1, "us-east-1", "");
    let project = &fleet.project;
    let proven = project.expect("prove --format json", 0).stdout;
    let linted = project
        .expect("lint stacks/fleet.yaml --format json", 0)
        .stdout;
    let make = format!("s3api create-bucket --bucket {}", bucket(&fleet.targets[0]));
    Emulator::shared().aws(&fleet.targets[0], &make);
    fleet.deploy();
    let deployed = deployed_template(&fleet);
    assert_ne!(deployed, project.read("stacks/fleet.yaml"));
    project.write("stacks/fleet.yaml", &deployed);
    assert_eq!(project.expect("prove --format json", 0).stdout, proven);
    let again = project.expect("lint stacks/fleet.yaml --format json", 0);
    assert_eq!(again.stdout, linted);
}

#[test]
fn a_dry_run_and_diff_show_the_import() {
    let fleet = destroyed(true, "");
    fleet.project.expect("deploy --profile dev --yes", 0);
    let profile = &fleet.targets[0];
    let run = fleet
        .project
        .expect(&format!("deploy --profile {profile} --dry-run"), 0);
    assert!(
        run.stderr.contains("import  OutputBucket"),
        "{}",
        run.stderr
    );
    let run = fleet
        .project
        .expect(&format!("diff --profile {profile}"), 1);
    assert!(
        run.stdout.contains("import  OutputBucket"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_bucket_in_another_region_is_rejected_before_anything_changes() {
    let fleet = Fleet::new();
    fleet.configure(1, "us-east-1", "");
    fleet.project.expect("deploy --profile dev --yes", 0);
    let account = &fleet.targets[0];
    let (name, region) = (bucket(account), "eu-west-1");
    Emulator::shared().aws(
        account,
        &format!(
            "s3api create-bucket --bucket {name} --region {region} \
             --create-bucket-configuration LocationConstraint={region}"
        ),
    );
    fleet.proxy.reset();
    let run = fleet
        .project
        .expect(&format!("deploy --profile {account} --yes"), 1);
    for said in [
        format!("bucket `{name}` exists in region eu-west-1"),
        "nothing was changed".to_owned(),
        "choose another name in the configuration".to_owned(),
    ] {
        assert!(run.stderr.contains(&said), "{said}: {}", run.stderr);
    }
    assert_eq!(fleet.proxy.done("CreateChangeSet"), 0);
}

#[test]
fn an_inaccessible_bucket_is_left_to_cloudformation() {
    let fleet = Fleet::new();
    fleet.configure(1, "us-east-1", "");
    let denied = Fault::Answered(Answer::error(403, "AccessDenied", "Access Denied"));
    fleet.proxy.always("HeadBucket", denied);
    let run = fleet.project.expect("deploy --all --yes", 0);
    let said = format!("cannot access bucket `{}`", bucket(&fleet.targets[0]));
    assert!(run.stderr.contains(&said), "{}", run.stderr);
    assert!(run.stderr.contains("s3:ListBucket"), "{}", run.stderr);
}
