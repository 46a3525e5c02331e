//! Tests of `s3ferry adopt` and `s3ferry init --from` with an existing pipeline, as a file and
//! live.

use serde_json::{Value, json};

use crate::emulator::profiles::log_in;
use crate::emulator::{Accounts, Emulator};
use crate::played_pipeline::PlayedPipeline;
use crate::support::Project;

/// The output of `aws codepipeline get-pipeline` for a pipeline that was created in the console.
const DEFINITION: &str = include_str!("../fixtures/existing-pipeline.json");
const KEY: &str = "arn:aws:kms:us-east-1:111111111111:key/11111111-2222-4333-8444-555555555555";

fn project() -> Project {
    let project = Project::empty();
    project.write("site.json", DEFINITION);
    project.expect("init --from site.json --prod-account 222222222222", 0);
    project
}

#[test]
fn init_from_a_pipeline_writes_a_configuration_for_adopt() {
    let project = project();
    let config = project.read("s3ferry.yaml");
    for line in [
        "account: \"111111111111\"",
        "bucket: \"website-sources\"",
        "object_key: \"site/build.zip\"",
        "bucket: \"codepipeline-us-east-1-123456789012\"",
        "name: \"website\"",
        "service_role: \"arn:aws:iam::111111111111:role/service-role/AWSCodePipelineServiceRole-us-east-1-website\"",
        "bucket: \"website-production\"",
    ] {
        assert!(config.contains(line), "{line}\n{config}");
    }
    assert_eq!(config.matches("create: false").count(), 4, "{config}");
    project.expect("synth --no-lint", 0);
    let dev = project.read("stacks/dev.yaml");
    assert!(!dev.contains("AWS::S3::Bucket\n"), "a bucket is created");
    assert!(dev.contains("AWSCodePipelineServiceRole-us-east-1-website"));
    let run = project.expect(&format!("adopt site.json --key-arn {KEY}"), 0);
    let added: Vec<&str> = (run.stdout.lines())
        .filter(|line| line.starts_with('+') && !line.starts_with("+++"))
        .collect();
    let removed: Vec<&str> = (run.stdout.lines())
        .filter(|line| line.starts_with('-') && !line.starts_with("---"))
        .collect();
    for wanted in [
        "\"roleArn\": \"arn:aws:iam::222222222222:role/prods3role\"",
        "\"namespace\": \"DeployVariables\"",
        &format!("\"id\": \"{KEY}\""),
    ] {
        assert!(
            added.iter().any(|line| line.contains(wanted)),
            "{wanted}\n{}",
            run.stdout
        );
    }
    assert!(
        removed.iter().any(|line| line.contains("\"metadata\"")),
        "{}",
        run.stdout
    );
    // Only the reported lines change: three lines of the action, the key, and the preceding commas.
    assert!(added.len() <= 10 && removed.len() <= 10, "{}", run.stdout);
}

#[test]
fn the_adopted_definition_is_a_file_and_adopting_it_again_changes_nothing() {
    let project = project();
    let run = project.expect(
        &format!("adopt site.json --key-arn {KEY} --out adopted.json"),
        0,
    );
    assert!(
        run.stderr.contains("update-pipeline --cli-input-json"),
        "{}",
        run.stderr
    );
    let adopted = project.read("adopted.json");
    let mut value: Value = serde_json::from_str(&adopted).expect("JSON");
    let mut before: Value = serde_json::from_str(DEFINITION).expect("JSON");
    // Without the changed members, the definition is the original one.
    let action = &mut value["pipeline"]["stages"][2]["actions"][0];
    for key in ["roleArn", "namespace"] {
        assert!(
            action
                .as_object_mut()
                .and_then(|action| action.remove(key))
                .is_some(),
            "{key}"
        );
    }
    let old_store = before["pipeline"]["artifactStore"].take();
    let store = value["pipeline"]["artifactStore"].take();
    assert_eq!(store["encryptionKey"], json!({"id": KEY, "type": "KMS"}));
    assert_eq!(store["location"], old_store["location"]);
    before
        .as_object_mut()
        .expect("an object")
        .remove("metadata");
    assert_eq!(value, before);
    let run = project.expect(&format!("adopt adopted.json --key-arn {KEY} --out -"), 0);
    assert_eq!(run.stdout, adopted);
    assert!(run.stderr.contains("No changes."), "{}", run.stderr);
}

