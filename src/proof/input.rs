//! The input of a proof: templates with their accounts and regions, and policies that are not in
//! the templates.

use std::sync::Arc;

use crate::config::Permissions;
use crate::diagnostic::{Diagnostic, Source};
use crate::plan::Plan;
use crate::run::{Instance, KeyState};
use crate::stacks::{CREATE_PIPELINE, Side};
use crate::template::TemplateFile;

/// The input of a proof.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// The templates. The dev stack comes first, because the others depend on it.
    pub stacks: Vec<Stack>,
    /// The AWS partition, such as `aws` or `aws-cn`.
    pub partition: String,
    /// The organization that contains all accounts, if any.
    pub organization: Option<String>,
    /// The permission mode that the policies follow.
    pub permissions: Permissions,
    /// ARNs of the key administrators.
    pub key_administrators: Vec<String>,
    /// Values of the templates' parameters. They override the outputs of the dev stack and default
    /// values. The first value determines whether the dev stack is proven with its pipeline.
    pub parameters: Vec<(String, String)>,
    /// Whether the templates must contain a pipeline, as they must at the last step.
    pub expects_pipeline: bool,
    /// Service control policies of the stacks' accounts: one file per level, starting with the
    /// root.
    pub scps: Vec<Source>,
    /// Resource control policies, in the same format. AWS attaches RCPFullAWSAccess to every level.
    pub rcps: Vec<Source>,
    /// Permissions boundaries, by role.
    pub boundaries: Vec<NamedFile>,
    /// Policies of buckets and keys, and trust policies of roles, by resource.
    pub policies: Vec<NamedFile>,
    /// Bucket policies from files next to the templates. Each file is named after its bucket.
    pub bucket_policies: Vec<NamedFile>,
    /// Additional identity-based policies, by role.
    pub identities: Vec<NamedFile>,
    /// All buckets in the configuration, whether or not a stack creates them. A file next to the
    /// templates may belong to a bucket that no call uses at this step of the deployment.
    pub buckets: Vec<ClaimedBucket>,
    /// Whether to ignore a policy for a resource that is not in the proof. Otherwise, such a policy
    /// is an error.
    pub allow_unused: bool,
    /// Existing buckets whose default encryption uses a customer managed key. No template declares
    /// them.
    pub bucket_keys: Vec<BucketKey>,
    /// CodeBuild projects that no template contains.
    pub projects: Vec<ExistingProject>,
    /// Facts about keys that cannot be derived from a template.
    pub key_facts: Vec<KeyFact>,
    /// Whether to report every instance of a target, even if it has the same result as another.
    pub expand: bool,
    /// Whether to report instances in different regions separately, even if they have the same
    /// result.
    pub by_region: bool,
}

/// A template, and the accounts and regions that it is deployed to.
#[derive(Debug, Clone)]
pub struct Stack {
    /// File name without its extension.
    pub name: String,
    /// Whether the template belongs to a target. Otherwise, it belongs to the dev account.
    pub is_target: bool,
    /// Whether the template is deployed to several instances.
    pub is_generic: bool,
    /// Whether the deploy role copies the tags of the source object to the deployed objects.
    /// Templates do not specify this.
    pub tagged_objects: bool,
    /// The accounts and regions that it is deployed to.
    pub instances: Vec<Arc<Instance>>,
    /// The template.
    pub template: TemplateFile,
    /// Facts that are known because the stack is deployed.
    pub known: Known,
}

/// Facts about a deployed stack that are not in its template.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Parameter values. They override [`Inputs::parameters`].
    pub parameters: Vec<(String, String)>,
    /// IDs of keys that the stack creates, by logical ID.
    pub key_ids: Vec<(String, String)>,
}

/// A file that contains the policies of a named resource.
#[derive(Debug, Clone)]
pub struct NamedFile {
    /// The name or ARN.
    pub name: String,
    /// The file; `None` if the resource has no policy.
    pub source: Option<Source>,
}

/// The configuration of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedBucket {
    /// Bucket name.
    pub name: String,
    /// Account ID of its owner.
    pub account: String,
    /// Region.
    pub region: String,
    /// Whether the bucket exists outside the stacks. Unless the configuration specifies a default
    /// encryption key, such a bucket is assumed to use S3 managed keys.
    pub is_existing: bool,
}

/// The customer managed key in a bucket's default encryption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketKey {
    /// Bucket name.
    pub bucket: String,
    /// ARN of the key.
    pub key: String,
}

/// A CodeBuild project that exists outside the templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingProject {
    /// Name.
    pub name: String,
    /// Account ID.
    pub account: String,
    /// Region.
    pub region: String,
    /// ARN of its service role.
    pub role: String,
}

/// Facts about an existing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFact {
    /// ARN of the key.
    pub arn: String,
    /// Its state.
    pub state: KeyState,
    /// Whether the provided policy is the only policy of the key.
    pub is_whole: bool,
    /// Whether a stack creates the key. The proof does not include the administration of other
    /// keys.
    pub is_made: bool,
}

/// The reason why a proof cannot use its input.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InputError {
    /// One of the files has problems.
    #[error("cannot use `{}` in a proof", file.name())]
    File {
        /// The file.
        file: Box<Source>,
        /// Its problems, with their positions.
        problems: Vec<Diagnostic>,
    },
    /// A name or value does not match anything in the proof.
    #[error("{message}")]
    Given {
        /// The problem.
        message: String,
        /// How to fix it.
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

    /// Returns the problems of a file, with their positions. Returns no problems for other errors.
    pub fn problems(&self) -> &[Diagnostic] {
        match self {
            Self::File { problems, .. } => problems,
            Self::Given { .. } => &[],
        }
    }
}

impl Inputs {
    /// Creates the inputs from a plan. `template` returns the file of a stack by its name (see
    /// [`crate::stacks::names`]).
    ///
    /// The dev stack is proven as it exists after the last step. With `dev_step`, it is proven as
    /// it exists after the first step, without the pipeline.
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
            // After the first step, neither the targets nor anything that depends on them exists.
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

    /// Creates the inputs that do not depend on templates, without any stack.
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
        let dev = &plan.dev;
        let project = dev.build.as_ref().filter(|build| build.settings.is_none());
        let project = project.map(|build| ExistingProject {
            name: build.project.clone(),
            account: dev.account.to_string(),
            region: dev.region.to_string(),
            role: build.role.arn.clone(),
        });
        Self {
            projects: project.into_iter().collect(),
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
