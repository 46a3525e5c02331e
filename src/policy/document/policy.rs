//! A policy document and its kinds.

use super::Statement;
use crate::diagnostic::Span;

/// A policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The kind that it was read as.
    pub kind: PolicyKind,
    /// `Version`.
    pub version: Version,
    /// `Id`.
    pub id: Option<String>,
    /// `Statement`.
    pub statements: Vec<Statement>,
    /// Its span.
    pub span: Span,
}

/// The kind of a policy, which determines its elements.
///
/// Follows *Policies and permissions in AWS Identity and Access Management*, *Key policies in AWS
/// KMS*, *SCP syntax*, and *RCP syntax* in the AWS documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKind {
    /// An identity-based policy, or a permissions boundary, which has the same elements.
    Identity,
    /// A session policy. It has the elements of an identity-based policy, but its ARNs must be
    /// complete.
    Session,
    /// A resource-based policy, such as a bucket policy.
    Resource,
    /// A KMS key policy.
    Key,
    /// A role's trust policy.
    Trust,
    /// A service control policy.
    ServiceControl,
    /// A resource control policy.
    ResourceControl,
}

/// The version of the policy language.
///
/// Follows *IAM JSON policy elements: Version* in the AWS documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// `2008-10-17`, the default version. It does not support variables.
    #[default]
    V2008,
    /// `2012-10-17`.
    V2012,
}

impl PolicyKind {
    /// Returns the name of the kind for messages, such as `an identity-based policy`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "an identity-based policy",
            Self::Session => "a session policy",
            Self::Resource => "a resource-based policy",
            Self::Key => "a key policy",
            Self::Trust => "a role trust policy",
            Self::ServiceControl => "a service control policy",
            Self::ResourceControl => "a resource control policy",
        }
    }
}
