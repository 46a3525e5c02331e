//! The inputs of a proof: the templates, and the policies that are not part of them.

use std::path::{Path, PathBuf};

use crate::checked::TemplateFormat;
use crate::diagnostic::{Kind, Source};
use crate::plan::Plan;
use crate::proof::{InputError, Inputs, NamedFile};

use crate::cli::locate::ExampleOption;
use crate::cli::project::Project;
use crate::cli::{Failure, files};

/// The options for the inputs of a proof.
#[derive(Debug, clap::Args)]
pub(crate) struct ProofInput {
    #[command(flatten)]
    pub(crate) example: ExampleOption,
    /// Use the templates in this folder [default: stacks, if it contains templates]
    #[arg(long, value_name = "DIR", help_heading = "Input")]
    dir: Option<PathBuf>,
    /// Add the accounts' service control policies; one file per level, from the root
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    scp: Vec<PathBuf>,
    /// Add resource control policies, in the same order; every level includes RCPFullAWSAccess
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    rcp: Vec<PathBuf>,
    /// Add the permissions boundary of a role, by name or ARN; `none` if a role has no boundary
    #[arg(long, value_name = "ROLE=FILE", help_heading = "Input")]
    boundary: Vec<String>,
    /// Add a bucket policy, trust policy, or key policy, by the name, ARN, or alias of the
    /// resource; `none` if a bucket has no policy
    #[arg(long, value_name = "RESOURCE=FILE", help_heading = "Input")]
    policy: Vec<String>,
    /// Add all other identity-based policies of a role, by name or ARN; `none` if there are no
    /// others
    #[arg(long, value_name = "ROLE=FILE", help_heading = "Input")]
    identity: Vec<String>,
    /// Set a template parameter; separate the items of a list with commas
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter, help_heading = "Input")]
    parameters: Vec<(String, String)>,
}

impl ProofInput {
    /// Reads the templates and the other inputs. With `dev_step`, uses the state after the first
    /// deployment of the dev stack.
    ///
    /// # Errors
    /// Returns an error if a file does not exist or cannot be read.
    pub(crate) fn read(&self, project: &Project, dev_step: bool) -> Result<Inputs, Failure> {
        let mut inputs = templates(project, self.dir.as_deref(), dev_step)?;
        let levels = |paths: &[PathBuf], what| -> Result<Vec<Source>, Failure> {
            let files = paths
                .iter()
                .map(|path| files::read(path, what, Kind::Policy));
            files.collect()
        };
        inputs.scps = levels(&self.scp, "service control policy")?;
        inputs.rcps = levels(&self.rcp, "resource control policy")?;
        inputs.parameters.extend(self.parameters.iter().cloned());
        inputs.policies = named(&self.policy, "--policy")?;
        inputs.identities = named(&self.identity, "--identity")?;
        inputs.boundaries = named(&self.boundary, "--boundary")?;
        Ok(inputs)
    }
}

impl From<Vec<InputError>> for Failure {
    fn from(errors: Vec<InputError>) -> Self {
        let failures = errors.into_iter().map(|error| match error {
            InputError::File { file, problems } => Self::document(*file, problems),
            InputError::Given { message, help } => Self::new(message, help),
        });
        Self::Several(failures.collect())
    }
}

/// Returns the templates of the folder. Without a folder, returns those of `stacks/`, or
/// synthesizes them if `stacks/` contains none.
///
/// # Errors
/// Returns an error if a template does not exist or cannot be read, or if the folder contains a
/// template that belongs to no stack.
pub(crate) fn templates(
    project: &Project,
    dir: Option<&Path>,
    dev_step: bool,
) -> Result<Inputs, Failure> {
    let plan = &project.plan;
    let in_folder = dir.is_some();
    let dir = dir.unwrap_or(Path::new("stacks"));
    // One template in the folder is enough, so an edited template is never ignored.
    let mut has_templates = in_folder;
    if !project.is_foreign_example() {
        for (name, _) in crate::stacks::names(plan) {
            has_templates |= template_path(dir, &name)?.is_some();
        }
    }
    if has_templates {
        let mut inputs = Inputs::new(plan, dev_step, |name| match template_path(dir, name)? {
            Some(path) => Ok(files::read(&path, "template", Kind::Template)?.into()),
            None if in_folder => Err(Failure::new(
                format!("no template for stack `{name}`"),
                "run `s3ferry synth` to write the templates, or specify their folder with --dir",
            )),
            None => Err(Failure::new(
                format!("no template for stack `{name}` in {}", dir.display()),
                "run `s3ferry synth` to write the templates",
            )),
        })?;
        inputs.bucket_policies = merged_policies(&dir.join("policies"))?;
        no_others(plan, dir)?;
        return Ok(inputs);
    }
    Ok(project
        .synthesize(dir, TemplateFormat::Yaml)?
        .inputs(plan, dev_step))
}

