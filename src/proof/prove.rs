//! Runs the entire proof.

use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};
use std::hash::{Hash as _, Hasher as _};

use super::attacks::{self, AttackCall};
use super::collect::collect;
use super::decided::{Decided, Decisive, Verdict};
use super::excess::{Excess, Served, excess};
use super::facts;
use super::input::{InputError, Inputs};
use super::judge::{judge_attack, judge_call};
use super::parameters;
use super::remedy::{Remedy, remedies};
use super::resolve::{read_all, resolvers};
use super::world::{Missing, World};
use crate::config::Permissions;
use crate::diagnostic::Source;
use crate::run::pipeline::Pipeline;
use crate::run::{self, Call, Caller, Doubt, Obstacle, Place};

/// The result of a proof.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The files that locations refer to.
    pub files: Vec<Source>,
    /// Names of the pipelines. Empty before the last step.
    pub pipelines: Vec<String>,
    /// The calls in execution order. Each denied call comes with the statements that would allow
    /// it.
    pub calls: Vec<(Decided, Vec<Remedy>)>,
    /// The attacks.
    pub attacks: Vec<Attack>,
    /// Grants that exceed the needs of an execution.
    pub excess: Excess,
    /// The values that cannot be resolved.
    pub doubts: Vec<Doubt>,
    /// The conditions that end an execution before its last action.
    pub obstacles: Vec<Obstacle>,
    /// Whether the templates must contain a pipeline at this step.
    pub expects_pipeline: bool,
}

/// A call that must be denied, and its result.
#[derive(Debug, Clone)]
pub struct Attack {
    /// The description of the attack.
    pub what: String,
    /// The call; its ID is stable.
    pub call: Call,
    /// The result.
    pub result: AttackResult,
    /// The explanation, if the attack is not denied.
    pub decided: Option<Decided>,
    /// The number of its target's instances that this entry represents: 1 unless the attack is
    /// denied.
    pub instances: usize,
}

/// The result of an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub enum AttackResult {
    /// Denied.
    Denied,
    /// Allowed.
    Allowed,
    /// Allowed, because AWS's published procedure allows it and the configuration follows it.
    OverGranted,
    /// The result depends on an unknown.
    Unproven,
}

impl Proof {
    /// Returns a location as `file:line`.
    pub(crate) fn at(&self, place: Place) -> String {
        let source = &self.files[place.file];
        let line = source.position(place.span.start).line;
        format!("{}:{line}", source.name())
    }

    /// Returns the denied calls.
    pub fn denied(&self) -> impl Iterator<Item = &(Decided, Vec<Remedy>)> {
        let calls = self.calls.iter();
        calls.filter(|(decided, _)| decided.verdict == Verdict::Denied)
    }

