//! The pipelines of an execution: their roles, artifact stores, and actions, and the rules that
//! start them.

use std::sync::Arc;

use super::landscape::{Instance, Place, Value};
use super::{Obstacle, SAMPLE_FILE};

#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) service_role: Value,
    pub(crate) stores: Vec<Store>,
    pub(crate) actions: Vec<Action>,
    pub(crate) rules: Vec<Rule>,
    /// Its variables and their defaults.
    pub(crate) variables: Vec<(String, String)>,
    /// The conditions that an execution must meet to enter a stage.
    pub(crate) gates: Vec<Gate>,
    /// Settings that CodePipeline rejects, or that make every execution fail.
    pub(crate) faults: Vec<Obstacle>,
    /// Rules in stage conditions that make calls, with their roles.
    pub(crate) checks: Vec<Check>,
    pub(crate) place: Place,
}

/// An artifact store.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) region: String,
    pub(crate) bucket: Value,
    /// The key as the pipeline specifies it; `None` for the AWS managed key.
    pub(crate) key: Option<Value>,
    pub(crate) place: Place,
}

/// An action in a stage.
#[derive(Debug, Clone)]
pub(crate) struct Action {
    pub(crate) name: String,
    /// Its role, if it has one. Otherwise, it uses the pipeline's service role.
    pub(crate) role: Option<Value>,
    pub(crate) region: String,
    /// Its position in the pipeline: the number of its stage, and its `RunOrder`.
    pub(crate) order: (usize, u32),
    /// Names of the artifacts that it reads.
    pub(crate) inputs: Vec<String>,
    /// Names of the artifacts that it stores.
    pub(crate) outputs: Vec<String>,
    pub(crate) work: Work,
    pub(crate) place: Place,
}

/// The operation of an action, in addition to reading and storing artifacts.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// It waits for a manual approval.
    Approve(Approve),
    /// It reads an S3 object.
    Source(Source),
    /// It reads a repository.
    Repository(Repository),
    /// It runs a build in a CodeBuild project.
    Build(Build),
    /// It writes to a bucket.
    Deploy(Deploy),
    /// It starts a Step Functions state machine and waits for the execution.
    Machine(Machine),
    /// It starts another pipeline.
    Invoke(Invoke),
    /// An operation that is not modeled.
    Other {
        /// Provider, as in the action type.
        provider: String,
        /// Subject of the message, such as `the Build action by CodeBuild`.
        what: String,
    },
}

impl Work {
    /// Returns whether the operation reads the source.
    pub(crate) fn is_source(&self) -> bool {
        matches!(self, Self::Source(_) | Self::Repository(_))
    }

    pub(super) fn deploy(&self) -> Option<&Deploy> {
        match self {
            Self::Deploy(deploy) => Some(deploy),
            _ => None,
        }
    }

    /// Returns the target and the instance that the operation serves. A state machine serves the
    /// target whose template creates the role that starts it.
    pub(super) fn target(&self) -> Option<(&str, Option<&Arc<Instance>>)> {
        let (target, instance) = match self {
            Self::Deploy(deploy) => (&deploy.target, &deploy.instance),
            Self::Machine(machine) => (&machine.target, &machine.instance),
            _ => return None,
        };
        Some((target, instance.as_ref()))
    }
}

/// A manual approval.
#[derive(Debug, Clone)]
pub(crate) struct Approve {
    pub(crate) stage: String,
    /// ARN of the topic that it notifies; `None` if it notifies none.
    pub(crate) topic: Option<Value>,
}

/// An S3 source action.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) bucket: Value,
    pub(crate) key: Value,
}

/// A source action that reads a repository.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    /// ARN of the connection.
    pub(crate) connection: Value,
    /// Whether the action outputs only a reference to the repository, which only build actions can
    /// read, instead of a zip file.
    pub(crate) is_reference: bool,
}

