//! Tests of `s3ferry doctor` with the emulator. The binary deploys both stacks, the AWS CLI breaks
//! one resource, and the first finding of the doctor names that resource.

use serde_json::{Value, json};

use crate::emulator::{Accounts, Answer, Emulator, Fault, FaultProxy};
use crate::support::Project;

const PIPELINE: &str = "crossaccountdeploy";
const SERVICE_ROLE: &str = "AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy";

/// A deployment that only one test uses.
pub(crate) struct Deployment {
    pub(crate) accounts: Accounts,
    pub(crate) project: Project,
}

impl Deployment {
    pub(crate) fn new() -> Self {
        let accounts = Accounts::fresh();
        let project = accounts.project(&Emulator::shared().endpoint());
        project.expect("deploy --all --yes --quiet", 0);
        Self { accounts, project }
    }

    pub(crate) fn dev(&self, arguments: &str) -> Value {
        Emulator::shared().aws(&self.accounts.dev, arguments)
    }

    fn prod(&self, arguments: &str) -> Value {
        Emulator::shared().aws(&self.accounts.prod, arguments)
    }

    /// Returns the diagnosis as JSON. It must contain problems.
    pub(crate) fn diagnosis(&self) -> Value {
        let run = self.project.expect("doctor --format json", 1);
        crate::schemas::conforms("doctor", &run.stdout);
        serde_json::from_str(&run.stdout).expect("JSON")
    }

    pub(crate) fn healthy(&self) {
        let run = self.project.expect("doctor", 0);
        assert!(
            run.stdout.contains("no problems found: 40 calls"),
            "{}",
            run.stdout
        );
    }

    fn key_id(&self) -> String {
        let found = self.dev("kms describe-key --key-id alias/s3deploykey");
        text(&found["KeyMetadata"]["KeyId"])
    }

    pub(crate) fn pipeline(&self) -> Value {
        self.dev(&format!("codepipeline get-pipeline --name {PIPELINE}"))["pipeline"].clone()
    }

    pub(crate) fn put_pipeline(&self, definition: &Value) {
        let definition = json!({ "pipeline": definition }).to_string();
        Emulator::shared()
            .aws_with(
                &self.accounts.dev,
                &[
                    "codepipeline",
                    "update-pipeline",
                    "--cli-input-json",
                    &definition,
                ],
            )
            .expect("updated");
    }

    /// Runs the commands that fix a finding.
    fn fix(&self, finding: &Value) {
        let commands = finding["fixes"].as_array().expect("fixes").iter();
        for command in commands.filter(|fix| fix["kind"] == "command") {
            let command = text(&command["command"]);
            let (command, profile) = command.split_once(" --profile ").expect("a profile");
            let account = if profile == "dev" {
                &self.accounts.dev
            } else {
                &self.accounts.prod
            };
            let words = words(command);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            assert_eq!(words[0], "aws", "{command}");
            Emulator::shared()
                .aws_with(account, &words[1..])
                .unwrap_or_else(|error| panic!("{command}: {error}"));
        }
    }
}

/// Splits a command into words, with single quotes as in a shell.
fn words(command: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, part) in command.split('\'').enumerate() {
        if number % 2 == 1 {
            found.push(part.to_owned());
        } else {
            found.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    found
}

pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a string: {value}"))
        .to_owned()
}

/// Returns the rules of the findings, in order.
pub(crate) fn rules(diagnosis: &Value) -> Vec<String> {
    let findings = diagnosis["findings"].as_array().expect("findings").iter();
    findings.map(|finding| text(&finding["rule"])).collect()
}

/// Returns the steps of a pipeline execution that are blocked by a finding.
fn steps(finding: &Value) -> Vec<String> {
    let consequences = finding["consequences"]
        .as_array()
        .expect("consequences")
        .iter();
    let mut steps: Vec<String> = consequences
        .filter_map(|line| {
            text(line)
                .strip_prefix("step ")?
                .split(':')
                .next()
                .map(str::to_owned)
        })
        .collect();
    steps.dedup();
    steps
}

