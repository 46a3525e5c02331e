//! The build between the source and the deploy stages: its types and its validation.
//!
//! Follows *Build specification reference for CodeBuild*, *Build environment compute modes and
//! types*, and *Environment variables in build environments* in the AWS documentation.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::validate::Found;
use super::{Complaint, Config};
use crate::aws::arn_kind::{self, ArnKind};
use crate::aws::quotas::{PROJECT_NAME, SECRET_NAME};

/// Name of the build stage and of its action. No target can have it.
pub(crate) const BUILD_STAGE: &str = "Build";
/// The maximum number of commands. More commands belong in a script in the source.
const MOST_COMMANDS: usize = 50;
/// The maximum length of a command, a pattern, and the value of a variable. This is also the limit
/// for values in the configuration of a pipeline action.
const LONGEST_VALUE: usize = 1_000;

/// The build between the source and the deploy stages. With `commands`, s3ferry creates a CodeBuild
/// project and a role for it. With `project`, the project already exists.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Build {
    /// Shell commands that run in the folder of the source, in order. If one fails, nothing is
    /// deployed.
    #[schemars(example = ["npm ci", "npm run build"])]
    #[schemars(length(min = 1))]
    pub commands: Option<Vec<String>>,
    /// The files to deploy: a file, or a glob pattern. The files are deployed relative to the
    /// folder before the first wildcard. Required with `commands`.
    #[schemars(example = &"dist/**")]
    pub output: Option<String>,
    /// Operating system and architecture; default: `linux`. Requires `commands`.
    pub environment: Option<Environment>,
    /// Size of the machine; default: `small`. Requires `commands`.
    pub compute: Option<Compute>,
    /// Minutes after which CodeBuild stops the build; default: 60. Requires `commands`.
    #[schemars(range(min = 5, max = 2160))]
    pub timeout_minutes: Option<u32>,
    /// Environment variables with their values. The values are readable in the template, the
    /// console, and the build log. Requires `commands`.
    pub variables: BTreeMap<String, String>,
    /// Environment variables with secrets from Secrets Manager in the dev account and region. Each
    /// value is the name of a secret, or `NAME:KEY` for a key of a JSON secret. Requires
    /// `commands`.
    pub secrets: BTreeMap<String, String>,
    /// Name of an existing CodeBuild project in the dev account and region, instead of `commands`.
    #[schemars(example = &"website-build")]
    pub project: Option<String>,
    /// ARN of the service role of that project. s3ferry attaches a policy for the artifacts to it.
    /// Required with `project`.
    #[schemars(example = &"arn:aws:iam::111111111111:role/website-build")]
    #[schemars(regex(pattern = arn_kind::ROLE_ARN))]
    pub role: Option<String>,
}

/// Operating system and architecture of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Amazon Linux 2023 on x86-64.
    #[default]
    Linux,
    /// Amazon Linux 2023 on Arm.
    Arm,
}

/// Size of the machine that runs a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compute {
    /// 2 vCPUs.
    #[default]
    Small,
    /// 4 vCPUs.
    Medium,
    /// 8 vCPUs.
    Large,
}

impl Found {
    /// Checks the build.
    pub(super) fn build(&mut self, config: &Config) {
        let Some(build) = &config.dev.build else {
            return;
        };
        if !config.dev.pipeline.create {
            self.add(
                "dev.build",
                "`build` requires `create: true` under `dev.pipeline`: the existing pipeline keeps \
                 its actions",
                "remove `build`, and add the build to the pipeline",
            );
        }
        match (&build.commands, &build.project) {
            (None, None) => self.add(
                "dev.build",
                "`build` has neither `commands` nor `project`",
                "add `commands:` with the commands to run, or `project:` with the name of an \
                 existing CodeBuild project",
            ),
            (Some(_), Some(_)) => self.add(
                "dev.build.project",
                "`project` and `commands` cannot be used together",
                "remove one of them",
            ),
            (Some(commands), None) => self.commands(build, commands),
            (None, Some(project)) => self.project(config, build, project),
        }
        for (index, target) in config.targets.iter().enumerate() {
            if target.name == BUILD_STAGE {
                self.add(
                    &format!("targets.{index}.name"),
                    format!("`{BUILD_STAGE}` is the name of the build stage"),
                    "choose a different name for the target",
                );
            }
            if target.tagged_objects {
                self.add(
                    &format!("targets.{index}.tagged_objects"),
                    "`tagged_objects` and `build` cannot be used together: the output of a build \
                     has no object tags",
                    "remove `tagged_objects`",
                );
            }
        }
    }