#[test]
fn other_roles_that_need_the_new_key_are_named() {
    let project = project();
    let mut definition: Value = serde_json::from_str(DEFINITION).expect("JSON");
    let stages = definition["pipeline"]["stages"].as_array_mut();
    let mut build = json!({
        "name": "Compile",
        "actionTypeId":
            {"category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1"},
        "runOrder": 1,
        "configuration": {"ProjectName": "website-build"},
        "inputArtifacts": [{"name": "SourceArtifact"}],
        "outputArtifacts": [{"name": "BuildArtifact"}],
    });
    let stages = stages.expect("stages");
    stages.insert(1, json!({"name": "Build", "actions": [build.clone()]}));
    build["name"] = json!("Check");
    build["actionTypeId"]["provider"] = json!("Jenkins");
    build["roleArn"] = json!("arn:aws:iam::111111111111:role/checks");
    stages.insert(2, json!({"name": "Test", "actions": [build]}));
    project.write("site.json", format!("{definition:#}"));
    let run = project.expect(
        &format!("adopt site.json --key-arn {KEY} --out adopted.json"),
        0,
    );
    for part in [
        "Action Compile of stage Build uses artifacts that are now encrypted with",
        "the service role of its CodeBuild project website-build must be allowed",
        "Action Check of stage Test uses",
        "its role arn:aws:iam::111111111111:role/checks must be allowed",
    ] {
        let text = run.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(part), "{part}\n{}", run.stderr);
    }
    let run = project.expect(&format!("adopt adopted.json --key-arn {KEY} --out -"), 0);
    assert!(!run.stderr.contains("must be allowed"), "{}", run.stderr);
}

#[test]
fn the_bare_definition_uses_the_matching_option() {
    let project = project();
    let whole: Value = serde_json::from_str(DEFINITION).expect("JSON");
    project.write("bare.json", format!("{:#}", whole["pipeline"]));
    let adopt = format!("--key-arn {KEY} --config ./s3ferry.yaml --out");
    let run = project.expect(&format!("adopt bare.json {adopt} it's.json"), 0);
    let said = "`aws codepipeline update-pipeline --pipeline 'file://it'\\''s.json'`";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    let next =
        format!("`s3ferry adopt --name website --write --key-arn {KEY} --config ./s3ferry.yaml`");
    assert!(run.stderr.contains(&next), "{}", run.stderr);
    let written: Value = serde_json::from_str(&project.read("it's.json")).expect("JSON");
    assert_eq!(written["name"], "website");
    let run = project.expect(&format!("adopt site.json {adopt} adopted.json"), 0);
    let said = "`aws codepipeline update-pipeline --cli-input-json file://adopted.json`";
    assert!(run.stderr.contains(said), "{}", run.stderr);
}

#[test]
fn invalid_definitions_are_rejected_with_a_position() {
    let project = project();
    let cases = [
        (
            DEFINITION.replace("\"stages\"", "\"stagges\""),
            "missing `stages`",
            "site.json:3:",
        ),
        (
            DEFINITION.replacen("website-production", "another", 1),
            "no S3 deploy action",
            "site.json:",
        ),
        (
            DEFINITION.replacen("\"name\": \"website\"", "\"name\": \"web\"", 1),
            "the pipeline's name is `web`",
            "site.json:3:17",
        ),
        (
            "{\n  \"pipeline\": {,}\n}".to_owned(),
            "invalid JSON",
            "site.json:2:16",
        ),
    ];
    for (text, message, place) in cases {
        project.write("site.json", text);
        let run = project.expect(&format!("adopt site.json --key-arn {KEY}"), 2);
        let problems = run.problems();
        assert!(problems[0].message.contains(message), "{}", run.stderr);
        assert!(problems[0].place.starts_with(place), "{}", run.stderr);
        assert!(!problems[0].help.is_empty());
    }
    project.write("site.json", DEFINITION);
    let prefix = "arn:aws:kms:us-east-1:111111111111:key/";
    for arn in [
        "alias/s3deploykey".to_owned(),
        prefix.to_owned(),
        format!("{prefix}*"),
        format!("{prefix}1234/5678"),
    ] {
        let run = project.expect(&format!("adopt site.json --key-arn {arn}"), 2);
        assert!(
            run.stderr.contains("is not the ARN of a key"),
            "{}",
            run.stderr
        );
    }
    let run = project.expect("adopt site.json", 1);
    assert!(
        run.stderr.contains("the dev stack is not deployed"),
        "{}",
        run.stderr
    );
}

