//! How pipelines start: the target of the rule, and the condition of additional pipelines.

use serde_json::json;

use super::super::live::{Failure, Input, Reading, Rule, Target};
use super::{Site, read};
use crate::diagnostic::Severity;
use crate::doctor::finding::Fix;

const RULE: &str = "crossaccountdeploy-us-east-1-start";

/// A fleet whose action quota requires two pipelines.
const FLEET: &str = "dev:\n  account: \"111111111111\"\nquotas:\n  actions_per_pipeline: 4\n\
                     targets:\n  - name: canary\n    account: \"222222222222\"\n    bucket: \
                     site-canary\n  - name: fleet\n    accounts: [\"333333333333\", \
                     \"444444444444\", \"555555555555\"]\n    bucket: \"site-{account}\"\n";
const ADDITIONAL: &str = "crossaccountdeploy-2";

fn rule(site: &mut Site) -> &mut Rule {
    read(site.live.rules.get_mut(RULE).unwrap())
}

fn target(site: &mut Site) -> &mut Target {
    &mut read(&mut rule(site).targets)[0]
}

fn transformed(name: &str, template: &str) -> Input {
    Input::Transformed {
        paths: [(name.to_owned(), "$.detail.object.version-id".to_owned())].into(),
        template: template.to_owned(),
    }
}

#[test]
fn a_rule_that_passes_no_version_is_found_and_the_command_restores_it() {
    let mut site = Site::new();
    target(&mut site).input = Input::Event;
    target(&mut site).id = "Id-of-the-console".to_owned();
    let finding = site.only();
    assert_eq!(finding.rule.code(), "DOCTOR_CHANGE_EVENTS");
    assert_eq!(finding.severity, Severity::Warning);
    assert!(
        finding.message.contains("passes no source revision"),
        "{}",
        finding.message
    );
    let [Fix::Command(command)] = finding.fixes.as_slice() else {
        panic!("{:?}", finding.fixes);
    };
    let (_, argument) = command.split_once("--targets '").unwrap();
    let (argument, _) = argument.split_once('\'').unwrap();
    let targets: serde_json::Value = serde_json::from_str(argument).unwrap();
    assert_eq!(
        targets,
        json!([{
            "Id": "Id-of-the-console",
            "Arn": "arn:aws:codepipeline:us-east-1:111111111111:crossaccountdeploy",
            "RoleArn": format!("arn:aws:iam::111111111111:role/{RULE}"),
            "InputTransformer": {
                "InputPathsMap": {"revision": "$.detail.object.version-id"},
                "InputTemplate": "{\"sourceRevisions\":[{\"actionName\":\"Source\",\
                    \"revisionType\":\"S3_OBJECT_VERSION_ID\",\"revisionValue\":<revision>}]}",
            },
        }])
    );
}

#[test]
fn inputs_are_compared_by_what_the_pipeline_gets() {
    // The form in the AWS user guide, and a form with another path name.
    for input in [
        transformed(
            "revision",
            "{ \"sourceRevisions\": [ { \"actionName\": \"Source\", \"revisionType\": \
             \"S3_OBJECT_VERSION_ID\", \"revisionValue\": \"<revision>\" } ] }",
        ),
        transformed(
            "v",
            "{\"sourceRevisions\":[{\"revisionValue\":<v>,\"actionName\":\"Source\",\
             \"revisionType\":\"S3_OBJECT_VERSION_ID\"}]}",
        ),
    ] {
        let mut site = Site::new();
        target(&mut site).input = input;
        assert_eq!(site.diagnosis().findings, []);
    }
    for input in [
        transformed(
            "revision",
            "{\"sourceRevisions\":[{\"actionName\":\"Other\",\"revisionType\":\
             \"S3_OBJECT_VERSION_ID\",\"revisionValue\":<revision>}]}",
        ),
        transformed("revision", "<revision>"),
        Input::Other("{}".to_owned()),
    ] {
        let mut site = Site::new();
        target(&mut site).input = input;
        let finding = site.only();
        assert_eq!(finding.rule.code(), "DOCTOR_CHANGE_EVENTS");
        assert!(
            finding.message.contains("differs from the template"),
            "{}",
            finding.message
        );
    }
}

