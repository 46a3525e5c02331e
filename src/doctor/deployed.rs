//! The deployed state: the deployed templates of the stacks, with their parameters. It is the
//! reference for a diagnosis, because the configuration may have changed since the deployment.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::expected::{Place, Reference};
use super::finding::Unread;
use super::live::{Reading, Refusal, Stack};
use crate::config::Permissions;
use crate::diagnostic::Source;
use crate::proof::{Inputs, Known, Resolved, Stack as Template, outputs, resolved};
use crate::run::Instance;
use crate::stacks::{CREATE_PIPELINE, KEY_ID, SERVICE_ROLE_ARN};
use crate::template::read_template;
use crate::transition::merge::is_transitional;

/// The status of a stack that has a change set but no template yet.
const REVIEWING: &str = "REVIEW_IN_PROGRESS";
/// The action that a template allows if the deploy role copies the tags of the source object.
const COPIES_TAGS: &str = "s3:PutObjectTagging";

/// A stack that may be deployed.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// The location where it is or would be deployed.
    pub place: Place,
    /// Whether the stack belongs to a target. Otherwise, it belongs to the dev account.
    pub is_target: bool,
    /// Whether the stack's template serves several instances.
    pub is_generic: bool,
    /// The template from the configuration; `None` if only the outputs file names the stack.
    pub local: Option<Source>,
    /// The state that was read; `None` if no profile has access to its account.
    pub found: Option<ReadStack>,
}

/// The state of a stack as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReadStack {
    pub stack: Reading<Stack>,
    /// The text of its deployed template.
    pub template: Reading<String>,
    /// Whether this template is equivalent to the template from the configuration.
    pub is_same: bool,
}

/// The deployed state, as far as it could be read.
#[derive(Debug, Clone)]
pub(crate) struct Deployed {
    /// The deployed templates as inputs of the proof, starting with the dev stack.
    pub inputs: Inputs,
    /// The resources of these templates.
    pub resources: Vec<Resolved>,
    /// The stacks of these templates: every instance of the inputs, in order.
    pub places: Vec<Place>,
    /// The state of the stacks, by index.
    pub stacks: BTreeMap<usize, Reading<Stack>>,
    /// Stacks outside the deployed state: configured but not deployed yet, or deployed for another
    /// pipeline.
    pub others: Vec<Place>,
    /// Templates that could not be read.
    pub unread: Vec<Unread>,
    /// The live IDs of keys, by the placeholder IDs of the proof.
    pub keys: BTreeMap<String, String>,
}

impl Candidate {
    fn read(&self) -> Option<&Stack> {
        let stack = self.found.as_ref()?.stack.read()?;
        (stack.status != REVIEWING).then_some(stack)
    }

    /// Returns whether AWS reports that the stack is not deployed.
    fn is_absent(&self) -> bool {
        let found = self.found.as_ref();
        found.is_some_and(|found| found.stack.refusal().is_none()) && self.read().is_none()
    }

    fn is_dev(&self) -> bool {
        self.read().is_some_and(|stack| {
            stack.outputs.contains_key(SERVICE_ROLE_ARN) && stack.outputs.contains_key(KEY_ID)
        })
    }

    /// Returns the deployed template and its relation to the template from the configuration. If
    /// there is no readable deployed template, returns the template from the configuration.
    fn reference(&self, unread: &mut Vec<Unread>) -> Option<(Source, Reference)> {
        let place = &self.place;
        match self.deployed_template() {
            Reading::Read(template) => return Some(template),
            Reading::Missing => {}
            Reading::Refused(refusal) => {
                let instead = match self.local {
                    Some(_) => "the template from the configuration is used instead",
                    None => "the stack is not diagnosed",
                };
                unread.push(Unread {
                    account: place.account.clone(),
                    what: format!("template of stack {}: {instead}", place.stack),
                    refusal,
                });
            }
        }
        let reference = match self.is_absent() {
            true => Reference::Absent,
            false => Reference::Local,
        };
        Some((self.local.clone()?, reference))
    }

