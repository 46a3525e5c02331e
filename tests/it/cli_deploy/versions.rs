//! The deployed version of the source: after uploads, after the creation of a pipeline, and in
//! additional pipelines.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fleet::Fleet;
use super::{PATIENCE, Site};
use crate::emulator::{Answer, Emulator, Fault};
use crate::schemas::conforms;
use crate::support::Project;

const PIPELINE: &str = "crossaccountdeploy";
const ADDITIONAL: &str = "crossaccountdeploy-2";

/// Uploads a new version without waiting, and returns its ID.
fn upload(project: &Project, content: &str) -> String {
    project.write("site/index.html", content);
    let run = project.expect("push site --no-watch --profile dev", 0);
    run.stdout.trim().to_owned()
}

/// Returns the status and the version of each execution of a pipeline, with the oldest first. The
/// request lets the emulator continue waiting executions.
fn executions(account: &str, pipeline: &str) -> Vec<(String, String)> {
    let command = format!("codepipeline list-pipeline-executions --pipeline-name {pipeline}");
    let found = Emulator::shared().aws(account, &command);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found: Vec<(String, String)> = (found["pipelineExecutionSummaries"].as_array())
        .expect("executions")
        .iter()
        .map(|one| {
            (
                text(&one["status"]),
                text(&one["sourceRevisions"][0]["revisionId"]),
            )
        })
        .collect();
    found.reverse();
    found
}

