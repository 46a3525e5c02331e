//! s3ferry: a CodePipeline in one AWS account that deploys into an S3 bucket of another.

pub mod lint;
pub mod syntax;
