//! The settings of the buckets that s3ferry creates: their namespace and lifecycle rules.

mod namespace;

use serde_json::{Value as Json, json};

use crate::support::{Project, SMALL, rejected};

const LIFECYCLE: &str = "lifecycle:\n  abort_uploads_days: 7\n  artifacts_days: 90\n  \
    noncurrent_days: 365\n  logs_days: 400\n";

/// Returns a template of a configuration.
fn template(config: &str, name: &str) -> Json {
    let project = Project::with(config);
    project.expect("synth --format json", 0);
    let text = project.read(&format!("stacks/{name}.json"));
    serde_json::from_str(&text).expect("JSON")
}

/// Returns the lifecycle rules of a bucket by ID, without `Id` and `Status`.
fn rules(template: &Json, bucket: &str) -> Json {
    let properties = &template["Resources"][bucket]["Properties"];
    assert!(properties.is_object(), "no {bucket}");
    let rules = properties["LifecycleConfiguration"]["Rules"].as_array();
    let rules = rules.into_iter().flatten().map(|rule| {
        let mut rule = rule.clone();
        let fields = rule.as_object_mut().expect("a rule");
        assert_eq!(fields.remove("Status"), Some(json!("Enabled")));
        let id = fields.remove("Id").expect("an ID");
        (id.as_str().expect("text").to_owned(), rule)
    });
    Json::Object(rules.collect())
}

