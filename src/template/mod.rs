//! CloudFormation templates as data: values with intrinsic functions and comments, resources,
//! and their writers. What the templates of s3ferry hold is decided in [`crate::stacks`].

mod read;
mod rename;
mod model;
mod value;
mod yaml;

pub use rename::Renames;
pub use model::{Condition, Output, Parameter, Resource, Template};
pub use value::{Field, Item, Value, list, map};
