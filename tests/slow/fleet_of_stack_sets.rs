//! Tests of `s3ferry deploy` with stack sets in several accounts and regions.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fakecloud::{Fakecloud, Keys};
use crate::support::Project;

const ADMIN: &str = "111111111111";
const ACCOUNTS: [&str; 4] = [
    "222222222222",
    "333333333333",
    "444444444444",
    "555555555555",
];
const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];
const KEY: &str = "mrk-00000000000000000000000000000000";
const DEPLOY: &str = "deploy --profile admin --yes \
                      --parameter DeployKeyId=mrk-00000000000000000000000000000000";

/// An emulator, a project, and the administrator of the stack set.
struct Fleet {
    cloud: Fakecloud,
    project: Project,
    admin: Keys,
}

impl Fleet {
    fn new() -> Self {
        let cloud = Fakecloud::start();
        let admin = cloud.administrator(ADMIN);
        let mut project = Project::empty();
        // The administrator account is the dev account, in which no pipeline is deployed yet.
        let profiles = ["admin", "dev"];
        let config = profiles.map(|one| format!("[profile {one}]\nregion = eu-north-1\n"));
        project.write("aws/config", config.concat());
        let credentials = profiles.map(|one| {
            format!(
                "[{one}]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
                admin.access_key_id, admin.secret
            )
        });
        project.write("aws/credentials", credentials.concat());
        for (file, variable) in [
            ("aws/config", "AWS_CONFIG_FILE"),
            ("aws/credentials", "AWS_SHARED_CREDENTIALS_FILE"),
        ] {
            let path = project.path(file).display().to_string();
            project.set(variable, &path);
        }
        project.set("AWS_EC2_METADATA_DISABLED", "true");
        project.set("AWS_ENDPOINT_URL", &cloud.endpoint());
        Self {
            cloud,
            project,
            admin,
        }
    }

    /// Writes the configuration and its templates.
    fn configure(&self, accounts: &[&str], settings: &str) {
        let accounts: Vec<String> = accounts.iter().map(|one| format!("\"{one}\"")).collect();
        let config = format!(
            "dev:\n  account: \"{ADMIN}\"\n  key: {{multi_region: true}}\n  source: {{bucket: \
             in-x}}\n  artifacts: {{bucket: \"art-x-{{region}}\"}}\ntargets:\n  - name: prod\n    \
             accounts: [{}]\n    regions: [{}]\n    bucket: \"out-x-{{account}}-{{region}}\"\n    \
             stack_set:\n      profile: admin\n{settings}",
            accounts.join(", "),
            REGIONS.join(", ")
        );
        self.project.write("s3ferry.yaml", config);
        self.project.expect("synth --no-lint", 0);
    }

    /// Returns the account, region, and status of each instance from the AWS CLI, sorted.
    fn instances(&self) -> Vec<(String, String, String)> {
        let answer = self.aws("list-stack-instances");
        let field = |one: &Value, name: &str| one[name].as_str().expect("text").to_owned();
        let mut found: Vec<_> = answer["Summaries"]
            .as_array()
            .expect("instances")
            .iter()
            .map(|one| {
                (
                    field(one, "Account"),
                    field(one, "Region"),
                    field(one, "Status"),
                )
            })
            .collect();
        found.sort();
        found
    }

    fn aws(&self, command: &str) -> Value {
        let name = "crossaccountdeploy-prod";
        let command =
            format!("cloudformation {command} --region us-east-1 --stack-set-name {name}");
        self.cloud.aws(&self.admin, &command)
    }

    fn operations(&self) -> usize {
        let answer = self.aws("list-stack-set-operations");
        answer["Summaries"].as_array().expect("operations").len()
    }
}

fn current(accounts: &[&str]) -> Vec<(String, String, String)> {
    let mut all: Vec<_> = accounts
        .iter()
        .flat_map(|account| {
            REGIONS.map(|region| {
                let current = "CURRENT".to_owned();
                ((*account).to_owned(), region.to_owned(), current)
            })
        })
        .collect();
    all.sort();
    all
}

