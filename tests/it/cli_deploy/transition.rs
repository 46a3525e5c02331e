//! Changes to a live pipeline: wherever a deploy stops, the deployed pipeline works. The tests
//! prove the deployed templates.

use std::sync::Arc;
use std::thread;

use s3ferry::config::Document;
use s3ferry::diagnostic::Source;
use s3ferry::plan::Plan;
use s3ferry::proof::{self, Inputs, Known, Stack, Verdict};
use s3ferry::run::Instance;
use serde_json::{Value, json};

use super::{DEV_STACK, PROD_STACK, REGION, Site};
use crate::emulator::Emulator;
use crate::emulator::profiles::Accounts;
use crate::emulator::stack_sets::StackSets;
use crate::repository_push;

const REPLACE: &str = "--all --yes --allow-replacement";

/// Proves the templates that are deployed in both accounts.
fn works(site: &Site) {
    let state = site.state();
    let config = site.project.read("s3ferry.yaml");
    let document = Document::read(Source::new("s3ferry.yaml", config)).expect("a configuration");
    let plan = Plan::new(&document.config).expect("a plan");
    let mut inputs = Inputs::base(&plan);
    inputs.allow_unused = true;
    for (account, stack, name) in [
        (&site.accounts.dev, state.dev_stack(), DEV_STACK),
        (&site.accounts.prod, state.prod_stack(), PROD_STACK),
    ] {
        let text = stack["template"].as_str().expect("a template");
        let template = s3ferry::diagnostic::read(&Source::new(name, text))
            .expect("a template")
            .to_json();
        let outputs = ["DeployKeyId", "PreviousDeployKeyId"].into_iter();
        let key_ids = outputs.filter_map(|output| {
            let id = template["Outputs"][output]["Value"]["Ref"].as_str()?;
            Some((id.to_owned(), stack["outputs"][output].as_str()?.to_owned()))
        });
        let parameters = stack["parameters"].as_object().into_iter().flatten();
        let parameters = parameters
            .map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned()));
        inputs.stacks.push(Stack {
            name: name.to_owned(),
            is_target: name == PROD_STACK,
            is_generic: false,
            tagged_objects: false,
            instances: vec![Arc::new(Instance {
                account: account.clone(),
                region: REGION.to_owned(),
            })],
            template: Source::new(name, text).into(),
            known: Known {
                parameters: parameters.collect(),
                key_ids: key_ids.collect(),
            },
        });
    }
    let proof = proof::prove(&inputs).expect("a proof");
    assert!(!proof.calls.is_empty());
    for (decided, _) in &proof.calls {
        assert!(
            matches!(decided.verdict, Verdict::Allowed | Verdict::NotGranted),
            "{} is {:?}",
            decided.call.id,
            decided.verdict
        );
    }
}

fn renamed_artifacts(site: &Site) {
    let dev = &site.accounts.dev;
    site.reconfigure(
        &format!("bucket: artifacts-{dev}"),
        &format!("bucket: store-{dev}"),
    );
}

fn renamed_output(site: &Site) {
    let prod = &site.accounts.prod;
    site.reconfigure(
        &format!("bucket: output-{prod}"),
        &format!("bucket: site-{prod}"),
    );
}

fn other_key(site: &Site) {
    site.reconfigure("  key:\n", "  key:\n    multi_region: true\n");
}

fn other_role(site: &Site) {
    let config = site.project.read("s3ferry.yaml");
    site.reconfigure(&config, &format!("{config}    role: otherrole\n"));
}

fn renamed_pipeline(site: &Site) {
    site.reconfigure("dev:\n", "dev:\n  pipeline:\n    name: site\n");
}

/// Changes the source from a bucket to a repository.
fn to_repository(site: &Site) {
    let config = site.project.read("s3ferry.yaml");
    site.reconfigure(&config, &with_key(repository_push::config(&site.accounts)));
}

/// Adds a build between the source and the deploy stage.
fn with_build(site: &Site) {
    site.reconfigure(
        "dev:\n",
        "dev:\n  build:\n    commands: [make]\n    output: dist/**\n    secrets: {TOKEN: site/token}\n",
    );
}

