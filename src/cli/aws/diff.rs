//! `s3ferry diff`: shows the changes that a deployment would make, without making them.

use std::fmt::Write as _;

use crate::checked::TemplateFormat;
use crate::deploy::bucket_policy::PolicyState;
use crate::deploy::deployment::{Deployment, DeploymentOptions, Prepared};
use crate::deploy::stack::{self, Deployed};
use crate::deploy::stack_set as set;
use crate::deploy::{Change, Comparison, Condition, Observer as _, StackStep, Validations};
use crate::escape::shown;
use crate::stacks::{CREATE_PIPELINE, KEY_ID, Side};
use anstyle::{AnsiColor, Style};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::changes::{self, ChangeEntry, ValidationMembers};
use crate::cli::aws::merged_policy::{Examined, examine};
use crate::cli::aws::options::{
    AwsOptions, BucketOption, ParameterOption, ResultOption, RoleOption, StackOptions, stacks,
};
use crate::cli::aws::place::{SetPlace, StackPlace, heading};
use crate::cli::aws::removed::{self, RemovedEntry};
use crate::cli::aws::runtime::block_on;
use crate::cli::aws::seen::{Seen, first_missing, look, made_pipeline};
use crate::cli::aws::stack_set::show::{self, SetChanges};
use crate::cli::aws::{dev_key, parameters, stack_set};
use crate::cli::json::Version;
use crate::cli::output::{self, Stream};
use crate::cli::project::Project;
use crate::cli::{Failure, Global, Outcome};

const EXAMPLES: &str = "\
Examples:
  s3ferry diff --profile dev            show the changes that `deploy --profile dev` makes
  s3ferry diff --all --format json      compare every stack, for a pull request check

The command creates a change set and deletes it. It does not execute the change set.

Exit codes: 0 no differences, 1 differences, 2 invalid usage, 3 AWS could not be reached.";

/// Options of `s3ferry diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, mut_args(stacks("Compare", "Compare every stack")))]
pub(crate) struct DiffOptions {
    #[command(flatten)]
    stacks: StackOptions,
    #[command(flatten)]
    parameters: ParameterOption,
    /// Include the pipeline even if the targets cannot be read
    #[arg(long, help_heading = "Behavior")]
    create_pipeline: bool,
    #[command(flatten)]
    role: RoleOption,
    #[command(flatten)]
    bucket: BucketOption,
    #[command(flatten)]
    result: ResultOption,
    #[command(flatten)]
    aws: AwsOptions,
}

/// The output of `s3ferry diff --format json`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "s3ferry diff")]
pub(crate) struct Document {
    version: Version,
    /// One entry for each stack or stack set.
    stacks: Vec<Entry>,
    /// Stacks of the pipeline that are no longer in the configuration.
    removed: Vec<RemovedEntry>,
}

/// A stack or a stack set.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Entry {
    Stack(Box<StackEntry>),
    StackSet(Box<SetEntry>),
}

/// A stack.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct StackEntry {
    #[serde(flatten)]
    place: StackPlace,
    /// Stack status; empty if the stack does not exist or cannot be read.
    status: String,
    /// Whether a deployment would change the stack.
    differs: bool,
    /// Comparison of the deployed template with the new one; null if no template is deployed.
    template_comparison: Option<TemplateComparison>,
    /// Changed parameters.
    parameters: Vec<ParameterChange>,
    /// Why no change set was created.
    obstacle: Option<String>,
    /// Changes that CloudFormation would make.
    changes: Vec<ChangeEntry>,
    /// Comparison of the policy of an existing artifact bucket.
    bucket_policy: Option<PolicyComparison>,
    #[serde(flatten)]
    validations: ValidationMembers,
}

/// The comparison of two templates.
#[derive(Serialize, JsonSchema)]
struct TemplateComparison {
    /// Result.
    result: ComparisonResult,
    /// Unified diff; empty if the templates are identical.
    diff: String,
}

/// The result of a comparison.
#[derive(Serialize, JsonSchema)]
enum ComparisonResult {
    #[serde(rename = "same")]
    Same,
    /// Only comments or formatting differ.
    #[serde(rename = "same meaning")]
    SameMeaning,
    #[serde(rename = "different")]
    Different,
}

/// A parameter.
#[derive(Serialize, JsonSchema)]
struct ParameterChange {
    /// Name.
    name: String,
    /// The current value; may be empty.
    from: String,
    /// The new value.
    to: String,
}

/// The comparison of a bucket policy.
#[derive(Serialize, JsonSchema)]
struct PolicyComparison {
    /// Name of the bucket.
    bucket: String,
    /// Whether the policy differs.
    differs: bool,
    /// Unified diff.
    diff: String,
}

/// A stack set.
#[derive(Serialize, JsonSchema)]
struct SetEntry {
    #[serde(flatten)]
    place: SetPlace,
    /// Whether a deployment would change the stack set.
    differs: bool,
    /// Changes that a deployment would make.
    changes: SetChanges,
}

