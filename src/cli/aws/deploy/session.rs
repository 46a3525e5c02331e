//! What one run of `deploy` knows: the project, its accounts, and what the user says.

use std::collections::HashMap;

use crate::checked::{Approved, Permit, TemplateFormat, Unapproved, lint_refusal};
use crate::deploy::run::{Deployment, Prepared, RunOptions};
use crate::deploy::stack::Deployed;
use crate::deploy::{Access, Observer as _, StackStep};
use crate::lint;
use serde_json::{Value, json};

use super::{DeployOptions, refuse, show};
use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::runtime::Format;
use crate::cli::aws::screen::Screen;
use crate::cli::project::Project;
use crate::cli::{Failure, Global, Outcome, checks, output, reports};

/// Account, region and name of a stack.
type StackKey = (String, String, String);

fn key_of(step: &StackStep) -> StackKey {
    (
        step.account.to_string(),
        step.region.to_string(),
        step.stack.clone(),
    )
}

/// Synthesizes and checks what is to be deployed, and shows what is wrong with it.
///
/// # Errors
/// The templates have errors, or they are not proven.
fn approve(
    global: &Global,
    project: &Project,
    options: &DeployOptions,
) -> Result<Approved, Failure> {
    let synthesis = project.synthesize(&options.out, TemplateFormat::Yaml)?;
    let checked = synthesis.check(&project.plan, lint::embedded())?;
    checks::show_lint(global, &checked.reports);
    if lint_refusal(&checked.reports).is_none() {
        checks::show_proof(global, &checked.proof, options.strict);
    }
    checked.approve(options.strict).map_err(|why| {
        let message = format!("nothing was deployed: {why}");
        Failure::with_code(message, "fix the errors above first", 1)
    })
}

/// What one run of `deploy` knows.
pub(crate) struct Session<'a> {
    pub(super) global: &'a Global,
    pub(super) options: &'a DeployOptions,
    pub(super) screen: &'a Screen,
    pub(super) accounts: Accounts<'a>,
    pub(super) run: RunOptions,
    /// The merged policy of an existing artifact bucket, when there is one.
    pub(super) merged_policy: Option<String>,
    approved: Approved,
    /// Whether every target was seen to stand: there may be hundreds, and several pipelines ask.
    pub(super) targets_stand: bool,
    /// Stacks as they were read and not used yet, by stack.
    read: HashMap<StackKey, Option<Deployed>>,
    /// Change sets that were created before the first step, by stack.
    prepared: HashMap<StackKey, (StackStep, Prepared)>,
    results: Vec<Value>,
}

impl<'a> Session<'a> {
    /// Synthesizes, lints and proves; nothing of AWS is asked yet.
    ///
    /// # Errors
    /// Anything that `synth` refuses, the example's bucket names, stale checked-in templates.
    pub(super) fn open(
        global: &'a Global,
        options: &'a DeployOptions,
        screen: &'a Screen,
    ) -> Result<Self, Failure> {
        let mut project = Project::load(global)?;
        if options.stack_set {
            for target in &mut project.plan.targets {
                target.by_stack_set = true;
            }
        }
        refuse::example_buckets(&project.plan)?;
        let approved = approve(global, &project, options)?;
        refuse::stale_templates(global, &options.out, approved.synthesis())?;
        let merged_policy = approved.synthesis().merged_policy().map(str::to_owned);
        let stacks = approved.synthesis().stacks.clone();
        let mut accounts = Accounts::with(global, &options.aws, project, stacks);
        Ok(Self {
            run: RunOptions {
                template_bucket: options.template_bucket.clone(),
                role_arn: options.role_arn.clone(),
                allow_replacement: options.allow_replacement,
                ..accounts.run_options()
            },
            merged_policy,
            approved,
            global,
            options,
            screen,
            accounts,
            targets_stand: false,
            read: HashMap::new(),
            prepared: HashMap::new(),
            results: Vec::new(),
        })
    }

    /// Takes a new name for the change sets to come: each has its own.
    pub(super) fn renew_token(&mut self) {
        self.run.token = self.accounts.token();
    }

    /// Keeps a stack as it was read, so that it need not be read again.
    pub(super) fn keep(&mut self, step: &StackStep, found: Option<Deployed>) {
        self.read.insert(key_of(step), found);
    }

    /// A stack as it was read before; only once, since it changes.
    pub(super) fn kept(&mut self, step: &StackStep) -> Option<Option<Deployed>> {
        self.read.remove(&key_of(step))
    }

    /// Keeps what a deployment of a stack would change, until its turn comes.
    pub(super) fn keep_prepared(&mut self, step: &StackStep, prepared: Prepared) {
        self.prepared.insert(key_of(step), (step.clone(), prepared));
    }

    /// What was prepared for a stack; only once.
    pub(super) fn take_prepared(&mut self, step: &StackStep) -> Option<Prepared> {
        let (_, prepared) = self.prepared.remove(&key_of(step))?;
        Some(prepared)
    }

    /// Deletes the change sets that were prepared and are not executed.
    pub(super) async fn discard_prepared(&mut self) {
        for (_, (step, prepared)) in std::mem::take(&mut self.prepared) {
            let Prepared::Changes(pending) = prepared else {
                continue;
            };
            let discarded = match self.accounts.access(&step).await {
                Ok(access) => {
                    let discarded = self.deployment(&access, &step).discard(&pending).await;
                    discarded.map_err(Failure::from)
                }
                Err(failure) => Err(failure),
            };
            if let Err(failure) = discarded {
                let name = &pending.change_set.name;
                self.screen.says(&format!(
                    "The change set {name} of stack {} remains: {}.",
                    step.stack,
                    failure.message()
                ));
            }
        }
    }

    /// Permits the deployment of a stack's template.
    ///
    /// # Errors
    /// It is not the configuration's, and its lint has errors.
    pub(super) fn permit<'s>(&mut self, step: &'s StackStep) -> Result<Permit<'s>, Failure> {
        let name = || format!("transitional template of {}", step.stack);
        let permit = self.approved.permit(name, &step.template.text.yaml);
        permit.map_err(|why| match why {
            Unapproved::Unchecked(error) => error.into(),
            Unapproved::Errors(found) => {
                let text = reports::text(&found, self.global.verbose);
                output::note(self.global, text.trim_end());
                Failure::with_code(
                    "a template between the deployed configuration and the new one has errors; \
                     nothing was changed",
                    "make the change in smaller parts; --write-steps writes the templates of all \
                     steps",
                    1,
                )
            }
        })
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
        show::extend(&mut result, more);
        self.results.push(result);
    }

    /// Adds the execution that a pipeline's creation starts to the result of its stack.
    pub(super) fn initial_execution(&mut self, execution: Value) {
        if let Some(result) = self.results.last_mut() {
            result["initialExecution"] = execution;
        }
    }

    /// Prints the results for machines, when they are asked for.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(super) fn finish(&self, next: Option<&str>) -> Result<Outcome, Failure> {
        match self.options.result.format {
            Format::Json => {
                let all = json!({ "version": 1, "stacks": self.results, "next": next });
                output::print(output::Text::json_value(&all))?;
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
