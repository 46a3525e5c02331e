//! The policy of an existing artifact bucket: compares the live policy with the merged policy.

use crate::deploy::Access;
use crate::deploy::bucket_policy::{self, PolicyState};
use crate::diagnostic::Kind;
use serde_json::Value;
use similar::TextDiff;

use crate::cli::aws::accounts::Accounts;
use crate::cli::{Failure, files};

/// The comparison between an existing artifact bucket's live policy and the merged policy.
pub(crate) struct Examined {
    pub(crate) bucket: String,
    /// Path of the original policy file, as written in the configuration.
    pub(crate) path: String,
    /// Result of the comparison.
    pub(crate) state: PolicyState,
    /// The difference: the statements to apply, or the changes since the merge.
    pub(crate) diff: String,
}

impl Examined {
    /// Returns whether the live policy differs from the merged policy.
    pub(crate) fn differs(&self) -> bool {
        self.state != PolicyState::InForce
    }
}

/// Compares the live policy with the merged policy, if the project has one.
pub(crate) async fn examine(
    accounts: &Accounts<'_>,
    access: &Access,
) -> Result<Option<Examined>, Failure> {
    let plan = &accounts.project.plan.dev;
    let (Some(merged), Some(path)) = (&accounts.merged_policy, &plan.existing_policy) else {
        return Ok(None);
    };
    let bucket = &plan.artifact_bucket.name;
    let before = files::read(
        &accounts.project.path_of(path),
        "existing bucket policy",
        Kind::Policy,
    )?;
    let state = bucket_policy::compare(access, bucket, before.text(), merged).await?;
    let diff = match &state {
        PolicyState::InForce => String::new(),
        PolicyState::Changed(live) => diff(before.text(), live, path, "the live policy"),
        PolicyState::AsMerged => diff(
            before.text(),
            merged,
            "the live policy",
            "the merged policy",
        ),
    };
    Ok(Some(Examined {
        bucket: bucket.to_string(),
        path: path.clone(),
        state,
        diff,
    }))
}

/// Compares two policies line by line, after formatting both in the same way.
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
