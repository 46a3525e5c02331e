//! Random pairs of configurations: the first is deployed, the second is to be. At every point of the
//! way, and after a run that ends at any point, the deployed pipeline works. What is deployed is kept
//! here as AWS would keep it, and every state is proven from the templates alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use s3ferry::config::Document;
use s3ferry::deploy::{StackStep, stack_steps};
use s3ferry::lint;
use s3ferry::plan::Plan;
use s3ferry::proof::{self, Inputs, Instance, Known, Stack, Verdict};
use s3ferry::stacks::Side;
use s3ferry::syntax::{Source, read};
use s3ferry::transition::sequence::{self, Sequence};
use s3ferry::transition::{Deployed, Found, Piece};
use serde_json::Value as Json;

const KEY_ID: &str = "DeployKeyId";

/// A small generator of numbers: the same seed gives the same pairs everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % limit as u64).expect("a small number")
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

const KEY: &str = "arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555";

/// One of the values of every option, by its name. A second configuration changes some of them.
type Choices = BTreeMap<&'static str, String>;

fn choose(random: &mut Random) -> Choices {
    let mut choices = Choices::new();
    for name in OPTIONS {
        choices.insert(name, value(random, name));
    }
    choices
}

const OPTIONS: [&str; 24] = [
    "alias",
    "multi",
    "source",
    "object",
    "source_create",
    "artifacts",
    "pipeline",
    "role",
    "detect",
    "boundary",
    "logs",
    "permissions",
    "organization",
    "tags",
    "targets",
    "t.bucket",
    "t.role",
    "t.path",
    "t.extract",
    "t.key",
    "t.approval",
    "t.tagged",
    "t.cache",
    "t.region",
];

fn value(random: &mut Random, name: &str) -> String {
    let values: &[&str] = match name {
        "alias" => &["s3deploykey", "otherkey"],
        "multi" => &["false", "true"],
        "source" => &["input-one", "input-two"],
        "object" => &["site.zip", "other/site.zip"],
        "source_create" => &["true", "true", "true", "false"],
        "artifacts" => &["store-one", "store-two"],
        "pipeline" => &[
            "crossaccountdeploy",
            "site",
            "a-pipeline-with-a-rather-long-name",
        ],
        "role" => &[
            "null",
            "null",
            "arn:aws:iam::111111111111:role/service-role/existing-one",
            "arn:aws:iam::111111111111:role/existing-two",
        ],
        "detect" => &["events", "events", "polling"],
        "boundary" => &["null", "null", "arn:aws:iam::111111111111:policy/boundary"],
        "logs" => &["true", "true", "false"],
        "permissions" => &["least", "least", "article"],
        "organization" => &["null", "null", "o-exampleorg1"],
        "tags" => &["{}", "{team: web}"],
        "targets" => &["one", "two", "other", "many", "regions", "set"],
        "t.bucket" => &["output-one", "output-two"],
        "t.role" => &["prods3role", "otherrole"],
        "t.path" => &["\"\"", "v2/site"],
        "t.extract" => &["true", "true", "false"],
        "t.key" => &["null", "null", KEY],
        "t.approval" | "t.tagged" => &["false", "true"],
        "t.cache" => &["null", "max-age=60"],
        "t.region" => &["us-east-1", "us-east-1", "eu-west-1"],
        _ => unreachable!("{name}"),
    };
    random.pick(values).to_owned()
}

/// The configuration of the choices.
fn config(choices: &Choices) -> String {
    let get = |name: &str| choices[name].as_str();
    let extract = match get("t.extract") {
        "false" => "extract: false, object_key: site.zip",
        _ => "extract: true",
    };
    let settings = |bucket: &str, role: &str| {
        format!(
            "bucket: \"{bucket}\", role: \"{role}\", path: {}, {extract}, approval: {}, tagged_objects: {}, \
             cache_control: {}",
            get("t.path"),
            get("t.approval"),
            get("t.tagged"),
            get("t.cache")
        )
    };
    let (bucket, role) = (get("t.bucket"), get("t.role"));
    let one = format!(
        "  - {{name: prod, account: \"222222222222\", region: {}, {}, encryption_key: {}}}\n",
        get("t.region"),
        settings(bucket, role),
        if get("t.region") == "us-east-1" {
            get("t.key")
        } else {
            "null"
        },
    );
    let other = format!(
        "  - {{name: other, account: \"333333333333\", {}}}\n",
        settings(&format!("other-{bucket}"), role)
    );
    let fleet = |more: &str| {
        format!(
            "  - {{name: fleet, accounts: [\"444444444444\", \"555555555555\"], {}{more}}}\n",
            settings(
                &format!("{bucket}-{{account}}-{{region}}"),
                &format!("{role}-{{region}}")
            )
        )
    };
    let targets = match get("targets") {
        "one" => one,
        "two" => one + &other,
        "other" => other,
        "many" => one + &fleet(""),
        "regions" => fleet(", regions: [us-east-1, sa-east-1]"),
        _ => fleet(", stack_set: {}"),
    };
    format!(
        "dev:\n  account: \"111111111111\"\n  key: {{alias: {}, multi_region: {}}}\n  source: {{bucket: {}, \
         object_key: {}, create: {}, detect_changes: {}}}\n  artifacts: {{bucket: {}}}\n  pipeline: {{name: {}, \
         service_role: {}}}\n  permissions_boundary: {}\n  access_logs: {}\npermissions: {}\norganization: \
         {}\ntags: {}\ntargets:\n{targets}",
        get("alias"),
        get("multi"),
        get("source"),
        get("object"),
        get("source_create"),
        get("detect"),
        get("artifacts"),
        get("pipeline"),
        get("role"),
        get("boundary"),
        get("logs"),
        get("permissions"),
        get("organization"),
        get("tags"),
    )
}