    fn deployed_template(&self) -> Reading<(Source, Reference)> {
        let Some(found) = self.found.as_ref().filter(|_| self.read().is_some()) else {
            return Reading::Missing;
        };
        found.template.clone().then(|text| {
            let name = format!("deployed template of stack {}", self.place.stack);
            let source = Source::new(name, text.as_str());
            if let Err(problem) = read_template(&source) {
                let reason = format!("it is not a template: {}", problem.message);
                return Reading::Refused(Refusal::because(reason));
            }
            let reference = match &self.local {
                None => Reference::Removed,
                _ if is_transitional(&text) => Reference::Transitional,
                _ if found.is_same => Reference::Same,
                _ => Reference::Differs,
            };
            Reading::Read((source, reference))
        })
    }
}

impl Deployed {
    /// Determines the deployed state from the candidates: the stacks of the configuration, in the
    /// order of the instances in `base`, followed by the stacks in the outputs file. `local`
    /// contains the resources of the configuration's templates. `key` is the ID of the dev stack's
    /// key, which is used if no output contains the ID.
    pub(crate) fn new(
        base: &Inputs,
        local: &[Resolved],
        candidates: &[Candidate],
        key: Option<&str>,
    ) -> Self {
        let mut found = Self {
            inputs: base.clone(),
            resources: Vec::new(),
            places: Vec::new(),
            stacks: BTreeMap::new(),
            others: Vec::new(),
            unread: Vec::new(),
            keys: BTreeMap::new(),
        };
        found.inputs.stacks.clear();
        found.inputs.allow_unused = true;
        // Attacks that a template allows are never reported, so `Least` is sufficient.
        found.inputs.permissions = Permissions::Least;
        let is_configured = |candidate: &Candidate| candidate.local.is_some();
        let dev = match candidates.first() {
            Some(first) if first.is_absent() => candidates
                .iter()
                .position(|one| !is_configured(one) && one.is_dev())
                .unwrap_or_default(),
            _ => 0,
        };
        let Some(first) = candidates.get(dev) else {
            return found;
        };
        found.add(first, first.read());
        let named = found.named_by_dev();
        let prefix = first.place.prefix();
        for (number, one) in candidates.iter().enumerate() {
            let is_of_dev = is_configured(one) == is_configured(first);
            let is_part = match is_configured(one) {
                _ if number == dev => continue,
                true if one.is_absent() => is_of_dev && is_named(local, number, &named),
                true => is_of_dev,
                false => one.read().is_some() && one.place.prefix() == prefix && !one.is_dev(),
            };
            if is_part {
                found.add(one, first.read());
            } else {
                found.other(one);
            }
        }
        if let Ok(resources) = resolved(&found.inputs) {
            found.resources = resources;
        }
        if let Some(organization) = organization(&found.resources) {
            found.inputs.organization = Some(organization);
        }
        found.learn_keys(key);
        found
    }

    /// Returns whether the deployed stacks match the configuration, as far as they were read.
    pub(crate) fn is_current(&self) -> bool {
        self.others.is_empty() && !self.places.iter().any(|place| place.reference.differs())
    }

    /// Removes the keys of existing buckets that only the configuration names. The deployed roles
    /// are not meant to use them yet.
    pub(crate) fn keep_deployed_keys(&mut self) {
        if self.is_current() {
            return;
        }
        let Self { inputs, .. } = self;
        let stacks = &inputs.stacks;
        inputs.bucket_keys.retain(|found| {
            let mut texts = stacks.iter().map(|stack| stack.template.text());
            texts.any(|text| text.contains(&found.key))
        });
    }

