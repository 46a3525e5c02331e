//! The signals that end a command: Ctrl-C, `kill`, and a closed terminal. All are handled in the
//! same way.

/// A signal that ended the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C (SIGINT).
    Interrupt,
    /// A termination request from another program (SIGTERM), such as a canceled CI job.
    #[cfg_attr(not(unix), expect(dead_code, reason = "a Unix signal"))]
    Terminate,
    /// A closed terminal (SIGHUP).
    #[cfg_attr(not(unix), expect(dead_code, reason = "a Unix signal"))]
    HangUp,
}

impl Signal {
    /// Returns the exit code that shells use for a command ended by this signal.
    pub(crate) fn exit_code(self) -> u8 {
        128 + self.number()
    }

    fn number(self) -> u8 {
        match self {
            Self::HangUp => 1,
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }
}

/// Listens for the signals.
#[cfg(unix)]
pub(crate) struct Signals(Vec<(Signal, tokio::signal::unix::Signal)>);

#[cfg(unix)]
impl Signals {
    /// Starts listening. Must run inside the runtime. Signals that the parent process ignores, such
    /// as SIGHUP under `nohup`, stay ignored.
    pub(crate) fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let ignored = ignored();
        let mut all = Vec::new();
        for one in [Signal::Interrupt, Signal::Terminate, Signal::HangUp] {
            if ignored & (1 << (one.number() - 1)) == 0 {
                all.push((one, signal(SignalKind::from_raw(i32::from(one.number())))?));
            }
        }
        Ok(Self(all))
    }

    pub(crate) async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| {
            for (signal, stream) in &mut self.0 {
                if stream.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(*signal);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

/// Returns the ignored signals as a bit mask, or zero if the system does not report them.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default()
}

/// Listens for Ctrl-C.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Starts listening.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Interrupt,
            Err(_) => std::future::pending().await,
        }
    }
}