/// The changes that a deployment would make to one stack.
#[derive(Default)]
struct Difference {
    /// The stack status; empty if the stack does not exist or cannot be read.
    status: String,
    /// The comparison of the templates; `None` if no template is deployed.
    template: Option<Comparison>,
    parameters: Vec<ParameterChange>,
    /// Why no change set could be created.
    obstacle: Option<String>,
    /// The changes that CloudFormation would make; `None` if there are no changes.
    changes: Option<Vec<Change>>,
    /// The results of CloudFormation's validation, as data and as text.
    validations: Validations,
    validations_shown: String,
    /// The policy of an existing artifact bucket.
    policy: Option<Examined>,
}

/// Runs `s3ferry diff`.
pub(crate) fn run(global: &Global, options: &DiffOptions) -> Result<Outcome, Failure> {
    let screen = options.stacks.screen(global, "diff", &[])?;
    let project = Project::load(global)?;
    let synthesis = project.synthesize("stacks".as_ref(), TemplateFormat::Yaml)?;
    let accounts = Accounts::synthesized(&options.aws, &screen, project, &synthesis);
    block_on(&screen, compare_all(accounts, options))
}

async fn compare_all(
    mut accounts: Accounts<'_>,
    options: &DiffOptions,
) -> Result<Outcome, Failure> {
    let mut document = Document {
        version: Version,
        stacks: Vec::new(),
        removed: Vec::new(),
    };
    let mut differs = false;
    let steps = accounts.select(options.stacks.profile())?;
    parameters::check(&options.parameters.parameters, &steps, &accounts.steps)?;
    let steps = match accounts.find_earlier_name().await {
        true => accounts.select(options.stacks.profile())?,
        false => steps,
    };
    for step in steps {
        let (text, entry) = if step.stack_set {
            let found = compare_stack_set(&mut accounts, options, &step).await?;
            differs |= !found.is_up_to_date();
            let entry = SetEntry {
                place: (&step).into(),
                differs: !found.is_up_to_date(),
                changes: SetChanges::new(&found),
            };
            let text = output::Text::from(&stack_set_text(&step, &found));
            (text, Entry::StackSet(Box::new(entry)))
        } else {
            let mut found = match compare(&mut accounts, options, &step).await {
                Ok(found) => found,
                // With `--all`, continue with the other stacks. A stack can fail because the dev
                // stack is not deployed yet, or because a rollback failed.
                Err(failure) if options.stacks.all && failure.exit_code() == 1 => Difference {
                    obstacle: Some(failure.message()),
                    status: status(&mut accounts, &step).await,
                    ..Difference::default()
                },
                Err(failure) => return Err(failure),
            };
            accounts.screen.ended();
            if step.side == Side::Dev {
                let access = accounts.access(&step).await?;
                found.policy = examine(&accounts, &access).await?;
            }
            differs |= found.is_one();
            let text = found.text(&step);
            (text, Entry::Stack(Box::new(found.entry(&step))))
        };
        if options.result.is_text() {
            if !document.stacks.is_empty() {
                output::print("\n")?;
            }
            output::print(text)?;
        }
        document.stacks.push(entry);
    }
    for one in removed::find(&mut accounts).await {
        if options.result.is_text() {
            output::print_wrapped(&format!("\n{}.\n", one.sentence()))?;
        }
        document.removed.push(one.entry());
    }
    options.result.print(&document)?;
    Ok(Outcome::findings(differs))
}

/// Returns the status of a stack that cannot be compared, or an empty string if it does not exist
/// or cannot be read.
async fn status(accounts: &mut Accounts<'_>, step: &StackStep) -> String {
    match look(accounts, step).await {
        Seen::Read(Some(stack)) => stack.status,
        _ => String::new(),
    }
}

async fn compare(
    accounts: &mut Accounts<'_>,
    options: &DiffOptions,
    step: &StackStep,
) -> Result<Difference, Failure> {
    let access = accounts.access(step).await?;
    let run = DeploymentOptions {
        template_bucket: options.bucket.template_bucket.clone(),
        role_arn: options.role.role_arn.clone(),
        ..accounts.run_options()
    };
    let deployment = Deployment {
        access: &access,
        step,
        options: &run,
        observer: accounts.screen,
    };
    let before = deployment.settled().await?;
    let parameters = parameters(accounts, options, step, before.as_ref()).await?;
    let mut found = Difference::default();
    let mut following = None;
    if let Some(stack) = &before {
        found.status.clone_from(&stack.status);
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
                "the stack is in {}: a deployment would delete and recreate it",
                left.status
            ));
        }
        Prepared::Changes(pending) => {
            deployment.discard(&pending).await?;
            found.validations = pending.change_set.validations;
            found.validations_shown = changes::validations(&found.validations, &access);
            found.changes = Some(pending.change_set.changes);
        }
    }
    Ok(found)
}