#[test]
fn accounts_in_two_regions_are_deployed_then_one_is_added_and_one_is_removed() {
    let fleet = Fleet::new();
    fleet.configure(&ACCOUNTS[..3], "");
    fleet.project.expect(DEPLOY, 0);
    assert_eq!(fleet.instances(), current(&ACCOUNTS[..3]));
    assert_eq!(fleet.operations(), 1, "more than one operation");
    let set = fleet.aws("describe-stack-set");
    assert_eq!(set["StackSet"]["Parameters"][0]["ParameterValue"], KEY);

    // Each account has a role for each region.
    for account in &ACCOUNTS[..3] {
        let keys = fleet.cloud.administrator(account);
        for region in REGIONS {
            let command = format!("iam get-role --role-name prods3role-{region}");
            let role = fleet.cloud.aws(&keys, &command);
            let statement = &role["Role"]["AssumeRolePolicyDocument"]["Statement"][0];
            let principal = statement["Principal"]["AWS"][0].as_str().expect("a role");
            assert!(principal.starts_with(&format!("arn:aws:iam::{ADMIN}:role/")));
        }
    }

    // Without changes, no operation starts.
    let run = fleet.project.expect(DEPLOY, 0);
    assert!(
        run.stderr.contains("No changes: 6 instances"),
        "{}",
        run.stderr
    );
    assert_eq!(fleet.operations(), 1);

    fleet.configure(&ACCOUNTS, "");
    fleet.project.expect(DEPLOY, 0);
    assert_eq!(fleet.instances(), current(&ACCOUNTS));
    assert_eq!(fleet.operations(), 2);

    fleet.configure(&ACCOUNTS[1..], "");
    let run = fleet.project.expect(&DEPLOY.replace("--yes", ""), 2);
    assert!(
        run.stderr.contains(&format!("remove  {}", ACCOUNTS[0])),
        "{}",
        run.stderr
    );
    assert_eq!(fleet.operations(), 2);
    fleet.project.expect(DEPLOY, 0);
    assert_eq!(fleet.instances(), current(&ACCOUNTS[1..]));
    // The bucket is retained when its stack is deleted.
    let keys = fleet.cloud.administrator(ACCOUNTS[0]);
    let bucket = format!(
        "s3api get-bucket-location --bucket out-x-{}-us-east-1",
        ACCOUNTS[0]
    );
    fleet.cloud.aws(&keys, &bucket);

    let destroy = "destroy --profile admin --confirm crossaccountdeploy-prod";
    fleet.project.expect(destroy, 0);
    let sets = "cloudformation list-stack-sets --status ACTIVE --region us-east-1";
    let sets = fleet.cloud.aws(&fleet.admin, sets);
    assert_eq!(
        sets["Summaries"].as_array().map(Vec::len),
        Some(0),
        "{sets}"
    );
    fleet.project.expect(destroy, 0);
}

#[test]
fn a_changed_template_updates_every_instance() {
    let fleet = Fleet::new();
    fleet.configure(&ACCOUNTS[..2], "");
    fleet.project.expect(DEPLOY, 0);
    fleet.configure(&ACCOUNTS[..2], "tags: {team: web}\n");
    let run = fleet.project.expect(DEPLOY, 0);
    assert!(run.stderr.contains("tag team: web"), "{}", run.stderr);
    assert_eq!(fleet.operations(), 2);
    assert_eq!(fleet.instances(), current(&ACCOUNTS[..2]));
    let set = fleet.aws("describe-stack-set");
    assert_eq!(set["StackSet"]["Tags"][0]["Key"], "team");
}

