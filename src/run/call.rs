//! A call: who does what to which resource, with what AWS knows about it.

use std::sync::Arc;

use super::key_state::KeyState;
use super::landscape::{Doubt, Instance, Place, PolicyId, Value};
use super::step::Step;
use crate::aws::arn;
use crate::policy::document::Arn;
use crate::policy::evaluation::Context;

/// The session that stands for all sessions of a role: CodePipeline names them by a time.
const SESSION: &str = "1587534327984";

/// One call to AWS.
#[derive(Debug, Clone)]
pub struct Call {
    /// A stable name.
    pub id: String,
    /// The target that it is made for; `None`: for all.
    pub target: Option<String>,
    /// Which of the target's instances it is made for, where the target has several.
    pub instance: Option<Arc<Instance>>,
    /// The step of the run.
    pub step: Step,
    /// Who makes it.
    pub caller: Caller,
    /// The action.
    pub action: String,
    /// Whether the run needs it.
    pub strength: Strength,
    /// The resource's ARN; words where it cannot be known.
    pub resource: String,
    /// The account that owns the resource; `None`: not known.
    pub account: Option<String>,
    /// What AWS knows about it.
    pub context: Context,
    /// What makes it necessary: the pipeline's action, say.
    pub place: Place,
    /// The resource's policy, where no template or file has it but the call is about it.
    pub(crate) resource_policy: Option<PolicyId>,
    /// Whether the resource is nobody's: it is made up for an attack and has no policy.
    pub(crate) made_up: bool,
    /// What keeps AWS from doing it, whatever the policies say.
    pub hindrance: Option<Hindrance>,
    /// Why nobody can tell who calls what: then nothing is proven of it.
    pub unknown: Option<Doubt>,
}

/// Whether a run needs a call.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Strength {
    /// AWS's documentation lists the call, but nothing shows that a run needs it. Runs are known to
    /// succeed without most of these calls.
    Documented,
    /// Without the call, the run fails.
    Needed,
}

/// What keeps AWS from doing a call that the policies may allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// AWS rejects it.
    Rejected(Rejection),
    /// AWS may reject it: this cannot be resolved.
    Doubtful(Doubt),
}

/// Why AWS rejects a call whatever the policies say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Why, in a sentence.
    pub because: String,
    /// The state of the key that makes KMS reject it, if that is why.
    pub state: Option<KeyState>,
    /// What to do.
    pub fix: String,
    /// Where to do it.
    pub place: Place,
    /// The resource of the template that stands there.
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
    /// Why AWS rejects it whatever the policies say.
    pub(crate) fn rejection(&self) -> Option<&Rejection> {
        match &self.hindrance {
            Some(Hindrance::Rejected(rejection)) => Some(rejection),
            Some(Hindrance::Doubtful(_)) | None => None,
        }
    }

    /// The account that owns the resource; empty where it is not known.
    pub fn owner(&self) -> &str {
        self.account.as_deref().unwrap_or_default()
    }

    /// How its caller is shown: with the account, where roles of several accounts have one name.
    pub(crate) fn caller_shown(&self) -> String {
        let shown = self.caller.shown();
        match (&self.caller, self.caller.account()) {
            (Caller::Role(_), Some(account)) if self.instance.is_some() => {
                format!("{shown} of {account}")
            }
            _ => shown,
        }
    }

    /// What tells it from the other calls of its instance: its name as far as it says neither
    /// account, region nor bucket.
    pub(crate) fn kind(&self) -> &str {
        let mut parts = self.id.split('/');
        if self.step == Step::Attack {
            return parts.next().unwrap_or_default();
        }
        self.step.name()
    }

    /// Whether it is an attack on a bucket, which its name then says.
    pub(crate) fn is_on_bucket(&self) -> bool {
        self.step == Step::Attack && self.id.contains('/')
    }
}

/// Who makes a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A session of a role of the templates.
    Role(String),
    /// An AWS service.
    Service(String),
    /// An account's root user.
    Root(String),
    /// A session of some role that its own account allows everything.
    Administrator(String),
    /// A role that cannot be known: whose it is, and why.
    Unknown(String, Box<Doubt>),
}

impl Caller {
    /// Who calls by a role that may not be known.
    pub(crate) fn of(role: &Value) -> Self {
        match role {
            Ok(arn) => Self::Role(arn.clone()),
            Err(doubt) => Self::Unknown(format!("the role of {}", doubt.resource), doubt.clone()),
        }
    }

    /// The principal of its requests.
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

    /// Its account; a service has none.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Role(arn) | Self::Administrator(arn) => Some(account_and_name(arn).0),
            Self::Service(_) | Self::Unknown(..) => None,
            Self::Root(account) => Some(account),
        }
    }

    /// How it is shown: a role's name, a service's, `root of 111111111111`.
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

    /// The ARN that `aws:PrincipalArn` has.
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