async fn compare_stack_set(
    accounts: &mut Accounts<'_>,
    options: &DiffOptions,
    step: &StackStep,
) -> Result<set::deployment::Prepared, Failure> {
    let access = accounts.access(step).await?;
    let key = dev_key::id(accounts, &options.parameters.parameters).await?;
    let wanted = stack_set::wanted(&accounts.project, step, &[(KEY_ID.to_owned(), key)])?;
    let run = accounts.run_options();
    let settings = set::deployment::SetOptions {
        wait: run.wait,
        template_bucket: None,
        retain_stacks: false,
        token: run.token,
    };
    let screen = accounts.screen;
    screen.begins(&format!("stack set {}", step.stack));
    let deployment = set::deployment::Deployment::new(&access, &wanted, &settings, screen);
    let prepared = deployment.prepare().await?;
    screen.ended();
    Ok(prepared)
}

fn stack_set_text(step: &StackStep, found: &set::deployment::Prepared) -> String {
    let state = match &found.set {
        Some(_) => "deployed",
        None => "not deployed",
    };
    let changes = match found.is_up_to_date() {
        true => "No changes.\n".to_owned(),
        false => show::changes(Stream::Results, found),
    };
    format!("{}: {state}\n{changes}", heading(step))
}

/// Returns the parameters that a deployment would pass to the stack.
async fn parameters(
    accounts: &mut Accounts<'_>,
    options: &DiffOptions,
    step: &StackStep,
    before: Option<&Deployed>,
) -> Result<Vec<(String, String)>, Failure> {
    if step.side != Side::Dev {
        let key = dev_key::id(accounts, &options.parameters.parameters).await?;
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

fn changed(stack: &Deployed, wanted: &[(String, String)]) -> Vec<ParameterChange> {
    let all = wanted.iter().map(|(name, to)| ParameterChange {
        from: stack.parameters.get(name).cloned().unwrap_or_default(),
        name: name.clone(),
        to: to.clone(),
    });
    all.filter(|one| one.from != one.to).collect()
}

impl Difference {
    fn is_one(&self) -> bool {
        self.obstacle.is_some()
            || self.changes.is_some()
            || self.template.as_ref().is_some_and(|found| !found.is_same())
            || self.policy.as_ref().is_some_and(Examined::differs)
    }

    fn text(&self, step: &StackStep) -> output::Text {
        let mut out = output::Text::new();
        let state = match self.status.as_str() {
            "" => "not deployed",
            state => state,
        };
        let _ = writeln!(out, "{}: {}", heading(step), shown(state));
        if let Some(template) = &self.template {
            out.append(&colored(template.diff()));
            if let Comparison::SameMeaning(_) = template {
                out.push_str("The templates are equivalent: only comments or formatting differ.\n");
            }
        }
        for ParameterChange { name, from, to } in &self.parameters {
            let from = if from.is_empty() { "(none)" } else { from };
            let (name, from, to) = (shown(name), shown(from), shown(to));
            let _ = writeln!(out, "Parameter {name}: {from} -> {to}");
        }
        if let Some(obstacle) = &self.obstacle {
            let _ = writeln!(out, "No change set: {}.", shown(obstacle));
        }
        match &self.changes {
            None if self.obstacle.is_none() => {
                out.push_str("CloudFormation reports no changes.\n");
            }
            None => {}
            Some(changes) if changes.is_empty() => {
                out.push_str(
                    "CloudFormation changes no resources, only other parts such as outputs.\n",
                );
            }
            Some(changes) => out.push_str(&changes::table(output::Stream::Results, changes)),
        }
        if let Some(changes) = &self.changes
            && changes.iter().any(Change::is_dangerous)
        {
            out.push_str(
                "Changes marked with ! replace or delete a key, a bucket, or a role. To deploy \
                 them, use --allow-replacement.\n",
            );
        }
        out.push_str(&self.validations_shown);
        if let Some(policy) = self.policy.as_ref().filter(|policy| policy.differs()) {
            let bucket = &policy.bucket;
            let _ = match policy.state {
                PolicyState::Changed(_) => writeln!(
                    out,
                    "The policy of bucket {bucket} no longer matches {}: merge it again.",
                    policy.path
                ),
                _ => writeln!(out, "Changes to the policy of bucket {bucket}:"),
            };
            out.append(&colored(&policy.diff));
        }
        out
    }

    fn entry(self, step: &StackStep) -> StackEntry {
        StackEntry {
            place: step.into(),
            differs: self.is_one(),
            status: self.status,
            template_comparison: self.template.map(|template| TemplateComparison {
                result: match template {
                    Comparison::Same => ComparisonResult::Same,
                    Comparison::SameMeaning(_) => ComparisonResult::SameMeaning,
                    Comparison::Different(_) => ComparisonResult::Different,
                },
                diff: template.diff().to_owned(),
            }),
            parameters: self.parameters,
            obstacle: self.obstacle,
            changes: changes::entries(self.changes.unwrap_or_default()),
            bucket_policy: self.policy.map(|policy| PolicyComparison {
                differs: policy.differs(),
                bucket: policy.bucket,
                diff: policy.diff,
            }),
            validations: ValidationMembers::new(&self.validations),
        }
    }
}

/// Colors a unified diff. The output omits the colors if they are disabled.
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
