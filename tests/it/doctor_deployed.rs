//! Tests of `s3ferry doctor` if the configuration differs from the deployed stacks, and if some
//! items cannot be read. The doctor diagnoses the deployed state and makes no claims about unread
//! items.

use serde_json::{Value, json};

use crate::cli_doctor::{Deployment, rules, text};
use crate::emulator::{Accounts, Answer, Emulator, Fault, FaultProxy};
use crate::support::{Project, Run};

/// The name of a configuration change, and the function that makes it.
type Change = (&'static str, fn(&str, &Accounts) -> String);

fn in_dev(config: &str, lines: &str) -> String {
    config.replacen("  source:\n", &format!("{lines}  source:\n"), 1)
}

fn in_target(config: &str, line: &str) -> String {
    format!("{config}    {line}\n")
}

const CHANGES: [Change; 13] = [
    ("source bucket", |config, _| {
        config.replace("bucket: source-", "bucket: other-source-")
    }),
    ("artifact bucket", |config, _| {
        config.replace("bucket: artifacts-", "bucket: other-artifacts-")
    }),
    ("output bucket", |config, _| {
        config.replace("bucket: output-", "bucket: other-output-")
    }),
    ("service role", |config, accounts| {
        let role = format!("arn:aws:iam::{}:role/other", accounts.dev);
        in_dev(config, &format!("  pipeline:\n    service_role: {role}\n"))
    }),
    ("pipeline name", |config, _| {
        in_dev(config, "  pipeline:\n    name: renamed\n")
    }),
    ("multi-Region key", |config, _| {
        in_dev(config, "  key:\n    multi_region: true\n")
    }),
    ("deploy role", |config, _| in_target(config, "role: other")),
    ("path", |config, _| in_target(config, "path: site")),
    ("approval", |config, _| in_target(config, "approval: true")),
    ("tags", |config, _| {
        in_target(config, "tagged_objects: true")
    }),
    ("article", |config, _| {
        format!("permissions: article\n{config}")
    }),
    ("organization", |config, _| {
        format!("organization: o-0123456789\n{config}")
    }),
    ("another target", |config, accounts| {
        let account = &accounts.prod;
        format!(
            "{config}  - name: staging\n    account: \"{account}\"\n    profile: prod\n    bucket: \
             staging-{account}\n"
        )
    }),
];

/// Writes a configuration and its templates.
fn configure(project: &Project, config: &str) {
    for entry in std::fs::read_dir(project.path("stacks")).expect("stacks") {
        std::fs::remove_file(entry.expect("an entry").path()).expect("removed");
    }
    project.write("s3ferry.yaml", config);
    project.expect("synth --quiet --no-lint", 0);
}

fn first_line(run: &Run) -> &str {
    run.stdout.lines().next().unwrap_or_default()
}

fn diagnosis(project: &Project, code: i32) -> Value {
    let run = project.expect("doctor --format json", code);
    crate::schemas::conforms("doctor", &run.stdout);
    serde_json::from_str(&run.stdout).expect("JSON")
}

/// Returns the commands of a finding.
fn commands(finding: &Value) -> Vec<String> {
    let fixes = finding["fixes"].as_array().expect("fixes").iter();
    let commands = fixes.filter(|fix| fix["kind"] == "command");
    commands.map(|fix| text(&fix["command"])).collect()
}

#[test]
fn an_undeployed_configuration_is_not_a_problem() {
    let deployment = Deployment::new();
    let project = &deployment.project;
    let config = deployment.accounts.config();
    for (name, change) in CHANGES {
        let changed = change(&config, &deployment.accounts);
        assert_ne!(changed, config, "{name}");
        configure(project, &changed);
        let run = project.expect("doctor", 0);
        let first = "The configuration differs from the deployed stacks. For details, run \
                     `s3ferry diff --";
        assert!(
            first_line(&run).starts_with(first),
            "{name}: {}",
            run.stdout
        );
        assert!(
            run.stdout
                .contains("crossaccountdeploy: no problems found: 40 calls"),
            "{name}: {}",
            run.stdout
        );
        assert!(!run.stdout.contains("aws "), "{name}: {}", run.stdout);
        let found = diagnosis(project, 0);
        assert_eq!(found["result"], "healthy", "{name}");
        assert_eq!(found["configuration"]["isDeployed"], false, "{name}");
        let stacks = found["configuration"]["stacks"].to_string();
        assert!(stacks.contains("template"), "{name}: {stacks}");
        assert_eq!(
            stacks.contains("notDeployed"),
            name == "another target",
            "{name}: {stacks}"
        );
    }
    configure(project, &config);
    let found = diagnosis(project, 0);
    assert_eq!(
        found["configuration"],
        json!({ "isDeployed": true, "stacks": [] })
    );
}

#[test]
fn a_recently_deployed_approval_is_not_a_difference() {
    let accounts = Accounts::fresh();
    let config = in_target(&accounts.config(), "approval: true");
    let mut project = Project::with(&config);
    accounts.log_in(&mut project, &Emulator::shared().endpoint());
    project.expect("synth --quiet --no-lint", 0);
    project.expect("deploy --all --yes --quiet", 0);
    assert_eq!(diagnosis(&project, 0)["result"], "healthy");
}

#[test]
fn a_renamed_pipeline_without_its_outputs_file_is_not_deployed() {
    let deployment = Deployment::new();
    let project = &deployment.project;
    let config = deployment.accounts.config();
    configure(
        project,
        &in_dev(&config, "  pipeline:\n    name: renamed\n"),
    );
    std::fs::remove_file(project.path(".s3ferry/outputs.json")).expect("removed");
    let found = diagnosis(project, 1);
    assert_eq!(rules(&found), ["DOCTOR_STACK", "DOCTOR_STACK"], "{found:#}");
    for finding in found["findings"].as_array().expect("findings") {
        let message = text(&finding["message"]);
        assert!(
            message.contains("the stack does not exist in account"),
            "{message}"
        );
        let commands = commands(finding);
        assert!(
            commands
                .iter()
                .all(|command| command.starts_with("s3ferry diff ")),
            "{commands:?}"
        );
    }
}

#[test]
fn a_removed_target_is_diagnosed_while_it_is_deployed() {
    let deployment = Deployment::new();
    let project = &deployment.project;
    let config = deployment.accounts.config();
    let (_, with_another) = CHANGES[CHANGES.len() - 1];
    configure(project, &with_another(&config, &deployment.accounts));
    project.expect("deploy --all --yes --quiet", 0);
    configure(project, &config);
    let found = diagnosis(project, 0);
    assert_eq!(found["result"], "healthy", "{found:#}");
    let stacks = found["configuration"]["stacks"].as_array().expect("stacks");
    let staging = stacks
        .iter()
        .find(|one| one["stack"] == "crossaccountdeploy-staging");
    assert_eq!(staging.expect("staging")["difference"], "notConfigured");
    // The doctor finds damage to the target.
    Emulator::shared().aws(
        &deployment.accounts.prod,
        &format!(
            "iam detach-role-policy --role-name stagings3role --policy-arn \
             arn:aws:iam::{}:policy/devkmss3access-staging",
            deployment.accounts.prod
        ),
    );
    let found = diagnosis(project, 1);
    assert_eq!(rules(&found), ["DOCTOR_ROLE_POLICY"], "{found:#}");
}

#[test]
fn damage_is_found_in_a_changed_stack_and_fixes_do_not_overwrite_the_change() {
    let deployment = Deployment::new();
    let project = &deployment.project;
    let (_, source) = CHANGES[0];
    configure(
        project,
        &source(&deployment.accounts.config(), &deployment.accounts),
    );
    let rule = "crossaccountdeploy-us-east-1-start";
    deployment.dev(&format!("events disable-rule --name {rule}"));
    Emulator::shared().aws(
        &deployment.accounts.prod,
        &format!(
            "iam detach-role-policy --role-name prods3role --policy-arn \
             arn:aws:iam::{}:policy/devkmss3access",
            deployment.accounts.prod
        ),
    );
    let found = diagnosis(project, 1);
    assert_eq!(
        rules(&found),
        ["DOCTOR_ROLE_POLICY", "DOCTOR_CHANGE_EVENTS"],
        "{found:#}"
    );
    // The prod stack matches the configuration, but the dev stack does not.
    let attach = &commands(&found["findings"][0])[0];
    assert!(
        attach.starts_with("aws iam attach-role-policy "),
        "{attach}"
    );
    assert_eq!(
        commands(&found["findings"][1]),
        ["s3ferry diff --profile dev"]
    );
}

#[test]
fn a_target_with_an_old_key_is_reported_with_its_next_step() {
    let deployment = Deployment::new();
    let project = &deployment.project;
    let other = "00000000-1111-4222-8333-444444444444";
    // The AWS CLI makes the change, because deploy keeps access to the key that the pipeline uses.
    let prod = &deployment.accounts.prod;
    let stack = "--stack-name crossaccountdeploy-prod";
    Emulator::shared().aws(
        prod,
        &format!(
            "cloudformation update-stack {stack} --use-previous-template --capabilities \
             CAPABILITY_NAMED_IAM --parameters ParameterKey=DeployKeyId,ParameterValue={other}"
        ),
    );
    let wait = format!("cloudformation wait stack-update-complete {stack}");
    Emulator::shared().aws(prod, &wait);
    let found = diagnosis(project, 1);
    assert_eq!(rules(&found), ["DOCTOR_STACKS_DISAGREE"], "{found:#}");
    let finding = &found["findings"][0];
    assert_eq!(finding["severity"], "error");
    let message = text(&finding["message"]);
    assert!(
        message.contains(&format!("DeployKeyId {other}")),
        "{message}"
    );
    assert!(finding["consequences"].to_string().contains("kms:Decrypt"));
    assert_eq!(commands(finding), ["s3ferry deploy --profile prod"]);
    assert!(!found.to_string().contains("is unchanged"), "{found:#}");
    project.expect("deploy --profile prod --yes --quiet", 0);
    deployment.healthy();
}

#[test]
fn no_problems_are_reported_only_if_everything_was_read() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let proxy = FaultProxy::before(emulator.address());
    let project = accounts.project(&proxy.endpoint());
    project.expect("deploy --all --yes --quiet", 0);
    let denied = || Fault::Answered(Answer::error(403, "AccessDenied", "no"));
    proxy.always("GetRole", denied());
    let run = project.expect("doctor", 4);
    assert!(
        !run.stdout.contains("no problems found: "),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains(
            "no problems found in the items that were read: 4 of 40 calls evaluated, 3 items not read"
        ),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("iam:GetRole"), "{}", run.stdout);
    let found = diagnosis(&project, 4);
    assert_eq!(found["result"], "incomplete");
    assert_eq!(found["summary"]["callsDecided"], 4);
    assert_eq!(found["summary"]["callsUndecided"], 36);

    // Without the deployed templates, the doctor uses those of the configuration and reports this.
    proxy.reset();
    proxy.always("GetTemplate", denied());
    let found = diagnosis(&project, 4);
    assert_eq!(found["findings"], json!([]));
    assert_eq!(found["summary"]["callsUndecided"], 0);
    let unread = found["unread"].as_array().expect("unread");
    assert_eq!(unread.len(), 2, "{found:#}");
    for one in unread {
        assert_eq!(one["action"], "cloudformation:GetTemplate");
        let what = text(&one["what"]);
        assert!(
            what.contains("the template from the configuration is used"),
            "{what}"
        );
    }
}
