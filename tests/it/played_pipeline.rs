//! A scripted CodePipeline in front of the emulator. The emulator gets every other call.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::emulator::answer::Answer;
use crate::emulator::call::Call;
use crate::emulator::http::Message;
use crate::emulator::server::{Reply, Server};

/// The duration of a delayed call. No test waits that long.
const HELD: Duration = Duration::from_secs(120);

/// The scripted pipeline.
#[derive(Debug)]
pub(crate) struct PlayedPipeline {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    answers: HashMap<String, Vec<Played>>,
    refused: Vec<String>,
    held: Vec<String>,
    calls: Vec<Call>,
    /// The version ID of the last upload.
    version: String,
}

#[derive(Debug, Clone)]
enum Played {
    Value(Value),
    Text(String),
    Error(String, String),
}

impl PlayedPipeline {
    /// Starts a server in front of the emulator.
    pub(crate) fn before(emulator: SocketAddr) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let of_server = Arc::clone(&state);
        let server = Server::start(move |request| {
            let (call, protocol) = Call::of(request);
            let action = call.action.clone();
            let is_pipeline = call.service == "codepipeline";
            let (refused, held) = {
                let mut state = of_server.lock().expect("no test panics in here");
                state.calls.push(call);
                (
                    state.refused.contains(&action),
                    state.held.contains(&action),
                )
            };
            if held {
                thread::sleep(HELD);
            }
            if refused {
                let answer = Answer::error(403, "AccessDenied", "Access Denied");
                return Reply::Message(answer.response(&action, protocol));
            }
            if is_pipeline {
                let (answer, text) = next(&mut of_server.lock().expect("no panic"), &action);
                let mut response = answer.response(&action, protocol);
                if let Some(text) = text {
                    response.body = text.into_bytes();
                }
                return Reply::Message(response);
            }
            let Ok(response) = request.send(emulator) else {
                return Reply::Dropped;
            };
            note_version(&of_server, &action, &response);
            Reply::Message(response)
        });
        Self { server, state }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// Sets the responses to operations. The last response repeats. The version of the last upload
    /// replaces `VERSION` in a response.
    pub(crate) fn plays<const N: usize>(&self, answers: [(&str, Vec<Value>); N]) {
        for (action, answers) in answers {
            let answers = answers.into_iter().map(Played::Value).collect();
            self.state().answers.insert(action.to_owned(), answers);
        }
    }

    /// Sets the response to an operation as text that a JSON value cannot represent.
    pub(crate) fn plays_text(&self, action: &str, text: &str) {
        let text = Played::Text(text.to_owned());
        self.state().answers.insert(action.to_owned(), vec![text]);
    }

    /// Sets an error as the response to an operation.
    pub(crate) fn plays_error(&self, action: &str, code: &str, message: &str) {
        let error = Played::Error(code.to_owned(), message.to_owned());
        self.state().answers.insert(action.to_owned(), vec![error]);
    }

    /// Sets an error as the first response to an operation, before its other responses.
    pub(crate) fn plays_error_first(&self, action: &str, code: &str, message: &str) {
        let error = Played::Error(code.to_owned(), message.to_owned());
        let mut state = self.state();
        let answers = state.answers.entry(action.to_owned()).or_default();
        answers.insert(0, error);
    }

    /// Denies calls of an operation, in any service.
    pub(crate) fn refuses(&self, action: &str) {
        self.state().refused.push(action.to_owned());
    }

    /// Delays calls of an operation.
    pub(crate) fn holds(&self, action: &str) {
        self.state().held.push(action.to_owned());
    }

    /// Returns the number of calls of an operation.
    pub(crate) fn count(&self, action: &str) -> usize {
        let state = self.state();
        state
            .calls
            .iter()
            .filter(|call| call.action == action)
            .count()
    }

    /// Returns all operations that were called, by their IAM names.
    pub(crate) fn iam_names(&self) -> Vec<String> {
        self.state().calls.iter().map(Call::iam_name).collect()
    }

    /// Returns the request bodies of an operation's calls.
    pub(crate) fn bodies(&self, action: &str) -> Vec<Value> {
        self.texts(action)
            .iter()
            .map(|body| serde_json::from_str(body).expect("JSON"))
            .collect()
    }

    /// Returns the request bodies of an operation's calls as text.
    pub(crate) fn texts(&self, action: &str) -> Vec<String> {
        let state = self.state();
        state
            .calls
            .iter()
            .filter(|call| call.action == action)
            .filter_map(|call| call.parameter("body").map(str::to_owned))
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics in here")
    }
}

/// Returns the next response, and its text if the text was set.
fn next(state: &mut State, action: &str) -> (Answer, Option<String>) {
    let version = state.version.clone();
    let Some(answers) = state.answers.get_mut(action) else {
        let message = format!("{action} has no scripted answer");
        return (Answer::error(400, "UnscriptedCall", message), None);
    };
    let played = if answers.len() > 1 {
        answers.remove(0)
    } else {
        answers[0].clone()
    };
    match played {
        Played::Error(code, message) => (Answer::error(400, code, message), None),
        Played::Text(text) => (Answer::json(Value::Null), Some(text)),
        Played::Value(value) => {
            let text = value.to_string().replace("VERSION", &version);
            (Answer::json(Value::Null), Some(text))
        }
    }
}

fn note_version(state: &Mutex<State>, action: &str, response: &Message) {
    let uploads = ["PutObject", "CompleteMultipartUpload"];
    if let (true, Some(version)) = (
        uploads.contains(&action),
        response.header("x-amz-version-id"),
    ) {
        version.clone_into(&mut state.lock().expect("no test panics in here").version);
    }
}