    fn commands(&mut self, build: &Build, commands: &[String]) {
        let path = "dev.build.commands";
        if commands.len() > MOST_COMMANDS {
            self.add(
                path,
                format!(
                    "the build has {} commands, but at most {MOST_COMMANDS} are allowed",
                    commands.len()
                ),
                "move commands to a script in the source, and run the script",
            );
        }
        if commands.is_empty() {
            self.add(
                path,
                "the build has no commands",
                "add a command, or remove `build`",
            );
        }
        for (number, command) in commands.iter().enumerate() {
            let fault = if command.trim().is_empty() {
                "is empty"
            } else if command.chars().count() > LONGEST_VALUE {
                "is too long"
            } else if command.contains("{{resolve:") {
                "contains a dynamic reference, which CloudFormation would replace"
            } else {
                continue;
            };
            self.add(
                &format!("{path}.{number}"),
                format!("command {} {fault}", number + 1),
                format!(
                    "write one command per entry, with at most {LONGEST_VALUE} characters; longer \
                     commands belong in a script in the source"
                ),
            );
        }
        match &build.output {
            None => self.add(
                path,
                "`commands` requires `output`",
                "add `output:` with the files to deploy, such as `dist/**`",
            ),
            Some(output) => self.name(
                "dev.build.output",
                output_problem(output),
                "use a path relative to the source, such as `dist/**` or `out/site.zip`",
            ),
        }
        if build.role.is_some() {
            self.add(
                "dev.build.role",
                "`role` requires `project`: s3ferry creates a role for the commands",
                "remove `role`",
            );
        }
        self.variables(build);
    }

    /// Adds a problem with the setting at `path`. Names of variables can contain dots.
    fn at(&mut self, path: &[&str], message: impl Into<String>, help: &str) {
        self.complain(Complaint {
            path: path.iter().map(|&part| part.to_owned()).collect(),
            message: message.into(),
            help: help.to_owned(),
        });
    }

    fn variables(&mut self, build: &Build) {
        for (name, value) in &build.variables {
            let path = ["dev", "build", "variables", name];
            self.variable(&path, name);
            if value.chars().count() > LONGEST_VALUE {
                self.at(
                    &path,
                    format!(
                        "the value of `{name}` has {} characters, but at most {LONGEST_VALUE} are \
                         allowed",
                        value.chars().count()
                    ),
                    "move the value to a file in the source",
                );
            }
            if value.contains("{{resolve:") {
                self.at(
                    &path,
                    format!("the value of `{name}` contains a dynamic reference"),
                    "use `secrets` for a secret: its value is then not part of the project",
                );
            }
        }
        for (name, secret) in &build.secrets {
            let path = ["dev", "build", "secrets", name];
            self.variable(&path, name);
            if build.variables.contains_key(name) {
                self.at(
                    &path,
                    format!("`{name}` is in both `variables` and `secrets`"),
                    "remove one of them",
                );
            }
            if let Some(message) = secret_problem(secret) {
                self.at(
                    &path,
                    message,
                    "use the name of the secret, such as `website/token`, or `NAME:KEY`",
                );
            }
        }
    }

    fn variable(&mut self, path: &[&str], name: &str) {
        let fault = if name.starts_with("CODEBUILD_") || name.starts_with("AWS_") {
            "AWS reserves names with this prefix"
        } else if name.starts_with(|c: char| c.is_ascii_digit())
            || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            || name.is_empty()
        {
            "only letters, digits, and `_` are allowed, and the first character cannot be a digit"
        } else {
            return;
        };
        self.at(
            path,
            format!("`{name}` is not a valid environment variable: {fault}"),
            "rename it",
        );
    }

