//! s3ferry: a CodePipeline in one AWS account that deploys into an S3 bucket of another.

pub mod authz;
pub mod iam;
pub mod syntax;
