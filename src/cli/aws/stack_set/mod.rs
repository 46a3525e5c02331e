//! The configured and the live state of a target's stack set.

pub(crate) mod show;

use crate::deploy::stack_set::compare::compare;
use crate::deploy::stack_set::deployment::is_complete;
use crate::deploy::stack_set::{
    Described, Existing, Health, Instance, Wanted, instances as stored, set,
};
use crate::deploy::{Access, StackStep};
use crate::plan::TargetPlan;
use crate::stacks::Side;
use crate::transition::SetInstances;

use crate::cli::Failure;
use crate::cli::project::Project;

/// Reads a stack set and its instances.
pub(crate) async fn look(
    project: &Project,
    access: &Access,
    step: &StackStep,
) -> Result<Option<(Described, SetInstances)>, Failure> {
    let wanted = wanted(project, step, &[])?;
    let Some(set) = set::describe(access, &wanted.plan).await? else {
        return Ok(None);
    };
    let existing = stored::list(access, &wanted.plan).await?;
    let comparison = compare(&wanted.instances, &existing, &wanted.scope(Some(&set)));
    let places = |of: &[Existing]| -> Vec<(String, String)> {
        let places = of.iter().map(|one| one.instance.clone());
        places.map(|place| (place.account, place.region)).collect()
    };
    let instances = SetInstances {
        existing: places(&existing),
        leaving: places(&split_leaving(comparison.remove, &wanted).1),
        are_current: comparison.update.is_empty() && comparison.recreate.is_empty(),
    };
    Ok(Some((set, instances)))
}

/// Splits instances to remove into those that can be removed before the switch and the others. The
/// first group contains suspended accounts, to which the pipeline cannot deploy, and instances that
/// are recreated for a different organizational unit.
pub(crate) fn split_leaving(
    instances: Vec<Existing>,
    wanted: &Wanted,
) -> (Vec<Existing>, Vec<Existing>) {
    (instances.into_iter()).partition(|one| {
        one.health == Health::Suspended || wanted.instances.contains(&one.instance)
    })
}

/// Returns whether the stack set of a target has every instance and all of them are current.
pub(crate) async fn all_stand(
    project: &Project,
    access: &Access,
    step: &StackStep,
) -> Result<bool, Failure> {
    let wanted = wanted(project, step, &[])?;
    Ok(is_complete(access, &wanted).await?)
}

/// Returns the configured state of a stack set.
pub(crate) fn wanted(
    project: &Project,
    step: &StackStep,
    parameters: &[(String, String)],
) -> Result<Wanted, Failure> {
    let target = target(project, step)?;
    Ok(Wanted {
        plan: target.stack_set.clone(),
        instances: (target.instances.iter())
            .map(|one| Instance::new(&one.account, &one.region))
            .collect(),
        text: step.template.text.clone(),
        description: step.template.model().description.clone(),
        parameters: parameters.to_vec(),
        tags: project.plan.tags.clone(),
    })
}

pub(crate) fn target<'p>(
    project: &'p Project,
    step: &StackStep,
) -> Result<&'p TargetPlan, Failure> {
    let found = match step.side {
        Side::Target(index) => project.plan.targets.get(index),
        _ => None,
    };
    found.ok_or_else(|| Failure::new(format!("`{}` is not a target", step.template.name), ""))
}
