//! The templates of a stack during a transition, and the stack's accounts and regions in each
//! version.

use std::collections::HashMap;
use std::sync::Arc;

use super::merge::{self, PipelineOf};
use super::piece::{Piece, differ};
use super::trust::Existing;
use crate::stacks::{KEY_ID, Side};
use crate::template::{Resource, Template};

/// The template of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// The template that is deployed before the transition.
    Deployed,
    /// The new template with all permissions of the deployed one. In the dev stack, it keeps the
    /// deployed pipeline.
    Both,
    /// The new template of the dev stack, with the new pipeline and all permissions of the deployed
    /// template.
    Switched,
    /// The new template.
    New,
}

impl Version {
    /// Returns whether this version grants more than the new template.
    pub fn is_transitional(self) -> bool {
        matches!(self, Self::Both | Self::Switched)
    }
}

/// The versions of a piece.
pub(super) struct Versions {
    pub(super) new: Arc<Template>,
    /// The transitional template, or the new template for a stack set that keeps instances; `None`
    /// if nothing is kept.
    pub(super) both: Option<Arc<Template>>,
    /// Whether the transitional template differs from the deployed one.
    pub(super) both_changes: bool,
    /// The transitional template of the dev stack after the switch, and whether it differs from the
    /// deployed one; `None` if it is equal to the new template.
    pub(super) switched: Option<(Arc<Template>, bool)>,
}

/// Returns the accounts and regions of a piece in a version.
pub(super) fn places(piece: &Piece, version: Version) -> Vec<(String, String)> {
    let Some(set) = piece.set() else {
        return piece.instances.clone();
    };
    let stays = |place: &&(String, String)| match version {
        Version::Deployed | Version::Both => true,
        Version::Switched | Version::New => !set.leaving.contains(place),
    };
    let mut found: Vec<_> = set.existing.iter().filter(stays).cloned().collect();
    if version != Version::Deployed {
        let is_new = |place: &&(String, String)| !set.existing.contains(place);
        found.extend(piece.instances.iter().filter(is_new).cloned());
    }
    found
}

impl Versions {
    /// Returns the template of a version; `None` for the deployed one.
    pub(super) fn template(&self, version: Version) -> Option<&Arc<Template>> {
        match version {
            Version::Deployed => None,
            Version::Both => Some(self.both.as_ref().unwrap_or(&self.new)),
            Version::Switched => Some(self.switched.as_ref().map_or(&self.new, |(one, _)| one)),
            Version::New => Some(&self.new),
        }
    }
}

pub(super) fn versions(piece: &Piece, key_changes: bool, roles: Option<&Existing>) -> Versions {
    let Some(deployed) = piece.deployed() else {
        return Versions {
            new: Arc::clone(&piece.new),
            both: None,
            both_changes: false,
            switched: None,
        };
    };
    let new = Arc::clone(&piece.new);
    let mut wanted = HashMap::new();
    let key_differs = match (&piece.key, deployed.parameters.get(KEY_ID)) {
        (Some(key), Some(old)) => key != old,
        _ => false,
    };
    if key_differs || key_changes {
        // Any value that differs from the deployed one, because the new key may not exist yet.
        wanted.insert(KEY_ID.to_owned(), String::new());
    }
    let values = deployed.parameters.clone().into_iter().collect();
    let mut old = merge::with_values(&deployed.template, &values, &new, &wanted);
    if let (Side::Target(_), Some(roles)) = (&piece.side, roles) {
        roles.keep_only(&mut old);
    }
    let pipeline = match piece.side {
        Side::Dev => PipelineOf::Deployed,
        _ => PipelineOf::New,
    };
    let both = merge::both(&new, &old, pipeline);
    let keeps_more =
        |template: &Template| new.to_json()["Resources"] != template.to_json()["Resources"];
    let switched = (piece.side == Side::Dev)
        .then(|| merge::both(&new, &old, PipelineOf::New))
        .filter(keeps_more);
    let leaves = piece.set().is_some_and(|set| !set.leaving.is_empty());
    Versions {
        both_changes: differ(&both, &deployed.template) || !wanted.is_empty(),
        both: match keeps_more(&both) {
            true => Some(Arc::new(both)),
            false => leaves.then(|| Arc::clone(&new)),
        },
        switched: switched.map(|template| {
            let changes = differ(&template, &deployed.template);
            (Arc::new(template), changes)
        }),
        new,
    }
}

/// Returns whether the dev stack gets a new key.
pub(super) fn key_changes(dev: &Piece) -> bool {
    let Some(deployed) = dev.deployed() else {
        return false;
    };
    let is_key = |resource: &&Resource| resource.kind == "AWS::KMS::Key";
    let mut keys = dev.new.resources.iter().filter(is_key);
    keys.any(|new| deployed.template.resource(&new.id).filter(is_key).is_none())
}
