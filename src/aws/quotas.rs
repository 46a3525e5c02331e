//! AWS quotas: one table for the configuration, the plan, the lint, the deployment, and the
//! documentation. A test compares the table with the quota reference in the documentation.

use std::fmt;

/// A quota of an AWS service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    /// The service with the quota.
    pub service: &'static str,
    /// The name of the quota.
    pub name: &'static str,
    /// The default value.
    pub value: u64,
    /// The unit of the value.
    pub unit: &'static str,
    /// Whether AWS can increase the quota.
    pub increase: Increase,
    /// Title of the page in the AWS documentation that states the quota.
    pub document: &'static str,
}

/// Whether AWS increases a quota on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Increase {
    /// AWS does not increase the quota.
    Fixed,
    /// AWS increases the quota up to this value.
    UpTo(u64),
    /// AWS increases the quota and documents no maximum.
    OnRequest,
}

use Increase::{Fixed, OnRequest, UpTo};

impl Quota {
    /// Returns the value as a `usize`.
    pub(crate) const fn length(self) -> usize {
        if self.value > usize::MAX as u64 {
            usize::MAX
        } else {
            #[allow(
                clippy::cast_possible_truncation,
                reason = "the comparison above excludes it"
            )]
            let length = self.value as usize;
            length
        }
    }

    /// Returns the highest value that an account can have, if AWS documents one.
    pub(crate) const fn maximum(self) -> Option<u64> {
        match self.increase {
            Fixed => Some(self.value),
            UpTo(most) => Some(most),
            OnRequest => None,
        }
    }
}

/// Formats a number with thousands separators.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl fmt::Display for Increase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fixed => f.write_str("fixed"),
            UpTo(most) => write!(f, "up to {}", grouped(*most)),
            OnRequest => f.write_str("on request"),
        }
    }
}

/// Returns the whole table in Markdown.
pub fn markdown() -> String {
    let mut out = String::from(
        "| service | quota | value | increase | AWS document |\n\
         | --- | --- | ---: | --- | --- |\n",
    );
    for quota in ALL {
        out.push_str(&format!(
            "| {} | {} | {} {} | {} | *{}* |\n",
            quota.service,
            quota.name,
            grouped(quota.value),
            quota.unit,
            quota.increase,
            quota.document
        ));
    }
    out
}

