//! IAM policy documents: what a policy says, with the place of everything that it says.
//!
//! Here live the document's model, its strict parser and the values that its conditions compare
//! ([`value`]). Whether a request is allowed by it is decided elsewhere ([`crate::policy::evaluation`]).
//!
//! Follows the AWS documents *Grammar of the IAM JSON policy language* and *IAM JSON policy
//! element reference*. Strict means that nothing is ever ignored: what AWS would refuse is a
//! [`Diagnostic`](crate::diagnostic::Diagnostic) with its place, and all of them are reported at once. It
//! does not mean stricter than AWS: an empty or repeated `Sid`, `Condition: {}`, a single object
//! as `Statement` and a single string for a list are what they are to AWS.

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
