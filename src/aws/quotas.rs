//! AWS's quotas: one table for the configuration, the plan, the lint, the deployment and the
//! documentation. `docs/quotas.md` is this table as text, and a test compares the two.

use std::fmt;

/// A quota of an AWS service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    /// The service that sets it.
    pub service: &'static str,
    /// What it limits.
    pub name: &'static str,
    /// Its value in an account without increases.
    pub value: u64,
    /// What it counts.
    pub unit: &'static str,
    /// Whether AWS raises it.
    pub increase: Increase,
    /// Title of the AWS document that states it.
    pub document: &'static str,
}

/// Whether AWS raises a quota for an account that requests it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Increase {
    /// Never.
    Fixed,
    /// Up to this value.
    UpTo(u64),
    /// Yes. AWS documents no maximum.
    OnRequest,
}

use Increase::{Fixed, OnRequest, UpTo};

impl Quota {
    /// Returns the value as a length.
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

/// Writes a number with a comma between the thousands.
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

/// Defines a constant for each quota, and [`ALL`] with every one of them.
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

        /// Every quota, by service.
        pub(crate) const ALL: &[Quota] = &[$($($id,)*)*];
    };
}

table! {
    "CloudFormation", "Understand CloudFormation quotas" {
        /// Template in the body of a request.
        TEMPLATE_INLINE: "template in a request", 51_200 "bytes", Fixed;
        /// Template in a bucket. AWS writes 1 MB.
        TEMPLATE_IN_BUCKET: "template in a bucket", 1_000_000 "bytes", Fixed;
        /// Resources of a template.
        RESOURCES: "resources of a template", 500 "entries", Fixed;
        /// Parameters of a template.
        PARAMETERS: "parameters of a template", 200 "entries", Fixed;
        /// Outputs of a template.
        OUTPUTS: "outputs of a template", 200 "entries", Fixed;
        /// Mappings of a template.
        MAPPINGS: "mappings of a template", 200 "entries", Fixed;
        /// Stack instances of a stack set (2023).
        STACK_INSTANCES: "stack instances of a stack set", 100_000 "instances", OnRequest;
        /// Operations on stack instances that run in a region at the same time (2023).
        STACK_INSTANCE_OPERATIONS:
            "concurrent stack instance operations per region", 10_000 "operations", OnRequest;
    }
    "CloudFormation", "CreateStack" {
        /// Name of a stack.
        STACK_NAME: "stack name", 128 "characters", Fixed;
    }
    "CloudFormation", "CreateStackSet" {
        /// Name of a stack set.
        STACK_SET_NAME: "stack set name", 128 "characters", Fixed;
    }
    "CodePipeline", "Quotas in AWS CodePipeline" {
        /// Pipelines of an account in a region.
        PIPELINES: "pipelines per region", 1_000 "pipelines", OnRequest;
        /// Pipelines that poll their source, of an account in a region.
        POLLING_PIPELINES: "polling pipelines per region", 300 "pipelines", Fixed;
        /// Stages of a pipeline; it has at least [`FEWEST_STAGES`].
        STAGES: "stages of a pipeline", 50 "stages", Fixed;
        /// Actions of a pipeline.
        ACTIONS_PER_PIPELINE: "actions of a pipeline", 1_000 "actions", Fixed;
        /// Actions of a stage. The limits on parallel and on sequential actions are AWS's own; an
        /// older row of the same table allows 50 actions ([`PLANNED_ACTIONS_PER_STAGE`]).
        ACTIONS_PER_STAGE: "actions of a stage", 100 "actions", Fixed;
        /// Actions of a stage that run at the same time.
        PARALLEL_ACTIONS: "parallel actions of a stage", 100 "parallel actions", Fixed;
        /// Steps of a stage that run one after the other.
        SEQUENTIAL_ACTIONS: "sequential actions of a stage", 100 "sequential actions", Fixed;
        /// Value in the configuration of an action.
        CONFIGURATION_VALUE: "action configuration value", 1_000 "characters", Fixed;
        /// Name of a pipeline.
        PIPELINE_NAME: "pipeline name", 100 "characters", Fixed;
        /// Object that an S3 source action reads. AWS writes 7 GB.
        SOURCE_OBJECT: "S3 source object", 7_516_192_768 "bytes", Fixed;
        /// Files that an S3 deploy action extracts.
        DEPLOYED_FILES: "files of an S3 deployment", 100_000 "files", Fixed;
        /// Time that an S3 deploy action may take.
        DEPLOY_ACTION: "S3 deploy action", 90 "minutes", OnRequest;
    }
    "EventBridge", "Amazon EventBridge quotas" {
        /// Targets of a rule.
        RULE_TARGETS: "targets of a rule", 5 "targets", Fixed;
    }
    "IAM", "IAM and AWS STS quotas" {
        /// Managed policy, without whitespace.
        MANAGED_POLICY: "managed policy", 6_144 "characters", Fixed;
        /// Inline policies of a role, together, without whitespace.
        INLINE_POLICIES: "inline policies of a role", 10_240 "characters", Fixed;
        /// Trust policy of a role.
        TRUST_POLICY: "trust policy", 2_048 "characters", UpTo(8_192);
        /// Managed policies attached to a role.
        MANAGED_POLICIES_PER_ROLE: "managed policies of a role", 20 "managed policies", UpTo(25);
        /// Name of a role.
        ROLE_NAME: "role name", 64 "characters", Fixed;
        /// Name of a managed policy.
        POLICY_NAME: "managed policy name", 128 "characters", Fixed;
    }
    "KMS", "Resource quotas" {
        /// Key policy. The current API model allows 131,072; the documents do not, so this keeps
        /// their value.
        KEY_POLICY: "key policy", 32_768 "bytes", Fixed;
    }
    "KMS", "CreateAlias" {
        /// Alias of a key, without the six characters of `alias/`.
        KEY_ALIAS: "key alias without `alias/`", 250 "characters", Fixed;
    }
    "S3", "Bucket policies for Amazon S3" {
        /// Bucket policy. AWS writes 20 KB.
        BUCKET_POLICY: "bucket policy", 20_480 "bytes", Fixed;
    }
    "S3", "General purpose bucket naming rules" {
        /// Name of a bucket; it has at least [`SHORTEST_BUCKET_NAME`] characters.
        BUCKET_NAME: "bucket name", 63 "characters", Fixed;
    }
    "S3", "Naming Amazon S3 objects" {
        /// Key of an object.
        OBJECT_KEY: "object key", 1_024 "bytes", Fixed;
    }
    "every service", "Tag naming limits and requirements" {
        /// Tags of a resource.
        TAGS: "tags of a resource", 50 "tags", Fixed;
        /// Key of a tag.
        TAG_KEY: "tag key", 128 "characters", Fixed;
        /// Value of a tag.
        TAG_VALUE: "tag value", 256 "characters", Fixed;
    }
}

/// The fewest stages of a pipeline (*Quotas in AWS CodePipeline*).
pub(crate) const FEWEST_STAGES: usize = 2;

/// The fewest characters of a bucket name (*General purpose bucket naming rules*).
pub(crate) const SHORTEST_BUCKET_NAME: usize = 3;

/// How many actions the plan puts into a stage, unless `quotas.actions_per_stage` says otherwise:
/// the older of the two rows of AWS's table, which holds in every account.
pub(crate) const PLANNED_ACTIONS_PER_STAGE: u64 = 50;

/// How many actions the plan puts into a pipeline before it opens another one, unless
/// `quotas.actions_per_pipeline` says otherwise.
///
/// This is half of AWS's limit. Another value would move the accounts of a deployed fleet to other
/// pipelines, so it stays; `init` writes AWS's limit into new configurations.
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
