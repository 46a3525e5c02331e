//! Stack sets: deploy one template to many accounts and regions with CloudFormation StackSets.
//!
//! Pure functions determine the required changes ([`compare`], [`difference`]). [`set`],
//! [`instances`], and [`operation`] make the calls. [`deployment`] runs the operations in order.

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
