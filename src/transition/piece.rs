//! The stacks of a transition: their deployed and new templates, and their unique names.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::ids::{self, Place};
use super::merge::PREVIOUS_KEY_ID;
use crate::diagnostic::{Diagnostic, Source};
use crate::stacks::{KEY_ID, Side};
use crate::template::{Resource, Template, Value};

const POLICY: &str = "AWS::IAM::ManagedPolicy";
const POLICY_NAME: &str = "ManagedPolicyName";

/// The instances of a deployed stack set.
#[derive(Debug, Clone, Default)]
pub struct SetInstances {
    /// Accounts and regions with a stack instance.
    pub existing: Vec<(String, String)>,
    /// Existing instances that are not in the new configuration.
    pub leaving: Vec<(String, String)>,
    /// Whether the remaining instances have the current template of the stack set.
    pub are_current: bool,
}

/// A deployed stack.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// Template of the stack.
    pub template: Template,
    /// Text of the template.
    pub text: Arc<str>,
    /// Values of the parameters.
    pub parameters: BTreeMap<String, String>,
    /// Outputs of the stack.
    pub outputs: BTreeMap<String, String>,
    /// The instances, if this is a stack set.
    pub set: Option<SetInstances>,
}

impl Deployed {
    /// Reads the template of a deployed stack.
    ///
    /// # Errors
    /// Returns an error if the text is not a template or if a new template cannot be merged with
    /// it.
    pub fn read(
        name: &str,
        text: &str,
        parameters: BTreeMap<String, String>,
        outputs: BTreeMap<String, String>,
    ) -> Result<Self, Diagnostic> {
        let source = Source::new(name, text);
        Ok(Self {
            template: Template::read(&source)?,
            text: text.into(),
            parameters,
            outputs,
            set: None,
        })
    }

    /// Returns the ID of the key that a new dev template outputs; `None` if the stack does not have
    /// this key yet.
    pub(crate) fn next_key(&self, new: &Template) -> Option<String> {
        match new.output(KEY_ID)? {
            Value::Ref(id) => self.key_ids().remove(id),
            _ => None,
        }
    }

    /// Returns the key IDs in the outputs, by logical ID.
    pub(super) fn key_ids(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for name in [KEY_ID, PREVIOUS_KEY_ID] {
            if let Some(Value::Ref(id)) = self.template.output(name)
                && let Some(value) = self.outputs.get(name)
            {
                found.insert(id.clone(), value.clone());
            }
        }
        found
    }
}

/// The state of a stack before the deployment.
#[derive(Debug, Clone)]
pub enum Found {
    /// The stack is deployed.
    Deployed(Box<Deployed>),
    /// The stack does not exist.
    Absent,
    /// The new template cannot be merged with the deployed one. Contains the reason.
    Foreign(String),
    /// The stack cannot be read with the current credentials.
    Unknown {
        /// Whether the records show a deployment of the new template, or of a transitional template
        /// that includes it.
        is_recorded: bool,
    },
}

/// A stack or stack set in a transition.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Name of the template.
    pub name: String,
    /// Part of the deployment that the stack belongs to.
    pub side: Side,
    /// Account and region of the stack, or of each instance of a stack set.
    pub instances: Vec<(String, String)>,
    /// Whether the piece is a stack set, whose template serves several accounts or regions.
    pub is_set: bool,
    /// The deployed state.
    pub found: Found,
    /// The template of the new configuration, with the logical IDs ([`ids::renames`]) and policy
    /// names ([`with_policy_names`]) of the deployed stack.
    pub new: Arc<Template>,
    /// Whether the piece is selected for deployment.
    pub is_selected: bool,
    /// Whether the piece was removed from the configuration.
    pub is_removed: bool,
    /// The new value of its key parameter, if known.
    pub key: Option<String>,
}

impl Piece {
    pub(super) fn place(&self) -> Place<'_> {
        match self.instances.as_slice() {
            [(account, region)] if !self.is_set => Some((account, region)),
            _ => None,
        }
    }

    pub(super) fn deployed(&self) -> Option<&Deployed> {
        match &self.found {
            Found::Deployed(deployed) => Some(deployed),
            Found::Absent | Found::Foreign(_) | Found::Unknown { .. } => None,
        }
    }

    /// Returns the existing instances if the piece is a deployed stack set.
    pub(super) fn set(&self) -> Option<&SetInstances> {
        self.deployed()?.set.as_ref()
    }

    /// Returns the accounts and regions in which the piece is currently deployed.
    pub(super) fn places(&self) -> &[(String, String)] {
        self.set().map_or(&self.instances, |set| &set.existing)
    }

    /// Returns whether a deployed stack differs from the new configuration in its template, its
    /// key, or its accounts and regions.
    pub fn changes(&self) -> bool {
        self.deployed().is_some_and(|deployed| {
            let key = deployed.parameters.get(KEY_ID);
            let other_key = self.key.is_some() && key.is_some() && self.key.as_ref() != key;
            let other_places = self.set().is_some_and(|set| {
                let is_missing = |place| !set.existing.contains(place);
                !set.leaving.is_empty() || self.instances.iter().any(is_missing)
            });
            other_key || other_places || differ(&self.new, &deployed.template)
        })
    }
}

