//! Deploys dev, prod, and dev with its pipeline. Tests an update, and a run without changes.

use serde_json::{Value, json};

use super::{DEV_STACK, PROD_STACK, REGION, Site};
use crate::emulator::Emulator;

/// Returns the statement of a policy with this Sid.
fn statement<'p>(policy: &'p Value, sid: &str) -> &'p Value {
    let statements = policy["Statement"].as_array().expect("statements");
    let found = statements.iter().find(|statement| statement["Sid"] == sid);
    found.unwrap_or_else(|| panic!("no {sid} in {policy:#}"))
}

#[test]
fn three_commands_create_everything_in_the_procedure() {
    let site = Site::with(|config| format!("{config}tags:\n  team: web\n"));
    let (dev, prod) = (&site.accounts.dev, &site.accounts.prod);

    let first = site.deploy("--profile dev --yes", 0);
    assert!(
        first
            .stderr
            .contains("Next: run `s3ferry deploy --profile prod`"),
        "{}",
        first.stderr
    );
    let state = site.state();
    assert_eq!(state.dev_stack()["parameters"]["CreatePipeline"], "false");
    assert_eq!(state.dev[REGION]["pipelines"], json!({}));
    assert_eq!(state.prod_stack(), &Value::Null);

    let second = site.deploy("--profile prod --yes", 0);
    assert!(
        second
            .stderr
            .contains("Next: run `s3ferry deploy --profile dev` to create the pipeline"),
        "{}",
        second.stderr
    );
    let third = site.deploy("--profile dev --yes", 0);
    let next = "Next: run `s3ferry push SITE --profile dev`";
    assert!(third.stderr.contains(next), "{}", third.stderr);

    let state = site.state();
    let service_role = format!(
        "arn:aws:iam::{dev}:role/service-role/AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy"
    );
    let deploy_role = format!("arn:aws:iam::{prod}:role/prods3role");
    let key = format!("arn:aws:kms:{REGION}:{dev}:key/{}", state.key_id());
    assert_stack(&state.dev, DEV_STACK, "UPDATE_COMPLETE");
    assert_stack(&state.prod, PROD_STACK, "CREATE_COMPLETE");
    let outputs = &state.dev_stack()["outputs"];
    assert_eq!(outputs["DeployKeyArn"], *key);
    assert_eq!(outputs["ServiceRoleArn"], *service_role);
    assert_eq!(
        state.prod_stack()["parameters"]["DeployKeyId"],
        state.key_id()
    );
    assert_eq!(state.prod_stack()["outputs"]["DeployRoleArn"], *deploy_role);

    // There is one key with an alias. Only the service role and the deploy role in prod can use it.
    let keys = state.dev[REGION]["keys"].as_object().expect("keys");
    assert_eq!(keys.len(), 1);
    let found = &keys[state.key_id()];
    assert_eq!(found["aliases"], json!(["alias/s3deploykey"]));
    assert_eq!(found["rotation"], true);
    let ours = statement(&found["policy"], "ServiceRoleEncryptsArtifacts");
    assert_eq!(ours["Principal"]["AWS"], *service_role);
    let theirs = statement(&found["policy"], "DeployRoleDecryptsArtifactsProd");
    assert_eq!(
        theirs["Condition"]["ArnEquals"]["aws:PrincipalArn"],
        *deploy_role
    );
    assert_eq!(theirs["Action"], json!(["kms:Decrypt", "kms:DescribeKey"]));

    // The buckets.
    let bucket = &state.dev["buckets"][format!("artifacts-{dev}")];
    assert_eq!(bucket["versioning"], "Enabled");
    assert_eq!(bucket["publicAccessBlock"]["RestrictPublicBuckets"], true);
    let reads = statement(&bucket["policy"], "DeployRoleReadsArtifactsProd");
    assert_eq!(
        reads["Condition"]["ArnEquals"]["aws:PrincipalArn"],
        *deploy_role
    );
    assert_eq!(reads["Effect"], "Allow");
    let output = &state.prod["buckets"][format!("output-{prod}")];
    assert_eq!(
        statement(&output["policy"], "DenyInsecureConnections")["Effect"],
        "Deny"
    );

    // The roles and their trust policies.
    let role = &state.prod["roles"]["prods3role"];
    assert_eq!(
        role["trust"]["Statement"][0]["Principal"]["AWS"],
        json!([service_role])
    );
    assert_eq!(
        role["attached"],
        json!([
            format!("arn:aws:iam::{prod}:policy/devkmss3access"),
            format!("arn:aws:iam::{prod}:policy/outputbucketdeployaccess")
        ])
    );
    assert_eq!(role["inline"], json!([]));
    assert_eq!(role["tags"]["team"], "web");
    let assume = &state.dev["policies"]["assumeprods3role"]["document"];
    assert_eq!(assume["Statement"][0]["Resource"], json!([deploy_role]));
    let service =
        &state.dev["roles"]["AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy"]["attached"];
    assert_eq!(service.as_array().expect("policies").len(), 3);

    // The pipeline and its trigger.
    let pipeline = &state.dev[REGION]["pipelines"]["crossaccountdeploy"];
    assert_eq!(
        pipeline["artifactStore"],
        json!({
            "type": "S3",
            "location": format!("artifacts-{dev}"),
            "encryptionKey": { "type": "KMS", "id": key },
        })
    );
    let action = &pipeline["stages"][1]["actions"][0];
    assert_eq!(action["roleArn"], *deploy_role);
    assert_eq!(action["namespace"], "DeployVariables");
    assert_eq!(
        action["configuration"],
        json!({ "BucketName": format!("output-{prod}"), "Extract": "true" })
    );
    let rules = state.dev[REGION]["rules"].as_object().expect("rules");
    assert_eq!(rules.len(), 1);
}

