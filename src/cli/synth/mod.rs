//! `s3ferry synth`: the templates, written or compared.

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
use super::project::{FormatOption, Project, stack_set_roles};
use super::{Failure, Global, Outcome, checks, files, output};

/// The folder of the templates unless another one is named.
const DEFAULT_FOLDER: &str = "stacks";

const EXAMPLES: &str = "\
Examples:
  s3ferry synth                       write stacks/dev.yaml and stacks/prod.yaml
  s3ferry synth --example             the same for the built-in example, for a first look
  s3ferry synth --check               fail when a file is stale, missing or not wanted any more
  s3ferry synth --strict              write nothing that is not proven as a whole
  s3ferry synth --stdout | less       look without writing
  s3ferry synth --format json --out build
  s3ferry synth --stack-set-roles     the roles of self-managed stack sets as well";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SynthOptions {
    #[command(flatten)]
    example: ExampleOption,
    /// Folder of the templates; `-`: print them, like --stdout
    #[arg(
        long,
        value_name = "DIR",
        default_value = DEFAULT_FOLDER,
        help_heading = "Output"
    )]
    out: PathBuf,
    /// Format of the templates
    #[arg(long, value_enum, default_value = "yaml", help_heading = "Output")]
    format: FormatOption,
    /// Print the templates instead of writing them
    #[arg(long, conflicts_with = "check", help_heading = "Output")]
    stdout: bool,
    /// Overwrite files that s3ferry did not write
    #[arg(long, conflicts_with_all = ["check", "stdout"], help_heading = "Output")]
    force: bool,
    /// Write the roles that self-managed stack sets need too, to stack-sets/ below the folder
    #[arg(long, help_heading = "Output")]
    stack_set_roles: bool,
    /// Write nothing; exit with 1 and a diff when a file is not what it should be
    #[arg(long, help_heading = "Checks")]
    check: bool,
    /// Do not run the Guard rules
    #[arg(long, help_heading = "Checks")]
    no_lint: bool,
    /// Do not prove that a run of the pipeline will be allowed
    #[arg(long, help_heading = "Checks")]
    no_prove: bool,
    /// Exit with 1 and write nothing also for unproven results, unresolved values and unexplained
    /// excess
    #[arg(long, conflicts_with = "no_prove", help_heading = "Checks")]
    strict: bool,
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
            "--check compares a folder, and `--out -` names standard output",
            "name a folder with --out",
        ));
    }
    // Standard output has no names of files; the default folder's are as good as any.
    let folder = match to_stdout {
        true => Path::new(DEFAULT_FOLDER),
        false => &options.out,
    };
    let format = options.format.into();
    let mut synthesis = project.synthesize(folder, format)?;
    // The roles of stack sets are linted. The proof looks at the stacks of a run only.
    if options.stack_set_roles {
        let roles = stack_set_roles(&project.plan, folder, format)?;
        synthesis.files.extend(roles);
    }
    let rules = match options.no_lint {
        true => Vec::new(),
        false => lint::embedded(),
    };
    let reports = synthesis.lint(&rules, &project.plan.quotas)?;
    checks::show_lint(global, &reports);
    if lint_refusal(&reports).is_some() {
        output::note(global, "Nothing was written: fix the errors above first.");
        return Ok(Outcome::Findings);
    }
    if !options.no_prove
        && let Some(why) =
            checks::show_proof(global, &synthesis.prove(&project.plan)?, options.strict)
    {
        output::note(global, &format!("Nothing was written: {why}, see above."));
        return Ok(Outcome::Findings);
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
        output::note(global, &format!("\nTo do: {requirement}."));
    }
    for grant in stacks::key_grants(&project.plan) {
        let (what, statement) = (grant.instruction(), &grant.statement);
        output::note(global, &format!("\nTo do: {what}\n{statement:#}"));
    }
    Ok(Outcome::Done)
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
