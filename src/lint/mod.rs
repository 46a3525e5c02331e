//! Lint: Guard rules on CloudFormation templates, with the place of everything they find.
//!
//! Here live the rules ([`embedded`], [`from_source`]), what they say ([`Finding`], [`Report`])
//! and the engine that asks Guard ([`check`]). How a report is printed, which files are read and
//! what the quotas are does not.

mod answer;
mod cycles;
mod finding;
mod groups;
mod guard;
pub mod quotas;
mod rules;
mod suppress;
mod template;
#[cfg(test)]
mod tests;

pub use finding::{Finding, Report, Severity, Suppressed};
pub use guard::{LintError, check};
pub use rules::{Rule, embedded, from_source};
pub use suppress::UNKNOWN_SUPPRESSION;

use crate::diagnostic::{self, Node, Problem, Source};

/// Reads a CloudFormation template, in YAML or JSON.
///
/// # Errors
/// The text is neither, or it has no resources.
pub fn read_template(source: &Source) -> Result<Node, Problem> {
    let node = diagnostic::read(source)?;
    let first = node.entries().and_then(<[_]>::first);
    let place = first.map(|entry| entry.key_span).unwrap_or_default();
    match node.get("Resources").map(|resources| resources.entries()) {
        Some(Some([_, ..])) => Ok(node),
        Some(_) => Err(
            Problem::new(place, "nothing was checked: `Resources` is empty")
                .help("name a CloudFormation template with resources"),
        ),
        None => Err(Problem::new(place, "this is not a CloudFormation template")
            .label("there is no `Resources` in this file")
            .help("name a CloudFormation template")),
    }
}