/// Asserts that a stack is protected and tagged, and that it guards its resources.
fn assert_stack(account: &Value, name: &str, status: &str) {
    let stack = &account[REGION]["stacks"][name];
    assert_eq!(stack["status"], status);
    assert_eq!(stack["protected"], true, "{name}");
    assert_eq!(stack["tags"], json!({ "team": "web" }));
    let denied = &stack["policy"]["Statement"][1];
    assert_eq!(
        denied["Action"],
        json!(["Update:Replace", "Update:Delete"]),
        "{name}"
    );
    let guarded = if name == DEV_STACK {
        "DeployKey"
    } else {
        "DeployRole"
    };
    let resources = denied["Resource"].as_array().expect("resources");
    assert!(resources.contains(&json!(format!("LogicalResourceId/{guarded}"))));
    assert_eq!(stack["waitingChangeSets"], json!([]));
}

#[test]
fn the_checked_in_template_is_deployed() {
    let site = Site::new().deployed();
    let emulator = Emulator::shared();
    for (account, stack, file) in [
        (&site.accounts.dev, DEV_STACK, "stacks/dev.yaml"),
        (&site.accounts.prod, PROD_STACK, "stacks/prod.yaml"),
    ] {
        let get = format!("cloudformation get-template --stack-name {stack}");
        let deployed = emulator.aws(account, &get);
        assert_eq!(deployed["TemplateBody"], site.project.read(file));
    }
}

#[test]
fn all_deploys_in_order_and_a_second_run_changes_nothing() {
    let site = Site::new();
    site.deploy("--all --yes", 0);
    let calls = site.proxy.calls().into_iter();
    let executed: Vec<String> = calls
        .filter(|(call, _)| call.action == "ExecuteChangeSet")
        .map(|(call, _)| call.access_key_id)
        .collect();
    let (dev, prod) = (&site.accounts.dev, &site.accounts.prod);
    assert_eq!(executed, [dev, prod, dev].map(String::clone));
    let before = site.state();
    site.proxy.reset();
    let run = site.deploy("--all --yes", 0);
    assert_eq!(
        run.stderr.matches("No changes.").count(),
        2,
        "{}",
        run.stderr
    );
    assert_eq!(site.proxy.done("ExecuteChangeSet"), 0);
    assert_eq!(site.state(), before);
}

#[test]
fn a_changed_configuration_updates_only_what_changed() {
    let site = Site::new().deployed();
    let before = site.state();
    let bucket = format!("    bucket: output-{}\n", site.accounts.prod);
    site.reconfigure(&bucket, &format!("{bucket}    path: site/v2\n"));
    let run = site.deploy("--all --yes", 0);
    assert!(run.stderr.contains("change  Pipeline"), "{}", run.stderr);
    let after = site.state();
    let pipeline = &after.dev[REGION]["pipelines"]["crossaccountdeploy"];
    assert_eq!(
        pipeline["stages"][1]["actions"][0]["configuration"]["ObjectKey"],
        "site/v2"
    );
    assert_eq!(pipeline["version"], 2);
    assert_eq!(after.key_id(), before.key_id());
    // Existing resources are not created again.
    assert_eq!(
        after.dev_stack()["resources"],
        before.dev_stack()["resources"]
    );
}

#[test]
fn new_tags_reach_the_stacks_and_their_roles() {
    let site = Site::new().deployed();
    let config = site.project.read("s3ferry.yaml");
    site.reconfigure(&config, &format!("{config}tags:\n  owner: platform\n"));
    site.deploy("--all --yes", 0);
    let state = site.state();
    for stack in [state.dev_stack(), state.prod_stack()] {
        assert_eq!(stack["tags"], json!({ "owner": "platform" }));
        assert_eq!(stack["status"], "UPDATE_COMPLETE");
    }
    assert_eq!(
        state.prod["roles"]["prods3role"]["tags"]["owner"],
        "platform"
    );
}

#[test]
fn the_result_for_machines_names_every_stack() {
    let site = Site::new();
    let run = site.deploy("--all --yes --format json", 0);
    let result: Value = serde_json::from_str(&run.stdout).expect("JSON");
    let stacks = result["stacks"].as_array().expect("stacks");
    let shown: Vec<_> = stacks
        .iter()
        .map(|stack| (stack["stack"].as_str(), stack["result"].as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (Some(DEV_STACK), Some("created")),
            (Some(PROD_STACK), Some("created")),
            (Some(DEV_STACK), Some("updated"))
        ]
    );
    assert_eq!(stacks[1]["account"], *site.accounts.prod);
    assert_eq!(
        stacks[2]["outputs"]["PipelineName"], "crossaccountdeploy",
        "{result:#}"
    );
}
