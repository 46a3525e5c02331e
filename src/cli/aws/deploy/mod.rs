//! `s3ferry deploy`: deploys the stacks of a profile, or all stacks, in the required order.

mod existing_policy;
mod flow;
mod initial_run;
mod next;
mod one;
mod options;
mod result;
mod retries;
mod session;
mod stack_set;
mod survey;
mod transition;
mod transition_refuse;
mod transition_show;

use crate::cli::aws::runtime::block_on;
use crate::cli::{Failure, Global, Outcome, shell};
pub(crate) use options::DeployOptions;
#[cfg(test)]
pub(crate) use result::Document;
use session::Session;

pub(crate) fn run(global: &Global, options: &DeployOptions) -> Result<Outcome, Failure> {
    // The command that resumes an interrupted run needs the same consent options.
    let consents = shell::given(&[
        (options.allow_replacement, "--allow-replacement"),
        (options.allow_interruption, "--allow-interruption"),
        (options.create_pipeline, "--create-pipeline"),
    ]);
    let screen = options.stacks.screen(global, "deploy", &consents)?;
    let mut session = Session::open(options, &screen)?;
    block_on(&screen, flow::run(&mut session))
}
