//! `push` and `status` for a pipeline whose source is a repository, with the emulator and a scripted
//! CodePipeline.

use serde_json::{Value as Json, json};

use crate::cli_push::{action, result};
use crate::emulator::{Accounts, Emulator};
use crate::played_pipeline::PlayedPipeline;
use crate::support::Project;

const COMMIT: &str = "4f3c2b1a908f7e6d5c4b3a291807f6e5d4c3b2a1";
const OLDER: &str = "0123456789abcdef0123456789abcdef01234567";

struct Stage {
    project: Project,
    pipeline: PlayedPipeline,
}

/// Returns the configuration with a repository instead of a source bucket.
pub(crate) fn config(accounts: &Accounts) -> String {
    let (dev, bucket) = (
        &accounts.dev,
        format!("    bucket: source-{}\n", accounts.dev),
    );
    let repository = format!(
        "    connection: arn:aws:codeconnections:us-east-1:{dev}:connection/11111111-2222-3333-\
         4444-555555555555\n    repository: example/website\n    branch: main\n"
    );
    accounts.config().replace(&bucket, &repository)
}

impl Stage {
    fn new() -> Self {
        let accounts = Accounts::fresh();
        let pipeline = PlayedPipeline::before(Emulator::shared().address());
        let mut project = Project::with(&config(&accounts));
        accounts.log_in(&mut project, &pipeline.endpoint());
        Self { project, pipeline }
    }

    /// Simulates these executions, from newest to oldest. All have ended with their status.
    fn plays(&self, executions: &[(&str, &str)]) {
        let summaries: Vec<Json> = executions
            .iter()
            .enumerate()
            .map(|(number, (commit, status))| {
                json!({
                    "pipelineExecutionId": format!("execution-{number}"),
                    "status": status,
                    "startTime": 1.7e9,
                    "sourceRevisions": [{"actionName": "Source", "revisionId": commit}],
                })
            })
            .collect();
        let (commit, status) = executions.first().copied().unwrap_or_default();
        self.pipeline.plays([
            (
                "ListPipelineExecutions",
                vec![json!({"pipelineExecutionSummaries": summaries})],
            ),
            (
                "GetPipelineExecution",
                vec![json!({"pipelineExecution": {
                    "pipelineName": "crossaccountdeploy",
                    "pipelineExecutionId": "execution-0",
                    "status": status,
                    "artifactRevisions": [{"name": "SourceArtifact", "revisionId": commit}],
                }})],
            ),
            (
                "ListActionExecutions",
                vec![json!({"actionExecutionDetails": [
                    action("Deploy", "Deploy", "Succeeded", ""),
                    action("Source", "Source", "Succeeded", ""),
                ]})],
            ),
            ("GetPipelineState", vec![json!({"stageStates": []})]),
            (
                "StartPipelineExecution",
                vec![json!({"pipelineExecutionId": "execution-0"})],
            ),
        ]);
    }
}

#[test]
fn the_execution_of_a_commit_is_followed() {
    let stage = Stage::new();
    stage.plays(&[(COMMIT, "Succeeded"), (OLDER, "Succeeded")]);
    for arguments in ["push --watch", "push 4F3C2B1", "push --watch 4f3c2b1"] {
        let run = stage
            .project
            .expect(&format!("{arguments} --format json"), 0);
        crate::schemas::conforms("push", &run.stdout);
        let found = result(&run);
        assert_eq!(found["source"], Json::Null);
        assert_eq!(found["repository"]["commitId"], COMMIT, "{arguments}");
        assert_eq!(found["repository"]["repository"], "example/website");
        assert_eq!(found["execution"]["status"], "Succeeded");
        assert!(
            run.stderr.contains(&format!("deployed commit {COMMIT}")),
            "{}",
            run.stderr
        );
    }
    assert_eq!(stage.pipeline.count("StartPipelineExecution"), 0);
    assert_eq!(
        stage.project.expect("push --watch", 0).stdout,
        format!("{COMMIT}\n")
    );
    for call in ["HeadObject", "PutObject", "GetBucketVersioning"] {
        assert_eq!(stage.pipeline.count(call), 0, "{call}");
    }
}

#[test]
fn an_unknown_commit_is_reported_with_its_possible_causes() {
    let stage = Stage::new();
    stage.plays(&[(COMMIT, "Succeeded")]);
    let run = stage
        .project
        .expect("push --watch fffffff --wait-timeout 1s", 1);
    for part in ["uses commit fffffff", "trigger filters", "push --start"] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    stage.plays(&[]);
    let run = stage.project.expect("push --watch --wait-timeout 1s", 1);
    assert!(run.stderr.contains("has no executions"), "{}", run.stderr);
}

