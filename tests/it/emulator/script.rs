//! A server that returns the responses to each operation from a list. The last response repeats. It
//! provides states of stacks and operations that no emulator reaches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::answer::Answer;
use super::call::Call;
use super::server::{Reply, Server};

/// The scripted server.
#[derive(Debug)]
pub(crate) struct Script {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    answers: HashMap<String, Vec<Answer>>,
    calls: Vec<Call>,
    unscripted: Vec<String>,
}

impl Script {
    /// Starts a server that returns the responses to each operation in order. Without a script,
    /// *GetCallerIdentity* returns the access key ID as the account.
    pub(crate) fn start<const N: usize>(answers: [(&str, Vec<Answer>); N]) -> Self {
        let answers = answers.map(|(action, answers)| {
            assert!(!answers.is_empty(), "{action} has no answer");
            (action.to_owned(), answers)
        });
        let state = Arc::new(Mutex::new(State {
            answers: answers.into(),
            ..State::default()
        }));
        let of_server = Arc::clone(&state);
        let server = Server::start(move |request| {
            let (call, protocol) = Call::of(request);
            let mut state = of_server.lock().expect("no test panics in here");
            let action = call.action.clone();
            let key = call.access_key_id.clone();
            state.calls.push(call);
            let answer = match state.answers.get_mut(&action) {
                Some(answers) if answers.len() > 1 => answers.remove(0),
                Some(answers) => answers[0].clone(),
                None if action == "GetCallerIdentity" => Answer::identity(&key),
                None => {
                    state.unscripted.push(action.clone());
                    Answer::error(
                        400,
                        "UnscriptedCall",
                        format!("{action} is not in the script"),
                    )
                }
            };
            Reply::Message(answer.response(&action, protocol))
        });
        Self { server, state }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// Returns the operations that were called, in order.
    pub(crate) fn actions(&self) -> Vec<String> {
        let state = self.state.lock().expect("no test panics in here");
        state.calls.iter().map(|call| call.action.clone()).collect()
    }

    /// Returns the calls with all their parameters.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state
            .lock()
            .expect("no test panics in here")
            .calls
            .clone()
    }

    /// Returns the operations that were called without a scripted response.
    pub(crate) fn unscripted(&self) -> Vec<String> {
        let state = self.state.lock().expect("no test panics in here");
        state.unscripted.clone()
    }
}