/// Waits for this number of executions, because events arrive some time after the upload.
fn executions_once(account: &str, pipeline: &str, count: usize) -> Vec<(String, String)> {
    let until = Instant::now() + PATIENCE;
    loop {
        let found = executions(account, pipeline);
        if found.len() >= count || Instant::now() > until {
            return found;
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn succeeded(version: &str) -> (String, String) {
    ("Succeeded".to_owned(), version.to_owned())
}

#[test]
fn each_of_two_quick_uploads_is_deployed_by_its_own_execution() {
    let site = Site::new().deployed();
    // Nothing requests the executions in between, so both wait for their source action.
    let first = upload(&site.project, "first");
    let second = upload(&site.project, "second");
    let mut found = executions_once(&site.accounts.dev, PIPELINE, 2);
    found.sort();
    let mut expected = [succeeded(&first), succeeded(&second)];
    expected.sort();
    assert_eq!(found, expected);
    // The content is the same, and the execution is found by its version.
    let run = site
        .project
        .expect("push site --profile dev --format json", 0);
    conforms("push", &run.stdout);
    let found: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(found["source"]["versionId"], second.as_str());
    assert_eq!(found["execution"]["versionId"], second.as_str());
    assert_eq!(found["execution"]["status"], "Succeeded");
}

#[test]
fn status_warns_until_the_newest_version_is_live() {
    let site = Site::new().deployed();
    let dev = &site.accounts.dev;
    let status = || site.project.expect("status", 0).stdout;
    let none = status();
    assert!(none.contains("the object does not exist yet"), "{none}");

    let old = upload(&site.project, "old");
    executions_once(dev, PIPELINE, 1);
    let current = status();
    assert!(
        current.contains(&format!("newest version {old}")),
        "{current}"
    );
    assert!(
        current.contains("has deployed the newest version"),
        "{current}"
    );
    assert!(!current.contains("warning"), "{current}");

    Emulator::shared().aws(
        dev,
        &format!("events disable-rule --name {PIPELINE}-us-east-1-start"),
    );
    let new = upload(&site.project, "new");
    let behind = status();
    let warning = format!("warning: the live version is {old} ");
    assert!(behind.contains(&warning), "{behind}");
    assert!(
        behind.contains("no execution uses the newest version"),
        "{behind}"
    );
    let run = site.project.expect("status --format json", 0);
    conforms("status", &run.stdout);
    let found: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(found["source"]["newestVersion"], new.as_str());
    assert_eq!(found["pipelines"][0]["state"], "outdated");
    assert_eq!(found["pipelines"][0]["liveVersion"], old.as_str());

    // The printed command deploys the newest version.
    let hints = found["next"].as_array().expect("hints").iter();
    let mut hints = hints.filter_map(Value::as_str);
    let hint = hints.find(|hint| hint.contains("start-pipeline-execution"));
    let command = hint
        .and_then(|hint| hint.split('`').nth(1))
        .expect("a command");
    let command = command.strip_prefix("aws ").expect("an AWS command");
    let command = command.strip_suffix(" --profile dev").expect("its profile");
    Emulator::shared().aws(dev, command);
    assert_eq!(
        executions(dev, PIPELINE),
        [succeeded(&old), succeeded(&new)]
    );
    let current = status();
    assert!(!current.contains("warning"), "{current}");
}

#[test]
fn status_reports_denied_reads_and_does_not_fail() {
    let site = Site::new().deployed();
    upload(&site.project, "content");
    executions_once(&site.accounts.dev, PIPELINE, 1);
    let refused = Fault::Answered(Answer::error(403, "AccessDenied", "no"));
    site.proxy.reset();
    site.proxy.nth("HeadObject", 1, refused);
    let run = site.project.expect("status --format json", 0);
    conforms("status", &run.stdout);
    let found: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let problem = found["source"]["problem"].as_str().expect("a problem");
    assert!(problem.contains("s3:GetObject"), "{problem}");
    assert_eq!(found["source"]["newestVersion"], Value::Null);
    assert_eq!(found["pipelines"], json!([]));

    let refused = Fault::Answered(Answer::error(400, "AccessDeniedException", "no"));
    site.proxy.reset();
    site.proxy.nth("ListPipelineExecutions", 1, refused);
    let run = site.project.expect("status", 0);
    assert!(
        run.stdout.contains("codepipeline:ListPipelineExecutions"),
        "{}",
        run.stdout
    );
    assert!(!run.stdout.contains("warning"), "{}", run.stdout);
}

#[test]
fn a_creation_without_a_source_object_deploys_nothing_and_is_announced() {
    let site = Site::new();
    let run = site.deploy("--all --yes", 0);
    let source = format!("s3://source-{}/sample-website.zip", site.accounts.dev);
    let announced = format!(
        "Pipeline {PIPELINE} starts automatically when it is created. Object {source} does not \
         exist yet, so this execution fails in the source action and deploys nothing."
    );
    assert_eq!(run.stderr.matches(&announced).count(), 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("Nothing is deployed yet"),
        "{}",
        run.stderr
    );
    assert_eq!(executions(&site.accounts.dev, PIPELINE), []);
    // The message appears only when the pipeline is created.
    let run = site.deploy("--all --yes", 0);
    assert!(
        !run.stderr.contains("starts automatically"),
        "{}",
        run.stderr
    );
}

/// Returns a site whose next deploy of dev creates the pipeline, and the version of its source
/// object.
fn about_to_create() -> (Site, String) {
    let site = Site::new();
    site.deploy("--profile dev --yes", 0);
    site.deploy("--profile prod --yes", 0);
    let version = upload(&site.project, "content");
    (site, version)
}

#[test]
fn the_first_execution_is_announced_before_the_question_and_reported_at_the_end() {
    let (site, version) = about_to_create();
    let announced = format!(
        "This execution deploys the newest version of s3://source-{}/sample-website.zip (version \
         {version}, uploaded ",
        site.accounts.dev
    );
    let target = format!(
        "to target prod (bucket output-{prod} in account {prod}, us-east-1).",
        prod = site.accounts.prod
    );
    let run = site.deploy("--profile dev --dry-run --format json", 0);
    assert!(run.stderr.contains(&announced), "{}", run.stderr);
    assert!(run.stderr.contains(&target), "{}", run.stderr);
    conforms("deploy", &run.stdout);
    let found: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(
        found["stacks"][0]["initialExecution"],
        json!({"pipeline": PIPELINE, "targets": ["prod"], "versionId": version})
    );

    let run = site.deploy("--profile dev --yes --format json", 0);
    let at = |text: &str| {
        run.stderr
            .find(text)
            .unwrap_or_else(|| panic!("{}", run.stderr))
    };
    let executed = at("UPDATE_IN_PROGRESS");
    assert!(at(&announced) < executed, "{}", run.stderr);
    assert!(
        executed < at(&format!("deployed version {version}.")),
        "{}",
        run.stderr
    );
    conforms("deploy", &run.stdout);
    let found: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let initial = &found["stacks"][0]["initialExecution"];
    assert_eq!(initial["status"], "Succeeded");
    assert_eq!(initial["versionId"], version.as_str());
    let url = initial["url"].as_str().expect("a URL");
    assert!(
        url.contains(initial["id"].as_str().expect("an ID")),
        "{url}"
    );
    assert_eq!(
        executions(&site.accounts.dev, PIPELINE),
        [succeeded(&version)]
    );
}

#[test]
fn a_deploy_succeeds_if_the_first_execution_waits_or_is_unreadable() {
    let site = Site::with(|config| format!("{config}    approval: true\n"));
    site.deploy("--profile dev --yes", 0);
    site.deploy("--profile prod --yes", 0);
    upload(&site.project, "content");
    let run = site.deploy("--profile dev --yes --wait-timeout 5s --format json", 0);
    assert!(run.stderr.contains(", after approval)."), "{}", run.stderr);
    assert!(
        run.stderr
            .contains("is still running. Watch it at https://"),
        "{}",
        run.stderr
    );
    let found: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let initial = &found["stacks"][0]["initialExecution"];
    assert_eq!(initial["status"], "InProgress");

    let (site, _) = about_to_create();
    let refused = Fault::Answered(Answer::error(400, "AccessDeniedException", "no"));
    site.proxy.reset();
    site.proxy.nth("ListPipelineExecutions", 1, refused);
    let refused = Fault::Answered(Answer::error(403, "AccessDenied", "no"));
    site.proxy.nth("HeadObject", 1, refused);
    let run = site.deploy("--profile dev --yes", 0);
    assert!(
        run.stderr
            .contains("if it exists: profile `dev` cannot check"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains(&format!(
            "Cannot follow the first execution of pipeline {PIPELINE}"
        )),
        "{}",
        run.stderr
    );
}

#[test]
fn an_additional_pipeline_deploys_nothing_until_the_previous_one_starts_it() {
    let fleet = Fleet::new();
    let quotas = "quotas: {actions_per_pipeline: 4, actions_per_stage: 2}\n";
    // First, there is one pipeline with a source object.
    fleet.configure(4, "us-east-1", "");
    fleet.deploy();
    let old = upload(&fleet.project, "old");
    assert_eq!(executions_once(&fleet.dev, PIPELINE, 1), [succeeded(&old)]);

    // Then, other pipelines are added. Their first executions end before they deploy anything.
    fleet.configure(4, "us-east-1", quotas);
    let said = fleet.deploy();
    let announced = format!(
        "Pipeline {ADDITIONAL} starts automatically when it is created. This execution fails before"
    );
    assert_eq!(said.matches(&announced).count(), 1, "{said}");
    let failed = ("Failed".to_owned(), old.clone());
    assert_eq!(
        executions(&fleet.dev, ADDITIONAL),
        std::slice::from_ref(&failed)
    );
    let actions = |status: &str| actions(&fleet.dev, ADDITIONAL, status);
    assert_eq!(actions("Failed"), ["Source"]);

    // A direct start has the same result.
    let start = format!("codepipeline start-pipeline-execution --name {ADDITIONAL}");
    Emulator::shared().aws(&fleet.dev, &start);
    assert_eq!(
        executions(&fleet.dev, ADDITIONAL),
        [failed.clone(), failed.clone()]
    );

    // The first pipeline starts the additional one with its own version. A push follows both.
    fleet.project.write("site/index.html", "new");
    let run = fleet
        .project
        .expect("push site --profile dev --format json", 0);
    conforms("push", &run.stdout);
    let found: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let new = found["source"]["versionId"].as_str().expect("a version");
    assert_eq!(found["execution"]["status"], "Succeeded");
    let additional = found["additional"].as_array().expect("executions");
    assert_eq!(additional[0]["pipeline"], ADDITIONAL);
    for one in additional {
        assert_eq!(one["status"], "Succeeded");
        assert_eq!(one["versionId"], new);
    }
    assert_eq!(
        executions(&fleet.dev, ADDITIONAL),
        [failed.clone(), failed, succeeded(new)]
    );
    let deployed = actions("Succeeded");
    let deploys = deployed.iter().filter(|name| name.starts_with("Deploy"));
    assert!(deploys.count() > 0, "{deployed:?}");
    let run = fleet.project.expect("status", 0);
    let live = "has deployed the newest version";
    let pipelines = additional.len() + 1;
    assert_eq!(
        run.stdout.matches(live).count(),
        pipelines,
        "{}",
        run.stdout
    );
}

/// Returns the names of the actions with a status in a pipeline's first execution.
fn actions(account: &str, pipeline: &str, status: &str) -> Vec<String> {
    let ask = |command: &str| {
        Emulator::shared().aws(
            account,
            &format!("codepipeline {command} --pipeline-name {pipeline}"),
        )
    };
    let executions = ask("list-pipeline-executions");
    let mut all = (executions["pipelineExecutionSummaries"].as_array())
        .expect("executions")
        .iter();
    let execution = all.find(|one| one["status"] == status).expect("one");
    let id = execution["pipelineExecutionId"].as_str().expect("an ID");
    let found = ask(&format!(
        "list-action-executions --filter pipelineExecutionId={id}"
    ));
    (found["actionExecutionDetails"].as_array())
        .expect("actions")
        .iter()
        .map(|one| one["actionName"].as_str().expect("a name").to_owned())
        .collect()
}