    fn add(&mut self, one: &Candidate, dev: Option<&Stack>) {
        let Some((source, reference)) = one.reference(&mut self.unread) else {
            return;
        };
        let mut place = one.place.clone();
        place.reference = reference;
        if reference.differs() {
            place.tagged_objects = source.text().contains(COPIES_TAGS);
        }
        let parameters: Vec<(String, String)> = (one.read().into_iter())
            .flat_map(|stack| &stack.parameters)
            // A value that matches the dev stack's output already follows from the templates.
            .filter(|(name, value)| {
                *name != CREATE_PIPELINE
                    && dev.is_some_and(|dev| {
                        dev.outputs.get(*name).is_some_and(|given| given != *value)
                    })
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if let Some(found) = &one.found {
            self.stacks.insert(self.places.len(), found.stack.clone());
        }
        let instance = Arc::new(Instance {
            account: place.account.clone(),
            region: place.region.clone(),
        });
        let last = self.inputs.stacks.last_mut().filter(|last| {
            last.name == place.template
                && last.tagged_objects == place.tagged_objects
                && last.template.text() == source.text()
                && last.known.parameters == parameters
        });
        match last {
            Some(last) => last.instances.push(instance),
            None => self.inputs.stacks.push(Template {
                name: place.template.clone(),
                is_target: one.is_target,
                is_generic: one.is_generic,
                tagged_objects: place.tagged_objects,
                instances: vec![instance],
                template: source.into(),
                known: Known {
                    parameters,
                    ..Known::default()
                },
            }),
        }
        self.places.push(place);
    }

    /// Adds a stack that is not diagnosed.
    fn other(&mut self, one: &Candidate) {
        let mut place = one.place.clone();
        let what = format!("stack {} (listed in .s3ferry/outputs.json)", place.stack);
        place.reference = match (&one.local, &one.found) {
            (Some(_), _) if one.is_absent() => Reference::Absent,
            (Some(_), Some(found)) if found.is_same => Reference::Same,
            (Some(_), Some(_)) => Reference::Differs,
            (Some(_), None) => return,
            (None, _) if one.is_absent() => return,
            (None, Some(found)) => {
                if let Some(refusal) = found.stack.refusal() {
                    self.unread.push(Unread {
                        account: place.account,
                        what,
                        refusal: refusal.clone(),
                    });
                    return;
                }
                Reference::Removed
            }
            (None, None) => {
                let reason = "no profile in the configuration has access to this account";
                self.unread
                    .push(Unread::because(&place.account, what, reason));
                return;
            }
        };
        self.others.push(place);
    }

    /// Returns the text of the dev stack's properties, which name resources in the other stacks.
    fn named_by_dev(&self) -> String {
        let resources = resolved(&self.inputs).unwrap_or_default();
        let properties = resources.iter().map(|one| one.properties.to_string());
        properties.collect()
    }

    /// Maps the placeholder IDs of keys to live IDs. In AWS, an output whose value is a placeholder
    /// has the live ID.
    fn learn_keys(&mut self, key: Option<&str>) {
        let made_up: Vec<&str> = (self.resources.iter())
            .filter(|one| one.kind == "AWS::KMS::Key")
            .filter_map(|one| one.name.as_deref())
            .collect();
        for (number, outputs) in outputs(&self.inputs).unwrap_or_default().iter().enumerate() {
            let live = self.stacks.get(&number).and_then(Reading::read);
            for (name, value) in outputs {
                let id = live.and_then(|stack| stack.outputs.get(name).map(String::as_str));
                let id = id.or(key.filter(|_| number == 0 && name == KEY_ID));
                if let Some(id) = id.filter(|_| made_up.contains(&value.as_str())) {
                    self.keys.insert(value.clone(), id.to_owned());
                }
            }
        }
    }
}

/// Returns whether the dev stack's template names a role, a bucket, or a pipeline of a stack that
/// is not deployed. Such a stack should be deployed.
fn is_named(local: &[Resolved], number: usize, dev: &str) -> bool {
    const NAMED: [&str; 3] = [
        "AWS::IAM::Role",
        "AWS::S3::Bucket",
        "AWS::CodePipeline::Pipeline",
    ];
    let resources = local.iter().filter(|one| one.stack == number);
    let mut names = resources
        .filter(|one| NAMED.contains(&one.kind.as_str()))
        .filter_map(|one| match one.kind.as_str() {
            "AWS::IAM::Role" => one.arn.as_ref(),
            _ => one.name.as_ref(),
        });
    names.any(|name| dev.contains(&format!("\"{name}\"")))
}

/// Returns the organization that policies name.
fn organization(resources: &[Resolved]) -> Option<String> {
    fn find(value: &Json) -> Option<String> {
        match value {
            Json::Object(members) => members.iter().find_map(|(key, value)| {
                if !key.eq_ignore_ascii_case("aws:PrincipalOrgID") {
                    return find(value);
                }
                let value = value.get(0).unwrap_or(value);
                value.as_str().map(str::to_owned)
            }),
            Json::Array(items) => items.iter().find_map(find),
            _ => None,
        }
    }
    resources.iter().find_map(|one| find(&one.properties))
}
