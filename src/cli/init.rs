//! `s3ferry init`: writes a commented configuration with unique bucket names.

mod existing;
mod question;

use std::path::PathBuf;

use crate::aws::arn_kind::ArnKind;
use crate::config::Document;
use crate::diagnostic::Source;
use crate::escape::yaml_string;

use super::locate::DEFAULT_CONFIG;
use super::output::{self, print};
use super::{Failure, Global, Outcome, diagnostics, files, shell};
use question::{Question, REGION};

const EXAMPLES: &str = "\
Examples:
  s3ferry init  prompt for the account IDs
  s3ferry init --dev-account 111111111111 --prod-account 222222222222

For a repository, with a connection from `aws codeconnections list-connections`:
  s3ferry init --prod-account 222222222222 --connection ARN \\
    --repository example/website

With a build of the source:
  s3ferry init --prod-account 222222222222 --connection ARN \\
    --repository example/website --build 'make site' \\
    --build-output 'dist/**'

With a CloudFront distribution whose cache is invalidated after each deployment:
  s3ferry init --prod-account 222222222222 --distribution EDFDVBD6EXAMPLE

For bucket names that no other account can use:
  s3ferry init --prod-account 222222222222 --bucket-namespace account

For an existing pipeline:
  aws codepipeline get-pipeline --name site > site.json
  s3ferry init --from site.json --prod-account 222222222222
  s3ferry init --from site.json --bucket-account site-test=333333333333 \\
    --bucket-account site-prod=222222222222";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InitOptions {
    /// Set the ID of the account that owns the pipeline
    #[arg(
        long,
        value_name = "ID",
        conflicts_with = "from",
        help_heading = "Input"
    )]
    dev_account: Option<String>,
    /// Set the ID of the account that owns the output bucket
    #[arg(long, value_name = "ID", help_heading = "Input")]
    prod_account: Option<String>,
    /// Set the region of the pipeline and the output bucket [default: us-east-1]
    #[arg(long, value_name = "REGION", help_heading = "Input")]
    region: Option<String>,
    /// Use a repository as the source: set the ARN of the connection to its provider, which is also
    /// the default for --dev-account and --region
    #[arg(
        long,
        value_name = "ARN",
        requires = "repository",
        conflicts_with = "from",
        help_heading = "Input"
    )]
    connection: Option<String>,
    /// Set the full name of the repository, with --connection
    #[arg(
        long,
        value_name = "OWNER/NAME",
        requires = "connection",
        help_heading = "Input"
    )]
    repository: Option<String>,
    /// Set the branch that the pipeline deploys, with --connection [default: main]
    #[arg(
        long,
        value_name = "NAME",
        requires = "connection",
        help_heading = "Input"
    )]
    branch: Option<String>,
    /// Build the source with this shell command before it is deployed; can be repeated
    #[arg(
        long,
        value_name = "COMMAND",
        requires = "build_output",
        conflicts_with = "from",
        help_heading = "Input"
    )]
    build: Vec<String>,
    /// Set the files that the build outputs, such as `dist/**`, with --build
    #[arg(
        long,
        value_name = "PATTERN",
        requires = "build",
        help_heading = "Input"
    )]
    build_output: Option<String>,
    /// Invalidate the cache of the CloudFront distribution with this ID, in the prod account, after
    /// each deployment
    #[arg(
        long,
        value_name = "ID",
        conflicts_with = "from",
        help_heading = "Input"
    )]
    distribution: Option<String>,
    /// Set the namespace of the new buckets: `account` for names that no other account can use
    #[arg(
        long,
        value_name = "NAMESPACE",
        conflicts_with = "from",
        default_value = "global",
        help_heading = "Input"
    )]
    bucket_namespace: Namespace,
    /// Match the pipeline in this file, the output of `aws codepipeline get-pipeline`
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    from: Option<PathBuf>,
    /// Set the account that owns an output bucket, with --from; can be repeated
    #[arg(long, value_name = "BUCKET=ID", requires = "from", value_parser = bucket_account, help_heading = "Input")]
    bucket_account: Vec<(String, String)>,
    /// Overwrite an existing configuration
    #[arg(long, help_heading = "Behavior")]
    force: bool,
}

/// A value of `bucket_namespace`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Namespace {
    Global,
    Account,
}

