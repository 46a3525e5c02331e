//! What one run of `deploy` knows: the project, the ways into the accounts, the outputs file.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use s3ferry::deploy::run::{Deployment, Options as RunOptions};
use s3ferry::deploy::stack::Deployed;
use s3ferry::deploy::{Access, Outputs, StackOutputs, StackStep, stack_steps};
use serde_json::{Value, json};

use super::{Format, Options, refuse};
use crate::cli::project::{Project, TemplateFormat};
use crate::cli::screen::Screen;
use crate::cli::{Failure, Global, Outcome, checks, files, output};

/// The outputs file, beside the configuration.
const OUTPUTS: &str = ".s3ferry/outputs.json";

/// What one run of `deploy` knows.
pub(crate) struct Session<'a> {
    pub(super) global: &'a Global,
    pub(super) options: &'a Options,
    pub(super) screen: &'a Screen,
    pub(super) project: Project,
    /// All stacks of the configuration, dev's first.
    pub(super) steps: Vec<StackStep>,
    pub(super) run: RunOptions,
    pub(super) outputs: OutputsFile,
    /// The merged policy of an existing artifact bucket, when there is one.
    pub(super) merged_policy: Option<String>,
    /// The ID of the dev account's key, once it is known.
    pub(super) key_id: Option<String>,
    /// Whether every target was seen to stand: there may be hundreds, and several pipelines ask.
    pub(super) targets_stand: bool,
    accesses: HashMap<(String, String), Access>,
    /// Stacks as they were read and not used yet, by name.
    read: HashMap<String, Option<Deployed>>,
    results: Vec<Value>,
    change_sets: u32,
}

/// The outputs file as it was read.
pub(crate) struct OutputsFile {
    path: PathBuf,
    /// What it holds.
    pub(crate) known: Outputs,
}

impl OutputsFile {
    /// Reads the outputs file of a project; one that is not there is empty.
    ///
    /// # Errors
    /// It is no outputs file.
    pub(crate) fn read(project: &Project) -> Result<Self, Failure> {
        let path = project.beside(OUTPUTS);
        let known = if path.exists() {
            let source = files::read(&path, "outputs file")?;
            Outputs::from_json(source.text()).map_err(|problem| {
                Failure::new(
                    format!("`{}` is no outputs file: {problem}", path.display()),
                    "restore it, or delete it: the next `s3ferry deploy --profile dev` writes it \
                     again",
                )
            })?
        } else {
            Outputs::default()
        };
        Ok(Self { path, known })
    }

    /// Puts a stack's outputs, and writes the file when that changes it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn put(&mut self, step: &StackStep, stack: &Deployed) -> Result<(), Failure> {
        self.put_outputs(step, stack.outputs.clone())
    }

    /// Puts what a stack, or a stack set, gives out, and writes the file when that changes it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn put_outputs(
        &mut self,
        step: &StackStep,
        outputs: BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        let entry = StackOutputs {
            account: step.account.clone(),
            region: step.region.clone(),
            stack: step.stack.clone(),
            outputs,
        };
        if self.known.put(entry) {
            files::write(&self.path, &self.known.to_json())?;
        }
        Ok(())
    }

    /// Forgets a stack, and writes the file when that changes it.
    ///
    /// # Errors
    /// The file cannot be written.
    #[expect(dead_code, reason = "for the deletion of stacks")]
    pub(crate) fn forget(&mut self, step: &StackStep) -> Result<(), Failure> {
        if self.known.remove(&step.account, &step.region, &step.stack) {
            files::write(&self.path, &self.known.to_json())?;
        }
        Ok(())
    }
}

