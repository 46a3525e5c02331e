//! The picture of a run: the accounts, what stands in them, and an arrow for every pair of which
//! one calls the other.
//!
//! It is made from a [`Proof`], so that it shows what the templates really say: no arrow without
//! calls, and every call in an arrow. Here live the picture itself ([`Graph`]), the choice of what is drawn
//! once for many ([`Graph::alike`]) and its formats: Mermaid, DOT and SVG. Which calls there are,
//! and whether they are allowed, is [`crate::proof`]'s.

mod alike;
mod build;
mod dot;
mod label;
mod layout;
mod mermaid;
mod svg;

use crate::escape::lines;
use crate::proof::{Proof, Verdict};
use crate::run::Step;

pub(crate) use svg::STYLE;

/// A picture of a run.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// The sides: the dev account's first, then the targets in the order of the run.
    pub sides: Vec<Side>,
    /// What calls or is called.
    pub nodes: Vec<Node>,
    /// The arrows, in the order of the run.
    pub arrows: Vec<Arrow>,
}

/// One side of the picture: the dev account, or a target.
#[derive(Debug, Clone)]
pub struct Side {
    /// Name of the target; `None`: the dev account.
    pub target: Option<String>,
    /// The account, of several the first.
    pub account: String,
    /// How many accounts and regions it stands for.
    pub instances: usize,
    /// The other targets that it stands for: those that look the same.
    pub alike: Vec<String>,
    /// What no arrow shows: attacks on it that are not denied, and grants that no call needs.
    pub trouble: Vec<String>,
}

/// Something that calls or is called.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Its name; of a key, the logical ID in its template.
    pub name: String,
    /// What there is to say beside it: the region of a key, and that it cannot be used.
    pub detail: String,
    /// Its ARN, or the service's or account's name.
    pub arn: String,
    /// Number of its side in [`Graph::sides`].
    pub side: usize,
    /// How many of its kind it stands for, in as many accounts and regions.
    pub instances: usize,
}

/// What a node is.
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
    /// The role of another action.
    ActionRole,
    /// The source bucket.
    SourceBucket,
    /// An artifact bucket.
    ArtifactBucket,
    /// An output bucket.
    OutputBucket,
    /// A bucket of access logs.
    LogBucket,
    /// The key of an artifact store.
    DeployKey,
    /// The key of an output bucket.
    OutputKey,
    /// The key of the source bucket.
    SourceKey,
}

/// The calls of one node on another.
#[derive(Debug, Clone)]
pub struct Arrow {
    /// A stable name, unique in the picture.
    pub id: String,
    /// Number of the caller in [`Graph::nodes`].
    pub from: usize,
    /// Number of what it calls.
    pub to: usize,
    /// The steps of the run, in its order.
    pub steps: Vec<Step>,
    /// Numbers of its calls in [`Proof::calls`].
    pub calls: Vec<usize>,
    /// The worst verdict of its calls.
    pub verdict: Verdict,
    /// How many accounts and regions it stands for.
    pub instances: usize,
}

impl Graph {
    /// The picture of a proof.
    pub fn new(proof: &Proof) -> Self {
        build::graph(proof)
    }

    /// A picture of the dev account and these targets only.
    pub(crate) fn of_targets(self, wanted: &[String]) -> Self {
        let is_wanted = |target: &String| wanted.contains(target);
        alike::only(self, |side| side.target.as_ref().is_none_or(is_wanted))
    }

    /// The same with fewer targets, if it has more than six: of those that differ in nothing but
    /// their names, the first stands for all.
    pub(crate) fn alike(self) -> Self {
        alike::alike(self)
    }

    /// The nodes of a side, with their numbers.
    fn nodes_of(&self, side: usize) -> impl Iterator<Item = (usize, &Node)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(move |(_, node)| node.side == side)
    }

    /// As a Mermaid flowchart.
    pub(crate) fn to_mermaid(&self) -> String {
        mermaid::write(self)
    }

    /// In Graphviz's DOT language.
    pub(crate) fn to_dot(&self) -> String {
        dot::write(self)
    }

    /// As an SVG document of its own.
    pub(crate) fn to_svg(&self) -> String {
        lines(&svg::document(self)).into_owned()
    }

    /// As an SVG element for an HTML page, in which every arrow is a link; [`STYLE`] belongs to it.
    pub(crate) fn to_html(&self, href: &dyn Fn(&Arrow) -> String) -> maud::Markup {
        svg::element(self, Some(href))
    }
}

impl Arrow {
    /// Its place on the way of an artifact, from 1; `None` for what only surrounds it.
    pub fn number(&self) -> Option<u8> {
        self.steps.iter().filter_map(|step| step.number()).min()
    }
}

impl Kind {
    /// What it is, in words.
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
            Self::ActionRole => "role of an action",
            Self::SourceBucket => "source bucket",
            Self::ArtifactBucket => "artifact bucket",
            Self::OutputBucket => "output bucket",
            Self::LogBucket => "log bucket",
            Self::DeployKey => "deploy key",
            Self::OutputKey => "key of the output bucket",
            Self::SourceKey => "key of the source bucket",
        }
    }

    /// Whether objects or keys are in it: what a picture draws with other corners.
    pub(crate) fn is_store(self) -> bool {
        matches!(
            self,
            Self::SourceBucket | Self::ArtifactBucket | Self::OutputBucket | Self::LogBucket
        )
    }

    /// Whether it is a KMS key.
    fn is_key(self) -> bool {
        matches!(self, Self::DeployKey | Self::OutputKey | Self::SourceKey)
    }
}

impl Side {
    /// What it is, in words: `dev account`, `target prod`, `target a and 12 alike`.
    pub(crate) fn title(&self) -> String {
        match (&self.target, self.alike.len()) {
            (None, _) => "dev account".to_owned(),
            (Some(target), 0) => format!("target {target}"),
            (Some(target), more) => format!("target {target} and {more} alike"),
        }
    }

    /// What no arrow shows, in words; empty where there is nothing.
    pub(crate) fn troubles(&self) -> String {
        match self.trouble.as_slice() {
            [] => String::new(),
            [one] => format!("TO BE LOOKED AT: {one}"),
            [first, more @ ..] => format!("TO BE LOOKED AT: {first}, and {} more", more.len()),
        }
    }

    /// Which accounts it stands for, in words.
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
