//! The definition of a pipeline that exists, as AWS CodePipeline's *GetPipeline* gives it: read
//! with places, changed as text, turned into a configuration.
//!
//! Nothing here asks AWS, reads files or asks the user. What a pipeline of our own looks like is
//! [`crate::stacks`]'.

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
