//! The proof: every AWS call of a pipeline run, decided by the policies of the templates before
//! anything is deployed; the calls that must not be allowed; and what is granted beyond the run.
//!
//! Here live the templates with their deployments ([`resolve`]), who has which policies ([`world`]),
//! the calls of a run ([`run`]) with the keys that S3 uses for them ([`encryption`]), those of
//! attackers ([`attacks`]), what is known of their context keys ([`keys`]), the policies on both sides
//! ([`sides`]), the verdicts ([`judge`]) and what decides beside policies ([`beside`]), what nobody
//! needs ([`excess`]), what to add where something is missing ([`remedy`]) and what it all comes to
//! ([`outcome`]). What is given beside the templates must be about something in the run ([`names`],
//! [`given`], [`parameters`]). It reads templates, so that it checks the synthesis independently; of
//! the configuration it is told the accounts and regions, and the keys of existing buckets. What a
//! template means is decided in [`crate::template`], and how AWS decides a request in
//! [`crate::policy::evaluation`]; printing and files are the command line's.

mod attacks;
mod beside;
mod call;
mod chain;
mod collect;
mod decided;
mod document;
mod encryption;
mod excess;
mod facts;
mod findings;
mod given;
mod input;
mod judge;
mod key_kind;
mod key_state;
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
mod run;
mod sides;
mod world;

pub use call::{Call, Caller, Hindrance, Rejection, Strength};
pub use chain::Obstacle;
pub use decided::{Decided, Decisive, Verdict};
pub use excess::{Excess, StatementUse, UnknownAction};
pub use findings::{RULES, findings};
pub use input::{
    BucketKey, ClaimedBucket, InputError, Inputs, Instance, KeyFact, Known, NamedFile, Stack,
};
pub use key_state::{KeyState, is_cryptographic};
pub use outcome::{Conclusion, Empty, Outcome};
pub use outsiders::outsiders;
pub use prove::{Attack, AttackResult, Proof, prove};
pub use remedy::Remedy;
pub use resolved::{Resolved, outputs, resolved};
pub use run::ARTIFACT;
pub use world::{Doubt, Missing, Place};
