//! The policy of an artifact bucket that exists already: compared with the live one, shown, and
//! put only after asking. A stack cannot do it, since there is one policy for each bucket.

use s3ferry::deploy::bucket_policy::{self, Standing};
use s3ferry::deploy::{Access, Observer as _, StackStep};
use serde_json::Value;
use similar::TextDiff;

use super::Session;
use crate::cli::{Failure, files, output};

/// Puts the merged policy, when there is one and it is not in force.
///
/// # Errors
/// The live policy has changed since it was merged; AWS refuses.
pub(super) async fn put(
    session: &Session<'_>,
    dev: &StackStep,
    access: &Access,
) -> Result<(), Failure> {
    let plan = &session.project.plan.dev;
    let (Some(merged), Some(path)) = (&session.merged_policy, &plan.existing_policy) else {
        return Ok(());
    };
    let bucket = &plan.artifact_bucket.name;
    let before = files::read(&session.project.beside(path), "existing bucket policy")?;
    match bucket_policy::compare(access, bucket, before.text(), merged).await? {
        Standing::InForce => {
            session
                .screen
                .says(&format!("The policy of bucket {bucket} is in force."));
            return Ok(());
        }
        Standing::Changed(live) => {
            output::note(
                session.global,
                &diff(before.text(), &live, path, "the live policy"),
            );
            return Err(Failure::with_code(
                format!("the policy of bucket `{bucket}` is not the one in `{path}` any more"),
                format!(
                    "nothing was put over it: write the live policy to `{path}` (`aws s3api \
                     get-bucket-policy --bucket {bucket} --query Policy --output text --profile \
                     {}`), `s3ferry synth`, and deploy again",
                    dev.profile
                ),
                1,
            ));
        }
        Standing::AsMerged => {}
    }
    output::note(
        session.global,
        &format!(
            "The policy of bucket {bucket}:\n{}",
            diff(
                before.text(),
                merged,
                "the live policy",
                "the merged policy"
            )
        ),
    );
    if session.options.dry_run {
        return Ok(());
    }
    let question = format!("Put the merged policy on bucket {bucket}?");
    if !session.options.yes && !session.screen.confirm(&question).await? {
        return Err(Failure::with_code(
            format!("the policy of bucket `{bucket}` was not put"),
            "without it the targets cannot read the artifacts: run it again",
            1,
        ));
    }
    bucket_policy::put(access, bucket, &dev.account, merged).await?;
    session
        .screen
        .says(&format!("The policy of bucket {bucket} is put."));
    Ok(())
}

/// Two policies compared line by line, both written alike.
fn diff(old: &str, new: &str, old_name: &str, new_name: &str) -> String {
    let pretty = |text: &str| {
        let parsed = serde_json::from_str::<Value>(text);
        parsed.map_or_else(|_| text.to_owned(), |value| format!("{value:#}\n"))
    };
    TextDiff::from_lines(pretty(old), pretty(new))
        .unified_diff()
        .header(old_name, new_name)
        .to_string()
}
