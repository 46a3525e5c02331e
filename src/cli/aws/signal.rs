//! The signals that end a command: Ctrl-C, `kill`, a terminal that is closed. All of them are
//! handled alike.

/// A signal that ended the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C (SIGINT).
    Interrupt,
    /// The end that another program asks for (SIGTERM), such as a canceled CI job.
    #[cfg_attr(not(unix), expect(dead_code, reason = "a signal of Unix"))]
    Terminate,
    /// The terminal is closed (SIGHUP).
    #[cfg_attr(not(unix), expect(dead_code, reason = "a signal of Unix"))]
    HangUp,
}

impl Signal {
    /// The exit code that a shell gives a command that a signal ended.
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
    /// Listens from now on, inside the runtime. A signal that the caller of the program ignores,
    /// as `nohup` does with SIGHUP, stays ignored.
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

/// The ignored signals as a set of bits, as far as the system tells it.
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
    /// Listens from now on.
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