#[test]
fn a_healthy_deployment_has_no_finding_and_is_only_read() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let proxy = FaultProxy::before(emulator.address());
    let project = accounts.project(&proxy.endpoint());
    project.expect("deploy --all --yes --quiet", 0);
    proxy.reset();
    let run = project.expect("doctor", 0);
    assert!(
        run.stdout.contains(&format!(
            "no problems found: 40 calls of a pipeline execution are allowed by the live state of \
             {} and {}",
            accounts.dev, accounts.prod
        )),
        "{}",
        run.stdout
    );
    let reads = ["Get", "List", "Describe"];
    for action in proxy.actions() {
        let is_read =
            reads.iter().any(|read| action.starts_with(read)) || action.starts_with("GET ");
        assert!(is_read, "{action}");
    }
}

#[test]
fn a_disabled_key_is_the_only_cause_of_dependent_failures() {
    let deployment = Deployment::new();
    let key = deployment.key_id();
    deployment.dev(&format!("kms disable-key --key-id {key}"));
    let diagnosis = deployment.diagnosis();
    assert_eq!(rules(&diagnosis), ["DOCTOR_KEY_STATE"]);
    let finding = &diagnosis["findings"][0];
    assert_eq!(finding["message"], "it is disabled");
    assert_eq!(steps(finding), ["encrypt", "decrypt"]);
    deployment.fix(finding);
    deployment.healthy();
    deployment.dev(&format!(
        "kms schedule-key-deletion --key-id {key} --pending-window-in-days 7"
    ));
    let diagnosis = deployment.diagnosis();
    assert_eq!(rules(&diagnosis), ["DOCTOR_KEY_STATE"]);
    let message = text(&diagnosis["findings"][0]["message"]);
    assert!(message.starts_with("it is pending deletion"), "{message}");
}

#[test]
fn the_second_policy_of_a_key_is_read_and_its_outsiders_are_reported() {
    let deployment = Deployment::new();
    let key = deployment.key_id();
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "AWS": "arn:aws:iam::999999999999:root" },
        "Action": ["kms:Decrypt", "kms:DescribeKey"],
        "Resource": "*",
    }] });
    Emulator::shared().share_key(&deployment.accounts.dev, &key, &policy);
    let diagnosis = deployment.diagnosis();
    assert_eq!(rules(&diagnosis), ["DOCTOR_KEY_POLICY"]);
    let message = text(&diagnosis["findings"][0]["message"]);
    assert!(
        message.starts_with(
            "its policy `AWS_RAM` allows principals outside this deployment: \
             `arn:aws:iam::999999999999:root`"
        ),
        "{message}"
    );
}

#[test]
fn key_policies_that_cannot_be_listed_are_reported_as_unread() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let proxy = FaultProxy::before(emulator.address());
    let project = accounts.project(&proxy.endpoint());
    project.expect("deploy --all --yes --quiet", 0);
    let denied = || Fault::Answered(Answer::error(400, "AccessDeniedException", "no"));
    proxy.always("ListKeyPolicies", denied());
    let run = project.expect("doctor --format json", 4);
    let diagnosis: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(diagnosis["findings"], json!([]));
    let unread = diagnosis["unread"].to_string();
    assert!(unread.contains("kms:ListKeyPolicies"), "{unread}");
    assert_eq!(diagnosis["summary"]["callsUndecided"], 6);
}

