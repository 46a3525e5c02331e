//! What every command that works on deployed stacks shares: the project, the ways into its
//! accounts, and the outputs file.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::deploy::run::RunOptions;
use crate::deploy::stack::{self, Deployed};
use crate::deploy::{Access, Outputs, StackOutputs, StackStep, Unusable, ownership, steps_of};
use crate::stacks::{KEY_ID, Stack, stacks};

use crate::cli::aws::runtime::{AwsOptions, first_answer, of_profile};
use crate::cli::project::Project;
use crate::cli::{Failure, Global, diagnostics, files};

/// The outputs file, beside the configuration.
const OUTPUTS: &str = ".s3ferry/outputs.json";

/// The ID of the dev account's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) id: String,
    /// Whether it comes from the outputs file, which may be older than the dev stack.
    pub(crate) is_recorded: bool,
}

/// A project and the accounts that its stacks are in.
pub(crate) struct Accounts<'a> {
    pub(crate) global: &'a Global,
    pub(crate) project: Project,
    /// All stacks of the configuration, dev's first.
    pub(crate) steps: Vec<StackStep>,
    /// The stacks by their templates. The names of the stacks in AWS can change, these do not.
    stacks: Vec<Stack>,
    pub(crate) outputs: OutputsFile<'a>,
    /// The ID of the dev account's key, once it is known.
    pub(crate) key_id: Option<Key>,
    aws: &'a AwsOptions,
    accesses: HashMap<(String, String), Access>,
    tokens: u32,
}

impl<'a> Accounts<'a> {
    /// The accounts of a project whose templates are only compared. Nothing of AWS is asked yet.
    pub(crate) fn new(global: &'a Global, aws: &'a AwsOptions, project: Project) -> Self {
        let stacks = stacks(&project.plan);
        Self::with(global, aws, project, stacks)
    }

    /// The accounts of a project with its stacks. Nothing of AWS is asked yet.
    pub(crate) fn with(
        global: &'a Global,
        aws: &'a AwsOptions,
        mut project: Project,
        stacks: Vec<Stack>,
    ) -> Self {
        let outputs = OutputsFile::read(global, &project);
        if let Some(prefix) = ownership::recorded_prefix(&project.plan, outputs.known.stacks()) {
            project.plan.set_stack_prefix(&prefix);
        }
        Self {
            steps: steps_of(&project.plan, &stacks),
            stacks,
            outputs,
            key_id: None,
            accesses: HashMap::new(),
            tokens: 0,
            global,
            project,
            aws,
        }
    }

    /// The way into a stack's account; which account it is was checked.
    ///
    /// # Errors
    /// No credentials, another account, or AWS cannot be reached.
    pub(crate) async fn access(&mut self, step: &StackStep) -> Result<Access, Failure> {
        let key = (step.profile.clone(), step.account.to_string());
        if !self.accesses.contains_key(&key) {
            let access = Access::open(&step.profile, &step.region, &self.aws.settings()).await?;
            let verified = access.verify_account(&step.account);
            first_answer(self.global, &step.profile, verified).await?;
            self.accesses.insert(key.clone(), access);
        }
        Ok(self.accesses[&key].in_region(&step.region))
    }

