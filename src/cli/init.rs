//! `s3ferry init`: a commented configuration with bucket names of the user's own.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use s3ferry::config::{Document, account_id_problem, is_region, near_region};
use s3ferry::syntax::Source;

use super::output::print;
use super::project::DEFAULT_CONFIG;
use super::{Failure, Global, Outcome, files};

const EXAMPLES: &str = "\
Examples:
  s3ferry init                 asks for the accounts
  s3ferry init --dev-account 111111111111 --prod-account 222222222222 --region eu-west-1";

/// Options of `init`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// ID of the account that owns the pipeline
    #[arg(long, value_name = "ID")]
    dev_account: Option<String>,
    /// ID of the account that owns the output bucket
    #[arg(long, value_name = "ID")]
    prod_account: Option<String>,
    /// Region of both [default: us-east-1]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Overwrite an existing configuration
    #[arg(long)]
    force: bool,
}

/// Writes the configuration.
pub(crate) fn run(global: &Global, options: &Options) -> Result<Outcome, Failure> {
    let path = global
        .config
        .clone()
        .unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG));
    if path.exists() && !options.force {
        return Err(Failure::new(
            format!("`{}` exists already", path.display()),
            "edit it, or write a new one over it with --force",
        ));
    }
    let dev = value(
        &options.dev_account,
        "--dev-account",
        "Dev account ID (12 digits)",
        None,
    )?;
    let prod = value(
        &options.prod_account,
        "--prod-account",
        "Prod account ID (12 digits)",
        None,
    )?;
    let region = match &options.region {
        Some(region) => region.clone(),
        None if std::io::stdin().is_terminal() => {
            value(&None, "--region", "Region", Some("us-east-1"))?
        }
        None => "us-east-1".to_owned(),
    };
    for (option, id) in [("--dev-account", &dev), ("--prod-account", &prod)] {
        if let Some(problem) = account_id_problem(id) {
            return Err(Failure::new(problem, format!("give 12 digits as {option}")));
        }
    }
    if !is_region(&region) {
        let help = near_region(&region).map_or_else(
            || "such as us-east-1".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return Err(Failure::new(format!("there is no region `{region}`"), help));
    }
    let text = configuration(&dev, &prod, &region);
    // What is written must be readable: a fault here is ours, and must not reach the user's file.
    let source = Source::new(path.display().to_string(), text);
    let checked = Document::read(source.clone());
    checked.map_err(|problems| Failure::document(source.clone(), problems))?;
    files::write(&path, source.text())?;
    if !global.quiet {
        print(&format!("Wrote {}.\n{}", path.display(), next_steps(&path)))?;
    }
    Ok(Outcome::Done)
}

fn next_steps(path: &Path) -> String {
    let config = if path == Path::new(DEFAULT_CONFIG) {
        String::new()
    } else {
        format!(" --config {}", path.display())
    };
    format!("Next: look at the bucket names in it, then `s3ferry synth{config}`.\n")
}

/// An option's value, or the answer to a question on the terminal.
fn value(
    given: &Option<String>,
    option: &str,
    question: &str,
    default: Option<&str>,
) -> Result<String, Failure> {
    if let Some(value) = given {
        return Ok(value.clone());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(
            format!("{option} is missing, and there is no terminal to ask on"),
            format!("give {option}"),
        ));
    }
    let shown = default.map_or_else(String::new, |value| format!(" [{value}]"));
    let mut out = anstream::stderr();
    let _ = write!(out, "{question}{shown}: ").and_then(|()| out.flush());
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match (read, answer.trim(), default) {
        (Ok(1..), "", Some(default)) => Ok(default.to_owned()),
        (Ok(1..), answer, _) if !answer.is_empty() => Ok(answer.to_owned()),
        _ => Err(Failure::new(
            format!("{option} is missing"),
            format!("give {option}"),
        )),
    }
}

fn configuration(dev: &str, prod: &str, region: &str) -> String {
    format!(
        r#"# s3ferry: a pipeline in one account deploys into an S3 bucket of another.
# What is not written here has a default; `s3ferry schema` describes all of it.

dev:
  account: "{dev}"               # owns the pipeline; IDs stay in quotes
  region: {region}
  profile: dev                          # named profile of your AWS configuration
  key:
    alias: s3deploykey
    administrators: []                  # ARNs of IAM roles or users of the dev account
    multi_region: false                 # decide now: a later change replaces the key
  source:
    bucket: s3ferry-source-{dev}-{region}
    object_key: sample-website.zip      # a new version of it starts the pipeline
    create: true                        # false: the bucket exists
  artifacts:
    bucket: s3ferry-artifacts-{dev}-{region}
    create: true                        # false: the bucket exists
  pipeline:
    name: crossaccountdeploy
    service_role: null                  # ARN of an existing role, or null: created

targets:
  - name: prod
    account: "{prod}"            # owns the output bucket and everything in it
    region: {region}
    profile: prod
    bucket: s3ferry-output-{prod}-{region}
    create: true                        # false: the bucket exists
    role: prods3role
    path: ""                            # folder of the bucket that is deployed to
    approval: false                     # true: somebody approves in the pipeline first

permissions: least                      # or article: the wildcards of AWS's own procedure
tags: {{}}
"#
    )
}