#[test]
fn the_key_of_a_source_bucket_must_be_in_the_configuration() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let bucket = format!("source-{}", accounts.dev);
    let aws = |arguments: &[&str]| {
        emulator
            .aws_with(&accounts.dev, arguments)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    };
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "AWS": format!("arn:aws:iam::{}:root", accounts.dev) },
        "Action": "kms:*",
        "Resource": "*",
    }] });
    let key = aws(&["kms", "create-key", "--policy", &policy.to_string()]);
    let key = text(&key["KeyMetadata"]["Arn"]);
    let default = json!({ "Rules": [{ "ApplyServerSideEncryptionByDefault": {
        "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key } }] });
    let of_bucket = |command: &str, option: &str, value: &str| {
        aws(&["s3api", command, "--bucket", &bucket, option, value]);
    };
    aws(&["s3api", "create-bucket", "--bucket", &bucket]);
    of_bucket(
        "put-bucket-versioning",
        "--versioning-configuration",
        "Status=Enabled",
    );
    of_bucket(
        "put-bucket-notification-configuration",
        "--notification-configuration",
        r#"{"EventBridgeConfiguration":{}}"#,
    );
    of_bucket(
        "put-bucket-encryption",
        "--server-side-encryption-configuration",
        &default.to_string(),
    );

    let existing = format!("bucket: {bucket}\n    create: false");
    let config = accounts
        .config()
        .replace(&format!("bucket: {bucket}"), &existing);
    let mut project = Project::with(&config);
    accounts.log_in(&mut project, &emulator.endpoint());
    project.expect("synth --quiet", 0);
    project.expect("deploy --all --yes --quiet", 0);
    let run = project.expect("doctor --format json", 1);
    let diagnosis: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(rules(&diagnosis), ["DOCTOR_BUCKET_KEY"], "{diagnosis:#}");
    assert_eq!(steps(&diagnosis["findings"][0]), ["source-key"]);

    let named = format!("create: false\n    encryption_key: {key}");
    project.write("s3ferry.yaml", config.replace("create: false", &named));
    project.expect("synth --quiet", 0);
    project.expect("deploy --profile dev --yes --quiet", 0);
    let run = project.expect("doctor", 0);
    assert!(
        run.stdout.contains("no problems found: 40 calls"),
        "{}",
        run.stdout
    );
}

#[test]
fn the_missing_statements_of_an_overwritten_bucket_policy_are_reported_and_restored() {
    let deployment = Deployment::new();
    let bucket = format!("artifacts-{}", deployment.accounts.dev);
    let other = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "Mine",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:DeleteBucket",
            "Resource": format!("arn:aws:s3:::{bucket}"),
        }]
    });
    Emulator::shared()
        .aws_with(
            &deployment.accounts.dev,
            &[
                "s3api",
                "put-bucket-policy",
                "--bucket",
                &bucket,
                "--policy",
                &other.to_string(),
            ],
        )
        .expect("put");
    let diagnosis = deployment.diagnosis();
    assert_eq!(rules(&diagnosis), ["DOCTOR_BUCKET_POLICY"]);
    let finding = &diagnosis["findings"][0];
    let message = text(&finding["message"]);
    for name in [
        "DeployRoleReadsArtifactsProd",
        "DenyInsecureConnections",
        "has the statement `Mine`",
    ] {
        assert!(message.contains(name), "{message}");
    }
    assert_eq!(steps(finding), ["read"]);
    let consequences = finding["consequences"].to_string();
    assert!(
        consequences.contains("an attack is allowed: ") && consequences.contains("without TLS"),
        "{finding}"
    );
    deployment.fix(finding);
    deployment.healthy();
}

#[test]
fn detached_and_changed_policies_are_distinguished() {
    let deployment = Deployment::new();
    let arn = format!(
        "arn:aws:iam::{}:policy/devkmss3access",
        deployment.accounts.prod
    );
    deployment.prod(&format!(
        "iam detach-role-policy --role-name prods3role --policy-arn {arn}"
    ));
    let diagnosis = deployment.diagnosis();
    assert_eq!(rules(&diagnosis), ["DOCTOR_ROLE_POLICY"]);
    let finding = &diagnosis["findings"][0];
    assert_eq!(
        finding["message"],
        "its managed policy devkmss3access is not attached"
    );
    assert_eq!(steps(finding), ["read", "decrypt"]);
    deployment.fix(finding);
    deployment.healthy();
    let document = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Own","Effect":"Deny","Action":"s3:PutObject","Resource":"*"}]}"#;
    Emulator::shared()
        .aws_with(
            &deployment.accounts.prod,
            &[
                "iam",
                "put-role-policy",
                "--role-name",
                "prods3role",
                "--policy-name",
                "stop",
                "--policy-document",
                document,
            ],
        )
        .expect("put");
    let diagnosis = deployment.diagnosis();
    assert_eq!(rules(&diagnosis), ["DOCTOR_ROLE_POLICY"]);
    let finding = &diagnosis["findings"][0];
    assert_eq!(
        finding["message"],
        "it has the inline policy stop, which no template attaches"
    );
    assert_eq!(steps(finding), ["deploy"]);
    deployment.fix(finding);
    deployment.healthy();
}

