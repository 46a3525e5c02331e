//! The quotas of a pipeline: its stages, their actions, and the configuration of each action.

use std::collections::BTreeMap;

use super::{Meter, resolved};
use crate::aws::quotas::{
    ACTIONS_PER_PIPELINE, ACTIONS_PER_STAGE, CONFIGURATION_VALUE, FEWEST_STAGES, PARALLEL_ACTIONS,
    PIPELINE_NAME, Quota, SEQUENTIAL_ACTIONS, STAGES,
};
use crate::diagnostic::{Diagnostic, Entry, Node, Severity};
use crate::template::{resources, type_of};

impl Meter<'_> {
    pub(super) fn pipeline(&mut self, resource: &Entry, properties: &Node) {
        let what = "pipeline name of resource";
        self.name(resource, "Name", PIPELINE_NAME, what);
        let Some(stages) = properties.get("Stages") else {
            return;
        };
        let items = stages.items().unwrap_or_default();
        self.add(
            "QUOTA_PIPELINE_STAGES",
            STAGES,
            ("pipeline", items.len()),
            "use several pipelines",
            (resource, "Stages", stages.span),
        );
        for (index, stage) in items.iter().enumerate() {
            self.stage(resource, index, stage);
        }
        self.add(
            "QUOTA_PIPELINE_ACTIONS",
            ACTIONS_PER_PIPELINE,
            (
                "pipeline",
                items.iter().map(|stage| actions(stage).len()).sum(),
            ),
            "use several pipelines",
            (resource, "Stages", stages.span),
        );
        self.configuration_values(resource, items);
    }

    /// Measures one quota of a stage: an exceeded quota, or else the number of its actions.
    fn stage(&mut self, resource: &Entry, index: usize, stage: &Node) {
        let actions = actions(stage);
        let mut steps: BTreeMap<u64, usize> = BTreeMap::new();
        for action in actions {
            *steps.entry(run_order(action)).or_default() += 1;
        }
        let parallel = steps.values().copied().max().unwrap_or(0);
        let exceeds = |used: usize, quota: Quota| used as u64 > quota.value;
        let (used, quota, restructure) = if exceeds(parallel, PARALLEL_ACTIONS) {
            (parallel, PARALLEL_ACTIONS, "use several stages")
        } else if exceeds(steps.len(), SEQUENTIAL_ACTIONS) {
            let restructure = "use several stages, or the same `RunOrder` for actions that do not \
                               depend on each other";
            (steps.len(), SEQUENTIAL_ACTIONS, restructure)
        } else {
            (actions.len(), ACTIONS_PER_STAGE, "use several stages")
        };
        self.add(
            "QUOTA_STAGE_ACTIONS",
            quota,
            (&format!("stage {} of", index + 1), used),
            restructure,
            (resource, "Stages", stage.span),
        );
        let advised = self.quotas.stage_actions();
        if let Some(usage) = self.found.last_mut()
            && usage.used > advised
        {
            usage.advised = Some(advised);
        }
    }

    /// Measures every value that is too long, and the longest of the other values.
    fn configuration_values(&mut self, resource: &Entry, stages: &[Node]) {
        let mut longest: Option<(usize, &Entry, &Node)> = None;
        for action in stages.iter().flat_map(actions) {
            let entries = action.get("Configuration").and_then(Node::entries);
            for entry in entries.unwrap_or_default() {
                let length = value_length(&entry.value);
                if length as u64 > CONFIGURATION_VALUE.value {
                    self.configuration_value(resource, length, entry, action);
                } else if longest.is_none_or(|(known, ..)| length > known) {
                    longest = Some((length, entry, action));
                }
            }
        }
        if let Some((length, entry, action)) = longest {
            self.configuration_value(resource, length, entry, action);
        }
    }

    fn configuration_value(
        &mut self,
        resource: &Entry,
        length: usize,
        entry: &Entry,
        action: &Node,
    ) {
        let name = action.get("Name").and_then(Node::as_str).unwrap_or("?");
        self.add(
            "QUOTA_CONFIGURATION_VALUE",
            CONFIGURATION_VALUE,
            (&format!("`{}` in action {name} of", entry.key), length),
            "shorten the value, or store it where the action can read it",
            (resource, "Stages", entry.value.span),
        );
    }
}

/// Returns a finding for each pipeline with too few stages.
pub(super) fn too_few_stages(template: &Node) -> impl Iterator<Item = Diagnostic> {
    resources(template).iter().filter_map(|resource| {
        let kind = type_of(&resource.value);
        let stages = resource.value.at(["Properties", "Stages"])?;
        let few = stages.items()?.len() < FEWEST_STAGES;
        (kind == Some("AWS::CodePipeline::Pipeline") && few).then(|| {
            let message = format!("a pipeline requires at least {FEWEST_STAGES} stages");
            let path = format!("Resources.{}.Properties.Stages", resource.key);
            let rule = ("QUOTA_PIPELINE_STAGES", Severity::Error);
            Diagnostic::new(stages.span, message)
                .of_rule(rule, Some(&resource.key), path)
                .help("add a stage that deploys")
        })
    })
}

fn actions(stage: &Node) -> &[Node] {
    stage
        .get("Actions")
        .and_then(Node::items)
        .unwrap_or_default()
}

/// Returns the step in which an action runs. The default is 1.
fn run_order(action: &Node) -> u64 {
    action
        .get("RunOrder")
        .and_then(Node::scalar_text)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1)
}

/// Returns the maximum length of a value, in characters.
fn value_length(value: &Node) -> usize {
    match resolved(&value.to_json()) {
        serde_json::Value::String(text) => text.chars().count(),
        other => other.to_string().chars().count(),
    }
}
