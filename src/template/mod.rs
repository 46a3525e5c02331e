//! CloudFormation templates as data: values with intrinsic functions and comments, resources,
//! and their writers; the reader, and what templates mean once deployed ([`Resolver`]). The content
//! of s3ferry's templates is decided in [`crate::stacks`].

mod file;
mod functions;
mod model;
pub(crate) mod parameters;
mod read;
mod rename;
mod resolve;
mod value;
mod variants;
mod yaml;

pub use file::TemplateFile;
pub(crate) use functions::function;
pub use functions::{resources, type_of};
pub use model::{Condition, Output, Parameter, Resource, Template};
pub use read::read_template;
pub use rename::Renames;
pub use resolve::{Deployment, Resolver};
pub(crate) use resolve::{UNKNOWN, known_text, unknown_in};
pub use value::{Field, Item, Value, list, map};
pub(crate) use variants::variants;

/// The pseudo parameter that removes a property.
const NO_VALUE: &str = "AWS::NoValue";
