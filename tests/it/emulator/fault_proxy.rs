//! A proxy between a client and the emulator. It records every call, and makes calls fail like AWS
//! and networks do.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use super::answer::Answer;
use super::call::{Call, Protocol};
use super::http::Message;
use super::server::{Reply, Server};

/// How a call fails.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// AWS rejects the call because of too many requests.
    Throttled,
    /// AWS returns status 500.
    Failed,
    /// The connection breaks before AWS receives the call.
    Dropped,
    /// AWS executes the call, and the connection breaks before the response.
    AnswerLost,
    /// AWS executes the call, and the response arrives after this time.
    Late(Duration),
    /// AWS does not receive the call, and this is the response.
    Answered(Answer),
    /// AWS executes the call, and this function changes the text of the response.
    Rewritten(fn(String) -> String),
    /// Another server responds instead of AWS: status, content type, location, and body.
    Stranger(u16, &'static str, &'static str, &'static str),
    /// This is the start of the response, which is then cut off.
    CutOff(&'static str),
}

/// The result of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The emulator returned this status.
    Answered(u16),
    /// The proxy made the call fail, and the emulator did not receive it.
    Refused,
    /// The emulator executed the call, and the client got no response or a late one.
    Lost,
}

/// The proxy.
#[derive(Debug)]
pub(crate) struct FaultProxy {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    emulator: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    seen: HashMap<String, usize>,
    calls: Vec<(Call, Outcome)>,
    hold: Option<Hold>,
    held: bool,
}

#[derive(Debug)]
struct Rule {
    /// The operation, or `None` for every operation.
    action: Option<String>,
    which: Which,
    fault: Fault,
}

/// Selects calls of an operation.
#[derive(Debug, Clone, Copy)]
enum Which {
    Each,
    /// The n-th call, starting at 1.
    Nth(usize),
    /// The first call, the third, …
    Odd,
}

impl Which {
    fn is(self, number: usize) -> bool {
        match self {
            Self::Each => true,
            Self::Nth(nth) => nth == number,
            Self::Odd => number % 2 == 1,
        }
    }
}

#[derive(Debug, Clone)]
struct Hold {
    /// The operation, or `None` for every operation.
    action: Option<String>,
    /// The number of the call, starting at 1. All later calls are also held.
    nth: usize,
    /// Whether the emulator executes the call.
    forwarded: bool,
    /// Whether the call has arrived.
    begun: bool,
}

