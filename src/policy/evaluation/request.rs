//! A request: who wants to do what to which resource, and what AWS knows about it.

use crate::policy::document::{Arn, PolicyKind, is_account_id, reference};

/// A request to AWS.
///
/// Follows the AWS document *How IAM works*, section *Request context*.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    principal: Principal,
    action: String,
    action_lower: String,
    resource: String,
    resource_account: String,
    context: Context,
}

/// Who makes a request.
///
/// Follows the AWS document *AWS JSON policy elements: Principal*.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub(super) id: String,
    pub(super) account: Option<String>,
    pub(super) kind: PrincipalKind,
    /// The ARN of the role, with its path, of a role or of a session whose request says it.
    pub(super) role_arn: Option<String>,
    /// Whether the session is not known, so that the principal represents every session of its role.
    pub(super) is_any_session: bool,
}

/// What kind of principal makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalKind {
    /// An account's root user.
    Root,
    /// An IAM user.
    User,
    /// A role, without saying which session of it.
    Role {
        /// The role's name, without its path.
        name: String,
    },
    /// A session of a role.
    RoleSession {
        /// The role's name, without its path, which the session's ARN has not.
        role: String,
    },
    /// A session of `GetFederationToken`.
    FederatedUser,
    /// An AWS service.
    Service,
    /// An identity provider, for `AssumeRoleWithSAML` and `AssumeRoleWithWebIdentity`.
    Provider,
}

/// What AWS knows about a request: context keys, which ignore case, and their values.
///
/// Follows the AWS document *AWS global condition context keys*.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// In the order of the keys, which are in lower case.
    entries: Vec<(Box<str>, ContextValue)>,
}

/// The value of a context key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextValue {
    /// Of a single-valued key.
    One(String),
    /// Of a multivalued key, however many there are.
    Many(Vec<String>),
    /// The request has the key; its value is not known.
    Present,
    /// Not even whether the request has the key is known.
    Unknown,
}

/// What is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RequestProblem {
    /// The part of the request.
    pub field: RequestField,
    /// What is wrong.
    pub message: String,
    /// What to do; empty where the message says it.
    pub help: String,
}

/// A part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestField {
    /// The principal.
    Principal,
    /// The action.
    Action,
    /// The resource.
    Resource,
    /// The resource's account.
    ResourceAccount,
}

impl RequestProblem {
    fn new(field: RequestField, message: String) -> Self {
        Self {
            field,
            message,
            help: String::new(),
        }
    }
}

impl Context {
    /// A context without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key's value.
    pub fn set(&mut self, key: &str, value: ContextValue) {
        let key = key.to_lowercase().into_boxed_str();
        match self.find(&key) {
            Ok(at) => self.entries[at].1 = value,
            Err(at) => self.entries.insert(at, (key, value)),
        }
    }

    /// Sets a single-valued key's value.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.set(key, ContextValue::One(value.into()));
        self
    }

    /// A key's value; the key in any case.
    pub fn get(&self, key: &str) -> Option<&ContextValue> {
        self.get_lower(&key.to_lowercase())
    }

    pub(super) fn get_lower(&self, key: &str) -> Option<&ContextValue> {
        let at = self.find(key).ok()?;
        Some(&self.entries[at].1)
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.entries
            .binary_search_by(|(known, _)| (**known).cmp(key))
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.get_lower(key) {
            Some(ContextValue::One(text)) => Some(text),
            _ => None,
        }
    }

    fn derive(&mut self, key: &str, value: &str) {
        if self.get_lower(key).is_none() {
            self.set(key, ContextValue::One(value.to_owned()));
        }
    }
}

impl Request {
    /// The context, with the keys that follow from the rest.
    pub fn into_context(self) -> Context {
        self.context
    }