/// Adds the invalidation of a distribution after each deployment.
fn with_invalidation(site: &Site) {
    let config = site.project.read("s3ferry.yaml");
    let invalidate = "    invalidate: {distribution: EDFDVBD6EXAMPLE}\n";
    site.reconfigure(&config, &format!("{config}{invalidate}"));
}

/// Makes a change, and kills the deploy at each execution of a change set, before or after the
/// call.
fn survives(change: fn(&Site)) {
    let executions = {
        let site = Site::with(with_key).deployed();
        change(&site);
        site.deploy(REPLACE, 0);
        works(&site);
        let run = site.deploy("--all --yes", 0);
        assert_eq!(
            run.stderr.matches("No changes.").count(),
            2,
            "{}",
            run.stderr
        );
        let actions = site.proxy.actions();
        actions
            .iter()
            .filter(|action| *action == "ExecuteChangeSet")
            .count()
    };
    assert!(executions > 0);
    thread::scope(|scope| {
        for nth in 1..=executions {
            scope.spawn(move || {
                let after = nth % 2 == 0;
                let site = Site::with(with_key).deployed();
                change(&site);
                site.proxy.hold_at(Some("ExecuteChangeSet"), nth, after);
                site.kill_when_held(REPLACE);
                site.proxy.reset();
                works(&site);
                site.deploy(REPLACE, 0);
                works(&site);
            });
        }
    });
}

/// Returns the usual configuration with settings of the key.
fn with_key(config: String) -> String {
    config.replacen("dev:\n", "dev:\n  key:\n    alias: s3deploykey\n", 1)
}

#[test]
fn another_artifact_bucket() {
    survives(renamed_artifacts);
}

#[test]
fn dev_keeps_the_old_grants_until_the_pipeline_has_switched() {
    let site = Site::new().deployed();
    renamed_artifacts(&site);
    // The first step of the target, the switch, and then the step that removes the old grants.
    site.proxy.hold_at(Some("ExecuteChangeSet"), 3, false);
    site.kill_when_held(REPLACE);
    site.proxy.reset();
    let old = format!("artifacts-{}/", site.accounts.dev);
    let new = format!("store-{}/", site.accounts.dev);
    let state = site.state();
    let pipeline = &state.dev[REGION]["pipelines"]["crossaccountdeploy"];
    assert_eq!(
        pipeline["artifactStore"]["location"],
        new.trim_end_matches('/')
    );
    let policies = state.dev["policies"].to_string();
    assert!(
        policies.contains(&old) && policies.contains(&new),
        "{policies}"
    );
    let run = site.deploy(REPLACE, 0);
    assert!(
        !run.stderr.contains("switch to the new pipeline"),
        "{}",
        run.stderr
    );
    let policies = site.state().dev["policies"].to_string();
    assert!(!policies.contains(&old), "{policies}");
}

#[test]
fn a_repository_instead_of_a_source_bucket() {
    survives(to_repository);
}

#[test]
fn a_pipeline_with_a_repository_is_deployed_and_gets_a_bucket_again() {
    let site = Site::new();
    let config = site.project.read("s3ferry.yaml");
    site.reconfigure(&config, &repository_push::config(&site.accounts));
    let run = site.deploy("--all --yes", 0);
    let first = "deploys the newest commit of example/website (branch main)";
    assert!(run.stderr.contains(first), "{}", run.stderr);
    let next = "push to example/website to deploy, and run `s3ferry push --watch --profile dev`";
    assert!(run.stderr.contains(next), "{}", run.stderr);
    works(&site);
    let live = &site.state().dev[REGION]["pipelines"]["crossaccountdeploy"]["stages"];
    let source = &live[0]["actions"][0]["configuration"];
    assert_eq!(source["FullRepositoryId"], "example/website");
    let repository = site.project.read("s3ferry.yaml");
    site.reconfigure(&repository, &config);
    site.deploy(REPLACE, 0);
    works(&site);
    let live = &site.state().dev[REGION]["pipelines"]["crossaccountdeploy"]["stages"];
    let source = &live[0]["actions"][0]["configuration"];
    assert_eq!(source["S3ObjectKey"], "sample-website.zip");
}

