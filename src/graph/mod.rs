//! The diagram of a run: the accounts with their callers and resources, and an arrow from each
//! caller to each resource that it calls.
//!
//! The diagram is built from a [`Proof`], so it shows the effect of the templates: every arrow
//! represents calls, and every call belongs to an arrow. This module contains the diagram
//! ([`Graph`]), the selection of targets that represent others ([`Graph::alike`]), and the output
//! formats: Mermaid, DOT, and SVG. [`crate::proof`] provides the calls and decides them.

mod alike;
mod build;
mod dot;
mod label;
mod layout;
mod mermaid;
mod path;
mod place;
mod route;
mod svg;
mod text;

use crate::escape::lines;
use crate::proof::{Proof, Verdict};
use crate::run::Step;

pub(crate) use svg::{Html, STYLE};

/// The diagram of a run.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// The sides: first the dev account, then the targets in the order of the run.
    pub sides: Vec<Side>,
    /// The callers and the resources.
    pub nodes: Vec<Node>,
    /// The arrows, in the order of the run.
    pub arrows: Vec<Arrow>,
}

/// One side of the diagram: the dev account or a target.
#[derive(Debug, Clone)]
pub struct Side {
    /// Name of the target; `None` for the dev account.
    pub target: Option<String>,
    /// The account, or the first of several accounts.
    pub account: String,
    /// Number of accounts and regions that it represents.
    pub instances: usize,
    /// The other targets that it represents, because they are similar.
    pub alike: Vec<String>,
    /// Problems that no arrow shows: attacks that are not denied, and excess permissions.
    pub trouble: Vec<String>,
}

/// A caller or a resource.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its kind.
    pub kind: Kind,
    /// Its name. For a key in a template, the name is the logical ID.
    pub name: String,
    /// Further details: the region of a key or a bucket, and the reason why a key cannot be used.
    pub detail: String,
    /// Its ARN, the name of a service or a pipeline, or the ID of an account.
    pub arn: String,
    /// Index of its side in [`Graph::sides`].
    pub side: usize,
    /// Number of accounts and regions that it represents.
    pub instances: usize,
}

/// The kind of a node.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The account itself.
    Account,
    /// EventBridge, whose rule starts the pipeline.
    EventBridge,
    /// The delivery of S3's server access logs.
    LogDelivery,
    /// Another AWS service.
    Service,
    /// A pipeline.
    Pipeline,
    /// The role of the rule.
    RuleRole,
    /// The pipeline's service role.
    ServiceRole,
    /// A target's deploy role.
    DeployRole,
    /// A CodeBuild project, which builds the source.
    Project,
    /// The role of a build.
    BuildRole,
    /// The role that starts the state machine of a target.
    StartRole,
    /// A state machine that invalidates a distribution.
    StateMachine,
    /// The role of a state machine.
    StateMachineRole,
    /// A CloudFront distribution.
    Distribution,
    /// The role of another action.
    ActionRole,
    /// The source bucket.
    SourceBucket,
    /// The connection to the repository.
    Connection,
    /// The log group of a build.
    LogGroup,
    /// A secret that a build reads.
    Secret,
    /// An alarm that a stage condition reads.
    Alarm,
    /// A topic that an approval notifies.
    Topic,
    /// An artifact bucket.
    ArtifactBucket,
    /// An output bucket.
    OutputBucket,
    /// A bucket for access logs.
    LogBucket,
    /// The key of an artifact store.
    DeployKey,
    /// The key of an output bucket.
    OutputKey,
    /// The key of the source bucket.
    SourceKey,
}

/// The calls from one node to another.
#[derive(Debug, Clone)]
pub struct Arrow {
    /// A stable name, unique in the diagram.
    pub id: String,
    /// Index of the caller in [`Graph::nodes`].
    pub from: usize,
    /// Index of the called node in [`Graph::nodes`].
    pub to: usize,
    /// The steps of the run, in its order.
    pub steps: Vec<Step>,
    /// Indexes of its calls in [`Proof::calls`].
    pub calls: Vec<usize>,
    /// The worst verdict of its calls.
    pub verdict: Verdict,
    /// Number of accounts and regions that it represents.
    pub instances: usize,
}

impl Graph {
    /// Returns the diagram of a proof.
    pub fn new(proof: &Proof) -> Self {
        build::graph(proof)
    }

