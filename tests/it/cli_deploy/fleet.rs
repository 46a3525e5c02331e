//! Several accounts, regions, and pipelines with one command.

use serde_json::{Value, json};

use super::{DEV_STACK, states_in};
use crate::emulator::profiles::log_in;
use crate::emulator::{Accounts, Answer, Emulator, Fault, FaultProxy, Outcome};
use crate::support::Project;

const REGIONS: &str = "us-east-1,eu-west-1,ap-south-1";
const FLEET_STACK: &str = "crossaccountdeploy-fleet";

/// A dev account and four others. A configuration names some of them.
pub(super) struct Fleet {
    pub(super) dev: String,
    pub(super) targets: [String; 4],
    pub(super) project: Project,
    pub(super) proxy: FaultProxy,
}

impl Fleet {
    pub(super) fn new() -> Self {
        let Accounts { dev, prod } = Accounts::fresh();
        let number = &dev[8..];
        let more = ["33333333", "44444444", "55555555"].map(|start| format!("{start}{number}"));
        let [third, fourth, fifth] = more;
        let targets = [prod, third, fourth, fifth];
        let mut project = Project::empty();
        let proxy = FaultProxy::before(Emulator::shared().address());
        let mut profiles = vec![("dev", dev.as_str())];
        profiles.extend(
            targets
                .iter()
                .map(|target| (target.as_str(), target.as_str())),
        );
        log_in(&mut project, &proxy.endpoint(), &profiles);
        Self {
            dev,
            targets,
            project,
            proxy,
        }
    }

    /// Configures the first accounts and these regions.
    pub(super) fn configure(&self, accounts: usize, regions: &str, more: &str) {
        let number = &self.dev[8..];
        let accounts = self.targets[..accounts]
            .iter()
            .map(|account| format!("\"{account}\""))
            .collect::<Vec<_>>()
            .join(", ");
        let config = format!(
            "\
dev:
  account: \"{}\"
  key:
    multi_region: true
  source:
    bucket: source-{number}
  artifacts:
    bucket: \"artifacts-{number}-{{region}}\"
targets:
  - name: fleet
    accounts: [{accounts}]
    regions: [{regions}]
    profile: \"{{account}}\"
    bucket: \"out-{{account}}-{{region}}\"
{more}",
            self.dev
        );
        self.project.write("s3ferry.yaml", config);
        self.project.expect("synth --no-lint --no-prove", 0);
    }

    pub(super) fn deploy(&self) -> String {
        self.proxy.reset();
        self.project.expect("deploy --all --yes", 0).stderr
    }

    /// Returns every executed change set, in order: account, region, and stack.
    pub(super) fn executed(&self) -> Vec<(String, String, String)> {
        let calls = self.proxy.calls().into_iter();
        calls
            .filter(|(call, outcome)| {
                call.action == "ExecuteChangeSet" && *outcome != Outcome::Refused
            })
            .map(|(call, _)| {
                let stack = call.parameter("StackName").expect("a stack");
                let name = stack.split('/').nth(1).unwrap_or(stack).to_owned();
                (call.access_key_id, call.region, name)
            })
            .collect()
    }
}

/// Returns the roles of a pipeline's actions, in order.
fn roles(pipeline: &Value) -> Vec<&str> {
    let stages = pipeline["stages"].as_array().expect("stages");
    let actions = stages
        .iter()
        .flat_map(|stage| stage["actions"].as_array().expect("actions"));
    actions
        .filter_map(|action| action["roleArn"].as_str())
        .collect()
}