#[test]
fn an_added_build() {
    survives(with_build);
}

#[test]
fn an_added_invalidation() {
    survives(with_invalidation);
}

#[test]
fn an_invalidation_is_deployed_diagnosed_changed_and_removed_again() {
    let site = Site::new();
    let before = site.project.read("s3ferry.yaml");
    with_invalidation(&site);
    site.deploy("--all --yes", 0);
    works(&site);
    let live = || site.state().dev[REGION]["pipelines"]["crossaccountdeploy"]["stages"].clone();
    let (action, prod) = (live()[1]["actions"][1].clone(), &site.accounts.prod);
    let machine = format!("arn:aws:states:{REGION}:{prod}:stateMachine:prods3role-invalidate");
    assert_eq!(action["configuration"]["StateMachineArn"], machine.as_str());
    let describe = format!("stepfunctions describe-state-machine --state-machine-arn {machine}");
    let definition = || {
        let found = Emulator::shared().aws(prod, &describe);
        let text = found["definition"].as_str().expect("a definition");
        serde_json::from_str::<Value>(text).expect("JSON")
    };
    let task = |of: &Value| of["States"]["Invalidate"]["Parameters"]["DistributionId"].clone();
    assert_eq!(task(&definition()), "EDFDVBD6EXAMPLE");
    let run = site.project.expect("doctor", 0);
    assert!(run.stdout.contains("no problems found"), "{}", run.stdout);
    site.reconfigure("EDFDVBD6EXAMPLE", "E2OTHEREXAMPLE");
    site.deploy("--all --yes", 0);
    works(&site);
    assert_eq!(task(&definition()), "E2OTHEREXAMPLE");
    let config = site.project.read("s3ferry.yaml");
    site.reconfigure(&config, &before);
    let run = site.deploy("--all --yes", 1);
    assert!(
        run.stderr.contains("prods3role-invalidate"),
        "{}",
        run.stderr
    );
    site.deploy(REPLACE, 0);
    works(&site);
    assert_eq!(live()[1]["actions"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_build_is_deployed_with_its_project_and_removed_again() {
    let site = Site::new();
    let before = site.project.read("s3ferry.yaml");
    with_build(&site);
    site.deploy("--all --yes", 0);
    works(&site);
    let state = site.state();
    let live = &state.dev[REGION]["pipelines"]["crossaccountdeploy"]["stages"];
    assert_eq!(
        live[1]["actions"][0]["configuration"]["ProjectName"],
        "crossaccountdeploy-build"
    );
    assert_eq!(
        live[2]["actions"][0]["inputArtifacts"][0]["name"],
        "BuildArtifact"
    );
    let policies = state.dev["policies"].to_string();
    assert!(policies.contains("codebuild:StartBuild"), "{policies}");
    let after = site.project.read("s3ferry.yaml");
    site.reconfigure(&after, &before);
    site.deploy(REPLACE, 0);
    works(&site);
    let state = site.state();
    let live = &state.dev[REGION]["pipelines"]["crossaccountdeploy"]["stages"];
    assert_eq!(
        live[1]["actions"][0]["inputArtifacts"][0]["name"],
        "SourceArtifact"
    );
    let policies = state.dev["policies"].to_string();
    assert!(!policies.contains("codebuild:StartBuild"), "{policies}");
}

#[test]
fn another_output_bucket() {
    survives(renamed_output);
}

#[test]
fn another_key() {
    survives(other_key);
}

#[test]
fn another_deploy_role() {
    survives(other_role);
}

#[test]
fn another_pipeline_name() {
    survives(renamed_pipeline);
}

#[test]
fn an_output_bucket_is_renamed_back() {
    let site = Site::new().deployed();
    let prod = site.accounts.prod.clone();
    renamed_output(&site);
    site.deploy(REPLACE, 0);
    site.reconfigure(
        &format!("bucket: site-{prod}"),
        &format!("bucket: output-{prod}"),
    );
    let run = site.deploy(REPLACE, 0);
    assert!(run.stderr.contains("import"), "{}", run.stderr);
    works(&site);
    let state = site.state();
    let resources = state.prod_stack()["resources"]
        .as_object()
        .expect("resources");
    let names: Vec<&Value> = resources.values().collect();
    for name in [format!("output-{prod}"), format!("output-{prod}-logs")] {
        assert!(names.contains(&&json!(name)), "{name}\n{resources:#?}");
    }
}

#[test]
fn a_rejected_change_changes_no_stack() {
    let site = Site::new().deployed();
    renamed_artifacts(&site);
    let before = site.state();
    let run = site.deploy("--all --yes", 1);
    assert!(run.stderr.contains("nothing was changed"), "{}", run.stderr);
    assert_eq!(site.state(), before);
}

#[test]
fn a_change_that_cloudformation_rejects_in_one_stack_changes_no_other() {
    let site = Site::new().deployed();
    let config = site.project.read("s3ferry.yaml");
    site.reconfigure(&config, &format!("{config}    path: v2\n"));
    let before = site.state();
    site.proxy.always(
        "CreateChangeSet",
        crate::emulator::Fault::Answered(crate::emulator::Answer::error(
            403,
            "AccessDenied",
            "not authorized to perform: CreateChangeSet",
        )),
    );
    site.deploy("--all --yes", 3);
    site.proxy.reset();
    assert_eq!(site.state(), before);
}

#[test]
fn each_account_can_be_deployed_separately() {
    let site = Site::new().deployed();
    renamed_artifacts(&site);
    let run = site.deploy("--profile prod --yes --allow-replacement", 0);
    assert!(
        run.stderr.contains("keep those for the old pipeline"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("s3ferry deploy --profile dev"),
        "{}",
        run.stderr
    );
    works(&site);
    // An incomplete change is not an error.
    let run = site.project.expect("doctor", 0);
    assert!(
        run.stdout.contains("in transition"),
        "{}\n{}",
        run.stdout,
        run.stderr
    );
    site.deploy("--profile dev --yes --allow-replacement", 0);
    works(&site);
    let run = site.deploy("--profile prod --yes --allow-replacement", 0);
    assert!(!run.stderr.contains("No changes."), "{}", run.stderr);
    works(&site);
    let old = format!("artifacts-{}/", site.accounts.dev);
    assert!(!site.state().prod["policies"].to_string().contains(&old));
}

#[test]
fn dev_waits_for_its_targets() {
    let site = Site::new().deployed();
    renamed_artifacts(&site);
    let before = site.state();
    let run = site.deploy("--profile dev --yes --allow-replacement", 0);
    assert!(
        run.stderr.contains("s3ferry deploy --profile prod"),
        "{}",
        run.stderr
    );
    assert_eq!(
        site.state().dev_stack()["resources"],
        before.dev_stack()["resources"]
    );
    works(&site);
}

#[test]
fn a_new_key_of_dev_waits_for_its_targets() {
    let site = Site::with(with_key).deployed();
    other_key(&site);
    let run = site.deploy("--profile dev --yes --allow-replacement", 0);
    let key = site.state().key_id().to_owned();
    let next = format!(
        "Next: run `s3ferry deploy --profile prod --parameter DeployKeyId={key}`, then `s3ferry \
         deploy --profile dev` to switch the pipeline"
    );
    assert!(run.stderr.contains(&next), "{}", run.stderr);
    works(&site);
    site.deploy("--profile prod --yes --allow-replacement", 0);
    works(&site);
    site.deploy("--profile dev --yes --allow-replacement", 0);
    works(&site);
    site.deploy("--profile prod --yes", 0);
    works(&site);
}

/// A target that only loses access has nothing to add, so its first run changes nothing. Without
/// access to its account, dev learns about that run from the outputs file.
#[test]
fn a_target_that_needs_no_first_step_is_recorded_as_ready() {
    let site = Site::with(|config| {
        let account = config.split("account: \"").nth(2).expect("the target's");
        let account = &account[..12];
        let other = format!(
            "  - name: other\n    account: \"{account}\"\n    profile: prod\n    bucket: \
             other-{account}\n    role: otherrole\n    approval: true\n"
        );
        format!("{config}    approval: true\n{other}quotas: {{actions_per_pipeline: 4}}\n")
    });
    let site = site.deployed();
    site.reconfigure("quotas: {actions_per_pipeline: 4}\n", "");
    let profiles = site.project.read("aws/credentials");
    let prod = profiles.find("[prod]").expect("two profiles");
    let config = "[profile dev]\nregion = us-east-1\n[profile prod]\nregion = us-east-1\n";
    let only = |profile: &str| {
        let credentials = match profile {
            "dev" => &profiles[..prod],
            _ => &profiles[prod..],
        };
        site.project.write("aws/credentials", credentials);
        let name = format!("[profile {profile}]");
        let at = config.find(&name).expect("the profile");
        let end = config[at + 1..]
            .find('[')
            .map_or(config.len(), |end| at + 1 + end);
        site.project.write("aws/config", &config[at..end]);
    };
    only("prod");
    let before = site.state();
    site.deploy("--profile prod --yes", 0);
    assert_eq!(site.state().prod, before.prod);
    only("dev");
    let run = site.deploy("--profile dev --yes --allow-replacement", 0);
    assert!(
        run.stderr.contains("-dev: switch to the new pipeline"),
        "{}",
        run.stderr
    );
}

#[test]
fn an_old_outputs_file_does_not_switch_the_key() {
    let site = Site::new().deployed();
    let outputs = site.project.read(".s3ferry/outputs.json");
    let key = site.state().key_id().to_owned();
    let other = "00000000-0000-4000-8000-000000000000";
    site.project
        .write(".s3ferry/outputs.json", outputs.replace(&key, other));
    let credentials = site.project.read("aws/credentials");
    let at = credentials.find("[prod]").expect("two profiles");
    site.project.write("aws/credentials", &credentials[at..]);
    site.project
        .write("aws/config", "[profile prod]\nregion = us-east-1\n");
    let before = site.state();
    let run = site.deploy("--profile prod --yes", 1);
    assert!(
        run.stderr.contains("--parameter DeployKeyId="),
        "{}",
        run.stderr
    );
    assert_eq!(site.state(), before);
}

#[test]
fn a_removed_target_is_reported_until_it_is_destroyed() {
    let site = Site::with(|config| {
        let account = config.split('"').nth(3).expect("prod's account").to_owned();
        format!(
            "{config}  - name: second\n    account: \"{account}\"\n    profile: prod\n    bucket: \
             second-{account}\n"
        )
    })
    .deployed();
    let config = site.project.read("s3ferry.yaml");
    let (kept, _) = config
        .split_once("  - name: second")
        .expect("the second target");
    let stack = "crossaccountdeploy-second";
    site.reconfigure(&config, kept);
    let destroy = format!("destroy --removed --profile prod --confirm {stack}");
    let run = site.project.expect(&destroy, 1);
    assert!(run.stderr.contains("still deploys to"), "{}", run.stderr);
    let run = site.deploy("--all --yes", 0);
    assert!(run.stderr.contains(stack), "{}", run.stderr);
    for command in ["status", "diff --all"] {
        let run = site.project.run(command);
        assert!(run.stdout.contains(stack), "{command}: {}", run.stdout);
        assert!(
            run.stdout
                .contains("s3ferry destroy --removed --profile prod"),
            "{}",
            run.stdout
        );
    }
    // Without the outputs file, the account is read.
    std::fs::remove_file(site.project.path(".s3ferry/outputs.json")).expect("removed");
    let run = site.project.run("status");
    assert!(run.stdout.contains(stack), "{}", run.stdout);
    site.project.expect(&destroy, 0);
    let run = site.project.run("status");
    assert!(!run.stdout.contains(stack), "{}", run.stdout);
    works(&site);
}

/// Returns a site whose target is a stack set in two accounts, and the stack set service.
fn site_with_set() -> (Site, [String; 2], StackSets) {
    let service = StackSets::start();
    let mut site = Site::new();
    let accounts = [site.accounts.prod.clone(), Accounts::fresh().prod];
    let dev = &site.accounts.dev;
    for account in &accounts {
        // The stack set service creates no resources, but CodePipeline requires the role.
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"AWS": format!("arn:aws:iam::{dev}:root")},
        }]});
        let trust = trust.to_string();
        let fields = [
            ("Action", "CreateRole"),
            ("Version", "2010-05-08"),
            ("RoleName", "prods3role"),
            ("AssumeRolePolicyDocument", &trust),
        ];
        Emulator::shared().query(account, "iam", &fields);
    }
    let config = site.project.read("s3ferry.yaml");
    let (dev, _) = config.split_once("targets:\n").expect("targets");
    let (one, two) = (&accounts[0], &accounts[1]);
    site.project.write(
        "s3ferry.yaml",
        format!(
            "{dev}targets:\n  - name: prod\n    accounts: [\"{one}\", \"{two}\"]\n    bucket: \
             \"{{account}}-out\"\n    stack_set: {{account: \"222222222222\", profile: admin}}\n"
        ),
    );
    site.project.expect("synth --no-lint --no-prove", 0);
    let profile = |name: &str, endpoint: &str| {
        format!("[profile {name}]\nregion = us-east-1\nendpoint_url = {endpoint}\n")
    };
    let here = site.proxy.endpoint();
    let there = format!("http://{}", service.address());
    let config = profile("dev", &here) + &profile("prod", &here) + &profile("admin", &there);
    site.project.write("aws/config", config);
    let credentials = site.project.read("aws/credentials");
    let admin = "[admin]\naws_access_key_id = 222222222222\naws_secret_access_key = secret\n";
    site.project.write("aws/credentials", credentials + admin);
    site.project.unset("AWS_ENDPOINT_URL");
    (site, accounts, service)
}

