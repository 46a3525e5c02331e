//! The proof as a whole.

use super::attacks::{self, PROCEDURE_ALLOWS};
use super::call::Call;
use super::collect::collect;
use super::excess::{Excess, excess};
use super::facts;
use super::input::{InputError, Inputs};
use super::judge::{Decided, Verdict, judge_attack, judge_call};
use super::remedy::{Remedy, remedies};
use super::resolve::{Deployment, Resolver};
use super::run;
use super::world::{Doubt, World};
use crate::config::Permissions;
use crate::lint::read_template;
use crate::syntax::{Node, Source};

/// What came of a proof.
#[derive(Debug, Clone)]
pub struct Proof {
    /// The files that the places are in.
    pub files: Vec<Source>,
    /// The pipelines by name; none before the last step.
    pub pipelines: Vec<String>,
    /// The calls of the run, in its order, each with what to add where it is denied.
    pub calls: Vec<(Decided, Vec<Remedy>)>,
    /// The attacks.
    pub attacks: Vec<Attack>,
    /// What is granted beyond the run.
    pub excess: Excess,
    /// What cannot be resolved.
    pub doubts: Vec<Doubt>,
}

/// A call that must not be allowed, and what came of it.
#[derive(Debug, Clone)]
pub struct Attack {
    /// What happens, in a sentence.
    pub what: String,
    /// The call; its ID is stable.
    pub call: Call,
    /// What came of it.
    pub result: AttackResult,
    /// Why, where it is not denied.
    pub decided: Option<Decided>,
}

/// What came of an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum AttackResult {
    /// It is denied.
    Denied,
    /// It is allowed.
    Allowed,
    /// It is allowed, as AWS's published procedure allows it, which the configuration asks for.
    OverGranted,
    /// It depends on what is not known.
    Unproven,
}

impl Proof {
    /// The calls that are denied.
    pub fn denied(&self) -> impl Iterator<Item = &(Decided, Vec<Remedy>)> {
        let calls = self.calls.iter();
        calls.filter(|(decided, _)| decided.verdict == Verdict::Denied)
    }

    /// The attacks with a result.
    pub fn attacks_that(&self, result: AttackResult) -> impl Iterator<Item = &Attack> {
        self.attacks
            .iter()
            .filter(move |attack| attack.result == result)
    }

    /// Whether a call is denied, an attack allowed, or an action none.
    pub fn has_errors(&self) -> bool {
        self.denied().next().is_some()
            || self.attacks_that(AttackResult::Allowed).next().is_some()
            || !self.excess.unknown.is_empty()
    }

    /// Whether something depends on what is not known.
    pub fn has_unproven(&self) -> bool {
        let calls = &mut self.calls.iter();
        calls.any(|(decided, _)| decided.verdict == Verdict::Unproven)
            || self.attacks_that(AttackResult::Unproven).next().is_some()
            || !self.doubts.is_empty()
    }
}

/// Proves a pipeline.
///
/// # Errors
/// A template or another file cannot be read, or a policy in it is none: every problem, by file.
pub fn prove(inputs: &Inputs) -> Result<Proof, Vec<InputError>> {
    let nodes = read_all(inputs)?;
    let resolvers = resolvers(inputs, &nodes);
    let world = collect(inputs, &resolvers)?;
    let (pipelines, mut doubts) = facts::pipelines(&world);
    let calls: Vec<Decided> = run::calls(&world, &pipelines, inputs.permissions)
        .iter()
        .filter_map(|call| judge_call(&world, call))
        .collect();
    let attacks = attacks::attacks(&world, &pipelines)
        .into_iter()
        .filter_map(|plot| {
            let (verdict, decided) = judge_attack(&world, &plot.call)?;
            let known = plot
                .call
                .id
                .split('/')
                .next()
                .is_some_and(|name| PROCEDURE_ALLOWS.contains(&name));
            let result = match verdict {
                Verdict::Denied => AttackResult::Denied,
                Verdict::Unproven => AttackResult::Unproven,
                Verdict::Allowed if known && inputs.permissions == Permissions::Article => {
                    AttackResult::OverGranted
                }
                Verdict::Allowed => AttackResult::Allowed,
            };
            Some(Attack {
                what: plot.what,
                call: plot.call,
                result,
                decided,
            })
        })
        .collect();
    let mut excess = excess(&world, &calls, &inputs.key_administrators);
    if pipelines.is_empty() {
        // Without a run nothing can tell what it needs.
        excess.statements.clear();
    }
    doubts.extend(world.doubts());
    let calls = with_remedies(&world, calls);
    Ok(Proof {
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

fn with_remedies(world: &World<'_>, calls: Vec<Decided>) -> Vec<(Decided, Vec<Remedy>)> {
    let calls = calls.into_iter();
    calls
        .map(|decided| {
            let remedies = remedies(world, &decided);
            (decided, remedies)
        })
        .collect()
}

pub(super) fn read_all(inputs: &Inputs) -> Result<Vec<Node>, Vec<InputError>> {
    let mut nodes = Vec::new();
    let mut errors = Vec::new();
    for stack in &inputs.stacks {
        match read_template(&stack.source) {
            Ok(node) => nodes.push(node),
            Err(problem) => errors.push(InputError::new(&stack.source, vec![problem])),
        }
    }
    if errors.is_empty() {
        Ok(nodes)
    } else {
        Err(errors)
    }
}

/// The dev template's outputs are the parameters of the targets' templates, by name.
pub(super) fn resolvers<'a>(inputs: &'a Inputs, nodes: &'a [Node]) -> Vec<Resolver<'a>> {
    let mut found: Vec<Resolver<'a>> = Vec::new();
    for (stack, node) in inputs.stacks.iter().zip(nodes) {
        let parameters = match found.first() {
            None => inputs.parameters.iter().cloned().collect(),
            Some(dev) => dev.outputs(),
        };
        let deployment = Deployment {
            stack: &stack.name,
            account: &stack.account,
            region: &stack.region,
            partition: &inputs.partition,
            parameters,
        };
        found.push(Resolver::new(node, deployment));
    }
    found
}
