//! Stage safety: execution modes, reactions to failures, approvals, deployment windows, and alarms
//! in the configuration, the templates, and the proof.

use serde_json::{Value as Json, json};

use crate::support::{Project, SMALL, rejected};

const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:approvals";
const ALARM: &str = "arn:aws:cloudwatch:us-east-1:111111111111:alarm:website-errors";

/// Returns a configuration with more settings for the target.
fn target(settings: &str) -> String {
    format!("{SMALL}    {settings}\n")
}

/// Returns a fleet of four accounts in stages with at most two actions, with more settings for the
/// target.
fn fleet(settings: &str, quotas: &str) -> String {
    format!(
        "dev:\n  account: \"111111111111\"\ntargets:\n  - name: prod\n    accounts: \
         [\"222222222222\", \"333333333333\", \"444444444444\", \"555555555555\"]\n    bucket: \
         out-{{account}}\n    {settings}\nquotas: {{{quotas}}}\n"
    )
}

fn template(config: &str) -> Json {
    let project = Project::with(config);
    project.expect("synth --format json", 0);
    serde_json::from_str(&project.read("stacks/dev.json")).expect("JSON")
}

fn pipeline(config: &str) -> Json {
    template(config)["Resources"]["Pipeline"]["Properties"].clone()
}

/// Returns the rules of the only entry condition of a stage.
fn entry_rules(stage: &Json) -> Vec<Json> {
    let conditions = stage["BeforeEntry"]["Conditions"].as_array();
    let [condition] = conditions.expect("conditions").as_slice() else {
        panic!("CodePipeline accepts one condition: {stage}");
    };
    assert_eq!(condition["Result"], "FAIL");
    condition["Rules"].as_array().expect("rules").clone()
}

fn names(rules: &[Json]) -> Vec<&str> {
    let names = rules.iter().map(|rule| rule["Name"].as_str());
    names.map(|name| name.expect("a name")).collect()
}

#[test]
fn explicit_defaults_change_nothing() {
    let plain = template(SMALL);
    let config = target("on_failure: stop").replace(
        "  account: \"111111111111\"\n",
        "  account: \"111111111111\"\n  pipeline: {execution_mode: superseded}\n",
    );
    assert_eq!(template(&config), plain);
    assert_eq!(template(&target("approval: false")), plain);
    let pipeline = plain["Resources"]["Pipeline"]["Properties"].clone();
    assert_eq!(pipeline["ExecutionMode"], Json::Null);
    assert_eq!(pipeline["Stages"][1]["OnFailure"], Json::Null);
    assert_eq!(pipeline["Stages"][1]["BeforeEntry"], Json::Null);
}

#[test]
fn every_pipeline_has_the_execution_mode() {
    let config = fleet("on_failure: stop", "actions_per_pipeline: 4").replace(
        "  account: \"111111111111\"\n",
        "  account: \"111111111111\"\n  pipeline: {execution_mode: queued}\n",
    );
    let project = Project::with(&config);
    project.expect("synth --format json", 0);
    for file in ["stacks/dev.json", "stacks/dev-pipeline-2.json"] {
        let template: Json = serde_json::from_str(&project.read(file)).expect("JSON");
        let pipeline = &template["Resources"]["Pipeline"]["Properties"];
        assert_eq!(pipeline["ExecutionMode"], "QUEUED", "{file}");
    }
}

#[test]
fn every_stage_of_a_target_reacts_to_a_failure() {
    let of = |reaction: &str| {
        let settings = format!("on_failure: {reaction}");
        let pipeline = pipeline(&fleet(&settings, "actions_per_stage: 2"));
        let stages = pipeline["Stages"].as_array().expect("stages").clone();
        assert_eq!(stages.len(), 3);
        assert_eq!(stages[0]["OnFailure"], Json::Null, "the source stage");
        assert_eq!(stages[1]["OnFailure"], stages[2]["OnFailure"]);
        stages[2]["OnFailure"].clone()
    };
    assert_eq!(of("rollback"), json!({"Result": "ROLLBACK"}));
    assert_eq!(
        of("retry"),
        json!({"Result": "RETRY", "RetryConfiguration": {"RetryMode": "FAILED_ACTIONS"}})
    );
}