#[test]
fn the_trust_of_a_recreated_service_role_is_repaired() {
    let deployment = Deployment::new();
    let role = deployment.dev(&format!("iam get-role --role-name {SERVICE_ROLE}"));
    let trust = role["Role"]["AssumeRolePolicyDocument"].to_string();
    let attached = deployment.dev(&format!(
        "iam list-attached-role-policies --role-name {SERVICE_ROLE}"
    ));
    let policies: Vec<String> = attached["AttachedPolicies"]
        .as_array()
        .expect("policies")
        .iter()
        .map(|policy| text(&policy["PolicyArn"]))
        .collect();
    for arn in &policies {
        deployment.dev(&format!(
            "iam detach-role-policy --role-name {SERVICE_ROLE} --policy-arn {arn}"
        ));
    }
    deployment.dev(&format!("iam delete-role --role-name {SERVICE_ROLE}"));
    let diagnosis = deployment.diagnosis();
    assert_eq!(rules(&diagnosis)[0], "DOCTOR_ROLE_MISSING");
    let missing = text(&diagnosis["findings"][0]["resource"]);
    assert_eq!(missing, format!("role {SERVICE_ROLE}"));
    // A trust policy cannot be repaired while the role does not exist.
    assert!(
        !diagnosis.to_string().contains("--repair-trust"),
        "{diagnosis:#}"
    );

    Emulator::shared()
        .aws_with(
            &deployment.accounts.dev,
            &[
                "iam",
                "create-role",
                "--role-name",
                SERVICE_ROLE,
                "--path",
                "/service-role/",
                "--assume-role-policy-document",
                &trust,
            ],
        )
        .expect("made");
    for arn in &policies {
        deployment.dev(&format!(
            "iam attach-role-policy --role-name {SERVICE_ROLE} --policy-arn {arn}"
        ));
    }
    let diagnosis = deployment.diagnosis();
    assert_eq!(
        rules(&diagnosis),
        ["DOCTOR_DEAD_PRINCIPAL", "DOCTOR_DEAD_PRINCIPAL"]
    );
    let findings = diagnosis["findings"].as_array().expect("findings");
    let of = |resource: &str| {
        let found = findings
            .iter()
            .find(|finding| text(&finding["resource"]).starts_with(resource));
        found.unwrap_or_else(|| panic!("{resource}: {diagnosis:#}"))
    };
    let trust = of("role prods3role");
    let message = text(&trust["message"]);
    assert!(
        message.contains("`AROA") && message.contains("was deleted and recreated"),
        "{message}"
    );
    assert_eq!(steps(trust), ["check", "assume"]);
    // The template has not changed, so deploying it again fixes nothing.
    deployment
        .project
        .expect("deploy --profile prod --yes --quiet", 0);
    assert_eq!(rules(&deployment.diagnosis()).len(), 2);

    let refused = deployment.project.expect("doctor --repair-trust", 2);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    let repaired = deployment.project.expect("doctor --repair-trust --yes", 1);
    assert!(
        repaired.stderr.contains("Repaired and verified"),
        "{}",
        repaired.stderr
    );
    let diagnosis = deployment.diagnosis();
    assert_eq!(rules(&diagnosis), ["DOCTOR_DEAD_PRINCIPAL"]);
    let key = &diagnosis["findings"][0];
    assert!(text(&key["resource"]).starts_with("key "), "{key:#}");
    deployment.fix(key);
    deployment.healthy();
}

