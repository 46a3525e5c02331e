//! The JSON output of commands has the shape that `schemas/` documents: no member is missing, and
//! every member is described.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::emulator::{Accounts, Emulator};
use crate::support::{Project, SMALL};

fn schema(name: &str) -> Value {
    let text = Project::empty()
        .expect(&format!("schema --of {name}"), 0)
        .stdout;
    serde_json::from_str(&text).expect("JSON")
}

/// Returns a schema that accepts only the members that it describes. The published schema is open,
/// so that new members break nothing.
fn closed(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let mut members: serde_json::Map<String, Value> = members
                .iter()
                .map(|(name, value)| (name.clone(), closed(value)))
                .collect();
            if members.contains_key("required") && members.contains_key("properties") {
                members.insert("additionalProperties".to_owned(), json!(false));
            }
            Value::Object(members)
        }
        Value::Array(items) => items.iter().map(closed).collect(),
        other => other.clone(),
    }
}

/// Asserts that one JSON document has the documented shape.
pub(crate) fn conforms(name: &str, text: &str) -> Value {
    let found: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let validator = jsonschema::draft202012::new(&closed(&schema(name))).expect("a schema");
    let errors: Vec<String> = validator
        .iter_errors(&found)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name}: {errors:#?}\n{found:#}");
    found
}

#[test]
fn every_schema_is_valid_and_describes_every_member() {
    fn undescribed(path: &str, schema: &Value, found: &mut Vec<String>) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let known = ["description", "$ref", "const", "anyOf"];
            if known.iter().all(|word| property.get(word).is_none()) {
                found.push(format!("{path}.{name}"));
            }
        }
        match schema {
            Value::Object(members) => members
                .iter()
                .for_each(|(name, value)| undescribed(&format!("{path}.{name}"), value, found)),
            Value::Array(items) => items
                .iter()
                .for_each(|value| undescribed(path, value, found)),
            _ => {}
        }
    }
    for name in files() {
        let schema = schema(&name);
        jsonschema::draft202012::meta::validate(&schema)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut found = Vec::new();
        undescribed(&name, &schema, &mut found);
        assert_eq!(found, Vec::<String>::new());
        assert_eq!(schema["properties"]["version"]["const"], 1, "{name}");
    }
}

/// Returns the names of the files in `schemas/`.
fn files() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let entries = std::fs::read_dir(folder).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names
        .map(|name| name.to_str().expect("UTF-8").replace(".json", ""))
        .collect()
}

#[test]
fn every_file_is_offered() {
    let help = Project::empty().expect("schema --of nothing", 2).stderr;
    for name in files() {
        assert!(help.contains(&name), "{name}: {help}");
    }
}

#[test]
fn findings_proofs_lists_and_decisions() {
    let project = Project::with(SMALL);
    project.write(
        "bad.json",
        r#"{"Resources": {"B": {"Type": "AWS::S3::Bucket"}}}"#,
    );
    let found = conforms(
        "lint",
        &project.expect("lint --format json bad.json", 1).stdout,
    );
    assert_ne!(found["findings"], json!([]));
    let found = conforms("lint", &project.expect("lint --format json", 0).stdout);
    assert_ne!(found["suppressed"], json!([]));
    conforms(
        "lint-rules",
        &project.expect("lint --list-rules --format json", 0).stdout,
    );
    conforms("prove", &project.expect("prove --format json", 0).stdout);
    conforms(
        "targets",
        &project.expect("targets --format json", 0).stdout,
    );

    // A denied call, with the statement to add.
    project.expect("synth", 0);
    let prod = project.read("stacks/prod.yaml");
    project.write(
        "stacks/prod.yaml",
        prod.replace("kms:Decrypt", "kms:Dekrypt"),
    );
    let found = conforms("prove", &project.expect("prove --format json", 1).stdout);
    assert_eq!(found["proven"], false);
    assert_ne!(found["unknownActions"], json!([]));
    let calls = found["calls"].as_array().expect("calls");
    assert!(calls.iter().any(|call| call["add"] != json!([])));

    let case = |effect: &str| {
        json!({"id": effect, "request": {"principal": "arn:aws:iam::111111111111:role/a",
            "action": "s3:GetObject", "resource": "arn:aws:s3:::b/k", "resourceAccount": "111111111111"},
        "identityPolicies": [{"Version": "2012-10-17", "Statement": {"Sid": "One", "Effect": effect,
            "Action": "s3:Get*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/a": "b"}}}}]})
    };
    project.write(
        "cases.json",
        format!("{}\n{}\n", case("Allow"), case("Deny")),
    );
    let run = project.expect("authorize --format json cases.json", 0);
    assert_eq!(run.stdout.lines().count(), 2);
    for line in run.stdout.lines() {
        conforms("authorize", line);
    }
}

#[test]
fn the_life_of_a_deployment() {
    let accounts = Accounts::fresh();
    let project = accounts.project(&Emulator::shared().endpoint());
    let run = |name: &str, arguments: &str, code: i32| -> Value {
        conforms(
            name,
            &project
                .expect(&format!("{arguments} --format json"), code)
                .stdout,
        )
    };

    let missing = run("status", "status", 0);
    assert_eq!(missing["stacks"][0]["state"], "missing");
    run("diff", "diff --profile dev", 1);
    let planned = run("deploy", "deploy --profile dev --dry-run", 0);
    assert_ne!(planned["stacks"][0]["changes"], json!([]));
    run("deploy", "deploy --all --yes", 0);
    run("deploy", "deploy --all --yes", 0);
    conforms("outputs", &project.read(".s3ferry/outputs.json"));
    run("diff", "diff --all", 0);
    run("status", "status --drift", 0);
    run("events", "events --profile dev --operations 5", 0);
    run("doctor", "doctor", 0);

    project.expect("sample", 0);
    let pushed = run("push", "push sample-website.zip --no-watch", 0);
    assert_eq!(pushed["source"]["uploaded"], true);

    let config = project.read("s3ferry.yaml");
    project.write("s3ferry.yaml", format!("{config}tags:\n  team: web\n"));
    project.expect("synth --no-lint", 0);
    let changed = run("diff", "diff --all", 1);
    assert_ne!(changed["stacks"][0]["changes"], json!([]));

    let Accounts { dev, .. } = &accounts;
    let bucket = format!("artifacts-{dev}");
    Emulator::shared().aws(
        dev,
        &format!("s3api delete-bucket-policy --bucket {bucket}"),
    );
    let broken = run("doctor", "doctor", 1);
    assert_ne!(broken["findings"][0]["consequences"], json!([]));

    let names = "--confirm crossaccountdeploy-prod --confirm crossaccountdeploy-dev";
    let deleted = run("destroy", &format!("destroy --all {names}"), 0);
    assert_ne!(deleted["stacks"][0]["retained"], json!([]));
}
