//! Random pairs of configurations: the first is deployed, and the second replaces it. The deployed
//! pipeline works at each point of the transition, even if a run ends at that point. The tests keep
//! the deployed state in a model of AWS, and prove each state from the templates alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use s3ferry::deploy::{StackStep, stack_steps};
use s3ferry::diagnostic::Source;
use s3ferry::lint;
use s3ferry::plan::Plan;
use s3ferry::stacks::Side;
use s3ferry::template;
use s3ferry::transition::sequence::{self, Sequence, Version};
use s3ferry::transition::{Deployed, Found, Piece};

mod aws;
mod configurations;

use aws::{Aws, id};
use configurations::{OPTIONS, Random, choose, config, plan, value};

/// Asserts that a transitional template passes the rules for all templates.
fn lint(plan: &Plan, text: &str, what: &str) {
    let source = Source::new("transitional.yaml", text);
    let node = template::read_template(&source).expect("a template");
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
        aws.put(plan, &step, false);
    }
    aws
}

/// Returns the pieces of a plan, and the stacks that it no longer contains.
fn all_pieces(aws: &Aws, steps: &[StackStep], plan: &Plan) -> Vec<Piece> {
    let mut pieces = aws.pieces(steps, plan);
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
                let found = found.expect("a generated template");
                Piece {
                    name: kept.step.template.name.clone(),
                    side: kept.step.side.clone(),
                    instances: kept.instances.clone(),
                    is_set: kept.step.stack_set,
                    new: Arc::new(found.template.clone()),
                    found: Found::Deployed(Box::new(found)),
                    is_selected: false,
                    is_removed: true,
                    key: None,
                }
            }),
    );
    pieces
}

fn sequence(aws: &Aws, plan: &Plan, what: &str) -> (Vec<StackStep>, Sequence) {
    let steps = stack_steps(plan);
    let pieces = all_pieces(aws, &steps, plan);
    let sequence =
        sequence::plan(plan, &pieces, false).unwrap_or_else(|why| panic!("{what}\n{why}"));
    (steps, sequence)
}

