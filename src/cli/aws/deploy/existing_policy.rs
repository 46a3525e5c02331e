//! The policy of an artifact bucket that exists already: compared with the live one, shown, and
//! put only after asking. A stack cannot do it, since there is one policy for each bucket.

use crate::deploy::bucket_policy::{self, Standing};
use crate::deploy::{Access, StackStep};
use crate::shell::Command;

use super::session::Session;
use crate::cli::Failure;
use crate::cli::aws::merged_policy::{Examined, examine};

/// Refuses to go on when the live policy is neither the one that was merged nor the result.
pub(super) async fn refuse_changed(
    session: &Session<'_>,
    dev: &StackStep,
    access: &Access,
) -> Result<(), Failure> {
    match examine(&session.accounts, access).await? {
        Some(found) if matches!(found.standing, Standing::Changed(_)) => {
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
        format!("the policy of bucket `{bucket}` is not the one in `{path}` any more"),
        format!(
            "nothing was overwritten: write the live policy to `{path}` (`{}`), run `s3ferry synth`, \
             and deploy again",
            Command::aws("s3api get-bucket-policy")
                .option("--bucket", bucket)
                .words("--query Policy --output text")
                .option("--profile", &dev.profile)
        ),
    )
}

/// Puts the merged policy, when there is one and it is not in force.
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
    match found.standing {
        Standing::InForce => {
            session
                .screen
                .says(format!("The policy of bucket {bucket} is in force."));
            return Ok(());
        }
        Standing::Changed(_) => return Err(changed(session, dev, &found)),
        Standing::AsMerged => {}
    }
    session
        .screen
        .says(format!("The policy of bucket {bucket}:\n{}", found.diff));
    if session.options.dry_run {
        return Ok(());
    }
    let question = format!("Put the merged policy on bucket {bucket}?");
    if !session.confirm(&question).await? {
        return Err(Failure::finding(
            format!("the policy of bucket `{bucket}` was not put"),
            "without it the targets cannot read the artifacts: run it again",
        ));
    }
    bucket_policy::put(access, bucket, &dev.account, merged).await?;
    session
        .screen
        .says(format!("The policy of bucket {bucket} is put."));
    Ok(())
}