#[test]
fn a_stack_set_that_left_the_configuration_is_reported_until_it_is_destroyed() {
    let (site, [one, two], service) = site_with_set();
    site.deploy("--all --yes", 0);
    let has_set = || service.look(|state| state.has_set());
    let prod = format!("accounts: [\"{one}\", \"{two}\"]");
    // Another target replaces the stack set, so no stack uses the administrator's profile.
    site.reconfigure("name: prod", "name: other");
    site.reconfigure(&prod, &format!("account: \"{one}\""));
    site.reconfigure("{account}-out", &format!("other-{one}"));
    site.reconfigure(
        "    stack_set: {account: \"222222222222\", profile: admin}\n",
        "    role: otherrole\n    profile: prod\n",
    );
    let named = "Stack set crossaccountdeploy-prod in account 222222222222";
    for command in ["status", "diff --all"] {
        let run = site.project.run(command);
        let said = run.stdout + &run.stderr;
        assert!(said.contains(named), "{command}\n{said}");
    }
    // The deployed pipeline still deploys to it.
    let destroy = "destroy --removed --profile admin --confirm crossaccountdeploy-prod";
    let run = site.project.expect(destroy, 1);
    assert!(
        run.stderr
            .contains("the deployed pipeline still deploys to"),
        "{}",
        run.stderr
    );
    assert!(has_set());
    let run = site.deploy("--all --yes", 0);
    assert!(run.stderr.contains(named), "{}", run.stderr);
    site.project.expect(destroy, 0);
    assert!(!has_set());
    let run = site.project.expect("status", 0);
    assert!(!run.stdout.contains(named), "{}", run.stdout);
}