    /// Returns the diagram with only the dev account and these targets.
    pub(crate) fn of_targets(self, wanted: &[String]) -> Self {
        let is_wanted = |target: &String| wanted.contains(target);
        alike::only(self, |side| side.target.as_ref().is_none_or(is_wanted))
    }

    /// Returns the diagram with fewer targets if it has more than six. The first of the targets
    /// that differ only in their names represents all of them.
    pub(crate) fn alike(self) -> Self {
        alike::alike(self)
    }

    /// Returns the nodes of a side, with their indexes.
    fn nodes_of(&self, side: usize) -> impl Iterator<Item = (usize, &Node)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(move |(_, node)| node.side == side)
    }

    /// Returns the diagram as a Mermaid flowchart.
    pub(crate) fn to_mermaid(&self) -> String {
        mermaid::write(self)
    }

    /// Returns the diagram in the DOT language of Graphviz.
    pub(crate) fn to_dot(&self) -> String {
        dot::write(self)
    }

    /// Returns the diagram as an SVG document.
    pub(crate) fn to_svg(&self) -> String {
        lines(&svg::document(self)).into_owned()
    }

    /// Returns the diagram as elements of an HTML page, in which every arrow is a link. The page
    /// must also include [`STYLE`].
    pub(crate) fn to_html(&self, href: &dyn Fn(&Arrow) -> String) -> Html {
        svg::html(self, href)
    }
}

impl Arrow {
    /// Returns the position of its step in the run, starting with 1; `None` for calls outside the
    /// numbered steps.
    pub fn number(&self) -> Option<u8> {
        self.steps.iter().filter_map(|step| step.number()).min()
    }
}

impl Kind {
    /// Returns the kind in words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::EventBridge => "rule",
            Self::LogDelivery => "log delivery",
            Self::Service => "service",
            Self::Pipeline => "pipeline",
            Self::RuleRole => "role of the rule",
            Self::ServiceRole => "service role",
            Self::DeployRole => "deploy role",
            Self::Project => "CodeBuild project",
            Self::BuildRole => "role of the build",
            Self::StartRole => "role that starts the state machine",
            Self::StateMachine => "state machine",
            Self::StateMachineRole => "role of the state machine",
            Self::Distribution => "distribution",
            Self::ActionRole => "role of an action",
            Self::SourceBucket => "source bucket",
            Self::Connection => "connection to the repository",
            Self::LogGroup => "log group of the build",
            Self::Secret => "secret",
            Self::Alarm => "alarm",
            Self::Topic => "topic for approvals",
            Self::ArtifactBucket => "artifact bucket",
            Self::OutputBucket => "output bucket",
            Self::LogBucket => "log bucket",
            Self::DeployKey => "deploy key",
            Self::OutputKey => "key of the output bucket",
            Self::SourceKey => "key of the source bucket",
        }
    }

    /// Returns whether the node is a bucket. Diagrams draw buckets in a different shape.
    pub(crate) fn is_store(self) -> bool {
        matches!(
            self,
            Self::SourceBucket | Self::ArtifactBucket | Self::OutputBucket | Self::LogBucket
        )
    }

    /// Returns whether the node is a KMS key.
    fn is_key(self) -> bool {
        matches!(self, Self::DeployKey | Self::OutputKey | Self::SourceKey)
    }
}

impl Side {
    /// Returns its title: `dev account`, `target prod`, `target a and 12 similar targets`.
    pub(crate) fn title(&self) -> String {
        match (&self.target, self.alike.len()) {
            (None, _) => "dev account".to_owned(),
            (Some(target), 0) => format!("target {target}"),
            (Some(target), more) => format!("target {target} and {more} similar targets"),
        }
    }

    /// Returns a description of the problems that the arrows do not show, or an empty string.
    pub(crate) fn troubles(&self) -> String {
        match self.trouble.as_slice() {
            [] => String::new(),
            [one] => format!("Review: {one}"),
            [first, more @ ..] => format!("Review: {first}, and {} more", more.len()),
        }
    }

    /// Returns its accounts in words.
    pub(crate) fn accounts(&self) -> String {
        match self.instances {
            0 | 1 => self.account.clone(),
            several => format!(
                "{} and others: {several} accounts and regions",
                self.account
            ),
        }
    }
}
