//! The GitHub action and the pre-commit hooks: consistency of their definitions, and runs of the
//! action's scripts as on a runner.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
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
fn the_action_is_valid_against_the_public_schema() {
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
    // An expression in a script would be executed as part of it.
    for step in action["runs"]["steps"].as_array().expect("steps") {
        let script = step["run"].as_str().unwrap_or_default();
        assert!(!script.contains("${{"), "{script}");
    }
}

/// Runs the action's last step in a project.
fn run(project: &Project, command: &str, arguments: &str) -> Output {
    run_in(project, "", command, arguments)
}

/// Runs the action's last step in a folder of the project, which is the repository.
fn run_in(project: &Project, within: &str, command: &str, arguments: &str) -> Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_s3ferry"));
    let folder = binary.parent().expect("a folder").display();
    project.write("output", "");
    project.write("home/.keep", "");
    Command::new("bash")
        .arg(root().join("action/run.sh"))
        .current_dir(project.path(within))
        .env_clear()
        .env("HOME", project.path("home"))
        .env("PATH", format!("{folder}:/usr/bin:/bin"))
        .env("RUNNER_TEMP", project.path("home"))
        .env("GITHUB_OUTPUT", project.path("output"))
        .env("GITHUB_WORKSPACE", workspace(project))
        .env("COMMAND", command)
        .env("ARGS", arguments)
        .env("CONFIG", "s3ferry.yaml")
        .output()
        .expect("bash runs")
}

/// Returns the path of the project folder as seen by a shell in it.
fn workspace(project: &Project) -> PathBuf {
    project.path("").canonicalize().expect("a folder")
}

/// Returns the rules and files of the unsuppressed findings in a run of the SARIF file.
fn findings(project: &Project, run: usize) -> BTreeSet<(String, String)> {
    let sarif: Value = serde_json::from_str(&project.read("home/s3ferry.sarif")).expect("JSON");
    let results = sarif["runs"][run]["results"].as_array().expect("results");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    results
        .iter()
        .filter(|result| result.get("suppressions").is_none())
        .map(|result| {
            let place = &result["locations"][0]["physicalLocation"]["artifactLocation"];
            (text(&result["ruleId"]), text(&place["uri"]))
        })
        .collect()
}

fn has(found: &BTreeSet<(String, String)>, rule: &str, file: &str) -> bool {
    found.contains(&(rule.to_owned(), file.to_owned()))
}

#[test]
fn the_check_runs_everything_and_reports_the_findings() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    let good = run(&project, "check", "");
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    for run in [0, 1] {
        assert_eq!(findings(&project, run), BTreeSet::new());
    }
    let path = project.path("home/s3ferry.sarif").display().to_string();
    assert_eq!(project.read("output"), format!("sarif-file={path}\n"));

    // One run reports a stale template, excess permissions, and a rule violation.
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
        "DecryptArtifacts: needed by 2 calls",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(
        findings(&project, 0)
            .iter()
            .all(|(_, file)| file == "bad.json")
    );
    // The proof reports findings in the templates, regardless of the lint arguments.
    let proven = findings(&project, 1);
    assert!(
        has(&proven, "PROVE_EXCESS", "stacks/prod.yaml"),
        "{proven:?}"
    );
}

#[test]
fn a_manually_edited_template_has_findings_in_its_file() {
    let project = Project::with("");
    project.write("infra/s3ferry.yaml", SMALL);
    project.expect(
        "--config infra/s3ferry.yaml synth --quiet --out infra/stacks",
        0,
    );
    let prod = project.read("infra/stacks/prod.yaml");
    let edited = prod
        .replace("Action: s3:PutObject\n", "Action: s3:*\n")
        .replacen("- kms:Decrypt\n", "- kms:Sign\n", 1);
    project.write("infra/stacks/prod.yaml", edited);
    let bad = run_in(&project, "infra", "check", "");
    assert_eq!(bad.status.code(), Some(1), "{bad:?}");
    let linted = findings(&project, 0);
    let file = "infra/stacks/prod.yaml";
    assert!(has(&linted, "IAM_NO_STAR_ACTIONS", file), "{linted:?}");
    let proven = findings(&project, 1);
    assert!(proven.iter().any(|(rule, _)| rule == "PROVE_CALL_DENIED"));
    assert!(
        proven
            .iter()
            .all(|(_, file)| file.starts_with("infra/stacks/")),
        "{proven:?}"
    );
    // Code scanning rejects two runs with the same category.
    let sarif: Value = serde_json::from_str(&project.read("home/s3ferry.sarif")).expect("JSON");
    let category = |run: usize| sarif["runs"][run]["automationDetails"]["id"].clone();
    assert_eq!(category(0), "s3ferry/lint/infra/");
    assert_eq!(category(1), "s3ferry/prove/infra/");
}

#[test]
fn arguments_that_prevent_sarif_output_are_rejected() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    for arguments in [
        "--list-rules",
        "--format json",
        "--format=junit",
        "-h",
        "-vh",
    ] {
        let refused = run(&project, "check", arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments}: {refused:?}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("from args"), "{arguments}: {said}");
        assert_eq!(project.read("output"), "", "{arguments}");
    }
}

