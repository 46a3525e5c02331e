//! The inputs of a proof and its output formats.

mod complaints;
mod explain;
mod input;
mod json;
mod text;
mod unproven;

pub(crate) use complaints::complaints;
pub(crate) use explain::{calls_table, explanation, wanted};
pub(crate) use input::{ProofInput, TEMPLATES, parameter, templates};
pub(crate) use json::{Document, sarif};
pub(crate) use text::text;