/// Refuses a template in the folder that belongs to no stack in the configuration, because the
/// proof would ignore it.
fn no_others(plan: &Plan, dir: &Path) -> Result<(), Failure> {
    let stacks: Vec<String> = crate::stacks::names(plan)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for path in files::paths_in(dir).unwrap_or_default() {
        let name = path.file_stem().and_then(|name| name.to_str());
        let is_template = files::has_extension(&path, &TEMPLATES) && path.is_file();
        if !is_template || stacks.iter().any(|stack| Some(stack.as_str()) == name) {
            continue;
        }
        let source = files::read(&path, "template", Kind::Template)?;
        if crate::template::read_template(&source).is_ok() {
            return Err(Failure::new(
                format!(
                    "template `{}` does not belong to a stack in the configuration, so the proof \
                     would ignore it",
                    path.display()
                ),
                format!(
                    "move it to another folder; the stacks are: {}",
                    stacks.join(", ")
                ),
            ));
        }
    }
    Ok(())
}

/// Extensions of templates.
pub(crate) const TEMPLATES: [&str; 4] = ["yaml", "yml", "json", "template"];

/// Returns the template of a stack in a folder, if there is one.
///
/// # Errors
/// Returns an error if the folder contains several templates for the stack.
fn template_path(dir: &Path, name: &str) -> Result<Option<PathBuf>, Failure> {
    let mut found = TEMPLATES
        .into_iter()
        .map(|extension| dir.join(format!("{name}.{extension}")))
        .filter(|path| path.is_file());
    let first = found.next();
    if let (Some(first), Some(second)) = (&first, found.next()) {
        return Err(Failure::new(
            format!(
                "`{}` and `{}` are both templates for stack `{name}`",
                first.display(),
                second.display()
            ),
            "remove the one that is not deployed",
        ));
    }
    Ok(first)
}

/// Returns the merged bucket policies next to the templates: `policies/BUCKET.json`, or YAML.
fn merged_policies(folder: &Path) -> Result<Vec<NamedFile>, Failure> {
    let mut paths =
        files::paths_in(folder).map_err(|error| files::cannot_read_folder(folder, &error))?;
    paths.retain(|path| files::has_extension(path, &TEMPLATES[..3]));
    let files = paths.iter().map(|path| {
        let name = path.file_stem().unwrap_or_default();
        Ok(NamedFile {
            name: name.to_string_lossy().into_owned(),
            source: Some(files::read(path, "bucket policy", Kind::Policy)?),
        })
    });
    files.collect()
}

fn named(options: &[String], option: &str) -> Result<Vec<NamedFile>, Failure> {
    options
        .iter()
        .map(|text| {
            let Some((name, file)) = text
                .split_once('=')
                .filter(|(name, file)| !name.is_empty() && !file.is_empty())
            else {
                return Err(Failure::new(
                    format!("`{option} {text}` is not in the form NAME=FILE"),
                    "use a name or an ARN, an equals sign, and a file",
                ));
            };
            let source: Option<Source> = match file {
                "none" => None,
                path => Some(files::read(Path::new(path), "policy", Kind::Policy)?),
            };
            Ok(NamedFile {
                name: name.to_owned(),
                source,
            })
        })
        .collect()
}

/// Parses a template parameter: `NAME=VALUE`.
///
/// # Errors
/// Returns an error if the name or the equals sign is missing.
pub(crate) fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}
