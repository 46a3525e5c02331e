//! Stack sets: one template in many accounts and regions, by CloudFormation StackSets.
//!
//! What is wanted and what is to be done about it is worked out by pure functions ([`compare`],
//! [`difference`]); the calls are in [`set`], [`instances`] and [`operation`], and [`deployment`] is the
//! order of them.

pub(crate) mod compare;
pub(crate) mod deployment;
pub(crate) mod difference;
pub(crate) mod instances;
mod model;
pub(crate) mod operation;
pub(crate) mod organization;
pub(crate) mod reasons;
mod request;
pub(crate) mod set;

pub(crate) use difference::Difference;
pub(crate) use model::{Described, Existing, Failed, Health, Instance, Progress, Wanted};
