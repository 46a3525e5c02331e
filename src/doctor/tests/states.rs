//! States that cannot be read, disabled stage transitions, and stacks without a pipeline.

use super::*;

#[test]
fn what_is_refused_is_listed_and_leaves_calls_undecided() {
    let mut site = Site::new();
    site.key().policy = refused("kms:GetKeyPolicy");
    site.role(DEPLOY).inline = refused("iam:ListRolePolicies");
    site.bucket(OUTPUT).versioning = refused("s3:GetBucketVersioning");
    let diagnosis = site.diagnosis();
    assert_eq!(diagnosis.findings, [], "nothing is assumed");
    let actions: Vec<&str> = diagnosis
        .unread
        .iter()
        .map(|unread| unread.refusal.action.as_str())
        .collect();
    for action in [
        "kms:GetKeyPolicy",
        "iam:ListRolePolicies",
        "s3:GetBucketVersioning",
    ] {
        assert!(actions.contains(&action), "{actions:?}");
        assert!(PERMISSIONS.contains(&action), "{action}");
    }
    assert_eq!(actions.len(), 3, "{actions:?}");
    let undecided: usize = diagnosis.undecided.values().sum();
    assert!(
        undecided > 0 && undecided + diagnosis.calls <= 40,
        "{undecided}"
    );
}

#[test]
fn a_stage_that_is_switched_off_and_a_failure_are_found() {
    let mut site = Site::new();
    site.pipeline().stopped = Reading::Read(vec![(
        "Deploy".to_owned(),
        "frozen for the holidays".to_owned(),
    )]);
    let finding = site.only();
    assert_eq!(finding.rule.code(), "DOCTOR_TRANSITION");
    assert!(finding.message.contains("frozen for the holidays"));
    let mut site = Site::new();
    site.key().state = "PendingDeletion".to_owned();
    site.key().deletion = Some("2026-12-24T00:00:00Z".to_owned());
    site.pipeline().failure = Reading::Read(Some(Failure {
        execution: "1".to_owned(),
        stage: "Deploy".to_owned(),
        action: "Deploy".to_owned(),
        code: "PermissionError".to_owned(),
        message: format!("{KEY_ARN} is pending deletion. (Service: AWSKMS)"),
        ..Failure::default()
    }));
    let finding = site.only();
    assert_eq!(finding.rule.code(), "DOCTOR_KEY_STATE");
    assert!(finding.message.contains("2026-12-24T00:00:00Z"));
    assert!(
        finding
            .consequences
            .last()
            .unwrap()
            .contains("the last execution failed")
    );
}

#[test]
fn a_stack_without_its_pipeline_says_which_step_is_missing() {
    let mut site = Site::new();
    let stack = read(site.live.stacks.get_mut(&0).unwrap());
    stack
        .parameters
        .insert("CreatePipeline".to_owned(), "false".to_owned());
    site.live
        .pipelines
        .insert(PIPELINE.to_owned(), Reading::Missing);
    for rule in site.live.rules.values_mut() {
        *rule = Reading::Missing;
    }
    let start = "arn:aws:iam::111111111111:role/crossaccountdeploy-us-east-1-start";
    site.live.roles.insert(start.to_owned(), Reading::Missing);
    let finding = site.only();
    assert_eq!(finding.rule.code(), "DOCTOR_PIPELINE_MISSING");
    assert!(finding.fixes.contains(&Fix::Run(
        ["deploy", "--profile", "dev"].map(str::to_owned).to_vec()
    )));
}
