//! Facts about AWS, one table each, with the AWS document that each fact comes from. Independent
//! of all other modules.

pub(crate) mod arn;
mod partition;
pub mod quotas;

pub use partition::Partition;
