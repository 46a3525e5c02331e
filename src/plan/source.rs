//! The source of the pipelines: an object in a bucket, or a repository.

use std::fmt;

use super::BucketPlan;
use crate::config::{DetectChanges, Trigger};

/// The source of the pipelines.
#[derive(Debug, Clone)]
pub enum SourcePlan {
    /// An object in a bucket of the dev account.
    Object(ObjectSource),
    /// A repository outside AWS.
    Repository(RepositorySource),
}

/// A source object in a bucket.
#[derive(Debug, Clone)]
pub struct ObjectSource {
    /// The source bucket.
    pub bucket: BucketPlan,
    /// Key of the object.
    pub key: String,
    /// ARN of the customer managed key that encrypts the bucket by default.
    pub encryption_key: Option<String>,
    /// How a change starts the pipeline.
    pub detect_changes: DetectChanges,
}

/// A repository that AWS CodeConnections connects to the dev account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositorySource {
    /// ARN of the connection.
    pub connection: String,
    /// Full name, such as `owner/name`.
    pub repository: String,
    /// The branch that the pipeline deploys by default.
    pub branch: String,
    /// Filters for the pushes that start the pipeline. `None` means every push to the branch.
    pub trigger: Option<Trigger>,
}

impl SourcePlan {
    /// Returns the source object, or `None` for a repository.
    pub fn object(&self) -> Option<&ObjectSource> {
        match self {
            Self::Object(object) => Some(object),
            Self::Repository(_) => None,
        }
    }

    /// Returns the repository, or `None` for an object.
    pub fn repository(&self) -> Option<&RepositorySource> {
        match self {
            Self::Object(_) => None,
            Self::Repository(repository) => Some(repository),
        }
    }

    /// Returns how a change of the source object starts the pipeline, or `None` for a repository,
    /// whose connection starts it.
    pub(crate) fn detect_changes(&self) -> Option<DetectChanges> {
        self.object().map(|object| object.detect_changes)
    }
}

impl fmt::Display for SourcePlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(source) => write!(f, "s3://{}/{}", source.bucket.name, source.key),
            Self::Repository(source) => {
                write!(f, "{} (branch {})", source.repository, source.branch)
            }
        }
    }
}
