//! The kinds of ARNs that users can specify, and their formats.

use super::arn::Arn;
use super::names::{is_account_id, is_iam_name_character, is_key_id};
use super::quotas::{POLICY_NAME, ROLE_NAME, TOPIC_NAME};

/// The kind of resource that an ARN from the user must name. The ARN must name exactly one
/// resource, because a wildcard would also grant access to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ArnKind {
    /// A KMS key, by its key ID. Follows *Key identifiers (KeyId)* in the AWS documentation.
    Key,
    /// An IAM role. Follows *IAM identifiers* in the AWS documentation.
    Role,
    /// An IAM role or user.
    RoleOrUser,
    /// A customer managed policy or an AWS managed policy.
    Policy,
    /// A connection to a repository provider. Connections that were created before July 2024 have
    /// the service prefix `codestar-connections`. Follows *Connection* in the AWS CodeConnections
    /// API Reference.
    Connection,
    /// An SNS topic. CodePipeline does not document whether approvals can notify FIFO topics, so
    /// their names are invalid. Follows *CreateTopic* in the AWS documentation.
    Topic,
}

/// Regular expression for an ARN of kind [`ArnKind::Key`], for schemas.
pub(crate) const KEY_ARN: &str = "^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/\
    ([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$";
/// Regular expression for an ARN of kind [`ArnKind::Role`], for schemas.
pub(crate) const ROLE_ARN: &str = "^arn:aws[a-z-]*:iam::[0-9]{12}:role/\
    ([!-#%-)+-.0->@-~]+/)*[A-Za-z0-9_+=,.@-]{1,64}$";
/// Regular expression for an ARN of kind [`ArnKind::RoleOrUser`], for schemas.
pub(crate) const ROLE_OR_USER_ARN: &str = "^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/\
    ([!-#%-)+-.0->@-~]+/)*[A-Za-z0-9_+=,.@-]{1,64}$";
/// Regular expression for an ARN of kind [`ArnKind::Policy`], for schemas.
pub(crate) const POLICY_ARN: &str = "^arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/\
    ([!-#%-)+-.0->@-~]+/)*[A-Za-z0-9_+=,.@-]{1,128}$";

/// Regular expression for an ARN of kind [`ArnKind::Connection`], for schemas.
pub(crate) const CONNECTION_ARN: &str = "^arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}:connection/\
    [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

/// Regular expression for an ARN of kind [`ArnKind::Topic`], for schemas.
pub(crate) const TOPIC_ARN: &str = "^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$";

impl ArnKind {
    /// Parses an ARN of this kind.
    ///
    /// # Errors
    /// Returns an error if the ARN is invalid. The message is the predicate of a sentence, such as
    /// `is not the ARN of an IAM role`.
    pub(crate) fn parse(self, text: &str) -> Result<Arn<'_>, &'static str> {
        let arn = Arn::parse(text).filter(|arn| {
            let services: &[&str] = match self {
                Self::Key => &["kms"],
                Self::Role | Self::RoleOrUser | Self::Policy => &["iam"],
                Self::Connection => &["codeconnections", "codestar-connections"],
                Self::Topic => &["sns"],
            };
            services.contains(&arn.service)
                && arn.partition.starts_with("aws")
                && arn.region.is_empty() == (arn.service == "iam")
        });
        let Some(arn) = arn else {
            return Err(self.not_one());
        };
        // A wildcard in the account is also invalid. The caller compares the account ID with the
        // expected one.
        if text.contains(['*', '?']) {
            return Err("contains a wildcard, but must name exactly one resource");
        }
        let is_valid = match self {
            Self::Key => arn.resource.strip_prefix("key/").is_some_and(is_key_id),
            Self::Role => is_iam_name(arn.resource, "role", ROLE_NAME.length()),
            Self::RoleOrUser => ["role", "user"]
                .iter()
                .any(|kind| is_iam_name(arn.resource, kind, ROLE_NAME.length())),
            Self::Policy => is_iam_name(arn.resource, "policy", POLICY_NAME.length()),
            Self::Connection => (arn.resource.strip_prefix("connection/"))
                .is_some_and(|id| is_key_id(id) && !id.starts_with("mrk-")),
            Self::Topic => {
                (1..=TOPIC_NAME.length()).contains(&arn.resource.len())
                    && (arn.resource.bytes())
                        .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
            }
        };
        let is_owned = is_account_id(arn.account) || (self == Self::Policy && arn.account == "aws");
        if is_valid && is_owned {
            Ok(arn)
        } else {
            Err(self.not_one())
        }
    }

    fn not_one(self) -> &'static str {
        match self {
            Self::Key => "is not the ARN of a KMS key",
            Self::Role => "is not the ARN of an IAM role",
            Self::RoleOrUser => "is not the ARN of an IAM role or user",
            Self::Policy => "is not the ARN of a managed policy",
            Self::Connection => "is not the ARN of a connection",
            Self::Topic => "is not the ARN of an SNS topic",
        }
    }
}

