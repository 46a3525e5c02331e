//! The project of a command: its configuration, plan, and templates.

use std::path::{Path, PathBuf};

use crate::aws::quotas::grouped;
use crate::checked::{Synthesis, SynthesizedFile, TemplateFormat};
use crate::config::{Document, EXAMPLE, near};
use crate::diagnostic::{Kind, Source};
use crate::lint::quotas;
use crate::plan::{BucketPlan, InstancePlan, Plan, TargetPlan};
use crate::stacks::{self, MergeError};

use super::locate::{DEFAULT_CONFIG, ExampleOption, Located, locate};
use super::{Failure, Global, files};

/// A configuration and its plan.
pub(crate) struct Project {
    pub(crate) plan: Plan,
    /// The folder that relative paths in the configuration refer to.
    folder: PathBuf,
    /// The configuration document, for error messages.
    document: Document,
    /// Whether `--example` selected the built-in example.
    is_example: bool,
}

/// The format of the templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum FormatOption {
    /// With comments and short-form intrinsic functions.
    Yaml,
    /// Without comments, with long-form intrinsic functions.
    Json,
}

impl From<FormatOption> for TemplateFormat {
    fn from(format: FormatOption) -> Self {
        match format {
            FormatOption::Yaml => Self::Yaml,
            FormatOption::Json => Self::Json,
        }
    }
}

impl Project {
    /// Reads the configuration: the file from `--config`, or `s3ferry.yaml`.
    ///
    /// # Errors
    /// Returns an error if the configuration does not exist or is invalid.
    pub(crate) fn load(global: &Global) -> Result<Self, Failure> {
        match locate(global, false)? {
            Located::File(path) => Self::read(&path),
            Located::Missing(failure) => Err(failure),
        }
    }

    /// Reads the configuration, or the built-in example with `--example`.
    ///
    /// # Errors
    /// Returns an error if the configuration does not exist or is invalid.
    pub(crate) fn load_or_example(
        global: &Global,
        ExampleOption { example }: ExampleOption,
    ) -> Result<Self, Failure> {
        if example && global.config.is_some() {
            return Err(Failure::new(
                "--example and --config cannot be used together",
                "remove one of them",
            ));
        }
        if example {
            let source = Source::new("built-in example", EXAMPLE);
            let mut project = Self::of(source, PathBuf::new())?;
            project.is_example = true;
            return Ok(project);
        }
        match locate(global, true)? {
            Located::File(path) => Self::read(&path),
            Located::Missing(failure) => Err(failure),
        }
    }

    /// Returns whether the project is the example and the current folder has another configuration.
    /// The templates in this folder then belong to that configuration.
    pub(crate) fn is_foreign_example(&self) -> bool {
        let path = Path::new(DEFAULT_CONFIG);
        self.is_example && path.exists() && !is_example_folder()
    }

    /// Reads the configuration if there is one.
    ///
    /// # Errors
    /// Returns an error if the configuration is invalid.
    pub(crate) fn load_if_any(global: &Global) -> Result<Option<Self>, Failure> {
        match locate(global, true)? {
            Located::File(path) => Self::read(&path).map(Some),
            Located::Missing(_) => Ok(None),
        }
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let source = files::read(path, "configuration", Kind::Configuration)?;
        Self::of(
            source,
            path.parent().map(Path::to_path_buf).unwrap_or_default(),
        )
    }

