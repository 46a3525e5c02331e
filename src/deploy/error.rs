//! What can go wrong at AWS's side, in words: who asked, what AWS said, what to do.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::display::DisplayErrorContext;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::escape::shown;
use crate::shell::Command;

/// Whose fault it is, which decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Wrong usage, configuration or input: the wrong account too. Exit code 2.
    Input,
    /// A stack, stack set or other work ended badly. Exit code 1.
    Failed,
    /// AWS could not be reached, or refused. Exit code 3.
    Aws,
}

/// An error of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", shown(.message))]
pub struct DeployError {
    /// Whose fault it is.
    pub kind: ErrorKind,
    /// What is wrong: one sentence, no full stop.
    pub message: String,
    /// What to do; may be empty.
    pub help: String,
    /// AWS's error code, when a service answered with one.
    pub code: Option<String>,
}

impl DeployError {
    /// An error of the given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            help: help.into(),
            code: None,
        }
    }

    /// Wrong usage, configuration or input.
    pub fn input(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message, help)
    }

    /// Work that ended badly.
    pub fn failed(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message, help)
    }

    /// The same error; when cleaning up after it failed too, the help says so.
    #[must_use]
    pub fn besides(mut self, cleanup: Result<(), Self>) -> Self {
        if let Err(error) = cleanup {
            if !self.help.is_empty() {
                self.help.push_str("; ");
            }
            self.help.push_str(&format!("cleaning up failed: {error}"));
        }
        self
    }

    /// Whether AWS answered with this error code.
    pub fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether AWS denied the call for lack of a permission.
    pub fn is_denied(&self) -> bool {
        self.code.as_deref().is_some_and(is_denial)
    }

    /// Whether the same call may succeed later.
    pub fn is_passing(&self) -> bool {
        match self.code.as_deref() {
            None => self.kind == ErrorKind::Aws && self.message.starts_with("cannot reach AWS"),
            Some(code) => {
                code.contains("Throttl")
                    || code.contains("TooManyRequests")
                    || [
                        "RequestLimitExceeded",
                        "ServiceUnavailable",
                        "InternalFailure",
                    ]
                    .contains(&code)
            }
        }
    }

    /// What an SDK call ended with. `call` is the API's operation, such as
    /// `cloudformation:DescribeStacks`; `policy` the option of `deployer-policy` that prints what
    /// it needs.
    pub fn of_call<E, R>(profile: &str, policy: &str, call: &str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        if let Some(error) = cause::<Self>(error) {
            return error.clone();
        }
        if let Some(credentials) = cause::<CredentialsError>(error) {
            return of_credentials(profile, credentials);
        }
        match error {
            SdkError::ServiceError(service) => {
                let metadata = service.err();
                let status = metadata.code().unwrap_or("an error without a code");
                let said = metadata.message().unwrap_or("no message");
                of_service((profile, policy), call, status, said)
            }
            SdkError::TimeoutError(_) => unreachable(call, "it did not answer in time"),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => {
                unreachable(call, "it did not answer in time")
            }
            SdkError::DispatchFailure(failure) => {
                let cause = failure
                    .as_connector_error()
                    .map_or_else(|| "no connection".to_owned(), |error| innermost(error));
                unreachable(call, &cause)
            }
            other => Self::new(
                ErrorKind::Aws,
                format!(
                    "{call} was answered with something that is no answer of AWS: {}",
                    one_line(&DisplayErrorContext(other).to_string())
                ),
                "check the endpoint URL, and any proxy on the way",
            ),
        }
    }
}

/// Whether an error code says that the caller lacks a permission.
fn is_denial(code: &str) -> bool {
    matches!(
        code,
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation"
    )
}

fn unreachable(call: &str, cause: &str) -> DeployError {
    DeployError::new(
        ErrorKind::Aws,
        format!("cannot reach AWS for {call}: {cause}"),
        "check the network, the region and the endpoint URL; nothing is lost, run it again",
    )
}

fn of_service((profile, policy): (&str, &str), call: &str, code: &str, said: &str) -> DeployError {
    let said = one_line(said);
    let help = match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired"
            if said.to_lowercase().contains("token") || code.starts_with("ExpiredToken") =>
        {
            login(profile)
        }
        "RequestExpired"
        | "RequestTimeTooSkewed"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException" => "check this machine's clock first: AWS refuses a request \
                                          whose time is more than 5 minutes off; then the secret \
                                          key of the profile"
            .to_owned(),
        "InvalidClientTokenId" | "UnrecognizedClientException" | "AuthFailure" => format!(
            "AWS does not know the access key of profile `{profile}` in this region: {}; AWS says \
             the same of a region that is not enabled in the account",
            login(profile)
        ),
        code if is_denial(code) => format!(
            "`{}` prints the policy that this profile needs",
            Command::s3ferry("deployer-policy")
                .option("--profile", profile)
                .words(policy)
        ),
        "OptInRequired" => "the region is not enabled in this account".to_owned(),
        _ => String::new(),
    };
    DeployError {
        code: Some(code.to_owned()),
        ..DeployError::new(
            ErrorKind::Aws,
            format!("{call} was refused for profile `{profile}` ({code}): {said}"),
            help,
        )
    }
}

fn of_credentials(profile: &str, error: &CredentialsError) -> DeployError {
    let cause = innermost(error);
    DeployError::new(
        ErrorKind::Aws,
        format!("profile `{profile}` gives no credentials: {cause}"),
        login(profile),
    )
}

pub(super) fn login(profile: &str) -> String {
    format!(
        "log in again (`{}`), or renew the credentials of the profile (`{}`)",
        Command::aws("sso login").option("--profile", profile),
        Command::aws("configure").option("--profile", profile)
    )
}

/// The cause of this type in a chain of errors.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The text of the innermost cause, which says the most.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    one_line(&last.to_string())
}

/// A text on one line; some answers quote a whole template.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 700;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{} …", &text[..at]),
        None => text,
    }
}
