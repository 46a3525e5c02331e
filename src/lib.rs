//! s3ferry creates a CodePipeline pipeline in one AWS account. The pipeline deploys to an S3 bucket
//! in another account.
//!
//! Data flows in one direction: a [`config`] becomes a [`plan`], and a plan becomes [`stacks`] of
//! [`template`] templates. [`lint`] reads only templates, not the configuration, so it checks the
//! synthesis independently. [`policy`] reads policies and evaluates requests against them as AWS
//! does. A [`run`] models the steps and calls of a pipeline execution. The [`proof`] decides each
//! call from the templates alone. [`checked`] combines the templates of a plan with their findings
//! and their proof, and [`graph`] draws a diagram of a proof. These modules do no I/O and do not
//! read the clock or the environment.
//!
//! The modules `deploy` and `cli` are not part of the public API. They call AWS, read and write
//! files, and print.
//!
//! This example synthesizes, lints, and proves the minimal configuration:
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
        reason = "some parts of the pure modules are used only by commands that call AWS"
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
