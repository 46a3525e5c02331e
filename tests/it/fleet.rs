//! Other regions, many accounts and several pipelines: what a configuration expands to, and what a
//! change of it changes.

use std::collections::{BTreeMap, BTreeSet};

use s3ferry::plan::Plan;
use s3ferry::stacks::{Side, stacks};
use serde_json::{Value as Json, json};

use crate::prove::plan_of;

/// The smallest `dev` with a multi-Region key, and these targets.
fn multi(targets: &str) -> String {
    format!("dev:\n  account: \"111111111111\"\n  key: {{multi_region: true}}\ntargets:\n{targets}")
}

const PROD: &str = "  - name: prod\n    account: \"222222222222\"\n";
const EUROPE: &str =
    "  - {name: europe, account: \"222222222222\", region: eu-west-1, bucket: europe-output}\n";

/// A target in so many accounts, from 200000000000 on.
fn fleet(count: u64, more: &str) -> String {
    let accounts: Vec<String> = (0..count)
        .map(|number| format!("\"{}\"", 200_000_000_000 + number * 7_919))
        .collect();
    format!(
        "  - name: fleet\n    accounts: [{}]\n    bucket: \"out-{{account}}-{{region}}\"\n{more}",
        accounts.join(", ")
    )
}

fn templates(plan: &Plan) -> BTreeMap<String, Json> {
    stacks(plan)
        .into_iter()
        .map(|stack| (stack.name, stack.template.to_json()))
        .collect()
}

fn resources(template: &Json) -> &serde_json::Map<String, Json> {
    template["Resources"].as_object().expect("resources")
}

#[test]
fn a_region_that_is_added_moves_nothing_and_replaces_nothing() {
    let before = templates(&plan_of(&multi(PROD)));
    let after = templates(&plan_of(&multi(&format!("{PROD}{EUROPE}"))));
    assert_eq!(
        after.keys().collect::<Vec<_>>(),
        ["dev", "dev-eu-west-1", "europe", "prod"]
    );
    assert_eq!(before["prod"], after["prod"]);
    let (old, new) = (resources(&before["dev"]), resources(&after["dev"]));
    assert_eq!(
        old.keys().collect::<Vec<_>>(),
        new.keys().collect::<Vec<_>>()
    );
    let mut changed = Vec::new();
    for (id, resource) in old {
        if *resource == new[id] {
            continue;
        }
        for (name, value) in resource["Properties"].as_object().expect("properties") {
            let now = &new[id]["Properties"][name];
            if now != value {
                changed.push(format!("{id}.{name}"));
            }
        }
    }
    // A managed policy is replaced by another name only; the others are updated in place.
    assert_eq!(
        changed,
        [
            "ArtifactPolicy.PolicyDocument",
            "AssumeDeployRolesPolicy.ManagedPolicyName",
            "AssumeDeployRolesPolicy.PolicyDocument",
            "Pipeline.ArtifactStore",
            "Pipeline.Stages",
        ]
    );
}

#[test]
fn a_region_has_a_replica_a_store_and_only_its_own_targets() {
    let plan = plan_of(&multi(&format!("{PROD}{EUROPE}")));
    let templates = templates(&plan);
    let region = resources(&templates["dev-eu-west-1"]);
    let key = &region["DeployKey"];
    assert_eq!(key["Type"], "AWS::KMS::ReplicaKey");
    assert_eq!(
        key["Properties"]["PrimaryKeyArn"],
        json!({"Fn::Sub": "arn:aws:kms:us-east-1:111111111111:key/${DeployKeyId}"})
    );
    assert_eq!(
        region["ArtifactBucket"]["Properties"]["BucketName"],
        "codepipeline-eu-west-1-0123456789"
    );
    let policy = key["Properties"]["KeyPolicy"].to_string();
    assert!(policy.contains("role/europes3role") && !policy.contains("prods3role"));
    let main = resources(&templates["dev"])["DeployKey"]["Properties"]["KeyPolicy"].to_string();
    assert!(main.contains("role/prods3role") && !main.contains("europes3role"));
    let pipeline = &resources(&templates["dev"])["Pipeline"]["Properties"];
    assert!(pipeline.get("ArtifactStore").is_none());
    let stores = pipeline["ArtifactStores"].as_array().expect("stores");
    assert_eq!(stores.len(), 2);
    assert_eq!(stores[1]["Region"], "eu-west-1");
    assert_eq!(
        stores[1]["ArtifactStore"]["EncryptionKey"]["Id"],
        json!({"Fn::Sub": "arn:aws:kms:eu-west-1:111111111111:key/${DeployKey}"})
    );
    let reads = resources(&templates["europe"])["DevKmsS3Access"].to_string();
    assert!(reads.contains("arn:aws:kms:eu-west-1:111111111111:key/${DeployKeyId}"));
    assert!(reads.contains("codepipeline-eu-west-1-0123456789"));
    assert!(!reads.contains("us-east-1"));
}

