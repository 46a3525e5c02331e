//! A model of the deployed stacks in AWS.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use s3ferry::deploy::StackStep;
use s3ferry::diagnostic::{Source, read};
use s3ferry::plan::Plan;
use s3ferry::proof::{self, Inputs, Known, Stack, Verdict};
use s3ferry::run::Instance;
use s3ferry::stacks::Side;
use s3ferry::transition::{Deployed, Found, Piece, SetInstances};
use serde_json::Value as Json;

pub(super) const KEY_ID: &str = "DeployKeyId";

/// A deployed stack.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) step: StackStep,
    pub(super) instances: Vec<(String, String)>,
    pub(super) text: Arc<str>,
    pub(super) parameters: BTreeMap<String, String>,
}

/// All deployed stacks, by account, region, and name.
#[derive(Clone, Default)]
pub(super) struct Aws {
    pub(super) stacks: BTreeMap<(String, String, String), Kept>,
    /// The IDs of the keys in the dev account, by logical ID.
    keys: BTreeMap<String, String>,
    next_key: u32,
}

pub(super) fn id(step: &StackStep) -> (String, String, String) {
    (
        step.account.to_string(),
        step.region.to_string(),
        step.stack.clone(),
    )
}

pub(super) fn json(text: &str) -> Json {
    read(&Source::new("template", text))
        .expect("a template")
        .to_json()
}

pub(super) fn resources(template: &Json) -> impl Iterator<Item = (&String, &Json)> {
    template["Resources"].as_object().expect("resources").iter()
}

impl Aws {
    pub(super) fn outputs(&self, template: &Json) -> BTreeMap<String, String> {
        let outputs = template["Outputs"].as_object().into_iter().flatten();
        outputs
            .filter_map(|(name, output)| {
                let key = self.keys.get(output["Value"]["Ref"].as_str()?)?;
                Some((name.clone(), key.clone()))
            })
            .collect()
    }

    pub(super) fn dev(&self) -> Option<&Kept> {
        self.stacks
            .values()
            .find(|kept| kept.step.side == Side::Dev)
    }

    pub(super) fn key(&self) -> String {
        let dev = self.dev().expect("dev is deployed");
        self.outputs(&json(&dev.text))[KEY_ID].clone()
    }

    /// Deploys a template to a stack, as CloudFormation does. With `keeps_instances`, a stack set
    /// loses no instance.
    pub(super) fn put(&mut self, plan: &Plan, step: &StackStep, keeps_instances: bool) {
        let template = json(&step.template.text.yaml);
        let before = self.stacks.get(&id(step)).map(|kept| json(&kept.text));
        self.refuse(step, before.as_ref(), &template);
        if step.side == Side::Dev {
            let is_key = |resource: &Json| resource["Type"] == "AWS::KMS::Key";
            let ids: BTreeSet<String> = resources(&template)
                .filter(|(_, resource)| is_key(resource))
                .map(|(id, _)| id.clone())
                .collect();
            self.keys.retain(|id, _| ids.contains(id));
            for id in ids {
                self.next_key += 1;
                let number = self.next_key;
                self.keys
                    .entry(id.clone())
                    .or_insert_with(|| match id.starts_with("Multi") {
                        true => format!("mrk-{number:032x}"),
                        false => format!("{number:08x}-1111-4222-8333-444444444444"),
                    });
            }
        }
        let mut parameters = BTreeMap::new();
        if step.side == Side::Dev {
            parameters.insert("CreatePipeline".to_owned(), "true".to_owned());
        } else {
            parameters.insert(KEY_ID.to_owned(), self.key());
        }
        let mut instances = instances(plan, step);
        if let Some(before) = self.stacks.get(&id(step)).filter(|_| keeps_instances) {
            instances.extend(before.instances.clone());
            instances.sort();
            instances.dedup();
        }
        let kept = Kept {
            step: step.clone(),
            instances,
            text: step.template.text.yaml.as_str().into(),
            parameters,
        };
        self.stacks.insert(id(step), kept);
    }

    /// Returns whether a target trusts a service role that does not exist.
    pub(super) fn lacks_role(&self, step: &StackStep) -> bool {
        let dev = &self
            .dev()
            .map(|dev| Arc::clone(&dev.text))
            .unwrap_or_default();
        let trust = &step.template.text.json;
        let mut names = trust.split("AWSCodePipelineServiceRole-").skip(1);
        step.is_target()
            && names.any(|part| {
                let name = part.split('"').next().unwrap_or_default();
                !dev.contains(&format!("RoleName: AWSCodePipelineServiceRole-{name}"))
            })
    }

