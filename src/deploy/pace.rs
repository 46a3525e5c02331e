//! Intervals for polling AWS: short at first, then increasingly long.

use std::time::{Duration, Instant};

use super::DeployError;

const FIRST: Duration = Duration::from_millis(250);
const SLOWEST: Duration = Duration::from_secs(8);

/// The polling intervals of one wait.
#[derive(Debug)]
pub(crate) struct Pace {
    pause: Duration,
    until: Instant,
    limit: Duration,
}

impl Pace {
    /// Creates a wait of at most `limit`.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            pause: FIRST,
            until: Instant::now() + limit,
            limit,
        }
    }

    /// Shortens the next pause because the state has changed.
    pub(crate) fn hasten(&mut self) {
        self.pause = self.pause.min(FIRST * 4);
    }

    /// Returns the remaining time of the wait.
    pub(crate) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Returns the error for a wait for `what` that timed out.
    pub(crate) fn over(&self, what: &str) -> DeployError {
        DeployError::failed(
            format!("{what} is not complete after {}", shown(self.limit)),
            "run the same command again to resume, or wait longer with --wait-timeout",
        )
    }

    /// Pauses.
    ///
    /// # Errors
    /// Returns an error if the wait for `what` reaches its limit.
    pub(crate) async fn pause(&mut self, what: &str) -> Result<(), DeployError> {
        if self.pause > self.left() {
            return Err(self.over(what));
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 3 / 2).min(SLOWEST);
        Ok(())
    }
}

/// Formats a limit like an option value, such as `20s`, `90m`, or `2h`.
fn shown(limit: Duration) -> String {
    let seconds = limit.as_secs();
    match (seconds % 60, seconds / 60) {
        (0, minutes) if minutes % 60 == 0 && minutes > 60 => format!("{}h", minutes / 60),
        (0, minutes) if minutes > 0 => format!("{minutes}m"),
        _ => format!("{seconds}s"),
    }
}

/// The pause before a second attempt.
const SECOND_ATTEMPT: Duration = Duration::from_secs(1);

/// Retries of a call that fails temporarily. Each pause is twice as long as the previous one.
#[derive(Debug)]
pub(crate) struct Attempts {
    pause: Duration,
    made: u32,
    most: u32,
    until: Instant,
}

impl Attempts {
    /// Allows at most `further` retries, all of which start within `limit`.
    pub(crate) fn new(further: u32, limit: Duration) -> Self {
        Self {
            pause: SECOND_ATTEMPT,
            made: 1,
            most: further + 1,
            until: Instant::now() + limit,
        }
    }

    /// Returns the pause before the next attempt, or `None` if no attempts remain.
    pub(crate) fn next_pause(&mut self) -> Option<Duration> {
        if self.made == self.most || Instant::now() + self.pause > self.until {
            return None;
        }
        let pause = self.pause;
        self.made += 1;
        self.pause *= 2;
        Some(pause)
    }

    /// Returns the number of the next attempt and the total, such as `attempt 2 of 7`.
    pub(crate) fn shown(&self) -> String {
        format!("attempt {} of {}", self.made, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_shown_as_an_option_gives_it() {
        for (seconds, text) in [
            (1, "1s"),
            (20, "20s"),
            (90, "90s"),
            (3600, "60m"),
            (7200, "2h"),
        ] {
            assert_eq!(shown(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn attempts_end_by_their_number_and_by_the_limit() {
        let seconds = |limit: u64| {
            let mut attempts = Attempts::new(4, Duration::from_secs(limit));
            let pauses = std::iter::from_fn(|| attempts.next_pause());
            pauses.map(|pause| pause.as_secs()).collect::<Vec<_>>()
        };
        assert_eq!(seconds(3600), [1, 2, 4, 8]);
        assert_eq!(seconds(3), [1, 2]);
        assert_eq!(seconds(0), [0; 0]);
    }
}
