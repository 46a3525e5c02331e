//! The text of a template, and what it says. Pure.

use serde_json::Value;

use crate::diagnostic::{Source, read};

/// A template in both of its forms.
#[derive(Debug, Clone)]
pub struct Text {
    /// With comments, as it is checked in.
    pub yaml: String,
    /// Minified JSON.
    pub json: String,
}

/// What a template says, whatever its notation; `None` for a text that is no template.
pub(super) fn meaning(text: &str) -> Option<Value> {
    Some(read(&Source::new("template", text)).ok()?.to_json())
}
