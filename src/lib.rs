//! s3ferry: a CodePipeline in one AWS account that deploys into an S3 bucket of another.
//!
//! One direction: a [`config`] becomes a [`plan`], a plan becomes [`stacks`] of [`template`]
//! templates. [`lint`] reads templates, never the configuration, so that it checks the
//! synthesis independently. [`policy`] reads policies and evaluates requests against them as AWS
//! does. A [`run`] of a pipeline consists of steps and calls, and the [`proof`] evaluates each of them
//! from templates alone.
//! A [`graph`] is the picture of a proof, and a [`report`] the page for those who review it.
//! Nothing of these does I/O, reads a clock or the environment.
//!
//! The [`definition`] of a pipeline that exists already is read and changed as text.
//! The [`doctor`] compares the live state of the accounts with the deployed templates, and proves it
//! likewise.
//! [`failure`] explains the errors of CodePipeline.
//! [`escape`] makes text from outside safe to show, and [`shell`] writes commands to copy.
//!
//! `deploy`, behind the feature of that name, talks to AWS; the command-line program in `cli`
//! reads and writes files and prints.
//!
//! The minimal configuration, synthesized, linted and proven:
//!
//! ```
//! use s3ferry::checked::{Synthesis, TemplateFormat};
//! use s3ferry::{config, diagnostic::Source, lint, plan::Plan};
//!
//! let text = "
//! dev: {account: '111111111111', region: us-east-1}
//! targets: [{name: prod, account: '222222222222', region: us-east-1}]
//! ";
//! let document = config::Document::read(Source::new("s3ferry.yaml", text)).expect("valid");
//! let plan = Plan::new(&document.config).expect("a plan");
//! let synthesis = Synthesis::new(&plan, TemplateFormat::Yaml, str::to_owned);
//! let checked = synthesis.check(&plan, lint::embedded()).expect("checked");
//! assert!(checked.reports.iter().all(|(_, report)| report.findings.is_empty()));
//! assert!(checked.proof.outcome().is_proven());
//! ```

#![cfg_attr(
    not(feature = "deploy"),
    expect(
        dead_code,
        unused_imports,
        reason = "the commands that talk to AWS are the only users of parts of the pure modules"
    )
)]

pub mod aws;
pub mod checked;
#[doc(hidden)]
pub mod cli;
pub mod config;
mod definition;
#[cfg(feature = "deploy")]
pub mod deploy;
pub mod diagnostic;
#[cfg(feature = "deploy")]
mod doctor;
pub mod escape;
#[cfg(feature = "deploy")]
mod failure;
pub mod graph;
pub mod lint;
pub mod plan;
pub mod policy;
pub mod proof;
mod report;
pub mod run;
mod shell;
pub mod stacks;
pub mod template;
#[cfg(feature = "deploy")]
pub mod transition;
