//! A template in YAML and in JSON.

use serde_json::Value;

use crate::diagnostic::{Source, read};

/// A template as YAML and JSON.
#[derive(Debug, Clone)]
pub struct Text {
    /// YAML with comments, as it is committed.
    pub yaml: String,
    /// Minified JSON.
    pub json: String,
}

/// Returns the content of a template in either format, or `None` if the text is not a template.
pub(super) fn meaning(text: &str) -> Option<Value> {
    Some(read(&Source::new("template", text)).ok()?.to_json())
}
