//! The calls that must be denied.

use std::collections::HashMap;

use maud::{Markup, html};

use super::links::Links;
use super::{MOST_ROWS, count, table};
use crate::proof::{Attack, AttackResult, Proof};

/// Attacks of one kind with the same result: the first of them, and how many there are.
struct Kind<'p> {
    first: &'p Attack,
    instances: usize,
}

pub(super) fn part(proof: &Proof, links: &Links<'_>) -> Markup {
    let kinds = kinds(proof);
    let all: usize = proof.attacks.iter().map(|attack| attack.instances).sum();
    let rows: Vec<Markup> = kinds.iter().map(|kind| row(kind, links)).collect();
    html! {
        p {
            "Each was tried against every policy, as the run itself was. An attacker of another \
             account has every permission there, so that these templates alone stop it."
        }
        details class="group" data-group="attacks" open {
            summary {
                h3 {
                    @if kinds.len() == all { (count(kinds.len(), "attack")) }
                    @else { (count(kinds.len(), "kind")) ", " (all) " attacks" }
                }
            }
            (table("What must be denied", &["Result", "What happens", "Action", "On", "By"], &rows))
        }
    }
}

/// Of many attacks, those of one kind that are denied are told once. What is not denied comes
/// first, each by itself.
fn kinds(proof: &Proof) -> Vec<Kind<'_>> {
    let are_many = proof.attacks.len() > MOST_ROWS;
    let mut kinds: Vec<Kind<'_>> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    let (denied, others): (Vec<&Attack>, Vec<&Attack>) =
        (proof.attacks.iter()).partition(|attack| attack.result == AttackResult::Denied);
    for attack in others.into_iter().chain(denied) {
        let kind = attack.call.id.split('/').next().unwrap_or_default();
        let first = kinds.len();
        let alike = match attack.result {
            AttackResult::Denied if are_many => *known.entry(kind).or_insert(first),
            _ => first,
        };
        match kinds.get_mut(alike) {
            Some(kind) => kind.instances += attack.instances,
            None => kinds.push(Kind {
                first: attack,
                instances: attack.instances,
            }),
        }
    }
    kinds
}

fn row(kind: &Kind<'_>, links: &Links<'_>) -> Markup {
    let attack = kind.first;
    let (looks, word) = match attack.result {
        AttackResult::Denied => ("good", "denied"),
        AttackResult::Allowed => ("bad", "ALLOWED"),
        AttackResult::OverGranted => ("warn", "over-grant of the procedure"),
        AttackResult::Unproven => ("warn", "unproven"),
    };
    html! {
        tr data-find {
            td { span class=(format!("tag {looks}")) { (word) } }
            td {
                (attack.what)
                @if kind.instances > 1 { " (and likewise: " (kind.instances) " in all)" }
                @if let Some(decided) = &attack.decided {
                    @for decisive in decided.decisive.iter().filter(|decisive| decisive.given) {
                        div { "by " (links.statement(decisive)) }
                    }
                    @for missing in &decided.missing {
                        div { "not given: " (missing.what) " (" code { (missing.option) } ")" }
                    }
                }
            }
            td { code { (attack.call.action) } }
            td { code { (attack.call.resource) } }
            td { (attack.call.caller.shown()) }
        }
    }
}
