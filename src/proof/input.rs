//! What a proof is made from: templates with their accounts and regions, and the policies that
//! stand outside of them.

use crate::config::Permissions;
use crate::plan::Plan;
use crate::syntax::{Problem, Source};

/// Everything that a proof reads.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The templates: the dev account's first, then the targets'.
    pub stacks: Vec<Stack>,
    /// `aws`, `aws-cn`, `aws-us-gov`…
    pub partition: String,
    /// The organization of all accounts, if any.
    pub organization: Option<String>,
    /// What the policies are meant to grant.
    pub permissions: Permissions,
    /// ARNs of the key's administrators.
    pub key_administrators: Vec<String>,
    /// Values of the dev template's parameters.
    pub parameters: Vec<(String, String)>,
    /// Service control policies of every account: one file for each level, the root's first.
    pub scps: Vec<Source>,
    /// Resource control policies, likewise.
    pub rcps: Vec<Source>,
    /// Permissions boundaries, by role.
    pub boundaries: Vec<NamedFile>,
    /// Policies of buckets, keys and roles (their trust), by resource.
    pub policies: Vec<NamedFile>,
    /// What else roles have as identity-based policies, by role.
    pub identities: Vec<NamedFile>,
}

/// A template, and where it is deployed.
#[derive(Debug, Clone)]
pub struct Stack {
    /// `dev`, or the target's name.
    pub name: String,
    /// Account ID.
    pub account: String,
    /// Region.
    pub region: String,
    /// The template.
    pub source: Source,
}

/// A file with the policies of something that has a name.
#[derive(Debug, Clone)]
pub struct NamedFile {
    /// The name or ARN.
    pub name: String,
    /// The file; `None`: it has no policy.
    pub source: Option<Source>,
}

/// Problems of one of the files.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{}` cannot be used for a proof", file.name())]
pub struct InputError {
    /// The file.
    pub file: Box<Source>,
    /// What is wrong with it, with places.
    pub problems: Vec<Problem>,
}

impl Inputs {
    /// What a plan says about its templates: accounts and regions. `template` gives the file of
    /// a stack by its name.
    ///
    /// The dev stack is proven as it stands after the last step, or with `dev_step` after the
    /// first, without the pipeline.
    pub fn new<E>(
        plan: &Plan,
        dev_step: bool,
        mut template: impl FnMut(&str) -> Result<Source, E>,
    ) -> Result<Self, E> {
        let mut stacks = vec![Stack {
            name: "dev".to_owned(),
            account: plan.dev.account.clone(),
            region: plan.dev.region.clone(),
            source: template("dev")?,
        }];
        // After the first step no target stands yet.
        let targets = if dev_step {
            &[]
        } else {
            plan.targets.as_slice()
        };
        for target in targets {
            stacks.push(Stack {
                name: target.name.clone(),
                account: target.account.clone(),
                region: target.region.clone(),
                source: template(&target.name)?,
            });
        }
        Ok(Self {
            stacks,
            partition: plan.partition.as_str().to_owned(),
            organization: plan.organization.clone(),
            permissions: plan.permissions,
            key_administrators: plan.dev.key_administrators.clone(),
            parameters: vec![("CreatePipeline".to_owned(), (!dev_step).to_string())],
            scps: Vec::new(),
            rcps: Vec::new(),
            boundaries: Vec::new(),
            policies: Vec::new(),
            identities: Vec::new(),
        })
    }
}
