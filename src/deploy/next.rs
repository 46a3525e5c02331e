//! Suggests the next steps based on the state of all stacks. Performs no I/O.

use super::protection::Guard;
use super::rollback::Remedy;
use super::view::View;
use super::{Comparison, Condition, StackStep};
use crate::shell::Command;
use crate::stacks::{CREATE_PIPELINE, KEY_ID, Side};

/// Maximum number of hints.
const MOST: usize = 8;

/// The state of a stack or stack set.
#[derive(Debug, Clone)]
pub(crate) enum StackState {
    Missing,
    /// The stack exists.
    There(Box<View>),
    StackSet {
        /// Whether every instance exists and is current.
        complete: bool,
        comparison: Comparison,
    },
    Unreadable,
}

impl StackState {
    fn condition(&self) -> Option<Condition> {
        match self {
            Self::Missing => Some(Condition::Absent),
            Self::There(view) => Some(view.stack.condition()),
            Self::StackSet { complete: true, .. } => Some(Condition::Ready),
            Self::StackSet { .. } => None,
            Self::Unreadable => None,
        }
    }

    fn view(&self) -> Option<&View> {
        match self {
            Self::There(view) => Some(view),
            _ => None,
        }
    }
}

/// Returns the next steps, most urgent first. The list is empty if there is nothing to do.
/// `has_pipeline` is `true` if the dev stack should contain the pipeline.
pub(crate) fn hints(stacks: &[(StackStep, StackState)], has_pipeline: bool) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut say = |hint: String| {
        if !found.contains(&hint) {
            found.push(hint);
        }
    };
    for (step, state) in stacks {
        if let Some(hint) = of_condition(step, state) {
            say(hint);
        }
    }
    if let Some(hint) = of_order(stacks, has_pipeline) {
        say(hint);
    }
    let dev = stacks.iter().find(|(step, _)| step.side == Side::Dev);
    let dev = dev.and_then(|(_, state)| state.view());
    let dev_key = dev.and_then(|view| view.stack.outputs.get(KEY_ID));
    for (step, state) in stacks {
        let Some(view) = state
            .view()
            .filter(|view| view.stack.condition() == Condition::Ready)
        else {
            continue;
        };
        let command = |name| Command::s3ferry(name).option("--profile", &step.profile);
        let own_key = view.stack.parameters.get(KEY_ID);
        if let (Some(own), Some(dev)) = (own_key, dev_key)
            && own != dev
        {
            say(format!(
                "`{}`: stack {} uses key {own}, but the dev key is {dev}",
                command("deploy"),
                step.stack
            ));
        }
        if view.is_transitional {
            say(format!(
                "`{}`: a pipeline change is incomplete, and stack {} still supports the old \
                 configuration",
                Command::s3ferry("deploy --all"),
                step.stack
            ));
        } else if view
            .comparison
            .as_ref()
            .is_some_and(|found| !found.is_same())
        {
            say(format!(
                "`{}` shows what a deployment of stack {} would change",
                command("diff"),
                step.stack
            ));
        }
        if let Some(missing) = unprotected(view) {
            say(format!(
                "`{}` restores the protection of stack {}: {missing}",
                command("deploy"),
                step.stack
            ));
        }
    }
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    if more > 0 {
        found.push(format!("and {more} more for other stacks"));
    }
    found
}

/// Returns the missing protection of a stack, or `None` if the stack is fully protected.
pub(crate) fn unprotected(view: &View) -> Option<String> {
    let deletion = "its termination protection is off";
    let policy = match &view.guard {
        Guard::Open(open) => Some(format!(
            "its stack policy allows replacement or deletion of {}",
            open.join(", ")
        )),
        Guard::InForce | Guard::Unread(_) => None,
    };
    match (view.stack.protected, policy) {
        (true, policy) => policy,
        (false, None) => Some(deletion.to_owned()),
        (false, Some(policy)) => Some(format!("{deletion}, and {policy}")),
    }
}

fn of_condition(step: &StackStep, state: &StackState) -> Option<String> {
    let name = &step.stack;
    let command = |name| Command::s3ferry(name).option("--profile", &step.profile);
    if let StackState::StackSet {
        complete,
        comparison,
    } = state
    {
        return (!complete || !comparison.is_same()).then(|| {
            format!(
                "`{}` shows what a deployment of stack set {name} would change",
                command("diff")
            )
        });
    }
    Some(match state.condition()? {
        Condition::InProgress => {
            let cancel = match state.view().map(|view| Remedy::of(&view.stack.status)) {
                Some(Remedy::Cancel) => {
                    format!("; `{}` cancels the update", command("rollback"))
                }
                _ => String::new(),
            };
            format!(
                "`{}` shows the progress of stack {name}; `deploy` waits until it ends{cancel}",
                command("events")
            )
        }
        Condition::CreationFailed => format!(
            "fix the cause, then run `{}` to delete stack {name} and create it again",
            command("deploy")
        ),
        Condition::RollbackFailed => format!(
            "fix the cause, then run `{}` to continue the rollback of stack {name}",
            command("rollback")
        ),
        Condition::DeletionFailed => format!(
            "fix the cause, then run `{}` to delete stack {name}",
            command("destroy")
        ),
        _ => return None,
    })
}

