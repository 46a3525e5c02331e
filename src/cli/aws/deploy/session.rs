//! The state of one `deploy` run: the project, its accounts, and the user's options.

use std::collections::HashMap;

use crate::checked::{Approved, Permit, TemplateFormat, Unapproved, lint_refusal};
use crate::deploy::deployment::{Deployment, DeploymentOptions, Prepared};
use crate::deploy::stack::Deployed;
use crate::deploy::{Access, StackStep};
use crate::lint;

use super::options::DeployOptions;
use super::result::{Document, InitialExecution, StepResult};
use crate::cli::aws::accounts::{Accounts, Key};
use crate::cli::aws::screen::Screen;
use crate::cli::aws::{dev_key, refuse};
use crate::cli::progress::Progress;
use crate::cli::project::Project;
use crate::cli::{Failure, Outcome, checks, output, reports};

/// Account, region, and name of a stack.
type StackKey = (String, String, String);

fn key_of(step: &StackStep) -> StackKey {
    (
        step.account.to_string(),
        step.region.to_string(),
        step.stack.clone(),
    )
}

/// Synthesizes and checks the templates to deploy, and shows the findings.
fn approve(
    screen: &Screen,
    project: &Project,
    options: &DeployOptions,
) -> Result<Approved, Failure> {
    let progress = Progress::start(screen.global, "Synthesizing and checking the templates");
    let synthesis = project.synthesize(&options.out, TemplateFormat::Yaml)?;
    let checked = synthesis.check(&project.plan, lint::embedded())?;
    drop(progress);
    checks::show_lint(screen.global, &checked.reports);
    if lint_refusal(&checked.reports).is_none() {
        checks::show_proof(screen.global, &checked.proof, options.strict);
    }
    checked.approve(options.strict).map_err(|why| {
        let message = format!("nothing was deployed: {why}");
        Failure::finding(message, "fix the errors above first")
    })
}

/// The state of one `deploy` run.
pub(super) struct Session<'a> {
    pub(super) options: &'a DeployOptions,
    pub(super) screen: &'a Screen<'a>,
    pub(super) accounts: Accounts<'a>,
    pub(super) run: DeploymentOptions,
    approved: Approved,
    /// Whether all targets are known to be deployed. This avoids repeating the check for each
    /// pipeline, since there may be hundreds of targets.
    pub(super) targets_stand: bool,
    /// Stacks that were read in advance, by stack.
    read: HashMap<StackKey, Option<Deployed>>,
    /// Change sets that were created in advance, by stack.
    prepared: HashMap<StackKey, (StackStep, Prepared)>,
    document: Document,
}

impl<'a> Session<'a> {
    /// Synthesizes, lints, and proves the templates. Does not call AWS.
    ///
    /// # Errors
    /// Returns an error if a `synth` check fails, if a bucket name comes from the example, or if a
    /// checked-in template is stale.
    pub(super) fn open(
        options: &'a DeployOptions,
        screen: &'a Screen<'a>,
    ) -> Result<Self, Failure> {
        let mut project = Project::load(screen.global)?;
        if options.stack_set {
            for target in &mut project.plan.targets {
                target.by_stack_set = true;
            }
        }
        refuse::example_buckets(&project.plan)?;
        let approved = approve(screen, &project, options)?;
        let synthesis = approved.synthesis();
        refuse::stale_templates(screen.global, &options.out, synthesis)?;
        let mut accounts = Accounts::synthesized(&options.aws, screen, project, synthesis);
        Ok(Self {
            run: DeploymentOptions {
                template_bucket: options.bucket.template_bucket.clone(),
                role_arn: options.role.role_arn.clone(),
                allow_replacement: options.allow_replacement,
                ..accounts.run_options()
            },
            approved,
            options,
            screen,
            accounts,
            targets_stand: false,
            read: HashMap::new(),
            prepared: HashMap::new(),
            document: Document::default(),
        })
    }