/// Defines a constant for each quota, and [`ALL`] with all quotas.
macro_rules! table {
    ($(
        $service:literal, $document:literal {
            $($(#[$doc:meta])* $id:ident: $name:literal, $value:literal $unit:literal, $increase:expr;)*
        }
    )*) => {
        $($(
            $(#[$doc])*
            pub(crate) const $id: Quota = Quota {
                service: $service,
                name: $name,
                value: $value,
                unit: $unit,
                increase: $increase,
                document: $document,
            };
        )*)*

        /// All quotas, by service.
        pub(crate) const ALL: &[Quota] = &[$($($id,)*)*];
    };
}

table! {
    "CloudFormation", "Understand CloudFormation quotas" {
        /// Size of a template in a request body.
        TEMPLATE_INLINE: "template in a request", 51_200 "bytes", Fixed;
        /// Size of a template in a bucket. AWS documents 1 MB.
        TEMPLATE_IN_BUCKET: "template in a bucket", 1_000_000 "bytes", Fixed;
        /// Resources per template.
        RESOURCES: "resources per template", 500 "entries", Fixed;
        /// Parameters per template.
        PARAMETERS: "parameters per template", 200 "entries", Fixed;
        /// Outputs per template.
        OUTPUTS: "outputs per template", 200 "entries", Fixed;
        /// Mappings per template.
        MAPPINGS: "mappings per template", 200 "entries", Fixed;
        /// Attributes per mapping.
        MAPPING_ATTRIBUTES: "attributes per mapping", 200 "entries", Fixed;
        /// Stack instances per stack set.
        STACK_INSTANCES: "stack instances per stack set", 100_000 "instances", OnRequest;
        /// Concurrent operations on stack instances per region.
        STACK_INSTANCE_OPERATIONS:
            "concurrent stack instance operations per region", 10_000 "operations", OnRequest;
    }
    "CloudFormation", "CreateStack" {
        /// Length of a stack name.
        STACK_NAME: "stack name", 128 "characters", Fixed;
    }
    "CloudFormation", "CreateStackSet" {
        /// Length of a stack set name.
        STACK_SET_NAME: "stack set name", 128 "characters", Fixed;
    }
    "CloudFront", "Concurrent invalidation request maximum" {
        /// Paths that CloudFront invalidates at a time.
        INVALIDATION_PATHS: "paths in progress", 3_000 "paths", Fixed;
        /// Paths with a wildcard that CloudFront invalidates at a time.
        INVALIDATION_WILDCARDS: "paths with a wildcard in progress", 15 "paths", Fixed;
    }
    "CloudFront", "What you need to know when invalidating files" {
        /// Length of a path in an invalidation.
        INVALIDATION_PATH: "path in an invalidation", 4_000 "characters", Fixed;
    }
    "CloudWatch", "PutMetricAlarm" {
        /// Length of an alarm name.
        ALARM_NAME: "alarm name", 255 "characters", Fixed;
    }
    "CodeBuild", "CreateProject" {
        /// Length of a project name. The minimum is 2.
        PROJECT_NAME: "project name", 150 "characters", Fixed;
    }
    "CodePipeline", "GitBranchFilterCriteria" {
        /// Patterns in each list of a trigger filter.
        TRIGGER_PATTERNS: "patterns per trigger filter", 8 "patterns", Fixed;
        /// Length of a pattern in a trigger filter.
        TRIGGER_PATTERN: "pattern in a trigger filter", 255 "characters", Fixed;
    }
    "CodePipeline", "Quotas in AWS CodePipeline" {
        /// Pipelines per account and region.
        PIPELINES: "pipelines per region", 1_000 "pipelines", OnRequest;
        /// Pipelines that poll their source, per account and region.
        POLLING_PIPELINES: "polling pipelines per region", 300 "pipelines", Fixed;
        /// Stages per pipeline. The minimum is [`FEWEST_STAGES`].
        STAGES: "stages per pipeline", 50 "stages", Fixed;
        /// Actions per pipeline.
        ACTIONS_PER_PIPELINE: "actions per pipeline", 1_000 "actions", Fixed;
        /// Actions per stage. AWS documents this number for parallel and for sequential actions. An
        /// older row of the same table allows 50 actions ([`PLANNED_ACTIONS_PER_STAGE`]).
        ACTIONS_PER_STAGE: "actions per stage", 100 "actions", Fixed;
        /// Parallel actions per stage.
        PARALLEL_ACTIONS: "parallel actions per stage", 100 "parallel actions", Fixed;
        /// Sequential actions per stage.
        SEQUENTIAL_ACTIONS: "sequential actions per stage", 100 "sequential actions", Fixed;
        /// Length of a value in an action configuration.
        CONFIGURATION_VALUE: "action configuration value", 1_000 "characters", Fixed;
        /// Length of a pipeline name.
        PIPELINE_NAME: "pipeline name", 100 "characters", Fixed;
        /// Size of the object that an S3 source action reads. AWS documents 7 GB.
        SOURCE_OBJECT: "S3 source object", 7_516_192_768 "bytes", Fixed;
        /// Files that an S3 deploy action extracts.
        DEPLOYED_FILES: "files per S3 deployment", 100_000 "files", Fixed;
        /// Duration of an S3 deploy action.
        DEPLOY_ACTION: "S3 deploy action", 90 "minutes", OnRequest;
    }
    "EventBridge", "Amazon EventBridge quotas" {
        /// Targets per rule.
        RULE_TARGETS: "targets per rule", 5 "targets", Fixed;
    }
    "IAM", "IAM and AWS STS quotas" {
        /// Length of a managed policy, without whitespace.
        MANAGED_POLICY: "managed policy", 6_144 "characters", Fixed;
        /// Total length of the inline policies of a role, without whitespace.
        INLINE_POLICIES: "inline policies per role", 10_240 "characters", Fixed;
        /// Length of a role trust policy.
        TRUST_POLICY: "trust policy", 2_048 "characters", UpTo(8_192);
        /// Managed policies attached to a role.
        MANAGED_POLICIES_PER_ROLE: "managed policies per role", 20 "managed policies", UpTo(25);
        /// Length of a role name.
        ROLE_NAME: "role name", 64 "characters", Fixed;
        /// Length of a managed policy name.
        POLICY_NAME: "managed policy name", 128 "characters", Fixed;
    }
    "KMS", "Resource quotas" {
        /// Size of a key policy. The current API model allows 131,072 bytes, but the documentation
        /// states this lower limit.
        KEY_POLICY: "key policy", 32_768 "bytes", Fixed;
    }
    "KMS", "CreateAlias" {
        /// Length of a key alias, without the prefix `alias/`.
        KEY_ALIAS: "key alias without `alias/`", 250 "characters", Fixed;
    }
    "S3", "Bucket policies for Amazon S3" {
        /// Size of a bucket policy. AWS documents 20 KB.
        BUCKET_POLICY: "bucket policy", 20_480 "bytes", Fixed;
    }
    "S3", "General purpose bucket naming rules" {
        /// Length of a bucket name. The minimum is [`SHORTEST_BUCKET_NAME`].
        BUCKET_NAME: "bucket name", 63 "characters", Fixed;
    }
    "S3", "Naming Amazon S3 objects" {
        /// Length of an object key.
        OBJECT_KEY: "object key", 1_024 "bytes", Fixed;
    }
    "Secrets Manager", "CreateSecret" {
        /// Length of a secret name.
        SECRET_NAME: "secret name", 512 "characters", Fixed;
    }
    "SNS", "CreateTopic" {
        /// Length of a topic name.
        TOPIC_NAME: "topic name", 256 "characters", Fixed;
    }
    "Step Functions", "CreateStateMachine" {
        /// Length of the name of a state machine.
        STATE_MACHINE_NAME: "state machine name", 80 "characters", Fixed;
    }
    "Step Functions", "Step Functions service quotas" {
        /// Size of the input of a task.
        TASK_INPUT: "task input", 262_144 "bytes", Fixed;
    }
    "every service", "Tag naming limits and requirements" {
        /// Tags per resource.
        TAGS: "tags per resource", 50 "tags", Fixed;
        /// Length of a tag key.
        TAG_KEY: "tag key", 128 "characters", Fixed;
        /// Length of a tag value.
        TAG_VALUE: "tag value", 256 "characters", Fixed;
    }
}

/// Minimum number of stages in a pipeline. Follows *Quotas in AWS CodePipeline* in the AWS
/// documentation.
pub(crate) const FEWEST_STAGES: usize = 2;

/// Minimum length of a bucket name. Follows *General purpose bucket naming rules* in the AWS
/// documentation.
pub(crate) const SHORTEST_BUCKET_NAME: usize = 3;

/// Default of `quotas.actions_per_stage`, the number of actions that the plan puts into a stage. It
/// comes from the older of the two rows in AWS's table, because that limit applies to every
/// account.
pub(crate) const PLANNED_ACTIONS_PER_STAGE: u64 = 50;

/// Default of `quotas.actions_per_pipeline`, the number of actions that the plan puts into a
/// pipeline before it adds another one.
///
/// The default is half of AWS's limit. Do not change it, because a new value would move the
/// accounts of a deployed fleet to other pipelines. `init` writes AWS's limit into new
/// configurations.
pub(crate) const PLANNED_ACTIONS_PER_PIPELINE: u64 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(5), "5");
        assert_eq!(grouped(1_024), "1,024");
        assert_eq!(grouped(7_516_192_768), "7,516,192,768");
    }

    #[test]
    fn an_increase_is_above_the_value_and_a_plan_is_within_it() {
        for quota in ALL {
            if let UpTo(most) = quota.increase {
                assert!(most > quota.value, "{}", quota.name);
                assert_eq!(quota.maximum(), Some(most));
            }
        }
        const { assert!(PLANNED_ACTIONS_PER_STAGE <= ACTIONS_PER_STAGE.value) };
        const { assert!(PLANNED_ACTIONS_PER_PIPELINE <= ACTIONS_PER_PIPELINE.value) };
    }
}
