//! Tests of `s3ferry doctor` with a failed execution, and with a pipeline whose executions all
//! fail. The failures are those in `tests/emulator/failures.json`.

use serde_json::{Value, json};

use crate::cli_doctor::{Deployment, rules, text};
use crate::emulator::Emulator;

const PIPELINE: &str = "crossaccountdeploy";
const DEPLOY: (&str, &str) = ("Deploy", "Deploy");

impl Deployment {
    fn fails(&self, place: (&str, &str), failure: &str) {
        Emulator::shared().known_failure(&self.accounts.dev, PIPELINE, place, failure);
    }
}

/// Returns the advice of a finding.
fn advice(finding: &Value) -> String {
    let fixes = finding["fixes"].as_array().expect("fixes").iter();
    let found: Vec<String> = fixes
        .filter(|fix| fix["kind"] == "advice")
        .map(|fix| text(&fix["text"]))
        .collect();
    found.join("\n")
}

#[test]
fn a_known_failure_is_explained_with_its_next_step() {
    let deployment = Deployment::new();
    for (failure, code, cause, next) in [
        (
            "archive-malformed",
            "(JobFailed): The archive is malformed.",
            "the source object is not a zip file",
            "upload the file again with `s3ferry push`",
        ),
        (
            "deploy-configuration",
            "(ConfigurationError): ",
            "a file name in the artifact contains `../`",
            "upload the site again with `s3ferry push`",
        ),
        (
            "rollback-outdated",
            "(PipelineExecutionOutdatedException): ",
            "the pipeline's definition changed after the execution",
            "push the older content again",
        ),
        (
            "put-denied",
            "(PermissionError): You do not have sufficient permissions to call s3.putObject",
            "s3:PutObject is not allowed, or the output bucket's key does not allow",
            "nothing in the live state explains the failure",
        ),
    ] {
        deployment.fails(DEPLOY, failure);
        let diagnosis = deployment.diagnosis();
        assert_eq!(rules(&diagnosis), ["DOCTOR_EXECUTION"], "{failure}");
        let finding = &diagnosis["findings"][0];
        let message = text(&finding["message"]);
        assert!(message.contains(code), "{failure}: {message}");
        let said = advice(finding);
        assert!(said.contains(cause), "{failure}: {said}");
        assert!(said.contains(next), "{failure}: {said}");
    }
}

#[test]
fn a_denied_call_explains_a_denied_put_but_not_a_broken_archive() {
    let deployment = Deployment::new();
    let arn = format!(
        "arn:aws:iam::{}:policy/outputbucketdeployaccess",
        deployment.accounts.prod
    );
    Emulator::shared().aws(
        &deployment.accounts.prod,
        &format!("iam detach-role-policy --role-name prods3role --policy-arn {arn}"),
    );
    deployment.fails(DEPLOY, "put-denied");
    let diagnosis = deployment.diagnosis();
    assert_eq!(rules(&diagnosis), ["DOCTOR_ROLE_POLICY"], "{diagnosis:#}");
    let consequences = diagnosis["findings"][0]["consequences"].to_string();
    assert!(consequences.contains("s3.putObject"), "{consequences}");
    deployment.fails(DEPLOY, "archive-malformed");
    let diagnosis = deployment.diagnosis();
    assert_eq!(
        rules(&diagnosis),
        ["DOCTOR_ROLE_POLICY", "DOCTOR_EXECUTION"],
        "{diagnosis:#}"
    );
}

#[test]
fn an_accepted_configuration_that_fails_every_execution_is_the_cause() {
    let deployment = Deployment::new();
    let good = deployment.pipeline();
    for (configuration, message) in [
        (json!({"Extract": "maybe"}), "`Extract` is `maybe`"),
        (json!({"Extract": "false"}), "`ObjectKey` is missing"),
    ] {
        let mut changed = good.clone();
        let action = &mut changed["stages"][1]["actions"][0]["configuration"];
        for (key, value) in configuration.as_object().expect("an object") {
            action[key] = value.clone();
        }
        deployment.put_pipeline(&changed);
        deployment.fails(DEPLOY, "deploy-configuration");
        let diagnosis = deployment.diagnosis();
        assert_eq!(rules(&diagnosis), ["DOCTOR_DEPLOY_ACTION"], "{diagnosis:#}");
        let finding = &diagnosis["findings"][0];
        assert!(text(&finding["message"]).contains(message), "{finding:#}");
        let consequences = finding["consequences"].to_string();
        assert!(consequences.contains("(ConfigurationError)"), "{finding:#}");
        // A failure of the source has a different cause.
        deployment.fails(("Source", "Source"), "source-missing");
        let diagnosis = deployment.diagnosis();
        assert_eq!(
            rules(&diagnosis),
            ["DOCTOR_DEPLOY_ACTION", "DOCTOR_SOURCE_OBJECT"],
            "{diagnosis:#}"
        );
    }
}
