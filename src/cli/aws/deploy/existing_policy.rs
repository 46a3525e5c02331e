//! Applies the merged policy to an existing artifact bucket: compares it with the live policy,
//! shows the difference, and asks for confirmation. A stack cannot merge policies, because a bucket
//! has only one policy.

use crate::deploy::bucket_policy::{self, PolicyState};
use crate::deploy::{Access, StackStep};
use crate::shell::Command;

use super::session::Session;
use crate::cli::Failure;
use crate::cli::aws::merged_policy::{Examined, examine};

/// Returns an error if the live policy is neither the original policy nor the merged policy.
pub(super) async fn refuse_changed(
    session: &Session<'_>,
    dev: &StackStep,
    access: &Access,
) -> Result<(), Failure> {
    match examine(&session.accounts, access).await? {
        Some(found) if matches!(found.state, PolicyState::Changed(_)) => {
            Err(changed(session, dev, &found))
        }
        _ => Ok(()),
    }
}

fn changed(session: &Session<'_>, dev: &StackStep, found: &Examined) -> Failure {
    let Examined {
        bucket, path, diff, ..
    } = found;
    session.screen.says(diff);
    Failure::finding(
        format!("the policy of bucket `{bucket}` no longer matches `{path}`"),
        format!(
            "nothing was overwritten; write the live policy to `{path}` (`{}`), run `s3ferry \
             synth`, and deploy again",
            Command::aws("s3api get-bucket-policy")
                .option("--bucket", bucket)
                .words("--query Policy --output text")
                .option("--profile", &dev.profile)
        ),
    )
}

/// Applies the merged policy if it is not already in force.
pub(super) async fn put(
    session: &Session<'_>,
    dev: &StackStep,
    access: &Access,
) -> Result<(), Failure> {
    let merged = &session.accounts.merged_policy;
    let (Some(found), Some(merged)) = (examine(&session.accounts, access).await?, merged) else {
        return Ok(());
    };
    let bucket = &found.bucket;
    match found.state {
        PolicyState::InForce => {
            session
                .screen
                .says(format!("The policy of bucket {bucket} is up to date."));
            return Ok(());
        }
        PolicyState::Changed(_) => return Err(changed(session, dev, &found)),
        PolicyState::AsMerged => {}
    }
    session.screen.says(format!(
        "Changes to the policy of bucket {bucket}:\n{}",
        found.diff
    ));
    if session.options.dry_run {
        return Ok(());
    }
    let question = format!("Apply the merged policy to bucket {bucket}?");
    if !session.confirm(&question).await? {
        return Err(Failure::finding(
            format!("the merged policy was not applied to bucket `{bucket}`"),
            "the targets cannot read the artifacts without it: run the command again",
        ));
    }
    bucket_policy::put(access, bucket, &dev.account, merged).await?;
    session
        .screen
        .says(format!("Updated the policy of bucket {bucket}."));
    Ok(())
}