/// Returns the next step of a first deployment.
fn of_order(stacks: &[(StackStep, StackState)], has_pipeline: bool) -> Option<String> {
    let missing = |state: &StackState| {
        matches!(
            state.condition(),
            Some(Condition::Absent | Condition::Reviewing)
        )
    };
    if let Some((step, _)) = stacks.iter().find(|(_, state)| missing(state)) {
        return Some(format!(
            "`{}` creates stack {}",
            Command::s3ferry("deploy").option("--profile", &step.profile),
            step.stack
        ));
    }
    let (dev, state) = stacks.iter().find(|(step, _)| step.side == Side::Dev)?;
    let pipeline = state.view()?.stack.parameters.get(CREATE_PIPELINE)?;
    let all_ready = stacks
        .iter()
        .all(|(_, state)| state.condition() == Some(Condition::Ready));
    (has_pipeline && pipeline == "false" && all_ready).then(|| {
        format!(
            "`{}` creates the pipeline",
            Command::s3ferry("deploy").option("--profile", &dev.profile)
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::aws::{AccountId, Region};
    use crate::deploy::stack::Deployed;
    use crate::deploy::steps::StackTemplate;

    fn step(name: &str, side: Side) -> StackStep {
        StackStep {
            stack_set: false,
            side,
            stack: format!("pipeline-{name}"),
            account: AccountId::new("111111111111"),
            region: Region::new("us-east-1"),
            profile: name.to_owned(),
            configured: String::new(),
            template: Arc::new(StackTemplate::new(name.to_owned(), Arc::default())),
        }
    }

    fn view(status: &str, name: &str, value: &str) -> View {
        let values = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        View {
            stack: Deployed {
                id: String::new(),
                name: String::new(),
                status: status.to_owned(),
                reason: String::new(),
                parameters: values.clone(),
                outputs: values,
                protected: true,
                changed: 0,
                generation: 0,
                drift: String::new(),
                drift_checked: None,
            },
            comparison: Some(Comparison::Same),
            is_transitional: false,
            cause: None,
            guard: Guard::InForce,
            drifted: None,
        }
    }

    fn there(status: &str, name: &str, value: &str) -> StackState {
        StackState::There(Box::new(view(status, name, value)))
    }

    fn hints_of(dev: StackState, prod: StackState) -> String {
        hints(
            &[
                (step("dev", Side::Dev), dev),
                (step("prod", Side::Target(0)), prod),
            ],
            true,
        )
        .join("\n")
    }

    #[test]
    fn a_first_deployment_is_led_step_by_step() {
        let first = hints_of(StackState::Missing, StackState::Missing);
        assert!(
            first.contains("deploy --profile dev` creates stack"),
            "{first}"
        );
        let made = || there("CREATE_COMPLETE", "CreatePipeline", "false");
        let second = hints_of(made(), StackState::Missing);
        assert!(
            second.contains("deploy --profile prod` creates stack"),
            "{second}"
        );
        let third = hints_of(made(), there("CREATE_COMPLETE", "x", "y"));
        assert_eq!(third, "`s3ferry deploy --profile dev` creates the pipeline");
        let done = there("UPDATE_COMPLETE", "CreatePipeline", "true");
        assert_eq!(hints_of(done, there("CREATE_COMPLETE", "x", "y")), "");
    }

    #[test]
    fn a_profile_is_one_word_of_each_command() {
        let profile = "prod team $(id)";
        let mut steps = [step("dev", Side::Dev), step("prod", Side::Target(0))];
        for step in &mut steps {
            profile.clone_into(&mut step.profile);
        }
        let [dev, prod] = steps;
        let mut changed = view("CREATE_COMPLETE", "DeployKeyId", "old");
        changed.comparison = Some(Comparison::Different(String::new()));
        changed.stack.protected = false;
        let states = [
            StackState::Missing,
            StackState::There(Box::new(changed)),
            there("UPDATE_IN_PROGRESS", "x", "y"),
            there("ROLLBACK_COMPLETE", "x", "y"),
            there("UPDATE_ROLLBACK_FAILED", "x", "y"),
            there("DELETE_FAILED", "x", "y"),
        ];
        for state in states {
            let made = there("CREATE_COMPLETE", "DeployKeyId", "new");
            let all = hints(&[(dev.clone(), made), (prod.clone(), state)], true);
            let commands = all.iter().flat_map(|hint| hint.match_indices("--profile "));
            assert_ne!(commands.count(), 0, "{all:?}");
            for hint in &all {
                let unquoted = hint.replace(&format!("--profile '{profile}'"), "");
                assert!(!unquoted.contains(profile), "{hint}");
            }
        }
    }

    #[test]
    fn another_key_and_another_template_are_said() {
        let mut prod = view("CREATE_COMPLETE", "DeployKeyId", "old");
        prod.comparison = Some(Comparison::Different(String::new()));
        let dev = there("CREATE_COMPLETE", "DeployKeyId", "new");
        let said = hints_of(dev, StackState::There(Box::new(prod)));
        assert!(
            said.contains("uses key old, but the dev key is new"),
            "{said}"
        );
        assert!(said.contains("diff --profile prod"), "{said}");
    }

    #[test]
    fn a_pipeline_that_exists_on_its_own_is_not_made() {
        let stacks = [
            (
                step("dev", Side::Dev),
                there("CREATE_COMPLETE", "CreatePipeline", "false"),
            ),
            (
                step("prod", Side::Target(0)),
                there("CREATE_COMPLETE", "x", "y"),
            ),
        ];
        assert_eq!(hints(&stacks, false), Vec::<String>::new());
    }

    #[test]
    fn what_cannot_be_read_is_not_guessed_about() {
        let dev = there("CREATE_COMPLETE", "CreatePipeline", "false");
        assert_eq!(hints_of(dev, StackState::Unreadable), "");
    }
}
