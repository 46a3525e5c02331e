//! Decides whether AWS allows a request, following the AWS policy evaluation logic.
//!
//! This module contains the request ([`Request`]), the policies that apply to it ([`PolicySet`]),
//! the decision ([`evaluate`]) with its explanation ([`explain`]), and the JSON format of cases
//! ([`evaluate_cases`]). [`crate::policy::document`] defines the contents of policy documents.
//!
//! Follows *Policy evaluation logic*, *Cross-account policy evaluation logic*, *Permissions
//! boundaries for IAM entities*, *SCP evaluation*, *Resource control policies*, and *Key policies
//! in AWS KMS* in the AWS documentation. If a case is not documented, the code says so and uses the
//! interpretation that grants less.
//!
//! Not modeled, and therefore never counted as allowed: KMS grants, S3 ACLs, VPC endpoint policies,
//! anonymous requests, and access points.

mod case;
mod condition;
mod evaluate;
mod explain;
mod layers;
mod matching;
mod open;
mod policies;
mod principal;
mod reason;
mod request;
mod text;
mod truth;

pub use case::{Case, CaseOutcome, CaseResult, ReadCase, evaluate_cases, read_cases};
pub use evaluate::{evaluate, evaluate_within};
pub use explain::{explain, explain_within};
pub use open::{OpenStatement, open_statements};
pub use policies::PolicySet;
pub use principal::Grant;
pub use reason::{
    Decision, Failure, Layer, LayerReport, Outcome, Reason, StatementReport, Verdict,
};
pub use request::{
    Context, ContextValue, Principal, PrincipalKind, Request, RequestField, RequestProblem,
};
pub use truth::{Bound, Knowledge, UnlistedKeys};