impl Namespace {
    /// Returns the name of a bucket for the configuration.
    fn bucket(self, purpose: &str, account: &str, region: &str) -> String {
        match self {
            Self::Global => format!("s3ferry-{purpose}-{account}-{region}"),
            Self::Account => format!("s3ferry-{purpose}"),
        }
    }

    /// Returns the line with the setting.
    fn setting(self) -> &'static str {
        match self {
            Self::Global => {
                "\
# bucket_namespace: account             # or: shorter names, and s3ferry appends -ACCOUNT-REGION-an"
            }
            Self::Account => {
                "\
bucket_namespace: account               # appends -ACCOUNT-REGION-an to the names of new buckets"
            }
        }
    }
}

/// Writes the configuration.
pub(crate) fn run(global: &Global, options: &InitOptions) -> Result<Outcome, Failure> {
    let path = global
        .config
        .clone()
        .unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG));
    // A broken symbolic link also counts as an existing file.
    if path.symlink_metadata().is_ok() && !options.force {
        let shown = path.display();
        let message = match path.read_link() {
            Ok(target) => format!(
                "`{shown}` already exists: it is a symbolic link to `{}`",
                target.display()
            ),
            Err(_) => format!("`{shown}` already exists"),
        };
        return Err(Failure::new(
            message,
            "edit it or overwrite it with --force",
        ));
    }
    let text = match &options.from {
        Some(definition) => existing::configuration(global, options, definition)?,
        None => checked(fresh(global, options)?)?,
    };
    files::write(&path, &text)?;
    if !global.quiet {
        print(&format!(
            "Wrote {}.\n{}",
            output::path(&path),
            next_steps(global, options)
        ))?;
    }
    Ok(Outcome::Done)
}

/// Checks the new configuration. The problems have no location, because the file does not exist
/// yet.
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

/// Creates the configuration of a new pipeline.
fn fresh(global: &Global, options: &InitOptions) -> Result<String, Failure> {
    let dev = Question::account("--dev-account", "Dev account ID (12 digits)");
    let prod = Question::account("--prod-account", "Prod account ID (12 digits)");
    // The connection is in the account and the region of the pipeline.
    let connection = match options.connection.as_deref() {
        Some(text) => Some(ArnKind::Connection.parse(text).map_err(|fault| {
            Failure::new(
                format!("`{text}` {fault}"),
                "set --connection to an ARN from `aws codeconnections list-connections`",
            )
        })?),
        None => None,
    };
    let of_connection = connection.map(|arn| (arn.account, arn.region));
    let (account, region) = of_connection.unzip();
    // Check all options before asking the first question.
    let given = [
        dev.given(options.dev_account.as_deref().or(account)),
        prod.given(options.prod_account.as_deref()),
        REGION.given(options.region.as_deref().or(region)),
    ];
    let (given, problems): (Vec<_>, Vec<_>) = given.into_iter().partition(Result::is_ok);
    if !problems.is_empty() {
        return Err(Failure::Several(
            problems.into_iter().filter_map(Result::err).collect(),
        ));
    }
    let mut given = given.into_iter().filter_map(Result::ok);
    let mut answer = |question: &Question| match given.next().flatten() {
        Some(value) => Ok(value),
        None => question.ask(),
    };
    let (dev, prod) = (answer(&dev)?, answer(&prod)?);
    // With both accounts as options, the command runs without questions.
    let is_asked =
        options.dev_account.as_deref().or(account).is_none() || options.prod_account.is_none();
    let region = match (options.region.as_deref().or(region), REGION.default) {
        (None, Some(default)) if !is_asked => default.to_owned(),
        _ => answer(&REGION)?,
    };
    if dev == prod {
        warn_of_one_account(global, &dev);
    }
    let source = match (&options.connection, &options.repository) {
        (Some(connection), Some(repository)) => {
            repository_source(connection, repository, options.branch.as_deref())
        }
        _ => object_source(&options.bucket_namespace.bucket("source", &dev, &region)),
    };
    let [source, tags] = match &options.build_output {
        Some(output) => with_build(source, &options.build, output),
        None => source,
    };
    let invalidation = options.distribution.as_deref().map(invalidation);
    let source = [source, tags + &invalidation.unwrap_or_default()];
    let namespace = options.bucket_namespace;
    let buckets = [
        namespace.bucket("artifacts", &dev, &region),
        namespace.bucket("output", &prod, &region),
    ];
    Ok(configuration(
        [&dev, &prod],
        &region,
        &source,
        &buckets,
        namespace,
    ))
}

