//! The proof. It evaluates every AWS call of a pipeline execution against the policies in the
//! templates, before anything is deployed. It also checks that attacks are denied and finds grants
//! that an execution does not need.
//!
//! [`crate::run`] derives the calls of an execution. This module resolves the templates
//! ([`resolve`]), collects the policies of every principal and resource ([`world`]), reads the
//! pipelines ([`facts`]), and adds the calls of attackers ([`attacks`]). The verdict of each call
//! depends on its context keys ([`keys`]), the policies on both sides ([`sides`]), the evaluation
//! of those policies ([`judge`]), and factors other than policies ([`other_factors`]). The module
//! then finds unused grants ([`excess`]), suggests missing statements ([`remedy`]), and summarizes
//! the result ([`outcome`]). Every policy or parameter that the user provides must belong to a
//! resource or template of the proof ([`names`], [`given`], [`parameters`]). The proof reads
//! templates, so it checks the synthesis independently. The configuration provides the accounts,
//! the regions, and the keys of existing buckets. [`crate::policy::evaluation`] evaluates a single
//! request as AWS does.

mod attacks;
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
mod other_factors;
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
pub use input::{
    BucketKey, ClaimedBucket, ExistingProject, InputError, Inputs, KeyFact, Known, NamedFile, Stack,
};
pub use outcome::{Conclusion, Empty, Outcome};
pub(crate) use outsiders::outsiders;
pub use prove::{Attack, AttackResult, Proof, prove};
pub(crate) use remedy::Remedy;
pub use resolved::outputs;
pub use resolved::{Resolved, resolved};
pub use world::Missing;
