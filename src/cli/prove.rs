//! `s3ferry prove`: what a run of the pipeline will be allowed to do, and what not.

use std::path::{Path, PathBuf};

use s3ferry::plan::Plan;
use s3ferry::proof::{self, Call, Inputs, NamedFile, Proof};
use s3ferry::syntax::Source;

use super::output::print;
use super::project::{Generated, Project, TemplateFormat};
use super::{Failure, Global, Outcome, files, proof_json, proof_reports};

const EXAMPLES: &str = "\
Examples:
  s3ferry prove                         the templates in stacks/, or those of the configuration
  s3ferry prove -v                      with every attack and what each statement serves
  s3ferry prove --call read             one step of the run, explained layer by layer
  s3ferry prove --step dev              as it stands after the dev stack's first deployment
  s3ferry prove --account 222222222222  one account of a target with many
  s3ferry prove --strict                fail also on what depends on a policy that is not given
  s3ferry prove --policy my-bucket=policy.json --policy other-bucket=none
                                        policies of buckets, keys (by ARN) and roles that exist
  s3ferry prove --identity pipeline-role=its-policies.json
  s3ferry prove --scp root.json --scp unit.json --scp account.json
                                        one file a level: a policy, or a list of them
  s3ferry prove --format sarif > proof.sarif

Steps of a run: check, start, source, store, encrypt, copy, assume, read, decrypt, deploy,
output-key, invoke, logs; and administer, which KMS checks when it takes a key policy.";

/// Options of `prove`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Folder of the templates [default: stacks, where it has them]
    #[arg(long, value_name = "DIR", help_heading = "Input")]
    dir: Option<PathBuf>,
    /// Service control policies of every account; one file for each level, from the root
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    scp: Vec<PathBuf>,
    /// Resource control policies, likewise
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    rcp: Vec<PathBuf>,
    /// The permissions boundary of a role
    #[arg(long, value_name = "ROLE=FILE", help_heading = "Input")]
    boundary: Vec<String>,
    /// The policy of a bucket, key or role (its trust); `none`: it has none
    #[arg(long, value_name = "RESOURCE=FILE", help_heading = "Input")]
    policy: Vec<String>,
    /// All other identity-based policies of a role; `none`: it has none
    #[arg(long, value_name = "ROLE=FILE", help_heading = "Input")]
    identity: Vec<String>,
    /// Prove the state after this step of the deployment
    #[arg(
        long,
        value_enum,
        value_name = "STEP",
        default_value = "pipeline",
        help_heading = "Checks"
    )]
    step: Step,
    /// Show one step of the run only, and explain it
    #[arg(long, value_name = "STEP", help_heading = "Checks")]
    call: Option<String>,
    /// Show every account and region, not one for all that are alike
    #[arg(long, help_heading = "Output")]
    expand: bool,
    /// Show one account only, and all of it
    #[arg(long, value_name = "ID", help_heading = "Output")]
    account: Option<String>,
    /// What is unproven is an error
    #[arg(long, help_heading = "Checks")]
    strict: bool,
    /// Format of the answer
    #[arg(long, value_enum, default_value = "text", help_heading = "Output")]
    format: Format,
}

/// A step of the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Step {
    /// The dev stack's first: no target, no pipeline.
    Dev,
    /// The last: everything stands.
    Pipeline,
}

/// How the proof is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// SARIF 2.1.0, for code-scanning services.
    Sarif,
}

/// Proves the templates.
pub(crate) fn run(global: &Global, options: &Options) -> Result<Outcome, Failure> {
    if let Some(step) = &options.call
        && !proof_reports::STEPS.contains(&step.as_str())
    {
        return Err(Failure::new(
            format!("there is no step `{step}` in a run"),
            format!("the steps are: {}", proof_reports::STEPS.join(", ")),
        ));
    }
    let project = Project::load(global)?;
    let mut inputs = inputs(&project, options)?;
    inputs.expand = options.expand || options.account.is_some();
    let mut proof = proof::prove(&inputs).map_err(failure)?;
    let failed = proof.has_errors() || (options.strict && proof.has_unproven());
    if let Some(account) = &options.account {
        let mut instances = project.plan.instances();
        if instances.all(|(_, instance)| instance.account != *account) {
            return Err(Failure::new(
                format!("no target is in account `{account}`"),
                "see `s3ferry targets`",
            ));
        }
        only(&mut proof, &project.plan, account);
    }
    let call = options.call.as_deref();
    print(&match options.format {
        Format::Text => proof_reports::text(&proof, call, global.verbose),
        Format::Json => proof_json::json(&proof, call),
        Format::Sarif => proof_json::sarif(&proof)?,
    })?;
    Ok(if failed {
        Outcome::Findings
    } else {
        Outcome::Done
    })
}

