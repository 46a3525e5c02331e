//! How often AWS is asked while something goes on: soon at first, then ever more seldom.

use std::time::{Duration, Instant};

use super::DeployError;

const FIRST: Duration = Duration::from_millis(250);
const SLOWEST: Duration = Duration::from_secs(8);

/// The pauses of one wait.
#[derive(Debug)]
pub struct Pace {
    pause: Duration,
    until: Instant,
    limit: Duration,
}

impl Pace {
    /// A wait of at most `limit`.
    pub fn new(limit: Duration) -> Self {
        Self {
            pause: FIRST,
            until: Instant::now() + limit,
            limit,
        }
    }

    /// Something happened: ask again soon.
    pub fn hasten(&mut self) {
        self.pause = self.pause.min(FIRST * 4);
    }

    /// Pauses.
    ///
    /// # Errors
    /// The whole wait has taken longer than its limit; `what` says for what.
    pub async fn pause(&mut self, what: &str) -> Result<(), DeployError> {
        if Instant::now() + self.pause > self.until {
            return Err(DeployError::failed(
                format!(
                    "{what} is not done after {} minutes",
                    self.limit.as_secs().div_ceil(60)
                ),
                "AWS goes on by itself: run the same command again to follow it, or wait longer \
                 with --wait-timeout",
            ));
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 3 / 2).min(SLOWEST);
        Ok(())
    }
}
