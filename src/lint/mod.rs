//! Lint: checks CloudFormation templates against Guard rules, and reports the position of each
//! finding.
//!
//! This module contains the rules ([`embedded`], [`from_source`]), their results ([`Report`]), and
//! the engine that runs Guard ([`check`]). It does not print reports, select files, or define the
//! values of quotas.

mod answer;
mod cycles;
mod groups;
mod guard;
mod normal;
mod numbers;
mod others;
pub mod quotas;
pub(crate) mod repeated;
mod report;
mod rules;
mod suppress;
mod template;
mod validate;

pub use guard::{LintError, check};
pub(crate) use others::other_rule;
pub(crate) use report::{Figures, all_findings};
pub use report::{Report, Suppressed};
pub use rules::{Rule, embedded, from_source};
pub(crate) use validate::{GUARD_THREAD, prepare};