#[test]
fn init_from_asks_for_missing_information() {
    let project = Project::empty();
    project.write("site.json", DEFINITION);
    let run = project.expect("init --from site.json", 2);
    assert!(
        run.stderr.contains("--prod-account is required"),
        "{}",
        run.stderr
    );
    let run = project.expect(
        "init --from site.json --bucket-account other=222222222222",
        2,
    );
    assert!(
        run.stderr.contains("does not deploy to bucket `other`"),
        "{}",
        run.stderr
    );
    project.expect(
        "init --from site.json --bucket-account website-production=222222222222",
        0,
    );
    // A role identifies the account of the bucket, unless it is a role in the dev account.
    let mut with_role: Value = serde_json::from_str(DEFINITION).expect("JSON");
    for (account, code) in [("111111111111", 2), ("222222222222", 0)] {
        with_role["pipeline"]["stages"][2]["actions"][0]["roleArn"] =
            json!(format!("arn:aws:iam::{account}:role/deploys"));
        project.write("role.json", with_role.to_string());
        let run = project.expect("init --from role.json --force", code);
        let asks = run.stderr.contains("--prod-account is required");
        assert_eq!(asks, code == 2, "{}", run.stderr);
    }
    let build = DEFINITION.replace("\"provider\": \"S3\"", "\"provider\": \"CodeCommit\"");
    project.write("site.json", build);
    let run = project.expect(
        "init --from site.json --force --prod-account 222222222222",
        2,
    );
    assert!(
        run.problems()[0]
            .message
            .contains("neither an object in S3 nor a repository with a connection (CodeCommit)"),
        "{}",
        run.stderr
    );
}

/// Creates a project with new accounts and a simulated pipeline.
fn live() -> (Project, PlayedPipeline, String, Value) {
    let accounts = Accounts::fresh();
    let text = DEFINITION.replace("111111111111", &accounts.dev);
    let mut project = Project::empty();
    project.write("site.json", &text);
    project.expect(
        &format!("init --from site.json --prod-account {}", accounts.prod),
        0,
    );
    let played = PlayedPipeline::before(Emulator::shared().address());
    accounts.log_in(&mut project, &played.endpoint());
    // The API returns times in seconds, and the AWS CLI prints them as dates.
    let wire = text.replace("\"2025-03-14T09:26:53.589000+00:00\"", "1741944413.589");
    let answer: Value = serde_json::from_str(&wire).expect("JSON");
    played.plays_text("GetPipeline", &wire);
    played.plays([
        (
            "ListPipelineExecutions",
            vec![json!({"pipelineExecutionSummaries": []})],
        ),
        (
            "UpdatePipeline",
            vec![json!({"pipeline": {
                "name": "website", "roleArn": "r", "version": 8, "stages": [],
            }})],
        ),
    ]);
    let key = KEY.replace("111111111111", &accounts.dev);
    (project, played, key, answer)
}

#[test]
fn the_live_pipeline_is_changed_as_shown() {
    let (project, played, key, answer) = live();
    let shown = project.expect(&format!("adopt --name website --key-arn {key}"), 0);
    assert!(
        shown
            .stdout
            .contains("+                        \"roleArn\""),
        "{}",
        shown.stdout
    );
    assert_eq!(played.count("UpdatePipeline"), 0);
    let run = project.expect(
        &format!("adopt --name website --key-arn {key} --write --yes"),
        0,
    );
    assert!(
        run.stderr.contains("Adopted pipeline website (version 8)"),
        "{}",
        run.stderr
    );
    let sent = played.bodies("UpdatePipeline");
    assert_eq!(sent.len(), 1);
    assert_eq!(
        sent[0].as_object().expect("an object").len(),
        1,
        "metadata is sent"
    );
    // Members that the SDK does not know are sent back unchanged.
    assert_eq!(
        sent[0]["pipeline"]["futureMember"],
        answer["pipeline"]["futureMember"]
    );
    assert!(
        played.texts("UpdatePipeline")[0].contains("0.10"),
        "numbers are reformatted"
    );
    assert_eq!(
        sent[0]["pipeline"]["artifactStore"]["encryptionKey"]["id"],
        key
    );
}