    /// A request.
    ///
    /// Where the context lacks them, the keys that follow from the rest are added:
    /// `aws:PrincipalArn`, `aws:PrincipalAccount`, `aws:PrincipalType`, `aws:username` (of a
    /// user), `aws:PrincipalIsAWSService`, `aws:PrincipalServiceName`, `aws:ResourceAccount` and,
    /// for KMS, `kms:CallerAccount`. A role session whose context has no `aws:PrincipalArn` is
    /// taken as one of a role without a path, since its own ARN does not tell.
    ///
    /// Without `resource_account`, the account is the context's `aws:ResourceAccount`, or the
    /// one in the resource's ARN, or for the resource `*` the principal's.
    ///
    /// # Errors
    /// A principal, action or resource that is none, an action that its service does not have, or a
    /// resource whose account is unknown. The actions of a service that the embedded reference does
    /// not have are not checked.
    pub fn new(
        principal: &str,
        action: &str,
        resource: &str,
        resource_account: Option<&str>,
        mut context: Context,
    ) -> Result<Self, RequestProblem> {
        let problem = |field, message| Err(RequestProblem::new(field, message));
        let fits = |name: &str| !name.is_empty() && !name.contains(['*', '?', ':']);
        let parts = action.split_once(':');
        if !parts.is_some_and(|(service, name)| fits(service) && fits(name)) {
            let message = "is no action: it is `service:Name`, without wildcards";
            return problem(RequestField::Action, format!("`{action}` {message}"));
        }
        let action_lower = action.to_ascii_lowercase();
        if reference::has(&action_lower) == Some(false) {
            return Err(unknown_action(action));
        }
        let principal = Principal::parse(principal, &action_lower, &context)?;
        let arn = Arn::parse(resource);
        if arn.is_none() && resource != "*" {
            return problem(
                RequestField::Resource,
                format!("the resource `{resource}` is neither an ARN nor `*`"),
            );
        }
        let resource_account = resource_account
            .or_else(|| context.text("aws:resourceaccount"))
            .or_else(|| arn.map(|arn| arn.account).filter(|id| !id.is_empty()))
            .or_else(|| principal.account.as_deref().filter(|_| resource == "*"))
            .map(str::to_owned);
        let Some(resource_account) = resource_account else {
            return problem(
                RequestField::ResourceAccount,
                format!("the account of the resource `{resource}` is not given"),
            );
        };
        principal.derive(&mut context);
        context.derive("aws:resourceaccount", &resource_account);
        if let Some(account) = &principal.account
            && action_lower.starts_with("kms:")
        {
            context.derive("kms:calleraccount", account);
        }
        Ok(Self {
            principal,
            action: action.to_owned(),
            action_lower,
            resource: resource.to_owned(),
            resource_account,
            context,
        })
    }

    /// The same request of whichever session of the role: a statement that names a session may or may
    /// not be about it.
    #[must_use]
    pub fn of_any_session(mut self) -> Self {
        self.principal.is_any_session =
            matches!(self.principal.kind, PrincipalKind::RoleSession { .. });
        self
    }

    /// The same request on a resource whose owner is not known: with `of_another`, not the principal's
    /// account.
    ///
    /// What holds of both is known.
    #[must_use]
    pub fn of_unknown_owner(mut self, of_another: bool) -> Self {
        let own = self.principal.account.clone().filter(|_| !of_another);
        self.resource_account = own.unwrap_or_default();
        self.context
            .set("aws:resourceaccount", ContextValue::Present);
        self
    }

    /// Who makes it.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What is to be done.
    pub fn action(&self) -> &str {
        &self.action
    }

    pub(super) fn action_lower(&self) -> &str {
        &self.action_lower
    }

    /// The namespace of the action's service, in lower case.
    pub fn service(&self) -> &str {
        self.action_lower.split(':').next().unwrap_or_default()
    }

    /// What it is to be done to.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The account that owns the resource.
    pub fn resource_account(&self) -> &str {
        &self.resource_account
    }

    /// What AWS knows about it, derived keys among it.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Whether the principal and the resource are in different accounts. A service principal is
    /// in none.
    pub fn is_cross_account(&self) -> bool {
        self.principal
            .account
            .as_ref()
            .is_some_and(|account| *account != self.resource_account)
    }

    /// The kind of the policy that is attached to the resource: a key's and a role's have rules
    /// of their own.
    pub fn resource_policy_kind(&self) -> PolicyKind {
        resource_policy_kind(&self.action_lower, &self.resource)
    }
}

/// AWS would answer such a request with an error, whatever the policies say.
fn unknown_action(action: &str) -> RequestProblem {
    let service = action.split(':').next().unwrap_or_default();
    let near =
        reference::near(action).map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    RequestProblem {
        field: RequestField::Action,
        message: format!("`{service}` has no action `{action}`"),
        help: format!("{near}The service reference is of {}", reference::AS_OF),
    }
}

/// The kind of the resource policy that a request for `action` (in lower case) is up against.
pub(super) fn resource_policy_kind(action: &str, resource: &str) -> PolicyKind {
    let Some(arn) = Arn::parse(resource) else {
        return PolicyKind::Resource;
    };
    let is_alias = arn.resource.starts_with("alias/");
    if arn.service == "kms" && action.starts_with("kms:") {
        // What is done to an alias itself is the alias's matter; every other operation that
        // is given an alias is one on its key.
        let on_alias = matches!(
            action,
            "kms:createalias" | "kms:updatealias" | "kms:deletealias"
        );
        if arn.resource.starts_with("key/") || (is_alias && !on_alias) {
            return PolicyKind::Key;
        }
    }
    if arn.service == "iam" && arn.resource.starts_with("role/") && action.starts_with("sts:") {
        return PolicyKind::Trust;
    }
    PolicyKind::Resource
}

