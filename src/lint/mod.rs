//! Lint: Guard rules on CloudFormation templates, with the place of everything they find.
//!
//! Here live the rules ([`embedded`], [`from_source`]), what they say ([`Report`])
//! and the engine that asks Guard ([`check`]). How a report is printed, which files are read and
//! what the quotas are does not.

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
