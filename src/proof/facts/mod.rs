//! What the pipelines' own resources say: their roles, artifact stores and actions, and the rules
//! that start them. Reading the templates is [`read`]'s; which calls follow is [`super::run`]'s.

mod actions;
mod read;

use std::sync::Arc;

use super::call::Caller;
use super::chain::Obstacle;
use super::input::Instance;
use super::run::SAMPLE_FILE;
use super::world::{Doubt, Place};

pub(super) use read::pipelines;

/// A value of a template, or why it cannot be known.
pub(super) type Value = Result<String, Box<Doubt>>;

/// A pipeline.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) service_role: Value,
    pub(super) stores: Vec<Store>,
    pub(super) actions: Vec<Action>,
    pub(super) rules: Vec<Rule>,
    /// Its variables with their defaults.
    pub(super) variables: Vec<(String, String)>,
    /// What an execution must meet to enter a stage.
    pub(super) gates: Vec<Gate>,
    /// What CodePipeline refuses, or what fails in every run.
    pub(super) faults: Vec<Obstacle>,
    /// Rules of stage conditions that call something, with their roles.
    pub(super) checks: Vec<Check>,
    pub(super) place: Place,
}

/// An artifact store.
#[derive(Debug, Clone)]
pub(super) struct Store {
    pub(super) region: String,
    pub(super) bucket: Value,
    /// As the pipeline names it; `None`: the AWS managed key.
    pub(super) key: Option<Value>,
    pub(super) place: Place,
}

/// An action of a stage.
#[derive(Debug, Clone)]
pub(super) struct Action {
    pub(super) name: String,
    /// Its role, if it has one; otherwise the pipeline's service role performs it.
    pub(super) role: Option<Value>,
    pub(super) region: String,
    /// Names of the artifacts that it reads.
    pub(super) inputs: Vec<String>,
    /// Names of the artifacts that it stores.
    pub(super) outputs: Vec<String>,
    pub(super) work: Work,
    pub(super) place: Place,
}

/// What an action does beside reading and storing artifacts.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// It waits for a person.
    Approve,
    /// It reads an object of S3.
    Source(Source),
    /// It writes into a bucket.
    Deploy(Deploy),
    /// It starts another pipeline.
    Invoke(Invoke),
    /// Something that is not known here: the category and the provider.
    Other(String),
}

/// An S3 source action.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) bucket: Value,
    pub(super) key: Value,
}

/// An S3 deploy action.
#[derive(Debug, Clone)]
pub(super) struct Deploy {
    /// The target whose template makes the role, or else the stage.
    pub(super) target: String,
    pub(super) instance: Option<Arc<Instance>>,
    pub(super) bucket: Value,
    pub(super) extract: bool,
    /// Whether `Extract` is `true` or `false`, or not known; it must be given.
    pub(super) says_extract: bool,
    /// `None`: not given.
    pub(super) object_key: Option<Value>,
    pub(super) canned_acl: Option<Value>,
    pub(super) key: Option<Value>,
    /// Whether it copies the tags of the source object.
    pub(super) tagged_objects: bool,
}

/// A rule of a stage's condition that calls something.
#[derive(Debug, Clone)]
pub(super) struct Check {
    pub(super) provider: String,
    pub(super) role: Option<Value>,
    pub(super) place: Place,
}

/// An EventBridge rule that starts the pipeline.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) arn: Value,
    pub(super) role: Value,
    pub(super) place: Place,
}

/// An action that starts another pipeline.
#[derive(Debug, Clone)]
pub(super) struct Invoke {
    pub(super) name: Value,
    /// Variables that it passes; `None` where they cannot be known.
    pub(super) variables: Option<Vec<(String, String)>>,
}

/// An entry condition that fails the execution unless a pipeline variable has a value.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) stage: String,
    pub(super) variable: String,
    pub(super) value: String,
    /// Logical ID of the pipeline.
    pub(super) resource: String,
    pub(super) place: Place,
}

/// A deployment of which everything is known that an attack on it needs.
#[derive(Clone, Copy)]
pub(super) struct Target<'p> {
    pub(super) deploy: &'p Deploy,
    pub(super) role: &'p str,
    pub(super) bucket: &'p str,
    pub(super) region: &'p str,
    pub(super) place: Place,
}

impl Deploy {
    /// The key of an object that the action writes; `None`: it cannot be known. Slashes of the path stay
    /// as they are (recorded responses of CodePipeline).
    pub(super) fn written_key(&self) -> Option<String> {
        let key = match &self.object_key {
            None => "",
            Some(Ok(key)) => key,
            Some(Err(_)) => return None,
        };
        Some(match (self.extract, key) {
            (false, key) => key.to_owned(),
            (true, "") => SAMPLE_FILE.to_owned(),
            (true, path) => format!("{path}/{SAMPLE_FILE}"),
        })
    }
}

impl Target<'_> {
    /// The key of an object that the action writes.
    pub(super) fn written_key(&self) -> String {
        self.deploy
            .written_key()
            .unwrap_or_else(|| SAMPLE_FILE.to_owned())
    }
}

impl Action {
    /// Who performs it.
    pub(super) fn performer<'p>(&'p self, pipeline: &'p Pipeline) -> &'p Value {
        self.role.as_ref().unwrap_or(&pipeline.service_role)
    }
}

impl Pipeline {
    /// The store of a region, or else the pipeline's own.
    pub(super) fn store(&self, region: &str) -> Option<&Store> {
        let here = |region: &str| self.stores.iter().find(|store| store.region == region);
        here(region)
            .or_else(|| here(&self.region))
            .or(self.stores.first())
    }

    /// The service role, where it is known.
    pub(super) fn known_role(&self) -> Option<&str> {
        self.service_role.as_deref().ok()
    }

    /// Its deploy actions, each with all that an attack on it needs, if that is known.
    pub(super) fn deployments(&self) -> impl Iterator<Item = (&Action, Option<Target<'_>>)> {
        self.actions.iter().filter_map(|action| match &action.work {
            Work::Deploy(deploy) => Some((action, self.target(action, deploy))),
            _ => None,
        })
    }

    fn target<'p>(&'p self, action: &'p Action, deploy: &'p Deploy) -> Option<Target<'p>> {
        Some(Target {
            deploy,
            role: action.performer(self).as_deref().ok()?,
            bucket: deploy.bucket.as_deref().ok()?,
            region: &action.region,
            place: action.place,
        })
    }

    /// Its sources that are known: each with the role that reads it, its bucket and its key.
    pub(super) fn sources(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.actions.iter().filter_map(|action| match &action.work {
            Work::Source(source) => Some((
                action.performer(self).as_deref().ok()?,
                source.bucket.as_deref().ok()?,
                source.key.as_deref().ok()?,
            )),
            _ => None,
        })
    }

    /// The pipelines that it starts, as far as they are known.
    pub(super) fn invokes(&self) -> impl Iterator<Item = (&str, &Invoke)> {
        self.actions.iter().filter_map(|action| match &action.work {
            Work::Invoke(invoke) => Some((invoke.name.as_deref().ok()?, invoke)),
            _ => None,
        })
    }
}

/// Who calls, by a role that may not be known.
pub(super) fn caller(role: &Value) -> Caller {
    match role {
        Ok(arn) => Caller::Role(arn.clone()),
        Err(doubt) => Caller::Unknown(format!("the role of {}", doubt.resource), doubt.clone()),
    }
}