    fn project(&mut self, config: &Config, build: &Build, project: &str) {
        for (key, is_set) in [
            ("output", build.output.is_some()),
            ("environment", build.environment.is_some()),
            ("compute", build.compute.is_some()),
            ("timeout_minutes", build.timeout_minutes.is_some()),
            ("variables", !build.variables.is_empty()),
            ("secrets", !build.secrets.is_empty()),
        ] {
            if is_set {
                self.add(
                    &format!("dev.build.{key}"),
                    format!(
                        "`{key}` requires `commands`: the existing project has its own settings"
                    ),
                    format!("remove `{key}`"),
                );
            }
        }
        self.name(
            "dev.build.project",
            project_problem(project),
            "use the name of the project from `aws codebuild list-projects`, not its ARN",
        );
        match &build.role {
            None => self.add(
                "dev.build.project",
                "`project` requires `role`",
                format!(
                    "add `role:` with the service role of the project, from `aws codebuild \
                     batch-get-projects --names {} --query 'projects[0].serviceRole'`",
                    crate::shell::word(project)
                ),
            ),
            Some(role) => {
                let account = &config.dev.account;
                self.iam_arn(config, "dev.build.role", role, account, ArnKind::Role);
            }
        }
    }
}

/// Checks the pattern of the files to deploy.
fn output_problem(output: &str) -> Option<String> {
    let is_part = |part: &str| !part.is_empty() && part != "." && part != "..";
    let last = output.rsplit('/').next().unwrap_or_default();
    let fault = if output.is_empty() {
        "it is empty"
    } else if output.starts_with(['/', '~']) || output.contains('\\') || output.contains(':') {
        "it is not relative to the source"
    } else if !output.split('/').all(is_part) {
        "it has an empty part, `.`, or `..`"
    } else if output.chars().any(char::is_control) || output.contains("${") || output.contains("{{")
    {
        "it contains a character or variable that is not allowed"
    } else if output.chars().count() > LONGEST_VALUE {
        "it is too long"
    } else if !last.contains(['*', '?', '.', '[', '{']) {
        return Some(format!(
            "`{output}` is not a file or a pattern: CodeBuild ignores folders, so write \
             `{output}/**`"
        ));
    } else {
        return None;
    };
    Some(format!("`{output}` is not a valid pattern: {fault}"))
}

/// Checks the name of a secret, or the name and a JSON key. Follows *CreateSecret* in the AWS
/// documentation.
fn secret_problem(secret: &str) -> Option<String> {
    let (name, key) = match secret.split_once(':') {
        Some((name, key)) => (name, Some(key)),
        None => (secret, None),
    };
    let fault = if secret.starts_with("arn:") {
        "it is an ARN"
    } else if name.is_empty() || name.len() > SECRET_NAME.length() {
        "the name is empty or too long"
    } else if !(name.chars()).all(|c| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c)) {
        "only letters, digits, and `/_+=.@-` are allowed in the name"
    } else if key.is_some_and(|key| key.is_empty() || key.contains(':')) {
        "the key after `:` is empty or contains `:`"
    } else if key.is_some_and(|key| key.chars().any(char::is_control)) {
        "the key contains a control character"
    } else {
        return None;
    };
    Some(format!("`{secret}` is not the name of a secret: {fault}"))
}

/// Checks the name of a CodeBuild project. Follows *CreateProject* in the AWS documentation.
fn project_problem(name: &str) -> Option<String> {
    let mut characters = name.chars();
    let is_valid = (2..=PROJECT_NAME.length()).contains(&name.len())
        && characters.next().is_some_and(|c| c.is_ascii_alphanumeric())
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    (!is_valid).then(|| {
        format!(
            "`{name}` is not a valid project name: it must have 2 to {} letters, digits, `-`, \
             and `_`, and begin with a letter or digit",
            PROJECT_NAME.value
        )
    })
}