    fn of(source: Source, folder: PathBuf) -> Result<Self, Failure> {
        let mut document = Document::read(source.clone())
            .map_err(|problems| Failure::document(source, problems))?;
        for (target, path) in document.accounts_files() {
            let listed = files::read(&folder.join(path), "accounts file", Kind::Accounts)?;
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
            is_example: false,
        })
    }

    /// Checks the values of a filter.
    ///
    /// # Errors
    /// Returns an error if a value matches no target or instance.
    pub(crate) fn known(
        &self,
        what: &str,
        values: &[String],
        of: for<'p> fn(&'p TargetPlan, &'p InstancePlan) -> &'p str,
    ) -> Result<(), Failure> {
        let instances = self.plan.instances();
        let known: Vec<&str> = instances.map(|(target, found)| of(target, found)).collect();
        let Some(value) = values.iter().find(|value| !known.contains(&value.as_str())) else {
            return Ok(());
        };
        let help = match near(value, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "see `s3ferry targets`".to_owned(),
        };
        Err(Failure::new(
            format!("the configuration has no {what} `{value}`"),
            help,
        ))
    }

    /// Resolves a path relative to the folder of the configuration file.
    pub(crate) fn path_of(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Synthesizes the files of the output folder `out`.
    ///
    /// # Errors
    /// Returns an error if an existing bucket policy cannot be read or merged, or if a policy
    /// exceeds its quota.
    pub(crate) fn synthesize(
        &self,
        out: &Path,
        format: TemplateFormat,
    ) -> Result<Synthesis, Failure> {
        let named = |path: &str| out.join(path).display().to_string();
        let mut synthesis = Synthesis::new(&self.plan, format, named);
        let complaints = stacks::complaints(&self.plan, &synthesis.stacks);
        if !complaints.is_empty() {
            let problems = self.document.problems(&complaints);
            return Err(Failure::document(self.document.source.clone(), problems));
        }
        if let Some(path) = &self.plan.dev.existing_policy {
            let text = self.merged_policy(path)?;
            let bucket = &self.plan.dev.artifact_bucket.name;
            let path = format!("policies/{bucket}.json");
            synthesis.files.push(SynthesizedFile {
                file: Source::new(named(&path), text).into(),
                path,
                name: bucket.to_string(),
                is_template: false,
            });
        }
        Ok(synthesis)
    }

    fn merged_policy(&self, path: &str) -> Result<String, Failure> {
        let path = self.folder.join(path);
        let existing = files::read(&path, "existing bucket policy", Kind::Policy)?;
        let merged = stacks::merged_bucket_policy(&self.plan, &existing)
            .map_err(|MergeError(problems)| Failure::document(existing, problems))?;
        let size = quotas::bucket_policy_usage(&merged);
        if size.used > size.limit {
            return Err(Failure::new(
                format!(
                    "the merged policy of bucket `{}` is {} bytes, but S3 allows at most {}",
                    self.plan.dev.artifact_bucket.name,
                    grouped(size.used),
                    grouped(size.limit)
                ),
                size.fix,
            ));
        }
        Ok(merged)
    }
}

/// Returns the templates of the roles that self-managed stack sets need.
///
/// # Errors
/// Returns an error if no target uses a self-managed stack set.
pub(crate) fn stack_set_roles(
    plan: &Plan,
    out: &Path,
    format: TemplateFormat,
) -> Result<Vec<SynthesizedFile>, Failure> {
    let named = |path: &str| out.join(path).display().to_string();
    let roles = stacks::stack_set_roles(plan).into_iter();
    let found: Vec<_> = roles
        .map(|(name, template)| SynthesizedFile::template(name, &template, format, &named))
        .collect();
    if found.is_empty() {
        return Err(Failure::new(
            "no target uses a stack set with self-managed permissions, so no roles are needed",
            "add `stack_set: {}` to a target; for service-managed permissions, AWS creates the roles",
        ));
    }
    Ok(found)
}

/// Returns whether the configuration in the current folder is the example, as in the s3ferry
/// repository.
pub(super) fn is_example_folder() -> bool {
    let bytes = files::bytes_if_any(Path::new(DEFAULT_CONFIG), "configuration");
    bytes.is_ok_and(|bytes| bytes.as_deref() == Some(EXAMPLE.as_bytes()))
}

/// Bucket names from the AWS example. Bucket names are globally unique, and these are taken.
const EXAMPLE_BUCKETS: [&str; 3] = [
    "codepipeline-input-bucket",
    "codepipeline-us-east-1-0123456789",
    "codepipeline-output-bucket",
];

/// Returns the first bucket to create that has a name from the example. Nobody can create it.
pub(crate) fn example_bucket(plan: &Plan) -> Option<&BucketPlan> {
    let source = plan.dev.source.object().map(|source| &source.bucket);
    let targets = plan.instances().map(|(_, instance)| &instance.bucket);
    (source.into_iter())
        .chain([&plan.dev.artifact_bucket])
        .chain(targets)
        .find(|bucket| bucket.create && EXAMPLE_BUCKETS.contains(&bucket.name.as_str()))
}
