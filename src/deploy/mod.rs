//! The edge to AWS: stacks deployed by change sets, followed, compared and deleted; sources
//! uploaded, executions of the pipeline followed, its definition read and written.
//!
//! Here are the calls and the waiting; what to deploy comes from the plan and the stacks, and
//! what the user sees and answers is the command line's. Nothing here prints or asks.

mod access;
mod answer;
pub mod body;
pub mod bucket_policy;
pub mod cause;
mod change;
pub mod change_set;
mod comparison;
mod condition;
pub mod delivery;
pub mod deployer;
pub mod drift;
pub(crate) mod error;
pub mod events;
pub mod execution;
pub mod executions;
pub mod existing_bucket;
pub mod live;
pub mod next;
mod observer;
mod outputs;
pub mod ownership;
pub mod pace;
pub mod pipeline;
mod property_change;
pub mod protection;
mod race;
pub mod retained;
pub mod rollback;
pub mod run;
pub mod source;
pub mod stack;
pub mod stack_set;
mod steps;
pub mod time;
pub mod timeline;
mod together;
pub mod trust;
pub mod validation;
pub mod view;

pub use access::{
    Access, Identity, Origin, ProfileState, Settings, check_endpoint, profile_state,
    profile_variable,
};
pub use body::Text;
pub use cause::Cause;
pub use change::Change;
pub use comparison::Comparison;
pub use condition::{Condition, succeeded};
pub use error::{DeployError, ErrorKind};
pub use observer::{Observer, Silent};
pub use outputs::{Outputs, StackOutputs, Unusable};
pub use property_change::PropertyChange;
pub use steps::{RetainedBucket, StackStep, StackTemplate, stack_steps, steps_of};
pub use together::together;
pub use validation::{Validation, Validations};