    /// Returns whether another stack uses the name of one of the step's buckets or roles.
    pub(super) fn has_name_of(&self, plan: &Plan, step: &StackStep) -> bool {
        let taken: BTreeSet<String> = (self.stacks.values())
            .filter(|kept| id(&kept.step) != id(step))
            .flat_map(|kept| exclusive(&json(&kept.text), &kept.instances))
            .collect();
        let wanted = exclusive(&json(&step.template.text.yaml), &instances(plan, step));
        wanted.iter().any(|name| taken.contains(name))
    }

    /// Asserts that AWS accepts the template: the trusted roles exist, and no name is taken.
    pub(super) fn refuse(&self, step: &StackStep, before: Option<&Json>, after: &Json) {
        assert!(
            !self.lacks_role(step),
            "{} trusts a role that does not exist",
            step.stack
        );
        for (logical, resource) in resources(after) {
            let Some(name) = physical(resource) else {
                continue;
            };
            let old = before.map(|before| &before["Resources"][logical]);
            if old.and_then(physical).as_ref() == Some(&name) {
                continue;
            }
            let is_taken = before.is_some_and(|before| {
                resources(before).any(|(_, old)| physical(old).as_ref() == Some(&name))
            });
            assert!(
                !is_taken,
                "{}: {name:?} of {logical} is taken in the stack",
                step.stack
            );
            // The old pipeline still uses each resource that would be replaced.
            let kind = &resource["Type"];
            let replaces = old.is_some_and(|old| old["Type"] == *kind);
            assert!(
                !replaces || (kind != "AWS::S3::Bucket" && kind != "AWS::IAM::Role"),
                "{}: {logical} is replaced",
                step.stack
            );
        }
    }

    pub(super) fn stacks(&self) -> Vec<&Kept> {
        let mut all: Vec<&Kept> = self.stacks.values().collect();
        all.sort_by_key(|kept| kept.step.side != Side::Dev);
        all
    }

    /// Returns the stacks of the pipelines that the pipeline in the dev stack starts, directly or
    /// indirectly.
    fn started(&self) -> BTreeSet<(String, String, String)> {
        let is_pipeline = |kept: &&Kept| matches!(kept.step.side, Side::Pipeline(_));
        let mut found = BTreeSet::new();
        let mut texts: Vec<Arc<str>> = self
            .dev()
            .map(|dev| Arc::clone(&dev.text))
            .into_iter()
            .collect();
        while let Some(text) = texts.pop() {
            for kept in self.stacks.values().filter(is_pipeline) {
                let template = json(&kept.text);
                let mut all = resources(&template).map(|(_, resource)| resource);
                let pipeline = all.find(|one| one["Type"] == "AWS::CodePipeline::Pipeline");
                let pipeline = pipeline.expect("a pipeline");
                let name = pipeline["Properties"]["Name"].as_str().expect("a name");
                let is_started = text.contains(&format!("PipelineName: {name}\n"));
                if is_started && found.insert(id(&kept.step)) {
                    texts.push(Arc::clone(&kept.text));
                }
            }
        }
        found
    }

    /// Returns all calls of the deployed pipeline that are not allowed, and whether they are
    /// denied.
    pub(super) fn faults(&self, plan: &Plan) -> BTreeMap<String, bool> {
        let mut inputs = Inputs::base(plan);
        inputs.allow_unused = true;
        inputs.expand = true;
        let started = self.started();
        for kept in self.stacks() {
            let is_pipeline = matches!(kept.step.side, Side::Pipeline(_));
            if is_pipeline && !started.contains(&id(&kept.step)) {
                continue;
            }
            inputs.stacks.push(Stack {
                name: kept.step.stack.clone(),
                is_target: kept.step.is_target(),
                is_generic: true,
                tagged_objects: false,
                instances: (kept.instances.iter())
                    .map(|(account, region)| {
                        Arc::new(Instance {
                            account: account.clone(),
                            region: region.clone(),
                        })
                    })
                    .collect(),
                template: Source::new(kept.step.stack.clone(), kept.text.to_string()).into(),
                known: Known {
                    parameters: kept.parameters.clone().into_iter().collect(),
                    key_ids: match kept.step.side {
                        Side::Dev => self.keys.clone().into_iter().collect(),
                        _ => Vec::new(),
                    },
                },
            });
        }
        let proof = proof::prove(&inputs).unwrap_or_else(|errors| {
            panic!(
                "{:?}",
                errors.iter().map(ToString::to_string).collect::<Vec<_>>()
            )
        });
        assert!(!proof.calls.is_empty(), "there is no pipeline");
        assert!(proof.obstacles.is_empty(), "{:?}", proof.obstacles);
        (proof.calls.iter())
            .filter(|(decided, _)| {
                !matches!(decided.verdict, Verdict::Allowed | Verdict::NotGranted)
            })
            .map(|(decided, _)| (decided.call.id.clone(), decided.verdict == Verdict::Denied))
            .collect()
    }