/// Takes the steps of a transition, at most `stop` of them. The pipeline must work in each state.
fn take(
    aws: &mut Aws,
    plan: &Plan,
    stop: usize,
    known: &BTreeMap<String, bool>,
    what: &str,
) -> bool {
    let (steps, sequence) = sequence(aws, plan, what);
    if !sequence.conflicts.is_empty() {
        return false;
    }
    assert!(sequence.breaks.is_empty(), "{what}\n{:#?}", sequence.breaks);
    assert!(sequence.held.is_empty() && !sequence.dev_waits, "{what}");
    for (number, one) in sequence.moves.iter().take(stop).enumerate() {
        if one.version.is_transitional() {
            lint(plan, &one.template.to_yaml(), what);
        }
        let step = steps[one.piece].with_template(&one.template);
        assert!(
            !aws.lacks_role(&step),
            "{what}\nstep {number}: {} {:?} trusts a role that does not exist",
            step.stack,
            one.version
        );
        aws.put(plan, &step, one.version == Version::Both);
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

/// Tests a random pair. Returns whether the transition was accepted, or `None` if the pair is
/// invalid.
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
    // Nothing is left to do, and nothing remains that only the old configuration needed.
    let (steps, again) = sequence(&whole, &new, &what);
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

    // A run ends at some point. The next run resumes, possibly with a third configuration.
    let count = sequence(&deployed, &new, &what).1.moves.len();
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

/// Tests a random pair whose accounts are deployed one at a time, in any order, by their owners.
/// Returns whether the transition was completed, `Some(false)` if it was rejected, or `None` if the
/// pair is invalid.
fn holds_by_account(random: &mut Random) -> Option<bool> {
    let old_choices = choose(random);
    let mut new_choices = old_choices.clone();
    for _ in 0..1 + random.below(3) {
        let name = OPTIONS[random.below(OPTIONS.len())];
        new_choices.insert(name, value(random, name));
    }
    let (old_text, new_text) = (config(&old_choices), config(&new_choices));
    let (old, new) = (plan(&old_text)?, plan(&new_text)?);
    let sees_all = random.chance(50);
    let what = format!("{old_text}\n=>\n{new_text}\nsees all accounts: {sees_all}");
    let mut aws = first(&old);
    let mut known = aws.faults(&new);
    known.extend(first(&new).faults(&new));
    let mut accounts: Vec<String> = stack_steps(&new)
        .iter()
        .map(|step| step.account.to_string())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let mut way = Vec::new();
    let mut records = Records::default();
    for step in stack_steps(&old) {
        records.insert(id(&step), (step.configured.clone(), aws.key()));
    }
    for _ in 0..6 {
        let first = random.below(accounts.len());
        accounts.rotate_left(first);
        for account in &accounts {
            let own = Run {
                plan: &new,
                account,
                sees_all,
                known: &known,
                what: &what,
            };
            match own.deploy(&mut aws, &mut records, &mut way) {
                Ok(()) => {}
                Err(Refused::ForNow) => way.push(format!("{account} waits")),
                Err(Refused::Conflict) => return Some(false),
            }
        }
        let steps = stack_steps(&new);
        let is_done = |piece: &Piece| matches!(piece.found, Found::Deployed(_)) && !piece.changes();
        if aws.pieces(&steps, &new).iter().all(is_done) {
            return Some(true);
        }
    }
    panic!("{what}\nnever arrives: {way:#?}");
}

/// The digest of the last deployed template, and the key, of each stack.
type Records = BTreeMap<(String, String, String), (String, String)>;

/// The reason that a run changes nothing.
enum Refused {
    /// Another account must be deployed first.
    ForNow,
    /// Another stack uses the name.
    Conflict,
}

/// A deployment of one account.
struct Run<'r> {
    plan: &'r Plan,
    account: &'r str,
    /// Whether the run can read the stacks of the other accounts.
    sees_all: bool,
    known: &'r BTreeMap<String, bool>,
    what: &'r str,
}

impl Run<'_> {
    fn deploy(
        &self,
        aws: &mut Aws,
        records: &mut Records,
        way: &mut Vec<String>,
    ) -> Result<(), Refused> {
        let steps = stack_steps(self.plan);
        let mut pieces = all_pieces(aws, &steps, self.plan);
        let sees_dev = steps[0].account == self.account;
        for (number, piece) in pieces.iter_mut().enumerate() {
            let Some(step) = steps.get(number) else {
                continue;
            };
            piece.is_selected = step.account == self.account;
            if !piece.is_selected && !self.sees_all {
                // With access to dev, the key is known.
                let has_key = |key: &String| !sees_dev || *key == aws.key();
                let is_recorded = records
                    .get(&id(step))
                    .is_some_and(|(digest, key)| *digest == step.configured && has_key(key));
                piece.found = Found::Unknown { is_recorded };
            }
        }
        if !self.sees_all {
            // The account lists only its own stacks that the configuration no longer contains.
            pieces.retain(|piece| {
                let is_own = |(account, _): &(String, String)| account == self.account;
                !matches!(piece.side, Side::Target(usize::MAX))
                    || piece.instances.iter().any(is_own)
            });
        }
        let is_own = |piece: &&Piece| piece.is_selected;
        if !pieces.iter().filter(is_own).any(Piece::changes) {
            // No deployed stack changes. A stack that is not deployed yet does not belong to the
            // pipeline.
            for (piece, step) in pieces.iter().zip(&steps) {
                if !piece.is_selected || !matches!(piece.found, Found::Absent) {
                    continue;
                }
                if aws.lacks_role(step) {
                    return Err(Refused::ForNow);
                }
                if aws.has_name_of(self.plan, step) {
                    return Err(Refused::Conflict);
                }
                self.step(aws, step, Version::New, way);
                records.insert(id(step), (step.configured.clone(), aws.key()));
            }
            return Ok(());
        }
        let sequence = sequence::plan(self.plan, &pieces, false)
            .unwrap_or_else(|why| panic!("{}\n{why}", self.what));
        if !sequence.conflicts.is_empty() {
            return Err(Refused::Conflict);
        }
        // AWS rejects a trust policy that names a role that does not exist. A run that deploys dev
        // creates the role first.
        let makes_role = pieces
            .iter()
            .any(|piece| piece.is_selected && piece.side == Side::Dev);
        let lacks_role = |piece: usize| !makes_role && aws.lacks_role(&steps[piece]);
        if sequence.needs_dev
            || !sequence.breaks.is_empty()
            || sequence.moves.iter().any(|one| lacks_role(one.piece))
        {
            return Err(Refused::ForNow);
        }
        for piece in &sequence.ready {
            let step = &steps[*piece];
            records.insert(id(step), (step.configured.clone(), aws.key()));
        }
        for one in &sequence.moves {
            let step = steps[one.piece].with_template(&one.template);
            if aws.has_name_of(self.plan, &step) {
                return Err(Refused::Conflict);
            }
            self.step(aws, &step, one.version, way);
            if step.side != Side::Dev || one.version != Version::Both {
                records.insert(id(&step), (step.configured.clone(), aws.key()));
            }
        }
        Ok(())
    }

    /// Takes a step, and proves the pipeline.
    fn step(&self, aws: &mut Aws, step: &StackStep, version: Version, way: &mut Vec<String>) {
        way.push(format!("{} {version:?}", step.stack));
        aws.put(self.plan, step, version == Version::Both);
        let faults = aws.faults(self.plan);
        let new: Vec<_> = (faults.iter())
            .filter(|(id, is_denied)| **is_denied || !self.known.contains_key(*id))
            .collect();
        assert!(new.is_empty(), "{}\nafter {way:#?}: {new:?}", self.what);
    }
}

