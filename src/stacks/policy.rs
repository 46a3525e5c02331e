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

    /// Creates an `Allow` statement. `comment` states its purpose.
    pub(super) fn allow(sid: &str, comment: &str) -> Self {
        Self::new("Allow", sid, comment)
    }

    /// Creates a `Deny` statement. `comment` states what it prevents.
    pub(super) fn deny(sid: &str, comment: &str) -> Self {
        Self::new("Deny", sid, comment)
    }

    fn with(mut self, key: &'static str, value: Value) -> Self {
        self.fields.push((key, value));
        self
    }

    /// Removes the Sid.
    pub(super) fn without_sid(mut self) -> Self {
        self.fields.retain(|(key, _)| *key != "Sid");
        self
    }

    /// Adds AWS principals.
    pub(super) fn aws(self, principal: impl Into<Value>) -> Self {
        let principal = map([("AWS", principal)]);
        self.with("Principal", principal)
    }

    /// Adds a service principal.
    pub(super) fn service(self, service: &str) -> Self {
        self.with("Principal", map([("Service", service)]))
    }

    /// Adds several service principals.
    pub(super) fn services(self, services: &[String]) -> Self {
        self.with("Principal", map([("Service", list(services))]))
    }

    /// Adds the principal `*`, for a `Deny`.
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

    /// Adds actions, as a list even for a single action.
    pub(super) fn action_list<const N: usize>(self, actions: [&str; N]) -> Self {
        self.with("Action", list(actions))
    }

    /// Adds one or more resources.
    pub(super) fn on(self, resource: impl Into<Value>) -> Self {
        self.with("Resource", resource.into())
    }

    /// Restricts the statement to resources that this account owns. The ARN of a bucket does not
    /// name its account. Without the condition, a statement also applies to a bucket of the same
    /// name that another account creates later.
    pub(super) fn owned_by(self, account: impl Into<Value>) -> Self {
        self.when(map([(
            "StringEquals",
            map([("aws:ResourceAccount", account)]),
        )]))
    }

    /// Restricts the statement to calls that a service makes for this resource in this account. AWS
    /// documents both condition keys only for some services.
    pub(super) fn for_source(self, arn: impl Into<Value>, account: impl Into<Value>) -> Self {
        self.when(map([
            ("ArnEquals", map([("aws:SourceArn", arn)])),
            ("StringEquals", map([("aws:SourceAccount", account)])),
        ]))
    }

    /// Adds a condition block.
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

/// Builds a policy document.
pub(super) fn document(statements: &[Statement]) -> Value {
    let statements = Value::List(statements.iter().map(Statement::to_item).collect());
    map([("Version", "2012-10-17")]).with("Statement", statements)
}

/// Builds a policy document with a single object as `Statement`, as in one of the policies in the
/// AWS procedure.
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

/// Builds a statement that denies all requests without TLS to a bucket and its objects.
pub(super) fn tls_only(bucket_arn: &Value) -> Statement {
    Statement::deny(
        "DenyInsecureConnections",
        "Requests to the bucket must use TLS.",
    )
    .everybody()
    .actions(["s3:*"])
    .on(list([bucket_arn.clone(), bucket_arn.suffixed("/*")]))
    .when(map([("Bool", map([("aws:SecureTransport", false)]))]))
}