impl<'a> Session<'a> {
    /// Synthesizes, lints and proves; nothing of AWS is asked yet.
    ///
    /// # Errors
    /// Anything that `synth` refuses, the example's bucket names, stale checked-in templates.
    pub(super) fn open(
        global: &'a Global,
        options: &'a Options,
        screen: &'a Screen,
    ) -> Result<Self, Failure> {
        let mut project = Project::load(global)?;
        if options.stack_set {
            for target in &mut project.plan.targets {
                target.by_stack_set = true;
            }
        }
        refuse::example_buckets(&project.plan)?;
        let generated = project.generate(&options.out, TemplateFormat::Yaml)?;
        if checks::lint(global, true, &project, &generated)?
            || checks::prove(global, &project, &generated)?
        {
            return Err(Failure::with_code(
                "nothing was deployed: the templates have errors",
                "mend what is said above first",
                1,
            ));
        }
        refuse::stale_templates(&options.out, &generated)?;
        let merged = generated.iter().find(|file| !file.template);
        let merged_policy = merged.map(|file| file.source.text().to_owned());
        Ok(Self {
            steps: stack_steps(&project.plan),
            run: RunOptions {
                wait: options.aws.wait_timeout,
                template_bucket: options.template_bucket.clone(),
                role_arn: options.role_arn.clone(),
                tags: project.plan.tags.clone(),
                allow_replacement: options.allow_replacement,
                token: token(0),
            },
            outputs: OutputsFile::read(&project)?,
            merged_policy,
            global,
            options,
            screen,
            project,
            key_id: None,
            targets_stand: false,
            accesses: HashMap::new(),
            read: HashMap::new(),
            results: Vec::new(),
            change_sets: 0,
        })
    }

    /// The way into a stack's account; which account it is was checked.
    ///
    /// # Errors
    /// No credentials, another account, or AWS cannot be reached.
    pub(super) async fn access(&mut self, step: &StackStep) -> Result<Access, Failure> {
        let key = (step.profile.clone(), step.account.clone());
        if !self.accesses.contains_key(&key) {
            let settings = self.options.aws.settings();
            let access = Access::open(&step.profile, &step.region, &settings).await?;
            access.verify_account(&step.account).await?;
            self.accesses.insert(key.clone(), access);
        }
        Ok(self.accesses[&key].in_region(&step.region))
    }

    /// Takes a new name for the change sets to come: each has its own.
    pub(super) fn renew_token(&mut self) {
        self.change_sets += 1;
        self.run.token = token(self.change_sets);
    }

    /// Keeps a stack as it was read, so that it need not be read again.
    pub(super) fn keep(&mut self, step: &StackStep, found: Option<Deployed>) {
        self.read.insert(step.stack.clone(), found);
    }

    /// A stack as it was read before; only once, since it changes.
    pub(super) fn kept(&mut self, step: &StackStep) -> Option<Option<Deployed>> {
        self.read.remove(&step.stack)
    }

    /// A stack's deployment.
    pub(super) fn deployment<'s>(
        &'s self,
        access: &'s Access,
        step: &'s StackStep,
    ) -> Deployment<'s> {
        Deployment {
            access,
            step,
            options: &self.run,
            observer: self.screen,
        }
    }

    /// Keeps a stack's result for the end.
    pub(super) fn result(&mut self, step: &StackStep, what: &str, more: Value) {
        let mut result = json!({
            "stack": step.stack,
            "account": step.account,
            "region": step.region,
            "profile": step.profile,
            "result": what,
        });
        if let (Some(result), Value::Object(more)) = (result.as_object_mut(), more) {
            result.extend(more);
        }
        self.results.push(result);
    }

    /// Prints the results for machines, when they are asked for.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(super) fn finish(&self, next: Option<&str>) -> Result<Outcome, Failure> {
        match self.options.format {
            Format::Json => {
                let all = json!({ "version": 1, "stacks": self.results, "next": next });
                output::print(&format!("{all:#}\n"))?;
            }
            Format::Text => {
                if let Some(next) = next {
                    output::note(self.global, &format!("\nNext: {next}"));
                }
            }
        }
        Ok(Outcome::Done)
    }
}

/// A name for a change set, which is its client token too.
fn token(number: u32) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    format!(
        "s3ferry-{}-{}-{number}",
        now.map_or(0, |now| now.as_millis()),
        std::process::id()
    )
}
