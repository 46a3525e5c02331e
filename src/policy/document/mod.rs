//! IAM policy documents: the contents of a policy, with the position of each part.
//!
//! This module contains the document model, its strict parser, and the values that conditions
//! compare ([`value`]). [`crate::policy::evaluation`] decides whether a document allows a request.
//!
//! Follows *Grammar of the IAM JSON policy language* and *IAM JSON policy element reference* in the
//! AWS documentation. Strict means that nothing is ignored: each element that AWS would reject is
//! reported as a [`Diagnostic`](crate::diagnostic::Diagnostic) with its position, and all problems
//! are reported at once. The parser is not stricter than AWS: an empty or repeated `Sid`,
//! `Condition: {}`, a single object as `Statement`, and a single string instead of a list have the
//! same meaning as in AWS.

mod action;
mod arn;
mod condition;
mod operator;
mod parse;
pub(super) mod pattern;
mod policy;
mod principal;
pub(crate) mod reference;
mod resource;
mod statement;
pub mod value;

pub use action::{ActionPattern, Actions};
pub use arn::Arn;
pub(crate) use arn::is_account_id;
pub use condition::{ArnPattern, Condition, ConditionValue, Wanted};
pub use operator::{Comparison, Operator, Order, Quantifier};
pub use pattern::Pattern;
pub(crate) use pattern::glob;
pub use policy::{Policy, PolicyKind, Version};
pub use principal::{PrincipalElement, PrincipalEntry, PrincipalId};
pub use resource::{ResourcePattern, Resources};
pub use statement::{Effect, Statement};
