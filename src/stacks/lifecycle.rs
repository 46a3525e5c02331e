//! The lifecycle rules of a bucket. Follows *Managing the lifecycle of objects* in the AWS
//! documentation.

use crate::config::Lifecycle;
use crate::template::{Item, Value, map};

/// Days until S3 deletes an expired artifact or log. Expiration in a versioned bucket only adds a
/// delete marker, so that the object can be restored until then. Follows *Expiring objects* in the
/// AWS documentation.
const RECOVERY_DAYS: u32 = 30;

/// The objects in a bucket, which determine its lifecycle rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contents {
    /// Objects whose current versions never expire: the source and the deployed files.
    Files,
    /// Artifacts of the pipelines.
    Artifacts,
    /// Access logs.
    Logs,
}

/// Builds the lifecycle configuration of a bucket, or returns `None` if no rule applies to it.
pub(super) fn configuration(lifecycle: &Lifecycle, contents: Contents) -> Option<Value> {
    let of_contents = match contents {
        Contents::Files => lifecycle.noncurrent_days.map(noncurrent_versions),
        Contents::Artifacts => lifecycle.artifacts_days.map(|days| {
            expiration(
                "ExpireArtifacts",
                "Artifacts expire when no approval, retry, or rollback needs them.",
                days,
            )
        }),
        Contents::Logs => lifecycle
            .logs_days
            .map(|days| expiration("ExpireLogs", "Access logs expire.", days)),
    };
    let uploads = lifecycle.abort_uploads_days.map(incomplete_uploads);
    let rules: Vec<Item> = uploads.into_iter().chain(of_contents).collect();
    (!rules.is_empty()).then(|| map([("Rules", Value::List(rules))]))
}

fn incomplete_uploads(days: u32) -> Item {
    let action = map([("DaysAfterInitiation", days)]);
    rule(
        "AbortIncompleteUploads",
        "S3 aborts incomplete multipart uploads and deletes their parts.",
        [("AbortIncompleteMultipartUpload", action)],
    )
}

fn noncurrent_versions(days: u32) -> Item {
    rule(
        "DeleteNoncurrentVersions",
        "S3 deletes replaced and deleted versions. Current versions never expire.",
        [("NoncurrentVersionExpiration", noncurrent(days))],
    )
}

fn expiration(id: &str, what: &str, days: u32) -> Item {
    let comment = format!(
        "{what} They become noncurrent versions, which S3 deletes after {RECOVERY_DAYS} more days."
    );
    rule(
        id,
        &comment,
        [
            ("ExpirationInDays", days.into()),
            ("NoncurrentVersionExpiration", noncurrent(RECOVERY_DAYS)),
        ],
    )
}

fn noncurrent(days: u32) -> Value {
    map([("NoncurrentDays", days)])
}

fn rule<const N: usize>(id: &str, comment: &str, actions: [(&str, Value); N]) -> Item {
    let mut value = map([("Id", id), ("Status", "Enabled")]);
    for (key, action) in actions {
        value = value.with(key, action);
    }
    Item {
        comment: comment.to_owned(),
        value,
    }
}
