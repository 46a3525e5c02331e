//! CodePipeline does not see a new role immediately, so the deploy waits and retries. It does not
//! wait for a role that does not exist.

use std::io::{BufRead as _, BufReader};

use serde_json::json;

use super::fleet::Fleet;
use super::{REGION, Site};
use crate::emulator::Emulator;
use crate::schemas::conforms;

const AGAIN: &str = "Retrying in";

fn deploy_role(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/prods3role")
}

fn service_role(account: &str) -> String {
    format!(
        "arn:aws:iam::{account}:role/service-role/\
         AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy"
    )
}

#[test]
fn a_role_that_is_not_visible_yet_is_retried() {
    let site = Site::new();
    let (dev, role) = (&site.accounts.dev, deploy_role(&site.accounts.prod));
    Emulator::shared().hide_role(dev, &role, 2);
    let run = site.deploy("--all --yes --format json", 0);
    let said = format!("CodePipeline cannot assume role {role} yet (target `prod`");
    assert_eq!(run.stderr.matches(&said).count(), 2, "{}", run.stderr);
    for pause in ["1 s (attempt 2 of 7)", "2 s (attempt 3 of 7)"] {
        let said = format!("{AGAIN} {pause}");
        assert!(run.stderr.contains(&said), "{said}: {}", run.stderr);
    }
    // The changes are shown once.
    assert_eq!(
        run.stderr.matches("create  Pipeline ").count(),
        1,
        "{}",
        run.stderr
    );
    let result = conforms("deploy", &run.stdout);
    let last = &result["stacks"][2];
    assert_eq!(last["result"], "updated");
    assert_eq!(
        last["retries"],
        json!([{ "role": role, "seconds": 1 }, { "role": role, "seconds": 2 }])
    );
    assert!(result["stacks"][0].get("retries").is_none());
    let state = site.state();
    assert_eq!(state.dev_stack()["status"], "UPDATE_COMPLETE");
    assert_eq!(state.dev_stack()["protected"], true);
    assert!(state.dev[REGION]["pipelines"]["crossaccountdeploy"].is_object());
}

#[test]
fn the_service_role_itself_is_retried() {
    let site = Site::new();
    let role = service_role(&site.accounts.dev);
    Emulator::shared().hide_role(&site.accounts.dev, &role, 1);
    let run = site.deploy("--all --yes", 0);
    let said = format!("CodePipeline cannot assume role {role} yet (the role exists)");
    assert_eq!(run.stderr.matches(&said).count(), 1, "{}", run.stderr);
}

#[test]
fn a_new_stack_is_deleted_and_recreated() {
    let fleet = Fleet::new();
    fleet.configure(
        4,
        "us-east-1",
        "quotas: {actions_per_pipeline: 4, actions_per_stage: 2}\n",
    );
    // An additional pipeline, which is in a separate stack, is created first.
    for target in &fleet.targets {
        let role = format!("arn:aws:iam::{target}:role/fleets3role-us-east-1");
        Emulator::shared().hide_role(&fleet.dev, &role, 1);
    }
    let said = fleet.deploy();
    assert!(said.contains(AGAIN), "{said}");
    assert!(
        said.contains("is in ROLLBACK_COMPLETE. Deleting it before the next attempt"),
        "{said}"
    );
    let again = fleet.deploy();
    assert_eq!(fleet.executed(), [], "{again}");
}

#[test]
fn a_role_that_stays_invisible_ends_the_deploy_with_help() {
    let site = Site::new();
    let (dev, role) = (&site.accounts.dev, deploy_role(&site.accounts.prod));
    Emulator::shared().hide_role(dev, &role, 1000);
    let run = site.deploy("--all --yes --wait-timeout 10s", 1);
    assert!(run.stderr.matches(AGAIN).count() >= 2, "{}", run.stderr);
    for part in [
        "is not authorized to perform AssumeRole on role",
        "target `prod` exists",
        "`s3ferry doctor`",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert_eq!(
        site.state().dev_stack()["status"],
        "UPDATE_ROLLBACK_COMPLETE"
    );
    Emulator::shared().hide_role(dev, &role, 0);
    site.deploy("--profile dev --yes", 0);
    assert_eq!(site.state().dev_stack()["status"], "UPDATE_COMPLETE");
}

#[test]
fn the_next_run_completes_a_deploy_killed_while_it_waits() {
    let site = Site::new();
    let (dev, role) = (&site.accounts.dev, deploy_role(&site.accounts.prod));
    Emulator::shared().hide_role(dev, &role, 2);
    let mut run = site.project.spawn("deploy --all --yes");
    let mut lines = BufReader::new(run.stderr.take().expect("piped")).lines();
    let waits = lines
        .by_ref()
        .map_while(Result::ok)
        .any(|line| line.contains(AGAIN));
    assert!(waits, "the deploy ended before it waited");
    run.kill().expect("killed");
    run.wait().expect("its end");
    let again = site.deploy("--profile dev --yes", 0);
    assert_eq!(again.stderr.matches(AGAIN).count(), 1, "{}", again.stderr);
    assert_eq!(site.state().dev_stack()["status"], "UPDATE_COMPLETE");
}

#[test]
fn other_failures_of_a_pipeline_are_not_retried() {
    let site = Site::new();
    Emulator::shared().fail(
        &site.accounts.dev,
        &crate::emulator::Failure {
            resource_type: "AWS::CodePipeline::Pipeline",
            name: "Pipeline",
            operation: "create",
            reason: "User: arn:aws:iam::111111111111:user/me is not authorized to perform: \
                     sts:AssumeRole on resource: arn:aws:iam::222222222222:role/prods3role",
            after: 0,
        },
    );
    let run = site.deploy("--all --yes", 1);
    assert!(!run.stderr.contains(AGAIN), "{}", run.stderr);
}
