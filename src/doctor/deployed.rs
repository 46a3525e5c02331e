//! The deployed state: the templates that the stacks were deployed from, with their parameters, as
//! the reference of a diagnosis. The configuration may have changed since.

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

/// A stack of this status has a change set, and no template yet.
const REVIEWING: &str = "REVIEW_IN_PROGRESS";
/// What a template grants to a deploy role that copies the tags of the source object.
const COPIES_TAGS: &str = "s3:PutObjectTagging";

/// A stack that may be deployed.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// Where it is, or would be.
    pub place: Place,
    /// Whether it is a target's; otherwise it is of the dev account's side.
    pub is_target: bool,
    /// Whether its template serves several instances.
    pub is_generic: bool,
    /// The template of the configuration; `None`: the configuration has no such stack, and only the
    /// outputs file names it.
    pub local: Option<Source>,
    /// What was read of it; `None`: nobody looks into its account.
    pub found: Option<ReadStack>,
}

/// A stack as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReadStack {
    pub stack: Reading<Stack>,
    /// The text of the template that it was deployed from.
    pub template: Reading<String>,
    /// Whether this template means the same as the one of the configuration.
    pub is_same: bool,
}

/// The deployed state, as far as it could be read.
#[derive(Debug, Clone)]
pub(crate) struct Deployed {
    /// The deployed templates as the proof takes them: the dev stack's first.
    pub inputs: Inputs,
    /// The resources of these templates.
    pub resources: Vec<Resolved>,
    /// The stacks of these templates: every instance of the inputs, in order.
    pub places: Vec<Place>,
    /// What was read of the stacks, by their numbers.
    pub stacks: BTreeMap<usize, Reading<Stack>>,
    /// Stacks that are no part of the deployed state: configured and not deployed yet, or deployed
    /// and of another pipeline.
    pub others: Vec<Place>,
    /// Templates that could not be read.
    pub unread: Vec<Unread>,
    /// The IDs of keys, by those that the proof makes up.
    pub keys: BTreeMap<String, String>,
}

impl Candidate {
    fn read(&self) -> Option<&Stack> {
        let stack = self.found.as_ref()?.stack.read()?;
        (stack.status != REVIEWING).then_some(stack)
    }

    /// Whether AWS says that it is not deployed.
    fn is_absent(&self) -> bool {
        let found = self.found.as_ref();
        found.is_some_and(|found| found.stack.refusal().is_none()) && self.read().is_none()
    }

    fn is_dev(&self) -> bool {
        self.read().is_some_and(|stack| {
            stack.outputs.contains_key(SERVICE_ROLE_ARN) && stack.outputs.contains_key(KEY_ID)
        })
    }

    /// The template that it was deployed from, and how it relates to the configuration's; of one that
    /// cannot be read the configuration's.
    fn reference(&self, unread: &mut Vec<Unread>) -> Option<(Source, Reference)> {
        let place = &self.place;
        match self.deployed_template() {
            Reading::Read(template) => return Some(template),
            Reading::Missing => {}
            Reading::Refused(refusal) => {
                let instead = match self.local {
                    Some(_) => "the template of the configuration is used instead",
                    None => "it is left out",
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
    /// Finds the deployed state among the stacks of the configuration, which come first and in the
    /// order of the instances of `base`, and those of the outputs file. `local` are the resources of
    /// the configuration's templates, and `key` the ID of the dev stack's key, where no output has it.
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
        // Least: an attack that a template allows is expected anyway.
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

    /// Whether the configuration is what is deployed, as far as that was read.
    pub(crate) fn is_current(&self) -> bool {
        self.others.is_empty() && !self.places.iter().any(|place| place.reference.differs())
    }

    /// Forgets the keys of existing buckets that the configuration names and no deployed template does:
    /// the deployed roles are not meant to use them yet.
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
            // What a stack took from the dev stack as it is follows from the templates.
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

    /// A stack that is not diagnosed.
    fn other(&mut self, one: &Candidate) {
        let mut place = one.place.clone();
        let what = format!("stack {}, which .s3ferry/outputs.json names", place.stack);
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
                let reason = "no profile of the configuration is used for this account";
                self.unread
                    .push(Unread::because(&place.account, what, reason));
                return;
            }
        };
        self.others.push(place);
    }

    /// What the dev stack's template says, in which the names of the other stacks' resources occur.
    fn named_by_dev(&self) -> String {
        let resources = resolved(&self.inputs).unwrap_or_default();
        let properties = resources.iter().map(|one| one.properties.to_string());
        properties.collect()
    }

    /// The made-up IDs of keys stand in outputs, whose live values are the true IDs.
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

/// Whether the dev stack's template names something of a stack that is not deployed, so that it should
/// be: a role, a bucket or a pipeline.
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

/// The organization that policies name.
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