/// Whether a resource is a KMS alias.
pub(super) fn is_alias(resource: &str) -> bool {
    Arn::parse(resource).is_some_and(|arn| arn.resource.starts_with("alias/"))
}

impl Principal {
    fn parse(text: &str, action: &str, context: &Context) -> Result<Self, RequestProblem> {
        let problem = || {
            let message = format!(
                "`{text}` is no principal: it is the ARN of a role session, role, user or root, \
                 or a service such as `codepipeline.amazonaws.com`"
            );
            RequestProblem::new(RequestField::Principal, message)
        };
        let of = |kind, account: Option<&str>| Self {
            id: text.to_owned(),
            account: account.map(str::to_owned),
            kind,
            role_arn: None,
            is_any_session: false,
        };
        let federates = matches!(
            action,
            "sts:assumerolewithsaml" | "sts:assumerolewithwebidentity"
        );
        let Some(arn) = Arn::parse(text) else {
            let is_name = text.contains('.') && !text.contains([':', '*', '?', ' ']);
            return match (is_name, federates) {
                (true, true) => Ok(of(PrincipalKind::Provider, None)),
                (true, false) => Ok(of(PrincipalKind::Service, None)),
                _ => Err(problem()),
            };
        };
        if text.contains(['*', '?']) || !is_account_id(arn.account) {
            return Err(problem());
        }
        let (kind, name) = arn.resource.split_once('/').unwrap_or((arn.resource, ""));
        let last = name.rsplit('/').next().unwrap_or_default();
        let mut role_arn = None;
        let kind = match (arn.service, kind) {
            ("iam", "root") if name.is_empty() => PrincipalKind::Root,
            ("iam", "user") if !last.is_empty() => PrincipalKind::User,
            ("iam", "role") if !last.is_empty() => {
                role_arn = Some(text);
                let name = last.to_owned();
                PrincipalKind::Role { name }
            }
            ("iam", "saml-provider" | "oidc-provider") if federates && !name.is_empty() => {
                return Ok(of(PrincipalKind::Provider, None));
            }
            ("sts", "assumed-role") => match name.split_once('/') {
                Some((role, session)) if !role.is_empty() && !session.is_empty() => {
                    let named = context.text("aws:principalarn");
                    role_arn = named.filter(|text| is_role(text, arn.account, role));
                    let role = role.to_owned();
                    PrincipalKind::RoleSession { role }
                }
                _ => return Err(problem()),
            },
            ("sts", "federated-user") if !name.is_empty() => PrincipalKind::FederatedUser,
            _ => return Err(problem()),
        };
        Ok(Self {
            role_arn: role_arn.map(str::to_owned),
            ..of(kind, Some(arn.account))
        })
    }

    fn derive(&self, context: &mut Context) {
        let is_service = self.kind == PrincipalKind::Service;
        context.derive("aws:principalisawsservice", &is_service.to_string());
        if is_service {
            context.derive("aws:principalservicename", &self.id);
        }
        let Some(account) = &self.account else {
            return;
        };
        context.derive("aws:principalaccount", account);
        let arn = match &self.kind {
            PrincipalKind::RoleSession { role } => {
                let partition = Arn::parse(&self.id).map_or("aws", |arn| arn.partition);
                format!("arn:{partition}:iam::{account}:role/{role}")
            }
            _ => self.id.clone(),
        };
        context.derive("aws:principalarn", &arn);
        let kind = match self.kind {
            PrincipalKind::Root => "Account",
            PrincipalKind::User => "User",
            PrincipalKind::FederatedUser => "FederatedUser",
            _ => "AssumedRole",
        };
        context.derive("aws:principaltype", kind);
        if self.kind == PrincipalKind::User
            && let Some(name) = self.id.rsplit('/').next()
        {
            context.derive("aws:username", name);
        }
    }

    /// As it was given: an ARN or a service's name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its account; a service and an identity provider have none.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// What kind it is of.
    pub fn kind(&self) -> &PrincipalKind {
        &self.kind
    }

    /// Whether it is a service-linked role, by its path, or by its reserved name where the path
    /// is unknown.
    pub(super) fn is_service_linked(&self) -> bool {
        match (&self.kind, &self.role_arn) {
            (_, Some(arn)) => arn.contains(":role/aws-service-role/"),
            (PrincipalKind::RoleSession { role }, None) => role.starts_with("AWSServiceRoleFor"),
            _ => false,
        }
    }
}

fn is_role(text: &str, account: &str, name: &str) -> bool {
    Arn::parse(text).is_some_and(|arn| {
        arn.service == "iam"
            && arn.account == account
            && arn.resource.starts_with("role/")
            && arn.resource.rsplit('/').next() == Some(name)
    })
}
