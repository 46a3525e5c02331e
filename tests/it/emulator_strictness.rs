//! Checks that the emulator is as strict as AWS wherever the templates and commands depend on it.
//! Otherwise, a test that passes against the emulator proves little.

use serde_json::{Value, json};

use crate::emulator::{Accounts, Emulator, Failure};
use crate::support::Project;

const STACK: &str = "a";

/// A stack that plain API calls create.
struct Stack {
    account: String,
    template: String,
    parameter: Option<(&'static str, &'static str)>,
}

impl Stack {
    /// Returns the stack of a project in the dev account or in a target account.
    fn of(project: &Project, template: &str, account: &str) -> Self {
        Self {
            account: account.to_owned(),
            template: project.read(template),
            parameter: None,
        }
    }

    fn call(&self, action: &str, fields: &[(&str, &str)]) -> String {
        let mut all = vec![
            ("Action", action),
            ("Version", "2010-05-15"),
            ("StackName", STACK),
        ];
        all.extend(fields);
        Emulator::shared().query(&self.account, "cloudformation", &all)
    }

    /// Creates or updates the stack, and returns its final status.
    fn put(&self, action: &str) -> String {
        let mut fields = vec![
            ("TemplateBody", self.template.as_str()),
            ("Capabilities.member.1", "CAPABILITY_NAMED_IAM"),
        ];
        if let Some((name, value)) = self.parameter {
            fields.push(("Parameters.member.1.ParameterKey", name));
            fields.push(("Parameters.member.1.ParameterValue", value));
        }
        self.call(action, &fields);
        loop {
            let stack = self.call("DescribeStacks", &[]);
            let status = element(&stack, "StackStatus");
            if !status.ends_with("_IN_PROGRESS") {
                return status.to_owned();
            }
        }
    }

    fn delete(&self) {
        self.call("DeleteStack", &[]);
    }

    /// Returns why the last resource failed. The latest event comes first.
    fn last_failure(&self) -> String {
        let events = self.call("DescribeStackEvents", &[]);
        let failed = events
            .split("<member>")
            .find(|event| {
                element(event, "ResourceStatus").ends_with("_FAILED")
                    && element(event, "ResourceType") != "AWS::CloudFormation::Stack"
            })
            .expect("a failed resource");
        element(failed, "ResourceStatusReason").to_owned()
    }
}

/// Returns the text of the first element with this name.
fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    xml.split_once(&format!("<{name}>"))
        .and_then(|(_, rest)| rest.split_once("</"))
        .map_or("", |(text, _)| text)
}

#[test]
fn the_order_of_the_stacks_matters_as_in_aws() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    let mut dev = Stack::of(&project, "stacks/dev.yaml", &accounts.dev);
    let mut prod = Stack::of(&project, "stacks/prod.yaml", &accounts.prod);
    prod.parameter = Some(("DeployKeyId", "00000000-0000-4000-8000-000000000000"));

    // The trust policy in prod names the service role, which does not exist yet.
    assert_eq!(prod.put("CreateStack"), "ROLLBACK_COMPLETE");
    let reason = prod.last_failure();
    assert!(reason.contains("Invalid principal in policy"), "{reason}");
    prod.delete();

    // The pipeline names the role in prod, which does not exist yet.
    assert_eq!(dev.put("CreateStack"), "CREATE_COMPLETE");
    dev.parameter = Some(("CreatePipeline", "true"));
    assert_eq!(dev.put("UpdateStack"), "UPDATE_ROLLBACK_COMPLETE");
    let reason = dev.last_failure();
    let role = format!("arn:aws:iam::{}:role/prods3role", accounts.prod);
    assert!(
        reason.contains(&format!(
            "is not authorized to perform AssumeRole on role {role}"
        )),
        "{reason}"
    );

    assert_eq!(prod.put("CreateStack"), "CREATE_COMPLETE");
    assert_eq!(dev.put("UpdateStack"), "UPDATE_COMPLETE");
    let get = "codepipeline get-pipeline --name crossaccountdeploy";
    let pipeline = emulator.aws(&accounts.dev, get);
    assert_eq!(
        pipeline["pipeline"]["stages"][1]["actions"][0]["roleArn"],
        role
    );

    // A recreated service role does not match the trust policy in prod.
    let trusted = || {
        let call = [
            ("Action", "GetRole"),
            ("Version", "2010-05-08"),
            ("RoleName", "prods3role"),
        ];
        let role = emulator.query(&accounts.prod, "iam", &call);
        element(&role, "AssumeRolePolicyDocument").to_owned()
    };
    assert!(trusted().contains("service-role"), "{}", trusted());
    dev.delete();
    for _ in 0..1000 {
        if trusted().contains("AROA") {
            break;
        }
    }
    assert!(!trusted().contains("service-role"), "{}", trusted());

    // The names of the retained buckets are taken. Only DescribeEvents reports this.
    dev.parameter = None;
    assert_eq!(dev.put("CreateStack"), "ROLLBACK_COMPLETE");
    let events = dev.call("DescribeEvents", &[]);
    assert!(events.contains("NAME_CONFLICT_VALIDATION"), "{events}");
}