#[test]
fn an_older_commit_is_deployed_again() {
    let stage = Stage::new();
    stage.plays(&[(OLDER, "Succeeded")]);
    let run = stage.project.expect(&format!("push --start {OLDER}"), 0);
    assert_eq!(run.stdout, format!("{OLDER}\n"));
    let started = stage.pipeline.bodies("StartPipelineExecution");
    assert_eq!(
        started[0]["sourceRevisions"],
        json!([{
            "actionName": "Source",
            "revisionType": "COMMIT_ID",
            "revisionValue": OLDER,
        }])
    );
    let run = stage.project.expect("push --start --no-watch", 0);
    assert!(run.stderr.contains("push --watch"), "{}", run.stderr);
    let started = stage.pipeline.bodies("StartPipelineExecution");
    assert_eq!(
        started[1]["sourceRevisions"],
        Json::Null,
        "the newest commit"
    );
}

#[test]
fn a_failed_build_names_its_log() {
    let stage = Stage::new();
    let config = stage.project.read("s3ferry.yaml");
    let build = "dev:\n  build: {commands: [make], output: dist/**}\n";
    stage
        .project
        .write("s3ferry.yaml", config.replacen("dev:\n", build, 1));
    stage.project.expect("synth", 0);
    stage.plays(&[(COMMIT, "Failed")]);
    let failed = |code: &str, message: &str| {
        let mut failed = action("Build", "Build", "Failed", message);
        failed["output"]["executionResult"]["errorDetails"] =
            json!({"code": code, "message": message});
        stage.pipeline.plays([(
            "ListActionExecutions",
            vec![json!({"actionExecutionDetails": [failed]})],
        )]);
        stage.project.expect("push --watch", 1)
    };
    let run = failed("JobFailed", "Build terminated with state: FAILED");
    for part in [
        "The build failed",
        "aws logs tail /aws/codebuild/crossaccountdeploy-build",
        "--region us-east-1",
        &format!("s3ferry push --start {COMMIT}"),
    ] {
        assert!(run.stderr.contains(part), "{part}\n{}", run.stderr);
    }
    let run = failed(
        "PermissionError",
        "User: arn:aws:sts::111111111111:assumed-role/r/1 is not authorized to perform: \
         codebuild:StartBuild on resource: arn:aws:codebuild:us-east-1:111111111111:project/p",
    );
    assert!(
        run.stderr.contains("belongs to step `build`"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains("logs tail"), "{}", run.stderr);
}

#[test]
fn another_commit_and_a_failure_name_the_commit_to_start_again() {
    let stage = Stage::new();
    stage.plays(&[(COMMIT, "Failed")]);
    let run = stage.project.expect("push --watch", 1);
    assert!(
        run.stderr
            .contains(&format!("s3ferry push --start {COMMIT}")),
        "{}",
        run.stderr
    );
    // A failed source action is not explained by a missing object.
    let mut failed = action("Source", "Source", "Failed", "No branch was found");
    failed["output"]["executionResult"]["errorDetails"] =
        json!({"code": "ConfigurationError", "message": "No branch was found"});
    stage.pipeline.plays([(
        "ListActionExecutions",
        vec![json!({"actionExecutionDetails": [failed]})],
    )]);
    let run = stage.project.expect("push --watch", 1);
    assert!(run.stderr.contains("No branch was found"), "{}", run.stderr);
    assert!(!run.stderr.contains("source object"), "{}", run.stderr);
}

#[test]
fn status_compares_the_pipeline_with_the_newest_commit() {
    let stage = Stage::new();
    stage.plays(&[(COMMIT, "Failed"), (OLDER, "Succeeded")]);
    stage.project.expect("deploy --all --yes", 0);
    let before = stage.pipeline.count("ListPipelineExecutions");
    let run = stage.project.run("status");
    let calls = stage.pipeline.count("ListPipelineExecutions") - before;
    assert_eq!(calls, 1, "the executions are read once");
    for part in [
        "Source example/website (branch main): newest commit with an execution: ",
        COMMIT,
        "the live version is 0123456789abcdef",
        &format!("s3ferry push --start {COMMIT} --profile dev"),
    ] {
        let text = format!("{}{}", run.stdout, run.stderr);
        assert!(text.contains(part), "{part}\n{text}");
    }
    let run = stage.project.run("status --format json");
    crate::schemas::conforms("status", &run.stdout);
    let found: Json = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(found["source"]["repository"], "example/website");
    assert_eq!(found["source"]["newestVersion"], COMMIT);
    assert_eq!(found["source"]["uploaded"], Json::Null);
}
