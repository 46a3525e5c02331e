//! `s3ferry synth`: writes the templates, or compares them with the files.

mod folder;

use std::path::{Path, PathBuf};

use crate::aws::quotas::grouped;
use crate::checked::{Synthesis, SynthesizedFile, TemplateFormat, lint_refusal};
use crate::lint::{self, quotas};
use crate::stacks;
use crate::template::resources;

use self::folder::Folder;
use super::locate::ExampleOption;
use super::output::{Text, print, table, thousands};
use super::progress::Progress;
use super::project::{FormatOption, Project, example_bucket, stack_set_roles};
use super::{Failure, Global, Outcome, checks, diagnostics, files, output, shell};

/// The default folder of the templates.
const DEFAULT_FOLDER: &str = "stacks";

const EXAMPLES: &str = "\
Examples:
  s3ferry synth                    write stacks/dev.yaml and stacks/prod.yaml
  s3ferry synth --example          use the built-in example
  s3ferry synth --check            fail if a file is stale, missing, or obsolete
  s3ferry synth --strict           write nothing unless the proof is complete
  s3ferry synth --stdout | less    print the templates
  s3ferry synth --format json --out build
  s3ferry synth --stack-set-roles  include the roles of self-managed stack sets";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SynthOptions {
    #[command(flatten)]
    example: ExampleOption,
    /// Write nothing; print a diff and exit with code 1 if a file is stale, missing, or obsolete
    #[arg(long, help_heading = "Checks")]
    check: bool,
    /// Skip the Guard rules
    #[arg(long, help_heading = "Checks")]
    no_lint: bool,
    /// Skip the proof
    #[arg(long, help_heading = "Checks")]
    no_prove: bool,
    /// Treat unproven calls, unresolved values, and excess permissions as errors
    #[arg(long, conflicts_with = "no_prove", help_heading = "Checks")]
    strict: bool,
    /// Overwrite files that s3ferry did not write
    #[arg(long, conflicts_with_all = ["check", "stdout"], help_heading = "Behavior")]
    force: bool,
    /// Write the templates to this folder, or to standard output if `-`
    #[arg(
        long,
        value_name = "DIR",
        default_value = DEFAULT_FOLDER,
        help_heading = "Output"
    )]
    out: PathBuf,
    /// Set the template format
    #[arg(long, value_enum, default_value = "yaml", help_heading = "Output")]
    format: FormatOption,
    /// Print the templates instead of writing them
    #[arg(long, conflicts_with = "check", help_heading = "Output")]
    stdout: bool,
    /// Also write the roles that self-managed stack sets need, to the subfolder stack-sets/
    #[arg(long, help_heading = "Output")]
    stack_set_roles: bool,
}

/// Writes or compares the templates.
pub(crate) fn run(global: &Global, options: &SynthOptions) -> Result<Outcome, Failure> {
    if !options.no_lint {
        lint::prepare();
    }
    let project = Project::load_or_example(global, options.example)?;
    let to_stdout = options.stdout || files::is_stdout(&options.out);
    if to_stdout && options.check {
        return Err(Failure::new(
            "--check cannot be used with `--out -`: it compares the files in a folder",
            "specify the folder with --out",
        ));
    }
    // With output to standard output, messages name the files in the default folder.
    let folder = match to_stdout {
        true => Path::new(DEFAULT_FOLDER),
        false => &options.out,
    };
    let format = options.format.into();
    let progress = Progress::start(global, "Synthesizing and checking the templates");
    let mut synthesis = project.synthesize(folder, format)?;
    // The roles of stack sets are linted, but not proven: no call of an execution uses them.
    if options.stack_set_roles {
        let roles = stack_set_roles(&project.plan, folder, format)?;
        synthesis.files.extend(roles);
    }
    let rules = match options.no_lint {
        true => Vec::new(),
        false => lint::embedded(),
    };
    let reports = synthesis.lint(&rules, &project.plan.quotas)?;
    drop(progress);
    checks::show_lint(global, &reports);
    if lint_refusal(&reports).is_some() {
        output::note(global, "Nothing was written: fix the errors above first.");
        return Ok(Outcome::Findings);
    }
    if !options.no_prove {
        let progress = Progress::start(global, "Proving the templates");
        let proof = synthesis.prove(&project.plan)?;
        drop(progress);
        if let Some(why) = checks::show_proof(global, &proof, options.strict) {
            output::note(global, &format!("Nothing was written: {why} (see above)."));
            return Ok(Outcome::Findings);
        }
    }
    if to_stdout {
        let text = joined(&synthesis, format);
        print(match format {
            TemplateFormat::Yaml => Text::from(&text),
            TemplateFormat::Json => Text::json(&text),
        })?;
        return Ok(Outcome::Done);
    }
    let folder = Folder::new(options, &project, &synthesis.files);
    if options.check {
        return folder.check(global);
    }
    let mut rows = Vec::new();
    for (file, is_written) in synthesis.files.iter().zip(folder.write(global)?) {
        let state = if is_written { "written" } else { "unchanged" };
        rows.push(row(&project, file, state)?);
    }
    if !global.quiet {
        let header = ["file", "resources", "bytes", "nearest quota", "used", ""];
        print(&table(&header, &rows, &[1, 2, 4]))?;
    }
    for requirement in stacks::requirements(&project.plan) {
        output::note(global, &format!("\nRequired: {requirement}."));
    }
    for grant in stacks::key_grants(&project.plan) {
        let (what, statement) = (grant.instruction(), &grant.statement);
        output::note(global, &format!("\nRequired: {what}\n{statement:#}"));
    }
    warn_of_one_account(global, &project);
    if !options.example.example
        && let Some(bucket) = example_bucket(&project.plan)
    {
        diagnostics::warn(
            global,
            &format!(
                "`{}` is a bucket name from the example, so the templates cannot be deployed",
                bucket.name
            ),
            "bucket names are globally unique: set other names, or run `s3ferry init` to generate some",
        );
    }
    output::note(
        global,
        &format!("Next: {}.", next(global, options, &project)),
    );
    Ok(Outcome::Done)
}