#[test]
fn an_approval_can_have_settings() {
    let approve = |settings: &str| {
        let pipeline = pipeline(&target(&format!("approval: {settings}")));
        let actions = pipeline["Stages"][1]["Actions"]
            .as_array()
            .expect("actions");
        assert_eq!(actions.len(), 2);
        assert_eq!(actions[0]["Name"], "Approve");
        assert_eq!(actions[1]["RunOrder"], 2);
        actions[0].clone()
    };
    let plain = approve("true");
    assert_eq!(plain["Configuration"], Json::Null);
    assert_eq!(plain["TimeoutInMinutes"], Json::Null);
    let both = approve(&format!("{{notify: \"{TOPIC}\", timeout_minutes: 5}}"));
    assert_eq!(both["Configuration"], json!({"NotificationArn": TOPIC}));
    assert_eq!(both["TimeoutInMinutes"], 5);
    let timeout = approve("{timeout_minutes: 86400}");
    assert_eq!(timeout["Configuration"], Json::Null);
    assert_eq!(timeout["TimeoutInMinutes"], 86400);
}

#[test]
fn every_stage_of_a_target_waits_for_its_window_and_its_alarm() {
    let settings = "deployment_window: {cron: \"* * 9-16 ? * MON-FRI *\", time_zone: \
                    Europe/Berlin}\n    alarm: {name: website-errors, wait_minutes: 30}";
    let pipeline = pipeline(&fleet(settings, "actions_per_stage: 2"));
    for stage in [1, 2] {
        let rules = entry_rules(&pipeline["Stages"][stage]);
        assert_eq!(names(&rules), ["WindowIsOpen", "AlarmIsOk"]);
        let kind = |provider: &str| json!({"Category": "Rule", "Owner": "AWS", "Provider": provider, "Version": "1"});
        assert_eq!(rules[0]["RuleTypeId"], kind("DeploymentWindow"));
        assert_eq!(
            rules[0]["Configuration"],
            json!({"Cron": "* * 9-16 ? * MON-FRI *", "TimeZone": "Europe/Berlin"})
        );
        assert_eq!(rules[1]["RuleTypeId"], kind("CloudWatchAlarm"));
        assert_eq!(
            rules[1]["Configuration"],
            json!({"AlarmName": "website-errors", "AlarmStates": "OK", "WaitTime": "30"})
        );
    }
    assert_eq!(pipeline["Stages"][0]["BeforeEntry"], Json::Null);
}

#[test]
fn the_conditions_of_an_additional_pipeline_are_in_one_condition() {
    let settings = "deployment_window: {cron: \"* * 9-16 ? * *\"}";
    let project = Project::with(&fleet(
        settings,
        "actions_per_pipeline: 4, actions_per_stage: 2",
    ));
    project.expect("synth --format json", 0);
    let read = |file: &str| -> Json {
        let template: Json = serde_json::from_str(&project.read(file)).expect("JSON");
        template["Resources"]["Pipeline"]["Properties"]["Stages"].clone()
    };
    let second = read("stacks/dev-pipeline-2.json");
    let rules = entry_rules(&second[1]);
    assert_eq!(names(&rules), ["StartedByPreviousPipeline", "WindowIsOpen"]);
    let first = read("stacks/dev.json");
    assert_eq!(names(&entry_rules(&first[1])), ["WindowIsOpen"]);
    let next = first.as_array().and_then(|stages| stages.last());
    let next = next.expect("a stage");
    assert_eq!(next["Name"], "Next");
    assert_eq!(next["BeforeEntry"], Json::Null);
    project.expect("prove --strict", 0);
}

#[test]
fn the_service_role_gets_only_the_permissions_that_are_used() {
    let policy = |settings: &str| {
        let template = template(&target(settings));
        let policy = &template["Resources"]["SafetyPolicy"]["Properties"];
        policy["PolicyDocument"]["Statement"].clone()
    };
    let reads = json!({"Sid": "ReadAlarms", "Effect": "Allow",
        "Action": "cloudwatch:DescribeAlarms", "Resource": ALARM});
    let notifies = json!({"Sid": "NotifyApprovers", "Effect": "Allow",
        "Action": "sns:Publish", "Resource": TOPIC});
    let alarm = "alarm: {name: website-errors, wait_minutes: 1}";
    let approval = format!("approval: {{notify: \"{TOPIC}\"}}");
    assert_eq!(policy(alarm), json!([reads.clone()]));
    assert_eq!(policy(&approval), json!([notifies.clone()]));
    assert_eq!(
        policy(&format!("{alarm}\n    {approval}")),
        json!([reads, notifies])
    );
    for unprivileged in [
        "approval: {timeout_minutes: 60}",
        "on_failure: retry",
        "deployment_window: {cron: \"* * * ? * * *\"}",
    ] {
        assert_eq!(policy(unprivileged), Json::Null, "{unprivileged}");
    }
    // CodePipeline needs the permissions when it starts the first execution.
    let template = template(&target(alarm));
    let first = &template["Resources"]["Pipeline"]["DependsOn"];
    assert!(
        first
            .as_array()
            .expect("a list")
            .contains(&json!("SafetyPolicy"))
    );
}

