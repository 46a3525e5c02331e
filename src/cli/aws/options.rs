//! The options that the commands share, each declared once.

use std::time::Duration;

use crate::aws::arn_kind::ArnKind;
use crate::deploy::{Origin, Settings, StackStep, check_endpoint, profile_variable};
use clap::Arg;
use serde::Serialize;

use crate::cli::aws::screen::Screen;
use crate::cli::output::{self, Text};
use crate::cli::proof::parameter;
use crate::cli::{Failure, Global, shell};

/// Options of every command that talks to AWS.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "AWS")]
pub(crate) struct AwsOptions {
    /// Endpoint of every service, for an emulator; AWS_ENDPOINT_URL does the same
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    endpoint_url: Option<String>,
    /// How long one attempt of a call may take
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    read_timeout: Duration,
    /// How long one operation at AWS may take, such as 90s, 30m or 2h
    #[arg(long, value_name = "DURATION", default_value = "60m", value_parser = duration)]
    pub(crate) wait_timeout: Duration,
}

/// The option of every command with a result that machines can read.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct ResultOption {
    /// Format of the result
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

/// The format of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl ResultOption {
    pub(crate) fn is_text(self) -> bool {
        self.format == Format::Text
    }

    /// Prints the result for machines, if it is asked for.
    pub(crate) fn print(self, document: &impl Serialize) -> Result<(), Failure> {
        match self.format {
            Format::Text => Ok(()),
            Format::Json => output::print(Text::document(document)?),
        }
    }
}

impl AwsOptions {
    /// The endpoint, where one is given; an empty one counts as not given.
    pub(crate) fn endpoint_url(&self) -> Option<&str> {
        self.endpoint_url.as_deref().filter(|url| !url.is_empty())
    }

    /// The settings of connections.
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

/// A duration such as `90s`, `30m` or `2h`.
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
        _ => Err("a duration is a number with s, m or h, such as 90s, at most 24h".to_owned()),
    }
}

/// The option that names a profile.
#[derive(Debug, clap::Args)]
pub(crate) struct ProfileOption {
    /// Named profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

/// The help of `--profile` in a command that works in the dev account.
pub(crate) const DEV_PROFILE: &str =
    "Named profile of the AWS configuration [default: the dev account's, by the configuration]";

/// The options that name the stacks to work on.
#[derive(Debug, clap::Args)]
pub(crate) struct StackOptions {
    #[command(flatten)]
    profile: ProfileOption,
    /// Every stack
    #[arg(long, conflicts_with = "profile")]
    pub(crate) all: bool,
}

/// The option that answers every question with yes.
#[derive(Debug, clap::Args)]
pub(crate) struct YesOption {
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Parameters of the templates.
#[derive(Debug, clap::Args)]
pub(crate) struct ParameterOption {
    /// A parameter of the template; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
}

/// The role that CloudFormation acts with.
#[derive(Debug, clap::Args)]
pub(crate) struct RoleOption {
    /// Role that CloudFormation acts with, instead of the profile's own permissions
    #[arg(long, value_name = "ARN", value_parser = role_arn)]
    pub(crate) role_arn: Option<String>,
}

/// The bucket for long templates.
#[derive(Debug, clap::Args)]
pub(crate) struct BucketOption {
    /// Bucket for templates that are too long to go inline
    #[arg(long, value_name = "BUCKET")]
    pub(crate) template_bucket: Option<String>,
}

/// The help of `--profile` and `--all` in a command: what it does with the stacks of a profile, and
/// with all.
pub(crate) fn stacks(does: &str, all: &'static str) -> impl Fn(Arg) -> Arg {
    let profile = format!(
        "Named profile of the AWS configuration: {does} the stacks that the configuration gives it"
    );
    move |arg| match arg.get_id().as_str() {
        "profile" => arg.help(profile.clone()),
        "all" => arg.help(all),
        _ => arg,
    }
}

/// Another help for a shared option of a command.
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

    /// The profile of a command that works on the stacks of one profile.
    pub(crate) fn required(&self, command: &str) -> Result<&str, Failure> {
        self.name().ok_or_else(|| {
            let help = "give `--profile NAME` for the stacks of this profile";
            unnamed(command, "--profile is", help)
        })
    }

    /// The profile of a command that works in one account, and what names it: the option,
    /// `AWS_PROFILE` as in the AWS CLI, or the configuration.
    pub(crate) fn or_configured(&self, configured: &str) -> (String, Origin) {
        match (self.name(), profile_variable()) {
            (Some(profile), _) => (profile.to_owned(), Origin::Explicit),
            (None, Some(profile)) => (profile, Origin::Variable),
            (None, None) => (configured.to_owned(), Origin::Explicit),
        }
    }
}

impl StackOptions {
    /// The profile whose stacks are meant; `None`: all stacks.
    pub(crate) fn profile(&self) -> Option<&str> {
        self.profile.name()
    }

    /// The screen of a command that works on these stacks. An interrupted run is resumed with these
    /// `options`.
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
                let help = "give `--profile NAME` for the stacks of one profile, or `--all` for \
                            every stack";
                return Err(unnamed(command, "--profile or --all is", help));
            }
        }
        words.extend(options);
        Ok(Screen::new(global, shell::command(global, &words)))
    }
}

/// The failure of a command whose stacks no option names.
///
/// `AWS_PROFILE` does not name them: it is exported for other work too, and must not decide which
/// account is changed.
fn unnamed(command: &str, wanted: &str, help: &str) -> Failure {
    let because = match profile_variable() {
        Some(name) => format!("; AWS_PROFILE (`{name}`) does not select stacks"),
        None => String::new(),
    };
    Failure::new(
        format!("{command} needs to know which stacks: {wanted} required{because}"),
        help,
    )
}

/// A role's ARN. A policy is granted to it or for it, so that it names one role.
pub(crate) fn role_arn(text: &str) -> Result<String, String> {
    match ArnKind::Role.parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(fault) => Err(format!("it {fault}: write arn:aws:iam::ACCOUNT:role/NAME")),
    }
}

/// The stacks that a profile deploys.
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
            format!("the configuration has no stack for profile `{profile}`"),
            format!("its profiles are: {}", known.join(", ")),
        ));
    }
    Ok(found)
}
