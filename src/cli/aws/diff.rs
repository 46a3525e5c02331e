//! `s3ferry diff`: what a deploy would change, and nothing of it is done.

use std::fmt::Write as _;

use crate::checked::TemplateFormat;
use crate::deploy::bucket_policy::Standing;
use crate::deploy::run::{Deployment, Prepared, RunOptions};
use crate::deploy::stack::{self, Deployed};
use crate::deploy::stack_set as set;
use crate::deploy::{Change, Comparison, Condition, Observer as _, StackStep, Validations};
use crate::escape::shown;
use crate::stacks::Side;
use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::deploy::existing_policy::{self, Examined};
use crate::cli::aws::deploy::flow::{
    CREATE_PIPELINE, check_parameters, first_missing, made_pipeline,
};
use crate::cli::aws::deploy::handoff::{self, KEY_ID, Seen};
use crate::cli::aws::deploy::{parameter, show, stack_set, stack_set_show};
use crate::cli::aws::removed::{self, Removed};
use crate::cli::aws::runtime::{AwsOptions, Format, ResultOption, block_on, require_stacks};
use crate::cli::aws::screen::Screen;
use crate::cli::project::Project;
use crate::cli::{Failure, Global, Outcome, output, shell};

const EXAMPLES: &str = "\
Examples:
  s3ferry diff --profile dev            what `deploy --profile dev` would change
  s3ferry diff --all --format json      every stack, for a pull request's check

A change set is made for it and deleted again; nothing is executed.

Exit codes: 0 no difference, 1 differences, 2 wrong usage, 3 AWS could not be reached.";

/// DiffOptions of `diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DiffOptions {
    /// Named profile of the AWS configuration: compares the stacks that the configuration gives it
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Compare every stack
    #[arg(long, conflicts_with = "profile")]
    all: bool,
    /// A parameter of the template; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// As if the pipeline were made, though the targets cannot be seen from here
    #[arg(long)]
    create_pipeline: bool,
    /// Role that CloudFormation acts with, instead of the profile's own permissions
    #[arg(long, value_name = "ARN", value_parser = crate::cli::aws::runtime::role_arn)]
    role_arn: Option<String>,
    /// Bucket for templates that are too long to go inline
    #[arg(long, value_name = "BUCKET")]
    template_bucket: Option<String>,
    #[command(flatten)]
    result: ResultOption,
    #[command(flatten)]
    aws: AwsOptions,
}

/// What a deploy would do to one stack.
#[derive(Default)]
struct Difference {
    /// The stack's status; empty when there is none.
    state: String,
    /// The templates; `None` without a deployed one.
    template: Option<Comparison>,
    /// Parameters that would change: name, old value, new value.
    parameters: Vec<(String, String, String)>,
    /// Why there is no change set, when there can be none.
    obstacle: Option<String>,
    /// What CloudFormation would do; `None`: nothing at all.
    changes: Option<Vec<Change>>,
    /// The results of CloudFormation's own validation, and the same as text.
    validations: Validations,
    validations_shown: String,
    /// An existing artifact bucket's policy.
    policy: Option<Examined>,
}

/// Compares.
pub(crate) fn run(global: &Global, options: &DiffOptions) -> Result<Outcome, Failure> {
    require_stacks("diff", options.profile.as_deref(), Some(options.all))?;
    let resume = shell::resume(global, "diff", options.profile.as_deref(), &[]);
    let screen = Screen::new(global, resume);
    let project = Project::load(global)?;
    let synthesis = project.synthesize("stacks".as_ref(), TemplateFormat::Yaml)?;
    let merged = synthesis.merged_policy().map(str::to_owned);
    let accounts = Accounts::with(global, &options.aws, project, synthesis.stacks);
    block_on(&screen, compare_all(accounts, options, &screen, merged))
}

async fn compare_all(
    mut accounts: Accounts<'_>,
    options: &DiffOptions,
    screen: &Screen,
    merged: Option<String>,
) -> Result<Outcome, Failure> {
    let mut results = Vec::new();
    let mut differs = false;
    let steps = accounts.select(options.profile.as_deref())?;
    let selected: Vec<&StackStep> = steps.iter().collect();
    check_parameters(&options.parameters, &selected, &accounts.steps)?;
    let steps = match accounts.find_earlier_name().await {
        true => accounts.select(options.profile.as_deref())?,
        false => steps,
    };
    for step in steps {
        if step.stack_set {
            let found = compare_stack_set(&mut accounts, options, screen, &step).await?;
            differs |= !found.is_up_to_date();
            if options.result.format == Format::Text {
                output::print(&stack_set_text(&step, &found, !results.is_empty()))?;
            }
            results.push(stack_set_json(&step, &found));
            continue;
        }
        let mut found = match compare(&mut accounts, options, screen, &step).await {
            Ok(found) => found,
            // With all of them, the others are compared all the same: a target before dev is
            // deployed, a stack whose rollback failed.
            Err(failure) if options.all && failure.exit_code() == 1 => Difference {
                obstacle: Some(failure.message()),
                state: state(&mut accounts, &step).await,
                ..Difference::default()
            },
            Err(failure) => return Err(failure),
        };
        screen.ended();
        if step.side == Side::Dev {
            let access = accounts.access(&step).await?;
            found.policy = existing_policy::examine(&accounts, merged.as_deref(), &access).await?;
        }
        differs |= found.is_one();
        match options.result.format {
            Format::Text => output::print(found.text(&step, !results.is_empty()))?,
            Format::Json => {}
        }
        results.push(found.json(&step));
    }
    let removed = removed::find(&mut accounts).await;
    match options.result.format {
        Format::Json => {
            let removed: Vec<Value> = removed.iter().map(Removed::json).collect();
            let all = json!({ "version": 1, "stacks": results, "removed": removed });
            output::print(output::Text::json_value(&all))?;
        }
        Format::Text => {
            for one in &removed {
                output::print(&format!("\n{}.\n", one.sentence()))?;
            }
        }
    }
    Ok(if differs {
        Outcome::Findings
    } else {
        Outcome::Done
    })
}

