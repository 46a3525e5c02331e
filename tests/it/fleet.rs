//! Other regions, many accounts, and several pipelines: how a configuration expands, and what a
//! change to it affects.

use std::collections::{BTreeMap, BTreeSet};

use s3ferry::diagnostic::Source;
use s3ferry::plan::Plan;
use s3ferry::proof::{Verdict, findings, prove};
use s3ferry::run::Step;
use s3ferry::stacks::{Side, stacks};
use serde_json::{Value as Json, json};

use crate::prove::{inputs_of, plan_of};
use crate::support::Project;

/// Returns a configuration with the smallest `dev`, a multi-Region key, and these targets.
fn multi(targets: &str) -> String {
    format!("dev:\n  account: \"111111111111\"\n  key: {{multi_region: true}}\ntargets:\n{targets}")
}

const PROD: &str = "  - name: prod\n    account: \"222222222222\"\n";
const EUROPE: &str =
    "  - {name: europe, account: \"222222222222\", region: eu-west-1, bucket: europe-output}\n";

/// Returns a target with this number of accounts, starting at 200000000000.
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
fn adding_a_region_moves_and_replaces_nothing() {
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
    // Only a new name replaces a managed policy. The other resources are updated in place.
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
    let main =
        resources(&templates["dev"])["MultiRegionDeployKey"]["Properties"]["KeyPolicy"].to_string();
    assert!(main.contains("role/prods3role") && !main.contains("europes3role"));
    let pipeline = &resources(&templates["dev"])["Pipeline"]["Properties"];
    assert!(pipeline.get("ArtifactStore").is_none());
    let stores = pipeline["ArtifactStores"].as_array().expect("stores");
    assert_eq!(stores.len(), 2);
    assert_eq!(stores[1]["Region"], "eu-west-1");
    assert_eq!(
        stores[1]["ArtifactStore"]["EncryptionKey"]["Id"],
        json!({"Fn::Sub": "arn:aws:kms:eu-west-1:111111111111:key/${MultiRegionDeployKey}"})
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
        assert!(!text.contains(instance.account.as_str()));
    }
    assert!(!text.contains("eu-west-1"));
    // Only the names of the service role and its pipeline contain the dev region.
    let service_role = &plan.dev.service_role.arn;
    assert!(!text.replace(service_role, "").contains("us-east-1"));
    assert!(text.contains("out-${AWS::AccountId}-${AWS::Region}"));
    let names: BTreeSet<&str> = (plan.targets[0].instances.iter())
        .map(|instance| instance.role.arn.as_str())
        .collect();
    assert_eq!(names.len(), 6, "a role for each region");
    // Adding an account changes only the templates of the dev account.
    let more = self::templates(&plan_of(&multi(&fleet(
        4,
        "    regions: [us-east-1, eu-west-1]\n    approval: true\n",
    ))));
    assert_eq!(more["fleet"], templates["fleet"]);
}

/// Returns the stages of the pipeline in a template, with their actions.
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
    // An approval is also an action.
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
    // The position does not matter: at the end of the list or at its beginning.
    for after in [config(1_001, ""), config(1_000, "\"100000000000\", ")] {
        let new = templates(&plan_of(&after));
        let changed: Vec<&String> = new.keys().filter(|name| old[*name] != new[*name]).collect();
        assert_eq!(changed.len(), 1, "{changed:?}");
        assert!(changed[0].starts_with("dev-pipeline-"), "{changed:?}");
    }
}

/// A deployed fleet keeps its assignment to pipelines. These are the assignments of earlier
/// versions.
#[test]
fn accounts_stay_in_their_pipelines() {
    let targets = fleet(1_000, "    approval: true\n");
    let config = format!(
        "dev:\n  account: \"111111111111\"\ntargets:\n{PROD}{targets}organization: o-exampleorg1\n"
    );
    let plan = plan_of(&config);
    let instances = &plan.targets[1].instances;
    let mut counts = [0; 4];
    for instance in instances {
        counts[instance.pipeline] += 1;
    }
    assert_eq!(counts, [0, 333, 335, 332]);
    let places: Vec<(usize, &str)> = (instances.iter().step_by(37).take(11))
        .map(|instance| (instance.pipeline + 1, instance.stage.as_str()))
        .collect();
    assert_eq!(
        places,
        [
            (4, "fleet-1"),
            (2, "fleet-1"),
            (2, "fleet-1"),
            (3, "fleet-1"),
            (3, "fleet-1"),
            (4, "fleet-2"),
            (2, "fleet-2"),
            (4, "fleet-2"),
            (3, "fleet-2"),
            (3, "fleet-3"),
            (4, "fleet-3"),
        ]
    );
}

