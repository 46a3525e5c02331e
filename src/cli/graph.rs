//! `s3ferry graph`: the picture of a run.

use std::path::PathBuf;

use crate::graph::Graph;
use crate::proof::{self, Proof, Verdict};
use serde_json::{Value as Json, json};

use super::output::{self, Text, note, print};
use super::project::Project;
use super::proof_input::{ProofInput, failure};
use super::targets::known;
use super::{Failure, Global, Outcome, files};

const EXAMPLES: &str = "\
Examples:
  s3ferry graph                                 a Mermaid flowchart, for Markdown
  s3ferry graph --format svg --out run.svg      a picture, in light and dark
  s3ferry graph --format dot | dot -Tpdf > run.pdf
  s3ferry graph --target prod                   the dev account and one target
  s3ferry graph --expand                        every target, alike or not

An arrow is what one calls the other for: thick on the artifact's way, dashed and red where a call
is denied. Its number is the place on that way. `s3ferry report` opens the calls behind it.";

/// Version of the JSON shape; it changes when a member changes its meaning or goes.
const JSON_VERSION: u32 = 1;

/// As many targets are drawn each by itself.
pub(crate) const MOST_TARGETS: usize = 6;

/// GraphOptions of `graph`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GraphOptions {
    /// Only the target of this name; may be repeated
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    target: Vec<String>,
    /// Draw every target; otherwise one stands for those that look the same, if there are more
    /// than six
    #[arg(long, help_heading = "Output")]
    expand: bool,
    /// Format of the picture
    #[arg(long, value_enum, default_value = "mermaid", help_heading = "Output")]
    format: Format,
    /// Write it to this file; `-`: to standard output
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    out: Option<PathBuf>,
    #[command(flatten)]
    input: ProofInput,
}

/// How the picture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A Mermaid flowchart.
    Mermaid,
    /// Graphviz's DOT language.
    Dot,
    /// An SVG document.
    Svg,
    /// One JSON object.
    Json,
}

/// Draws the run.
pub(crate) fn run(global: &Global, options: &GraphOptions) -> Result<Outcome, Failure> {
    let project = Project::load_or_example(global, options.input.example)?;
    known(&project.plan, "target", &options.target, |target, _| {
        &target.name
    })?;
    let mut inputs = options.input.read(&project, false)?;
    inputs.by_region = true;
    let proof = proof::prove(&inputs).map_err(failure)?;
    if proof.pipelines.is_empty() {
        return Err(Failure::new(
            "the templates have no pipeline, so there is no run to draw",
            "name the folder of the templates with --dir, or write them with `s3ferry synth`",
        ));
    }
    let mut graph = Graph::new(&proof);
    if !options.target.is_empty() {
        graph = graph.of_targets(&options.target);
    } else if !options.expand {
        graph = graph.alike(MOST_TARGETS);
    }
    let text = match options.format {
        Format::Mermaid => Text::from(&graph.to_mermaid()),
        Format::Dot => Text::from(&graph.to_dot()),
        Format::Svg => Text::from(&graph.to_svg()),
        Format::Json => Text::json(&json_of(&proof, &graph)),
    };
    match &options.out {
        Some(path) => {
            if files::put(path, text.to_print().as_bytes())? {
                note(global, &format!("Wrote {}.", output::path(path)));
            }
        }
        None => print(text)?,
    }
    let not_allowed = |verdict| {
        let arrows = graph.arrows.iter();
        arrows.filter(|arrow| arrow.verdict == verdict).count()
    };
    let (denied, unproven) = (not_allowed(Verdict::Denied), not_allowed(Verdict::Unproven));
    if denied + unproven > 0 {
        note(
            global,
            &format!(
                "Arrows with a denied call: {denied}, unproven: {unproven}; `s3ferry prove` \
                 explains them."
            ),
        );
    }
    Ok(Outcome::Done)
}

fn json_of(proof: &Proof, graph: &Graph) -> String {
    let sides: Vec<Json> = graph
        .sides
        .iter()
        .map(|side| {
            json!({
                "target": side.target,
                "account": side.account,
                "instances": side.instances.max(1),
                "alike": side.alike,
            })
        })
        .collect();
    let nodes: Vec<Json> = graph
        .nodes
        .iter()
        .map(|node| {
            json!({
                "kind": node.kind,
                "name": node.name,
                "arn": node.arn,
                "side": node.side,
                "instances": node.instances,
            })
        })
        .collect();
    let arrows: Vec<Json> = graph
        .arrows
        .iter()
        .map(|arrow| {
            let calls = arrow.calls.iter();
            let calls: Vec<&str> = calls
                .map(|number| proof.calls[*number].0.call.id.as_str())
                .collect();
            json!({
                "from": arrow.from,
                "to": arrow.to,
                "number": arrow.number(),
                "steps": arrow.steps,
                "decision": arrow.verdict,
                "instances": arrow.instances,
                "calls": calls,
            })
        })
        .collect();
    format!(
        "{:#}\n",
        json!({
            "version": JSON_VERSION,
            "pipelines": proof.pipelines,
            "sides": sides,
            "nodes": nodes,
            "arrows": arrows,
        })
    )
}
