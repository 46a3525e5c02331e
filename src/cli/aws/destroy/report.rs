//! What a deletion leaves behind.

use std::fmt::Write as _;

use crate::deploy::{RetainedBucket, retained};
use crate::stacks::Side;
use serde_json::{Value, json};

use super::{Deletion, DestroyOptions, What};
use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::runtime::Format;
use crate::cli::{Failure, output, shell};

/// What stays, and how it is removed.
pub(super) fn report(
    accounts: &Accounts<'_>,
    options: &DestroyOptions,
    deletions: &[Deletion],
    results: &[Value],
) -> Result<(), Failure> {
    if options.result.format == Format::Json {
        let all = json!({ "version": 1, "stacks": results });
        return output::print(output::Text::json_value(&all));
    }
    let plan = &accounts.project.plan.dev;
    let mut rows = String::new();
    for one in deletions {
        for resource in &one.retained {
            let (region, profile) = (&one.step.region, &one.step.profile);
            let days = plan.key_deletion_window_days;
            // A command stays on one line, so that it can be copied.
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
            "These resources stay. To remove them:\n{rows}\nA bucket must be empty first. All versions, a thousand at a time:\n  {}\n\
             What a key encrypted can never be read again once it is deleted.\n",
            retained::EMPTYING
        );
    }
    for one in deletions
        .iter()
        .filter(|one| matches!(one.what, What::Set(_)))
    {
        let buckets = one.step.template.buckets.iter();
        let names: Vec<String> = buckets.map(RetainedBucket::pattern).collect();
        if !options.retain_stacks && !names.is_empty() {
            let _ = writeln!(
                out,
                "\nThe buckets of the instances of stack set {} stay: {}. StackSets cannot import \
                 them: empty and delete them before a stack set deploys to their accounts again. \
                 All versions, a thousand at a time:\n  {}",
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
                "\nThe policy of bucket {bucket} still has the statements that were merged into \
                 it. To put the earlier one back:\n  {}",
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
                "\nAnother deploy takes the buckets over again, but makes a new key: \
                 CloudFormation imports only what has a name. Artifacts that the old key \
                 encrypted stay readable in the dev account while that key exists.\n",
            );
        }
        if options.force {
            out.push_str(
                "\nIAM knows the service role by its unique ID in the targets' trust policies: \
                 after another deploy of dev, destroy and deploy the targets too.\n",
            );
        }
    }
    if !accounts.global.quiet && !out.is_empty() {
        output::print(out.trim_start_matches('\n'))?;
    }
    Ok(())
}
