//! What every command that talks to AWS shares: options, the runtime, and being interrupted.

use std::future::Future;
use std::time::Duration;

use s3ferry::aws::arn::ArnKind;
use s3ferry::deploy::{Settings, StackStep};

use tokio::time::MissedTickBehavior;

use super::live::TICK;
use super::screen::Screen;
use super::signal::Signals;
use super::{Failure, Outcome};

/// How long the tidying after an interruption may take.
const TIDY_LIMIT: Duration = Duration::from_secs(15);

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

impl AwsOptions {
    /// The endpoint, where one is given.
    pub(crate) fn endpoint_url(&self) -> Option<&str> {
        self.endpoint_url.as_deref()
    }

    /// The settings of connections.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            endpoint_url: self.endpoint_url.clone(),
            read_timeout: self.read_timeout,
        }
    }
}

fn endpoint(text: &str) -> Result<String, String> {
    if text.starts_with("http://") || text.starts_with("https://") {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("an endpoint begins with http:// or https://".to_owned())
    }
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