#[test]
fn failures_can_be_injected_even_into_a_rollback() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    let mut dev = Stack::of(&project, "stacks/dev.yaml", &accounts.dev);
    let creation = Failure {
        resource_type: "AWS::KMS::Key",
        name: "DeployKey",
        operation: "create",
        reason: "no more keys",
        after: 0,
    };
    emulator.fail(&accounts.dev, &creation);
    assert_eq!(dev.put("CreateStack"), "ROLLBACK_COMPLETE");
    assert_eq!(dev.last_failure(), "no more keys");
    dev.delete();

    assert_eq!(dev.put("CreateStack"), "CREATE_COMPLETE");
    let policy = Failure {
        resource_type: "AWS::IAM::ManagedPolicy",
        name: "source",
        operation: "update",
        ..creation
    };
    // The key changes, and cannot be reverted when the policy fails.
    let key = Failure {
        resource_type: "AWS::KMS::Key",
        name: "",
        after: 1,
        ..policy.clone()
    };
    emulator.fail(&accounts.dev, &policy);
    emulator.fail(&accounts.dev, &key);
    dev.template = dev
        .template
        .replace("EnableKeyRotation: true", "EnableKeyRotation: false")
        .replacen("              - s3:GetObjectTagging\n", "", 1);
    assert_eq!(dev.put("UpdateStack"), "UPDATE_ROLLBACK_FAILED");
}

#[test]
fn only_a_static_name_is_imported() {
    let account = Accounts::fresh().dev;
    let template = |name: &str| {
        format!(
            "Resources:\n  Kept:\n    Type: AWS::S3::Bucket\n    DeletionPolicy: \
             RetainExceptOnCreate\n    Properties:\n      BucketName: {name}\n"
        )
    };
    let bucket = format!("kept-{account}");
    let make = format!("s3api create-bucket --bucket {bucket}");
    Emulator::shared().aws(&account, &make);
    for (name, action, end) in [
        ("!Sub kept-${AWS::AccountId}", "Add", "ROLLBACK_COMPLETE"),
        (bucket.as_str(), "Import", "CREATE_COMPLETE"),
    ] {
        let stack = Stack {
            account: account.clone(),
            template: template(name),
            parameter: None,
        };
        let fields = [
            ("ChangeSetName", "c"),
            ("ChangeSetType", "CREATE"),
            ("ImportExistingResources", "true"),
            ("TemplateBody", stack.template.as_str()),
        ];
        stack.call("CreateChangeSet", &fields);
        let described = stack.call("DescribeChangeSet", &[("ChangeSetName", "c")]);
        assert_eq!(element(&described, "Action"), action, "{described}");
        stack.call("ExecuteChangeSet", &[("ChangeSetName", "c")]);
        let status = loop {
            let described = stack.call("DescribeStacks", &[]);
            let status = element(&described, "StackStatus").to_owned();
            if !status.ends_with("_IN_PROGRESS") {
                break status;
            }
        };
        assert_eq!(status, end);
        stack.delete();
    }
}

