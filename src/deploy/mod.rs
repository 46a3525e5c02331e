//! The interface to AWS. It deploys, follows, compares, and deletes stacks, uploads sources,
//! follows pipeline executions, and reads and updates pipeline definitions.
//!
//! This module makes the calls and waits for the results. The plan and the stacks determine the
//! resources to deploy. The command line handles output and prompts; this module has neither.

mod access;
mod answer;
pub(crate) mod body;
pub(crate) mod bucket_policy;
pub(crate) mod cause;
mod change;
pub(crate) mod change_set;
mod comparison;
mod condition;
pub(crate) mod delivery;
pub(crate) mod deployer;
pub(crate) mod deployment;
pub(crate) mod drift;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod execution;
pub(crate) mod existing_bucket;
pub(crate) mod live;
pub(crate) mod next;
mod observer;
pub(crate) mod operation;
mod outputs;
pub(crate) mod ownership;
pub(crate) mod pace;
pub(crate) mod pipeline;
mod property_change;
pub(crate) mod protection;
mod race;
pub(crate) mod retained;
pub(crate) mod rollback;
mod said;
pub(crate) mod source;
pub(crate) mod stack;
pub(crate) mod stack_set;
mod steps;
mod text;
pub(crate) mod time;
pub(crate) mod timeline;
mod together;
pub(crate) mod trust;
pub(crate) mod unexecuted;
pub(crate) mod validation;
pub(crate) mod view;

pub(crate) use access::{
    Access, Identity, Origin, ProfileState, Settings, check_endpoint, profile_state,
    profile_variable,
};
pub(crate) use cause::Cause;
pub(crate) use change::Change;
pub(crate) use comparison::Comparison;
pub(crate) use condition::Condition;
use error::one_line;
pub(crate) use error::{DeployError, ErrorKind};
pub(crate) use observer::{Observer, Silent};
pub(crate) use outputs::Unusable;
pub use outputs::{Outputs, StackOutputs};
pub(crate) use property_change::PropertyChange;
pub(crate) use steps::{RetainedBucket, steps_of};
pub use steps::{StackStep, stack_steps};
pub(crate) use text::Text;
pub(crate) use together::together;
pub(crate) use validation::Validations;