/// Asserts that `synth` rejects a configuration with a message about a setting, and writes nothing.
fn rejects(config: &str, message: &str, underlined: &str) {
    let found = rejected(config, message);
    assert!(
        found.underlined.contains(underlined),
        "{message}: {}",
        found.underlined
    );
}

#[test]
fn invalid_settings_are_rejected_with_their_place() {
    let wrong = |settings: &str, message: &str, underlined: &str| {
        rejects(&target(settings), message, underlined);
    };
    wrong("on_failure: skip", "`on_failure` cannot be `skip`", "skip");
    wrong(
        "approval: maybe",
        "`approval` must be true, false, or a mapping",
        "maybe",
    );
    wrong("approval: {}", "`approval` has no settings", "");
    wrong("approval: {notfy: x}", "unknown key `notfy`", "notfy");
    wrong(
        "approval: {timeout_minutes: 4}",
        "`timeout_minutes` is out of range",
        "4",
    );
    wrong(
        "approval: {timeout_minutes: 86401}",
        "`timeout_minutes` is out of range",
        "86401",
    );
    let notify = |topic: &str| format!("approval: {{notify: \"{topic}\"}}");
    wrong(
        &notify("approvals"),
        "is not the ARN of an SNS topic",
        "approvals",
    );
    wrong(
        &notify(&TOPIC.replace("1111", "3333")),
        "the topic belongs to account 333333333333",
        "333333333333",
    );
    wrong(
        &notify(&TOPIC.replace("us-east-1", "eu-west-1")),
        "the topic is in region eu-west-1",
        "eu-west-1",
    );
    wrong(
        "deployment_window: {time_zone: UTC}",
        "missing key `cron`",
        "time_zone",
    );
    wrong(
        "deployment_window: {cron: \"0 0 9-17 ? * MON-FRI *\"}",
        "the seconds are `0`",
        "0 0 9-17",
    );
    wrong(
        "deployment_window: {cron: \"* * 9-17 ? * *\", time_zone: Berlin}",
        "`Berlin` is not a time zone",
        "Berlin",
    );
    wrong("alarm: {name: a}", "missing key `wait_minutes`", "name");
    wrong(
        "alarm: {name: a, wait_minutes: 0}",
        "`wait_minutes` is out of range",
        "0",
    );
    for (name, fault) in [
        ("", "it has 0 characters"),
        ("errors-*", "would be wildcards"),
        ("${AWS::StackName}", "would be wildcards or variables"),
        ("#{variables.A}", "contains `#{`"),
        (ALARM, "it is an ARN"),
    ] {
        let settings = format!("alarm: {{name: \"{name}\", wait_minutes: 5}}");
        wrong(&settings, fault, name);
    }
    rejects(
        &SMALL.replace(
            "targets:",
            "  pipeline: {execution_mode: parallel}\ntargets:",
        ),
        "`execution_mode` cannot be `parallel`",
        "parallel",
    );
}

#[test]
fn an_existing_pipeline_keeps_its_stages() {
    let existing = |pipeline: &str, settings: &str| {
        target(settings).replace(
            "targets:",
            &format!(
                "  pipeline: {{create: false, service_role: \
                 \"arn:aws:iam::111111111111:role/r\"{pipeline}}}\ntargets:"
            ),
        )
    };
    let message = "requires `create: true` under `dev.pipeline`";
    rejects(
        &existing(", execution_mode: superseded", "approval: true"),
        message,
        "superseded",
    );
    for (settings, underlined) in [
        ("on_failure: stop", "stop"),
        ("approval: {timeout_minutes: 60}", "timeout_minutes"),
        ("deployment_window: {cron: \"* * * ? * *\"}", "cron"),
        ("alarm: {name: a, wait_minutes: 5}", "name"),
    ] {
        rejects(&existing("", settings), message, underlined);
    }
    for settings in ["approval: true", "approval: false"] {
        Project::with(&existing("", settings)).expect("synth", 0);
    }
}

#[test]
fn the_policy_needs_a_name_of_its_own_only_if_it_exists() {
    let named = |settings: &str| {
        target(settings).replace("targets:", "  pipeline: {name: assumedeploy}\ntargets:")
            + "    role: deploy-us-east-1-safety\n"
    };
    let collides = "are both named `assumedeploy-us-east-1-safety`";
    rejects(
        &named("alarm: {name: a, wait_minutes: 5}"),
        collides,
        "assumedeploy",
    );
    Project::with(&named("approval: true")).expect("synth", 0);
}

