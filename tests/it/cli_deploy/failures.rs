//! A failed creation or update: its root cause, the next step, and the next run.

use super::{DEV_STACK, PROD_STACK, Site};
use crate::emulator::{Emulator, Failure};

const QUOTA: Failure<'_> = Failure {
    resource_type: "AWS::KMS::Key",
    name: "DeployKey",
    operation: "create",
    reason: "Resource handler returned message: \"The request was rejected because a limit was \
             exceeded (Service: Kms, Status Code: 400)\" (HandlerErrorCode: ServiceLimitExceeded) \
             LimitExceededException",
    after: 0,
};

#[test]
fn a_failed_creation_is_explained_then_deleted_and_repeated() {
    let site = Site::new();
    Emulator::shared().fail(&site.accounts.dev, &QUOTA);
    let run = site.deploy("--all --yes", 1);
    for part in [
        "stack `crossaccountdeploy-dev` ended in ROLLBACK_COMPLETE",
        "DeployKey (AWS::KMS::Key) failed",
        "a limit was exceeded",
        "Service Quotas",
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    // Neither prod nor the outputs file was changed.
    assert_eq!(site.status(&site.accounts.prod, PROD_STACK), None);
    assert!(!site.project.exists(".s3ferry/outputs.json"));

    // The stack is not deleted without confirmation.
    for (arguments, code) in [("--profile dev", 2), ("--profile dev --dry-run", 0)] {
        let run = site.deploy(arguments, code);
        assert!(
            run.stderr
                .contains("It must be deleted before it can be recreated"),
            "{}",
            run.stderr
        );
        assert!(
            run.stderr.contains("a limit was exceeded"),
            "{}",
            run.stderr
        );
        let status = site.status(&site.accounts.dev, DEV_STACK);
        assert_eq!(status.as_deref(), Some("ROLLBACK_COMPLETE"));
    }
    site.deploy("--all --yes", 0);
    let state = site.state();
    assert_eq!(state.dev_stack()["status"], "UPDATE_COMPLETE");
    assert_eq!(state.prod_stack()["status"], "CREATE_COMPLETE");
}

#[test]
fn a_bucket_name_that_is_taken_is_explained() {
    let site = Site::new();
    let taken = format!("output-{}", site.accounts.prod);
    let make = format!("s3api create-bucket --bucket {taken}");
    Emulator::shared().aws("777777777777", &make);
    let run = site.deploy("--all --yes", 1);
    for part in [
        "OutputBucket (AWS::S3::Bucket) failed",
        "bucket names are globally unique",
        "create: false",
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    let dev = site.status(&site.accounts.dev, DEV_STACK);
    assert_eq!(dev.as_deref(), Some("CREATE_COMPLETE"));
    // With another name, the deploy resumes where it stopped.
    site.reconfigure(&taken, &format!("free-{}", site.accounts.prod));
    site.deploy("--all --yes", 0);
    assert_eq!(
        site.state().dev_stack()["operations"],
        serde_json::json!(["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"])
    );
}

#[test]
fn an_alias_of_another_key_is_explained() {
    let site = Site::new();
    let emulator = Emulator::shared();
    let key = emulator.aws(&site.accounts.dev, "kms create-key");
    let id = key["KeyMetadata"]["KeyId"].as_str().expect("an ID");
    let alias = format!("kms create-alias --alias-name alias/s3deploykey --target-key-id {id}");
    emulator.aws(&site.accounts.dev, &alias);
    let run = site.deploy("--profile dev --yes", 1);
    for part in ["DeployKeyAlias", "choose other names in the configuration"] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
}

#[test]
fn a_permission_that_the_deployer_lacks_is_named() {
    let site = Site::new();
    let denied = Failure {
        resource_type: "AWS::IAM::Role",
        name: "ServiceRole",
        reason: "Resource handler returned message: \"User: arn:aws:iam::111111111111:user/me is \
                 not authorized to perform: iam:CreateRole on resource: role x (Service: Iam, \
                 Status Code: 403)\" (HandlerErrorCode: AccessDenied)",
        ..QUOTA
    };
    Emulator::shared().fail(&site.accounts.dev, &denied);
    let run = site.deploy("--profile dev --yes", 1);
    assert!(
        run.stderr.contains("lacks iam:CreateRole"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("s3ferry deployer-policy"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_failed_update_is_rolled_back_and_the_next_run_completes_it() {
    let site = Site::new().deployed();
    let config = site.project.read("s3ferry.yaml");
    site.reconfigure(
        "    bucket: source-",
        "    object_key: other.zip\n    bucket: source-",
    );
    let failure = Failure {
        resource_type: "AWS::IAM::ManagedPolicy",
        name: "-source",
        operation: "update",
        reason: "Resource handler returned message: \"throttled\"",
        after: 0,
    };
    Emulator::shared().fail(&site.accounts.dev, &failure);
    let run = site.deploy("--all --yes", 1);
    assert!(
        run.stderr.contains("ended in UPDATE_ROLLBACK_COMPLETE"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("SourcePolicy"), "{}", run.stderr);
    let run = site.deploy("--all --yes", 0);
    assert!(run.stderr.contains("was updated"), "{}", run.stderr);
    // The change can also be undone.
    site.project.write("s3ferry.yaml", config);
    site.project.expect("synth --no-lint --no-prove", 0);
    site.deploy("--all --yes", 0);
}
