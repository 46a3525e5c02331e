//! The action for CI and the hook for commits: their definitions hold together, and the action's
//! script is run as a runner would.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{Project, SMALL};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn yaml(name: &str) -> Value {
    let text = std::fs::read_to_string(root().join(name)).expect("a file");
    serde_yaml::from_str(&text).expect("YAML")
}

#[test]
fn the_action_is_one_by_the_public_schema() {
    let action = yaml("action.yml");
    let schema = std::fs::read_to_string(root().join("tests/fixtures/github-action-schema.json"))
        .expect("a file");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator
        .iter_errors(&action)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn the_action_uses_every_input_and_no_other() {
    let action = yaml("action.yml");
    let defined: BTreeSet<String> = action["inputs"]
        .as_object()
        .expect("inputs")
        .keys()
        .cloned()
        .collect();
    let text = action["runs"].to_string();
    let used: BTreeSet<String> = text
        .split("inputs.")
        .skip(1)
        .map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            rest[..end.unwrap_or(rest.len())].to_owned()
        })
        .collect();
    assert_eq!(used, defined);
    // An expression inside a script would be run as a part of it.
    for step in action["runs"]["steps"].as_array().expect("steps") {
        let script = step["run"].as_str().unwrap_or_default();
        assert!(!script.contains("${{"), "{script}");
    }
}

/// Runs the action's last step in a project.
fn run(project: &Project, command: &str, arguments: &str) -> Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_s3ferry"));
    let folder = binary.parent().expect("a folder").display();
    project.write("output", "");
    project.write("home/.keep", "");
    Command::new("bash")
        .arg(root().join("action/run.sh"))
        .current_dir(project.path(""))
        .env_clear()
        .env("HOME", project.path("home"))
        .env("PATH", format!("{folder}:/usr/bin:/bin"))
        .env("RUNNER_TEMP", project.path("home"))
        .env("GITHUB_OUTPUT", project.path("output"))
        .env("COMMAND", command)
        .env("ARGS", arguments)
        .env("CONFIG", "s3ferry.yaml")
        .output()
        .expect("bash runs")
}

#[test]
fn the_check_runs_everything_and_gives_the_findings() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    let good = run(&project, "check", "");
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    let sarif: Value = serde_json::from_str(&project.read("home/s3ferry.sarif")).expect("JSON");
    assert_eq!(sarif["runs"][0]["results"], serde_json::json!([]));
    let path = project.path("home/s3ferry.sarif").display().to_string();
    assert_eq!(project.read("output"), format!("sarif-file={path}\n"));

    // Stale, more than is needed, and a template against the rules: all said in one run.
    let prod = project.read("stacks/prod.yaml");
    let edited = prod.replace("kms:Decrypt", "kms:*");
    assert_ne!(edited, prod);
    project.write("stacks/prod.yaml", edited);
    project.write(
        "bad.json",
        r#"{"Resources": {"B": {"Type": "AWS::S3::Bucket"}}}"#,
    );
    let bad = run(&project, "check", "bad.json");
    assert_eq!(bad.status.code(), Some(1), "{bad:?}");
    let said = String::from_utf8_lossy(&[bad.stdout, bad.stderr].concat()).into_owned();
    for part in [
        "+++ stacks/prod.yaml",
        "--> bad.json",
        "DecryptArtifacts: serves 2 calls",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let sarif: Value = serde_json::from_str(&project.read("home/s3ferry.sarif")).expect("JSON");
    assert_ne!(sarif["runs"][0]["results"], serde_json::json!([]));
}

#[test]
fn another_command_gets_its_arguments_and_keeps_its_exit_code() {
    let project = Project::with(SMALL);
    let listed = run(&project, "targets", "--target prod --format csv");
    assert_eq!(listed.status.code(), Some(0), "{listed:?}");
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 2);
    // Nothing of the arguments is a command of the shell.
    let odd = run(&project, "targets", "--target $(touch gone) ;touch gone");
    assert_eq!(odd.status.code(), Some(2), "{odd:?}");
    assert!(!project.exists("gone"));
}

#[test]
fn the_hooks_watch_what_synth_reads_and_writes() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    for hook in hooks.as_array().expect("hooks") {
        assert_eq!(hook["entry"], "s3ferry synth --check");
        assert_eq!(hook["pass_filenames"], false);
    }
}