#[test]
fn accounts_and_regions_are_deployed_in_order_and_can_be_added() {
    let fleet = Fleet::new();
    fleet.configure(2, "us-east-1, eu-west-1", "");
    fleet.deploy();
    let (dev, [a, b, c, _]) = (&fleet.dev, &fleet.targets);
    let expected = [
        (dev, "us-east-1", DEV_STACK),
        (dev, "eu-west-1", "crossaccountdeploy-dev-eu-west-1"),
        (a, "us-east-1", FLEET_STACK),
        (a, "eu-west-1", FLEET_STACK),
        (b, "us-east-1", FLEET_STACK),
        (b, "eu-west-1", FLEET_STACK),
        (dev, "us-east-1", DEV_STACK),
    ];
    let shown = |(account, region, stack): (&String, &str, &str)| {
        (account.clone(), region.to_owned(), stack.to_owned())
    };
    assert_eq!(fleet.executed(), expected.map(shown));
    let before = states_in(REGIONS, &[dev])[0].take();
    let key = &before["us-east-1"]["stacks"][DEV_STACK]["outputs"]["DeployKeyId"];
    let key = key.as_str().expect("a key ID");
    assert_eq!(before["us-east-1"]["keys"][key]["multiRegion"], true);
    let replica = &before["eu-west-1"]["keys"][key];
    assert_eq!(
        replica["arn"],
        format!("arn:aws:kms:eu-west-1:{dev}:key/{key}")
    );
    let pipeline = &before["us-east-1"]["pipelines"]["crossaccountdeploy"];
    assert_eq!(roles(pipeline).len(), 4);
    let store = &pipeline["artifactStores"]["eu-west-1"];
    assert_eq!(store["encryptionKey"]["id"], replica["arn"]);

    // With one more region and one more account, existing stacks are not created again.
    fleet.configure(3, "us-east-1, eu-west-1, ap-south-1", "");
    fleet.deploy();
    let executed = fleet.executed();
    let created = |(account, region): (&String, &str)| shown((account, region, FLEET_STACK));
    for new in [
        (a, "ap-south-1"),
        (b, "ap-south-1"),
        (c, "us-east-1"),
        (c, "eu-west-1"),
        (c, "ap-south-1"),
    ] {
        assert!(executed.contains(&created(new)), "{new:?} in {executed:?}");
    }
    assert!(!executed.contains(&created((a, "us-east-1"))));
    assert_eq!(executed.last(), Some(&shown((dev, "us-east-1", DEV_STACK))));
    let after = states_in(REGIONS, &[dev])[0].take();
    let keys = after["us-east-1"]["keys"].as_object().expect("keys");
    assert_eq!(keys.keys().collect::<Vec<_>>(), [key]);
    let pipeline = &after["us-east-1"]["pipelines"]["crossaccountdeploy"];
    assert_eq!(roles(pipeline).len(), 9);
    let stores = pipeline["artifactStores"].as_object().expect("stores");
    assert_eq!(stores.len(), 3);

    // The next run has nothing to do.
    let said = fleet.deploy();
    assert_eq!(fleet.executed(), []);
    assert_eq!(said.matches("No changes.").count(), 12, "{said}");
}

#[test]
fn a_run_that_stops_in_one_account_resumes_there() {
    let fleet = Fleet::new();
    fleet.configure(3, "us-east-1", "");
    let expired = Answer::error(400, "ExpiredToken", "The security token is expired");
    fleet
        .proxy
        .nth("ExecuteChangeSet", 3, Fault::Answered(expired));
    let run = fleet.project.expect("deploy --all --yes", 3);
    let [a, b, c, _] = &fleet.targets;
    assert!(
        run.stderr.contains(&format!("aws sso login --profile {b}")),
        "{}",
        run.stderr
    );
    fleet.deploy();
    let accounts: Vec<String> = fleet
        .executed()
        .into_iter()
        .map(|(account, ..)| account)
        .collect();
    assert_eq!(accounts, [b, c, &fleet.dev].map(String::clone));
    let first = states_in("us-east-1", &[a])[0].take();
    let operations = &first["us-east-1"]["stacks"][FLEET_STACK]["operations"];
    assert_eq!(*operations, json!(["CREATE_IN_PROGRESS"]));
}

#[test]
fn an_additional_pipeline_is_deployed_before_the_one_that_starts_it() {
    let fleet = Fleet::new();
    let quotas = "quotas: {actions_per_pipeline: 4, actions_per_stage: 2}\n";
    fleet.configure(4, "us-east-1", quotas);
    fleet.deploy();
    let stacks: Vec<String> = fleet
        .executed()
        .into_iter()
        .filter(|(account, ..)| *account == fleet.dev)
        .map(|(.., stack)| stack)
        .collect();
    assert_eq!(stacks.first().map(String::as_str), Some(DEV_STACK));
    assert_eq!(stacks.last().map(String::as_str), Some(DEV_STACK));
    let later = &stacks[1..stacks.len() - 1];
    assert!(
        later.contains(&"crossaccountdeploy-dev-pipeline-2".to_owned()),
        "{stacks:?}"
    );
    let state = states_in("us-east-1", &[&fleet.dev])[0].take();
    let pipelines = state["us-east-1"]["pipelines"]
        .as_object()
        .expect("pipelines");
    let mut all: Vec<&str> = pipelines.values().flat_map(roles).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 4, "every account has an action: {pipelines:#?}");

    // A change of only the additional pipeline waits for the execution of that pipeline.
    let running = json!({ "pipelineExecutionSummaries": [
        { "pipelineExecutionId": "22222222-bbbb", "status": "InProgress" }
    ]});
    fleet.configure(
        4,
        "us-east-1",
        &format!("    cache_control: no-store\n{quotas}"),
    );
    fleet.proxy.reset();
    fleet.proxy.nth(
        "ListPipelineExecutions",
        1,
        Fault::Answered(Answer::json(running)),
    );
    let run = fleet.project.expect("deploy --all --yes", 0);
    let asked: Vec<String> = fleet
        .proxy
        .calls()
        .into_iter()
        .filter(|(call, _)| call.action == "ListPipelineExecutions")
        .filter_map(|(call, _)| call.parameter("body").map(str::to_owned))
        .collect();
    for pipeline in pipelines.keys() {
        let body = format!("\"pipelineName\":\"{pipeline}\"");
        assert!(
            asked.iter().any(|asked| asked.contains(&body)),
            "{pipeline} in {asked:?}"
        );
    }
    assert!(
        run.stderr.contains("Execution 22222222-bbbb of pipeline"),
        "{}",
        run.stderr
    );
}
