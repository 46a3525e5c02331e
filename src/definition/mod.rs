//! The definition of an existing pipeline, as AWS CodePipeline's *GetPipeline* returns it. This
//! module reads it with positions, edits its text, and creates a configuration from it.
//!
//! It does not call AWS, read files, or prompt the user. [`crate::stacks`] defines the pipelines
//! that s3ferry creates.

mod adopt;
mod configuration;
mod edit;
pub(crate) mod model;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use adopt::{Adopted, adopt};
pub(crate) use configuration::{Draft, DraftTarget};
pub(crate) use read::{Action, Definition, Store};