#[test]
fn a_generic_template_names_no_account_and_no_region() {
    let config = multi(&fleet(
        3,
        "    regions: [us-east-1, eu-west-1]\n    approval: true\n",
    ));
    let plan = plan_of(&config);
    assert_eq!(plan.targets[0].instances.len(), 6);
    let templates = templates(&plan);
    let text = resources(&templates["fleet"]).to_owned();
    let text = Json::Object(text).to_string();
    for instance in &plan.targets[0].instances {
        assert!(!text.contains(&instance.account));
    }
    assert!(!text.contains("eu-west-1"));
    // Only the service role's name and its pipeline's have the dev region in them.
    let service_role = &plan.dev.service_role.arn;
    assert!(!text.replace(service_role, "").contains("us-east-1"));
    assert!(text.contains("out-${AWS::AccountId}-${AWS::Region}"));
    let names: BTreeSet<&str> = (plan.targets[0].instances.iter())
        .map(|instance| instance.role.arn.as_str())
        .collect();
    assert_eq!(names.len(), 6, "a role for each region");
    // One more account changes the dev account's side only.
    let more = self::templates(&plan_of(&multi(&fleet(
        4,
        "    regions: [us-east-1, eu-west-1]\n    approval: true\n",
    ))));
    assert_eq!(more["fleet"], templates["fleet"]);
}

/// The stages and their actions of a template's pipeline.
fn stages(template: &Json) -> Vec<(String, Vec<String>)> {
    let stages = &resources(template)["Pipeline"]["Properties"]["Stages"];
    let names = |value: &Json| value["Name"].as_str().expect("a name").to_owned();
    stages
        .as_array()
        .expect("stages")
        .iter()
        .map(|stage| {
            let actions = stage["Actions"].as_array().expect("actions");
            (names(stage), actions.iter().map(names).collect())
        })
        .collect()
}

#[test]
fn a_wave_is_a_stage_or_several_of_parallel_actions_after_its_approval() {
    let config = format!(
        "dev:\n  account: \"111111111111\"\ntargets:\n{PROD}{}",
        fleet(101, "    approval: true\n")
    );
    let templates = templates(&plan_of(&config));
    let stages = stages(&templates["dev"]);
    let sizes: Vec<(&str, usize)> = stages
        .iter()
        .map(|(name, actions)| (name.as_str(), actions.len()))
        .collect();
    // An approval is an action too.
    assert_eq!(
        sizes,
        [
            ("Source", 1),
            ("prod", 1),
            ("fleet-1", 50),
            ("fleet-2", 50),
            ("fleet-3", 2)
        ]
    );
    let pipeline = &resources(&templates["dev"])["Pipeline"]["Properties"]["Stages"][2]["Actions"];
    let order = |number: usize| pipeline[number]["RunOrder"].as_u64().expect("a number");
    assert_eq!(pipeline[0]["ActionTypeId"]["Category"], "Approval");
    assert!(order(0) < order(1) && (1..50).all(|number| order(number) == order(1)));
}

