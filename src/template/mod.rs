//! CloudFormation templates as data: values with intrinsic functions and comments, resources, the
//! writers, the reader, and the resolved values of a deployment ([`Resolver`]). [`crate::stacks`]
//! defines the content of s3ferry's templates.

mod file;
mod functions;
mod loops;
mod model;
pub(crate) mod parameters;
mod read;
mod rename;
mod resolve;
mod value;
mod yaml;

pub(crate) use file::TemplateFile;
pub(crate) use functions::function;
pub(crate) use functions::{resources, type_of};
pub(crate) use loops::{OpenLoop, loops_as_written, without_loops};
pub(crate) use model::{Condition, Output, Parameter, Resource, Template};
pub use read::read_template;
pub(crate) use rename::Renames;
pub(crate) use resolve::{DYNAMIC_REFERENCE, Deployment, Marker, Resolver};
pub(crate) use resolve::{UNKNOWN, known_text, unknown_in};
pub(crate) use value::{Field, Item, Value, list, map};

/// The pseudo parameter that removes a property.
const NO_VALUE: &str = "AWS::NoValue";
