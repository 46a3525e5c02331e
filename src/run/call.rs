//! A call: its caller, action, resource, and request context.

use std::sync::Arc;

use super::key_state::KeyState;
use super::landscape::{Doubt, Instance, Place, PolicyId, Value};
use super::step::Step;
use crate::aws::arn;
use crate::policy::document::Arn;
use crate::policy::evaluation::Context;

/// The session that represents all sessions of a role. CodePipeline names each session after a
/// timestamp.
const SESSION: &str = "1587534327984";

/// One call to AWS.
#[derive(Debug, Clone)]
pub struct Call {
    /// A stable ID.
    pub id: String,
    /// The target that the call serves; `None` if it serves all targets.
    pub target: Option<String>,
    /// The instance of the target, if the target has several.
    pub instance: Option<Arc<Instance>>,
    /// The step of the execution.
    pub step: Step,
    /// The caller.
    pub caller: Caller,
    /// The action.
    pub action: String,
    /// Whether an execution needs it.
    pub strength: Strength,
    /// The resource's ARN, or a description if it is unknown.
    pub resource: String,
    /// The account that owns the resource; `None` if unknown.
    pub account: Option<String>,
    /// The request context.
    pub context: Context,
    /// The location of the element that requires the call, such as the pipeline's action.
    pub place: Place,
    /// The resource's policy, if no template or file contains it.
    pub(crate) resource_policy: Option<PolicyId>,
    /// Whether the resource is made up for an attack. Such a resource has no owner and no policy.
    pub(crate) made_up: bool,
    /// Why AWS rejects or may reject the call, regardless of the policies.
    pub hindrance: Option<Hindrance>,
    /// Why the caller or resource is unknown. The call is then unproven.
    pub unknown: Option<Doubt>,
}

/// Whether an execution needs a call.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Strength {
    /// AWS documents the call, but there is no evidence that an execution needs it. Executions are
    /// known to succeed without most of these calls.
    Documented,
    /// Without the call, the execution fails.
    Needed,
}

/// The reason why AWS rejects or may reject a call that the policies may allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// AWS rejects the call.
    Rejected(Rejection),
    /// AWS may reject the call, depending on a value that cannot be resolved.
    Doubtful(Doubt),
}

/// The reason why AWS rejects a call, regardless of the policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The reason, as a clause.
    pub because: String,
    /// The state of the key, if that is the reason.
    pub state: Option<KeyState>,
    /// How to fix it.
    pub fix: String,
    /// The location to fix.
    pub place: Place,
    /// The template resource at that location.
    pub resource: Option<String>,
}

impl Rejection {
    pub(crate) fn new(
        because: String,
        fix: impl Into<String>,
        place: Place,
        resource: Option<String>,
    ) -> Self {
        Self {
            because,
            state: None,
            fix: fix.into(),
            place,
            resource,
        }
    }
}

impl Call {
    /// Returns why AWS rejects the call, regardless of the policies.
    pub(crate) fn rejection(&self) -> Option<&Rejection> {
        match &self.hindrance {
            Some(Hindrance::Rejected(rejection)) => Some(rejection),
            Some(Hindrance::Doubtful(_)) | None => None,
        }
    }

    /// Returns the account that owns the resource, or an empty string if it is unknown.
    pub fn owner(&self) -> &str {
        self.account.as_deref().unwrap_or_default()
    }

    /// Returns the caller for display, with its account if roles in several accounts have the same
    /// name.
    pub(crate) fn caller_shown(&self) -> String {
        let shown = self.caller.shown();
        match (&self.caller, self.caller.account()) {
            (Caller::Role(_), Some(account)) if self.instance.is_some() => {
                format!("{shown} of {account}")
            }
            _ => shown,
        }
    }

    /// Returns the kind of call: the first part of an attack's ID, or the name of the step for
    /// other calls.
    pub(crate) fn kind(&self) -> &str {
        let mut parts = self.id.split('/');
        if self.step == Step::Attack {
            return parts.next().unwrap_or_default();
        }
        self.step.name()
    }

    /// Returns whether the call is an attack on a bucket. The ID of such an attack contains the
    /// bucket.
    pub(crate) fn is_on_bucket(&self) -> bool {
        self.step == Step::Attack && self.id.contains('/')
    }
}

/// The caller of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A session of a role in the templates.
    Role(String),
    /// An AWS service.
    Service(String),
    /// The root user of an account.
    Root(String),
    /// A session of a role with full access in its own account.
    Administrator(String),
    /// An unknown role: its owner, and why it is unknown.
    Unknown(String, Box<Doubt>),
}

impl Caller {
    /// Returns the caller for a role that may be unknown.
    pub(crate) fn of(role: &Value) -> Self {
        match role {
            Ok(arn) => Self::Role(arn.clone()),
            Err(doubt) => Self::Unknown(format!("the role of {}", doubt.resource), doubt.clone()),
        }
    }

    /// Returns the principal of its requests.
    pub(crate) fn principal(&self, partition: &str) -> String {
        match self {
            Self::Role(arn) | Self::Administrator(arn) => {
                let (account, name) = account_and_name(arn);
                arn::session(partition, account, name, SESSION)
            }
            Self::Service(name) | Self::Unknown(name, _) => name.clone(),
            Self::Root(account) => arn::root(partition, account),
        }
    }

    /// Returns the caller's account. A service has no account.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Role(arn) | Self::Administrator(arn) => Some(account_and_name(arn).0),
            Self::Service(_) | Self::Unknown(..) => None,
            Self::Root(account) => Some(account),
        }
    }

    /// Returns the caller for display: the name of a role or service, or `root of 111111111111`.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Role(arn) => account_and_name(arn).1.to_owned(),
            Self::Administrator(arn) => {
                let (account, name) = account_and_name(arn);
                format!("{name} of {account}")
            }
            Self::Service(name) | Self::Unknown(name, _) => name.clone(),
            Self::Root(account) => format!("root of {account}"),
        }
    }

    /// Returns the value of `aws:PrincipalArn`.
    pub(crate) fn principal_arn(&self, partition: &str) -> Option<String> {
        match self {
            Self::Role(arn) | Self::Administrator(arn) => Some(arn.clone()),
            Self::Root(account) => Some(arn::root(partition, account)),
            Self::Service(_) | Self::Unknown(..) => None,
        }
    }
}

fn account_and_name(arn: &str) -> (&str, &str) {
    Arn::parse(arn).map_or(("", arn), |parts| {
        let name = parts.resource.rsplit('/').next().unwrap_or_default();
        (parts.account, name)
    })
}