#[test]
fn a_changed_or_running_pipeline_is_not_modified() {
    let (project, played, key, answer) = live();
    let write = format!("adopt site.json --key-arn {key} --write --yes");
    let mut newer = answer.clone();
    newer["pipeline"]["version"] = json!(8);
    played.plays([("GetPipeline", vec![newer.clone()])]);
    let run = project.expect(&write, 1);
    assert!(
        run.stderr
            .contains("the live pipeline has version 8, expected version 7"),
        "{}",
        run.stderr
    );
    // The pipeline changes while the command waits for the answer.
    played.plays([("GetPipeline", vec![answer.clone(), newer])]);
    project.expect(&write, 1);
    played.plays([
        ("GetPipeline", vec![answer]),
        (
            "ListPipelineExecutions",
            vec![json!({"pipelineExecutionSummaries": [
                {"pipelineExecutionId": "e-1", "status": "InProgress"},
            ]})],
        ),
    ]);
    let run = project.expect(&write, 1);
    assert!(run.stderr.contains("execution e-1"), "{}", run.stderr);
    assert_eq!(played.count("UpdatePipeline"), 0);
}

#[test]
fn without_an_answer_nothing_is_changed() {
    let (project, played, key, _) = live();
    let run = project.expect(&format!("adopt --name website --key-arn {key} --write"), 2);
    assert!(run.stderr.contains("--yes"), "{}", run.stderr);
    assert_eq!(played.count("UpdatePipeline"), 0);
}

/// The error of CodePipeline for the role of a target.
fn refusal(project: &Project) -> String {
    let config = project.read("s3ferry.yaml");
    let (_, target) = config.split_once("targets:").expect("targets");
    let account = target.split('"').find(|word| word.len() == 12);
    let account = account.expect("an account ID");
    format!(
        "arn:aws:iam::1:role/a is not authorized to perform AssumeRole on role \
         arn:aws:iam::{account}:role/prods3role"
    )
}

#[test]
fn the_role_of_a_missing_target_is_reported_immediately() {
    let (project, played, key, _) = live();
    let refusal = refusal(&project);
    played.plays_error("UpdatePipeline", "InvalidStructureException", &refusal);
    let run = project.expect(
        &format!("adopt --name website --key-arn {key} --write --yes"),
        1,
    );
    for part in [
        "target `prod` does not exist",
        "deploy the target first (`s3ferry deploy --profile prod`)",
        "nothing was changed",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert_eq!(played.count("UpdatePipeline"), 1);
}

#[test]
fn a_role_that_has_not_propagated_is_retried() {
    let (mut project, played, key, _) = live();
    let refusal = refusal(&project);
    for _ in 0..2 {
        played.plays_error_first("UpdatePipeline", "InvalidStructureException", &refusal);
    }
    // Without a profile for prod, it is unknown whether its role is missing.
    let config = project.read("s3ferry.yaml");
    let (_, dev) = config.split_once("account: \"").expect("an account");
    log_in(&mut project, &played.endpoint(), &[("dev", &dev[..12])]);
    let run = project.expect(
        &format!("adopt --name website --key-arn {key} --write --yes"),
        0,
    );
    assert_eq!(
        run.stderr.matches("Retrying in").count(),
        2,
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("the state of target `prod` is unknown"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("Adopted pipeline website (version 8)"),
        "{}",
        run.stderr
    );
    assert_eq!(played.count("UpdatePipeline"), 3);
    // Each attempt first checks that the pipeline is unchanged and idle.
    assert_eq!(played.count("ListPipelineExecutions"), 4);
}
