//! Tests of `s3ferry push` with failed actions. The failures are those of the emulator
//! (`tests/emulator/failures.json`), with the codes and messages of the real CodePipeline.

use serde_json::{Value, json};

use crate::cli_push::{Stage, action, result};

/// Returns the code and message of a failure.
pub(crate) fn failure(name: &str) -> Value {
    let known: Value =
        serde_json::from_str(include_str!("../emulator/failures.json")).expect("JSON");
    let found = known[name].clone();
    assert!(found["code"].is_string(), "{name}");
    found
}

/// Runs a push whose execution fails in an action, and returns its standard error and explanation.
fn push(stage_name: &str, action_name: &str, name: &str) -> (String, Value) {
    let stage = Stage::new();
    let failure = failure(name);
    let mut failed = action(stage_name, action_name, "Failed", "");
    failed["output"]["executionResult"] = json!({ "errorDetails": failure });
    stage.plays("Failed", &[failed]);
    let run = stage.project.expect("push site --format json", 1);
    crate::schemas::conforms("push", &run.stdout);
    let message = failure["message"].as_str().expect("a message");
    let first = message.split(',').next().unwrap_or_default();
    assert!(run.stderr.contains(first), "{}", run.stderr);
    let found = result(&run);
    assert_eq!(
        found["execution"]["actions"][0]["code"], failure["code"],
        "{found:#}"
    );
    (run.stderr, found["explanation"].clone())
}

#[test]
fn a_denied_put_is_explained_by_the_policies_and_the_key_of_the_bucket() {
    let (said, found) = push("Deploy", "Deploy", "put-denied");
    assert_eq!(found["failure"], "put-denied");
    assert_eq!(found["exact"], true, "{found:#}");
    let calls = found["calls"].as_array().expect("calls");
    assert!(!calls.is_empty());
    for call in calls {
        assert_eq!(call["action"], "s3:PutObject");
        assert_eq!(call["step"], "deploy");
    }
    assert!(
        said.contains("S3 denies the deploy role write access to the output bucket: "),
        "{said}"
    );
    assert!(said.contains("run `s3ferry doctor` to find"), "{said}");
    assert!(
        said.contains("then run the same push with --start"),
        "{said}"
    );
}

#[test]
fn with_a_key_of_the_output_bucket_the_denied_call_is_unknown() {
    let stage = Stage::new();
    let key = format!(
        "    encryption_key: arn:aws:kms:us-east-1:{}:key/1234abcd-12ab-34cd-56ef-1234567890ab\n",
        stage.accounts.prod
    );
    let config = stage.project.read("s3ferry.yaml");
    stage
        .project
        .write("s3ferry.yaml", format!("{config}{key}"));
    let mut failed = action("Deploy", "Deploy", "Failed", "");
    failed["output"]["executionResult"] = json!({ "errorDetails": failure("put-denied") });
    stage.plays("Failed", &[failed]);
    let run = stage.project.expect("push site --format json", 1);
    let found = &result(&run)["explanation"];
    assert_eq!(found["exact"], false, "{found:#}");
    let calls = found["calls"].as_array().expect("calls").iter();
    let mut actions: Vec<&str> = calls.filter_map(|call| call["action"].as_str()).collect();
    actions.sort_unstable();
    actions.dedup();
    assert_eq!(
        actions,
        ["kms:Decrypt", "kms:GenerateDataKey", "s3:PutObject"]
    );
}

#[test]
fn failures_without_a_policy_cause_have_their_own_explanation() {
    for (place, name, cause, next) in [
        (
            ("Deploy", "Deploy"),
            "archive-malformed",
            "The S3 deploy action cannot extract the artifact: the source object is not a zip file",
            "push the folder that contains the site instead of the zip file",
        ),
        (
            ("Deploy", "Deploy"),
            "deploy-configuration",
            "`Extract` in the live pipeline is neither `true` nor `false`",
            "run `s3ferry doctor` to compare the live pipeline with the templates; then run the \
             same push",
        ),
        (
            ("Source", "Source"),
            "source-missing",
            "The source action cannot read the source object: the source bucket has no object",
            "to upload the object, push again without --start",
        ),
        (
            ("Deploy", "Deploy"),
            "rollback-outdated",
            "the pipeline's definition changed after the execution",
            "to deploy this content again, run the same push with --start",
        ),
    ] {
        let (said, found) = push(place.0, place.1, name);
        assert_eq!(found["failure"], name);
        assert_eq!(found["calls"], json!([]));
        assert_eq!(found["exact"], false);
        assert!(said.contains(cause), "{name}: {said}");
        assert!(said.contains(next), "{name}: {said}");
        assert!(
            !said.contains("AWS does not report which call"),
            "{name}: {said}"
        );
    }
}

#[test]
fn a_role_that_cannot_be_assumed_is_explained_by_the_proof() {
    let stage = Stage::new();
    let (dev, prod) = (&stage.accounts.dev, &stage.accounts.prod);
    let said = format!(
        "arn:aws:iam::{dev}:role/service-role/AWSCodePipelineServiceRole-us-east-1-\
         crossaccountdeploy is not authorized to perform AssumeRole on role \
         arn:aws:iam::{prod}:role/prods3role"
    );
    stage.plays("Failed", &[action("Deploy", "Deploy", "Failed", &said)]);
    let run = stage.project.expect("push site --format json", 1);
    crate::schemas::conforms("push", &run.stdout);
    let found = &result(&run)["explanation"];
    assert_eq!(found["failure"], "action-role");
    assert_eq!(found["calls"][0]["action"], "sts:AssumeRole", "{found:#}");
    assert!(
        run.stderr.contains("its trust policy does not allow"),
        "{}",
        run.stderr
    );
}