/// The plan of a configuration; `None` when it is not a valid one.
fn plan(text: &str) -> Option<Plan> {
    let document = Document::read(Source::new("s3ferry.yaml", text)).ok()?;
    document.check().ok()?;
    let mut plan = Plan::new(&document.config).ok()?;
    // Stacks keep their names when the pipeline gets another one.
    plan.set_stack_prefix("site");
    Some(plan)
}

/// A stack as AWS keeps it.
#[derive(Clone)]
struct Kept {
    step: StackStep,
    instances: Vec<(String, String)>,
    text: Arc<str>,
    parameters: BTreeMap<String, String>,
}

/// All deployed stacks, by account, region and name.
#[derive(Clone, Default)]
struct Aws {
    stacks: BTreeMap<(String, String, String), Kept>,
    /// IDs of the dev account's keys, by logical ID.
    keys: BTreeMap<String, String>,
    next_key: u32,
}

fn id(step: &StackStep) -> (String, String, String) {
    (
        step.account.clone(),
        step.region.clone(),
        step.stack.clone(),
    )
}

fn json(text: &str) -> Json {
    read(&Source::new("template", text))
        .expect("a template")
        .to_json()
}

fn resources(template: &Json) -> impl Iterator<Item = (&String, &Json)> {
    template["Resources"].as_object().expect("resources").iter()
}

impl Aws {
    fn outputs(&self, template: &Json) -> BTreeMap<String, String> {
        let outputs = template["Outputs"].as_object().into_iter().flatten();
        outputs
            .filter_map(|(name, output)| {
                let key = self.keys.get(output["Value"]["Ref"].as_str()?)?;
                Some((name.clone(), key.clone()))
            })
            .collect()
    }

    fn dev(&self) -> Option<&Kept> {
        self.stacks
            .values()
            .find(|kept| kept.step.side == Side::Dev)
    }

    fn key(&self) -> String {
        let dev = self.dev().expect("dev is deployed");
        self.outputs(&json(&dev.text))[KEY_ID].clone()
    }

    /// Gives a stack a template, as CloudFormation does.
    fn put(&mut self, plan: &Plan, step: &StackStep) {
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
        let instances = match step.side {
            Side::Target(number) if step.stack_set => (plan.targets[number].instances.iter())
                .map(|one| (one.account.clone(), one.region.clone()))
                .collect(),
            _ => vec![(step.account.clone(), step.region.clone())],
        };
        let kept = Kept {
            step: step.clone(),
            instances,
            text: step.template.text.yaml.as_str().into(),
            parameters,
        };
        self.stacks.insert(id(step), kept);
    }

