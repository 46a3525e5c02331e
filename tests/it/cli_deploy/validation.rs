//! CloudFormation's own validation of a change set: its findings, skipped checks, and results that
//! cannot be read.

use super::{DEV_STACK, Site, between};
use crate::emulator::answer::escaped;
use crate::emulator::{Answer, Emulator, Fault};
use crate::schemas::conforms;

const REASON: &str = "The following hook(s)/validation failed: \
                      [AWS::EarlyValidation::ResourceExistenceCheck]. To troubleshoot Early \
                      Validation errors, use the DescribeEvents API for detailed failure \
                      information.";
const PERMISSION: &str = "the details require cloudformation:DescribeEvents, which profile `dev` \
                          does not have: see `s3ferry deployer-policy --profile dev`";

fn denied() -> Fault {
    let said = "not authorized to perform: cloudformation:DescribeEvents";
    Fault::Answered(Answer::error(403, "AccessDenied", said))
}

/// Returns the event of a check: name, status, resource, resource type, and reason.
fn event([name, status, id, kind, reason]: [&str; 5]) -> String {
    format!(
        "<member><EventId>{name}-{id}</EventId><OperationId>o</OperationId>\
         <EventType>VALIDATION_ERROR</EventType><LogicalResourceId>{id}</LogicalResourceId>\
         <ResourceType>{kind}</ResourceType><Timestamp>2026-11-24T04:00:00Z</Timestamp>\
         <ValidationName>{name}</ValidationName><ValidationStatus>{status}</ValidationStatus>\
         <ValidationStatusReason>{}</ValidationStatusReason></member>",
        escaped(reason)
    )
}

fn events(all: &[[&str; 5]], next: &str) -> Fault {
    let members: String = all.iter().copied().map(event).collect();
    Fault::Answered(Answer::query(format!(
        "<OperationEvents>{members}</OperationEvents>{next}"
    )))
}

const TAKEN: [&str; 5] = [
    "NAME_CONFLICT_VALIDATION",
    "FAILED",
    "SourceBucket",
    "AWS::S3::Bucket",
    "Resource of type 'AWS::S3::Bucket' with identifier 'source' already exists.",
];
const SKIPPED: [&str; 5] = [
    "SERVICE_QUOTA_VALIDATION",
    "SKIPPED",
    "ServiceRole",
    "AWS::IAM::Role",
    "Not authorized to perform iam:GetAccountSummary",
];

/// Returns a site whose change sets CloudFormation rejects.
fn refused() -> Site {
    let site = Site::new();
    let failed = format!("<Status>FAILED</Status><StatusReason>{REASON}</StatusReason>");
    site.proxy
        .always("DescribeChangeSet", Fault::Answered(Answer::query(failed)));
    site
}

#[test]
fn the_error_names_a_missing_permission() {
    let site = refused();
    site.proxy.always("DescribeEvents", denied());
    let run = site.deploy("--profile dev --yes", 1);
    assert!(run.stderr.contains(REASON), "{}", run.stderr);
    assert!(run.stderr.contains(PERMISSION), "{}", run.stderr);
    // The change set was deleted.
    assert_eq!(site.status(&site.accounts.dev, DEV_STACK), None);
}

#[test]
fn with_the_permission_the_error_contains_the_details_and_help() {
    let site = refused();
    let next = "<NextToken>second</NextToken>";
    site.proxy.nth("DescribeEvents", 1, events(&[], next));
    site.proxy.nth("DescribeEvents", 2, events(&[TAKEN], ""));
    let run = site.deploy("--profile dev --yes", 1);
    for part in [
        "[AWS::EarlyValidation::ResourceExistenceCheck].; SourceBucket: Resource of type",
        "choose another name in the configuration",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert!(!run.stderr.contains("To troubleshoot"), "{}", run.stderr);
    let role = [
        "NAME_CONFLICT_VALIDATION",
        "FAILED",
        "ServiceRole",
        "AWS::IAM::Role",
        "Resource of type 'AWS::IAM::Role' with identifier 'x' already exists.",
    ];
    site.proxy.nth("DescribeEvents", 3, events(&[role], ""));
    let run = site.deploy("--profile dev --yes", 1);
    assert!(
        run.stderr
            .contains("choose another name in the configuration"),
        "{}",
        run.stderr
    );
}

#[test]
fn skipped_checks_are_reported_and_do_not_prevent_a_deployment() {
    let site = Site::new();
    site.proxy.always("DescribeEvents", events(&[SKIPPED], ""));
    let diff = site.project.expect("diff --profile dev", 1);
    let said = "CloudFormation skipped check SERVICE_QUOTA_VALIDATION: Not authorized to \
                perform iam:GetAccountSummary";
    assert!(diff.stdout.contains(said), "{}", diff.stdout);
    let diff = site.project.expect("diff --profile dev --format json", 1);
    let diff = conforms("diff", &diff.stdout);
    let skipped = &diff["stacks"][0]["skippedValidations"];
    assert_eq!(skipped[0]["resources"][0], "ServiceRole");
    assert_eq!(diff["stacks"][0]["validations"], serde_json::json!([]));
    let run = site.deploy("--profile dev --yes --format json", 0);
    assert!(run.stderr.contains(said), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("`s3ferry deployer-policy --profile dev`"),
        "{}",
        run.stderr
    );
    let result = conforms("deploy", &run.stdout);
    assert_eq!(result["stacks"][0]["skippedValidations"], *skipped);
}

#[test]
fn unreadable_results_are_reported_and_do_not_prevent_a_deployment() {
    let site = Site::new();
    site.proxy.always("DescribeEvents", denied());
    let run = site.deploy("--profile dev --yes --format json", 0);
    assert!(
        run.stderr.contains(&format!(
            "warnings from CloudFormation validation: {PERMISSION}"
        )),
        "{}",
        run.stderr
    );
    let result = conforms("deploy", &run.stdout);
    let problem = result["stacks"][0]["validationProblem"].as_str();
    assert!(
        problem.is_some_and(|said| said.contains("DescribeEvents")),
        "{result:#}"
    );
}

#[test]
fn a_failed_operation_that_only_points_to_the_details_names_the_permission() {
    let site = Site::new();
    let taken = format!("s3api create-bucket --bucket source-{}", site.accounts.dev);
    Emulator::shared().aws("777777777777", &taken);
    site.proxy.always("DescribeEvents", denied());
    let run = site.deploy("--profile dev --yes", 1);
    assert!(
        run.stderr.contains("ended in ROLLBACK_COMPLETE"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains(PERMISSION), "{}", run.stderr);
    let run = site.project.expect("events --profile dev", 1);
    assert!(run.stdout.contains(PERMISSION), "{}", run.stdout);
    let hint = between(&run.stdout, "Fix: ", "\n");
    assert_eq!(hint, PERMISSION);
}

#[test]
fn a_failed_cleanup_does_not_hide_the_reason() {
    let site = refused();
    site.proxy.always("DescribeEvents", events(&[TAKEN], ""));
    let said = "not authorized to perform: cloudformation:DeleteChangeSet";
    let answer = Answer::error(403, "AccessDenied", said);
    site.proxy
        .always("DeleteChangeSet", Fault::Answered(answer));
    let run = site.deploy("--profile dev --yes", 1);
    for part in [
        "already exists",
        "choose another name in the configuration",
        "cleanup failed: cloudformation:DeleteChangeSet failed",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
}
