//! `s3ferry init --from`: problems point to the pipeline definition, and nothing is replaced
//! silently.

use serde_json::{Value, json};

use crate::support::{Project, Shown};

const DEV: &str = "111111111111";
const PROD: &str = "222222222222";
const OTHER: &str = "333333333333";

fn definition() -> Value {
    let kind = |category: &str| json!({ "category": category, "owner": "AWS", "provider": "S3", "version": "1" });
    json!({ "pipeline": {
        "name": "site",
        "roleArn": format!("arn:aws:iam::{DEV}:role/service-role/MyRole"),
        "artifactStore": { "type": "S3", "location": "artifacts-1" },
        "stages": [
            { "name": "S", "actions": [{
                "name": "Source",
                "actionTypeId": kind("Source"),
                "configuration": { "S3Bucket": "in-1", "S3ObjectKey": "site.zip", "PollForSourceChanges": "false" },
                "outputArtifacts": [{ "name": "A" }],
            }] },
            { "name": "D", "actions": [{
                "name": "Deploy",
                "actionTypeId": kind("Deploy"),
                "configuration": { "BucketName": "out-1", "Extract": "true" },
                "inputArtifacts": [{ "name": "A" }],
            }] },
        ],
    } })
}

/// Returns a definition with one value changed. The JSON pointer is relative to `pipeline`.
fn with(pointer: &str, value: Value) -> Value {
    let mut changed = definition();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let at = changed
        .pointer_mut(&format!("/pipeline{parent}"))
        .expect("a parent");
    at[key] = value;
    changed
}

fn project(definition: &Value) -> Project {
    let project = Project::empty();
    project.write("site.json", format!("{definition:#}\n"));
    project
}

const FROM: &str = "init --from site.json --prod-account 222222222222";

/// Asserts that there is one problem, at this text of the definition, and returns it.
fn refused(definition: &Value, arguments: &str, underlined: &str) -> Shown {
    let project = project(definition);
    let run = project.expect(arguments, 2);
    assert!(!run.stderr.contains("s3ferry.yaml"), "{}", run.stderr);
    assert!(!project.exists("s3ferry.yaml"));
    let problems = run.problems();
    assert_eq!(problems.len(), 1, "{}", run.stderr);
    let line = format!("{definition:#}\n");
    let quoted = format!("\"{underlined}\"");
    let mut lines: Vec<(usize, &str)> = line.lines().enumerate().collect();
    lines.retain(|(_, line)| line.contains(&quoted));
    let (number, text) = lines.last().expect("the text");
    let column = text.find(&quoted).expect("the text") + 1;
    assert_eq!(
        problems[0].place,
        format!("site.json:{}:{column}", number + 1),
        "{}",
        run.stderr
    );
    problems.into_iter().next().expect("one")
}

#[test]
fn a_value_that_no_configuration_can_have_is_shown_in_the_definition() {
    let deploy = "/stages/1/actions/0/configuration";
    let source = "/stages/0/actions/0/configuration";
    for (pointer, value) in [
        ("/artifactStore/location".to_owned(), "Artifacts-1"),
        ("/name".to_owned(), "a name with spaces"),
        (format!("{source}/S3Bucket"), "in_1"),
        (format!("{source}/S3ObjectKey"), "/site.zip"),
        (format!("{deploy}/BucketName"), "Out"),
        (format!("{deploy}/ObjectKey"), "a//b"),
        (format!("{deploy}/KMSEncryptionKeyARN"), "alias/x"),
        ("/roleArn".to_owned(), "arn:aws:iam::111111111111:role/*"),
        // Two names collide. Only the plan detects this.
        (format!("{deploy}/BucketName"), "artifacts-1"),
    ] {
        refused(&with(&pointer, json!(value)), FROM, value);
    }
}

#[test]
fn a_role_outside_the_account_of_the_bucket_is_never_replaced_silently() {
    let role = format!("arn:aws:iam::{OTHER}:role/deploy");
    let changed = with("/stages/1/actions/0/roleArn", json!(role));
    let problem = refused(&changed, FROM, &role);
    assert!(
        problem
            .message
            .contains(&format!("the role of action Deploy is in account {OTHER}")),
        "{}",
        problem.message
    );
    assert!(
        problem.help.contains("--bucket-account"),
        "{}",
        problem.help
    );
    // The program accepts either answer.
    for owner in [OTHER, PROD] {
        let project = project(&changed);
        let run = project.expect(
            &format!("init --from site.json --bucket-account out-1={owner}"),
            0,
        );
        assert!(
            project
                .read("s3ferry.yaml")
                .contains(&format!("account: \"{owner}\""))
        );
        assert_eq!(
            run.stderr.contains("Action Deploy deploys with role"),
            owner == PROD,
            "{}",
            run.stderr
        );
    }
    // Two actions deploy to one bucket with roles in two accounts.
    let mut changed = definition();
    let actions = changed["pipeline"]["stages"][1]["actions"]
        .as_array_mut()
        .expect("actions");
    let mut second = actions[0].clone();
    actions[0]["roleArn"] = json!(format!("arn:aws:iam::{PROD}:role/one"));
    second["name"] = json!("Again");
    second["roleArn"] = json!(role);
    actions.push(second);
    refused(&changed, "init --from site.json", &role);
    // A role in the dev account is reported and replaced.
    let own = format!("arn:aws:iam::{DEV}:role/own");
    let project = project(&with("/stages/1/actions/0/roleArn", json!(own)));
    let run = project.expect(FROM, 0);
    assert!(run.stderr.contains(&own), "{}", run.stderr);
}

#[test]
fn a_role_name_keeps_its_case() {
    let project = project(&definition());
    project.expect(FROM, 0);
    for command in ["synth --no-lint", "prove"] {
        let run = project.expect(command, 0);
        let shown = format!("{}{}", run.stdout, run.stderr);
        assert!(shown.contains("MyRole"), "{command}: {shown}");
        assert!(!shown.contains("myrole"), "{command}: {shown}");
    }
    // The name works as it is printed.
    project.write(
        "role.json",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}"#,
    );
    project.expect("prove --identity MyRole=role.json", 0);
}

#[test]
fn pipelines_with_long_names_are_adopted() {
    for length in [48, 49, 64, 99, 100] {
        let name = "n".repeat(length);
        let project = project(&with("/name", json!(name)));
        project.expect(FROM, 0);
        project.expect("synth", 0);
        let dev = project.read("stacks/dev.yaml");
        assert!(dev.contains(&name));
        // The existing pipeline has its own rule.
        assert!(!dev.contains("AWS::Events::Rule"), "{length}");
        assert!(!dev.contains("-start"), "{length}");
    }
}

#[test]
fn an_option_without_an_effect_is_rejected() {
    let project = Project::empty();
    project.write("site.json", definition().to_string());
    for (options, message) in [
        (
            format!("--bucket-account out-1={PROD} --bucket-account out-1={OTHER}"),
            "duplicate --bucket-account `out-1`",
        ),
        (
            format!("--bucket-account out-1={PROD} --prod-account {OTHER}"),
            "--prod-account has no effect",
        ),
    ] {
        let run = project.expect(&format!("init --from site.json {options}"), 2);
        assert!(run.stderr.contains(message), "{options}: {}", run.stderr);
        assert!(!project.exists("s3ferry.yaml"));
    }
}