    /// What AWS would refuse: a trust policy that names a role that does not exist, and a name that
    /// is taken.
    fn refuse(&self, step: &StackStep, before: Option<&Json>, after: &Json) {
        if step.is_target() {
            let trust = after.to_string();
            let dev = self.dev().expect("dev is deployed").text.clone();
            for part in trust.split("AWSCodePipelineServiceRole-").skip(1) {
                let name = part.split('"').next().expect("a name");
                let role = format!("AWSCodePipelineServiceRole-{name}");
                assert!(
                    dev.contains(&format!("RoleName: {role}")),
                    "{} trusts {role}, which does not exist",
                    step.stack
                );
            }
        }
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
            // Whatever would be replaced is still used by the old pipeline.
            let kind = &resource["Type"];
            let replaces = old.is_some_and(|old| old["Type"] == *kind);
            assert!(
                !replaces || (kind != "AWS::S3::Bucket" && kind != "AWS::IAM::Role"),
                "{}: {logical} is replaced",
                step.stack
            );
        }
    }

    fn stacks(&self) -> Vec<&Kept> {
        let mut all: Vec<&Kept> = self.stacks.values().collect();
        all.sort_by_key(|kept| kept.step.side != Side::Dev);
        all
    }

    /// The verdicts of all calls of the deployed pipeline that are not allowed.
    fn faults(&self, plan: &Plan) -> BTreeMap<String, bool> {
        let mut inputs = Inputs::base(plan);
        inputs.allow_unused = true;
        inputs.expand = true;
        for kept in self.stacks() {
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
                source: Source::new(kept.step.stack.clone(), kept.text.to_string()),
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
        assert!(!proof.calls.is_empty(), "there is a pipeline");
        assert!(proof.obstacles.is_empty(), "{:?}", proof.obstacles);
        (proof.calls.iter())
            .filter(|(decided, _)| {
                !matches!(decided.verdict, Verdict::Allowed | Verdict::NotGranted)
            })
            .map(|(decided, _)| (decided.call.id.clone(), decided.verdict == Verdict::Denied))
            .collect()
    }

    fn pieces(&self, steps: &[StackStep], plan: &Plan) -> Vec<Piece> {
        let key = self.key();
        (steps.iter())
            .map(|step| Piece {
                name: step.template.name.clone(),
                side: step.side.clone(),
                instances: match step.side {
                    Side::Target(number) if step.stack_set => {
                        (plan.targets[number].instances.iter())
                            .map(|one| (one.account.clone(), one.region.clone()))
                            .collect()
                    }
                    _ => vec![(step.account.clone(), step.region.clone())],
                },
                is_set: step.stack_set,
                found: match self.stacks.get(&id(step)) {
                    None => Found::Absent,
                    Some(kept) => {
                        let outputs = match step.side {
                            Side::Dev => self.outputs(&json(&kept.text)),
                            _ => BTreeMap::new(),
                        };
                        let found = Deployed::read(
                            &step.stack,
                            &kept.text,
                            kept.parameters.clone(),
                            outputs,
                        );
                        Found::Deployed(Box::new(found.expect("one of ours")))
                    }
                },
                new: Arc::clone(step.template.model()),
                is_selected: true,
                key: (step.side != Side::Dev).then(|| key.clone()),
            })
            .collect()
    }
}

