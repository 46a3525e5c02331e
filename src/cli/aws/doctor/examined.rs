//! The data to show: the diagnosis, and the differences between the configuration and the deployed
//! stacks.

use std::collections::BTreeSet;

use crate::doctor::{Deployed, Diagnosis, Place, Reference};
use schemars::JsonSchema;
use serde::Serialize;

use super::scope::{Scope, Views};
use crate::cli::shell;

/// The data to show.
pub(super) struct Examined<'a> {
    pub(super) scope: &'a Scope<'a>,
    pub(super) views: &'a Views,
    pub(super) deployed: &'a Deployed,
    pub(super) diagnosis: &'a Diagnosis,
}

impl Examined<'_> {
    /// Returns the name of the diagnosed pipeline.
    pub(super) fn pipeline(&self) -> &str {
        let mut resources = self.deployed.resources.iter();
        resources
            .find(|one| one.kind == "AWS::CodePipeline::Pipeline")
            .and_then(|one| one.name.as_deref())
            .unwrap_or(&self.scope.plan().dev.pipeline)
    }

    /// Returns the stacks that differ from the configuration, with the kind of difference.
    pub(super) fn differences(&self) -> Vec<(&Place, Difference)> {
        let deployed = self.deployed.places.iter();
        let deployed = deployed.filter_map(|place| match place.reference {
            Reference::Differs => Some((place, Difference::Template)),
            Reference::Transitional => Some((place, Difference::Incomplete)),
            Reference::Removed => Some((place, Difference::NotConfigured)),
            Reference::Same | Reference::Local | Reference::Absent => None,
        });
        let others = self.deployed.others.iter();
        let others = others.map(|place| match place.reference {
            Reference::Absent => (place, Difference::NotDeployed),
            Reference::Removed => (place, Difference::NotConfigured),
            Reference::Same | Reference::Differs | Reference::Transitional | Reference::Local => {
                (place, Difference::NotUsed)
            }
        });
        deployed.chain(others).collect()
    }

    /// Formats the command of a finding.
    pub(super) fn command(&self, words: &[String]) -> String {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        shell::command(self.scope.accounts.screen.global, &words)
    }

    /// Returns the command that shows the differences.
    pub(super) fn diff(&self, differences: &[(&Place, Difference)]) -> String {
        let profiles: BTreeSet<&str> = differences
            .iter()
            .map(|(place, _)| place.profile.as_str())
            .collect();
        let words = match profiles.first() {
            Some(profile) if profiles.len() == 1 && !profile.is_empty() => {
                vec!["diff", "--profile", profile]
            }
            _ => vec!["diff", "--all"],
        };
        shell::command(self.scope.accounts.screen.global, &words)
    }
}

/// How the configuration differs from a deployed stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Difference {
    /// The template differs.
    Template,
    /// The stack has a transitional template.
    Incomplete,
    /// The stack is in the configuration but not deployed.
    NotDeployed,
    /// The stack is deployed but not in the configuration.
    NotConfigured,
    /// The stack is deployed, but the deployed pipeline does not use it.
    NotUsed,
}

impl Difference {
    /// Returns the text for the table.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Template => "differs from the configuration",
            Self::Incomplete => "in transition: contains resources from the old configuration",
            Self::NotDeployed => "not deployed",
            Self::NotConfigured => "not in the configuration",
            Self::NotUsed => "not used by the deployed pipeline",
        }
    }
}
