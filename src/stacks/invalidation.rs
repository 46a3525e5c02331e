//! The invalidation of the CloudFront distribution that serves an output bucket: the state machine,
//! its role, the role that starts it, and the statement that allows CloudFront to read the bucket.
//!
//! Follows *AWS Step Functions invoke action reference*, *Learning to use AWS service SDK
//! integrations in Step Functions*, *Restrict access to an Amazon S3 origin*, and *Actions,
//! resources, and condition keys for Amazon CloudFront* in the AWS documentation.

use std::collections::BTreeMap;

use crate::aws::arn;
use crate::plan::{InvalidationPlan, Plan, TargetPlan};
use crate::template::{Item, Resource, Value, list, map};

use super::pipeline::action;
use super::policy::{Statement, document};
use super::roles::managed_policy;
use super::tags;
use super::target::{Names, written_objects};

/// Logical ID of the state machine.
const MACHINE: &str = "InvalidationStateMachine";
const MACHINE_ROLE: &str = "InvalidationRole";
const MACHINE_POLICY: &str = "InvalidationPolicy";
const START_ROLE: &str = "StartInvalidationRole";

/// Name of the mapping from regions and accounts to distributions.
const DISTRIBUTIONS: &str = "Distributions";

/// The placeholder for the distribution's ID in the definition of the state machine.
const PLACEHOLDER: &str = "DistributionId";

/// Seconds between two checks of an invalidation.
const INTERVAL: u32 = 20;
/// Seconds after which an execution fails. Most invalidations take less than five minutes.
const TIMEOUT: u32 = 1_800;

/// Builds the state machine, its role, and the role that starts it, if the target invalidates a
/// distribution.
pub(super) fn invalidation(names: &Names<'_>) -> Vec<Resource> {
    let Some(invalidation) = &names.target.invalidation else {
        return Vec::new();
    };
    let this = Invalidation {
        names,
        invalidation,
    };
    vec![
        this.machine_role(),
        this.machine_policy(),
        this.machine(),
        this.start_role(),
        this.start_policy(),
    ]
}

/// Returns the mapping from regions and accounts to distributions. Only a template with several
/// instances has it. Second-level keys must be alphanumeric. Names of regions contain hyphens, so the
/// regions are on the first level and the accounts on the second.
pub(super) fn distributions(target: &TargetPlan) -> Vec<(String, Value)> {
    if !target.is_generic() {
        return Vec::new();
    }
    let mut regions: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for instance in &target.instances {
        if let Some(invalidation) = &instance.invalidation {
            let accounts = regions.entry(&instance.region).or_default();
            accounts.push((&instance.account, &invalidation.distribution));
        }
    }
    let of_region =
        |(region, accounts): (&str, Vec<(&str, &str)>)| (region.to_owned(), map(accounts));
    match regions.is_empty() {
        true => Vec::new(),
        false => vec![(
            DISTRIBUTIONS.to_owned(),
            map(regions.into_iter().map(of_region)),
        )],
    }
}

/// Builds the statement that allows the distribution to read the deployed files.
pub(super) fn read_access(names: &Names<'_>, bucket: &Value) -> Option<Statement> {
    let target = names.target;
    target.invalidation.as_ref()?;
    let statement = Statement::allow(
        "CloudFrontReadsDeployedFiles",
        "Only this distribution, with origin access control. For a missing file, S3 returns 403 \
         instead of 404, because CloudFront cannot list the bucket.",
    )
    .service("cloudfront.amazonaws.com")
    .actions(["s3:GetObject"])
    .on(written_objects(target, bucket));
    let source = map([("aws:SourceArn", distribution_arn(names))]);
    Some(statement.when(map([("StringEquals", source)])))
}

/// Returns the ID of the distribution.
fn distribution(names: &Names<'_>) -> Value {
    let target = names.target;
    if target.is_generic() {
        let key = |name: &str| Value::reference(name);
        let path = [
            DISTRIBUTIONS.into(),
            key("AWS::Region"),
            key("AWS::AccountId"),
        ];
        return map([("Fn::FindInMap", list::<Value>(path))]);
    }
    let first = target.instances.first();
    let first = first.and_then(|instance| instance.invalidation.as_ref());
    first.map_or("", |first| first.distribution.as_str()).into()
}

