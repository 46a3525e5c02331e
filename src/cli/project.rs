//! The project that a command works on: its configuration, plan and templates.

use std::path::{Path, PathBuf};

use s3ferry::aws::quotas::grouped;
use s3ferry::config::{Document, EXAMPLE};
use s3ferry::lint::quotas;
use s3ferry::plan::Plan;
use s3ferry::stacks::{self, MergeError};
use s3ferry::syntax::Source;

use super::{Failure, Global, files, output};

/// The configuration file that is used when none is named.
pub(crate) const DEFAULT_CONFIG: &str = "s3ferry.yaml";

/// A configuration and all that follows from it.
pub(crate) struct Project {
    /// The plan.
    pub(crate) plan: Plan,
    /// Folder that paths in the configuration are relative to.
    folder: PathBuf,
    /// The configuration, for errors about it.
    document: Document,
}

/// One file to write.
pub(crate) struct Generated {
    /// Path below the output folder, with `/`.
    pub(crate) path: String,
    /// The text, and the name that errors show.
    pub(crate) source: Source,
    /// Whether it is a template; otherwise it is a bucket policy.
    pub(crate) template: bool,
}

/// How templates are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TemplateFormat {
    /// With comments and short-form intrinsic functions.
    Yaml,
    /// Without comments, with long-form intrinsic functions.
    Json,
}

impl Project {
    /// Whether there is a configuration, so that [`Self::load`] does not take the built-in example.
    pub(crate) fn is_configured(global: &Global) -> bool {
        global.config.is_some() || Path::new(DEFAULT_CONFIG).exists()
    }

    /// Reads the configuration: the one that is named, `s3ferry.yaml`, or the built-in example.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn load(global: &Global) -> Result<Self, Failure> {
        let (source, folder) = match &global.config {
            Some(path) => (files::read(path, "configuration")?, folder_of(path)),
            None if Path::new(DEFAULT_CONFIG).exists() => (
                files::read(Path::new(DEFAULT_CONFIG), "configuration")?,
                PathBuf::new(),
            ),
            None => {
                output::note(
                    global,
                    "There is no s3ferry.yaml here, so this is the built-in example.\nNext: \
                     `s3ferry init` writes a configuration with your accounts.\n",
                );
                (Source::new("built-in example", EXAMPLE), PathBuf::new())
            }
        };
        let mut document = Document::read(source.clone())
            .map_err(|problems| Failure::document(source, problems))?;
        for (target, path) in document.accounts_files() {
            let listed = files::read(&folder.join(path), "accounts file")?;
            document
                .take_accounts(target, &listed)
                .map_err(|problems| Failure::document(listed, problems))?;
        }
        document
            .check()
            .map_err(|problems| Failure::document(document.source.clone(), problems))?;
        let plan = Plan::new(&document.config).map_err(|complaints| {
            let problems = document.problems(&complaints);
            Failure::document(document.source.clone(), problems)
        })?;
        Ok(Self {
            plan,
            folder,
            document,
        })
    }

    /// The path of a file that is named relative to the configuration file.
    #[cfg(feature = "deploy")]
    pub(crate) fn beside(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// The files that belong in the output folder `out`.
    ///
    /// # Errors
    /// An existing bucket policy cannot be read or merged, or a policy cannot hold all targets.
    pub(crate) fn generate(
        &self,
        out: &Path,
        format: TemplateFormat,
    ) -> Result<Vec<Generated>, Failure> {
        let generated = |path: String, text: String, template: bool| Generated {
            source: Source::new(out.join(&path).display().to_string(), text),
            path,
            template,
        };
        let stacks = stacks::stacks(&self.plan);
        let complaints = stacks::complaints(&self.plan, &stacks);
        if !complaints.is_empty() {
            let problems = self.document.problems(&complaints);
            return Err(Failure::document(self.document.source.clone(), problems));
        }
        let mut found: Vec<Generated> = stacks
            .iter()
            .map(|stack| match format {
                TemplateFormat::Yaml => generated(
                    format!("{}.yaml", stack.name),
                    stack.template.to_yaml(),
                    true,
                ),
                TemplateFormat::Json => generated(
                    format!("{}.json", stack.name),
                    stack.template.to_json_text(),
                    true,
                ),
            })
            .collect();
        if let Some(path) = &self.plan.dev.existing_policy {
            let existing = files::read(&self.folder.join(path), "existing bucket policy")?;
            let merged = stacks::merged_bucket_policy(&self.plan, &existing)
                .map_err(|MergeError(problems)| Failure::document(existing, problems))?;
            let bucket = &self.plan.dev.artifact_bucket.name;
            let size = quotas::bucket_policy_usage(&merged);
            if size.used > size.limit {
                return Err(Failure::new(
                    format!(
                        "the merged policy of bucket `{bucket}` has {} bytes, and S3 allows {}",
                        grouped(size.used),
                        grouped(size.limit)
                    ),
                    size.fix,
                ));
            }
            found.push(generated(format!("policies/{bucket}.json"), merged, false));
        }
        Ok(found)
    }
}

/// The templates of the roles that self-managed stack sets need.
///
/// # Errors
/// No target is such a stack set.
pub(crate) fn stack_set_roles(
    plan: &Plan,
    out: &Path,
    format: TemplateFormat,
) -> Result<Vec<Generated>, Failure> {
    let found: Vec<Generated> = stacks::stack_set_roles(plan)
        .into_iter()
        .map(|(name, template)| {
            let (ending, text) = match format {
                TemplateFormat::Yaml => ("yaml", template.to_yaml()),
                TemplateFormat::Json => ("json", template.to_json_text()),
            };
            let path = format!("{name}.{ending}");
            Generated {
                source: Source::new(out.join(&path).display().to_string(), text),
                path,
                template: true,
            }
        })
        .collect();
    if found.is_empty() {
        return Err(Failure::new(
            "no target is a stack set with self-managed permissions, so no roles are needed",
            "add `stack_set: {}` to a target; with service-managed permissions AWS makes the \
             roles itself",
        ));
    }
    Ok(found)
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}
