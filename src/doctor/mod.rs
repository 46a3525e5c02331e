//! Diagnoses a deployment: compares its live state with the templates, applies the same proof to
//! the live state, and orders the findings by cause.
//!
//! The modules contain the expected state ([`expected`]), the live state ([`live`]), the comparison
//! of policies by meaning ([`compare`]), the live state as templates for the proof ([`templates`]),
//! the checks ([`checks`]), and the diagnosis ([`diagnose`]). No module calls AWS: `deploy` reads
//! the live state, and the command line prints the result.

mod checks;
pub(crate) mod compare;
mod deployed;
mod diagnose;
mod disagree;
mod expected;
mod explain;
mod finding;
pub(crate) mod live;
mod permissions;
mod templates;
#[cfg(test)]
mod tests;
mod unread;

pub(crate) use deployed::{Candidate, Deployed, ReadStack};
pub(crate) use diagnose::{Diagnosis, Health, diagnose};
pub(crate) use expected::{Expected, Place, Reference};
pub(crate) use finding::{Finding, Fix, Repair, Unread};
pub(crate) use permissions::PERMISSIONS;