/// Returns the ARN of the distribution.
fn distribution_arn(names: &Names<'_>) -> Value {
    let plan = names.plan;
    match distribution(names) {
        Value::String(id) => names.text(&arn::distribution(plan.partition, "{account}", id)),
        found => {
            let account = "${AWS::AccountId}";
            let text =
                arn::distribution(plan.partition, account, format_args!("${{{PLACEHOLDER}}}"));
            let values = map([(PLACEHOLDER, found)]);
            let parts: [Item; 2] = [Value::from(text.as_str()).into(), values.into()];
            map([("Fn::Sub", Value::List(parts.into()))])
        }
    }
}

/// Returns the requirements on the distributions, and on existing buckets and keys.
pub(super) fn requirements(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    for target in &plan.targets {
        let Some((first, invalidation)) = (target.instances.first())
            .and_then(|first| Some((first, first.invalidation.as_ref()?)))
        else {
            continue;
        };
        let (name, bucket) = (&target.name, &first.bucket.name);
        let distribution = &invalidation.distribution;
        let arn = arn::distribution(plan.partition, &first.account, distribution);
        let whose = match target.is_generic() {
            true => format!(
                "in each account of target `{name}`, such as {}, ",
                first.account
            ),
            false => format!("in the account of target `{name}`, "),
        };
        let folder = match (&target.object_key, target.path.as_str()) {
            (None, path) if !path.is_empty() => format!(" and the origin path `/{path}`"),
            _ => String::new(),
        };
        found.push(format!(
            "{whose}distribution `{distribution}` must have an origin with the domain name of bucket \
             `{bucket}`{folder}, origin access control that signs requests, and a viewer protocol \
             policy that redirects HTTP to HTTPS or allows only HTTPS"
        ));
        if !target.create_bucket {
            found.push(format!(
                "the policy of bucket `{bucket}` must allow cloudfront.amazonaws.com to call \
                 s3:GetObject, on the condition that aws:SourceArn is {arn}"
            ));
        }
        if let Some(key) = &target.encryption_key {
            found.push(format!(
                "the policy of key {key} must allow cloudfront.amazonaws.com to call kms:Decrypt, on the \
                 condition that aws:SourceArn is {arn}"
            ));
        }
    }
    found
}

struct Invalidation<'n, 'p> {
    names: &'n Names<'p>,
    invalidation: &'n InvalidationPlan,
}

impl Invalidation<'_, '_> {
    fn plan(&self) -> &Plan {
        self.names.plan
    }

    /// Returns the ARN of the state machine.
    fn machine_arn(&self) -> Value {
        self.names.text(&self.machine_pattern())
    }

    /// Returns the ARNs of the executions of the state machine, as a pattern.
    fn execution_arns(&self) -> Value {
        self.names
            .text(&arn::execution_of(&self.machine_pattern(), "*"))
    }

    fn machine_pattern(&self) -> String {
        let machine = &self.invalidation.machine;
        arn::state_machine(self.plan().partition, "{region}", "{account}", machine)
    }

    fn machine_role(&self) -> Resource {
        let trust = Statement::allow(
            "StepFunctionsAssumesTheRole",
            "Only Step Functions, for this state machine in this account.",
        )
        .service("states.amazonaws.com")
        .actions(["sts:AssumeRole"])
        .for_source(self.machine_arn(), self.names.account());
        self.names
            .role(
                MACHINE_ROLE,
                &self.invalidation.machine_role,
                "Invalidates the distribution",
                "The role of the state machine. It can invalidate only this distribution.",
                trust,
            )
            .suppress(
                "CFN_NO_EXPLICIT_RESOURCE_NAMES",
                "A fixed name makes the role easy to find in a review.",
            )
    }

    fn machine_policy(&self) -> Resource {
        let statement = Statement::allow(
            "InvalidateCache",
            "Creates an invalidation and waits for it.",
        )
        .actions([
            "cloudfront:CreateInvalidation",
            "cloudfront:GetInvalidation",
        ])
        .on(distribution_arn(self.names));
        managed_policy(
            MACHINE_POLICY,
            self.names.text(&self.invalidation.machine_role),
            "Allows the state machine to invalidate the distribution.",
            "Invalidates the distribution",
            Value::reference(MACHINE_ROLE),
            document(&[statement]),
        )
    }

    fn machine(&self) -> Resource {
        let properties = map([(
            "StateMachineName",
            self.names.text(&self.invalidation.machine),
        )])
        .with("StateMachineType", "STANDARD")
        .with("RoleArn", Value::attribute(MACHINE_ROLE, "Arn"))
        .with(
            "DefinitionSubstitutions",
            map([(PLACEHOLDER, distribution(self.names))]),
        )
        .with("Definition", self.definition())
        .with_some("Tags", tags(self.plan()));
        let mut machine = Resource::new(
            MACHINE,
            "AWS::StepFunctions::StateMachine",
            "Invalidates the distribution's cache and waits until CloudFront has completed the \
             invalidation. The pipeline starts it after each deployment.",
            properties,
        )
        .suppress(
            "CFN_NO_EXPLICIT_RESOURCE_NAMES",
            "The pipeline and the role's trust policy refer to it by name.",
        );
        machine.depends_on = vec![MACHINE_POLICY.to_owned()];
        machine
    }

