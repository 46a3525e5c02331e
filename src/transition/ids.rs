//! Maps the resources of a new template to their logical IDs in the deployed stack.
//!
//! CloudFormation replaces a resource whose name changes: the same update creates the new resource
//! and removes the old one. A bucket or role that the live pipeline still uses must remain next to
//! its successor, so the successor gets a different logical ID. The stack then keeps this ID for
//! the resource, regardless of the ID in the generated template.

use std::collections::{HashMap, HashSet};

use crate::template::{Renames, Resource, Template, Value};

/// Types whose resources a pipeline uses by name. The old and the new resource must exist at the
/// same time.
const SIDE_BY_SIDE: [&str; 5] = [
    "AWS::CodeBuild::Project",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::IAM::Role",
    "AWS::StepFunctions::StateMachine",
];

/// The account and region that a template's pseudo parameters resolve to; `None` for a stack set,
/// whose template serves several accounts or regions.
pub(crate) type Place<'a> = Option<(&'a str, &'a str)>;

/// Returns the logical IDs in `new` that differ from those in the stack, which was deployed from
/// `deployed`.
pub(crate) fn renames(deployed: &Template, new: &Template, place: Place<'_>) -> Renames {
    let mut found = Renames::new();
    let taken: HashSet<&str> = (deployed.resources.iter().chain(&new.resources))
        .map(|resource| resource.id.as_str())
        .collect();
    let next = |id: &str| free(id, |id| taken.contains(id));
    for resource in &new.resources {
        let same_id = deployed.resource(&resource.id);
        let name = name(new, resource, place);
        let same_name = name.as_ref().and_then(|wanted| {
            let mut all = deployed.resources.iter();
            all.find(|old| {
                old.kind == resource.kind
                    && self::name(deployed, old, place).as_ref() == Some(wanted)
            })
        });
        let id = match (same_name, same_id) {
            (Some(old), _) => old.id.clone(),
            (None, None) => continue,
            (None, Some(old)) if old.kind != resource.kind => next(&resource.id),
            (None, Some(old)) => match (name, self::name(deployed, old, place)) {
                (Some(wanted), Some(had)) if wanted != had => next(&resource.id),
                _ => continue,
            },
        };
        if id != resource.id {
            found.insert(resource.id.clone(), id);
        }
    }
    found
}

/// Returns an unused logical ID.
fn free(id: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let first = format!("Renamed{id}");
    if !is_taken(&first) {
        return first;
    }
    let mut numbers = 2..;
    loop {
        let next = format!("Renamed{}{id}", numbers.next().unwrap_or(u32::MAX));
        if !is_taken(&next) {
            return next;
        }
    }
}

/// Returns the name of a resource that is used outside the stack; `None` for other types and for a
/// name that is unknown before the deployment.
pub(super) fn name(template: &Template, resource: &Resource, place: Place<'_>) -> Option<String> {
    if !SIDE_BY_SIDE.contains(&resource.kind.as_str()) {
        return None;
    }
    let property = match resource.kind.as_str() {
        "AWS::CodeBuild::Project" => "Name",
        "AWS::S3::Bucket" => "BucketName",
        "AWS::S3::BucketPolicy" => "Bucket",
        "AWS::StepFunctions::StateMachine" => "StateMachineName",
        _ => "RoleName",
    };
    match resource.properties.field(property)? {
        Value::Ref(id) => {
            let bucket = template.resource(id).filter(|_| *id != resource.id)?;
            name(template, bucket, place)
        }
        value => text(value, place),
    }
}

/// Returns a value as text, with its pseudo parameters replaced.
pub(super) fn text(value: &Value, place: Place<'_>) -> Option<String> {
    let Some((account, region)) = place else {
        return match value {
            Value::String(text) | Value::Sub(text) => Some(text.clone()),
            _ => None,
        };
    };
    let known = HashMap::from([
        ("AWS::AccountId".to_owned(), account.to_owned()),
        ("AWS::Region".to_owned(), region.to_owned()),
    ]);
    value.with_parameters(&known).as_text().map(str::to_owned)
}
