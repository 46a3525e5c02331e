//! The elements `Principal` and `NotPrincipal`.

use super::Arn;
use super::is_account_id;
use crate::diagnostic::{Diagnostic, Span};

/// `Principal` or `NotPrincipal`.
///
/// Follows *AWS JSON policy elements: Principal* and *NotPrincipal* in the AWS documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct PrincipalElement {
    /// `NotPrincipal`.
    pub negated: bool,
    /// The principals; never empty.
    pub entries: Vec<PrincipalEntry>,
    /// The span of the list.
    pub span: Span,
}

/// One principal in a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct PrincipalEntry {
    /// The principal as written.
    pub text: String,
    /// Its span.
    pub span: Span,
    /// The principal that it identifies.
    pub id: PrincipalId,
}

/// The principal that an entry identifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalId {
    /// `*`.
    Everyone,
    /// An account, by its ID or the ARN of its root user.
    Account(String),
    /// An IAM role, by its ARN.
    Role {
        /// The account of the role.
        account: String,
        /// The name of the role, without its path.
        name: String,
    },
    /// An IAM user, by its ARN.
    User,
    /// A role session or a federated user session, by its ARN.
    Session {
        /// The account of the session.
        account: String,
        /// The name of the role; `None` for a federated user.
        role: Option<String>,
    },
    /// An AWS service.
    Service,
    /// An identity provider.
    Federated,
    /// An account, by its canonical user ID. No evaluated request has one.
    CanonicalUser,
    /// The unique ID of a deleted role or user. No principal matches it.
    UniqueId,
}

impl PrincipalEntry {
    /// Reads a principal of the type `AWS`, `Service`, `Federated`, or `CanonicalUser`.
    ///
    /// # Errors
    /// Returns an error if the text does not identify a principal of that type, or if it contains a
    /// partial wildcard.
    pub fn parse(kind: &str, text: &str, span: Span) -> Result<Self, Diagnostic> {
        let id = match kind {
            "AWS" => aws(text),
            "Service" => service(text),
            "Federated" => named(text, PrincipalId::Federated),
            _ => named(text, PrincipalId::CanonicalUser),
        };
        match id {
            Ok(id) => Ok(Self {
                text: text.to_owned(),
                span,
                id,
            }),
            Err((message, help)) => Err(Diagnostic::new(span, message)
                .label("not a principal")
                .help(help)),
        }
    }

    /// Returns the entry `*`.
    pub(crate) fn everyone(span: Span) -> Self {
        Self {
            text: "*".to_owned(),
            span,
            id: PrincipalId::Everyone,
        }
    }
}

type Fault = (String, &'static str);

const ARN_HELP: &str = "write an account ID, the ARN of an account (`arn:aws:iam::ID:root`), role, \
                        user, or role session, or `*` for everyone";

fn aws(text: &str) -> Result<PrincipalId, Fault> {
    if text == "*" {
        return Ok(PrincipalId::Everyone);
    }
    if is_account_id(text) {
        return Ok(PrincipalId::Account(text.to_owned()));
    }
    if is_unique_id(text) {
        return Ok(PrincipalId::UniqueId);
    }
    if text.contains(['*', '?']) {
        return Err((
            format!("the principal `{text}` contains a partial wildcard"),
            "write the full ARN, or use `*` with a condition on `aws:PrincipalArn`",
        ));
    }
    let Some(arn) = Arn::parse(text) else {
        return Err((
            format!("the principal `{text}` is not a valid ARN"),
            ARN_HELP,
        ));
    };
    let fault = || {
        Err((
            format!("the ARN `{text}` does not identify a principal"),
            ARN_HELP,
        ))
    };
    // An origin access identity is a user of the account `cloudfront`.
    let account_fits = is_account_id(arn.account) || arn.account == "cloudfront";
    if arn.partition.is_empty() || !arn.region.is_empty() || !account_fits {
        return fault();
    }
    let account = arn.account.to_owned();
    let (kind, name) = arn.resource.split_once('/').unwrap_or((arn.resource, ""));
    let last = name.rsplit('/').next().unwrap_or_default();
    match (arn.service, kind) {
        ("iam", "root") if arn.resource == "root" => Ok(PrincipalId::Account(account)),
        ("iam", "user") if !last.is_empty() => Ok(PrincipalId::User),
        ("iam", "role") if !last.is_empty() => Ok(PrincipalId::Role {
            account,
            name: last.to_owned(),
        }),
        ("sts", "assumed-role") => match name.split_once('/') {
            Some((role, session))
                if !role.is_empty() && !session.is_empty() && !session.contains('/') =>
            {
                Ok(PrincipalId::Session {
                    account,
                    role: Some(role.to_owned()),
                })
            }
            _ => fault(),
        },
        ("sts", "federated-user") if !name.is_empty() => Ok(PrincipalId::Session {
            account,
            role: None,
        }),
        _ => fault(),
    }
}

/// Follows *IAM identifiers*, section *Unique identifiers*, in the AWS documentation.
fn is_unique_id(text: &str) -> bool {
    text.len() >= 16
        && [
            "AROA", "AIDA", "ASIA", "AIPA", "ANPA", "AGPA", "APKA", "ASCA", "ABIA", "ACCA",
        ]
        .iter()
        .any(|prefix| text.starts_with(prefix))
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn service(text: &str) -> Result<PrincipalId, Fault> {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if text.contains('.') && !text.starts_with('.') && text.bytes().all(in_name) {
        Ok(PrincipalId::Service)
    } else {
        Err((
            format!("`{text}` is not a valid service principal"),
            "write the full service principal, such as `codepipeline.amazonaws.com`",
        ))
    }
}

fn named(text: &str, id: PrincipalId) -> Result<PrincipalId, Fault> {
    if text.is_empty() || text.contains(['*', '?', ' ']) {
        Err((
            format!("`{text}` is not a valid principal"),
            "write the full principal, without wildcards",
        ))
    } else {
        Ok(id)
    }
}
