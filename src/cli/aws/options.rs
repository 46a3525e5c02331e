//! The options that the commands share.

use std::time::Duration;

use crate::aws::arn_kind::ArnKind;
use crate::deploy::{Origin, Settings, StackStep, check_endpoint, profile_variable};
use clap::Arg;
use serde::Serialize;

use crate::cli::aws::screen::Screen;
use crate::cli::output::{self, Text};
use crate::cli::proof::parameter;
use crate::cli::{Failure, Global, shell};

/// Options of every command that calls AWS.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "AWS")]
pub(crate) struct AwsOptions {
    /// Send all AWS requests to this endpoint, such as an emulator; same as AWS_ENDPOINT_URL
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    endpoint_url: Option<String>,
    /// Set the timeout for each attempt at an AWS call
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    read_timeout: Duration,
    /// Set the timeout for each AWS operation, such as 90s, 30m, or 2h
    #[arg(long, value_name = "DURATION", default_value = "60m", value_parser = duration)]
    pub(crate) wait_timeout: Duration,
}

/// The option of every command with machine-readable output.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct ResultOption {
    /// Set the output format
    #[arg(long, value_enum, default_value = "text", help_heading = "Output")]
    pub(crate) format: Format,
}

/// An output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Human-readable text.
    Text,
    /// JSON.
    Json,
}

impl ResultOption {
    pub(crate) fn is_text(self) -> bool {
        self.format == Format::Text
    }

    /// Prints the document if the format is JSON.
    pub(crate) fn print(self, document: &impl Serialize) -> Result<(), Failure> {
        match self.format {
            Format::Text => Ok(()),
            Format::Json => output::print(Text::document(document)?),
        }
    }
}

impl AwsOptions {
    /// Returns the endpoint, if set. An empty value counts as not set.
    pub(crate) fn endpoint_url(&self) -> Option<&str> {
        self.endpoint_url.as_deref().filter(|url| !url.is_empty())
    }

    /// Returns the connection settings.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            endpoint_url: self.endpoint_url().map(str::to_owned),
            read_timeout: self.read_timeout,
        }
    }
}

