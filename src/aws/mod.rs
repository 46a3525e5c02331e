//! Tables of facts about AWS, each with the title of its source in the AWS documentation. This
//! module depends on no other module except `policy::document`, which parses ARNs and account IDs.

pub(crate) mod arn;
pub(crate) mod arn_kind;
pub(crate) mod handlers;
mod ids;
pub(crate) mod log_accounts;
pub(crate) mod names;
mod partition;
pub mod quotas;
pub(crate) mod regions;

pub use ids::{AccountId, BucketName, PipelineName, Region, RoleName};
pub use partition::Partition;
pub use regions::{has_codepipeline, is_region, partition_of, regions};
