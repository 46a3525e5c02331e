//! Policy documents as template values: statements with their comments.

use crate::template::{Field, Item, Value, list, map};

/// One statement of a policy.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    comment: String,
    fields: Vec<(&'static str, Value)>,
}

impl Statement {
    fn new(effect: &str, sid: &str, comment: &str) -> Self {
        Self {
            comment: comment.to_owned(),
            fields: vec![("Sid", sid.into()), ("Effect", effect.into())],
        }
    }

    /// An Allow; `comment` says what it is for.
    pub(super) fn allow(sid: &str, comment: &str) -> Self {
        Self::new("Allow", sid, comment)
    }

    /// A Deny; `comment` says what it keeps out.
    pub(super) fn deny(sid: &str, comment: &str) -> Self {
        Self::new("Deny", sid, comment)
    }

    fn with(mut self, key: &'static str, value: Value) -> Self {
        self.fields.push((key, value));
        self
    }

    /// The same without its Sid.
    pub(super) fn without_sid(mut self) -> Self {
        self.fields.retain(|(key, _)| *key != "Sid");
        self
    }

    /// Principals of AWS accounts.
    pub(super) fn aws(self, principal: impl Into<Value>) -> Self {
        let principal = map([("AWS", principal)]);
        self.with("Principal", principal)
    }

    /// A service as principal.
    pub(super) fn service(self, service: &str) -> Self {
        self.with("Principal", map([("Service", service)]))
    }

    /// Several services as principals.
    pub(super) fn services(self, services: &[String]) -> Self {
        self.with("Principal", map([("Service", list(services))]))
    }

    /// Everybody, for a Deny.
    pub(super) fn everybody(self) -> Self {
        self.with("Principal", "*".into())
    }

    pub(super) fn actions<'a>(self, actions: impl IntoIterator<Item = &'a str>) -> Self {
        let actions: Vec<&str> = actions.into_iter().collect();
        let value = match actions.as_slice() {
            [only] => Value::from(*only),
            several => list(several.iter().copied()),
        };
        self.with("Action", value)
    }

    /// Actions, as a list even when there is one.
    pub(super) fn action_list<const N: usize>(self, actions: [&str; N]) -> Self {
        self.with("Action", list(actions))
    }

    /// The resource or resources.
    pub(super) fn on(self, resource: impl Into<Value>) -> Self {
        self.with("Resource", resource.into())
    }

    /// Only resources that this account owns. The ARN of a bucket does not name its account, so
    /// without the condition a statement also applies to a bucket of the same name that another
    /// account creates later.
    pub(super) fn owned_by(self, account: impl Into<Value>) -> Self {
        self.when(map([(
            "StringEquals",
            map([("aws:ResourceAccount", account)]),
        )]))
    }

    /// A condition block.
    pub(super) fn when(self, condition: Value) -> Self {
        self.with("Condition", condition)
    }

    fn to_item(&self) -> Item {
        Item {
            comment: self.comment.clone(),
            value: map(self.fields.iter().cloned()),
        }
    }
}

/// A policy document.
pub(super) fn document(statements: &[Statement]) -> Value {
    let statements = Value::List(statements.iter().map(Statement::to_item).collect());
    map([("Version", "2012-10-17")]).with("Statement", statements)
}

/// A policy document whose `Statement` is one object, as the procedure writes one of its own.
pub(super) fn single_statement_document(statement: &Statement) -> Value {
    let item = statement.to_item();
    Value::Map(vec![
        Field {
            comment: String::new(),
            key: "Version".to_owned(),
            value: "2012-10-17".into(),
        },
        Field {
            comment: item.comment,
            key: "Statement".to_owned(),
            value: item.value,
        },
    ])
}

/// `Deny` of every request without TLS, on a bucket and its objects.
pub(super) fn tls_only(bucket_arn: &Value) -> Statement {
    Statement::deny(
        "DenyInsecureConnections",
        "Nobody reaches the bucket without TLS.",
    )
    .everybody()
    .actions(["s3:*"])
    .on(list([bucket_arn.clone(), bucket_arn.suffixed("/*")]))
    .when(map([("Bool", map([("aws:SecureTransport", false)]))]))
}
