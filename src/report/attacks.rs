//! The calls that must be denied.

use std::collections::HashMap;

use maud::{Markup, html};

use super::links::Links;
use super::words::breakable;
use super::{MOST_ROWS, count, table};
use crate::proof::{Attack, AttackResult, Proof};

/// Attacks of one kind with the same result: the first attack and the number of attacks.
struct Kind<'p> {
    first: &'p Attack,
    instances: usize,
}

const COLUMNS: [&str; 4] = ["Result", "Attack", "Action", "Resource"];

pub(super) fn part(proof: &Proof, links: &Links<'_>) -> Markup {
    let kinds = kinds(proof);
    let all: usize = proof.attacks.iter().map(|attack| attack.instances).sum();
    let rows: Vec<Vec<Markup>> = kinds.iter().map(|kind| row(kind, links)).collect();
    html! {
        p {
            "s3ferry evaluated each attack against every policy, as it did for the calls in the \
             run. An attacker in another account is assumed to have every permission in that \
             account, so only these templates can stop the attack."
        }
        details class="group" data-group="attacks" open {
            summary {
                h3 {
                    @if kinds.len() == all { (count(kinds.len(), "attack")) }
                    @else { (count(kinds.len(), "kind")) ", " (all) " attacks" }
                }
            }
            (table("Calls that must be denied", &COLUMNS, &rows, true))
        }
    }
}

/// Groups the attacks. If there are many, denied attacks of one kind share a row. Attacks that are
/// not denied come first, each in its own row.
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

fn row(kind: &Kind<'_>, links: &Links<'_>) -> Vec<Markup> {
    let attack = kind.first;
    let (looks, word) = match attack.result {
        AttackResult::Denied => ("good", "denied"),
        AttackResult::Allowed => ("bad", "ALLOWED"),
        AttackResult::OverGranted => ("warn", "excess permission from the AWS procedure"),
        AttackResult::Unproven => ("warn", "unproven"),
    };
    let caller = attack.call.caller.shown();
    let what = html! {
        (breakable(&attack.what))
        @if !attack.what.contains(&caller) {
            div class="at" { "caller: " (breakable(&caller)) }
        }
        @if kind.instances > 1 { " (" (kind.instances) " attacks of this kind)" }
        @if let Some(decided) = &attack.decided {
            @for decisive in decided.decisive.iter().filter(|decisive| decisive.given) {
                div { "allowed by " (links.statement(decisive)) }
            }
            @for missing in &decided.missing {
                div {
                    "not given: " (breakable(&missing.what)) " ("
                    code { (breakable(&missing.option)) } ")"
                }
            }
        }
    };
    vec![
        html! { span class=(format!("tag {looks}")) { (word) } },
        what,
        html! { code { (breakable(&attack.call.action)) } },
        html! { code { (breakable(&attack.call.resource)) } },
    ]
}