impl FaultProxy {
    /// Returns a proxy that only records calls until a fault is set.
    pub(crate) fn before(emulator: SocketAddr) -> Self {
        let shared = Arc::new(Shared {
            emulator,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let of_server = Arc::clone(&shared);
        let server = Server::start(move |request| of_server.reply(request));
        Self { server, shared }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// Makes the n-th call of an operation fail, starting at 1.
    pub(crate) fn nth(&self, action: &str, nth: usize, fault: Fault) {
        self.rule(Some(action), Which::Nth(nth), fault);
    }

    /// Makes every call of an operation fail, or replaces its response.
    pub(crate) fn always(&self, action: &str, fault: Fault) {
        self.rule(Some(action), Which::Each, fault);
    }

    /// Makes the first call of every operation fail.
    pub(crate) fn each_operation_once(&self, fault: Fault) {
        self.rule(None, Which::Nth(1), fault);
    }

    /// Makes every call fail once. When the client repeats a call, it succeeds.
    pub(crate) fn each_call_once(&self, fault: Fault) {
        self.rule(None, Which::Odd, fault);
    }

    fn rule(&self, action: Option<&str>, which: Which, fault: Fault) {
        self.state().rules.push(Rule {
            action: action.map(str::to_owned),
            which,
            fault,
        });
    }

    /// Holds the n-th of all calls, starting at 1. This call and all later ones get no response.
    /// `forwarded` says whether the emulator still executes the call.
    pub(crate) fn hold(&self, call: usize, forwarded: bool) {
        self.hold_at(None, call, forwarded);
    }

    /// Holds the n-th call of an operation, starting at 1. `None` counts the calls of all
    /// operations.
    pub(crate) fn hold_at(&self, action: Option<&str>, nth: usize, forwarded: bool) {
        self.state().hold = Some(Hold {
            action: action.map(str::to_owned),
            nth,
            forwarded,
            begun: false,
        });
    }

    /// Waits until the held call arrives. Returns false if that takes longer than `limit`.
    pub(crate) fn wait_until_held(&self, limit: Duration) -> bool {
        let waited = self
            .shared
            .changed
            .wait_timeout_while(self.state(), limit, |state| !state.held);
        waited.expect("no test panics in here").0.held
    }

    /// Returns the calls with their results, in order.
    pub(crate) fn calls(&self) -> Vec<(Call, Outcome)> {
        self.state().calls.clone()
    }

    /// Returns the operations that were called, in order.
    pub(crate) fn actions(&self) -> Vec<String> {
        let state = self.state();
        let actions = state.calls.iter().map(|(call, _)| call.action.clone());
        actions.collect()
    }

    /// Returns how many calls of an operation the emulator received.
    pub(crate) fn done(&self, action: &str) -> usize {
        let state = self.state();
        let of_action = state
            .calls
            .iter()
            .filter(|(call, outcome)| call.action == action && *outcome != Outcome::Refused);
        of_action.count()
    }

    /// Lets all calls pass from now on. The held call gets no response.
    pub(crate) fn release(&self) {
        let mut state = self.state();
        state.hold = None;
        state.held = false;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Removes the faults, and keeps the calls.
    pub(crate) fn clear_faults(&self) {
        self.state().rules.clear();
    }

    /// Removes calls and faults for the next run.
    pub(crate) fn reset(&self) {
        *self.state() = State::default();
        self.shared.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("no test panics in here")
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics in here")
    }

    fn reply(&self, request: &Message) -> Reply {
        let (call, protocol) = Call::of(request);
        let (fault, held) = self.arrived(&call);
        if let Some(forwarded) = held {
            return self.hold(call, request, forwarded);
        }
        let answer = match fault {
            None => return self.forwarded(call, request, true),
            Some(Fault::Throttled) => Answer::throttled(protocol),
            Some(Fault::Failed) => Answer::failed(protocol),
            Some(Fault::Answered(answer)) => answer,
            Some(Fault::Rewritten(change)) => {
                return match self.forwarded(call, request, true) {
                    Reply::Message(mut response) => {
                        response.body = change(response.text()).into_bytes();
                        Reply::Message(response)
                    }
                    other => other,
                };
            }
            Some(Fault::Stranger(status, kind, location, body)) => {
                self.done(call, Outcome::Refused);
                let headers = [("content-type", kind), ("location", location)];
                return Reply::Message(Message {
                    start: format!("HTTP/1.1 {status} Stranger"),
                    headers: (headers.into_iter())
                        .filter(|(_, value)| !value.is_empty())
                        .map(|(name, value)| (name.to_owned(), value.to_owned()))
                        .collect(),
                    body: body.as_bytes().to_vec(),
                });
            }
            Some(Fault::CutOff(body)) => {
                self.done(call, Outcome::Refused);
                return Reply::CutOff(body.as_bytes().to_vec());
            }
            Some(Fault::Dropped) => {
                self.done(call, Outcome::Refused);
                return Reply::Dropped;
            }
            Some(Fault::AnswerLost) => {
                self.forwarded(call, request, false);
                return Reply::Dropped;
            }
            Some(Fault::Late(by)) => {
                let reply = self.forwarded(call, request, false);
                thread::sleep(by);
                return reply;
            }
        };
        self.refused(call, &answer, protocol)
    }

    /// Records the arrival of a call. Returns its fault, and for a held call whether to forward it.
    fn arrived(&self, call: &Call) -> (Option<Fault>, Option<bool>) {
        let mut state = self.state();
        let seen = state.seen.entry(call.action.clone()).or_default();
        *seen += 1;
        let seen = *seen;
        let fault = state.rules.iter().find(|rule| {
            rule.action
                .as_ref()
                .is_none_or(|action| *action == call.action)
                && rule.which.is(seen)
        });
        let fault = fault.map(|rule| rule.fault.clone());
        let arrived: usize = state.seen.values().sum();
        let Some(hold) = &mut state.hold else {
            return (fault, None);
        };
        if hold.begun {
            return (fault, Some(false));
        }
        let (action, number) = (hold.action.as_ref(), hold.nth);
        hold.begun = match action {
            Some(action) => *action == call.action && seen == number,
            None => arrived == number,
        };
        let forwarded = hold.begun.then_some(hold.forwarded);
        (fault, forwarded)
    }

    fn hold(&self, call: Call, request: &Message, forwarded: bool) -> Reply {
        if forwarded {
            self.forwarded(call, request, false);
        } else {
            self.done(call, Outcome::Refused);
        }
        self.state().held = true;
        self.changed.notify_all();
        // The client has been killed, so no one receives the response.
        let released =
            self.changed
                .wait_timeout_while(self.state(), Duration::from_secs(60), |state| state.held);
        drop(released);
        Reply::Dropped
    }

    fn forwarded(&self, call: Call, request: &Message, heard: bool) -> Reply {
        match request.send(self.emulator) {
            Ok(response) => {
                let outcome = if heard {
                    Outcome::Answered(response.status())
                } else {
                    Outcome::Lost
                };
                self.done(call, outcome);
                Reply::Message(response)
            }
            Err(_) => {
                self.done(call, Outcome::Refused);
                Reply::Dropped
            }
        }
    }

    fn refused(&self, call: Call, answer: &Answer, protocol: Protocol) -> Reply {
        let response = answer.response(&call.action, protocol);
        self.done(call, Outcome::Refused);
        Reply::Message(response)
    }

    fn done(&self, call: Call, outcome: Outcome) {
        self.state().calls.push((call, outcome));
    }
}