/// Warns about targets in the dev account.
fn warn_of_one_account(global: &Global, project: &Project) {
    let dev = &project.plan.dev.account;
    let mut targets: Vec<&str> = (project.plan.instances())
        .filter(|(_, instance)| instance.account == *dev)
        .map(|(target, _)| target.name.as_str())
        .collect();
    targets.dedup();
    if !targets.is_empty() {
        let verb = if targets.len() == 1 { "is" } else { "are" };
        let message = format!("{} {verb} in the dev account {dev}", targets.join(", "));
        diagnostics::warn_of_one_account(global, &message);
    }
}

/// The next step after the templates are written.
fn next(global: &Global, options: &SynthOptions, project: &Project) -> String {
    if options.example.example {
        return "run `s3ferry init` to write a configuration for your accounts".to_owned();
    }
    let folder = options.out.to_string_lossy();
    let mut report = vec!["report"];
    let mut deploy = vec!["deploy", "--profile", &project.plan.dev.profile];
    if folder != DEFAULT_FOLDER {
        report.extend(["--dir", &folder]);
        deploy.extend(["--out", &folder]);
    }
    let report = shell::command(global, &report);
    let deploy = shell::command(global, &deploy);
    format!("review the templates with `{report}`, then run `{deploy}`")
}

fn row(project: &Project, one: &SynthesizedFile, state: &str) -> Result<Vec<String>, Failure> {
    let file = &one.file;
    let (count, usages) = if one.is_template {
        let root = file
            .root()
            .map_err(|problem| Failure::document(file.source().clone(), vec![problem]))?;
        let usages = quotas::usages(file, &root, &project.plan.quotas);
        (resources(&root).len().to_string(), usages)
    } else {
        let usage = quotas::bucket_policy_usage(file.text());
        ("-".to_owned(), vec![usage])
    };
    let (mut quota, mut used) = (String::new(), String::new());
    if let Some(usage) = usages.into_iter().max_by_key(quotas::Usage::percent) {
        let limit = grouped(usage.limit);
        quota = format!("{} ({limit} {})", usage.what, usage.quota.unit);
        used = format!("{}%", usage.percent());
    }
    let (name, bytes) = (file.name().to_owned(), thousands(file.text().len()));
    Ok(vec![name, count, bytes, quota, used, state.to_owned()])
}

fn joined(synthesis: &Synthesis, format: TemplateFormat) -> String {
    let mut out = String::new();
    for (index, one) in synthesis.files.iter().enumerate() {
        if format == TemplateFormat::Yaml && one.is_template {
            if index > 0 {
                out.push_str("---\n");
            }
            out.push_str(&format!("# {}\n", one.file.name()));
        }
        if one.is_template || format == TemplateFormat::Json {
            out.push_str(one.file.text());
        }
    }
    out
}
