//! Plans the transition from a deployed configuration to a new one. The live pipeline works after
//! every step.
//!
//! The submodules contain the stacks of a transition ([`Piece`]), the logical IDs that a stack
//! keeps ([`ids`]), the transitional templates ([`merge`]), the order of the steps ([`sequence`]),
//! and the proof of the states between them ([`state`]). They call no AWS APIs. Other modules read
//! the deployed stacks and execute the steps.

mod agreement;
pub(crate) mod ids;
pub(crate) mod merge;
mod piece;
mod policy;
pub mod sequence;
mod started;
pub(crate) mod state;
mod trust;
mod versions;

pub(crate) use agreement::changes_agreement;
pub use piece::{Deployed, Found, Piece, SetInstances, with_policy_names};
