//! The proof: every AWS call of a pipeline run, decided by the policies of the templates before
//! anything is deployed; the calls that must not be allowed; and what is granted beyond the run.
//!
//! The calls of a run are [`crate::run`]'s. This module resolves templates ([`resolve`]), collects who
//! has which policies ([`world`]), reads the pipelines ([`facts`]), and adds the calls of attackers
//! ([`attacks`]). It decides each call by what is known of its context keys ([`keys`]), the policies on
//! both sides ([`sides`]), the verdict ([`judge`]) and what decides beside policies ([`beside`]). It
//! finds what nobody needs ([`excess`]), what to add where something is missing ([`remedy`]) and the
//! result of it all ([`outcome`]). What is given beside the templates must be about something in the
//! run ([`names`], [`given`], [`parameters`]). The proof reads templates, so that it checks the
//! synthesis independently; the configuration provides the accounts and regions, and the keys of
//! existing buckets. [`crate::policy::evaluation`] decides a request as AWS does.

mod attacks;
mod beside;
mod collect;
mod decided;
mod document;
mod excess;
mod facts;
mod findings;
mod given;
mod input;
mod judge;
mod key_kind;
mod keys;
mod names;
mod outcome;
mod outsiders;
mod parameters;
mod prove;
mod public_access;
mod remedy;
mod resolve;
mod resolved;
mod sides;
mod world;

pub use decided::{Decided, Decisive, Verdict};
pub(crate) use excess::StatementUse;
pub use findings::{RULES, findings};
pub use input::{BucketKey, ClaimedBucket, InputError, Inputs, KeyFact, Known, NamedFile, Stack};
pub use outcome::{Conclusion, Empty, Outcome};
pub(crate) use outsiders::outsiders;
pub use prove::{Attack, AttackResult, Proof, prove};
pub(crate) use remedy::Remedy;
pub use resolved::outputs;
pub use resolved::{Resolved, resolved};
pub use world::Missing;
