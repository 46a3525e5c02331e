//! The commands that call AWS, and the code that only they share: access by profile, the screen,
//! live updates, and interruption.

mod accounts;
mod adopt;
mod changes;
mod chart;
mod deploy;
mod deployer_policy;
mod destroy;
mod dev_key;
mod diff;
mod doctor;
mod events;
pub(super) mod live;
mod merged_policy;
mod options;
mod outputs_file;
mod parameters;
mod place;
mod push;
mod refuse;
mod refused_role;
mod removed;
mod rollback;
mod runtime;
mod sample;
mod screen;
mod seen;
pub(super) mod signal;
mod source_place;
mod stack_set;
mod status;
mod watch;
mod zip_file;

/// The types of the JSON documents that the commands write, for their schemas.
#[cfg(test)]
pub(super) mod documents {
    pub(crate) use super::deploy::Document as Deploy;
    pub(crate) use super::destroy::Document as Destroy;
    pub(crate) use super::diff::Document as Diff;
    pub(crate) use super::doctor::Document as Doctor;
    pub(crate) use super::events::Document as Events;
    pub(crate) use super::push::Document as Push;
    pub(crate) use super::rollback::Document as Rollback;
    pub(crate) use super::status::Document as Status;
}

use clap::Subcommand;

use super::{Failure, Global, Outcome};

/// A command that calls AWS.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Deploy the stacks of a profile, or all stacks
    Deploy(deploy::DeployOptions),
    /// Show the changes that a deployment would make
    Diff(diff::DiffOptions),
    /// Explain the last stack operations: root causes and durations
    Events(events::EventsOptions),
    /// Show the status of the stacks and the next steps
    Status(status::StatusOptions),
    /// Print the least-privilege IAM policy for these commands
    DeployerPolicy(deployer_policy::DeployerPolicyOptions),
    /// Continue a failed rollback or cancel a running update
    Rollback(rollback::RollbackOptions),
    /// Delete the stacks of a profile, or all stacks; retain the key and buckets
    Destroy(destroy::DestroyOptions),
    /// Upload a site and follow the pipeline that deploys it
    Push(push::PushOptions),
    /// Write a small sample website for testing the pipeline
    Sample(sample::SampleOptions),
    /// Change an existing pipeline to deploy to the targets' accounts
    Adopt(adopt::AdoptOptions),
    /// Diagnose the live pipeline and its permissions
    Doctor(doctor::DoctorOptions),
}

/// Runs a command.
pub(super) fn run(global: &Global, command: &Command) -> Result<Outcome, Failure> {
    match command {
        Command::Deploy(options) => deploy::run(global, options),
        Command::Diff(options) => diff::run(global, options),
        Command::Doctor(options) => doctor::run(global, options),
        Command::Events(options) => events::run(global, options),
        Command::Status(options) => status::run(global, options),
        Command::DeployerPolicy(options) => deployer_policy::run(global, options),
        Command::Rollback(options) => rollback::run(global, options),
        Command::Destroy(options) => destroy::run(global, options),
        Command::Push(options) => push::run(global, options),
        Command::Sample(options) => sample::run(global, options),
        Command::Adopt(options) => adopt::run(global, options),
    }
}