    /// Looks in the dev account for the stacks of the pipeline under an earlier name, when the
    /// outputs file does not know the dev stack. Tells whether there are such stacks; their names are
    /// then those of the steps. What cannot be read is left out.
    pub(crate) async fn find_earlier_name(&mut self) -> bool {
        let Some(dev) = self.steps.first().cloned() else {
            return false;
        };
        if self.recorded(&dev) {
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

    /// Whether the outputs file knows a stack: an earlier deploy made it.
    pub(crate) fn recorded(&self, step: &StackStep) -> bool {
        let known = &self.outputs.known;
        known.of(&step.account, &step.region, &step.stack).is_some()
    }

    /// Whether the outputs file says that a stack was last deployed for the template that the
    /// configuration has now.
    pub(crate) fn is_recorded_for_this_template(&self, step: &StackStep) -> bool {
        let known = &self.outputs.known;
        known.template_of(&step.account, &step.region, &step.stack) == Some(&*step.configured)
    }

    /// The stacks of a profile, or all.
    ///
    /// # Errors
    /// No stack of the configuration has this profile.
    pub(crate) fn select(&self, profile: Option<&str>) -> Result<Vec<StackStep>, Failure> {
        match profile {
            Some(profile) => {
                let found = of_profile(&self.steps, profile)?;
                Ok(found.into_iter().cloned().collect())
            }
            None => Ok(self.steps.clone()),
        }
    }

    /// How stacks are changed, when nothing is said about it.
    pub(crate) fn run_options(&mut self) -> RunOptions {
        RunOptions {
            wait: self.aws.wait_timeout,
            template_bucket: None,
            role_arn: None,
            tags: self.project.plan.tags.clone(),
            allow_replacement: false,
            token: self.token(),
        }
    }

    /// A new name for a change set, which is its client token too.
    pub(crate) fn token(&mut self) -> String {
        self.tokens += 1;
        token(self.tokens)
    }
}

/// A name that nothing else has, by the number that it has in this process.
pub(crate) fn token(number: u32) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    format!(
        "s3ferry-{}-{}-{number}",
        now.map_or(0, |now| now.as_millis()),
        std::process::id()
    )
}

/// The outputs file as it was read.
///
/// It saves asking the dev account, so a command that can ask is never stopped by it: a file that
/// cannot be used or written is a warning.
pub(crate) struct OutputsFile<'a> {
    global: &'a Global,
    path: PathBuf,
    /// What it holds, or would hold.
    pub(crate) known: Outputs,
    /// Why the file is not used. It is then left as it is.
    unusable: Option<Unusable>,
    /// Whether a warning has said that it cannot be written.
    is_warned: bool,
}

impl<'a> OutputsFile<'a> {
    /// Reads the outputs file of a project; one that does not exist or cannot be used is empty.
    pub(crate) fn read(global: &'a Global, project: &Project) -> Self {
        let path = project.beside(OUTPUTS);
        let read = if path.exists() {
            match files::read_text(&path, "outputs file") {
                Ok(source) => Outputs::from_json(source.text()),
                Err(failure) => Err(Unusable::Invalid(failure.message())),
            }
        } else {
            Ok(Outputs::default())
        };
        let (known, unusable) = match read {
            Ok(known) => (known, None),
            Err(unusable) => (Outputs::default(), Some(unusable)),
        };
        if let Some(unusable) = &unusable {
            let message = format!("`{}` is not used: {unusable}", path.display());
            let help = format!("{}; until then s3ferry does not change it", unusable.help());
            diagnostics::warn(global, &message, &help);
        }
        Self {
            global,
            path,
            known,
            unusable,
            is_warned: false,
        }
    }

    /// Why the file does not have a stack's outputs.
    pub(crate) fn lack(&self) -> String {
        match &self.unusable {
            Some(unusable) => format!("`{OUTPUTS}` cannot be used: {unusable}"),
            None => format!("`{OUTPUTS}` does not have it"),
        }
    }

    /// Puts a stack's outputs, and writes the file when that changes it.
    pub(crate) fn put(&mut self, step: &StackStep, stack: &Deployed) {
        let key = stack.parameters.get(KEY_ID).cloned();
        self.put_outputs(step, stack.outputs.clone(), key);
    }

    /// Puts the outputs of a stack or a stack set, and writes the file when that changes it.
    pub(crate) fn put_outputs(
        &mut self,
        step: &StackStep,
        outputs: BTreeMap<String, String>,
        key: Option<String>,
    ) {
        let entry = StackOutputs {
            account: step.account.to_string(),
            region: step.region.to_string(),
            stack: step.stack.clone(),
            outputs,
            template: (!step.configured.is_empty()).then(|| step.configured.clone()),
            key,
        };
        if self.known.put(entry) {
            self.write();
        }
    }

    /// Forgets a stack, and writes the file when that changes it.
    pub(crate) fn forget(&mut self, step: &StackStep) {
        if self.known.remove(&step.account, &step.region, &step.stack) {
            self.write();
        }
    }

    fn write(&mut self) {
        if self.unusable.is_some() {
            return;
        }
        if let Err(failure) = files::write(&self.path, &self.known.to_json())
            && !self.is_warned
        {
            self.is_warned = true;
            diagnostics::warn(
                self.global,
                &failure.message(),
                "make the folder writable and run the command again if others deploy targets \
                 without access to the dev account: they need this file",
            );
        }
    }
}
