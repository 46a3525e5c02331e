//! The text output of a proof.

use crate::proof::{AttackResult, Decided, Outcome, Proof, Remedy, Verdict};
use crate::run::Step;

use super::complaints::{emptiness, first, obstacles, unknown_actions, unresolved};
use super::explain::{calls_table, explanation, serving, wanted};
use super::unproven::{Actions, together};
use crate::cli::output::{Text, plural, table, thousands};

/// Returns the text of a proof. `outcome` covers the whole proof, but `proof` can contain only a
/// part of it.
pub(crate) fn text(proof: &Proof, outcome: &Outcome, call: Option<Step>, verbose: bool) -> Text {
    let mut out = Text::new();
    emptiness(&mut out, outcome);
    if outcome.empty.is_none() && proof.pipelines.is_empty() {
        out.prose(
            "There is no pipeline after this step, so no execution and no attack is possible. Only \
             calls that AWS makes without a pipeline are shown.",
        );
        out.push_str("\n");
    }
    for target in groups(proof) {
        let calls = proof.calls.iter().map(|(decided, _)| decided);
        let calls: Vec<&Decided> = calls
            .filter(|decided| decided.call.target.as_deref() == target && wanted(decided, call))
            .collect();
        if calls.is_empty() {
            continue;
        }
        let title = match target {
            Some(target) => heading(target, &calls),
            None => format!("Pipeline {}", proof.pipelines.join(", ")),
        };
        out.line(title.trim_end());
        out.append(&calls_table(proof, &calls));
        out.push_str("\n");
    }
    // Denied calls come first. Unproven calls are grouped below.
    let explained = (proof.calls.iter()).filter(|(decided, _)| match call {
        Some(_) => wanted(decided, call),
        None if verbose => decided.verdict != Verdict::Allowed,
        None => decided.verdict == Verdict::Denied,
    });
    let explain = |out: &mut Text, (decided, remedies): &(Decided, Vec<Remedy>)| {
        out.append(&explanation(proof, decided, remedies));
    };
    if verbose || call.is_some() {
        explained.for_each(|one| explain(&mut out, one));
    } else {
        first(&mut out, explained, explain);
    }
    if call.is_none() {
        if !verbose {
            together(&mut out, proof);
        }
        not_granted(&mut out, proof, verbose);
        attacks(&mut out, proof, verbose);
        granted(&mut out, proof, verbose);
        obstacles(&mut out, proof);
        unresolved(&mut out, proof);
    }
    summary(&mut out, outcome);
    out
}

/// Returns the targets of the calls. Calls without a target come first.
fn groups(proof: &Proof) -> Vec<Option<&str>> {
    let mut found = vec![None];
    for (decided, _) in &proof.calls {
        let target = decided.call.target.as_deref();
        if !found.contains(&target) {
            found.push(target);
        }
    }
    found
}

/// Returns the heading of a target's table, which states whether a row represents several
/// instances.
fn heading(target: &str, calls: &[&Decided]) -> String {
    let most = calls.iter().map(|decided| decided.instances).max();
    let mut instances = (calls.iter()).filter_map(|decided| decided.call.instance.as_ref());
    match (most, instances.next()) {
        (Some(2..), Some(first)) => format!(
            "Target {target}: each row represents all instances with the same decision and shows \
             the first one, such as {}, {}",
            first.account, first.region
        ),
        _ => format!("Target {target}"),
    }
}

/// Lists the documented permissions that are not granted, and that executions do not need, by role
/// and resource.
fn not_granted(out: &mut Text, proof: &Proof, verbose: bool) {
    let mut found = Actions(Vec::new());
    let calls = proof.calls.iter().map(|(decided, _)| decided);
    for decided in calls.filter(|decided| decided.verdict == Verdict::NotGranted) {
        let call = &decided.call;
        let whose = format!("{} on {}", call.caller_shown(), call.resource);
        found.add(whose, &call.action);
    }
    if found.0.is_empty() {
        return;
    }
    out.prose(
        "warning: AWS documents these permissions, but they are not granted and not known to be \
         required:",
    );
    for (whose, actions) in found.0 {
        out.prose(format_args!("  {whose}"));
        out.prose(format_args!("    {}", actions.join(", ")));
    }
    if !verbose {
        out.push_str("  `s3ferry prove -v` shows the statements to add.\n");
    }
    out.push_str("\n");
}

fn attacks(out: &mut Text, proof: &Proof, verbose: bool) {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for attack in &proof.attacks {
        let result = match attack.result {
            AttackResult::Denied if !verbose => continue,
            AttackResult::Denied => "denied",
            AttackResult::Allowed => "ALLOWED",
            AttackResult::OverGranted => "over-grant",
            AttackResult::Unproven => "unproven",
        };
        let target = attack.call.target.clone().unwrap_or_default();
        let target = match &attack.call.instance {
            _ if attack.instances > 1 => format!("{target} × {}", thousands(attack.instances)),
            Some(instance) => format!("{target} {} {}", instance.account, instance.region),
            None => target,
        };
        let (name, what) = (attack.call.id.clone(), attack.what.clone());
        rows.push(vec![result.to_owned(), target, name, what]);
    }
    if !rows.is_empty() {
        let header = ["attack", "target", "name", "description"];
        out.push_str(&table(&header, &rows, &[]));
    }
    for attack in proof.attacks_that(AttackResult::Allowed) {
        if let Some(decided) = &attack.decided {
            out.push_str("\n");
            out.append(&explanation(proof, decided, &[]));
        }
    }
    let figures = proof.outcome();
    let (over, unproven) = (figures.over_granted_attacks, figures.unproven_attacks);
    out.push_str(&format!(
        "Attacks denied: {} of {}",
        thousands(figures.denied_attacks),
        thousands(figures.attacks)
    ));
    if over > 0 {
        out.push_str(&format!("; {over} allowed by AWS's published procedure"));
    }
    if unproven > 0 {
        out.push_str(&format!("; {unproven} unproven"));
    }
    out.push_str(".\n");
}

fn granted(out: &mut Text, proof: &Proof, verbose: bool) {
    unknown_actions(out, proof);
    for found in &proof.excess.statements {
        if verbose || found.is_unexplained() {
            serving(out, proof, found);
        }
    }
    match proof.excess.unexplained().count() {
        0 => out.push_str("Excess: none beyond the documented permissions.\n"),
        count => out.prose(format_args!(
            "Excess: {} with permissions that no call needs.",
            plural(count, "statement")
        )),
    }
}

/// Adds the summary line.
fn summary(out: &mut Text, outcome: &Outcome) {
    out.prose(format_args!(
        "{}: {} calls, {} allowed, {} denied, {} unproven{}.",
        outcome.conclusion().words(),
        thousands(outcome.calls),
        thousands(outcome.allowed),
        thousands(outcome.denied),
        thousands(outcome.unproven),
        match outcome.not_granted {
            0 => String::new(),
            count => format!(", {} documented but not granted", thousands(count)),
        }
    ));
}
