//! Errors from AWS calls: the profile, the reason that AWS gives, and the suggested fix.

use std::any::Any;
use std::error::Error;
use std::io;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use rustls::Error as TlsError;

use super::answer::NotAws;
use crate::escape::shown;
use crate::shell::Command;

/// The kind of an error, which determines the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// Invalid usage, configuration, or input, including the wrong account. Exit code 2.
    Input,
    /// A stack, a stack set, or another operation failed. Exit code 1.
    Failed,
    /// AWS could not be reached, or it rejected a call. Exit code 3.
    Aws,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", shown(.message))]
pub(crate) struct DeployError {
    /// Kind of the error.
    pub kind: ErrorKind,
    /// Description of the problem: one sentence without a period.
    pub message: String,
    /// Suggested fix. May be empty.
    pub help: String,
    /// AWS error code, if a service returned one.
    pub code: Option<String>,
    /// Whether a retry may succeed.
    pub transient: bool,
    /// Whether the server's certificate is not trusted.
    pub is_untrusted: bool,
}

impl DeployError {
    pub(crate) fn new(
        kind: ErrorKind,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            message: message.into(),
            help: help.into(),
            code: None,
            transient: false,
            is_untrusted: false,
        }
    }

    /// Creates an error for invalid usage, configuration, or input.
    pub(crate) fn input(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message, help)
    }

    pub(crate) fn failed(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message, help)
    }

    /// Creates an error for a failure to reach AWS or for a call that AWS rejected.
    pub(crate) fn aws(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(ErrorKind::Aws, message, help)
    }

    /// Sets whether a retry may succeed.
    fn transient(mut self, transient: bool) -> Self {
        self.transient = transient;
        self
    }

    /// Derives from the cause whether the server's certificate is not trusted.
    pub(super) fn caused_by(mut self, cause: &(dyn Error + 'static)) -> Self {
        self.is_untrusted = matches!(find(cause), Some(TlsError::InvalidCertificate(_)));
        self
    }

    /// Appends a suggestion to the help.
    pub(crate) fn advise(&mut self, help: &str) {
        if !self.help.is_empty() {
            self.help.push_str("; ");
        }
        self.help.push_str(help);
    }

    /// Returns the error. If the cleanup also failed, adds that error to the help.
    #[must_use]
    pub(crate) fn besides(mut self, cleanup: Result<(), Self>) -> Self {
        if let Err(error) = cleanup {
            self.advise(&format!("cleanup failed: {error}"));
        }
        self
    }

    pub(crate) fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Returns whether AWS denied the call because of a missing permission.
    pub(crate) fn is_denied(&self) -> bool {
        self.code.as_deref().is_some_and(is_denial)
    }

    /// Converts the error of an SDK call. `call` is the API operation, such as
    /// `cloudformation:DescribeStacks`. `policy` is the option of `deployer-policy` that prints
    /// the required policy.
    pub(crate) fn of_call<E, R>(
        profile: &str,
        policy: &str,
        call: &str,
        error: &SdkError<E, R>,
    ) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        if let Some(error) = find::<Self>(error) {
            return error.clone();
        }
        if let Some(credentials) = find::<CredentialsError>(error) {
            return of_credentials(profile, credentials);
        }
        if let Some(answer) = find::<NotAws>(error) {
            return of_stranger(call, answer);
        }
        match error {
            SdkError::ServiceError(service) => {
                let (metadata, raw) = (service.err(), service.raw());
                let raw = (raw as &dyn Any).downcast_ref::<HttpResponse>();
                let status = raw.map_or(0, |raw| raw.status().as_u16());
                match (metadata.code(), raw) {
                    (Some(code), _) => {
                        let said = metadata.message().unwrap_or("AWS gave no reason");
                        of_service((profile, policy), call, code, said)
                    }
                    // The response has the form of an AWS response, but its content is invalid.
                    (None, Some(raw)) if (200..300).contains(&status) => {
                        of_stranger(call, &NotAws::unreadable(raw))
                    }
                    (None, _) => Self {
                        transient: status >= 500,
                        ..Self::aws(
                            format!(
                                "{call} failed for profile `{profile}` with HTTP {status}; AWS \
                                 gave no error code"
                            ),
                            match status {
                                401 => login(profile),
                                _ => String::new(),
                            },
                        )
                    },
                }
            }
            SdkError::TimeoutError(_) => unreachable(call, "the request timed out"),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                unreachable(call, "the request timed out")
            }
            other => unreachable(call, &innermost(other)).caused_by(other),
        }
    }
}