#[test]
fn codepipeline_checks_the_service_role_and_sees_a_new_role_late() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    project.expect("deploy --all --yes", 0);
    let get = "codepipeline get-pipeline --name crossaccountdeploy";
    let pipeline = emulator.aws(&accounts.dev, get)["pipeline"].to_string();
    let save = || {
        let update = ["codepipeline", "update-pipeline", "--pipeline", &pipeline];
        emulator.aws_with(&accounts.dev, &update)
    };
    let deploy_role = format!("arn:aws:iam::{}:role/prods3role", accounts.prod);
    let service_role = format!(
        "arn:aws:iam::{}:role/service-role/AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy",
        accounts.dev
    );
    let forms = [
        (
            &deploy_role,
            format!("{service_role} is not authorized to perform AssumeRole on role {deploy_role}"),
        ),
        (
            &service_role,
            format!("CodePipeline is not authorized to perform AssumeRole on role {service_role}"),
        ),
    ];
    for (role, message) in &forms {
        emulator.hide_role(&accounts.dev, role, 1);
        let refused = save().expect_err("refused");
        assert!(refused.contains("InvalidStructureException"), "{refused}");
        assert!(refused.contains(message), "{refused}");
        save().expect("known by now");
    }
    let name = "AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy";
    let trust = "{\"Version\":\"2012-10-17\",\"Statement\":[]}";
    let update = [
        "iam",
        "update-assume-role-policy",
        "--role-name",
        name,
        "--policy-document",
        trust,
    ];
    emulator.aws_with(&accounts.dev, &update).expect("changed");
    let refused = save().expect_err("refused");
    assert!(refused.contains(&forms[1].1), "{refused}");
}

#[test]
fn a_stage_has_one_entry_condition_and_skip_allows_few_rules() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    let mut dev = Stack::of(&project, "stacks/dev.yaml", &accounts.dev);
    let mut prod = Stack::of(&project, "stacks/prod.yaml", &accounts.prod);
    prod.parameter = Some(("DeployKeyId", "00000000-0000-4000-8000-000000000000"));
    assert_eq!(dev.put("CreateStack"), "CREATE_COMPLETE");
    assert_eq!(prod.put("CreateStack"), "CREATE_COMPLETE");
    dev.parameter = Some(("CreatePipeline", "true"));
    let template = dev.template.clone();
    let condition = |result: &str, provider: &str| {
        format!(
            "{{Result: {result}, Rules: [{{Name: R, RuleTypeId: {{Category: Rule, Owner: AWS, \
             Provider: {provider}, Version: \"1\"}}, Configuration: {{}}}}]}}"
        )
    };
    let fails = condition("FAIL", "VariableCheck");
    for (conditions, refused) in [
        (format!("{fails}, {fails}"), "exactly one condition"),
        (
            condition("SKIP", "DeploymentWindow"),
            "valid for LambdaInvoke and VariableCheck only",
        ),
        (condition("ROLLBACK", "VariableCheck"), "is not valid"),
    ] {
        dev.template = template.replace(
            "        - Name: Deploy\n          Actions:\n",
            &format!(
                "        - Name: Deploy\n          BeforeEntry: {{Conditions: [{conditions}]}}\n          \
                 Actions:\n"
            ),
        );
        assert_ne!(dev.template, template);
        assert_eq!(dev.put("UpdateStack"), "UPDATE_ROLLBACK_COMPLETE");
        let reason = dev.last_failure();
        assert!(reason.contains(refused), "{reason}");
    }
}