    /// Returns the parameters that the user sets.
    pub(super) fn parameters(&self) -> &'a [(String, String)] {
        &self.options.parameters.parameters
    }

    /// Returns the key for the targets.
    pub(super) async fn key(&mut self) -> Result<Key, Failure> {
        dev_key::key(&mut self.accounts, &self.options.parameters.parameters).await
    }

    /// Asks for confirmation, unless `--yes` is set.
    pub(super) async fn confirm(&self, question: &str) -> Result<bool, Failure> {
        let yes = self.options.confirmation.yes;
        self.screen.confirm(yes, question).await
    }

    /// Generates a new name for the next change set.
    pub(super) fn renew_token(&mut self) {
        self.run.token = self.accounts.token();
    }

    /// Caches a stack, to avoid reading it again.
    pub(super) fn keep(&mut self, step: &StackStep, found: Option<Deployed>) {
        self.read.insert(key_of(step), found);
    }

    /// Removes and returns a cached stack. A cached stack is used only once, because stacks change.
    pub(super) fn kept(&mut self, step: &StackStep) -> Option<Option<Deployed>> {
        self.read.remove(&key_of(step))
    }

    /// Stores the prepared changes of a stack until its step begins.
    pub(super) fn keep_prepared(&mut self, step: &StackStep, prepared: Prepared) {
        self.prepared.insert(key_of(step), (step.clone(), prepared));
    }

    /// Removes and returns the prepared changes of a stack.
    pub(super) fn take_prepared(&mut self, step: &StackStep) -> Option<Prepared> {
        let (_, prepared) = self.prepared.remove(&key_of(step))?;
        Some(prepared)
    }

    /// Deletes the prepared change sets that were not executed.
    pub(super) async fn discard_prepared(&mut self) {
        for (_, (step, prepared)) in std::mem::take(&mut self.prepared) {
            let Prepared::Changes(pending) = prepared else {
                continue;
            };
            let discarded = match self.accounts.access(&step).await {
                Ok(access) => {
                    (self.deployment(&access, &step).discard(&pending).await).map_err(Failure::from)
                }
                Err(failure) => Err(failure),
            };
            if let Err(failure) = discarded {
                let name = &pending.change_set.name;
                self.screen.says(format!(
                    "Cannot delete change set {name} of stack {}: {}.",
                    step.stack,
                    failure.message()
                ));
            }
        }
    }

    /// Permits the deployment of a stack's template.
    ///
    /// # Errors
    /// Returns an error if the template is not from the configuration and has lint errors or cannot
    /// be linted.
    pub(super) fn permit<'t>(&mut self, stack: &str, text: &'t str) -> Result<Permit<'t>, Failure> {
        let name = || format!("transitional template of {stack}");
        let permit = self.approved.permit(name, text);
        permit.map_err(|why| match why {
            Unapproved::Unchecked(error) => error.into(),
            Unapproved::Errors(found) => {
                let text = reports::text(&found, self.screen.global.verbose);
                output::note(self.screen.global, text.trim_end());
                Failure::finding(
                    "a transitional template between the deployed and the new configuration has \
                     errors; nothing was changed",
                    "split the change into smaller ones; to see the templates of all steps, use \
                     --write-steps",
                )
            }
        })
    }

    /// Returns the deployment of a stack.
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

    /// Adds the result of a stack to the JSON output.
    pub(super) fn result(&mut self, result: StepResult) {
        self.document.stacks.push(result);
    }

    /// Adds the first execution of a new pipeline to the last result.
    pub(super) fn initial_execution(&mut self, execution: InitialExecution) {
        if let Some(result) = self.document.stacks.last_mut() {
            result.initial_execution = Some(execution);
        }
    }

    /// Prints the next step as text, or all results as JSON.
    pub(super) fn finish(&mut self, next: Option<String>) -> Result<Outcome, Failure> {
        if self.options.result.is_text()
            && let Some(next) = &next
        {
            self.screen.says(format!("\nNext: {next}"));
        }
        self.document.next = next;
        self.options.result.print(&self.document)?;
        Ok(Outcome::Done)
    }

    /// Refuses to deploy a stack set, and prints its result.
    ///
    /// # Errors
    /// Always returns an error: `failure`, or the error from printing the result.
    pub(super) fn refuse(&mut self, result: StepResult, failure: Failure) -> Result<(), Failure> {
        self.result(result);
        self.print_results()?;
        Err(failure)
    }

    /// Prints the JSON results before a failure.
    pub(super) fn print_results(&self) -> Result<(), Failure> {
        self.options.result.print(&self.document)
    }
}