    /// Returns the missing policies that unproven calls depend on, without duplicates. With
    /// `with_attacks`, also those that unproven attacks depend on.
    pub(crate) fn missing(&self, with_attacks: bool) -> Vec<&Missing> {
        let attacks = self.attacks.iter().filter(|_| with_attacks);
        let attacks = attacks.filter_map(|attack| attack.decided.as_ref());
        let calls = self.calls.iter().map(|(decided, _)| decided);
        let mut found: Vec<&Missing> = calls
            .chain(attacks)
            .filter(|decided| decided.verdict == Verdict::Unproven)
            .flat_map(|decided| &decided.missing)
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// Returns the attacks with the given result.
    pub fn attacks_that(&self, result: AttackResult) -> impl Iterator<Item = &Attack> {
        self.attacks
            .iter()
            .filter(move |attack| attack.result == result)
    }
}

/// Proves a pipeline.
///
/// # Errors
/// Returns an error if a template or another file cannot be read, or if it contains an invalid
/// policy. The errors list every problem, grouped by file.
pub fn prove(inputs: &Inputs) -> Result<Proof, Vec<InputError>> {
    let nodes = read_all(inputs)?;
    parameters::check(inputs, &nodes)?;
    let resolvers = resolvers(inputs, &nodes);
    let world = collect(inputs, &resolvers)?;
    let (pipelines, mut doubts) = facts::pipelines(&world);
    // Calls and attacks are independent. Running them in parallel halves the time on two cores.
    let (attacks, (calls, served)) = std::thread::scope(|scope| {
        let attacks = scope.spawn(|| decided_attacks(inputs, &world, &pipelines));
        let calls = decided_calls(inputs, &world, &pipelines);
        match attacks.join() {
            Ok(attacks) => (attacks, calls),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    });
    let mut excess = excess(&world, &served, &inputs.key_administrators);
    let mut callers = calls.iter().map(|(decided, _)| &decided.call.caller);
    if pipelines.is_empty() || callers.any(|caller| matches!(caller, Caller::Unknown(..))) {
        // If there is no execution or a caller is unknown, the needed actions are unknown.
        excess.statements.clear();
    }
    for doubt in world.doubts() {
        // Each instance of a template has the same [`Doubt`].
        if !doubts.contains(&doubt) {
            doubts.push(doubt);
        }
    }
    let obstacles = run::obstacles(&pipelines);
    Ok(Proof {
        obstacles,
        expects_pipeline: inputs.expects_pipeline,
        pipelines: pipelines
            .into_iter()
            .map(|pipeline| pipeline.name)
            .collect(),
        calls,
        attacks,
        excess,
        doubts,
        files: world.files,
    })
}

type Calls = Vec<(Decided, Vec<Remedy>)>;

fn decided_calls(inputs: &Inputs, world: &World<'_>, pipelines: &[Pipeline]) -> (Calls, Served) {
    let mut served = Served::default();
    let mut alike = Alike::new(inputs);
    let mut calls: Calls = Vec::new();
    run::calls(&world.land, pipelines, &mut |call| {
        let decided = judge_call(world, call);
        let known = match decided.verdict {
            Verdict::Allowed => alike.find(&decided.call, &decided.decisive, calls.len()),
            _ => None,
        };
        served.add(&decided, known.is_some());
        match known {
            Some(at) => calls[at].0.instances += 1,
            None => {
                let remedies = remedies(world, &decided);
                calls.push((decided, remedies));
            }
        }
    });
    (calls, served)
}

fn decided_attacks(inputs: &Inputs, world: &World<'_>, pipelines: &[Pipeline]) -> Vec<Attack> {
    let mut alike = Alike::new(inputs);
    let mut attacks: Vec<Attack> = Vec::new();
    attacks::attacks(world, pipelines, &mut |mut add| {
        let (verdict, decided) = judge_attack(world, &mut add.call);
        if verdict == Verdict::Denied
            && let Some(at) = alike.find(&add.call, &[], attacks.len())
        {
            attacks[at].instances += 1;
            return;
        }
        let result = result(verdict, &add, inputs.permissions);
        attacks.push(Attack {
            what: add.what,
            call: add.call,
            result,
            decided,
            instances: 1,
        });
    });
    attacks
}

fn result(verdict: Verdict, add: &AttackCall, permissions: Permissions) -> AttackResult {
    match verdict {
        Verdict::Denied | Verdict::NotGranted => AttackResult::Denied,
        Verdict::Unproven => AttackResult::Unproven,
        Verdict::Allowed if add.is_in_procedure && permissions == Permissions::Article => {
            AttackResult::OverGranted
        }
        Verdict::Allowed => AttackResult::Allowed,
    }
}

/// Detects equivalent calls across the instances of a target. Two calls are equivalent if they
/// differ only in the instance and the same statements decide them.
struct Alike {
    expand: bool,
    by_region: bool,
    /// The index of the first call, by a hash of the properties that must be equal.
    known: HashMap<u64, usize>,
}

impl Alike {
    fn new(inputs: &Inputs) -> Self {
        Self {
            expand: inputs.expand,
            by_region: inputs.by_region,
            known: HashMap::new(),
        }
    }

    /// Returns the index of the first equivalent call. If there is no such call, records this call
    /// at index `next` and returns `None`.
    fn find(&mut self, call: &Call, decisive: &[Decisive], next: usize) -> Option<usize> {
        let instance = call.instance.as_ref().filter(|_| !self.expand)?;
        let mut hasher = DefaultHasher::new();
        (&call.target, call.step, &call.action, call.kind()).hash(&mut hasher);
        if self.by_region {
            instance.region.hash(&mut hasher);
        }
        // Attacks on two buckets of an instance have the same names.
        if call.is_on_bucket() {
            call.place.hash(&mut hasher);
        }
        for decisive in decisive {
            decisive.place.hash(&mut hasher);
        }
        match self.known.entry(hasher.finish()) {
            Entry::Occupied(known) => Some(*known.get()),
            Entry::Vacant(free) => {
                free.insert(next);
                None
            }
        }
    }
}