#[test]
fn problems_that_prevent_the_start_of_the_pipeline_are_found() {
    let deployment = Deployment::new();
    let bucket = format!("source-{}", deployment.accounts.dev);
    let rule = "crossaccountdeploy-us-east-1-start";
    let breaks = [
        (
            format!(
                "s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Suspended"
            ),
            "DOCTOR_VERSIONING",
            "its versioning is suspended",
        ),
        (
            format!(
                "s3api put-bucket-notification-configuration --bucket {bucket} --notification-configuration {{}}"
            ),
            "DOCTOR_CHANGE_EVENTS",
            "does not send events to EventBridge",
        ),
        (
            format!("events disable-rule --name {rule}"),
            "DOCTOR_CHANGE_EVENTS",
            "it is disabled",
        ),
        (
            format!("events remove-targets --rule {rule} --ids pipeline Pipeline Target0 target"),
            "DOCTOR_CHANGE_EVENTS",
            "it has no target",
        ),
    ];
    for (command, rule, message) in breaks {
        deployment.dev(&command);
        let diagnosis = deployment.diagnosis();
        assert_eq!(rules(&diagnosis), [rule], "{command}: {diagnosis:#}");
        let finding = &diagnosis["findings"][0];
        assert!(text(&finding["message"]).contains(message), "{finding:#}");
        deployment.fix(finding);
        deployment.healthy();
    }
}

#[test]
fn the_changed_part_of_a_manually_changed_pipeline_is_reported() {
    let deployment = Deployment::new();
    let good = deployment.pipeline();
    let key = text(&good["artifactStore"]["encryptionKey"]["id"]);
    let with = |path: &[&str], value: Value| {
        let mut changed = good.clone();
        let (last, parents) = path.split_last().expect("a path");
        let mut at = &mut changed;
        for step in parents {
            at = match step.parse::<usize>() {
                Ok(index) => &mut at[index],
                Err(_) => &mut at[*step],
            };
        }
        if value.is_null() {
            at.as_object_mut().expect("an object").remove(*last);
        } else {
            at[*last] = value;
        }
        changed
    };
    let deploy = ["stages", "1", "actions", "0"];
    let of_deploy = |name: &'static str| [&deploy[..], &[name]].concat();
    let cases = [
        (
            with(&["artifactStore", "encryptionKey"], Value::Null),
            "DOCTOR_ARTIFACT_STORE",
            "specifies no key",
            true,
        ),
        (
            with(
                &["artifactStore", "encryptionKey", "id"],
                json!("alias/s3deploykey"),
            ),
            "DOCTOR_ARTIFACT_STORE",
            "by its alias",
            true,
        ),
        (
            with(
                &["artifactStore", "encryptionKey", "id"],
                json!(key.rsplit('/').next().expect("an ID")),
            ),
            "DOCTOR_ARTIFACT_STORE",
            "by its bare ID",
            true,
        ),
        (
            with(&of_deploy("roleArn"), Value::Null),
            "DOCTOR_DEPLOY_ACTION",
            "has no role",
            true,
        ),
        (
            with(&of_deploy("region"), json!("eu-west-1")),
            "DOCTOR_DEPLOY_ACTION",
            "deploys in eu-west-1",
            false,
        ),
    ];
    for (definition, rule, message, adopts) in cases {
        deployment.put_pipeline(&definition);
        let diagnosis = deployment.diagnosis();
        assert_eq!(rules(&diagnosis)[0], rule, "{diagnosis:#}");
        let finding = &diagnosis["findings"][0];
        assert!(text(&finding["message"]).contains(message), "{finding:#}");
        assert_eq!(rules(&diagnosis).len(), 1, "{diagnosis:#}");
        let commands = finding["fixes"].as_array().expect("fixes").iter();
        let mut commands = commands.filter_map(|fix| fix["command"].as_str());
        let adopt = format!("s3ferry adopt --name {PIPELINE} --write");
        assert_eq!(commands.next() == Some(&adopt), adopts, "{finding:#}");
    }
    deployment.put_pipeline(&good);
    deployment.healthy();
}