/// Returns the error for a response that does not come from AWS.
fn of_stranger(call: &str, answer: &NotAws) -> DeployError {
    let message = format!("{call} returned {answer}");
    DeployError::aws(message, answer.help()).transient(answer.is_transient())
}

/// Returns whether a retry may succeed after an error code.
fn is_transient(code: &str) -> bool {
    code.contains("Throttl")
        || code.contains("TooManyRequests")
        || matches!(
            code,
            "RequestLimitExceeded"
                | "SlowDown"
                | "ServiceUnavailable"
                | "InternalFailure"
                | "InternalError"
                | "InternalServerError"
                | "RequestTimeout"
        )
}

/// Returns whether an error code means that the caller lacks a permission.
fn is_denial(code: &str) -> bool {
    matches!(
        code,
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation"
    )
}

fn unreachable(call: &str, cause: &str) -> DeployError {
    DeployError {
        transient: true,
        ..DeployError::aws(
            format!("cannot reach AWS for {call}: {cause}"),
            "check the network, the proxy (HTTPS_PROXY), the region, and the endpoint URL, then \
             run the same command again",
        )
    }
}

fn of_service((profile, policy): (&str, &str), call: &str, code: &str, said: &str) -> DeployError {
    let said = shortened(said);
    let help = match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired"
            if said.to_lowercase().contains("token") || code.starts_with("ExpiredToken") =>
        {
            login(profile)
        }
        "RequestExpired"
        | "RequestTimeTooSkewed"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException" => "check this machine's clock (AWS rejects requests that \
                                          are more than 5 minutes off), then the secret access key \
                                          of the profile"
            .to_owned(),
        "InvalidClientTokenId" | "UnrecognizedClientException" | "AuthFailure" => format!(
            "AWS does not recognize the access key of profile `{profile}` in this region: {}; AWS \
             returns the same error if the region is not enabled in the account",
            login(profile)
        ),
        code if is_denial(code) => format!(
            "`{}` prints the policy that this profile needs",
            Command::s3ferry("deployer-policy")
                .option("--profile", profile)
                .words(policy)
        ),
        "OptInRequired" => "enable the region in this account".to_owned(),
        _ => String::new(),
    };
    DeployError {
        code: Some(code.to_owned()),
        transient: is_transient(code),
        ..DeployError::aws(
            format!("{call} failed for profile `{profile}` ({code}): {said}"),
            help,
        )
    }
}

fn of_credentials(profile: &str, error: &CredentialsError) -> DeployError {
    let cause = innermost(error);
    let help = find::<NotAws>(error).map(|answer| answer.help().to_owned());
    DeployError::aws(
        format!("cannot get credentials from profile `{profile}`: {cause}"),
        help.unwrap_or_else(|| login(profile)),
    )
    .caused_by(error)
}

pub(super) fn login(profile: &str) -> String {
    format!(
        "log in again (`{}`), or renew the credentials of the profile (`{}`)",
        Command::aws("sso login").option("--profile", profile),
        Command::aws("configure").option("--profile", profile)
    )
}

/// Returns the first error of a type in the chain of causes.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // `source()` of an I/O error does not return the error that it wraps, but `get_ref()` does.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

/// Returns the text of the innermost cause, which is the most specific.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    shortened(&last.to_string())
}

/// Joins text into one line, with single spaces between words.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Shortens a string and removes line breaks. Some responses quote a whole template.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 700;
    let text = one_line(text);
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{} …", &text[..at]),
        None => text,
    }
}
