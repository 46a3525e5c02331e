//! s3ferry: a CodePipeline in one AWS account that deploys into an S3 bucket of another.
//!
//! Data flows in one direction: a [`config`] becomes a [`plan`], and a plan becomes [`stacks`] of
//! [`template`] templates. [`lint`] reads templates, never the configuration, so it checks the
//! synthesis independently. [`policy`] reads policies and evaluates requests against them as AWS
//! does. A [`run`] of a pipeline consists of steps and calls, and the [`proof`] decides each call from
//! templates alone. [`checked`] joins the templates of a plan with their findings and proof, and a
//! [`graph`] is the diagram of a proof. None of these does I/O or reads a clock or the environment.
//!
//! The modules `deploy` and `cli`, which are not part of the public API, call AWS, read and write
//! files, and print.
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