#[test]
fn a_tolerated_failure_is_reported_and_the_next_run_fixes_it() {
    let fleet = Fleet::new();
    let tolerant = "      operation_preferences: {failure_tolerance_count: 1, \
                    max_concurrent_count: 2, region_order: [eu-west-1, us-east-1]}\n";
    fleet.configure(&ACCOUNTS[..3], tolerant);
    // Another bucket has the name of one output bucket.
    let keys = fleet.cloud.administrator(ACCOUNTS[1]);
    let taken = format!("out-x-{}-us-east-1", ACCOUNTS[1]);
    let make = format!("s3api create-bucket --bucket {taken} --region us-east-1");
    fleet.cloud.aws(&keys, &make);
    let run = fleet.project.expect(DEPLOY, 1);
    let line = run
        .stdout
        .lines()
        .find(|line| line.starts_with(ACCOUNTS[1]));
    let line = line.unwrap_or_else(|| panic!("{}", run.stdout));
    assert!(
        line.contains("us-east-1") && line.contains("FAILED"),
        "{line}"
    );
    assert!(line.contains("already exists"), "{line}");
    assert!(
        run.stderr
            .contains("StackSets cannot import existing resources"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("1 of 6 instances not current"),
        "{}",
        run.stderr
    );
    let current_ones = |all: &[(String, String, String)]| {
        all.iter()
            .filter(|(.., status)| status == "CURRENT")
            .count()
    };
    assert_eq!(current_ones(&fleet.instances()), 5);
    fleet.cloud.try_aws(
        &keys,
        &format!("s3api delete-bucket --bucket {taken} --region us-east-1"),
    );
    fleet.project.expect(DEPLOY, 0);
    assert_eq!(fleet.instances(), current(&ACCOUNTS[..3]));
}

#[test]
fn without_tolerance_one_failure_stops_the_others() {
    let fleet = Fleet::new();
    fleet.configure(&ACCOUNTS[..3], "");
    let keys = fleet.cloud.administrator(ACCOUNTS[0]);
    let taken = format!("out-x-{}-eu-west-1", ACCOUNTS[0]);
    fleet.cloud.try_aws(
        &keys,
        &format!(
            "s3api create-bucket --bucket {taken} --region eu-west-1 \
             --create-bucket-configuration LocationConstraint=eu-west-1"
        ),
    );
    let run = fleet.project.expect(DEPLOY, 1);
    assert!(run.stderr.contains("ended in FAILED"), "{}", run.stderr);
    assert!(run.stdout.contains("already exists"), "{}", run.stdout);
}

#[test]
fn a_service_managed_set_deploys_to_the_accounts_of_its_units() {
    let fleet = Fleet::new();
    let cloud = &fleet.cloud;
    let aws = |command: &str| cloud.aws(&fleet.admin, &format!("{command} --region us-east-1"));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    fleet.configure(
        &ACCOUNTS[..1],
        "      permission_model: service-managed\n      organizational_units: \
         [ou-ab12-11111111]\n",
    );
    let run = fleet.project.expect(DEPLOY, 1);
    assert!(
        run.stderr
            .contains("trusted access for StackSets is not enabled"),
        "{}",
        run.stderr
    );

    aws("organizations create-organization --feature-set ALL");
    aws("cloudformation activate-organizations-access");
    let root = text(&aws("organizations list-roots")["Roots"][0]["Id"]);
    let unit = aws(&format!(
        "organizations create-organizational-unit --parent-id {root} --name web"
    ));
    let unit = text(&unit["OrganizationalUnit"]["Id"]);
    let made: Vec<String> = ["one", "two"]
        .iter()
        .map(|name| {
            aws(&format!(
                "organizations create-account --email {name}@example.org --account-name {name}"
            ));
            let until = Instant::now() + Duration::from_secs(20);
            loop {
                let all = aws("organizations list-accounts");
                let all = all["Accounts"].as_array().expect("accounts");
                if let Some(found) = all.iter().find(|one| one["Name"] == *name) {
                    break text(&found["Id"]);
                }
                assert!(Instant::now() < until, "account {name} does not appear");
                std::thread::sleep(Duration::from_millis(200));
            }
        })
        .collect();
    for account in &made {
        aws(&format!(
            "organizations move-account --account-id {account} --source-parent-id {root} \
             --destination-parent-id {unit}"
        ));
    }
    let settings =
        format!("      permission_model: service-managed\n      organizational_units: [{unit}]\n");
    // Only the first account is configured, so only this account gets an instance.
    fleet.configure(&[&made[0]], &settings);
    fleet.project.expect(DEPLOY, 0);
    assert_eq!(fleet.instances(), current(&[&made[0]]));
    fleet.configure(&[&made[0], &made[1]], &settings);
    fleet.project.expect(DEPLOY, 0);
    assert_eq!(fleet.instances(), current(&[&made[0], &made[1]]));
    fleet.configure(&[&made[1]], &settings);
    fleet.project.expect(DEPLOY, 0);
    assert_eq!(fleet.instances(), current(&[&made[1]]));
}