#[test]
fn the_last_failure_is_reported_under_its_cause_or_separately() {
    let deployment = Deployment::new();
    let emulator = Emulator::shared();
    let message = "The service role is not authorized to perform AssumeRole on role \
                   arn:aws:iam::222222222222:role/prods3role";
    emulator.failed_execution(
        &deployment.accounts.dev,
        PIPELINE,
        ("Deploy", "Deploy"),
        message,
    );
    let diagnosis = deployment.diagnosis();
    assert_eq!(rules(&diagnosis), ["DOCTOR_EXECUTION"]);
    let finding = &diagnosis["findings"][0];
    assert_eq!(finding["severity"], "warning");
    assert!(text(&finding["message"]).contains(message), "{finding:#}");
    let arn = format!(
        "arn:aws:iam::{}:policy/assumeprods3role",
        deployment.accounts.dev
    );
    deployment.dev(&format!(
        "iam detach-role-policy --role-name {SERVICE_ROLE} --policy-arn {arn}"
    ));
    let diagnosis = deployment.diagnosis();
    assert_eq!(rules(&diagnosis), ["DOCTOR_ROLE_POLICY"]);
    assert!(
        diagnosis["findings"][0]["consequences"]
            .to_string()
            .contains(message)
    );
}

#[test]
fn a_missing_source_object_is_reported_without_a_failed_execution() {
    let deployment = Deployment::new();
    let (emulator, dev) = (Emulator::shared(), &deployment.accounts.dev);
    emulator.failed_source(dev, PIPELINE, "ConfigurationError", "");
    let diagnosis = deployment.diagnosis();
    assert_eq!(rules(&diagnosis), ["DOCTOR_SOURCE_OBJECT"]);
    let finding = &diagnosis["findings"][0];
    assert_eq!(finding["severity"], "error");
    let object = format!("s3://source-{dev}/sample-website.zip");
    assert!(text(&finding["message"]).contains(&object), "{finding:#}");
    assert!(
        finding["fixes"].to_string().contains("s3ferry push"),
        "{finding:#}"
    );
    // The same action fails with a permission error.
    let denied = "Access Denied (Service: Amazon S3; Status Code: 403)";
    emulator.failed_source(dev, PIPELINE, "PermissionError", denied);
    let diagnosis = deployment.diagnosis();
    assert_eq!(rules(&diagnosis), ["DOCTOR_EXECUTION"]);
    let finding = &diagnosis["findings"][0];
    assert!(text(&finding["message"]).contains(denied), "{finding:#}");
    assert!(
        !finding["fixes"].to_string().contains("s3ferry push"),
        "{finding:#}"
    );
    // A later execution succeeds.
    emulator.execution(dev, PIPELINE, "Succeeded");
    deployment.healthy();
}

#[test]
fn denied_tags_suggest_the_option_until_it_is_set() {
    let deployment = Deployment::new();
    let message = "You do not have sufficient permissions to call s3.putObjectTagging for the \
                   deployment bucket, out.";
    Emulator::shared().failed_execution(
        &deployment.accounts.dev,
        PIPELINE,
        ("Deploy", "Deploy"),
        message,
    );
    let diagnosis = deployment.diagnosis();
    assert_eq!(rules(&diagnosis), ["DOCTOR_OBJECT_TAGS"]);
    let finding = &diagnosis["findings"][0];
    assert_eq!(finding["severity"], "error");
    assert!(text(&finding["message"]).contains(message), "{finding:#}");
    let fixes = finding["fixes"].to_string();
    assert!(
        fixes.contains("`tagged_objects: true` in target prod"),
        "{fixes}"
    );
    let config = deployment.project.read("s3ferry.yaml");
    let config = config.replacen(
        "  - name: prod\n",
        "  - name: prod\n    tagged_objects: true\n",
        1,
    );
    deployment.project.write("s3ferry.yaml", config);
    deployment.project.expect("synth", 0);
    // The option is set, but the deployed roles do not have the permissions yet.
    let diagnosis = deployment.diagnosis();
    assert_eq!(rules(&diagnosis), ["DOCTOR_OBJECT_TAGS"]);
    assert_eq!(diagnosis["configuration"]["isDeployed"], false);
    deployment.project.expect("deploy --all --yes --quiet", 0);
    let diagnosis = deployment.diagnosis();
    assert_eq!(rules(&diagnosis), ["DOCTOR_EXECUTION"]);
    assert_eq!(diagnosis["findings"][0]["severity"], "warning");
}

