//! The policy of an artifact bucket that exists already: compared with the live one, shown, and
//! put only after asking. A stack cannot do it, since there is one policy for each bucket.

use crate::deploy::bucket_policy::{self, Standing};
use crate::deploy::{Access, Observer as _, StackStep};
use crate::diagnostic::Kind;
use crate::shell::Command;
use serde_json::Value;
use similar::TextDiff;

use super::Session;
use crate::cli::aws::accounts::Accounts;
use crate::cli::{Failure, files, output};

/// The live policy of an existing artifact bucket beside the merged one.
pub(crate) struct Examined {
    pub(crate) bucket: String,
    /// File with the policy that was merged, as the configuration names it.
    pub(crate) path: String,
    /// How they stand to each other.
    pub(crate) standing: Standing,
    /// What is different: what would be put, or what somebody changed since the merge.
    pub(crate) diff: String,
}

impl Examined {
    /// Whether the merged policy is not in force.
    pub(crate) fn differs(&self) -> bool {
        self.standing != Standing::InForce
    }
}

/// Compares the live policy with the merged one, when there is one.
///
/// # Errors
/// The file with the policy that was merged cannot be read; AWS refuses.
pub(crate) async fn examine(
    accounts: &Accounts<'_>,
    merged: Option<&str>,
    access: &Access,
) -> Result<Option<Examined>, Failure> {
    let plan = &accounts.project.plan.dev;
    let (Some(merged), Some(path)) = (merged, &plan.existing_policy) else {
        return Ok(None);
    };
    let bucket = &plan.artifact_bucket.name;
    let before = files::read(
        &accounts.project.beside(path),
        "existing bucket policy",
        Kind::Policy,
    )?;
    let standing = bucket_policy::compare(access, bucket, before.text(), merged).await?;
    let diff = match &standing {
        Standing::InForce => String::new(),
        Standing::Changed(live) => diff(before.text(), live, path, "the live policy"),
        Standing::AsMerged => diff(
            before.text(),
            merged,
            "the live policy",
            "the merged policy",
        ),
    };
    Ok(Some(Examined {
        bucket: bucket.to_string(),
        path: path.clone(),
        standing,
        diff,
    }))
}

/// Refuses to go on when the live policy is neither the one that was merged nor the result.
///
/// # Errors
/// It is another one; AWS refuses.
pub(super) async fn refuse_changed(
    session: &Session<'_>,
    dev: &StackStep,
    access: &Access,
) -> Result<(), Failure> {
    let merged = session.merged_policy.as_deref();
    match examine(&session.accounts, merged, access).await? {
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
    output::note(session.global, diff);
    Failure::with_code(
        format!("the policy of bucket `{bucket}` is not the one in `{path}` any more"),
        format!(
            "nothing was overwritten: write the live policy to `{path}` (`{}`), run `s3ferry synth`, \
             and deploy again",
            Command::aws("s3api get-bucket-policy")
                .option("--bucket", bucket)
                .words("--query Policy --output text")
                .option("--profile", &dev.profile)
        ),
        1,
    )
}

/// Puts the merged policy, when there is one and it is not in force.
///
/// # Errors
/// The live policy has changed since it was merged; AWS refuses.
pub(super) async fn put(
    session: &Session<'_>,
    dev: &StackStep,
    access: &Access,
) -> Result<(), Failure> {
    let merged = session.merged_policy.as_deref();
    let (Some(found), Some(merged)) = (examine(&session.accounts, merged, access).await?, merged)
    else {
        return Ok(());
    };
    let bucket = &found.bucket;
    match found.standing {
        Standing::InForce => {
            session
                .screen
                .says(&format!("The policy of bucket {bucket} is in force."));
            return Ok(());
        }
        Standing::Changed(_) => return Err(changed(session, dev, &found)),
        Standing::AsMerged => {}
    }
    output::note(
        session.global,
        &format!("The policy of bucket {bucket}:\n{}", found.diff),
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