fn endpoint(text: &str) -> Result<String, String> {
    if !text.is_empty() {
        check_endpoint(text)?;
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Parses a duration such as `90s`, `30m`, or `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let unit = text.chars().last().unwrap_or_default();
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        _ => 0,
    };
    let number = text
        .strip_suffix(unit)
        .and_then(|text| text.parse::<u64>().ok());
    match number.and_then(|number| number.checked_mul(seconds)) {
        Some(total) if (1..=86_400).contains(&total) => Ok(Duration::from_secs(total)),
        _ => Err("expected a number followed by s, m, or h, up to 24h, such as 90s".to_owned()),
    }
}

/// The option that selects a profile.
#[derive(Debug, clap::Args)]
pub(crate) struct ProfileOption {
    /// Use this AWS profile
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    profile: Option<String>,
}

/// The help of `--profile` for commands that work in the dev account.
pub(crate) const DEV_PROFILE: &str =
    "Use this AWS profile [default: the dev profile in the configuration]";

/// The options that select stacks.
#[derive(Debug, clap::Args)]
pub(crate) struct StackOptions {
    #[command(flatten)]
    profile: ProfileOption,
    /// Select every stack
    #[arg(long, conflicts_with = "profile", help_heading = "Selection")]
    pub(crate) all: bool,
}

/// The option that skips confirmation prompts.
#[derive(Debug, clap::Args)]
pub(crate) struct YesOption {
    /// Skip the confirmation prompt
    #[arg(long, short, help_heading = "Behavior")]
    pub(crate) yes: bool,
}

/// The option for template parameters.
#[derive(Debug, clap::Args)]
pub(crate) struct ParameterOption {
    /// Set a template parameter; can be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter, help_heading = "Input")]
    pub(crate) parameters: Vec<(String, String)>,
}

/// The option for the CloudFormation service role.
#[derive(Debug, clap::Args)]
pub(crate) struct RoleOption {
    /// Let CloudFormation use this service role instead of the permissions of the profile
    #[arg(long, value_name = "ARN", value_parser = role_arn, help_heading = "Behavior")]
    pub(crate) role_arn: Option<String>,
}

/// The option for large templates.
#[derive(Debug, clap::Args)]
pub(crate) struct BucketOption {
    /// Upload large templates to this bucket
    #[arg(long, value_name = "BUCKET", help_heading = "Behavior")]
    pub(crate) template_bucket: Option<String>,
}

/// Sets the help of `--profile` and `--all`. `verb` is the action on the stacks of a profile, and
/// `all` is the help of `--all`.
pub(crate) fn stacks(verb: &str, all: &'static str) -> impl Fn(Arg) -> Arg {
    let profile = format!("{verb} the stacks assigned to this AWS profile");
    move |arg| match arg.get_id().as_str() {
        "profile" => arg.help(profile.clone()),
        "all" => arg.help(all),
        _ => arg,
    }
}

/// Replaces the help of a shared option in one command.
pub(crate) fn help(id: &'static str, help: &'static str) -> impl Fn(Arg) -> Arg {
    move |arg| match arg.get_id() == id {
        true => arg.help(help),
        false => arg,
    }
}

impl ProfileOption {
    pub(crate) fn name(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// Returns the profile of a command that requires one.
    pub(crate) fn required(&self, command: &str) -> Result<&str, Failure> {
        self.name().ok_or_else(|| {
            let help = "use `--profile NAME` to select the stacks of a profile";
            unnamed(command, "--profile", help)
        })
    }

    /// Returns the profile of a command that works in one account, and its origin: the option,
    /// `AWS_PROFILE` (as in the AWS CLI), or the configuration.
    pub(crate) fn or_configured(&self, configured: &str) -> (String, Origin) {
        match (self.name(), profile_variable()) {
            (Some(profile), _) => (profile.to_owned(), Origin::Explicit),
            (None, Some(profile)) => (profile, Origin::Variable),
            (None, None) => (configured.to_owned(), Origin::Explicit),
        }
    }
}

impl StackOptions {
    /// Returns the profile whose stacks are selected, or `None` for all stacks.
    pub(crate) fn profile(&self) -> Option<&str> {
        self.profile.name()
    }

    /// Creates the screen of a command that works on these stacks. The command that resumes an
    /// interrupted run includes these `options`.
    pub(crate) fn screen<'g>(
        &self,
        global: &'g Global,
        command: &str,
        options: &[&str],
    ) -> Result<Screen<'g>, Failure> {
        let mut words = vec![command];
        match self.profile() {
            Some(profile) => words.extend(["--profile", profile]),
            None if self.all => words.push("--all"),
            None => {
                let help = "use `--profile NAME` to select the stacks of a profile, or `--all` \
                            for every stack";
                return Err(unnamed(command, "--profile or --all", help));
            }
        }
        words.extend(options);
        Ok(Screen::new(global, shell::command(global, &words)))
    }
}

/// Returns the failure of a command without the `required` option that selects stacks.
///
/// `AWS_PROFILE` does not select stacks. Users export it for other work, so it must not determine
/// which account is changed.
fn unnamed(command: &str, required: &str, help: &str) -> Failure {
    let because = match profile_variable() {
        Some(name) => format!("; AWS_PROFILE (`{name}`) does not select stacks"),
        None => String::new(),
    };
    Failure::new(format!("`{command}` requires {required}{because}"), help)
}

/// Parses the ARN of a role. The ARN must identify exactly one role, because it is written into
/// policies.
pub(crate) fn role_arn(text: &str) -> Result<String, String> {
    match ArnKind::Role.parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(fault) => Err(format!("it {fault}: use arn:aws:iam::ACCOUNT:role/NAME")),
    }
}

/// Returns the stacks assigned to a profile.
pub(crate) fn of_profile<'s>(
    steps: &'s [StackStep],
    profile: &str,
) -> Result<Vec<&'s StackStep>, Failure> {
    let found: Vec<&StackStep> = steps
        .iter()
        .filter(|step| step.profile == profile)
        .collect();
    if found.is_empty() {
        let mut known: Vec<&str> = steps.iter().map(|step| step.profile.as_str()).collect();
        known.dedup();
        return Err(Failure::new(
            format!("no stack in the configuration uses profile `{profile}`"),
            format!("use one of these profiles: {}", known.join(", ")),
        ));
    }
    Ok(found)
}
