//! What every command that talks to AWS shares: options, the runtime, and being interrupted.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::aws::arn_kind::ArnKind;
use crate::deploy::{Origin, Settings, StackStep, check_endpoint, profile_variable};

use tokio::time::MissedTickBehavior;

use crate::cli::aws::live::TICK;
use crate::cli::aws::screen::Screen;
use crate::cli::aws::signal::Signals;
use crate::cli::{Failure, Global, Outcome, output};

/// How long the tidying after an interruption may take.
const TIDY_LIMIT: Duration = Duration::from_secs(15);

/// How long a command waits for credentials without a word.
const SILENCE: Duration = Duration::from_secs(3);

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

/// Runs work that talks to AWS. The first signal stops it, and says what continues without us; the
/// second one ends the program at once.
///
/// # Errors
/// What the work fails with.
pub(crate) fn block_on(
    screen: &Screen,
    work: impl Future<Output = Result<Outcome, Failure>>,
) -> Result<Outcome, Failure> {
    block_on_or(screen, work, async || {})
}

/// Runs work as [`block_on`] does. However it ends, change sets that are not executed are deleted;
/// after an interruption `tidy` takes away what else must not stay, for a short while.
///
/// # Errors
/// What the work fails with.
pub(crate) fn block_on_or(
    screen: &Screen,
    work: impl Future<Output = Result<Outcome, Failure>>,
    tidy: impl AsyncFnOnce(),
) -> Result<Outcome, Failure> {
    let cannot_start = |error| Failure::new(format!("cannot start: {error}"), "");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(cannot_start)?;
    let result = runtime.block_on(async {
        let mut signals = Signals::listen().map_err(cannot_start)?;
        let result = tokio::select! {
            result = work => result,
            signal = signals.next() => {
                screen.interrupted();
                tokio::select! {
                    () = tidy() => {}
                    _ = signals.next() => {}
                    () = tokio::time::sleep(TIDY_LIMIT) => {}
                }
                Ok(Outcome::Interrupted(signal))
            }
            () = ticks(screen) => Ok(Outcome::Done),
        };
        screen.clear();
        let limit = async {
            tokio::select! {
                _ = signals.next() => {}
                () = tokio::time::sleep(TIDY_LIMIT) => {}
            }
        };
        screen.tidy(limit).await;
        result.map_err(|failure| screen.explain(failure))
    });
    // Nothing that is still running is waited for: a second signal has nothing left to stop.
    runtime.shutdown_background();
    result
}

/// A role's ARN. A policy is granted to it or for it, so that it names one role.
pub(crate) fn role_arn(text: &str) -> Result<String, String> {
    match ArnKind::Role.parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(fault) => Err(format!("it {fault}: write arn:aws:iam::ACCOUNT:role/NAME")),
    }
}

/// Lets the screen know that time passes. Never ends.
async fn ticks(screen: &Screen) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        screen.tick();
    }
}

/// Makes sure that the user names the stacks that a command works on: by `--profile`, or by `all`
/// where the command has that option.
///
/// `AWS_PROFILE` does not name them: it is exported for other work too, and must not decide which
/// account is changed.
///
/// # Errors
/// No option names them.
pub(crate) fn require_stacks(
    command: &str,
    profile: Option<&str>,
    all: Option<bool>,
) -> Result<(), Failure> {
    if profile.is_some() || all == Some(true) {
        return Ok(());
    }
    let (wanted, help) = match all {
        Some(_) => (
            "--profile or --all is",
            "give `--profile NAME` for the stacks of one profile, or `--all` for every stack",
        ),
        None => (
            "--profile is",
            "give `--profile NAME` for the stacks of this profile",
        ),
    };
    let because = match profile_variable() {
        Some(name) => format!("; AWS_PROFILE (`{name}`) does not select stacks"),
        None => String::new(),
    };
    Err(Failure::new(
        format!("{command} needs to know which stacks: {wanted} required{because}"),
        help,
    ))
}

/// The profile of a command that works in one account, and what names it: the option, `AWS_PROFILE`
/// as in the AWS CLI, or the configuration.
pub(crate) fn profile_for(option: Option<&str>, configured: &str) -> (String, Origin) {
    match (option, profile_variable()) {
        (Some(profile), _) => (profile.to_owned(), Origin::Explicit),
        (None, Some(profile)) => (profile, Origin::Variable),
        (None, None) => (configured.to_owned(), Origin::Explicit),
    }
}

/// Waits for the first answer to a profile's credentials. If that takes long, it says what it waits
/// for: a `credential_process` may wait for its user.
pub(crate) async fn first_answer<T>(
    global: &Global,
    profile: &str,
    answer: impl Future<Output = T>,
) -> T {
    let mut answer = pin!(answer);
    tokio::select! {
        answer = &mut answer => return answer,
        () = tokio::time::sleep(SILENCE) => {}
    }
    output::note(
        global,
        &format!(
            "Waiting for the credentials of profile {profile}, or for the first answer of AWS to \
             them."
        ),
    );
    answer.await
}

/// The stacks that a profile deploys.
///
/// # Errors
/// No stack of the configuration has this profile.
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