/// Returns whether a resource is `kind/NAME` or `kind/PATH/NAME`. IAM paths can contain all
/// printable ASCII characters. A `$` is rejected because it would begin a policy variable.
fn is_iam_name(resource: &str, kind: &str, longest: usize) -> bool {
    let Some(rest) = resource
        .strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix('/'))
    else {
        return false;
    };
    let mut parts = rest.rsplit('/');
    let name = parts.next().unwrap_or_default();
    (1..=longest).contains(&name.len())
        && name.chars().all(is_iam_name_character)
        && parts.all(|part| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_graphic() && !matches!(c, '*' | '?' | '$'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:us-east-1:222222222222:key";
    const IAM: &str = "arn:aws:iam::111111111111:";

    /// Returns whether the check accepts the ARN, and asserts that the schema pattern agrees.
    fn is_accepted(kind: ArnKind, arn: &str) -> bool {
        let pattern = match kind {
            ArnKind::Key => KEY_ARN,
            ArnKind::Role => ROLE_ARN,
            ArnKind::RoleOrUser => ROLE_OR_USER_ARN,
            ArnKind::Policy => POLICY_ARN,
            ArnKind::Connection => CONNECTION_ARN,
            ArnKind::Topic => TOPIC_ARN,
        };
        let schema = serde_json::json!({ "type": "string", "pattern": pattern });
        let by_schema = jsonschema::is_valid(&schema, &serde_json::json!(arn));
        let by_check = kind.parse(arn).is_ok();
        assert_eq!(by_check, by_schema, "{arn:?}");
        by_check
    }

    #[test]
    fn keys_are_named_by_their_own_id() {
        for id in [
            "11111111-2222-3333-4444-555555555555",
            "mrk-0123456789abcdef0123456789abcdef",
        ] {
            assert!(is_accepted(ArnKind::Key, &format!("{KEY}/{id}")));
        }
        for id in [
            "*",
            "",
            "a b",
            "a b\nc",
            "11111111-2222-3333-4444-55555555555?",
            "11111111-2222-3333-4444-555555555555/",
            "11111111-2222-3333-4444-555555555555\u{9b}",
            "mrk-*",
            "mrk-0123456789ABCDEF0123456789ABCDEF",
        ] {
            assert!(!is_accepted(ArnKind::Key, &format!("{KEY}/{id}")), "{id}");
        }
        let alias = KEY.replace("key", "alias/s3deploykey");
        assert!(!is_accepted(ArnKind::Key, &alias));
    }

    #[test]
    fn connections_have_two_service_prefixes() {
        let accepted = |service: &str, id: &str| {
            let arn = format!("arn:aws:{service}:us-east-1:111111111111:{id}");
            is_accepted(ArnKind::Connection, &arn)
        };
        let id = "connection/11111111-2222-3333-4444-555555555555";
        assert!(accepted("codeconnections", id));
        assert!(accepted("codestar-connections", id));
        assert!(!accepted("codecommit", id));
        assert!(!accepted("codeconnections", "connection/*"));
        assert!(!accepted(
            "codeconnections",
            &id.replace("connection", "host")
        ));
        assert!(!accepted(
            "codeconnections",
            "connection/mrk-0123456789abcdef0123456789abcdef"
        ));
    }

    #[test]
    fn topics_are_named_without_wildcards() {
        let accepted = |resource: &str| {
            let arn = format!("arn:aws:sns:us-east-1:111111111111:{resource}");
            is_accepted(ArnKind::Topic, &arn)
        };
        assert!(accepted("approvals_of-Website1"));
        assert!(!accepted(""));
        assert!(!accepted("*"));
        assert!(!accepted("approvals.fifo"));
        assert!(!accepted("approvals:11111111-2222-3333-4444-555555555555"));
        assert!(!accepted(&"a".repeat(257)));
        let queue = "arn:aws:sqs:us-east-1:111111111111:approvals";
        assert!(!is_accepted(ArnKind::Topic, queue));
    }

    #[test]
    fn iam_resources_are_named_exactly() {
        for resource in ["role/a", "role/service-role/a/b_+=,.@-", "role/x:y/a"] {
            assert!(
                is_accepted(ArnKind::Role, &format!("{IAM}{resource}")),
                "{resource}"
            );
        }
        for resource in [
            "role/",
            "role//a",
            "role/a/",
            "role/*",
            "role/a?",
            "role/${aws:username}",
            "role/$x/a",
            "role/a b",
            "role/a\u{1b}[31m",
            "role/a\n",
            "role/ä",
            "user/a",
            "policy/a",
            "root",
        ] {
            assert!(
                !is_accepted(ArnKind::Role, &format!("{IAM}{resource}")),
                "{resource:?}"
            );
        }
        assert!(is_accepted(ArnKind::RoleOrUser, &format!("{IAM}user/a")));
        assert!(!is_accepted(ArnKind::RoleOrUser, &format!("{IAM}group/a")));
        assert!(is_accepted(ArnKind::Policy, &format!("{IAM}policy/p/a")));
        assert!(is_accepted(
            ArnKind::Policy,
            "arn:aws:iam::aws:policy/PowerUserAccess"
        ));
        assert!(!is_accepted(ArnKind::Role, "arn:aws:iam::aws:role/a"));
        assert!(!is_accepted(
            ArnKind::Role,
            "arn:aws:iam:us-east-1:111111111111:role/a"
        ));
        let long = "a".repeat(65);
        assert!(!is_accepted(ArnKind::Role, &format!("{IAM}role/{long}")));
        assert!(is_accepted(ArnKind::Policy, &format!("{IAM}policy/{long}")));
    }
}