/// A build action.
#[derive(Debug, Clone)]
pub(crate) struct Build {
    /// ARN of the project.
    pub(crate) project: Value,
    /// ARN of the service role of the project.
    pub(crate) role: Value,
    /// The key that encrypts the output, as the project specifies it; `None` for the AWS managed
    /// key.
    pub(crate) key: Option<Value>,
    /// ARN of the log group, if a template shows that the build writes to one.
    pub(crate) log_group: Option<Value>,
    /// ARNs of the secrets that the build reads.
    pub(crate) secrets: Vec<Value>,
    /// A setting whose calls are not modeled, if there is one.
    pub(crate) unknown: Option<String>,
    /// Why every build fails, if it does.
    pub(crate) fault: Option<String>,
    /// The location of the project, or of the action if no template contains the project.
    pub(crate) place: Place,
}

/// An S3 deploy action.
#[derive(Debug, Clone)]
pub(crate) struct Deploy {
    /// The target whose template creates the role, or otherwise the stage.
    pub(crate) target: String,
    pub(crate) instance: Option<Arc<Instance>>,
    pub(crate) bucket: Value,
    pub(crate) extract: bool,
    /// Whether the required setting `Extract` is `true`, `false`, or unknown.
    pub(crate) says_extract: bool,
    /// `None` if not specified.
    pub(crate) object_key: Option<Value>,
    pub(crate) canned_acl: Option<Value>,
    pub(crate) key: Option<Value>,
    /// Whether the action copies the tags of the source object.
    pub(crate) tagged_objects: bool,
}

/// An action that starts a Step Functions state machine.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// The target whose template creates the action's role, or otherwise the stage.
    pub(crate) target: String,
    pub(crate) instance: Option<Arc<Instance>>,
    /// ARN of the state machine.
    pub(crate) arn: Value,
    /// ARN of the role of the state machine.
    pub(crate) role: Value,
    /// ARN of the CloudFront distribution that it invalidates.
    pub(crate) distribution: Value,
    /// A setting or state whose calls are not modeled, if there is one.
    pub(crate) unknown: Option<String>,
    /// The location of the state machine, or of the action if no template contains it.
    pub(crate) place: Place,
}

/// A rule in a stage condition that makes calls.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) stage: String,
    pub(crate) name: String,
    pub(crate) provider: String,
    /// ARN of the alarm whose state the rule reads; `None` for a rule that is not modeled.
    pub(crate) alarm: Option<Value>,
    pub(crate) role: Option<Value>,
    pub(crate) place: Place,
}

/// An EventBridge rule that starts the pipeline.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) arn: Value,
    pub(crate) role: Value,
    pub(crate) place: Place,
}

/// An action that starts another pipeline.
#[derive(Debug, Clone)]
pub(crate) struct Invoke {
    pub(crate) name: Value,
    /// Variables that it passes; `None` if they are unknown.
    pub(crate) variables: Option<Vec<(String, String)>>,
}

/// An entry condition that fails the execution unless a pipeline variable has a specific value.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) stage: String,
    pub(crate) variable: String,
    pub(crate) value: String,
    /// Logical ID of the pipeline.
    pub(crate) resource: String,
    pub(crate) place: Place,
}

/// A deploy action with all the properties that an attack needs.
#[derive(Clone, Copy)]
pub(crate) struct Target<'p> {
    pub(crate) deploy: &'p Deploy,
    pub(crate) role: &'p str,
    pub(crate) bucket: &'p str,
    pub(crate) region: &'p str,
    pub(crate) place: Place,
}

impl Deploy {
    /// Returns the key of an object that the action writes, or `None` if the key is unknown.
    /// Slashes in the path are preserved (recorded responses of CodePipeline).
    pub(crate) fn written_key(&self) -> Option<String> {
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
    /// Returns the key of an object that the action writes.
    pub(crate) fn written_key(&self) -> String {
        self.deploy
            .written_key()
            .unwrap_or_else(|| SAMPLE_FILE.to_owned())
    }
}

impl Action {
    /// Returns the role that performs the action.
    pub(crate) fn performer<'p>(&'p self, pipeline: &'p Pipeline) -> &'p Value {
        self.role.as_ref().unwrap_or(&pipeline.service_role)
    }