/// Tests this number of valid pairs, and returns how many were rejected.
fn pairs(seed: u64, number: usize, holds: fn(&mut Random) -> Option<bool>) -> usize {
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

/// Tests the requested number of pairs in parallel.
fn try_all(default: usize, holds: fn(&mut Random) -> Option<bool>) {
    let number = std::env::var("S3FERRY_PAIRS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default);
    let seed: u64 = std::env::var("S3FERRY_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let threads = 4;
    let refused: usize = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads)
            .map(|thread| {
                let seed = (seed * 1000 + thread as u64) * 7919 + 17;
                scope.spawn(move || pairs(seed, number / threads, holds))
            })
            .collect();
        all.into_iter()
            .map(|one| one.join().expect("the property holds"))
            .sum()
    });
    // Rejected pairs move a target to another region, where it would need names that its old stack
    // uses.
    assert!(
        refused * 10 < number,
        "{refused} of {number} pairs were rejected"
    );
}

#[test]
fn a_pipeline_works_at_every_point_of_a_change() {
    try_all(200, holds);
}

#[test]
fn a_deleted_service_role_is_not_trusted_again_after_an_interruption() {
    let with = |role: &str| {
        let text = format!(
            "dev:\n  account: \"111111111111\"\n  pipeline: {{service_role: {role}}}\ntargets:\n  - {{name: prod, \
             account: \"222222222222\"}}\n"
        );
        plan(&text).expect("a plan")
    };
    let existing = |name: &str| with(&format!("arn:aws:iam::111111111111:role/{name}"));
    let (old, new, third) = (with("null"), existing("one"), existing("two"));
    let deployed = first(&old);
    let mut known = deployed.faults(&new);
    known.extend(first(&new).faults(&new));
    known.extend(first(&third).faults(&third));
    let count = sequence(&deployed, &new, "a new role").1.moves.len();
    for stop in 0..=count {
        let mut aws = deployed.clone();
        let what = format!("stopped after {stop} of {count}");
        assert!(take(&mut aws, &new, stop, &known, &what));
        let mut known = known.clone();
        let before = aws.faults(&third);
        known.extend(before.into_iter().filter(|(_, is_denied)| !is_denied));
        assert!(take(&mut aws, &third, usize::MAX, &known, &what));
    }
}

#[test]
fn a_pipeline_works_while_its_accounts_are_deployed_one_at_a_time() {
    try_all(100, holds_by_account);
}
