//! The source of the pipeline, in JSON output.

use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::SourcePlan;

/// The source: an object in a bucket, or a repository. Only the fields of one kind are present.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourcePlace {
    /// Source bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<String>,
    /// Key of the source object.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// Full name of the repository, such as `owner/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    /// Branch that the pipeline deploys by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    /// ARN of the connection to the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
}

impl From<&SourcePlan> for SourcePlace {
    fn from(source: &SourcePlan) -> Self {
        match source {
            SourcePlan::Object(source) => Self {
                bucket: Some(source.bucket.name.to_string()),
                key: Some(source.key.clone()),
                ..Self::default()
            },
            SourcePlan::Repository(source) => Self {
                repository: Some(source.repository.clone()),
                branch: Some(source.branch.clone()),
                connection: Some(source.connection.clone()),
                ..Self::default()
            },
        }
    }
}
