//! The steps of a pipeline execution.

use std::fmt;

/// A step of a pipeline execution.
///
/// Each variant names the page of the AWS documentation that lists the step's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The calls of an action or rule whose provider is not modeled.
    Action,
    /// KMS checks that the key policy can still be changed later (*Default key policy*).
    Administer,
    /// CodePipeline checks that the roles of a pipeline can be assumed (recorded responses of
    /// CodePipeline).
    Check,
    /// The EventBridge rule starts the pipeline (*Connecting to Amazon S3 source actions with a
    /// source enabled for events*).
    Start,
    /// The source action reads the source object (*Amazon S3 source action reference*) or the
    /// repository (*CodeStarSourceConnection …*).
    Source,
    /// S3 decrypts the source object with its bucket's key (*Using server-side encryption with AWS
    /// KMS keys*).
    SourceKey,
    /// A role uploads an artifact (*Manage the CodePipeline service role*).
    Store,
    /// S3 encrypts an artifact (*Using server-side encryption with AWS KMS keys*).
    Encrypt,
    /// CodePipeline copies an artifact to the store in another region (*Add a cross-Region
    /// action*).
    Copy,
    /// CodePipeline starts a build, and the build writes logs and reads secrets (*AWS CodeBuild
    /// build and test action reference*).
    Build,
    /// A rule of a stage condition reads the state of an alarm (*CloudWatchAlarm*).
    Condition,
    /// An approval action notifies a topic (*Grant Amazon SNS permissions to a CodePipeline service
    /// role*).
    Notify,
    /// The service role assumes an action's role (*ActionDeclaration*).
    Assume,
    /// An action downloads an artifact (*Create a pipeline in CodePipeline that uses resources from
    /// another AWS account*).
    Read,
    /// S3 decrypts an artifact (*Using server-side encryption with AWS KMS keys*).
    Decrypt,
    /// The deploy action uploads to the output bucket (*Amazon S3 deploy action reference*).
    Deploy,
    /// S3 encrypts the deployed objects with the output bucket's key (*Using server-side encryption
    /// with AWS KMS keys*).
    OutputKey,
    /// A state machine invalidates the distribution that serves the output bucket (*AWS Step
    /// Functions invoke action reference*).
    Invalidate,
    /// The distribution reads the deployed files (*Restrict access to an Amazon S3 origin*).
    Serve,
    /// An action starts another pipeline (*AWS CodePipeline invoke action reference*).
    Invoke,
    /// S3 delivers access logs (*Enabling Amazon S3 server access logging*).
    Logs,
    /// A call that must be denied. Not a step of an execution.
    Attack,
}

impl Step {
    /// The steps of an execution, in order.
    pub(crate) const ALL: [Self; 21] = [
        Self::Action,
        Self::Administer,
        Self::Check,
        Self::Start,
        Self::Source,
        Self::SourceKey,
        Self::Store,
        Self::Encrypt,
        Self::Copy,
        Self::Build,
        Self::Condition,
        Self::Notify,
        Self::Assume,
        Self::Read,
        Self::Decrypt,
        Self::Deploy,
        Self::OutputKey,
        Self::Invalidate,
        Self::Serve,
        Self::Invoke,
        Self::Logs,
    ];

    /// The steps that deploy to a target.
    pub(crate) const DEPLOYING: [Self; 5] = [
        Self::Assume,
        Self::Read,
        Self::Decrypt,
        Self::Deploy,
        Self::OutputKey,
    ];

    /// The steps that read the source.
    pub(crate) const SOURCING: [Self; 2] = [Self::Source, Self::SourceKey];

    /// Returns the step's name in output and on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Administer => "administer",
            Self::Check => "check",
            Self::Start => "start",
            Self::Source => "source",
            Self::SourceKey => "source-key",
            Self::Store => "store",
            Self::Encrypt => "encrypt",
            Self::Copy => "copy",
            Self::Build => "build",
            Self::Condition => "condition",
            Self::Notify => "notify",
            Self::Assume => "assume",
            Self::Read => "read",
            Self::Decrypt => "decrypt",
            Self::Deploy => "deploy",
            Self::OutputKey => "output-key",
            Self::Invalidate => "invalidate",
            Self::Serve => "serve",
            Self::Invoke => "invoke",
            Self::Logs => "logs",
            Self::Attack => "attack",
        }
    }

    /// Returns the step with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    /// Returns the names of several steps, separated by commas.
    pub(crate) fn list(steps: &[Self]) -> String {
        let names: Vec<&str> = steps.iter().map(|step| step.name()).collect();
        names.join(", ")
    }

    /// Returns the step's number in the path of an artifact, starting at 1, or `None` for a step
    /// that does not handle artifacts.
    pub(crate) const fn number(self) -> Option<u8> {
        Some(match self {
            Self::Start => 1,
            Self::Source | Self::SourceKey => 2,
            Self::Store | Self::Encrypt | Self::Copy => 3,
            Self::Assume => 4,
            Self::Read | Self::Decrypt => 5,
            Self::Deploy | Self::OutputKey => 6,
            Self::Invoke => 7,
            _ => return None,
        })
    }

    /// Returns whether the step itself reads or writes the artifact or its files.
    pub(crate) const fn moves_artifact(self) -> bool {
        matches!(
            self,
            Self::Source | Self::Store | Self::Copy | Self::Read | Self::Deploy
        )
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}