#[test]
fn unreadable_items_are_listed_and_never_assumed() {
    let deployment = Deployment::new();
    let run = deployment.project.expect("doctor --profile dev", 4);
    assert!(
        run.stdout
            .contains("no problems found in the items that were read"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains(" calls evaluated"), "{}", run.stdout);
    assert!(
        run.stdout.contains(&format!(
            "{}  all resources of prod",
            deployment.accounts.prod
        )),
        "{}",
        run.stdout
    );
    let run = deployment.project.expect("doctor --profile nobody", 2);
    assert!(
        run.stderr.contains("use one of these profiles: dev, prod"),
        "{}",
        run.stderr
    );
    let run = deployment.project.expect("doctor --target nowhere", 2);
    assert!(
        run.stderr.contains("use one of these targets: prod"),
        "{}",
        run.stderr
    );
}

#[test]
fn the_suggested_command_for_denied_calls_works() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let proxy = FaultProxy::before(emulator.address());
    let project = accounts.project(&proxy.endpoint());
    let denied = || Fault::Answered(Answer::error(403, "AccessDenied", "no"));
    proxy.always("DescribeStacks", denied());
    let run = project.expect("doctor --config ./s3ferry.yaml", 1);
    for profile in ["dev", "prod"] {
        let command =
            format!("deployer-policy --profile {profile} --doctor --config ./s3ferry.yaml");
        let shown = format!("    $ s3ferry {command}\n");
        assert!(run.stdout.contains(&shown), "{}", run.stdout);
        project.expect(&command, 0);
    }
}

#[test]
fn undeployed_and_unreachable_stacks_are_distinguished() {
    let accounts = Accounts::fresh();
    let project = accounts.project(&Emulator::shared().endpoint());
    let run = project.expect("doctor --format json", 1);
    crate::schemas::conforms("doctor", &run.stdout);
    let diagnosis: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(
        rules(&diagnosis),
        ["DOCTOR_STACK", "DOCTOR_STACK"],
        "{diagnosis:#}"
    );
    let project = accounts.project("http://127.0.0.1:9");
    let run = project.expect("doctor", 3);
    assert!(
        run.stderr.contains("nothing could be read"),
        "{}",
        run.stderr
    );
    let help = &run.problems()[0].help;
    assert!(help.contains("check the network"), "{help}");
}

#[test]
fn the_policy_for_the_doctor_allows_only_reads_of_named_resources() {
    let project = Project::with(&Accounts::fresh().config());
    for profile in ["dev", "prod"] {
        let run = project.expect(&format!("deployer-policy --profile {profile} --doctor"), 0);
        let policy: Value = serde_json::from_str(&run.stdout).expect("JSON");
        for statement in policy["Statement"].as_array().expect("statements") {
            let actions = match &statement["Action"] {
                Value::Array(actions) => actions.iter().map(text).collect(),
                action => vec![text(action)],
            };
            for action in actions {
                let name = action.split(':').nth(1).expect("an action");
                let reads = ["Get", "List", "Describe"];
                assert!(reads.iter().any(|read| name.starts_with(read)), "{action}");
            }
        }
        let text = policy.to_string();
        assert_eq!(
            text.contains("codepipeline:GetPipeline"),
            profile == "dev",
            "{text}"
        );
        assert!(text.contains("iam:ListAttachedRolePolicies"), "{text}");
    }
}
