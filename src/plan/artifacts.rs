//! The artifacts of the pipelines, and where CodePipeline stores them.

use super::Plan;

/// The artifact that the source action outputs.
pub(crate) const SOURCE_ARTIFACT: &str = "SourceArtifact";
/// The artifact that the build action outputs.
pub(crate) const BUILD_ARTIFACT: &str = "BuildArtifact";

/// CodePipeline truncates the pipeline name to this many characters in the keys of its artifacts.
const FOLDER_LENGTH: usize = 20;
/// CodePipeline truncates the name of an artifact to this many characters in its key.
const NAME_LENGTH: usize = 10;

/// Returns the folder of a pipeline's artifacts in an artifact store.
pub(crate) fn artifact_folder(pipeline: &str) -> String {
    pipeline.chars().take(FOLDER_LENGTH).collect()
}

/// Returns the name of an artifact in its key.
pub(crate) fn artifact_name(artifact: &str) -> String {
    artifact.chars().take(NAME_LENGTH).collect()
}

impl Plan {
    /// Returns the artifact that the deploy actions read.
    pub(crate) fn deployed_artifact(&self) -> &'static str {
        match self.dev.build {
            Some(_) => BUILD_ARTIFACT,
            None => SOURCE_ARTIFACT,
        }
    }

    /// Returns patterns of the folders of the pipelines' artifacts.
    ///
    /// For a long pipeline name, the wildcard follows the truncated name directly, so that the
    /// pattern matches both the truncated name and the full name. Additional pipelines have a hyphen
    /// and a number after the name.
    fn artifact_folders(&self) -> Vec<String> {
        let name = &self.dev.pipeline;
        let folder = artifact_folder(name);
        if folder != **name {
            return vec![format!("{folder}*")];
        }
        let mut found = vec![folder];
        if self.pipelines.len() > 1 && name.chars().count() < FOLDER_LENGTH {
            found.push(format!("{name}-*"));
        }
        found
    }

    /// Returns ARN patterns of the objects that the pipelines store in an artifact bucket.
    pub(crate) fn artifact_objects_arns(&self, bucket: &str) -> Vec<String> {
        let bucket = self.bucket_arn(bucket);
        let folders = self.artifact_folders().into_iter();
        folders
            .map(|folder| match folder.ends_with('*') {
                // The wildcard also matches everything in the folder.
                true => format!("{bucket}/{folder}"),
                false => format!("{bucket}/{folder}/*"),
            })
            .collect()
    }

    /// Returns ARN patterns of the objects that store an artifact.
    pub(crate) fn artifact_arns(&self, bucket: &str, artifact: &str) -> Vec<String> {
        let (bucket, name) = (self.bucket_arn(bucket), artifact_name(artifact));
        let folders = self.artifact_folders().into_iter();
        folders
            .map(|folder| format!("{bucket}/{folder}/{name}/*"))
            .collect()
    }
}