    /// Builds the definition of the state machine in the Amazon States Language.
    fn definition(&self) -> Value {
        let partition = self.plan().partition;
        let placeholder = format!("${{{PLACEHOLDER}}}");
        let task = |operation: &str, parameters: Value| {
            let sdk = format!("arn:{partition}:states:::aws-sdk:cloudfront:{operation}");
            // The call fails while too many invalidations are in progress, so it is retried.
            let retry = map([("ErrorEquals", list(["States.TaskFailed"]))])
                .with("IntervalSeconds", 10)
                .with("MaxAttempts", 4)
                .with("BackoffRate", 2);
            map([("Type", Value::from("Task")), ("Resource", sdk.into())])
                .with("Parameters", parameters)
                .with("Retry", list([retry]))
        };
        let paths = &self.invalidation.paths;
        let count = i64::try_from(paths.len()).unwrap_or(i64::MAX);
        // CodePipeline uses a new name for each execution, so the reference is unique. CloudFront
        // treats a repeated reference as the same invalidation.
        let batch = map([("CallerReference.$", "$$.Execution.Name")]).with(
            "Paths",
            map([("Quantity", Value::Integer(count)), ("Items", list(paths))]),
        );
        let create = task(
            "createInvalidation",
            map([("DistributionId", placeholder.as_str())]).with("InvalidationBatch", batch),
        )
        .with("Next", "Wait");
        let get = task(
            "getInvalidation",
            map([
                ("DistributionId", placeholder.as_str()),
                ("Id.$", "$.Invalidation.Id"),
            ]),
        )
        .with("Next", "IsCompleted");
        let wait = map([("Type", "Wait")])
            .with("Seconds", INTERVAL)
            .with("Next", "Check");
        let completed = map([
            ("Variable", "$.Invalidation.Status"),
            ("StringEquals", "Completed"),
            ("Next", "Done"),
        ]);
        let choice = map([("Type", "Choice")])
            .with("Choices", list([completed]))
            .with("Default", "Wait");
        map([("StartAt", "Invalidate")])
            .with("TimeoutSeconds", TIMEOUT)
            .with(
                "States",
                map([
                    ("Invalidate", create),
                    ("Wait", wait),
                    ("Check", get),
                    ("IsCompleted", choice),
                    ("Done", map([("Type", "Succeed")])),
                ]),
            )
    }

    fn start_role(&self) -> Resource {
        self.names
            .role(
                START_ROLE,
                &self.invalidation.start_role,
                "Starts the invalidation",
                "The role that the pipeline uses to start the state machine. It trusts only the \
                 pipeline's service role, and can neither deploy files nor change the distribution.",
                self.names.trust_of_service_role(),
            )
            .suppress(
                "CFN_NO_EXPLICIT_RESOURCE_NAMES",
                "The dev account's policies refer to it by name.",
            )
    }

    fn start_policy(&self) -> Resource {
        let statements = [
            Statement::allow("StartInvalidation", "Starts only this state machine.")
                .actions(["states:DescribeStateMachine", "states:StartExecution"])
                .on(self.machine_arn()),
            Statement::allow("WatchInvalidation", "Waits for the executions.")
                .actions(["states:DescribeExecution"])
                .on(self.execution_arns()),
        ];
        managed_policy(
            "StartInvalidationPolicy",
            self.names.text(&self.invalidation.start_role),
            "Allows the role to start the state machine and to wait for its executions.",
            "Starts the invalidation",
            Value::reference(START_ROLE),
            document(&statements),
        )
    }
}

/// Builds the action that starts the state machine of an instance.
pub(super) fn invoke_action(
    plan: &Plan,
    target: &TargetPlan,
    instance: usize,
    run_order: u32,
) -> Option<Value> {
    let instance = &target.instances[instance];
    let invalidation = instance.invalidation.as_ref()?;
    let machine = plan.machine_arn(&instance.account, &instance.region, &invalidation.machine);
    Some(
        action(&invalidation.action, "Invoke", "StepFunctions", run_order)
            .with("RoleArn", invalidation.start_role.arn.as_str())
            .with("Region", instance.region.as_str())
            .with("Configuration", map([("StateMachineArn", machine)])),
    )
}
