//! Running work that talks to AWS, and its interruption.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::cli::aws::live::TICK;
use crate::cli::aws::screen::Screen;
use crate::cli::aws::signal::Signals;
use crate::cli::{Failure, Outcome};

/// How long the tidying after an interruption may take.
const TIDY_LIMIT: Duration = Duration::from_secs(15);

/// How long a command waits for credentials without a word.
const SILENCE: Duration = Duration::from_secs(3);

/// Runs work that talks to AWS. The first signal stops it, and says what continues without us; the
/// second one ends the program at once.
pub(crate) fn block_on(
    screen: &Screen<'_>,
    work: impl Future<Output = Result<Outcome, Failure>>,
) -> Result<Outcome, Failure> {
    block_on_or(screen, work, async || {})
}

/// Runs work as [`block_on`] does. However it ends, change sets that are not executed are deleted;
/// after an interruption `tidy` takes away what else must not stay, for a short while.
pub(crate) fn block_on_or(
    screen: &Screen<'_>,
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

/// Lets the screen know that time passes. Never ends.
async fn ticks(screen: &Screen<'_>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        screen.tick();
    }
}

/// Waits for the first answer to a profile's credentials. If that takes long, it says what it waits
/// for: a `credential_process` may wait for its user.
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
        "Waiting for the credentials of profile {profile}, or for the first answer of AWS to \
         them."
    ));
    answer.await
}