/// Returns the code and message with which AWS rejects a change of the deployed pipeline.
fn refusal(account: &str, definition: &Value) -> String {
    let definition = json!({ "pipeline": definition }).to_string();
    let call = [
        "codepipeline",
        "update-pipeline",
        "--cli-input-json",
        &definition,
    ];
    Emulator::shared()
        .aws_with(account, &call)
        .err()
        .unwrap_or_default()
}

#[test]
fn the_emulator_checks_a_definition_like_codepipeline() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    project.expect("deploy --all --yes --quiet", 0);
    let get = "codepipeline get-pipeline --name crossaccountdeploy";
    let good = emulator.aws(&accounts.dev, get)["pipeline"].clone();
    let with = |key: &str, value: Value| {
        let mut changed = good.clone();
        let configuration = &mut changed["stages"][1]["actions"][0]["configuration"];
        match value {
            Value::Null => {
                configuration
                    .as_object_mut()
                    .expect("an object")
                    .remove(key);
            }
            value => configuration[key] = value,
        }
        changed
    };
    for (key, value, message) in [
        (
            "BucketName",
            Value::Null,
            "is missing required configuration 'BucketName'",
        ),
        (
            "Extract",
            Value::Null,
            "is missing required configuration 'Extract'",
        ),
        ("Foo", json!("x"), "contains unknown configuration 'Foo'"),
    ] {
        let said = refusal(&accounts.dev, &with(key, value));
        assert!(
            said.contains("(InvalidActionDeclarationException)"),
            "{said}"
        );
        assert!(said.contains(message), "{said}");
    }
    for value in ["false", "maybe"] {
        assert_eq!(refusal(&accounts.dev, &with("Extract", json!(value))), "");
    }
    let mut other = good.clone();
    let role = format!("arn:aws:iam::{}:role/nobody", accounts.prod);
    other["stages"][1]["actions"][0]["roleArn"] = json!(role);
    let said = refusal(&accounts.dev, &other);
    assert!(said.contains("(InvalidStructureException)"), "{said}");
    let service = good["roleArn"].as_str().expect("a role");
    let wanted = format!("{service} is not authorized to perform AssumeRole on role {role}");
    assert!(said.contains(&wanted), "{said}");
    let trust = "iam update-assume-role-policy --role-name \
                 AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy --policy-document \
                 {\"Version\":\"2012-10-17\",\"Statement\":[]}";
    emulator.aws(&accounts.dev, trust);
    let said = refusal(&accounts.dev, &good);
    assert!(said.contains("(InvalidStructureException)"), "{said}");
    let wanted = format!("CodePipeline is not authorized to perform AssumeRole on role {service}");
    assert!(said.contains(&wanted), "{said}");
}

#[test]
fn a_rollback_rejects_an_execution_of_an_earlier_definition() {
    let emulator = Emulator::shared();
    let accounts = Accounts::fresh();
    let project = accounts.project(&emulator.endpoint());
    project.expect("deploy --all --yes --quiet", 0);
    emulator.execution(&accounts.dev, "crossaccountdeploy", "Succeeded");
    let list = "codepipeline list-pipeline-executions --pipeline-name crossaccountdeploy";
    let found = emulator.aws(&accounts.dev, list);
    let id = found["pipelineExecutionSummaries"][0]["pipelineExecutionId"]
        .as_str()
        .expect("an ID")
        .to_owned();
    let roll_back = [
        "codepipeline",
        "rollback-stage",
        "--pipeline-name",
        "crossaccountdeploy",
        "--stage-name",
        "Deploy",
        "--target-pipeline-execution-id",
        &id,
    ];
    emulator
        .aws_with(&accounts.dev, &roll_back)
        .expect("rolled back");
    let get = "codepipeline get-pipeline --name crossaccountdeploy";
    let definition = emulator.aws(&accounts.dev, get)["pipeline"].clone();
    assert_eq!(refusal(&accounts.dev, &definition), "");
    let said = emulator
        .aws_with(&accounts.dev, &roll_back)
        .expect_err("refused");
    assert!(
        said.contains("(PipelineExecutionOutdatedException)"),
        "{said}"
    );
}
