//! CloudFormation templates as data: values with intrinsic functions and comments, resources,
//! and their writers. What the templates of s3ferry hold is decided in [`crate::stacks`].

mod file;
mod model;
mod read;
mod rename;
mod value;
mod yaml;

pub use file::TemplateFile;
pub use model::{Condition, Output, Parameter, Resource, Template};
pub use rename::Renames;
pub use value::{Field, Item, Value, list, map};