    pub(super) fn pieces(&self, steps: &[StackStep], plan: &Plan) -> Vec<Piece> {
        let key = self.key();
        (steps.iter())
            .map(|step| {
                let found = self.stacks.get(&id(step)).map(|kept| {
                    let outputs = match step.side {
                        Side::Dev => self.outputs(&json(&kept.text)),
                        _ => BTreeMap::new(),
                    };
                    let parameters = kept.parameters.clone();
                    let found = Deployed::read(&step.stack, &kept.text, parameters, outputs);
                    let mut found = found.expect("a generated template");
                    found.set = step.stack_set.then(|| set_instances(plan, step, kept));
                    found
                });
                let follows = found.as_ref().and_then(|one| step.follow(&one.template));
                Piece {
                    name: step.template.name.clone(),
                    side: step.side.clone(),
                    instances: instances(plan, step),
                    is_set: step.stack_set,
                    new: Arc::clone(follows.as_ref().unwrap_or(step).template.model()),
                    found: found.map_or(Found::Absent, |one| Found::Deployed(Box::new(one))),
                    is_selected: true,
                    is_removed: false,
                    key: (step.side != Side::Dev).then(|| key.clone()),
                }
            })
            .collect()
    }
}

/// Returns the names of the template's buckets and roles, which no other stack can use.
fn exclusive(template: &Json, places: &[(String, String)]) -> Vec<String> {
    let names: Vec<(String, String)> = resources(template)
        .filter_map(|(_, resource)| physical(resource))
        .filter(|(kind, _)| ["AWS::S3::Bucket", "AWS::IAM::Role"].contains(&kind.as_str()))
        .collect();
    let mut found = Vec::new();
    for (account, region) in places {
        for (kind, name) in &names {
            let name = name
                .replace("${AWS::AccountId}", account)
                .replace("${AWS::Region}", region);
            // A name is text or an `Fn::Sub` function.
            let name = name.replace("{\"Fn::Sub\":", "").replace('}', "");
            let owner = if kind == "AWS::IAM::Role" {
                account
            } else {
                ""
            };
            found.push(format!("{kind} {owner} {name}"));
        }
    }
    found
}

/// Returns the accounts and regions of a stack or stack set in the configuration.
pub(super) fn instances(plan: &Plan, step: &StackStep) -> Vec<(String, String)> {
    match step.side {
        Side::Target(number) if step.stack_set => (plan.targets[number].instances.iter())
            .map(|one| (one.account.to_string(), one.region.to_string()))
            .collect(),
        _ => vec![(step.account.to_string(), step.region.to_string())],
    }
}

pub(super) fn set_instances(plan: &Plan, step: &StackStep, kept: &Kept) -> SetInstances {
    let new = instances(plan, step);
    let leaves = |place: &&(String, String)| !new.contains(place);
    SetInstances {
        existing: kept.instances.clone(),
        leaving: kept.instances.iter().filter(leaves).cloned().collect(),
        are_current: true,
    }
}

/// Returns the name of a resource in AWS.
pub(super) fn physical(resource: &Json) -> Option<(String, String)> {
    let property = match resource["Type"].as_str()? {
        "AWS::S3::Bucket" => "BucketName",
        "AWS::IAM::Role" => "RoleName",
        "AWS::IAM::ManagedPolicy" => "ManagedPolicyName",
        "AWS::KMS::Alias" => "AliasName",
        "AWS::CodePipeline::Pipeline" | "AWS::Events::Rule" => "Name",
        _ => return None,
    };
    let name = &resource["Properties"][property];
    Some((resource["Type"].as_str()?.to_owned(), name.to_string()))
}
