//! Stack sets: one template in many accounts and regions, by CloudFormation StackSets.
//!
//! What is wanted and what is to be done about it is worked out by pure functions ([`compare`],
//! [`difference`]); the calls are in [`set`], [`instances`] and [`operation`], and [`run`] is the
//! order of them.

pub mod compare;
pub mod difference;
pub mod instances;
mod model;
pub mod operation;
pub mod organization;
pub mod reasons;
pub mod run;
pub mod set;

pub use model::{
    Counts, Described, Existing, Failed, Health, Instance, Progress, Scope, Targets, Units, Wanted,
};
