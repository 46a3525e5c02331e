//! The commands that talk to AWS, and what only they share: access by profile, the screen and the lines
//! that change in place, interruption.

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
mod stack_set;
mod status;
mod watch;
mod zip_file;

/// The types of the documents that the commands write as JSON, for their schemas.
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

/// A command that talks to AWS.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Deploy the stacks of a profile, or all, with change sets
    Deploy(deploy::DeployOptions),
    /// Show what a deploy would change: templates and CloudFormation's change set
    Diff(diff::DiffOptions),
    /// Explain the last operations of a profile's stacks: first cause, durations
    Events(events::EventsOptions),
    /// Show how the stacks stand, and what is next
    Status(status::StatusOptions),
    /// Print the least IAM policy that these commands need in an account
    DeployerPolicy(deployer_policy::DeployerPolicyOptions),
    /// Continue a failed rollback, or cancel a running update
    Rollback(rollback::RollbackOptions),
    /// Delete the stacks of a profile, or all; key and buckets stay
    Destroy(destroy::DestroyOptions),
    /// Upload a site, and follow the pipeline that deploys it
    Push(push::PushOptions),
    /// Write a small web site to try the pipeline with
    Sample(sample::SampleOptions),
    /// Make a pipeline that exists already deploy into the targets' accounts
    Adopt(adopt::AdoptOptions),
    /// Find out why the pipeline does not run: the live state, compared and proven
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