#[test]
fn one_account_added_to_a_thousand_changes_one_pipeline() {
    let config = |count: u64, first: &str| {
        let targets = fleet(count, "    approval: true\n");
        let targets = targets.replace("accounts: [", &format!("accounts: [{first}"));
        format!(
            "dev:\n  account: \"111111111111\"\ntargets:\n{PROD}{targets}organization: o-exampleorg1\n"
        )
    };
    let before = plan_of(&config(1_000, ""));
    let names: Vec<&str> = (before.pipelines.iter())
        .map(|pipeline| pipeline.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "crossaccountdeploy",
            "crossaccountdeploy-2",
            "crossaccountdeploy-3",
            "crossaccountdeploy-4"
        ]
    );
    let old = templates(&before);
    // At the end of the list or at its beginning: the place does not matter.
    for after in [config(1_001, ""), config(1_000, "\"100000000000\", ")] {
        let new = templates(&plan_of(&after));
        let changed: Vec<&String> = new.keys().filter(|name| old[*name] != new[*name]).collect();
        assert_eq!(changed.len(), 1, "{changed:?}");
        assert!(changed[0].starts_with("dev-pipeline-"), "{changed:?}");
    }
}

#[test]
fn waves_run_in_order_over_pipelines_and_each_instance_once() {
    let config = format!(
        "dev:\n  account: \"111111111111\"\ntargets:\n{PROD}{}  - {{name: last, account: \"333333333333\", bucket: last-output}}\norganization: o-exampleorg1\n",
        fleet(1_000, "    approval: true\n")
    );
    let plan = plan_of(&config);
    let stacks = stacks(&plan);
    // The pipeline that is started stands before the one that starts it.
    let order: Vec<&Side> = stacks.iter().map(|stack| &stack.side).collect();
    assert_eq!(
        order,
        [
            &Side::Dev,
            &Side::Target(0),
            &Side::Target(1),
            &Side::Target(2),
            &Side::Pipeline(4),
            &Side::Pipeline(3),
            &Side::Pipeline(2),
            &Side::Pipeline(1),
        ]
    );
    let templates = templates(&plan);
    let mut seen = BTreeSet::new();
    let mut waves = Vec::new();
    let mut approvals = 0;
    for (number, name) in [
        "dev",
        "dev-pipeline-2",
        "dev-pipeline-3",
        "dev-pipeline-4",
        "dev-pipeline-5",
    ]
    .into_iter()
    .enumerate()
    {
        let template = &templates[name];
        let all = &resources(template)["Pipeline"]["Properties"]["Stages"];
        let all: Vec<&Json> = all
            .as_array()
            .expect("stages")
            .iter()
            .flat_map(|stage| stage["Actions"].as_array().expect("actions"))
            .collect();
        assert!(all.len() <= 500, "{}", all.len());
        for action in &all {
            match action["ActionTypeId"]["Category"].as_str() {
                Some("Deploy") => {
                    assert!(seen.insert(action["RoleArn"].to_string()));
                    let bucket = action["Configuration"]["BucketName"]
                        .as_str()
                        .expect("a bucket");
                    let wave = bucket.split('-').next().expect("a part").to_owned();
                    if waves.last() != Some(&wave) {
                        waves.push(wave);
                    }
                }
                Some("Approval") => approvals += 1,
                _ => {}
            }
        }
        let polls = &all[0]["Configuration"]["PollForSourceChanges"];
        assert_eq!(polls, "false");
        let invokes = all.last().expect("an action");
        if number < 4 {
            let configuration = &invokes["Configuration"];
            assert_eq!(
                configuration["PipelineName"],
                json!(plan.pipelines[number + 1].name)
            );
            let revisions = configuration["SourceRevisions"].as_str().expect("text");
            let revisions: Json = serde_json::from_str(revisions).expect("JSON");
            assert_eq!(revisions[0]["actionName"], all[0]["Name"]);
            assert_eq!(revisions[0]["revisionType"], "S3_OBJECT_VERSION_ID");
            let namespace = all[0]["Namespace"].as_str().expect("a namespace");
            assert_eq!(
                revisions[0]["revisionValue"],
                json!(format!("#{{{namespace}.VersionId}}"))
            );
        } else {
            assert_eq!(invokes["ActionTypeId"]["Category"], "Deploy");
        }
        let rules = resources(template).values();
        let rules = rules.filter(|resource| resource["Type"] == "AWS::Events::Rule");
        assert_eq!(rules.count(), usize::from(number == 0));
    }
    assert_eq!(seen.len(), 1_002);
    assert_eq!(waves, ["codepipeline", "out", "last"]);
    assert_eq!(approvals, 1);
}
