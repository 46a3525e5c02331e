//! Stands between a client and the emulator: records every call, and makes calls fail as AWS and
//! networks do.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use super::answer::Answer;
use super::call::{Call, Protocol};
use super::http::Message;
use super::server::{Reply, Server};

/// How a call is made to fail.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// AWS has had too many requests.
    Throttled,
    /// AWS answers 500.
    Failed,
    /// The connection breaks before AWS sees the call.
    Dropped,
    /// AWS does what is asked, and the connection breaks before the answer.
    AnswerLost,
    /// AWS does what is asked, and the answer comes so much later.
    Late(Duration),
    /// AWS is not asked: this is the answer.
    Answered(Answer),
    /// AWS does what is asked, and the text of its answer is changed.
    Rewritten(fn(String) -> String),
    /// Something on the way answers instead of AWS: status, content type, location, body.
    Stranger(u16, &'static str, &'static str, &'static str),
    /// The answer is this, and breaks off.
    CutOff(&'static str),
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The emulator answered, with this status.
    Answered(u16),
    /// The proxy made it fail; the emulator has not seen it.
    Refused,
    /// The emulator did it, and the client did not hear of it, or late.
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
    /// Operation; `None` is every one.
    action: Option<String>,
    which: Which,
    fault: Fault,
}

/// Which of an operation's calls.
#[derive(Debug, Clone, Copy)]
enum Which {
    Each,
    /// From 1.
    Nth(usize),
    /// The first, the third, …
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
    /// Operation; `None` is every one.
    action: Option<String>,
    /// Which of its calls, from 1; all calls after it are held too.
    nth: usize,
    /// Whether the emulator does what is asked.
    forwarded: bool,
    /// Whether the call has come.
    begun: bool,
}

impl FaultProxy {
    /// A proxy that only records, until it is told otherwise.
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

    /// The n-th call of an operation, from 1, fails.
    pub(crate) fn nth(&self, action: &str, nth: usize, fault: Fault) {
        self.rule(Some(action), Which::Nth(nth), fault);
    }

    /// Every call of an operation fails, or is answered with what the emulator does not have.
    pub(crate) fn always(&self, action: &str, fault: Fault) {
        self.rule(Some(action), Which::Each, fault);
    }

    /// The first call of every operation fails.
    pub(crate) fn each_operation_once(&self, fault: Fault) {
        self.rule(None, Which::Nth(1), fault);
    }

    /// Every call fails once: when a client repeats it, it is done.
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

    /// Holds the n-th of all calls, from 1: it gets no answer any more, nor does any later one.
    /// `forwarded` says whether the emulator still does what is asked.
    pub(crate) fn hold(&self, call: usize, forwarded: bool) {
        self.hold_at(None, call, forwarded);
    }

    /// The same for the n-th call of an operation, from 1; `None` is every operation.
    pub(crate) fn hold_at(&self, action: Option<&str>, nth: usize, forwarded: bool) {
        self.state().hold = Some(Hold {
            action: action.map(str::to_owned),
            nth,
            forwarded,
            begun: false,
        });
    }

    /// Waits until the call arrives that is held; false when that takes longer than `limit`.
    pub(crate) fn wait_until_held(&self, limit: Duration) -> bool {
        let waited = self
            .shared
            .changed
            .wait_timeout_while(self.state(), limit, |state| !state.held);
        waited.expect("no test panics in here").0.held
    }

    /// The calls with what became of them, in their order.
    pub(crate) fn calls(&self) -> Vec<(Call, Outcome)> {
        self.state().calls.clone()
    }

    /// The operations that were called, in their order.
    pub(crate) fn actions(&self) -> Vec<String> {
        let state = self.state();
        let actions = state.calls.iter().map(|(call, _)| call.action.clone());
        actions.collect()
    }

    /// How many calls the emulator saw of an operation.
    pub(crate) fn done(&self, action: &str) -> usize {
        let state = self.state();
        let of_action = state
            .calls
            .iter()
            .filter(|(call, outcome)| call.action == action && *outcome != Outcome::Refused);
        of_action.count()
    }

    /// Lets all calls pass from now on; the one that is held gets no answer.
    pub(crate) fn release(&self) {
        let mut state = self.state();
        state.hold = None;
        state.held = false;
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Forgets the faults, and keeps the calls.
    pub(crate) fn clear_faults(&self) {
        self.state().rules.clear();
    }

    /// Forgets calls and faults, for the next run.
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

    /// Counts a call in; says what is to become of it. One that is held is forwarded or not.
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
        // The client is killed meanwhile: the answer is for nobody.
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
