//! A deploy does not change a pipeline during an execution.

use serde_json::json;

use super::Site;
use crate::emulator::{Answer, Emulator, Fault};

const PIPELINE: &str = "crossaccountdeploy";

/// Returns a site whose next deploy changes only the pipeline of dev.
fn about_to_change() -> Site {
    let site = Site::new().deployed();
    let config = site.project.read("s3ferry.yaml");
    site.reconfigure(&config, &format!("{config}    cache_control: no-store\n"));
    site
}

#[test]
fn a_deploy_waits_for_a_running_execution() {
    let site = about_to_change();
    let running = json!({ "pipelineExecutionSummaries": [
        { "pipelineExecutionId": "11111111-aaaa", "status": "InProgress" }
    ]});
    let answer = Fault::Answered(Answer::json(running));
    for nth in [1, 2] {
        site.proxy
            .nth("ListPipelineExecutions", nth, answer.clone());
    }
    let run = site.deploy("--profile dev --yes", 0);
    let waits = "Execution 11111111-aaaa of pipeline crossaccountdeploy is running";
    assert_eq!(run.stderr.matches(waits).count(), 1, "{}", run.stderr);
    let actions = site.proxy.actions();
    let place = |action: &str| actions.iter().rposition(|found| found == action);
    assert!(place("ListPipelineExecutions") < place("ExecuteChangeSet"));
    assert_eq!(
        actions
            .iter()
            .filter(|found| *found == "ListPipelineExecutions")
            .count(),
        3
    );
    let pipeline = Emulator::shared().aws(
        &site.accounts.dev,
        &format!("codepipeline get-pipeline --name {PIPELINE}"),
    );
    assert_eq!(pipeline["pipeline"]["version"], 2);
}

#[test]
fn nothing_is_changed_when_the_execution_does_not_end() {
    let site = about_to_change();
    Emulator::shared().execution(&site.accounts.dev, PIPELINE, "InProgress");
    let before = site.state();
    let run = site.deploy("--profile dev --yes --wait-timeout 1s", 1);
    assert!(
        run.stderr
            .contains("of pipeline `crossaccountdeploy` is not complete after"),
        "{}",
        run.stderr
    );
    assert_eq!(site.state(), before);
}

#[test]
fn the_execution_is_interrupted_only_with_the_option() {
    let site = about_to_change();
    Emulator::shared().execution(&site.accounts.dev, PIPELINE, "InProgress");
    let run = site.deploy("--profile dev --yes --interrupt-execution", 0);
    assert!(run.stderr.contains("aborts execution"), "{}", run.stderr);
}

#[test]
fn a_completed_execution_does_not_prevent_a_deployment() {
    let site = about_to_change();
    Emulator::shared().execution(&site.accounts.dev, PIPELINE, "Failed");
    let run = site.deploy("--profile dev --yes", 0);
    assert!(!run.stderr.contains("Waiting for it"), "{}", run.stderr);
}
