//! What a proof is made from: templates with their accounts and regions, and the policies that
//! stand outside of them.

use std::sync::Arc;

use crate::config::Permissions;
use crate::diagnostic::{Diagnostic, Source};
use crate::plan::Plan;
use crate::run::{Instance, KeyState};
use crate::stacks::{CREATE_PIPELINE, Side};
use crate::template::TemplateFile;

/// Everything that a proof reads.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// The templates: the dev stack's first, which the others depend on.
    pub stacks: Vec<Stack>,
    /// `aws`, `aws-cn`, `aws-eusc`, `aws-us-gov`…
    pub partition: String,
    /// The organization of all accounts, if any.
    pub organization: Option<String>,
    /// What the policies are meant to grant.
    pub permissions: Permissions,
    /// ARNs of the key's administrators.
    pub key_administrators: Vec<String>,
    /// Values of the templates' parameters, which win over the outputs of the dev stack and over
    /// defaults. The first says whether the dev stack is proven with its pipeline.
    pub parameters: Vec<(String, String)>,
    /// Whether the templates must have a pipeline: at the last step.
    pub expects_pipeline: bool,
    /// Service control policies of the accounts of the stacks: one file for each level, the root's
    /// first.
    pub scps: Vec<Source>,
    /// Resource control policies, likewise. Every level has RCPFullAWSAccess, which AWS attaches.
    pub rcps: Vec<Source>,
    /// Permissions boundaries, by role.
    pub boundaries: Vec<NamedFile>,
    /// Policies of buckets, keys and roles (their trust), by resource.
    pub policies: Vec<NamedFile>,
    /// Policies of buckets from files beside the templates, by the bucket that the file is named
    /// after.
    pub bucket_policies: Vec<NamedFile>,
    /// What else roles have as identity-based policies, by role.
    pub identities: Vec<NamedFile>,
    /// The buckets that the configuration names, whoever makes them. A file beside the templates may be
    /// about one that no call concerns at this step of the deployment.
    pub buckets: Vec<ClaimedBucket>,
    /// Whether a policy of something that is not in the run is left out; otherwise it is an error.
    pub allow_unused: bool,
    /// Existing buckets, in no template, that encrypt by default with a customer managed key.
    pub bucket_keys: Vec<BucketKey>,
    /// What is known of keys and no template can say.
    pub key_facts: Vec<KeyFact>,
    /// Whether every instance of a target is told, though another stands for it.
    pub expand: bool,
    /// Whether instances of different regions are told apart, though another stands for them.
    pub by_region: bool,
}

/// A template, and where it is deployed.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Name of the file, without its extension.
    pub name: String,
    /// Whether it is a target's; otherwise it is of the dev account's side.
    pub is_target: bool,
    /// Whether it serves several instances.
    pub is_generic: bool,
    /// Whether the deploy role copies the tags of the source object to the deployed objects; no
    /// template says so.
    pub tagged_objects: bool,
    /// The accounts and regions that it is deployed to.
    pub instances: Vec<Arc<Instance>>,
    /// The template.
    pub template: TemplateFile,
    /// What is known of the stack because it is deployed.
    pub known: Known,
}

/// What is known of a deployed stack beside its template.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Values of parameters, which win over those of [`Inputs::parameters`].
    pub parameters: Vec<(String, String)>,
    /// IDs of keys that the stack creates, by logical ID.
    pub key_ids: Vec<(String, String)>,
}

/// A file with the policies of something that has a name.
#[derive(Debug, Clone)]
pub struct NamedFile {
    /// The name or ARN.
    pub name: String,
    /// The file; `None`: it has no policy.
    pub source: Option<Source>,
}

/// What the configuration says of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedBucket {
    /// Bucket name.
    pub name: String,
    /// Account ID of its owner.
    pub account: String,
    /// Region.
    pub region: String,
    /// Whether no stack makes it. Unless the configuration names the key that encrypts it by default,
    /// it then says that S3 encrypts with its own keys.
    pub is_existing: bool,
}

/// The customer managed key that a bucket encrypts with by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketKey {
    /// Bucket name.
    pub bucket: String,
    /// ARN of the key.
    pub key: String,
}

