//! `s3ferry schema`: prints the JSON Schemas of the configuration and of the commands' output.

use clap::builder::PossibleValuesParser;

use super::output::{Text, print};
use super::{Failure, Outcome};

const EXAMPLES: &str = "\
Examples:
  s3ferry schema > s3ferry.schema.json       the configuration, for editors
  s3ferry schema --of deploy                 the output of `deploy --format json`

Every document has a `version`. It changes when a member is removed or its meaning changes. New
members can be added at any time.";

/// The name of the configuration's schema. It is generated from the configuration's types.
const CONFIGURATION: &str = "config";

/// The schemas of the commands' JSON output, by command.
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

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SchemaOptions {
    /// Print the schema of the configuration, or of this command's --format json output
    #[arg(long, value_name = "COMMAND", default_value = CONFIGURATION, value_parser = names(), help_heading = "Selection")]
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

#[cfg(all(test, feature = "deploy"))]
mod tests {
    use schemars::generate::SchemaSettings;
    use schemars::transform::RecursiveTransform;
    use schemars::{JsonSchema, Schema};

    use super::super::aws::documents;
    use super::super::{authorize, graph, lint, proof, targets};
    use super::SCHEMAS;

    /// Returns the schema of the document that a command writes.
    fn schema_of<T: JsonSchema>() -> String {
        let settings = SchemaSettings::draft2020_12()
            .for_serialize()
            .with_transform(RecursiveTransform(text_first));
        let schema = settings.into_generator().into_root_schema_for::<T>();
        format!("{:#}\n", schema.to_value())
    }

    /// Moves the title and description to the top, each on one line.
    fn text_first(schema: &mut Schema) {
        let Some(members) = schema.as_object_mut() else {
            return;
        };
        for name in ["description", "title", "$schema"] {
            if let Some(mut value) = members.shift_remove(name) {
                if let serde_json::Value::String(text) = &mut value {
                    // A multi-line comment becomes one paragraph.
                    *text = text.replace('\n', " ");
                }
                members.shift_insert(0, name.to_owned(), value);
            }
        }
    }

    /// Returns the schemas of the documents, by command.
    fn generated() -> Vec<(&'static str, String)> {
        vec![
            ("authorize", schema_of::<authorize::Document<'static>>()),
            ("deploy", schema_of::<documents::Deploy>()),
            ("destroy", schema_of::<documents::Destroy>()),
            ("diff", schema_of::<documents::Diff>()),
            ("doctor", schema_of::<documents::Doctor<'static>>()),
            ("events", schema_of::<documents::Events>()),
            ("graph", schema_of::<graph::Document<'static>>()),
            ("lint", schema_of::<lint::Document<'static>>()),
            ("lint-rules", schema_of::<lint::RulesDocument<'static>>()),
            ("outputs", schema_of::<crate::deploy::Outputs>()),
            ("prove", schema_of::<proof::Document<'static>>()),
            ("push", schema_of::<documents::Push>()),
            ("rollback", schema_of::<documents::Rollback>()),
            ("status", schema_of::<documents::Status>()),
            ("targets", schema_of::<targets::Document<'static>>()),
        ]
    }

    #[test]
    fn schemas_are_current() {
        for (name, generated) in generated() {
            let path = format!("{}/schemas/{name}.json", env!("CARGO_MANIFEST_DIR"));
            if std::env::var_os("S3FERRY_WRITE_SCHEMAS").is_some() {
                std::fs::write(&path, &generated).expect("a writable file");
            }
            let current = std::fs::read_to_string(&path).expect("a file");
            assert!(SCHEMAS.iter().any(|(known, _)| *known == name), "{name}");
            assert!(current == generated, "{path} is stale: run `make schemas`");
        }
    }
}