/// The name by which AWS knows a resource.
fn physical(resource: &Json) -> Option<(String, String)> {
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

/// A transitional template passes the rules that every template passes.
fn lint(plan: &Plan, text: &str, what: &str) {
    let source = Source::new("transitional.yaml", text);
    let node = lint::read_template(&source).expect("a template");
    let mut reports = lint::check(&lint::embedded(), &[(&source, &node)]).expect("linted");
    for report in &mut reports {
        report.add(lint::quotas::findings(&source, &node, &plan.quotas));
        let errors: Vec<_> = (report.findings.iter())
            .map(|finding| format!("{finding:?}"))
            .collect();
        assert!(!report.has_errors(), "{what}\n{errors:#?}\n{text}");
    }
}

fn first(plan: &Plan) -> Aws {
    let mut aws = Aws::default();
    for step in stack_steps(plan) {
        aws.put(plan, &step);
    }
    aws
}

fn sequence(aws: &Aws, plan: &Plan) -> (Vec<StackStep>, Sequence) {
    let steps = stack_steps(plan);
    let mut pieces = aws.pieces(&steps, plan);
    let others = aws.stacks.values();
    pieces.extend(
        others
            .filter(|kept| !steps.iter().any(|step| id(step) == id(&kept.step)))
            .map(|kept| {
                let found = Deployed::read(
                    &kept.step.stack,
                    &kept.text,
                    kept.parameters.clone(),
                    BTreeMap::new(),
                );
                let found = found.expect("one of ours");
                Piece {
                    name: kept.step.template.name.clone(),
                    side: kept.step.side.clone(),
                    instances: kept.instances.clone(),
                    is_set: kept.step.stack_set,
                    new: Arc::new(found.template.clone()),
                    found: Found::Deployed(Box::new(found)),
                    is_selected: false,
                    key: None,
                }
            }),
    );
    let sequence = sequence::plan(plan, &pieces, false).unwrap_or_else(|why| panic!("{why}"));
    (steps, sequence)
}

/// Takes steps of a transition until the end or until `stop` of them; every state must work.
fn take(
    aws: &mut Aws,
    plan: &Plan,
    stop: usize,
    known: &BTreeMap<String, bool>,
    what: &str,
) -> bool {
    let (steps, sequence) = sequence(aws, plan);
    if !sequence.conflicts.is_empty() {
        return false;
    }
    assert!(sequence.breaks.is_empty(), "{what}\n{:#?}", sequence.breaks);
    assert!(sequence.held.is_empty() && !sequence.dev_waits, "{what}");
    for (number, one) in sequence.moves.iter().take(stop).enumerate() {
        if one.version.is_transitional() {
            lint(plan, &one.template.to_yaml(), what);
        }
        aws.put(plan, &steps[one.piece].with_template(&one.template));
        let faults = aws.faults(plan);
        let new: Vec<_> = (faults.iter())
            .filter(|(id, is_denied)| **is_denied || !known.contains_key(*id))
            .collect();
        assert!(
            new.is_empty(),
            "{what}\nafter step {number} ({} {:?}): {new:?}",
            steps[one.piece].stack,
            one.version
        );
    }
    true
}

/// Whether the pair was not refused.
fn holds(random: &mut Random) -> Option<bool> {
    let old_choices = choose(random);
    let mut new_choices = old_choices.clone();
    let changes = 1 + random.below(4);
    for _ in 0..changes {
        let name = OPTIONS[random.below(OPTIONS.len())];
        new_choices.insert(name, value(random, name));
    }
    let (old_text, new_text) = (config(&old_choices), config(&new_choices));
    let (old, new) = (plan(&old_text)?, plan(&new_text)?);
    let mut third_choices = new_choices.clone();
    let name = OPTIONS[random.below(OPTIONS.len())];
    third_choices.insert(name, value(random, name));
    let third = plan(&config(&third_choices));
    let what = format!("{old_text}\n=>\n{new_text}");
    let deployed = first(&old);
    let target = first(&new);
    let mut known = deployed.faults(&new);
    assert!(
        known.values().all(|is_denied| !is_denied),
        "{what}\nbefore: {known:?}"
    );
    known.extend(target.faults(&new));

    let mut whole = deployed.clone();
    if !take(&mut whole, &new, usize::MAX, &known, &what) {
        return Some(false);
    }
    // Nothing is left to do, and nothing that only the old configuration needed is left.
    let (steps, again) = sequence(&whole, &new);
    for (piece, step) in whole.pieces(&steps, &new).iter().zip(&steps) {
        assert!(
            !piece.changes(),
            "{what}\n{} is not as configured",
            step.stack
        );
        let own = step.template.text.yaml.clone();
        assert!(
            step.comparison(&whole.stacks[&id(step)].text).is_same(),
            "{what}\n{own}"
        );
    }
    assert!(again.leaving.is_empty(), "{what}\n{:?}", again.leaving);

    // A run that ends at some point is run again, perhaps with yet another configuration.
    let count = sequence(&deployed, &new).1.moves.len();
    let stop = random.below(count.max(1));
    let mut killed = deployed.clone();
    take(&mut killed, &new, stop, &known, &what);
    let next = third.filter(|_| random.chance(50)).unwrap_or(new);
    known.extend(first(&next).faults(&next));
    known.extend(
        killed
            .faults(&next)
            .into_iter()
            .filter(|(_, is_denied)| !is_denied),
    );
    let what = format!(
        "{what}\nstopped after {stop} of {count}, then\n{}",
        config(&third_choices)
    );
    let resumed = take(&mut killed, &next, usize::MAX, &known, &what);
    Some(resumed)
}

/// Tries as many valid pairs; how many were refused.
fn pairs(seed: u64, number: usize) -> usize {
    let mut random = Random(seed);
    let (mut tried, mut refused) = (0, 0);
    while tried < number {
        match holds(&mut random) {
            None => {}
            Some(true) => tried += 1,
            Some(false) => {
                tried += 1;
                refused += 1;
            }
        }
    }
    refused
}

#[test]
fn a_pipeline_works_at_every_point_of_a_change() {
    let number = std::env::var("S3FERRY_PAIRS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(200);
    let seed: u64 = std::env::var("S3FERRY_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let threads = 4;
    let refused: usize = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads)
            .map(|thread| {
                let seed = (seed * 1000 + thread as u64) * 7919 + 17;
                scope.spawn(move || pairs(seed, number / threads))
            })
            .collect();
        all.into_iter()
            .map(|one| one.join().expect("the property holds"))
            .sum()
    });
    // A target moved to another region needs names that its old stack has.
    assert!(
        refused * 10 < number,
        "{refused} of {number} pairs are refused"
    );
}
