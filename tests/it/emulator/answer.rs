//! Responses in the documented format of AWS: XML for Query services and S3, and JSON for the
//! others.

use serde_json::{Value, json};

use super::call::Protocol;
use super::http::Message;

/// A response that replaces the one from the emulator.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The inner XML of a Query operation's result.
    Query(String),
    /// A JSON document.
    Json(Value),
    /// An error, in the shape of the call's protocol.
    Error {
        status: u16,
        code: String,
        message: String,
    },
}

impl Answer {
    /// Returns the result of a Query operation: the elements inside `<ActionResult>`.
    pub(crate) fn query(result: impl Into<String>) -> Self {
        Self::Query(result.into())
    }

    /// Returns the response of STS for an access key. Its ID is the account.
    pub(crate) fn identity(account: &str) -> Self {
        Self::query(format!(
            "<Account>{account}</Account><Arn>arn:aws:iam::{account}:user/me</Arn>\
             <UserId>ME</UserId>"
        ))
    }

    /// Returns the result of a JSON operation.
    pub(crate) fn json(value: Value) -> Self {
        Self::Json(value)
    }

    /// Returns an error.
    pub(crate) fn error(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Error {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    /// Returns the response of AWS to too many requests, which an SDK retries.
    pub(crate) fn throttled(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Query => Self::error(400, "Throttling", "Rate exceeded"),
            Protocol::Json => Self::error(400, "ThrottlingException", "Rate exceeded"),
            Protocol::S3 => Self::error(503, "SlowDown", "Please reduce your request rate."),
        }
    }

    /// Returns the response of AWS for an internal error, which an SDK retries.
    pub(crate) fn failed(protocol: Protocol) -> Self {
        let code = if protocol == Protocol::S3 {
            "InternalError"
        } else {
            "InternalFailure"
        };
        Self::error(
            500,
            code,
            "We encountered an internal error. Please try again.",
        )
    }

    /// Converts the answer to an HTTP response to a call.
    pub(crate) fn response(&self, action: &str, protocol: Protocol) -> Message {
        let (status, kind, body) = match self {
            Self::Query(result) => (
                200,
                "text/xml",
                format!(
                    "<{action}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
                     <{action}Result>{result}</{action}Result>\
                     <ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata>\
                     </{action}Response>"
                ),
            ),
            Self::Json(value) => (200, "application/x-amz-json-1.1", value.to_string()),
            Self::Error {
                status,
                code,
                message,
            } => {
                let (kind, body) = refusal(code, message, protocol);
                (*status, kind, body)
            }
        };
        // The response to a HEAD request has no body.
        let body = match action {
            head if head.starts_with("Head") => String::new(),
            _ => body,
        };
        Message {
            start: format!("HTTP/1.1 {status} Answer"),
            headers: vec![
                ("content-type".to_owned(), kind.to_owned()),
                ("x-amzn-requestid".to_owned(), REQUEST_ID.to_owned()),
            ],
            body: body.into_bytes(),
        }
    }
}

const REQUEST_ID: &str = "00000000-0000-4000-8000-00000000fa17";

fn refusal(code: &str, message: &str, protocol: Protocol) -> (&'static str, String) {
    let (code, message) = (escaped(code), escaped(message));
    match protocol {
        Protocol::Query => (
            "text/xml",
            format!(
                "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\
                 <Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
            ),
        ),
        Protocol::Json => (
            "application/x-amz-json-1.1",
            json!({"__type": code, "message": message}).to_string(),
        ),
        Protocol::S3 => (
            "application/xml",
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
                 <Message>{message}</Message><RequestId>{REQUEST_ID}</RequestId></Error>"
            ),
        ),
    }
}

/// Escapes text for XML.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
