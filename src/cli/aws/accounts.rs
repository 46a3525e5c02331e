//! State shared by every command that works on deployed stacks: the project, its stacks, and the
//! access to their accounts.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::checked::Synthesis;
use crate::deploy::deployment::DeploymentOptions;
use crate::deploy::stack;
use crate::deploy::{Access, StackOutputs, StackStep, ownership, steps_of};
use crate::stacks::{Stack, stacks};

use crate::cli::Failure;
use crate::cli::aws::options::{AwsOptions, of_profile};
use crate::cli::aws::outputs_file::OutputsFile;
use crate::cli::aws::runtime::first_answer;
use crate::cli::aws::screen::Screen;
use crate::cli::project::Project;

/// The ID of the dev account's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) id: String,
    /// Whether the ID comes from the outputs file, which may be older than the dev stack.
    pub(crate) is_recorded: bool,
}

/// A project and the accounts of its stacks.
pub(crate) struct Accounts<'a> {
    pub(crate) aws: &'a AwsOptions,
    pub(crate) screen: &'a Screen<'a>,
    pub(crate) project: Project,
    /// All stacks of the configuration, starting with the dev stack.
    pub(crate) steps: Vec<StackStep>,
    /// The stacks, identified by template. Stack names in AWS can change; template names cannot.
    stacks: Vec<Stack>,
    /// The merged policy of an existing artifact bucket, if the project has one.
    pub(crate) merged_policy: Option<String>,
    pub(crate) outputs: OutputsFile<'a>,
    /// The ID of the dev account's key, once it is known.
    pub(crate) key_id: Option<Key>,
    accesses: HashMap<(String, String), Access>,
    tokens: u32,
}

impl<'a> Accounts<'a> {
    /// Opens the accounts for commands that do not synthesize templates. Does not call AWS.
    pub(crate) fn open(aws: &'a AwsOptions, screen: &'a Screen<'a>) -> Result<Self, Failure> {
        let project = Project::load(screen.global)?;
        let stacks = stacks(&project.plan);
        Ok(Self::with(aws, screen, project, stacks))
    }

    /// Creates the accounts of a project whose templates are already synthesized.
    pub(crate) fn synthesized(
        aws: &'a AwsOptions,
        screen: &'a Screen<'a>,
        project: Project,
        synthesis: &Synthesis,
    ) -> Self {
        let merged_policy = synthesis.merged_policy().map(str::to_owned);
        Self {
            merged_policy,
            ..Self::with(aws, screen, project, synthesis.stacks.clone())
        }
    }

    fn with(
        aws: &'a AwsOptions,
        screen: &'a Screen<'a>,
        mut project: Project,
        stacks: Vec<Stack>,
    ) -> Self {
        let outputs = OutputsFile::read(screen.global, &project);
        if let Some(prefix) = ownership::recorded_prefix(&project.plan, outputs.known.stacks()) {
            project.plan.set_stack_prefix(&prefix);
        }
        Self {
            steps: steps_of(&project.plan, &stacks),
            stacks,
            merged_policy: None,
            outputs,
            key_id: None,
            accesses: HashMap::new(),
            tokens: 0,
            screen,
            project,
            aws,
        }
    }

    /// Returns the dev stack.
    pub(crate) fn dev(&self) -> &StackStep {
        &self.steps[0]
    }

    /// Returns the access to a stack's account, after verifying the account ID.
    pub(crate) async fn access(&mut self, step: &StackStep) -> Result<Access, Failure> {
        let key = (step.profile.clone(), step.account.to_string());
        if !self.accesses.contains_key(&key) {
            let access = Access::open(&step.profile, &step.region, &self.aws.settings()).await?;
            let verified = access.verify_account(&step.account);
            first_answer(self.screen, &step.profile, verified).await?;
            self.accesses.insert(key.clone(), access);
        }
        Ok(self.accesses[&key].in_region(&step.region))
    }

    /// Searches the dev account for stacks of the pipeline under an earlier name, if the outputs
    /// file does not contain the dev stack. Returns `true` if such stacks exist; the steps then use
    /// their names. Skips stacks that cannot be read.
    pub(crate) async fn find_earlier_name(&mut self) -> bool {
        let Some(dev) = self.steps.first().cloned() else {
            return false;
        };
        if self.outputs.of(&dev).is_some() {
            return false;
        }
        let Ok(access) = self.access(&dev).await else {
            return false;
        };
        let Ok(listed) = stack::list(&access).await else {
            return false;
        };
        if listed.iter().any(|one| one.name == dev.stack) {
            return false;
        }
        for one in listed
            .iter()
            .filter(|one| ownership::is_dev(&one.description))
        {
            let Ok(Some(found)) = stack::read(&access, &one.name).await else {
                continue;
            };
            let record = StackOutputs {
                account: dev.account.to_string(),
                region: dev.region.to_string(),
                stack: found.name,
                outputs: found.outputs,
                template: None,
                key: None,
            };
            if let Some(prefix) = ownership::recorded_prefix(&self.project.plan, &[record]) {
                self.project.plan.set_stack_prefix(&prefix);
                self.steps = steps_of(&self.project.plan, &self.stacks);
                return true;
            }
        }
        false
    }

    /// Returns the stacks of a profile, or all stacks.
    pub(crate) fn select(&self, profile: Option<&str>) -> Result<Vec<StackStep>, Failure> {
        match profile {
            Some(profile) => {
                let found = of_profile(&self.steps, profile)?;
                Ok(found.into_iter().cloned().collect())
            }
            None => Ok(self.steps.clone()),
        }
    }

    /// Returns the default options for changing stacks.
    pub(crate) fn run_options(&mut self) -> DeploymentOptions {
        DeploymentOptions {
            wait: self.aws.wait_timeout,
            template_bucket: None,
            role_arn: None,
            tags: self.project.plan.tags.clone(),
            allow_replacement: false,
            token: self.token(),
        }
    }

    /// Returns a new name for a change set. The name is also the client token.
    pub(crate) fn token(&mut self) -> String {
        self.tokens += 1;
        token(self.tokens)
    }
}

/// Returns a unique name from a number that is unique in this process.
pub(crate) fn token(number: u32) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    format!(
        "s3ferry-{}-{}-{number}",
        now.map_or(0, |now| now.as_millis()),
        std::process::id()
    )
}