#[test]
fn each_bucket_has_the_rules_for_its_objects() {
    let other = "  - {name: other, account: \"222222222222\", region: eu-west-1, bucket: out-eu}\n";
    let config = format!("{SMALL}{other}{LIFECYCLE}")
        .replace("dev:\n", "dev:\n  key: {multi_region: true}\n");
    let uploads = json!({"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}});
    let noncurrent = json!({"NoncurrentVersionExpiration": {"NoncurrentDays": 365}});
    let files = json!({
        "AbortIncompleteUploads": uploads,
        "DeleteNoncurrentVersions": noncurrent,
    });
    let artifacts = json!({
        "AbortIncompleteUploads": uploads,
        "ExpireArtifacts": {
            "ExpirationInDays": 90,
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
        },
    });
    let logs = json!({
        "AbortIncompleteUploads": uploads,
        "ExpireLogs": {
            "ExpirationInDays": 400,
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
        },
    });
    let dev = template(&config, "dev");
    assert_eq!(rules(&dev, "SourceBucket"), files);
    assert_eq!(rules(&dev, "ArtifactBucket"), artifacts);
    assert_eq!(rules(&dev, "LogBucket"), logs);
    let region = template(&config, "dev-eu-west-1");
    assert_eq!(rules(&region, "ArtifactBucket"), artifacts);
    assert_eq!(rules(&region, "LogBucket"), logs);
    for target in ["prod", "other"] {
        let target = template(&config, target);
        assert_eq!(rules(&target, "OutputBucket"), files);
        assert_eq!(rules(&target, "LogBucket"), logs);
    }
}

#[test]
fn without_settings_there_are_no_rules() {
    let read = |config: &str| {
        let project = Project::with(config);
        project.expect("synth", 0);
        ["dev", "prod"].map(|name| project.read(&format!("stacks/{name}.yaml")))
    };
    let default = read(SMALL);
    assert_eq!(read(&format!("{SMALL}lifecycle: {{}}\n")), default);
    assert!(!default.concat().contains("Lifecycle"));
    // One setting adds only its own rule.
    let logs = template(&format!("{SMALL}lifecycle: {{logs_days: 1}}\n"), "dev");
    assert_eq!(rules(&logs, "SourceBucket"), json!({}));
    assert_eq!(rules(&logs, "ArtifactBucket"), json!({}));
    assert_eq!(
        rules(&logs, "LogBucket")["ExpireLogs"]["ExpirationInDays"],
        1
    );
}

#[test]
fn the_yaml_template_explains_each_rule() {
    let project = Project::with(&format!("{SMALL}{LIFECYCLE}"));
    project.expect("synth", 0);
    let dev = project.read("stacks/dev.yaml");
    for comment in [
        "# S3 aborts incomplete multipart uploads and deletes their parts.\n",
        "# S3 deletes replaced and deleted versions. Current versions never expire.\n",
        "# Artifacts expire when no approval, retry, or rollback needs them.",
        "# Access logs expire.",
    ] {
        assert!(dev.contains(comment), "{comment}\n{dev}");
    }
}

/// Asserts that `synth` rejects a configuration with this message, at this text of the
/// configuration, and suggests this fix.
fn rejects(config: &str, message: &str, underlined: &str, help: &str) {
    let found = rejected(config, message);
    assert_eq!(found.underlined, underlined, "{message}");
    assert!(found.help.contains(help), "{}", found.help);
}

#[test]
fn artifacts_must_outlive_approvals_retries_and_rollbacks() {
    let with = |config: &str, days: u32| format!("{config}lifecycle: {{artifacts_days: {days}}}\n");
    rejects(
        &with(SMALL, 89),
        "89 days are too short: an execution can need its artifacts for 90 days",
        "89",
        "set `artifacts_days` to 90 or more",
    );
    Project::with(&with(SMALL, 90)).expect("synth", 0);
    // Ten approvals can wait seven days each.
    let targets: String = (0..10)
        .map(|n| {
            format!(
                "  - {{name: t{n}, account: \"22222222222{n}\", bucket: out-{n}, approval: true}}\n"
            )
        })
        .collect();
    let many = format!("dev:\n  account: \"111111111111\"\ntargets:\n{targets}");
    rejects(
        &with(&many, 99),
        "70 days for approvals and alarms and 30 days for a retry or a rollback",
        "99",
        "set `artifacts_days` to 100 or more",
    );
    Project::with(&with(&many, 100)).expect("synth", 0);
    // The timeouts of the approvals and alarms apply instead of the default.
    let target =
        "    approval: {timeout_minutes: 86400}\n    alarm: {name: errors, wait_minutes: 2880}\n";
    let slow = format!("{SMALL}{target}");
    rejects(
        &with(&slow, 91),
        "62 days for approvals and alarms and 30 days",
        "91",
        "set `artifacts_days` to 92 or more",
    );
    Project::with(&with(&slow, 92)).expect("synth", 0);
    let queued = SMALL.replace("dev:\n", "dev:\n  pipeline: {execution_mode: queued}\n");
    Project::with(&with(&queued, 90)).expect("synth", 0);
    rejects(
        &with(&format!("{queued}    approval: true\n"), 365),
        "`artifacts_days` cannot be used with `execution_mode: queued`",
        "365",
        "remove `artifacts_days`",
    );
    rejects(
        &with(&format!("{SMALL}    on_failure: rollback\n"), 365),
        "`artifacts_days` and `on_failure: rollback` of target `prod` cannot be used together",
        "365",
        "remove `artifacts_days`",
    );
    // In an existing pipeline, each approval can wait for 60 days.
    let existing = format!(
        "{}  - {{name: two, account: \"333333333333\", bucket: out-2, approval: true}}\n",
        SMALL.replace(
            "dev:\n",
            "dev:\n  pipeline:\n    create: false\n    service_role: \
             arn:aws:iam::111111111111:role/mine\n",
        ) + "    approval: true\n"
    );
    rejects(
        &with(&existing, 149),
        "120 days for approvals and alarms",
        "149",
        "to 150 or more",
    );
    let source = format!("{SMALL}lifecycle: {{noncurrent_days: 30}}\n");
    rejects(
        &source,
        "an execution can need its version of the source object for 90 days",
        "30",
        "set `noncurrent_days` to 90 or more",
    );
    // No execution reads the versions of deployed files.
    let source = source.replace("dev:\n", "dev:\n  source: {create: false}\n");
    Project::with(&source).expect("synth", 0);
}

#[test]
fn a_rule_for_a_bucket_that_is_not_created_is_rejected() {
    let existing = SMALL.replace(
        "dev:\n",
        "dev:\n  source: {create: false}\n  artifacts: {create: false}\n",
    );
    let outputs = format!("{existing}    create: false\n");
    for (config, key, bucket) in [
        (&outputs, "abort_uploads_days", "a bucket"),
        (&existing, "artifacts_days", "an artifact bucket"),
        (&outputs, "noncurrent_days", "a source or output bucket"),
        (&outputs, "logs_days", "a log bucket"),
    ] {
        rejects(
            &format!("{config}lifecycle: {{{key}: 400}}\n"),
            &format!("`{key}` has no effect: s3ferry does not create {bucket}"),
            "400",
            &format!("remove `{key}`"),
        );
    }
    rejects(
        &format!("{SMALL}lifecycle: {{logs_days: 0}}\n"),
        "`logs_days` is out of range",
        "0",
        "from 1",
    );
}

/// Returns the actions that a policy allows for a resource. A long policy consists of several
/// documents by name.
fn actions<'p>(policy: &'p Json, resource: &str) -> Vec<&'p str> {
    let documents: Vec<&Json> = match policy.get("Statement") {
        Some(_) => vec![policy],
        None => policy.as_object().expect("documents").values().collect(),
    };
    let statements = documents
        .into_iter()
        .flat_map(|one| one["Statement"].as_array());
    let statements = statements.flatten();
    let of_resource = statements.filter(|statement| match &statement["Resource"] {
        Json::Array(all) => all.iter().any(|one| one == resource),
        one => one == resource,
    });
    let actions = of_resource.flat_map(|statement| match &statement["Action"] {
        Json::Array(all) => all.iter().collect(),
        one => vec![one],
    });
    actions.filter_map(Json::as_str).collect()
}