/// Leaves what is about one account.
fn only(proof: &mut Proof, plan: &Plan, account: &str) {
    let is_here = |call: &Call| match (&call.instance, &call.target) {
        (Some(instance), _) => instance.account == account,
        (None, Some(target)) => plan
            .instances()
            .any(|(plan, instance)| plan.name == *target && instance.account == account),
        (None, None) => false,
    };
    proof.calls.retain(|(decided, _)| is_here(&decided.call));
    proof.attacks.retain(|attack| is_here(&attack.call));
}

/// Proves templates that were just generated.
pub(crate) fn of_generated(plan: &Plan, generated: &[Generated]) -> Result<Proof, Failure> {
    let inputs = generated_inputs(plan, false, generated)?;
    proof::prove(&inputs).map_err(failure)
}

/// The generated templates, and the merged bucket policy beside them.
fn generated_inputs(
    plan: &Plan,
    dev_step: bool,
    generated: &[Generated],
) -> Result<Inputs, Failure> {
    let mut inputs = Inputs::new(plan, dev_step, |name| {
        let file = generated
            .iter()
            .find(|file| file.template && stem(&file.path) == name);
        file.map(|file| file.source.clone())
            .ok_or_else(|| missing_template(name))
    })?;
    for file in generated.iter().filter(|file| !file.template) {
        inputs.policies.push(NamedFile {
            name: stem(&file.path).to_owned(),
            source: Some(file.source.clone()),
        });
    }
    Ok(inputs)
}

pub(crate) fn failure(errors: Vec<proof::InputError>) -> Failure {
    Failure::Documents(
        errors
            .into_iter()
            .map(|error| (error.file, error.problems))
            .collect(),
    )
}

fn missing_template(name: &str) -> Failure {
    Failure::new(
        format!("there is no template of the stack `{name}`"),
        "write the templates with `s3ferry synth`, or name their folder with --dir",
    )
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The templates of a folder, or those of `stacks/` where it has them, or those that the
/// configuration makes.
///
/// # Errors
/// One of them is not there, or cannot be read.
pub(crate) fn templates(
    project: &Project,
    dir: Option<&Path>,
    dev_step: bool,
) -> Result<Inputs, Failure> {
    let plan = &project.plan;
    let in_folder = dir.is_some();
    let dir = dir.unwrap_or(Path::new("stacks"));
    if in_folder || template_path(dir, "dev").is_some() {
        let mut inputs = Inputs::new(plan, dev_step, |name| match template_path(dir, name) {
            Some(path) => files::read(&path, "template"),
            None => Err(missing_template(name)),
        })?;
        inputs
            .policies
            .extend(merged_policies(&dir.join("policies"))?);
        return Ok(inputs);
    }
    let generated = project.generate(dir, TemplateFormat::Yaml)?;
    generated_inputs(plan, dev_step, &generated)
}

fn inputs(project: &Project, options: &Options) -> Result<Inputs, Failure> {
    let dev_step = options.step == Step::Dev;
    let mut inputs = templates(project, options.dir.as_deref(), dev_step)?;
    for path in &options.scp {
        inputs
            .scps
            .push(files::read(path, "service control policy")?);
    }
    for path in &options.rcp {
        inputs
            .rcps
            .push(files::read(path, "resource control policy")?);
    }
    inputs.policies.extend(named(&options.policy, "--policy")?);
    inputs
        .identities
        .extend(named(&options.identity, "--identity")?);
    inputs
        .boundaries
        .extend(named(&options.boundary, "--boundary")?);
    Ok(inputs)
}

fn template_path(dir: &Path, name: &str) -> Option<PathBuf> {
    let extensions = ["yaml", "yml", "json", "template"].into_iter();
    extensions
        .map(|extension| dir.join(format!("{name}.{extension}")))
        .find(|path| path.is_file())
}

/// The merged bucket policies beside the templates: `policies/BUCKET.json`.
fn merged_policies(folder: &Path) -> Result<Vec<NamedFile>, Failure> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    });
    paths.sort();
    paths
        .iter()
        .map(|path| {
            Ok(NamedFile {
                name: stem(&path.display().to_string()).to_owned(),
                source: Some(files::read(path, "bucket policy")?),
            })
        })
        .collect()
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
                    format!("`{option} {text}` has not the form NAME=FILE"),
                    "write a name or an ARN, an equals sign and a file",
                ));
            };
            let source: Option<Source> = match file {
                "none" => None,
                path => Some(files::read(Path::new(path), "policy")?),
            };
            Ok(NamedFile {
                name: name.to_owned(),
                source,
            })
        })
        .collect()
}