/// Returns whether the resources, outputs, conditions, or mappings of two templates differ.
pub(super) fn differ(first: &Template, second: &Template) -> bool {
    let (first, second) = (first.to_json(), second.to_json());
    let sections = ["Resources", "Outputs", "Conditions", "Mappings"];
    sections
        .iter()
        .any(|section| first[section] != second[section])
}

/// Adds the target's name to a policy's name to make the policy name unique.
fn distinguish(policy: &mut Resource, target: &str) {
    if let Some(name) = policy.properties.field(POLICY_NAME) {
        let name = name.suffixed(&format!("-{target}"));
        policy.properties.set(POLICY_NAME, name);
    }
}

/// Returns a new template with the unique policy names of the deployed stack. The stack keeps these
/// names even after the stack that used the original names is removed. Returns `None` if the
/// deployed stack has no such names.
pub fn with_policy_names(new: &Template, deployed: &Template, target: &str) -> Option<Template> {
    let mut template = new.clone();
    let mut is_same = true;
    for resource in template
        .resources
        .iter_mut()
        .filter(|one| one.kind == POLICY)
    {
        let old = deployed.resource(&resource.id);
        let old = old.filter(|old| old.kind == POLICY);
        let name = |one: &Resource| one.properties.field(POLICY_NAME).map(Value::to_json);
        let mut other = resource.clone();
        distinguish(&mut other, target);
        if old
            .and_then(name)
            .is_some_and(|had| Some(had) == name(&other))
        {
            *resource = other;
            is_same = false;
        }
    }
    (!is_same).then_some(template)
}

/// Renames policies whose names another stack in the account uses. Only one target in an account
/// can use the policy names from the AWS procedure, and the deployment may be about to remove that
/// target. No resource refers to the policies by name.
pub(super) fn distinct_policies(pieces: &[Piece]) -> Vec<Piece> {
    let owners = owners(pieces);
    let mut pieces = pieces.to_vec();
    let selected = pieces.iter_mut().enumerate();
    for (number, piece) in selected.filter(|(_, piece)| piece.is_selected) {
        let is_taken = |resource: &Resource| {
            resource.kind == POLICY
                && names_of(resource, &piece.instances).any(|name| {
                    let owner = owners.get(&name);
                    owner.is_some_and(|owner| *owner != number)
                })
        };
        if !piece.new.resources.iter().any(is_taken) {
            continue;
        }
        let mut template = (*piece.new).clone();
        for resource in template.resources.iter_mut().filter(|one| is_taken(one)) {
            distinguish(resource, &piece.name);
        }
        piece.new = Arc::new(template);
    }
    pieces
}

/// Returns the unique names with the indexes of the pieces that own them.
pub(super) fn owners(pieces: &[Piece]) -> HashMap<(String, String), usize> {
    let mut found = HashMap::new();
    for (number, piece) in pieces.iter().enumerate() {
        if let Some(deployed) = piece.deployed() {
            let names = names(&deployed.template, piece.places());
            found.extend(names.map(|name| (name, number)));
        }
    }
    found
}

/// Returns the types and names in a template that must be unique.
pub(super) fn names<'t>(
    template: &'t Template,
    places: &'t [(String, String)],
) -> impl Iterator<Item = (String, String)> + 't {
    let resources = template.resources.iter();
    resources.flat_map(|resource| names_of(resource, places))
}

/// Returns the names of a resource in each account and region. The names of roles and policies have
/// the account as a prefix, and those of state machines also the region. Buckets share one
/// namespace.
fn names_of<'r>(
    resource: &'r Resource,
    instances: &'r [(String, String)],
) -> impl Iterator<Item = (String, String)> + 'r {
    let kind = resource.kind.as_str();
    let property = match kind {
        "AWS::S3::Bucket" => "BucketName",
        "AWS::IAM::Role" => "RoleName",
        "AWS::IAM::ManagedPolicy" => "ManagedPolicyName",
        "AWS::StepFunctions::StateMachine" => "StateMachineName",
        _ => "",
    };
    let value = resource.properties.field(property);
    instances.iter().filter_map(move |(account, region)| {
        let name = ids::text(value?, Some((account, region)))?;
        let name = match kind {
            "AWS::S3::Bucket" => name,
            "AWS::StepFunctions::StateMachine" => format!("{account}/{region}/{name}"),
            _ => format!("{account}/{name}"),
        };
        Some((resource.kind.clone(), name))
    })
}