#[test]
fn an_account_leaves_its_stack_set_after_the_pipeline_switched() {
    let (site, [_, leaving], service) = site_with_set();
    site.deploy("--all --yes", 0);
    let instances = || service.look(|state| state.instances.len());
    assert_eq!(instances(), 2);
    site.reconfigure(&format!(", \"{leaving}\""), "");
    // A deploy by the administrator removes no account that the pipeline deploys to.
    site.deploy("--profile admin --yes", 0);
    assert_eq!(instances(), 2);
    let run = site.deploy("--all --yes", 0);
    assert_eq!(instances(), 1);
    let at = |text: &str| {
        let found = run.stderr.find(text);
        found.unwrap_or_else(|| panic!("{text}\n{}", run.stderr))
    };
    let removal = at(&format!("remove  {leaving}"));
    assert!(
        at("Stack crossaccountdeploy-dev was updated") < removal,
        "{}",
        run.stderr
    );
}

#[test]
fn a_change_of_the_key_is_reverted_halfway() {
    for profiles in [&["dev"][..], &["dev", "prod"]] {
        let site = Site::with(with_key).deployed();
        other_key(&site);
        for profile in profiles {
            site.deploy(&format!("--profile {profile} --yes --allow-replacement"), 0);
            works(&site);
        }
        if profiles.len() == 1 {
            // A second run prints the same next step.
            let run = site.deploy("--profile dev --yes --allow-replacement", 0);
            assert!(
                run.stderr
                    .contains("Next: run `s3ferry deploy --profile prod"),
                "{}",
                run.stderr
            );
        }
        site.reconfigure("    multi_region: true\n", "");
        site.deploy("--all --yes --allow-replacement", 0);
        works(&site);
        let run = site.deploy("--all --yes", 0);
        assert_eq!(
            run.stderr.matches("No changes.").count(),
            2,
            "{}",
            run.stderr
        );
        site.project.expect("diff --all", 0);
    }
}

