//! `s3ferry graph`: the diagram of a run.

use std::path::PathBuf;

use crate::graph::{Graph, Kind};
use crate::proof::{Proof, Verdict, prove};
use crate::run::Step;
use schemars::JsonSchema;
use serde::Serialize;

use super::json::Version;
use super::output::{self, Text, note, print};
use super::progress::Progress;
use super::project::Project;
use super::proof::ProofInput;
use super::{Failure, Global, Outcome, files, shell};

const EXAMPLES: &str = "\
Examples:
  s3ferry graph                                 a Mermaid flowchart, for Markdown
  s3ferry graph --format svg --out run.svg      an SVG image for light and dark themes
  s3ferry graph --format dot | dot -Tpdf > run.pdf
  s3ferry graph --target prod                   the dev account and one target
  s3ferry graph --expand                        every target, even if they are alike

Each arrow represents the calls from one node to another. Thick arrows show calls that move the
artifact, and dashed arrows show denied or unproven calls. The numbers show the order of the steps.
`s3ferry report` lists the calls of each arrow.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GraphOptions {
    /// Draw only the target with this name; can be repeated
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    target: Vec<String>,
    #[command(flatten)]
    input: ProofInput,
    /// Draw every target; by default, if there are more than six, one target represents all similar
    /// ones
    #[arg(long, help_heading = "Output")]
    expand: bool,
    /// Set the format of the diagram
    #[arg(long, value_enum, default_value = "mermaid", help_heading = "Output")]
    format: Format,
    /// Write the diagram to this file, or to standard output if `-`
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    out: Option<PathBuf>,
}

/// Format of the diagram.
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

/// Draws the diagram.
pub(crate) fn run(global: &Global, options: &GraphOptions) -> Result<Outcome, Failure> {
    let project = Project::load_or_example(global, options.input.example)?;
    project.known("target", &options.target, |target, _| &target.name)?;
    let mut inputs = options.input.read(&project, false)?;
    inputs.by_region = true;
    let progress = Progress::start(global, "Proving the templates");
    let proof = prove(&inputs)?;
    drop(progress);
    if proof.pipelines.is_empty() {
        return Err(Failure::new(
            "the templates have no pipeline, so there is no execution to draw",
            "specify the folder that contains the templates with --dir, or write them with \
             `s3ferry synth`",
        ));
    }
    let mut graph = Graph::new(&proof);
    if !options.target.is_empty() {
        graph = graph.of_targets(&options.target);
    } else if !options.expand {
        graph = graph.alike();
    }
    let text = match options.format {
        Format::Mermaid => Text::from(&graph.to_mermaid()),
        Format::Dot => Text::from(&graph.to_dot()),
        Format::Svg => Text::from(&graph.to_svg()),
        Format::Json => Text::document(&Document::new(&proof, &graph))?,
    };
    match &options.out {
        Some(path) => {
            if files::put(path, text.to_print().as_bytes())? {
                note(global, &format!("Wrote {}.", output::path(path)));
            }
        }
        None => print(text)?,
    }
    let [denied, unproven] = [Verdict::Denied, Verdict::Unproven].map(|verdict| {
        let arrows = graph.arrows.iter();
        arrows.filter(|arrow| arrow.verdict == verdict).count()
    });
    if denied + unproven > 0 {
        let counts = format!("Arrows with a denied call: {denied}, unproven: {unproven}");
        let prove = shell::command(global, &options.input.example.words("prove"));
        note(global, &format!("{counts}. Run `{prove}` for the reasons."));
    }
    Ok(Outcome::Done)
}

/// The output of `s3ferry graph --format json`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "s3ferry graph")]
pub(crate) struct Document<'g> {
    version: Version,
    /// Names of the pipelines.
    pipelines: &'g [String],
    /// The sides of the diagram: the dev account first, then the targets.
    sides: Vec<Side<'g>>,
    /// The callers, and the resources that they call.
    nodes: Vec<Node<'g>>,
    /// The calls from one node to another, in the order of the run.
    arrows: Vec<Arrow<'g>>,
}

/// A side of the diagram.
#[derive(Serialize, JsonSchema)]
struct Side<'g> {
    /// Target; null for the dev account.
    target: Option<&'g str>,
    /// Account ID; the first one if the side represents several accounts.
    #[schemars(regex(pattern = "^[0-9]{12}$"))]
    account: &'g str,
    /// Number of accounts and regions that the side represents.
    #[schemars(range(min = 1))]
    instances: usize,
    /// The other targets that the side represents, because they are alike.
    alike: &'g [String],
}

/// A caller, or a resource that is called.
#[derive(Serialize, JsonSchema)]
struct Node<'g> {
    /// Kind of the node.
    kind: Kind,
    /// Name; for a key, its logical ID in the template.
    name: &'g str,
    /// ARN, or the name of a service, pipeline, or account.
    arn: &'g str,
    /// Index of its side in `sides`.
    side: usize,
    /// Number of accounts and regions that the node represents.
    #[schemars(range(min = 1))]
    instances: usize,
}

/// The calls from one node to another.
#[derive(Serialize, JsonSchema)]
struct Arrow<'g> {
    /// Index of the caller in `nodes`.
    from: usize,
    /// Index of the called node in `nodes`.
    to: usize,
    /// Position of the step in the run, from 1; null for calls outside these steps.
    number: Option<u8>,
    /// Steps of the run.
    #[schemars(with = "Vec<String>")]
    steps: &'g [Step],
    /// The worst decision among its calls.
    decision: Verdict,
    /// Number of accounts and regions that the arrow represents.
    #[schemars(range(min = 1))]
    instances: usize,
    /// The calls, by their `id` in the output of `s3ferry prove --format json`.
    calls: Vec<&'g str>,
}

impl<'g> Document<'g> {
    fn new(proof: &'g Proof, graph: &'g Graph) -> Self {
        let sides = graph.sides.iter().map(|side| Side {
            target: side.target.as_deref(),
            account: &side.account,
            instances: side.instances.max(1),
            alike: &side.alike,
        });
        let nodes = graph.nodes.iter().map(|node| Node {
            kind: node.kind,
            name: &node.name,
            arn: &node.arn,
            side: node.side,
            instances: node.instances,
        });
        let id = |call: &usize| proof.calls[*call].0.call.id.as_str();
        let arrows = graph.arrows.iter().map(|arrow| Arrow {
            from: arrow.from,
            to: arrow.to,
            number: arrow.number(),
            steps: &arrow.steps,
            decision: arrow.verdict,
            instances: arrow.instances,
            calls: arrow.calls.iter().map(id).collect(),
        });
        Self {
            version: Version,
            pipelines: &proof.pipelines,
            sides: sides.collect(),
            nodes: nodes.collect(),
            arrows: arrows.collect(),
        }
    }
}