/// A repository with the action, to run `install.sh` in.
struct Upstream(Project);

impl Upstream {
    fn new() -> Self {
        let upstream = Self(Project::empty());
        upstream.git("init --quiet --initial-branch main owner/repo");
        upstream.git("-C owner/repo config uploadpack.allowAnySHA1InWant true");
        // A fake cargo copies a file of the sources.
        upstream.0.write(
            "bin/cargo",
            "#!/bin/sh\nwhile [ \"$1\" != --path ]; do shift; done\ncp \"$2/which\" \"$HOME/which\"\n",
        );
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(upstream.0.path("bin/cargo"), mode).expect("executable");
        upstream
    }

    fn git(&self, arguments: &str) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=n", "-c", "user.email=e@example.org"])
            .args(arguments.split_whitespace())
            .current_dir(self.0.path(""))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git runs");
        assert!(output.status.success(), "{arguments}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Creates a commit on the branch and returns its ID.
    fn commit(&self, content: &str) -> String {
        self.0.write("owner/repo/which", content);
        self.git("-C owner/repo add which");
        self.git("-C owner/repo commit --quiet --message c");
        self.git("-C owner/repo rev-parse HEAD")
    }

    fn install(&self, step: &str, version: &str, more: &[(&str, &str)]) -> Output {
        let path = std::env::var("PATH").expect("a path");
        self.0.write("output", "");
        Command::new("bash")
            .arg(root().join("action/install.sh"))
            .arg(step)
            .env_clear()
            .env("PATH", format!("{}:{path}", self.0.path("bin").display()))
            .env("HOME", self.0.path(""))
            .env("GITHUB_OUTPUT", self.0.path("output"))
            .env("OS", "Linux-X64")
            .env("VERSION", version)
            .env("ACTION_PATH", root())
            .env("ACTION_REPOSITORY", "owner/repo")
            .env(
                "SERVER_URL",
                format!("file://{}", self.0.path("").display()),
            )
            .envs(more.iter().copied())
            .output()
            .expect("bash runs")
    }

    fn key(&self, version: &str) -> String {
        let done = self.install("key", version, &[]);
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        self.0.read("output")
    }
}

#[test]
fn a_version_resolves_to_its_current_commit() {
    let upstream = Upstream::new();
    let first = upstream.commit("first");
    upstream.git("-C owner/repo branch other/main");
    upstream.git("-C owner/repo tag v1");
    let key = |commit: &str| format!("commit={commit}\nkey=s3ferry-Linux-X64-{commit}\n");
    assert_eq!(upstream.key("main"), key(&first));
    let second = upstream.commit("second");
    assert_eq!(upstream.key("main"), key(&second));
    assert_eq!(upstream.key("other/main"), key(&first));
    assert_eq!(upstream.key("v1"), key(&first));
    assert_eq!(upstream.key(&first), key(&first));
    for commit in [&first, &second] {
        let built = upstream.install("build", "main", &[("COMMIT", commit)]);
        assert_eq!(built.status.code(), Some(0), "{built:?}");
        let wanted = if *commit == first { "first" } else { "second" };
        assert_eq!(upstream.0.read("which"), wanted);
    }
}

#[test]
fn an_invalid_version_is_rejected() {
    let upstream = Upstream::new();
    upstream.commit("first");
    for (version, more, said) in [
        ("gone", ("A", ""), "has no branch or tag gone"),
        ("main\nkey=x", ("A", ""), "version must be a branch"),
        ("main,x", ("A", ""), "version must be a branch"),
        ("--upload-pack=x", ("A", ""), "version must be a branch"),
        ("main", ("ACTION_REPOSITORY", ""), "remove version"),
    ] {
        let refused = upstream.install("key", version, &[more]);
        assert_eq!(refused.status.code(), Some(2), "{version}: {refused:?}");
        let shown = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(shown.contains(said), "{version}: {shown}");
        assert_eq!(upstream.0.read("output"), "", "{version}");
    }
    // Without a version, the action's own sources are used.
    assert!(upstream.key("").starts_with("key=s3ferry-Linux-X64-"));
}

#[test]
fn other_commands_get_their_arguments_and_keep_their_exit_codes() {
    let project = Project::with(SMALL);
    let listed = run(&project, "targets", "--target prod --format csv");
    assert_eq!(listed.status.code(), Some(0), "{listed:?}");
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 2);
    // The shell does not execute any part of the arguments.
    let odd = run(&project, "targets", "--target $(touch gone) ;touch gone");
    assert_eq!(odd.status.code(), Some(2), "{odd:?}");
    assert!(!project.exists("gone"));
}

#[test]
fn the_hooks_run_for_all_changes() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    for hook in hooks.as_array().expect("hooks") {
        assert_eq!(hook["entry"], "s3ferry synth --check");
        assert_eq!(hook["pass_filenames"], false);
        // A configuration can use any file name, so the hook cannot filter by name.
        assert_eq!(hook["always_run"], true);
        assert_eq!(hook["files"], Value::Null);
    }
}
