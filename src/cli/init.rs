//! `s3ferry init`: a commented configuration with bucket names of the user's own.

mod existing;

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use crate::aws::names::account_id_problem;
use crate::config::{Document, pipeline_region_problem};
use crate::diagnostic::Source;

use super::locate::DEFAULT_CONFIG;
use super::output::{self, print};
use super::{Failure, Global, Outcome, files, shell};

const EXAMPLES: &str = "\
Examples:
  s3ferry init                 asks for the accounts
  s3ferry init --dev-account 111111111111 --prod-account 222222222222 --region eu-west-1

For a pipeline that exists already:
  aws codepipeline get-pipeline --name site > site.json
  s3ferry init --from site.json --prod-account 222222222222
  s3ferry init --from site.json --bucket-account site-test=333333333333 \\
    --bucket-account site-prod=222222222222";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InitOptions {
    /// ID of the account that owns the pipeline
    #[arg(long, value_name = "ID", conflicts_with = "from")]
    dev_account: Option<String>,
    /// ID of the account that owns the output bucket
    #[arg(long, value_name = "ID")]
    prod_account: Option<String>,
    /// Region of both [default: us-east-1]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Match a pipeline that exists: what `aws codepipeline get-pipeline` printed
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// With --from: the account that owns an output bucket; may be repeated
    #[arg(long, value_name = "BUCKET=ID", requires = "from", value_parser = bucket_account)]
    bucket_account: Vec<(String, String)>,
    /// Overwrite an existing configuration
    #[arg(long)]
    force: bool,
}

/// Writes the configuration.
pub(crate) fn run(global: &Global, options: &InitOptions) -> Result<Outcome, Failure> {
    let path = global
        .config
        .clone()
        .unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG));
    // A link that leads nowhere is the user's as well.
    if path.symlink_metadata().is_ok() && !options.force {
        let shown = path.display();
        let message = match path.read_link() {
            Ok(target) => format!(
                "`{shown}` exists already: it is a symbolic link to `{}`",
                target.display()
            ),
            Err(_) => format!("`{shown}` exists already"),
        };
        return Err(Failure::new(
            message,
            "edit it, or overwrite it with --force",
        ));
    }
    let text = match &options.from {
        Some(definition) => existing::configuration(global, options, definition)?,
        None => checked(fresh(options)?)?,
    };
    files::write(&path, &text)?;
    if !global.quiet {
        print(&format!(
            "Wrote {}.\n{}",
            output::path(&path),
            next_steps(&path, options)
        ))?;
    }
    Ok(Outcome::Done)
}

/// A configuration that can be read. Its problems have no place, since the file is not written.
fn checked(text: String) -> Result<String, Failure> {
    match Document::read(Source::new(DEFAULT_CONFIG, text.as_str())) {
        Ok(_) => Ok(text),
        Err(problems) => Err(Failure::Several(
            problems
                .into_iter()
                .map(|problem| Failure::new(problem.message, problem.help.unwrap_or_default()))
                .collect(),
        )),
    }
}

/// The configuration of a pipeline of our own.
fn fresh(options: &InitOptions) -> Result<String, Failure> {
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
    let region = region(options)?;
    check_account("--dev-account", &dev)?;
    check_account("--prod-account", &prod)?;
    Ok(configuration(&dev, &prod, &region))
}

fn region(options: &InitOptions) -> Result<String, Failure> {
    let region = match &options.region {
        Some(region) => region.clone(),
        None if std::io::stdin().is_terminal() => {
            value(&None, "--region", "Region", Some("us-east-1"))?
        }
        None => "us-east-1".to_owned(),
    };
    match pipeline_region_problem(&region, "the pipeline") {
        Some((message, help)) => Err(Failure::new(message, help)),
        None => Ok(region),
    }
}

fn check_account(option: &str, id: &str) -> Result<(), Failure> {
    match account_id_problem(id) {
        None => Ok(()),
        Some(problem) => Err(Failure::new(problem, format!("give 12 digits as {option}"))),
    }
}

fn bucket_account(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((bucket, id)) if !bucket.is_empty() && !id.is_empty() => {
            Ok((bucket.to_owned(), id.to_owned()))
        }
        _ => Err("it is BUCKET=ID".to_owned()),
    }
}

fn next_steps(path: &Path, options: &InitOptions) -> String {
    let config = if path == Path::new(DEFAULT_CONFIG) {
        String::new()
    } else {
        format!(" --config {}", shell::word(&path.to_string_lossy()))
    };
    let look = if options.from.is_some() {
        "look it through"
    } else {
        "look at the bucket names in it"
    };
    format!("Next: {look}, then `s3ferry synth{config}`.\n")
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
    output::ask(&format!("{question}{shown}: "));
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
    tagged_objects: false               # true: the source object has S3 object tags
    approval: false                     # true: somebody approves in the pipeline first

permissions: least                      # or article: the wildcards of AWS's own procedure
quotas:
  actions_per_pipeline: 1000            # AWS's limit; a large fleet needs further pipelines beyond it
tags: {{}}
"#
    )
}