fn proof(project: &Project, arguments: &str, code: i32) -> Json {
    let run = project.expect(&format!("prove --format json {arguments}"), code);
    serde_json::from_str(&run.stdout).expect("JSON")
}

/// Returns the only call of a step.
fn call<'p>(proof: &'p Json, step: &str) -> &'p Json {
    let calls = proof["calls"].as_array().expect("calls");
    let found: Vec<&Json> = calls.iter().filter(|call| call["step"] == step).collect();
    let [call] = found.as_slice() else {
        panic!("{step}: {found:?}");
    };
    call
}

#[test]
fn the_alarm_and_the_topic_are_proven_and_nothing_else() {
    let settings = format!(
        "approval: {{notify: \"{TOPIC}\"}}\n    alarm: {{name: website-errors, wait_minutes: 5}}"
    );
    let project = Project::with(&target(&settings));
    project.expect("synth", 0);
    let open = proof(&project, "", 0);
    assert_eq!(
        open["proven"], false,
        "the topic's policy may deny the call"
    );
    assert_eq!(call(&open, "notify")["decision"], "Unproven");
    project.write(
        "topic.json",
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
            "Action": ["SNS:Publish", "SNS:Subscribe"], "Resource": "*",
            "Condition": {"StringEquals": {"AWS:SourceOwner": "111111111111"}}}]}"#,
    );
    for given in ["topic.json", "none"] {
        let proof = proof(&project, &format!("--strict --policy {TOPIC}={given}"), 0);
        assert_eq!(proof["proven"], true, "{given}");
        let (alarm, topic) = (call(&proof, "condition"), call(&proof, "notify"));
        assert_eq!(alarm["action"], "cloudwatch:DescribeAlarms");
        assert_eq!(alarm["resource"], ALARM);
        assert_eq!(topic["action"], "sns:Publish");
        assert_eq!(topic["resource"], TOPIC);
        let attacks = proof["attacks"].as_array().expect("attacks");
        for id in [
            "service-role-reads-another-alarm",
            "service-role-sets-alarm-state",
            "service-role-notifies-another-topic",
        ] {
            let found = attacks.iter().find(|attack| attack["id"] == id);
            assert_eq!(found.unwrap_or_else(|| panic!("{id}"))["result"], "Denied");
        }
    }
    project.write(
        "topic.json",
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*",
            "Action": "sns:Publish", "Resource": "*"}]}"#,
    );
    let denied = proof(&project, &format!("--policy {TOPIC}=topic.json"), 1);
    assert_eq!(call(&denied, "notify")["decision"], "Denied");
    let run = project.expect(&format!("prove --policy {TOPIC}-other=none"), 2);
    assert!(
        run.stderr.contains("unknown bucket, key, role, or topic"),
        "{}",
        run.stderr
    );
}

#[test]
fn each_fault_of_the_policy_is_found() {
    let settings = format!(
        "approval: {{notify: \"{TOPIC}\"}}\n    alarm: {{name: website-errors, wait_minutes: 5}}"
    );
    let project = Project::with(&target(&settings));
    project.expect("synth", 0);
    let right = project.read("stacks/dev.yaml");
    let changed = |from: &str, to: &str, part: &str| {
        assert!(right.contains(from), "{from}");
        project.write("stacks/dev.yaml", right.replace(from, to));
        let run = project.run(&format!("prove --policy {TOPIC}=none"));
        let text = format!("{}{}", run.stdout, run.stderr);
        assert_eq!(run.code, 1, "{text}");
        assert!(text.contains(part), "{part}\n{text}");
    };
    changed(
        "Action: cloudwatch:DescribeAlarms",
        "Action: cloudwatch:DescribeAlarmHistory",
        "cloudwatch:DescribeAlarms",
    );
    changed(
        &format!("Resource: {ALARM}"),
        &format!("Resource: {}", ALARM.replace("website-errors", "*")),
        "reads the state of another alarm",
    );
    changed(
        "Action: cloudwatch:DescribeAlarms",
        "Action: cloudwatch:*",
        "sets the state of the alarm",
    );
    changed(
        "Action: sns:Publish",
        "Action: sns:GetTopicAttributes",
        "sns:Publish",
    );
    changed(
        &format!("Resource: {TOPIC}"),
        "Resource: \"*\"",
        "publishes to another topic",
    );
    changed(
        "AlarmName: website-errors",
        "AlarmName: other",
        "cloudwatch:DescribeAlarms",
    );
}
