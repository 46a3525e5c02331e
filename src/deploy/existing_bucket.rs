//! Checks whether a bucket that a stack creates already exists (Amazon S3, *HeadBucket*). Stacks
//! retain their buckets, so the bucket may belong to an earlier stack.

use super::{Access, DeployError, together};

const NOT_FOUND: u16 = 404;
const FORBIDDEN: u16 = 403;
const MOVED: u16 = 301;
const REGION: &str = "x-amz-bucket-region";
/// Maximum number of buckets to check at the same time.
const TOGETHER: usize = 8;

/// The state of a bucket before a stack creates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExistingBucket {
    No,
    /// The bucket exists in the account and region of the stack.
    Here,
    Elsewhere(String),
    /// The bucket cannot be checked. Contains the error.
    Unknown(DeployError),
}

pub(crate) async fn look(
    access: &Access,
    account: &str,
    bucket: &str,
) -> Result<ExistingBucket, DeployError> {
    let answer = access
        .s3()
        .head_bucket()
        .bucket(bucket)
        .expected_bucket_owner(account)
        .send()
        .await;
    let error = match answer {
        Ok(answer) => {
            return Ok(match answer.bucket_region {
                Some(region) if region != access.region() => ExistingBucket::Elsewhere(region),
                _ => ExistingBucket::Here,
            });
        }
        Err(error) => error,
    };
    // The response to a HEAD request has no body and therefore no error code.
    match error
        .raw_response()
        .map(|raw| (raw.status().as_u16(), raw.headers().get(REGION)))
    {
        Some((NOT_FOUND, _)) => Ok(ExistingBucket::No),
        Some((MOVED, Some(region))) => Ok(ExistingBucket::Elsewhere(region.to_owned())),
        Some((FORBIDDEN, _)) => Ok(ExistingBucket::Unknown(DeployError::input(
            format!(
                "profile `{}` cannot access bucket `{bucket}`: it belongs to another account, or \
                 the profile lacks s3:ListBucket on it",
                access.profile()
            ),
            "",
        ))),
        found => {
            let error = access.error("s3:HeadBucket", &error);
            match found {
                Some(_) => Ok(ExistingBucket::Unknown(error)),
                None => Err(error),
            }
        }
    }
}

/// A bucket to check, and access to its account and region.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub access: Access,
    pub account: String,
    pub bucket: String,
}

/// Checks several buckets concurrently. Returns the results in the order of `places`.
pub(crate) async fn look_for<'p>(
    places: impl IntoIterator<Item = &'p Place>,
) -> Result<Vec<ExistingBucket>, DeployError> {
    let looks = places
        .into_iter()
        .cloned()
        .map(|place| async move { look(&place.access, &place.account, &place.bucket).await });
    together(TOGETHER, looks).await?.into_iter().collect()
}