/// The status of a stack that cannot be compared; empty if the stack does not exist.
async fn state(accounts: &mut Accounts<'_>, step: &StackStep) -> String {
    match handoff::look(accounts, step).await {
        Seen::Read(Some(stack)) => stack.status,
        _ => String::new(),
    }
}

async fn compare(
    accounts: &mut Accounts<'_>,
    options: &DiffOptions,
    screen: &Screen,
    step: &StackStep,
) -> Result<Difference, Failure> {
    let access = accounts.access(step).await?;
    let run = RunOptions {
        template_bucket: options.template_bucket.clone(),
        role_arn: options.role_arn.clone(),
        ..accounts.run_options()
    };
    let deployment = Deployment {
        access: &access,
        step,
        options: &run,
        observer: screen,
    };
    let before = deployment.settled().await?;
    let parameters = parameters(accounts, options, step, before.as_ref()).await?;
    let mut found = Difference::default();
    let mut following = None;
    if let Some(stack) = &before {
        found.state.clone_from(&stack.status);
        found.parameters = changed(stack, &parameters);
        if stack.condition() != Condition::Reviewing {
            let deployed = stack::template(&access, &stack.id).await?;
            found.template = Some(step.comparison(&deployed));
            following = step.following(&deployed);
        }
    }
    let deployment = Deployment {
        step: following.as_ref().unwrap_or(step),
        ..deployment
    };
    match deployment.compare(before, &parameters).await? {
        Prepared::UpToDate(_) => {}
        Prepared::CreationFailed(left, _) => {
            found.obstacle = Some(format!(
                "the stack is in {}: a deploy would delete it first and create it again",
                left.status
            ));
        }
        Prepared::Changes(pending) => {
            deployment.discard(&pending).await?;
            found.validations = pending.change_set.validations;
            found.validations_shown = show::validations(&found.validations, &access);
            found.changes = Some(pending.change_set.changes);
        }
    }
    Ok(found)
}

async fn compare_stack_set(
    accounts: &mut Accounts<'_>,
    options: &DiffOptions,
    screen: &Screen,
    step: &StackStep,
) -> Result<set::run::Prepared, Failure> {
    let access = accounts.access(step).await?;
    let key = handoff::key_id(accounts, &options.parameters).await?;
    let wanted = stack_set::wanted(&accounts.project, step, &[(KEY_ID.to_owned(), key)])?;
    let run = accounts.run_options();
    let settings = set::run::SetOptions {
        wait: run.wait,
        template_bucket: None,
        retain_stacks: false,
        token: run.token,
    };
    screen.begins(&format!("stack set {}", step.stack));
    let prepared = set::run::Deployment::new(&access, &wanted, &settings, screen)
        .prepare()
        .await?;
    screen.ended();
    Ok(prepared)
}

fn stack_set_text(step: &StackStep, found: &set::run::Prepared, spaced: bool) -> String {
    format!(
        "{}{}: stack set {} of account {}, {}: {}\n{}",
        if spaced { "\n" } else { "" },
        step.template.name,
        step.stack,
        step.account,
        step.region,
        if found.set.is_some() {
            "deployed"
        } else {
            "not deployed"
        },
        if found.is_up_to_date() {
            "Nothing would change.\n".to_owned()
        } else {
            stack_set_show::changes(output::Stream::Results, found)
        }
    )
}

fn stack_set_json(step: &StackStep, found: &set::run::Prepared) -> Value {
    json!({
        "template": step.template.name,
        "stackSet": step.stack,
        "account": step.account,
        "region": step.region,
        "profile": step.profile,
        "differs": !found.is_up_to_date(),
        "changes": stack_set_show::changes_json(found),
    })
}