#[test]
fn a_fleet_of_six_hundred_is_one_pipeline_when_the_quota_allows_it() {
    let config = |quotas: &str| {
        let targets = fleet(600, "");
        format!(
            "dev:\n  account: \"111111111111\"\ntargets:\n{targets}{quotas}organization: o-exampleorg1\n"
        )
    };
    assert!(plan_of(&config("")).pipelines.len() > 1);
    let plan = plan_of(&config("quotas: {actions_per_pipeline: 1000}\n"));
    assert_eq!(plan.pipelines.len(), 1);
    let stages = stages(&templates(&plan)["dev"]);
    assert_eq!(
        stages
            .iter()
            .map(|(_, actions)| actions.len())
            .sum::<usize>(),
        601
    );
    assert!(stages.iter().all(|(_, actions)| actions.len() <= 50));
}

#[test]
fn waves_run_in_order_over_pipelines_and_each_instance_once() {
    let config = format!(
        "dev:\n  account: \"111111111111\"\ntargets:\n{PROD}{}  - {{name: last, account: \"333333333333\", bucket: last-output}}\norganization: o-exampleorg1\n",
        fleet(1_000, "    approval: true\n")
    );
    let plan = plan_of(&config);
    let stacks = stacks(&plan);
    // A pipeline is deployed before the pipeline that starts it.
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
        let pipeline = &resources(template)["Pipeline"]["Properties"];
        assert_only_the_previous_pipeline_deploys(pipeline, number > 0);
        let all = &pipeline["Stages"];
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
            let variables = configuration["Variables"].as_str().expect("text");
            let variables: Json = serde_json::from_str(variables).expect("JSON");
            assert_eq!(
                variables,
                json!([{"name": "StartedBy", "value": "previous-pipeline"}])
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

/// Asserts that the first stage after the source accepts only executions that the previous pipeline
/// started. The first pipeline has no condition. A condition that fails also stops all later stages
/// (AWS CodePipeline, *How do stage conditions work?*).
fn assert_only_the_previous_pipeline_deploys(pipeline: &Json, is_additional: bool) {
    let stages = pipeline["Stages"].as_array().expect("stages");
    let guarded: Vec<usize> = (stages.iter().enumerate())
        .filter(|(_, stage)| stage.get("BeforeEntry").is_some())
        .map(|(number, _)| number)
        .collect();
    if !is_additional {
        assert_eq!(guarded, Vec::<usize>::new());
        assert_eq!(pipeline["Variables"], Json::Null);
        return;
    }
    assert_eq!(guarded, [1]);
    let conditions = stages[1]["BeforeEntry"]["Conditions"].as_array();
    let [condition] = conditions.expect("conditions").as_slice() else {
        panic!("CodePipeline accepts one condition: {}", stages[1]);
    };
    assert_eq!(condition["Result"], "FAIL");
    let rule = &condition["Rules"][0];
    assert_eq!(
        rule["RuleTypeId"],
        json!({"Category": "Rule", "Owner": "AWS", "Provider": "VariableCheck", "Version": "1"})
    );
    assert_eq!(
        rule["Configuration"],
        json!({
            "Variable": "#{variables.StartedBy}",
            "Operator": "EQ",
            "Value": "previous-pipeline",
        })
    );
    let variable = &pipeline["Variables"][0];
    assert_eq!(variable["Name"], "StartedBy");
    assert_ne!(variable["DefaultValue"], rule["Configuration"]["Value"]);
    assert!(variable["DefaultValue"].is_string());
}

/// Returns a configuration for each kind of fleet, with its number of instances.
fn fleets() -> Vec<(String, usize)> {
    let regions = "    regions: [us-east-1, eu-west-1]\n";
    let organization = "organization: o-exampleorg1\n";
    vec![
        (multi(&fleet(4, "")), 4),
        (multi(&fleet(4, regions)), 8),
        (
            multi(&fleet(
                4,
                &format!("{regions}    role: \"d-{{account}}-{{region}}\"\n"),
            )),
            8,
        ),
        (format!("{}{organization}", multi(&fleet(4, regions))), 8),
        (
            format!(
                "{}{organization}",
                multi(&fleet(
                    4,
                    &format!("{regions}    role: \"d-{{account}}-{{region}}\"\n")
                ))
            ),
            8,
        ),
        (
            format!("{}permissions: article\n", multi(&fleet(4, regions))),
            8,
        ),
        (
            format!(
                "{}quotas: {{actions_per_pipeline: 5, actions_per_stage: 2}}\n",
                multi(&format!("{PROD}{EUROPE}{}", fleet(9, regions)))
            ),
            20,
        ),
    ]
}

#[test]
fn every_instance_of_every_fleet_is_proven() {
    for (config, count) in fleets() {
        let plan = plan_of(&config);
        assert_eq!(plan.instances().count(), count);
        let mut inputs = inputs_of(&plan, false);
        inputs.expand = true;
        let proof = prove(&inputs).expect("a proof");
        let article = config.contains("article");
        let found: Vec<String> = findings(&proof)
            .into_iter()
            .map(|(_, finding)| finding.message)
            .collect();
        assert!(
            !proof.has_errors() && !proof.has_unproven(),
            "{found:?}\n{config}"
        );
        assert!(article || found.is_empty(), "{found:?}\n{config}");
        // Each instance has one upload in the deploy step.
        let puts = proof.calls.iter().filter(|(decided, _)| {
            decided.call.step == Step::Deploy && decided.call.action == "s3:PutObject"
        });
        let resources: BTreeSet<&str> = puts
            .map(|(decided, _)| decided.call.resource.as_str())
            .collect();
        assert_eq!(resources.len(), count, "{config}");
        // The grouped proof reports the same results in fewer rows.
        inputs.expand = false;
        let grouped = prove(&inputs).expect("a proof");
        assert!(grouped.calls.len() < proof.calls.len());
        let all: usize = grouped
            .calls
            .iter()
            .map(|(decided, _)| decided.instances)
            .sum();
        assert_eq!(all, proof.calls.len(), "{config}");
        let all: usize = grouped.attacks.iter().map(|attack| attack.instances).sum();
        assert_eq!(all, proof.attacks.len(), "{config}");
        let of_instances = || {
            let calls = proof.calls.iter().map(|(decided, _)| &decided.call);
            calls.filter(|call| call.instance.is_some())
        };
        let ids: BTreeSet<&str> = of_instances().map(|call| call.id.as_str()).collect();
        assert_eq!(ids.len(), of_instances().count(), "{config}");
    }
}

/// Collects the JSON pointers of all strings in a value that contain a text.
fn strings_with(value: &Json, text: &str, at: &str, found: &mut Vec<String>) {
    match value {
        Json::String(string) if string.contains(text) => found.push(at.to_owned()),
        Json::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                strings_with(item, text, &format!("{at}/{number}"), found);
            }
        }
        Json::Object(fields) => {
            for (key, item) in fields {
                let key = key.replace('~', "~0").replace('/', "~1");
                strings_with(item, text, &format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
}

/// Replaces an account ID wherever a policy in the dev account's templates names one account.
#[test]
fn a_policy_that_misses_one_account_is_found_and_the_account_named() {
    let config = multi(&fleet(4, "    regions: [us-east-1, eu-west-1]\n"));
    let plan = plan_of(&config);
    let whole = inputs_of(&plan, true);
    let victim = &plan.targets[0].instances[2].account;
    let mut tried = 0;
    for (number, stack) in whole.stacks.iter().enumerate() {
        if stack.is_target {
            continue;
        }
        let template: Json = serde_json::from_str(stack.template.text()).expect("JSON");
        let mut places = Vec::new();
        strings_with(&template, victim, "", &mut places);
        for place in places.iter().filter(|place| place.contains("/Statement/")) {
            let mut changed = template.clone();
            let string = changed.pointer_mut(place).expect("a place");
            *string = json!(
                string
                    .as_str()
                    .expect("text")
                    .replace(victim.as_str(), "999999999990")
            );
            let mut inputs = whole.clone();
            inputs.stacks[number].template =
                Source::new(stack.template.name(), changed.to_string()).into();
            let proof = prove(&inputs).expect("a proof");
            let denied: Vec<&str> = proof
                .denied()
                .map(|(decided, _)| {
                    let instance = decided.call.instance.as_ref().expect("an instance");
                    assert_eq!(&instance.account, victim, "{place}");
                    assert_eq!(decided.verdict, Verdict::Denied);
                    assert_eq!(decided.instances, 1, "it represents one instance");
                    decided.call.id.as_str()
                })
                .collect();
            assert!(!denied.is_empty(), "{} {place}", stack.name);
            assert!(denied.iter().all(|id| id.contains(victim.as_str())));
            let named = findings(&proof).iter().any(|(file, finding)| {
                *file == number && finding.message.contains(victim.as_str())
            });
            assert!(named, "{place}");
            tried += 1;
        }
    }
    // The key policies and bucket policies of two regions, and the roles to assume.
    assert_eq!(tried, 2 + 2 + 2);
}

#[test]
fn an_error_in_the_shared_template_is_found_in_every_instance() {
    let plan = plan_of(&multi(&fleet(3, "")));
    let mut inputs = inputs_of(&plan, true);
    let at = inputs
        .stacks
        .iter()
        .position(|stack| stack.is_target)
        .expect("a target");
    let text = inputs.stacks[at]
        .template
        .text()
        .replace("s3:GetObject\"", "s3:GetObjectAcl\"");
    inputs.stacks[at].template = Source::new("fleet.json", text).into();
    let proof = prove(&inputs).expect("a proof");
    let denied: BTreeSet<String> = proof
        .denied()
        .filter_map(|(decided, _)| Some(decided.call.instance.as_ref()?.account.clone()))
        .collect();
    assert_eq!(denied.len(), 3);
}

#[test]
fn a_condition_that_the_previous_pipeline_does_not_meet_is_an_error() {
    let config = format!(
        "{}quotas: {{actions_per_pipeline: 5, actions_per_stage: 2}}\n",
        multi(&fleet(9, ""))
    );
    let inputs = inputs_of(&plan_of(&config), true);
    let proof = prove(&inputs).expect("a proof");
    assert_eq!(proof.obstacles, []);
    let passed = "[{\\\"name\\\":\\\"StartedBy\\\",\\\"value\\\":\\\"previous-pipeline\\\"}]";
    for (other, said) in [
        ("[]", "does not pass StartedBy, whose default is direct"),
        (
            "[{\\\"name\\\":\\\"StartedBy\\\",\\\"value\\\":\\\"other\\\"}]",
            "passes StartedBy=other",
        ),
    ] {
        let mut broken = inputs.clone();
        let text = broken.stacks[0].template.text();
        assert!(text.contains(passed), "{text}");
        let text = text.replace(passed, other);
        broken.stacks[0].template = Source::new("dev.json", text).into();
        let proof = prove(&broken).expect("a proof");
        assert!(proof.has_errors());
        let [obstacle] = proof.obstacles.as_slice() else {
            panic!("{:?}", proof.obstacles);
        };
        assert!(obstacle.reason.contains(said), "{}", obstacle.reason);
        let file = proof.files[obstacle.place.file].name();
        assert_eq!(file, "dev-pipeline-2.json");
        let mut found = s3ferry::proof::findings(&proof).into_iter();
        assert!(found.any(|(_, finding)| finding.code() == "PROVE_RUN_ENDS"));
    }
    // A value that is known only during an execution is not an error.
    let mut unknown = inputs.clone();
    let text = unknown.stacks[0].template.text();
    let text = text.replace("previous-pipeline", "#{SourceVariables.ETag}");
    unknown.stacks[0].template = Source::new("dev.json", text).into();
    assert_eq!(prove(&unknown).expect("a proof").obstacles, []);
}

#[test]
fn the_calls_of_other_stage_rules_are_unproven() {
    let inputs = inputs_of(&plan_of(""), true);
    let with = |provider: &str| {
        let mut inputs = inputs.clone();
        let text = inputs.stacks[0].template.text();
        let mut template: Json = serde_json::from_str(text).expect("JSON");
        let stage = &mut template["Resources"]["Pipeline"]["Properties"]["Stages"][1];
        stage["OnSuccess"] = json!({"Conditions": [{"Result": "FAIL", "Rules": [{
            "Name": "R",
            "RuleTypeId": {"Category": "Rule", "Owner": "AWS", "Provider": provider, "Version": "1"},
            "Configuration": {},
        }]}]});
        inputs.stacks[0].template = Source::new("dev.json", template.to_string()).into();
        prove(&inputs).expect("a proof")
    };
    for provider in ["VariableCheck", "DeploymentWindow"] {
        let proof = with(provider);
        assert!(!proof.has_unproven() && !proof.has_errors(), "{provider}");
    }
    let proof = with("LambdaInvoke");
    assert!(proof.has_unproven());
    let unproven = proof.calls.iter().map(|(decided, _)| decided);
    let unproven = unproven.filter(|decided| decided.verdict == Verdict::Unproven);
    let reasons: Vec<&str> = unproven.map(|decided| &*decided.doubts[0].reason).collect();
    let reason = "the calls of a LambdaInvoke rule, which are not modeled";
    assert_eq!(reasons, [reason]);
}

#[test]
fn the_calls_between_pipelines_are_proven_and_no_other_pipeline_can_be_started() {
    let config = format!(
        "{}quotas: {{actions_per_pipeline: 5, actions_per_stage: 2}}\n",
        multi(&fleet(9, ""))
    );
    let plan = plan_of(&config);
    let inputs = inputs_of(&plan, true);
    let proof = prove(&inputs).expect("a proof");
    let started: Vec<&str> = proof
        .calls
        .iter()
        .filter(|(decided, _)| decided.call.step == Step::Invoke)
        .map(|(decided, _)| decided.call.resource.rsplit(':').next().expect("a name"))
        .collect();
    let names: Vec<&str> = plan
        .pipelines
        .iter()
        .skip(1)
        .map(|pipeline| pipeline.name.as_str())
        .collect();
    assert!(names.len() > 1);
    assert_eq!(started, names);
    // Without this policy, only the first pipeline would run.
    let mut broken = inputs.clone();
    let text = broken.stacks[0]
        .template
        .text()
        .replace(":crossaccountdeploy-2\"", ":crossaccountdeploy-x\"");
    broken.stacks[0].template = Source::new("dev.json", text).into();
    let proof = prove(&broken).expect("a proof");
    assert!(
        proof
            .denied()
            .any(|(decided, _)| decided.call.step == Step::Invoke)
    );
    // With a wildcard, it could start any pipeline.
    let mut broken = inputs;
    let text = broken.stacks[0]
        .template
        .text()
        .replace(":crossaccountdeploy-2\"", ":*\"");
    broken.stacks[0].template = Source::new("dev.json", text).into();
    let proof = prove(&broken).expect("a proof");
    let allowed = proof
        .attacks
        .iter()
        .filter(|attack| attack.decided.is_some());
    let mut ids = allowed.map(|attack| attack.call.id.as_str());
    assert!(ids.any(|id| id.starts_with("service-role-starts-another-pipeline")));
}

#[test]
fn targets_are_listed_filtered_and_written_for_machines() {
    let config = multi(&format!(
        "{PROD}{}",
        fleet(
            2,
            "    regions: [us-east-1, eu-west-1]\n    role: \"a,{region}\"\n"
        )
    ));
    let project = Project::with(&config);
    let text = project.expect("targets", 0).stdout;
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines.len(), 6, "{text}");
    assert_eq!(
        lines[0],
        [
            "target", "wave", "account", "region", "bucket", "role", "pipeline", "stage", "action"
        ]
    );
    assert_eq!(
        lines[1],
        [
            "prod",
            "1",
            "222222222222",
            "us-east-1",
            "codepipeline-output-bucket",
            "prods3role",
            "crossaccountdeploy",
            "prod",
            "Deploy"
        ]
    );
    let json = project
        .expect("targets --target fleet --region eu-west-1 --format json", 0)
        .stdout;
    let json: Json = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        json["instances"][1],
        json!({"target": "fleet", "wave": 2, "account": "200000007919", "region": "eu-west-1",
            "bucket": "out-200000007919-eu-west-1", "role": "a,eu-west-1",
            "pipeline": "crossaccountdeploy", "stage": "fleet",
            "action": "Deploy-200000007919-eu-west-1"})
    );
    assert_eq!(json["instances"].as_array().map(Vec::len), Some(2));
    let csv = project
        .expect("targets --account 200000000000 --format csv", 0)
        .stdout;
    assert_eq!(
        csv.lines().nth(1),
        Some(
            "fleet,2,200000000000,us-east-1,out-200000000000-us-east-1,\"a,us-east-1\",crossaccountdeploy,fleet,Deploy-200000000000-us-east-1"
        )
    );
    assert_eq!(csv.lines().count(), 3);
    for (filter, message, help) in [
        (
            "--target flet",
            "has no target `flet`",
            "did you mean `fleet`?",
        ),
        (
            "--account 999999999999",
            "has no account `999999999999`",
            "targets",
        ),
        (
            "--region eu-west-2",
            "has no region `eu-west-2`",
            "did you mean `eu-west-1`?",
        ),
    ] {
        let run = project.expect(&format!("targets {filter}"), 2);
        assert!(
            run.stderr.contains(message) && run.stderr.contains(help),
            "{}",
            run.stderr
        );
    }
    let run = project.expect("targets --target prod --region eu-west-1", 0);
    assert_eq!(run.stdout, "");
    assert!(run.stderr.contains("No instance matches all filters"));
}

#[test]
fn prove_groups_instances_with_equal_results_and_shows_one_account_on_demand() {
    let project = Project::with(&multi(&fleet(3, "    regions: [us-east-1, eu-west-1]\n")));
    let grouped = project.expect("prove", 0).stdout;
    assert!(grouped.contains("fleets3role-us-east-1 × 3"), "{grouped}");
    assert!(
        grouped.contains("Target fleet: each row represents all instances with the same decision"),
        "{grouped}"
    );
    let expanded = project.expect("prove --expand", 0).stdout;
    assert!(
        expanded.contains("fleets3role-us-east-1 of 200000007919"),
        "{expanded}"
    );
    assert!(expanded.lines().count() > 2 * grouped.lines().count());
    // The last lines are the same.
    assert_eq!(grouped.lines().last(), expanded.lines().last());
    let one = project.expect("prove --account 200000007919", 0).stdout;
    assert!(
        one.contains("out-200000007919-eu-west-1") && !one.contains("200000000000"),
        "{one}"
    );
    let run = project.expect("prove --account 999999999999", 2);
    assert!(
        run.stderr.contains("no target is in account"),
        "{}",
        run.stderr
    );
}

/// The Guard rules accept a template with the maximum number of actions.
#[test]
fn a_full_pipeline_is_linted() {
    let config = multi(&fleet(499, "")).replace("  key: {multi_region: true}\n", "");
    let config = format!("{config}organization: o-exampleorg1\n");
    let project = Project::with(&config);
    let run = project.expect("synth --no-prove", 0);
    assert!(
        run.stderr.contains("QUOTA_TEMPLATE_INLINE_SIZE"),
        "{}",
        run.stderr
    );
    assert!(project.exists("stacks/fleet.yaml"));
}
