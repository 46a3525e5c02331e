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

/// The pause before a second attempt.
const SECOND_ATTEMPT: Duration = Duration::from_secs(1);

/// Further attempts at something that fails for a while; each pause is twice as long as the one
/// before.
#[derive(Debug)]
pub struct Attempts {
    pause: Duration,
    made: u32,
    most: u32,
    until: Instant,
}

impl Attempts {
    /// At most `further` attempts after the first, the last of them within `limit`.
    pub fn new(further: u32, limit: Duration) -> Self {
        Self {
            pause: SECOND_ATTEMPT,
            made: 1,
            most: further + 1,
            until: Instant::now() + limit,
        }
    }

    /// The pause before the next attempt; `None` when there is no further one.
    pub fn next_pause(&mut self) -> Option<Duration> {
        if self.made == self.most || Instant::now() + self.pause > self.until {
            return None;
        }
        let pause = self.pause;
        self.made += 1;
        self.pause *= 2;
        Some(pause)
    }

    /// The next attempt and how many there are, such as `attempt 2 of 7`.
    pub fn shown(&self) -> String {
        format!("attempt {} of {}", self.made, self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
