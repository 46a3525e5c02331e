//! Runs work that calls AWS, and handles its interruption.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::cli::aws::live::TICK;
use crate::cli::aws::screen::Screen;
use crate::cli::aws::signal::Signals;
use crate::cli::{Failure, Outcome};

/// Time limit for the cleanup after an interruption.
const TIDY_LIMIT: Duration = Duration::from_secs(15);

/// How long a command waits for credentials before it prints a message.
const SILENCE: Duration = Duration::from_secs(3);

/// Runs work that calls AWS. The first signal stops the work and reports the operations that
/// continue in AWS. The second signal ends the program immediately.
pub(crate) fn block_on(
    screen: &Screen<'_>,
    work: impl Future<Output = Result<Outcome, Failure>>,
) -> Result<Outcome, Failure> {
    block_on_or(screen, work, async || {})
}

/// Runs work like [`block_on`]. Always deletes change sets that were not executed. After an
/// interruption, runs `tidy` for other cleanup, with a time limit.
pub(crate) fn block_on_or(
    screen: &Screen<'_>,
    work: impl Future<Output = Result<Outcome, Failure>>,
    tidy: impl AsyncFnOnce(),
) -> Result<Outcome, Failure> {
    let cannot_start = |error| Failure::new(format!("cannot start the async runtime: {error}"), "");
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
    // Do not wait for background tasks: a second signal could not stop them.
    runtime.shutdown_background();
    result
}

/// Updates the screen periodically. Never returns.
async fn ticks(screen: &Screen<'_>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        screen.tick();
    }
}

/// Waits for the first response to a call with a profile's credentials. Prints a message after a
/// delay, because a `credential_process` may be waiting for the user.
pub(crate) async fn first_answer<T>(
    screen: &Screen<'_>,
    profile: &str,
    answer: impl Future<Output = T>,
) -> T {
    let mut answer = pin!(answer);
    tokio::select! {
        answer = &mut answer => return answer,
        () = tokio::time::sleep(SILENCE) => {}
    }
    screen.says(format!(
        "Waiting for the credentials of profile {profile} or the first response from AWS."
    ));
    answer.await
}
