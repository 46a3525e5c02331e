//! The plan and the result of a deletion, and the retained resources.

use std::fmt::Write as _;

use crate::deploy::retained::StackResource;
use crate::deploy::{RetainedBucket, StackStep, retained};
use crate::stacks::{KEY_ID, Side};
use schemars::JsonSchema;
use serde::Serialize;

use super::delete::{Deletion, What};
use super::options::DestroyOptions;
use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::place::Place;
use crate::cli::json::Version;
use crate::cli::{Failure, output, shell};

/// The output of `s3ferry destroy --format json`.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(title = "s3ferry destroy")]
pub(crate) struct Document {
    version: Version,
    /// The stacks, in order of deletion.
    stacks: Vec<Entry>,
}

/// A stack.
#[derive(Serialize, JsonSchema)]
struct Entry {
    #[serde(flatten)]
    place: Place,
    /// Result.
    result: DestroyResult,
    /// Retained resources.
    retained: Vec<StackResource>,
}

/// The result for a stack.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum DestroyResult {
    /// The stack was deleted.
    Deleted,
    /// The stack did not exist.
    Absent,
}

impl Document {
    pub(super) fn add(&mut self, step: &StackStep, result: DestroyResult, stay: &[StackResource]) {
        self.stacks.push(Entry {
            place: step.into(),
            result,
            retained: stay.to_vec(),
        });
    }
}

/// Formats the stacks to delete and the resources to retain.
pub(super) fn plan(deletions: &[Deletion]) -> String {
    let rows: Vec<Vec<String>> = deletions
        .iter()
        .map(|one| {
            let (state, resources, stay) = match &one.what {
                What::Stack(stack) => (
                    stack.status.clone(),
                    (one.parts - one.retained.len()).to_string(),
                    one.retained.len().to_string(),
                ),
                What::Set(_) => (
                    "stack set".to_owned(),
                    format!("{} instances", one.parts),
                    "buckets".to_owned(),
                ),
            };
            let step = &one.step;
            let place = [&*step.stack, &*step.account, &*step.region].map(str::to_owned);
            [place, [state, resources, stay]].concat()
        })
        .collect();
    let header = [
        "to delete",
        "account",
        "region",
        "state",
        "resources",
        "retained",
    ];
    let notes = output::Stream::Notes;
    let mut out = output::table_for(notes, &header, &rows, &[4, 5]);
    let stay = deletions.iter().flat_map(|one| {
        one.retained.iter().map(|resource| {
            let account = &one.step.account;
            [&*resource.physical_id, &*resource.resource_type, &**account]
                .map(str::to_owned)
                .to_vec()
        })
    });
    let stay: Vec<Vec<String>> = stay.collect();
    if !stay.is_empty() {
        out.push('\n');
        out.push_str(&output::table_for(
            notes,
            &["retained", "type", "account"],
            &stay,
            &[],
        ));
    }
    out
}

/// Reports a stack that does not exist, and the resources in the outputs file that it may have
/// retained.
pub(super) fn say_gone(accounts: &Accounts<'_>, step: &StackStep) {
    let mut said = format!(
        "Stack {} in account {}, {}, does not exist.",
        step.stack, step.account, step.region
    );
    if let Some(outputs) = accounts.outputs.of(step) {
        let left: Vec<&str> = outputs
            .iter()
            .filter(|(name, _)| *name == KEY_ID || name.ends_with("BucketName"))
            .map(|(_, value)| value.as_str())
            .collect();
        if !left.is_empty() {
            let _ = write!(
                said,
                " Its retained resources may still exist: {}.",
                left.join(", ")
            );
        }
    }
    accounts.screen.says(said);
}

/// Prints the retained resources and how to remove them.
pub(super) fn report(
    accounts: &Accounts<'_>,
    options: &DestroyOptions,
    deletions: &[Deletion],
    document: &Document,
) -> Result<(), Failure> {
    if !options.result.is_text() {
        return options.result.print(document);
    }
    let plan = &accounts.project.plan.dev;
    let mut rows = String::new();
    for one in deletions {
        for resource in &one.retained {
            let (region, profile) = (&one.step.region, &one.step.profile);
            let days = plan.key_deletion_window_days;
            // Keep each command on one line, so that it can be copied.
            let _ = writeln!(
                rows,
                "  {} ({}, account {})",
                resource.physical_id, resource.resource_type, one.step.account
            );
            if let Some(command) = retained::removal(resource, region, profile, days) {
                let _ = writeln!(rows, "    {command}");
            }
        }
    }
    let mut out = String::new();
    if !rows.is_empty() {
        let _ = write!(
            out,
            "These resources are retained. To remove them:\n{rows}\n\
             Empty each bucket first. To delete up to 1,000 object versions at a time:\n  {}\n\
             After a key is deleted, data that it encrypted cannot be recovered.\n",
            retained::EMPTYING
        );
    }
    let is_set = |one: &&Deletion| matches!(one.what, What::Set(_));
    for one in deletions.iter().filter(is_set) {
        let buckets = one.step.template.buckets.iter();
        let names: Vec<String> = buckets.map(RetainedBucket::pattern).collect();
        if !options.retain_stacks && !names.is_empty() {
            let _ = writeln!(
                out,
                "\nThese buckets of stack set {} are retained: {}. StackSets cannot \
                 import them. Empty and delete them before a stack set deploys to their accounts \
                 again. To delete up to 1,000 object versions at a time:\n  {}",
                one.step.stack,
                names.join(", "),
                retained::EMPTYING
            );
        }
    }
    let dev = deletions.iter().find(|one| one.step.side == Side::Dev);
    if let Some(dev) = dev {
        if let Some(path) = &plan.existing_policy {
            let bucket = &plan.artifact_bucket.name;
            let _ = writeln!(
                out,
                "\nThe policy of bucket {bucket} still contains the merged statements. To restore \
                 the original policy:\n  {}",
                shell::Command::aws("s3api put-bucket-policy")
                    .option("--bucket", bucket)
                    .option("--policy", format!("file://{path}"))
                    .option("--region", &dev.step.region)
                    .option("--profile", &dev.step.profile)
            );
        }
        if dev
            .retained
            .iter()
            .any(|one| one.resource_type == "AWS::KMS::Key")
        {
            out.push_str(
                "\nA new deployment imports the buckets but creates a new key, because \
                 CloudFormation imports only named resources. Artifacts encrypted with the old \
                 key remain readable in the dev account while that key exists.\n",
            );
        }
        if options.force {
            out.push_str(
                "\nThe trust policies of the targets reference the unique ID of the deleted \
                 service role. After you deploy dev again, destroy and redeploy the targets.\n",
            );
        }
    }
    if !accounts.screen.global.quiet && !out.is_empty() {
        output::print_wrapped(out.trim_start_matches('\n'))?;
    }
    Ok(())
}