#[test]
fn a_live_pipeline_is_not_destroyed_as_a_removed_one() {
    let site = Site::new().deployed();
    let accounts = &site.accounts;
    let before = site.project.read("s3ferry.yaml");
    let all = "destroy --removed --all --confirm crossaccountdeploy-dev --confirm crossaccountdeploy-prod";
    // The pipeline moves to another region, but the stacks are those of the deployed pipeline.
    let moved = before.replace("dev:\n", "dev:\n  region: eu-west-1\n");
    site.reconfigure(&before, &moved);
    let run = site.project.expect(all, 1);
    assert!(run.stderr.contains("nothing was deleted"), "{}", run.stderr);
    // All names change, so the configuration appears to be that of another pipeline.
    let dev = &accounts.dev;
    let new = before
        .replace(
            "dev:\n",
            "dev:\n  pipeline: {name: site}\n  key: {alias: otherkey}\n",
        )
        .replace(&format!("source-{dev}"), &format!("input-{dev}"))
        .replace(&format!("artifacts-{dev}"), &format!("store-{dev}"));
    site.reconfigure(&moved, &new);
    let run = site.project.expect(all, 1);
    assert!(run.stderr.contains("nothing was deleted"), "{}", run.stderr);
    site.reconfigure(&new, &moved);
    // Another target is configured but not deployed, and the command has no access to dev.
    let renamed = before.replace(
        "name: prod",
        "name: other\n    profile: prod\n    role: otherrole",
    );
    let renamed = renamed.replace(
        &format!("output-{}", accounts.prod),
        &format!("site-{}", accounts.prod),
    );
    site.reconfigure(&moved, &renamed);
    let file = site.project.read("aws/config");
    let credentials = site.project.read("aws/credentials");
    let rest = |text: &str, at: &str| text[text.find(at).expect("a profile")..].to_owned();
    site.project
        .write("aws/config", rest(&file, "[profile prod]"));
    site.project
        .write("aws/credentials", rest(&credentials, "[prod]"));
    let run = site.project.expect(
        "destroy --removed --profile prod --confirm crossaccountdeploy-prod",
        1,
    );
    assert!(
        run.stderr.contains("cannot determine whether"),
        "{}",
        run.stderr
    );
    site.project.write("aws/config", file);
    site.project.write("aws/credentials", credentials);
    site.reconfigure(&renamed, &before);
    works(&site);
}

#[test]
fn a_renamed_target_is_complete_after_one_run() {
    let site = Site::new().deployed();
    let account = site.accounts.prod.clone();
    site.reconfigure(
        "name: prod",
        "name: other\n    profile: prod\n    role: otherrole",
    );
    site.reconfigure(&format!("output-{account}"), &format!("site-{account}"));
    site.deploy("--all --yes --allow-replacement", 0);
    // Its policies keep their names, because those of the old target do not conflict.
    site.project.expect("diff --all", 0);
    site.project.expect(
        "destroy --removed --profile prod --confirm crossaccountdeploy-prod",
        0,
    );
    site.project.expect("diff --all", 0);
    let run = site.deploy("--all --yes", 0);
    assert_eq!(
        run.stderr.matches("No changes.").count(),
        2,
        "{}",
        run.stderr
    );
}
