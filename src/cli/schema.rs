//! `s3ferry schema`: the JSON Schemas of the configuration and of what commands write as JSON.

use clap::builder::PossibleValuesParser;

use super::output::{Text, print};
use super::{Failure, Outcome};

const EXAMPLES: &str = "\
Examples:
  s3ferry schema > s3ferry.schema.json       the configuration's, for editors
  s3ferry schema --of deploy                 of what `deploy --format json` writes

Every document has a `version`. It changes when a member goes or changes its meaning; new members
may come at any time.";

/// What the configuration's schema is called; it is made from the configuration's own types.
const CONFIGURATION: &str = "config";

/// The schemas of the commands' JSON, by command.
const SCHEMAS: [(&str, &str); 15] = [
    ("authorize", include_str!("../../schemas/authorize.json")),
    ("deploy", include_str!("../../schemas/deploy.json")),
    ("destroy", include_str!("../../schemas/destroy.json")),
    ("diff", include_str!("../../schemas/diff.json")),
    ("doctor", include_str!("../../schemas/doctor.json")),
    ("events", include_str!("../../schemas/events.json")),
    ("graph", include_str!("../../schemas/graph.json")),
    ("lint", include_str!("../../schemas/lint.json")),
    ("lint-rules", include_str!("../../schemas/lint-rules.json")),
    ("outputs", include_str!("../../schemas/outputs.json")),
    ("prove", include_str!("../../schemas/prove.json")),
    ("push", include_str!("../../schemas/push.json")),
    ("rollback", include_str!("../../schemas/rollback.json")),
    ("status", include_str!("../../schemas/status.json")),
    ("targets", include_str!("../../schemas/targets.json")),
];

/// SchemaOptions of `schema`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SchemaOptions {
    /// Of the configuration, or of what this command writes with --format json
    #[arg(long, value_name = "COMMAND", default_value = CONFIGURATION, value_parser = names())]
    of: String,
}

fn names() -> PossibleValuesParser {
    let commands = SCHEMAS.iter().map(|(name, _)| *name);
    PossibleValuesParser::new(std::iter::once(CONFIGURATION).chain(commands))
}

/// Prints the schema.
pub(crate) fn run(options: &SchemaOptions) -> Result<Outcome, Failure> {
    match SCHEMAS.iter().find(|(name, _)| *name == options.of) {
        Some((_, text)) => print(Text::own(*text))?,
        None => print(Text::json_value(&crate::config::json_schema()))?,
    }
    Ok(Outcome::Done)
}
