//! The policy of an artifact bucket that exists already: the live one, compared with the merged one.

use crate::deploy::Access;
use crate::deploy::bucket_policy::{self, Standing};
use crate::diagnostic::Kind;
use serde_json::Value;
use similar::TextDiff;

use crate::cli::aws::accounts::Accounts;
use crate::cli::{Failure, files};

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
