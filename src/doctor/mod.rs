//! What is wrong with a deployment: its live state, compared with the templates and proven like
//! them, said in the order of causes.
//!
//! Here live what is expected ([`expected`]), what was read ([`live`]), policies compared by what
//! they mean ([`compare`]), the live state as templates for the proof ([`templates`]), one check a
//! file ([`checks`]), and the diagnosis out of all of it ([`diagnose`]). Nothing here talks to
//! AWS: reading is `deploy`'s, and printing the command line's.

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