    /// Returns the role that reads and stores the artifacts of the action.
    pub(crate) fn artifact_role<'p>(&'p self, pipeline: &'p Pipeline) -> &'p Value {
        match &self.work {
            Work::Build(build) => &build.role,
            _ => self.performer(pipeline),
        }
    }
}

impl Pipeline {
    /// Returns the store in a region, or otherwise the store in the pipeline's region.
    pub(crate) fn store(&self, region: &str) -> Option<&Store> {
        let here = |region: &str| self.stores.iter().find(|store| store.region == region);
        here(region)
            .or_else(|| here(&self.region))
            .or(self.stores.first())
    }

    /// Returns the store of an artifact, with the key that encrypts the artifact. CodeBuild encrypts
    /// the output of a build with the key of its project. A copy in another region is encrypted with
    /// the key of its store.
    pub(crate) fn store_of(&self, store: &Store, artifact: &str) -> Store {
        let mut actions = self.actions.iter();
        let maker = actions.find(|action| action.outputs.iter().any(|name| name == artifact));
        match maker {
            Some(Action {
                work: Work::Build(build),
                region,
                ..
            }) if *region == store.region => Store {
                key: build.key.clone(),
                ..store.clone()
            },
            _ => store.clone(),
        }
    }

    /// Returns the service role, if it is known.
    pub(crate) fn known_role(&self) -> Option<&str> {
        self.service_role.as_deref().ok()
    }

    /// Returns the deploy actions of the pipeline, each with the properties that an attack needs,
    /// if they are known.
    pub(crate) fn deployments(&self) -> impl Iterator<Item = (&Action, Option<Target<'_>>)> {
        self.actions.iter().filter_map(|action| {
            let deploy = action.work.deploy()?;
            Some((action, self.target(action, deploy)))
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

    /// Returns the known sources of the pipeline: the role that reads the source, the bucket, and
    /// the object key.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.actions.iter().filter_map(|action| match &action.work {
            Work::Source(source) => Some((
                action.performer(self).as_deref().ok()?,
                source.bucket.as_deref().ok()?,
                source.key.as_deref().ok()?,
            )),
            _ => None,
        })
    }

    /// Returns the ARNs of the connections that the pipeline reads repositories through.
    pub(crate) fn connections(&self) -> impl Iterator<Item = &Value> {
        self.actions.iter().filter_map(|action| match &action.work {
            Work::Repository(source) => Some(&source.connection),
            _ => None,
        })
    }

    /// Returns the builds of the pipeline.
    pub(crate) fn builds(&self) -> impl Iterator<Item = (&Action, &Build)> {
        self.actions.iter().filter_map(|action| match &action.work {
            Work::Build(build) => Some((action, build)),
            _ => None,
        })
    }

    /// Returns the actions that start state machines.
    pub(crate) fn machines(&self) -> impl Iterator<Item = (&Action, &Machine)> {
        self.actions.iter().filter_map(|action| match &action.work {
            Work::Machine(machine) => Some((action, machine)),
            _ => None,
        })
    }

    /// Returns the deploy actions of the target and the instance that a state machine serves.
    pub(crate) fn deploys_to<'p>(
        &'p self,
        machine: &'p Machine,
    ) -> impl Iterator<Item = (&'p Action, &'p Deploy)> {
        self.actions.iter().filter_map(move |action| {
            let deploy = action.work.deploy()?;
            let is_same = deploy.target == machine.target && deploy.instance == machine.instance;
            is_same.then_some((action, deploy))
        })
    }

    /// Returns the ARNs of the alarms that the stage conditions read.
    pub(crate) fn alarms(&self) -> impl Iterator<Item = &Value> {
        self.checks.iter().filter_map(|check| check.alarm.as_ref())
    }

    /// Returns the ARNs of the topics that the approval actions notify.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &Value> {
        self.actions.iter().filter_map(|action| match &action.work {
            Work::Approve(approve) => approve.topic.as_ref(),
            _ => None,
        })
    }

    /// Returns the known pipelines that this pipeline starts.
    pub(crate) fn invokes(&self) -> impl Iterator<Item = (&str, &Invoke)> {
        self.actions.iter().filter_map(|action| match &action.work {
            Work::Invoke(invoke) => Some((invoke.name.as_deref().ok()?, invoke)),
            _ => None,
        })
    }
}