#[test]
fn a_condition_that_somebody_removed_is_drift() {
    let site = Site::of(FLEET);
    assert_eq!(site.diagnosis().findings, []);
    for member in ["BeforeEntry", "Variables"] {
        let mut site = Site::of(FLEET);
        let pipeline = read(site.live.pipelines.get_mut(ADDITIONAL).unwrap());
        let holder = match member {
            "Variables" => &mut pipeline.definition,
            _ => &mut pipeline.definition["Stages"][1],
        };
        assert!(holder.as_object_mut().unwrap().remove(member).is_some());
        let finding = site.only();
        assert_eq!(finding.rule.code(), "DOCTOR_DRIFT");
        assert!(finding.resource.contains(ADDITIONAL), "{finding:?}");
        let said = member.to_lowercase();
        let message = finding.message.to_lowercase();
        assert!(message.contains(&said), "{message}");
    }
}

#[test]
fn an_execution_that_a_window_stops_is_reported() {
    let mut site = Site::of(
        "dev:\n  account: \"111111111111\"\ntargets:\n  - name: prod\n    account: \
         \"222222222222\"\n    deployment_window: {cron: \"* * 9-16 ? * *\"}\n",
    );
    assert_eq!(site.diagnosis().findings, []);
    site.pipeline().failure = Reading::Read(Some(Failure {
        execution: "1".to_owned(),
        stage: "Deploy".to_owned(),
        trigger: "CreatePipeline".to_owned(),
        ..Failure::default()
    }));
    assert_eq!(site.only().rule.code(), "DOCTOR_EXECUTION");
}

/// Changes the live definition of a pipeline.
type Change = fn(&mut serde_json::Value);

#[test]
fn settings_for_stage_safety_that_somebody_changed_are_drift() {
    const SAFE: &str = "dev:\n  account: \"111111111111\"\n  pipeline: {execution_mode: \
        queued}\ntargets:\n  - name: prod\n    account: \"222222222222\"\n    approval: \
        {timeout_minutes: 60}\n    on_failure: rollback\n";
    let changes: [(&str, Change); 3] = [
        ("execution mode", |definition| {
            definition["ExecutionMode"] = json!("PARALLEL");
        }),
        ("TimeoutInMinutes of action Approve", |definition| {
            definition["Stages"][1]["Actions"][0]["TimeoutInMinutes"] = json!(61);
        }),
        ("OnFailure of stage Deploy", |definition| {
            definition["Stages"][1]["OnFailure"] = json!(null);
        }),
    ];
    assert_eq!(Site::of(SAFE).diagnosis().findings, []);
    for (said, change) in changes {
        let mut site = Site::of(SAFE);
        change(&mut site.pipeline().definition);
        let finding = site.only();
        assert_eq!(finding.rule.code(), "DOCTOR_DRIFT");
        assert!(finding.message.contains(said), "{}", finding.message);
    }
}

#[test]
fn only_the_execution_that_creation_starts_may_fail_at_the_condition() {
    let failed = |trigger: &str| Failure {
        execution: "1".to_owned(),
        stage: "fleet".to_owned(),
        trigger: trigger.to_owned(),
        ..Failure::default()
    };
    let mut site = Site::of(FLEET);
    let pipeline = read(site.live.pipelines.get_mut(ADDITIONAL).unwrap());
    pipeline.failure = Reading::Read(Some(failed("CreatePipeline")));
    assert_eq!(site.diagnosis().findings, []);

    // The source action runs before the condition, and must not fail.
    let pipeline = read(site.live.pipelines.get_mut(ADDITIONAL).unwrap());
    pipeline.failure = Reading::Read(Some(Failure {
        stage: "Source".to_owned(),
        action: "Source".to_owned(),
        code: "PermissionError".to_owned(),
        ..failed("CreatePipeline")
    }));
    assert_eq!(site.only().rule.code(), "DOCTOR_EXECUTION");

    let pipeline = read(site.live.pipelines.get_mut(ADDITIONAL).unwrap());
    pipeline.failure = Reading::Read(Some(failed("StartPipelineExecution")));
    let finding = site.only();
    assert_eq!(finding.rule.code(), "DOCTOR_EXECUTION");
    let fixes = format!("{:?}", finding.fixes);
    assert!(
        fixes.contains("retry-stage-execution") && fixes.contains("--pipeline-execution-id 1"),
        "{fixes}"
    );

    // The first pipeline has no condition, so its failure counts regardless of the trigger.
    let mut site = Site::new();
    site.pipeline().failure = Reading::Read(Some(failed("CreatePipeline")));
    assert_eq!(site.only().rule.code(), "DOCTOR_EXECUTION");
}
