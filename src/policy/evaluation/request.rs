//! A request: its principal, action, resource, and context.

use crate::policy::document::{Arn, PolicyKind, is_account_id, reference};

/// A request to AWS.
///
/// Follows *How IAM works*, section *Request context*, in the AWS documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    principal: Principal,
    action: String,
    action_lower: String,
    resource: String,
    resource_account: String,
    context: Context,
}

/// The principal that makes a request.
///
/// Follows *AWS JSON policy elements: Principal* in the AWS documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub(super) id: String,
    pub(super) account: Option<String>,
    pub(super) kind: PrincipalKind,
    /// The ARN of the role with its path, for a role or for a session whose request contains the
    /// ARN.
    pub(super) role_arn: Option<String>,
    /// Whether the session is unknown, so that the principal represents every session of its role.
    pub(super) is_any_session: bool,
}

/// The kind of principal that makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalKind {
    /// The root user of an account.
    Root,
    /// An IAM user.
    User,
    /// A role, without a specific session.
    Role {
        /// The name of the role, without its path.
        name: String,
    },
    /// A session of a role.
    RoleSession {
        /// The name of the role, without its path. The session ARN does not contain the path.
        role: String,
    },
    /// A session from `GetFederationToken`.
    FederatedUser,
    /// An AWS service.
    Service,
    /// An identity provider, for `AssumeRoleWithSAML` and `AssumeRoleWithWebIdentity`.
    Provider,
}

/// The context of a request: context keys, which are case-insensitive, and their values.
///
/// Follows *AWS global condition context keys* in the AWS documentation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// Sorted by key. Keys are in lowercase.
    entries: Vec<(Box<str>, ContextValue)>,
}

/// The value of a context key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextValue {
    /// The value of a single-valued key.
    One(String),
    /// The values of a multivalued key.
    Many(Vec<String>),
    /// The request has the key, but its value is unknown.
    Present,
    /// It is unknown whether the request has the key.
    Unknown,
}

/// A problem with a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RequestProblem {
    /// The part of the request.
    pub field: RequestField,
    /// The problem.
    pub message: String,
    /// How to fix the problem. Empty if the message is sufficient.
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
    /// Creates a context without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the value of a key.
    pub fn set(&mut self, key: &str, value: ContextValue) {
        let key = key.to_lowercase().into_boxed_str();
        match self.find(&key) {
            Ok(at) => self.entries[at].1 = value,
            Err(at) => self.entries.insert(at, (key, value)),
        }
    }

    /// Sets the value of a single-valued key.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.set(key, ContextValue::One(value.into()));
        self
    }

    /// Returns the value of a key, which is case-insensitive.
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
    /// Returns the context, including derived keys.
    pub fn into_context(self) -> Context {
        self.context
    }

    /// Creates a request.
    ///
    /// Derived keys are added to the context if they are missing: `aws:PrincipalArn`,
    /// `aws:PrincipalAccount`, `aws:PrincipalType`, `aws:username` (for a user),
    /// `aws:PrincipalIsAWSService`, `aws:PrincipalServiceName`, `aws:ResourceAccount`, and for KMS,
    /// `kms:CallerAccount`. A role session without `aws:PrincipalArn` in its context is treated as
    /// a session of a role without a path, because the session ARN does not contain the path.
    ///
    /// Without `resource_account`, the account is the context's `aws:ResourceAccount`, the account
    /// in the resource ARN, or, for the resource `*`, the principal's account.
    ///
    /// # Errors
    /// Returns an error if the principal, action, or resource is invalid, if the service does not
    /// have the action, or if the resource's account is unknown. Actions of services outside the
    /// embedded reference are not checked.
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
            let message = "is not a valid action: write `service:Name`, without wildcards";
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
                format!("the account of the resource `{resource}` is not specified"),
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

    /// Returns the same request for any session of the role. A statement that names a session may
    /// or may not apply to it.
    #[must_use]
    pub fn of_any_session(mut self) -> Self {
        self.principal.is_any_session =
            matches!(self.principal.kind, PrincipalKind::RoleSession { .. });
        self
    }

    /// Returns the same request on a resource with an unknown owner. With `of_another`, the owner
    /// is not the principal's account.
    ///
    /// A result that both requests share is certain.
    #[must_use]
    pub fn of_unknown_owner(mut self, of_another: bool) -> Self {
        let own = self.principal.account.clone().filter(|_| !of_another);
        self.resource_account = own.unwrap_or_default();
        self.context
            .set("aws:resourceaccount", ContextValue::Present);
        self
    }

    /// Returns the principal.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Returns the action.
    pub fn action(&self) -> &str {
        &self.action
    }

    pub(super) fn action_lower(&self) -> &str {
        &self.action_lower
    }

    /// Returns the service prefix of the action, in lowercase.
    pub fn service(&self) -> &str {
        self.action_lower.split(':').next().unwrap_or_default()
    }

    /// Returns the resource.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Returns the account that owns the resource.
    pub fn resource_account(&self) -> &str {
        &self.resource_account
    }

    /// Returns the context, including derived keys.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Returns whether the principal and the resource are in different accounts. A service
    /// principal does not belong to an account.
    pub fn is_cross_account(&self) -> bool {
        self.principal
            .account
            .as_ref()
            .is_some_and(|account| *account != self.resource_account)
    }

    /// Returns the kind of the resource's policy. Key policies and trust policies have separate
    /// rules.
    pub fn resource_policy_kind(&self) -> PolicyKind {
        resource_policy_kind(&self.action_lower, &self.resource)
    }
}

/// Returns the problem with an unknown action. AWS rejects such a request, regardless of policies.
fn unknown_action(action: &str) -> RequestProblem {
    let service = action.split(':').next().unwrap_or_default();
    let near =
        reference::near(action).map_or_else(String::new, |near| format!("did you mean `{near}`? "));
    RequestProblem {
        field: RequestField::Action,
        message: format!("`{service}` has no action `{action}`"),
        help: format!("{near}The service reference is from {}", reference::AS_OF),
    }
}

/// Returns the kind of the resource policy for a request with `action` (in lowercase).
pub(super) fn resource_policy_kind(action: &str, resource: &str) -> PolicyKind {
    let Some(arn) = Arn::parse(resource) else {
        return PolicyKind::Resource;
    };
    let is_alias = arn.resource.starts_with("alias/");
    if arn.service == "kms" && action.starts_with("kms:") {
        // These operations act on the alias itself. Every other operation with an alias acts on its
        // key.
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

/// Returns whether a resource is a KMS alias.
pub(super) fn is_alias(resource: &str) -> bool {
    Arn::parse(resource).is_some_and(|arn| arn.resource.starts_with("alias/"))
}

impl Principal {
    fn parse(text: &str, action: &str, context: &Context) -> Result<Self, RequestProblem> {
        let problem = || {
            let message = format!(
                "`{text}` is not a valid principal: write the ARN of a role session, role, user, \
                 or account root, or a service such as `codepipeline.amazonaws.com`"
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

    /// Returns the ARN or service name, as specified.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the principal's account. A service or identity provider has no account.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Returns the kind of principal.
    pub fn kind(&self) -> &PrincipalKind {
        &self.kind
    }

    /// Returns whether the principal is a service-linked role. Checks the path, or, if the path is
    /// unknown, the reserved name prefix.
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