/// Returns the settings of a source object, and the setting of the target that depends on it.
fn object_source(bucket: &str) -> [String; 2] {
    let source = format!(
        "    bucket: {bucket}
    object_key: sample-website.zip      # a new version starts the pipeline
    create: true                        # false: the bucket already exists
"
    );
    let tags =
        "    tagged_objects: false               # true: the source object has S3 object tags
";
    [source, tags.to_owned()]
}

/// Returns the settings of a repository.
fn repository_source(connection: &str, repository: &str, branch: Option<&str>) -> [String; 2] {
    let source = format!(
        "    connection: {}
    repository: {}
    branch: {:<28}# every push to it starts the pipeline; see `trigger`
",
        yaml_string(connection),
        yaml_string(repository),
        yaml_string(branch.unwrap_or("main")),
    );
    [source, String::new()]
}

/// Adds the build of a source. The output of a build has no object tags.
fn with_build([mut source, _]: [String; 2], commands: &[String], output: &str) -> [String; 2] {
    source.push_str("  build:\n    commands:\n");
    for command in commands {
        source.push_str(&format!("      - {}\n", yaml_string(command)));
    }
    source.push_str(&format!(
        "    output: {:<28}# the files to deploy\n",
        yaml_string(output)
    ));
    [source, String::new()]
}

/// Returns the setting that invalidates the cache of a distribution.
fn invalidation(distribution: &str) -> String {
    format!(
        "    invalidate:
      distribution: {:<22}# serves the bucket; paths: /*
",
        yaml_string(distribution)
    )
}

fn warn_of_one_account(global: &Global, account: &str) {
    let message = format!("the dev account and the prod account are both {account}");
    diagnostics::warn_of_one_account(global, &message);
}

/// Returns the region of the pipeline, from the option or the user's answer.
fn region(options: &InitOptions) -> Result<String, Failure> {
    match REGION.given(options.region.as_deref())? {
        Some(region) => Ok(region),
        None => REGION.ask(),
    }
}

fn bucket_account(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((bucket, id)) if !bucket.is_empty() && !id.is_empty() => {
            Ok((bucket.to_owned(), id.to_owned()))
        }
        _ => Err("expected BUCKET=ID".to_owned()),
    }
}

fn next_steps(global: &Global, options: &InitOptions) -> String {
    let synth = shell::command(global, &["synth"]);
    let look = match options.from {
        Some(_) => "review it",
        None => "check its bucket names",
    };
    format!("Next: {look}, then run `{synth}`.\n")
}

fn configuration(
    [dev, prod]: [&str; 2],
    region: &str,
    [source, tags]: &[String; 2],
    [artifacts, output]: &[String; 2],
    namespace: Namespace,
) -> String {
    let setting = namespace.setting();
    format!(
        r#"# s3ferry: a pipeline in one account deploys to an S3 bucket in another account.
# All other settings have defaults; `s3ferry schema` describes them.

dev:
  account: "{dev}"               # owns the pipeline; keep the quotes
  region: {region}
  profile: dev                          # named profile in your AWS configuration
  key:
    alias: s3deploykey
    administrators: []                  # ARNs of IAM roles or users in the dev account
    multi_region: false                 # changing this later replaces the key
  source:
{source}  artifacts:
    bucket: {artifacts}
    create: true                        # false: the bucket already exists
  pipeline:
    name: crossaccountdeploy
    service_role: null                  # ARN of an existing role; null creates one

targets:
  - name: prod
    account: "{prod}"            # owns the output bucket and its objects
    region: {region}
    profile: prod
    bucket: {output}
    create: true                        # false: the bucket already exists
    role: prods3role
    path: ""                            # folder in the bucket; "" is the top level
{tags}    approval: false                     # true: the stage waits for an approval

permissions: least                      # or article: the wildcards in AWS's published procedure
{setting}
quotas:
  actions_per_pipeline: 1000            # AWS quota; larger fleets need more pipelines
tags: {{}}
"#
    )
}
