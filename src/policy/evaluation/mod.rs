//! Whether AWS allows a request: its policy evaluation logic.
//!
//! Here live the request ([`Request`]), the policies that apply to it ([`PolicySet`]), the
//! decision ([`evaluate`]) with its whole reason ([`explain`]), and the format of cases that are
//! evaluated from JSON ([`evaluate_cases`]). What a policy document may say is [`crate::policy::document`]'s.
//!
//! Follows the AWS documents *Policy evaluation logic*, *Cross-account policy evaluation logic*,
//! *Permissions boundaries for IAM entities*, *SCP evaluation*, *Resource control policies* and
//! *Key policies in AWS KMS*. Where they are silent, the place that decides says so, and takes
//! the reading that grants less.
//!
//! Not modelled, and so never counted as allowed: grants of KMS, ACLs of S3, VPC endpoint
//! policies, anonymous requests, access points.

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