#[test]
fn only_the_deployer_of_a_bucket_with_rules_may_set_them() {
    let put = "s3:PutLifecycleConfiguration";
    let may = |config: &str, profile: &str, bucket: &str| {
        let run = Project::with(config).expect(&format!("deployer-policy --profile {profile}"), 0);
        let policy: Json = serde_json::from_str(&run.stdout).expect("JSON");
        let actions = actions(&policy, &format!("arn:aws:s3:::{bucket}"));
        assert!(actions.contains(&"s3:CreateBucket"), "{bucket}: {policy}");
        actions.contains(&put)
    };
    let all = format!("{SMALL}{LIFECYCLE}");
    let logs = format!("{SMALL}lifecycle: {{logs_days: 365}}\n");
    for (profile, bucket, is_log) in [
        ("dev", "codepipeline-input-bucket", false),
        ("dev", "codepipeline-us-east-1-0123456789", false),
        ("dev", "codepipeline-input-bucket-logs", true),
        ("prod", "codepipeline-output-bucket", false),
        ("prod", "codepipeline-output-bucket-logs", true),
    ] {
        assert!(!may(SMALL, profile, bucket), "{bucket}");
        assert!(may(&all, profile, bucket), "{bucket}");
        assert_eq!(may(&logs, profile, bucket), is_log, "{bucket}");
    }
}

#[test]
fn the_execution_role_of_a_stack_set_may_set_the_rules() {
    let set = SMALL.to_owned() + "    stack_set: {}\n";
    let statement = |top: &str| {
        let project = Project::with(&format!("{set}{top}"));
        project.expect("synth --stack-set-roles --format json", 0);
        let text = project.read("stacks/stack-sets/execution.json");
        let template: Json = serde_json::from_str(&text).expect("JSON");
        let policy = &template["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"];
        let statements = policy["Statement"].as_array().expect("statements").clone();
        statements
            .into_iter()
            .find(|statement| statement["Sid"] == "ManageLifecycleRules")
    };
    assert_eq!(statement(""), None);
    let logs = statement("lifecycle: {logs_days: 365}\n").expect("a statement");
    assert_eq!(logs["Action"], "s3:PutLifecycleConfiguration");
    assert_eq!(
        logs["Resource"],
        json!(["arn:aws:s3:::codepipeline-output-bucket-logs"])
    );
    let all = statement(LIFECYCLE).expect("a statement");
    assert_eq!(all["Resource"].as_array().map(Vec::len), Some(2));
}
