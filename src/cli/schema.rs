//! `s3ferry schema`: the JSON Schema of the configuration.

use super::output::print;
use super::{Failure, Outcome};

/// Prints the schema.
pub(crate) fn run() -> Result<Outcome, Failure> {
    print(&format!("{:#}\n", s3ferry::config::json_schema()))?;
    Ok(Outcome::Done)
}
