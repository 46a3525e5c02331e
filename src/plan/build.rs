//! The build between the source and the deploy stages.

use std::collections::BTreeMap;

use super::names::{existing_role, fitted, role_plan};
use super::{Plan, RolePlan};
use crate::aws::quotas::{PROJECT_NAME, ROLE_NAME};
use crate::aws::{Partition, arn};
use crate::config::{Compute, Config, Environment};

/// A build in a CodeBuild project.
#[derive(Debug, Clone)]
pub struct BuildPlan {
    /// Name of the project.
    pub project: String,
    /// The service role of the project.
    pub role: RolePlan,
    /// Managed policy that allows the service role of the project to build.
    pub policy: String,
    /// Managed policy that allows the service role of the pipeline to start builds.
    pub start_policy: String,
    /// The settings of the project, if a stack creates it; `None` if it already exists.
    pub settings: Option<BuildSettings>,
}

/// The settings of a CodeBuild project.
#[derive(Debug, Clone)]
pub struct BuildSettings {
    /// The commands, in order.
    pub commands: Vec<String>,
    /// The files to deploy.
    pub output: String,
    /// Operating system and architecture.
    pub environment: Environment,
    /// Size of the machine.
    pub compute: Compute,
    /// Minutes after which CodeBuild stops the build, if not the default.
    pub timeout_minutes: Option<u32>,
    /// Environment variables with their values.
    pub variables: BTreeMap<String, String>,
    /// Environment variables with the names of their secrets. A JSON key can follow, after a colon.
    pub secrets: BTreeMap<String, String>,
}

impl BuildPlan {
    /// Returns the name of the log group. An existing project can have a different one.
    pub(crate) fn log_group(&self) -> String {
        format!("/aws/codebuild/{}", self.project)
    }
}

impl BuildSettings {
    /// Returns the folder that the deployed files are relative to, and the pattern of the files in
    /// this folder. The folder is the part before the first wildcard, or `None` for the folder of
    /// the source.
    pub(crate) fn folder_and_files(&self) -> (Option<&str>, &str) {
        let wildcard = self.output.find(['*', '?', '[', '{']);
        let literal = &self.output[..wildcard.unwrap_or(self.output.len())];
        match literal.rfind('/') {
            Some(end) => (Some(&self.output[..end]), &self.output[end + 1..]),
            None => (None, &self.output),
        }
    }

    /// Returns the names of the secrets without duplicates.
    pub(crate) fn secret_names(&self) -> Vec<&str> {
        let names = self.secrets.values();
        let mut names: Vec<&str> = names
            .map(|secret| secret.split(':').next().unwrap_or(secret))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Plans the build, if there is one.
pub(super) fn build(config: &Config, partition: Partition) -> Option<BuildPlan> {
    let dev = &config.dev;
    let build = dev.build.as_ref()?;
    let (region, pipeline) = (&dev.region, &dev.pipeline.name);
    let policy = |what: &str| format!("{pipeline}-{region}-{what}");
    let settings = build.commands.as_ref().map(|commands| BuildSettings {
        commands: commands.clone(),
        // The validation requires it.
        output: build.output.clone().unwrap_or_default(),
        environment: build.environment.unwrap_or_default(),
        compute: build.compute.unwrap_or_default(),
        timeout_minutes: build.timeout_minutes,
        variables: build.variables.clone(),
        secrets: build.secrets.clone(),
    });
    // Pipeline names can contain characters that project names cannot contain.
    let stem: String = (pipeline.chars())
        .map(|c| match c {
            '.' | '@' => '-',
            c => c,
        })
        .collect();
    let stem = match stem.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        true => stem,
        false => format!("p{stem}"),
    };
    let role = match &build.role {
        Some(arn) => existing_role(arn),
        None => role_plan(
            partition,
            &dev.account,
            "/",
            fitted(pipeline, &format!("-{region}-build"), ROLE_NAME.length()),
        ),
    };
    Some(BuildPlan {
        project: (build.project.clone())
            .unwrap_or_else(|| fitted(&stem, "-build", PROJECT_NAME.length())),
        role,
        policy: policy("build"),
        start_policy: policy("start-build"),
        settings,
    })
}

impl Plan {
    /// Returns the ARN of the project of a build.
    pub(crate) fn project_arn(&self, build: &BuildPlan) -> String {
        let dev = &self.dev;
        arn::project(self.partition, &dev.region, &dev.account, &build.project)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_ends_before_the_first_wildcard() {
        for (output, folder, files) in [
            ("dist/**", Some("dist"), "**"),
            ("dist/*.html", Some("dist"), "*.html"),
            ("a/b/c?/**", Some("a/b"), "c?/**"),
            ("out/site.zip", Some("out"), "site.zip"),
            ("**", None, "**"),
            ("site.zip", None, "site.zip"),
        ] {
            let settings = BuildSettings {
                commands: Vec::new(),
                output: output.to_owned(),
                environment: Environment::default(),
                compute: Compute::default(),
                timeout_minutes: None,
                variables: BTreeMap::new(),
                secrets: BTreeMap::new(),
            };
            assert_eq!(settings.folder_and_files(), (folder, files), "{output}");
        }
    }
}