/// What is known of a key that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFact {
    /// ARN of the key.
    pub arn: String,
    /// Its state.
    pub state: KeyState,
    /// Whether the policy that is given is all that the key has.
    pub is_whole: bool,
    /// Whether a stack makes the key. The administration of another one is no part of a run.
    pub is_made: bool,
}

/// Why a proof cannot use what it is given.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InputError {
    /// One of the files has problems.
    #[error("`{}` cannot be used for a proof", file.name())]
    File {
        /// The file.
        file: Box<Source>,
        /// What is wrong with it, with places.
        problems: Vec<Diagnostic>,
    },
    /// A name or value is given that nothing in the run takes.
    #[error("{message}")]
    Given {
        /// What is wrong with it.
        message: String,
        /// What to give instead.
        help: String,
    },
}

impl InputError {
    pub(super) fn new(source: &Source, problems: Vec<Diagnostic>) -> Self {
        Self::File {
            file: Box::new(source.clone()),
            problems,
        }
    }

    pub(super) fn given(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Given {
            message: message.into(),
            help: help.into(),
        }
    }

    /// The problems of a file, with their places; none of anything else.
    pub fn problems(&self) -> &[Diagnostic] {
        match self {
            Self::File { problems, .. } => problems,
            Self::Given { .. } => &[],
        }
    }
}

impl Inputs {
    /// What a plan says about its templates: accounts and regions. `template` gives the file of
    /// a stack by its name (see [`crate::stacks::names`]).
    ///
    /// The dev stack is proven as it stands after the last step, or with `dev_step` after the
    /// first, without the pipeline.
    pub fn new<E>(
        plan: &Plan,
        dev_step: bool,
        mut template: impl FnMut(&str) -> Result<TemplateFile, E>,
    ) -> Result<Self, E> {
        let mut stacks = Vec::new();
        for (name, side) in crate::stacks::names(plan) {
            let (instances, is_generic) = match &side {
                Side::Target(number) => {
                    let target = &plan.targets[*number];
                    let instances = target.instances.iter();
                    let instances =
                        instances.map(|instance| (&*instance.account, &*instance.region));
                    (instances.collect(), target.is_generic())
                }
                Side::Region(region) => (vec![(&*plan.dev.account, &**region)], false),
                Side::Dev | Side::Pipeline(_) => {
                    (vec![(&*plan.dev.account, &*plan.dev.region)], false)
                }
            };
            // After the first step no target stands yet, and nothing that needs one.
            if dev_step && matches!(side, Side::Target(_) | Side::Pipeline(_)) {
                continue;
            }
            let instances = instances.into_iter().map(|(account, region)| {
                Arc::new(Instance {
                    account: account.to_owned(),
                    region: region.to_owned(),
                })
            });
            stacks.push(Stack {
                is_target: matches!(side, Side::Target(_)),
                tagged_objects: matches!(
                    side,
                    Side::Target(number) if plan.targets[number].tagged_objects
                ),
                is_generic,
                instances: instances.collect(),
                template: template(&name)?,
                known: Known::default(),
                name,
            });
        }
        Ok(Self {
            stacks,
            parameters: vec![(CREATE_PIPELINE.to_owned(), (!dev_step).to_string())],
            expects_pipeline: !dev_step,
            ..Self::base(plan)
        })
    }

    /// What a plan says that does not depend on templates: the inputs without any stack.
    pub fn base(plan: &Plan) -> Self {
        let buckets = plan
            .buckets()
            .map(|(bucket, account, region)| ClaimedBucket {
                name: bucket.name.to_string(),
                account: account.to_owned(),
                region: region.to_owned(),
                is_existing: !bucket.create,
            });
        let bucket_keys = plan.existing_bucket_keys().map(|(bucket, key)| BucketKey {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        });
        Self {
            partition: plan.partition.as_str().to_owned(),
            organization: plan.organization.clone(),
            permissions: plan.permissions,
            key_administrators: plan.dev.key_administrators.clone(),
            parameters: vec![(CREATE_PIPELINE.to_owned(), true.to_string())],
            expects_pipeline: true,
            buckets: buckets.collect(),
            bucket_keys: bucket_keys.collect(),
            ..Self::default()
        }
    }
}