/// The parameters that a deploy would give the stack.
async fn parameters(
    accounts: &mut Accounts<'_>,
    options: &DiffOptions,
    step: &StackStep,
    before: Option<&Deployed>,
) -> Result<Vec<(String, String)>, Failure> {
    if step.side != Side::Dev {
        let key = handoff::key_id(accounts, &options.parameters).await?;
        return Ok(vec![(KEY_ID.to_owned(), key)]);
    }
    let all = accounts.steps.clone();
    let needed: Vec<&StackStep> = all
        .iter()
        .filter(|step| matches!(step.side, Side::Target(_) | Side::Region(_)))
        .collect();
    let pipeline = options.create_pipeline
        || made_pipeline(before)
        || first_missing(accounts, &needed).await.is_none();
    Ok(vec![(CREATE_PIPELINE.to_owned(), pipeline.to_string())])
}

fn changed(stack: &Deployed, wanted: &[(String, String)]) -> Vec<(String, String, String)> {
    let old = |name| stack.parameters.get(name).cloned().unwrap_or_default();
    let all = wanted
        .iter()
        .map(|(name, new)| (name.clone(), old(name), new.clone()));
    all.filter(|(_, old, new)| old != new).collect()
}

impl Difference {
    fn is_one(&self) -> bool {
        self.obstacle.is_some()
            || self.changes.is_some()
            || self.template.as_ref().is_some_and(|found| !found.is_same())
            || self.policy.as_ref().is_some_and(Examined::differs)
    }

    fn text(&self, step: &StackStep, spaced: bool) -> output::Text {
        let mut out = output::Text::new();
        let state = match self.state.as_str() {
            "" => "not deployed",
            state => state,
        };
        let _ = writeln!(
            out,
            "{}{}: stack {} in account {}, {}: {}",
            if spaced { "\n" } else { "" },
            step.template.name,
            step.stack,
            step.account,
            step.region,
            shown(state)
        );
        if let Some(template) = &self.template {
            out.append(&colored(template.diff()));
            if let Comparison::SameMeaning(_) = template {
                out.push_str("The templates mean the same: only comments or notation differ.\n");
            }
        }
        for (name, old, new) in &self.parameters {
            let old = if old.is_empty() { "(none)" } else { old };
            let _ = writeln!(
                out,
                "Parameter {}: {} -> {}",
                shown(name),
                shown(old),
                shown(new)
            );
        }
        if let Some(obstacle) = &self.obstacle {
            let _ = writeln!(out, "No change set: {}.", shown(obstacle));
        }
        match &self.changes {
            None if self.obstacle.is_none() => {
                out.push_str("CloudFormation finds no changes.\n");
            }
            None => {}
            Some(changes) if changes.is_empty() => {
                out.push_str("CloudFormation changes no resource, only outputs or the like.\n");
            }
            Some(changes) => out.push_str(&show::changes(output::Stream::Results, changes)),
        }
        if let Some(changes) = &self.changes
            && changes.iter().any(Change::is_dangerous)
        {
            out.push_str("! replaces or deletes a key, a bucket or a role: a deploy refuses it without --allow-replacement.\n");
        }
        out.push_str(&self.validations_shown);
        if let Some(policy) = self.policy.as_ref().filter(|policy| policy.differs()) {
            let bucket = &policy.bucket;
            let _ = match policy.standing {
                Standing::Changed(_) => writeln!(
                    out,
                    "The policy of bucket {bucket} is not the one in {} any more: merge it again.",
                    policy.path
                ),
                _ => writeln!(out, "The policy of bucket {bucket} would be put:"),
            };
            out.append(&colored(&policy.diff));
        }
        out
    }

    fn json(&self, step: &StackStep) -> Value {
        let template = self.template.as_ref().map(|template| {
            let result = match template {
                Comparison::Same => "same",
                Comparison::SameMeaning(_) => "same meaning",
                Comparison::Different(_) => "different",
            };
            json!({ "result": result, "diff": template.diff() })
        });
        let parameters: Vec<Value> = (self.parameters.iter())
            .map(|(name, from, to)| json!({ "name": name, "from": from, "to": to }))
            .collect();
        let policy = self.policy.as_ref().map(|policy| {
            json!({ "bucket": policy.bucket, "differs": policy.differs(), "diff": policy.diff })
        });
        let mut json = json!({
            "template": step.template.name,
            "stack": step.stack,
            "account": step.account,
            "region": step.region,
            "profile": step.profile,
            "status": self.state,
            "differs": self.is_one(),
            "templateComparison": template,
            "parameters": parameters,
            "obstacle": self.obstacle,
            "changes": self.changes.as_deref().map_or_else(|| json!([]), show::changes_json),
            "bucketPolicy": policy,
        });
        show::extend(&mut json, show::validations_json(&self.validations));
        json
    }
}

/// A unified diff in the colours that readers expect; they go away off a terminal.
fn colored(diff: &str) -> output::Text {
    let paint = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    let mut out = output::Text::new();
    for line in diff.lines() {
        let style = match line.as_bytes().first() {
            Some(b'+') => paint(AnsiColor::Green),
            Some(b'-') => paint(AnsiColor::Red),
            Some(b'@') => paint(AnsiColor::Cyan),
            _ => Style::new(),
        };
        out.styled(style, line);
        out.push_str("\n");
    }
    out
}
