//! A proof, written for people.

use crate::escape;
use crate::policy::document::Effect;
use crate::policy::evaluation::Layer;
use crate::proof::{Attack, AttackResult, Decided, Outcome, Proof, Remedy, StatementUse, Verdict};
use crate::run::{Place, Step, Strength};

use super::output::{line, table, thousands};
use super::proof_complaints::{emptiness, first, obstacles, unknown_actions, unresolved};
use super::proof_unproven;

pub(crate) fn at(proof: &Proof, place: Place) -> String {
    let source = &proof.files[place.file];
    format!(
        "{}:{}",
        source.name(),
        source.position(place.span.start).line
    )
}

pub(crate) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "DENIED",
        Verdict::NotGranted => "not granted",
        Verdict::Unproven => "unproven",
    }
}

fn layer_name(layer: Layer) -> &'static str {
    match layer {
        Layer::Scps => "service control policies",
        Layer::Rcps => "resource control policies",
        Layer::ResourcePolicy => "resource's policy",
        Layer::IdentityPolicies => "caller's policies",
        Layer::PermissionBoundary => "permissions boundary",
        Layer::SessionPolicy => "session policy",
    }
}

/// Whether a call is of the step that is asked for.
pub(crate) fn wanted(decided: &Decided, call: Option<Step>) -> bool {
    call.is_none_or(|step| decided.call.step == step)
}

/// The deciding statements of one side, with file and line.
fn side(proof: &Proof, decided: &Decided, layer: Layer) -> String {
    let mut found: Vec<String> = Vec::new();
    for decisive in decided
        .decisive
        .iter()
        .filter(|decisive| decisive.layer == layer)
    {
        let name = decisive.sid.as_deref().filter(|sid| !sid.is_empty());
        let name = name.unwrap_or(&decisive.resource);
        let deny = if decisive.effect == Effect::Deny {
            "Deny "
        } else {
            ""
        };
        found.push(format!("{deny}{name} {}", at(proof, decisive.place)));
    }
    if found.is_empty() {
        "-".to_owned()
    } else {
        found.join(", ")
    }
}

/// For people; `outcome` is that of the whole proof, of which `proof` may hold a part.
pub(crate) fn text(proof: &Proof, outcome: &Outcome, call: Option<Step>, verbose: bool) -> String {
    let mut out = emptiness(outcome);
    if out.is_empty() && proof.pipelines.is_empty() {
        out.push_str(
            "There is no pipeline yet at this step, so there is no run to prove and nothing to \
             attack: only what AWS does without it is shown.\n\n",
        );
    }
    for target in groups(proof) {
        let calls: Vec<&Decided> = proof
            .calls
            .iter()
            .map(|(decided, _)| decided)
            .filter(|decided| decided.call.target == target && wanted(decided, call))
            .collect();
        if calls.is_empty() {
            continue;
        }
        let title = match &target {
            Some(target) => heading(target, &calls),
            None => format!("Pipeline {}", proof.pipelines.join(", "))
                .trim_end()
                .to_owned(),
        };
        out.push_str(&line(&title));
        out.push_str(&calls_table(proof, &calls));
        out.push('\n');
    }
    // The gravest first; the others are told together.
    let explained = (proof.calls.iter()).filter(|(decided, _)| match call {
        Some(_) => wanted(decided, call),
        None if verbose => decided.verdict != Verdict::Allowed,
        None => decided.verdict == Verdict::Denied,
    });
    let explain =
        |(decided, remedies): &(Decided, Vec<Remedy>)| explanation(proof, decided, remedies);
    if verbose || call.is_some() {
        out.extend(explained.map(explain));
    } else {
        out.push_str(&first(explained, explain));
    }
    if call.is_none() && !verbose {
        out.push_str(&proof_unproven::together(proof));
    }
    if call.is_none() {
        out.push_str(&not_granted(proof, verbose));
        out.push_str(&attacks(proof, verbose));
        out.push_str(&granted(proof, verbose));
        out.push_str(&obstacles(proof));
        out.push_str(&unresolved(proof));
    }
    out.push_str(&summary(outcome));
    out
}

/// The permissions that AWS documents, are not granted, and runs do without: by role and resource.
fn not_granted(proof: &Proof, verbose: bool) -> String {
    let mut found: Vec<(String, Vec<&str>)> = Vec::new();
    for (decided, _) in &proof.calls {
        if decided.verdict != Verdict::NotGranted {
            continue;
        }
        let call = &decided.call;
        let whose = format!("{} on {}", call.caller_shown(), call.resource);
        match found.iter_mut().find(|(known, _)| *known == whose) {
            Some((_, actions)) if actions.contains(&call.action.as_str()) => {}
            Some((_, actions)) => actions.push(&call.action),
            None => found.push((whose, vec![&call.action])),
        }
    }
    if found.is_empty() {
        return String::new();
    }
    let mut out =
        "warning: these permissions are documented, but not proven to be necessary, and are not \
         granted:\n"
            .to_owned();
    for (whose, actions) in found {
        out.push_str(&line(&format!("  {whose}")));
        out.push_str(&line(&format!("    {}", actions.join(", "))));
    }
    if !verbose {
        out.push_str("  `s3ferry prove -v` shows the statements to add.\n");
    }
    out.push('\n');
    out
}

/// The heading of a target's table: where one of its instances stands for others, how many.
fn heading(target: &str, calls: &[&Decided]) -> String {
    let most = calls.iter().map(|decided| decided.instances).max();
    match (
        most,
        calls
            .iter()
            .find_map(|decided| decided.call.instance.as_ref()),
    ) {
        (Some(2..), Some(first)) => format!(
            "Target {target}: instances that are decided alike share a row; shown is the first, such \
             as {}, {}",
            first.account, first.region
        ),
        _ => format!("Target {target}"),
    }
}

fn groups(proof: &Proof) -> Vec<Option<String>> {
    let mut found: Vec<Option<String>> = vec![None];
    for (decided, _) in &proof.calls {
        if !found.contains(&decided.call.target) {
            found.push(decided.call.target.clone());
        }
    }
    found
}

/// The calls in run order. Calls that differ in nothing but their action share a row; below it
/// stand the statements that decide, those of the caller's side first.
pub(crate) fn calls_table(proof: &Proof, calls: &[&Decided]) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut below: Vec<String> = Vec::new();
    for decided in calls {
        let resource = decided.call.resource.splitn(6, ':').collect::<Vec<_>>();
        // What an ARN begins with says little in a table; an account does.
        let resource = match resource.as_slice() {
            ["arn", _, _, _, "", rest] => (*rest).to_owned(),
            ["arn", _, _, _, account, rest] => format!("{account}:{rest}"),
            _ => decided.call.resource.clone(),
        };
        let who = match decided.instances {
            1 => decided.call.caller_shown(),
            several => format!("{} × {}", decided.call.caller.shown(), thousands(several)),
        };
        let same = [
            decided.call.step.to_string(),
            verdict_name(decided.verdict).to_owned(),
            who,
            resource,
        ];
        let sides = [Layer::IdentityPolicies, Layer::ResourcePolicy]
            .map(|layer| side(proof, decided, layer));
        let by = match sides {
            [caller, resource] if caller == "-" => format!("by {resource}"),
            [caller, resource] if resource == "-" => format!("by {caller}"),
            [caller, resource] => format!("by {caller}, and {resource}"),
        };
        match rows.last_mut() {
            Some(row) if row[..4] == same && below.last() == Some(&by) => {
                let action = decided.call.action.split(':').nth(1).unwrap_or_default();
                // The same action with another encryption context is shown once.
                let mut known = row[4].split([':', ' ', ',']);
                if !known.any(|known| known == action) {
                    row[4].push_str(", ");
                    row[4].push_str(action);
                }
            }
            _ => {
                let mut row = same.to_vec();
                row.push(decided.call.action.clone());
                rows.push(row);
                below.push(by);
            }
        }
    }
    let widths = rows.iter().map(|row| row[1].len());
    let width = widths.max().unwrap_or_default().max("decision".len());
    let row = |step: &str, decision: &str, rest: &str| {
        line(format!("{step:<10}  {decision:<width$}  {rest}").trim_end())
    };
    let mut out = row(
        "step",
        "decision",
        "caller, actions, resource, deciding statements",
    );
    for (cells, by) in rows.iter().zip(&below) {
        out.push_str(&row(&cells[0], &cells[1], &cells[2]));
        out.push_str(&row("", "", &format!("  {}", cells[4])));
        out.push_str(&row("", "", &format!("  on {}", cells[3])));
        if by != "by -" {
            out.push_str(&row("", "", &format!("  {by}")));
        }
    }
    out
}

pub(crate) fn explanation(proof: &Proof, decided: &Decided, remedies: &[Remedy]) -> String {
    let call = &decided.call;
    let is_attack = call.step == Step::Attack;
    let mut out = line(&format!(
        "{}: {}: {} on {}",
        match is_attack {
            true => format!("must not be allowed ({})", call.id),
            false => verdict_name(decided.verdict).to_owned(),
        },
        call.caller_shown(),
        call.action,
        call.resource
    ));
    out.push_str(&line(&format!(
        "  {} {}",
        match (is_attack, call.strength) {
            (true, _) => "on what is made at",
            (false, Strength::Needed) => "needed by",
            (false, Strength::Documented) => "documented for",
        },
        at(proof, call.place)
    )));
    out.push_str(&line(&format!("  {}", decided.reason.because)));
    if let Some(rejection) = decided.rejection() {
        let resource = rejection.resource.as_deref();
        let resource = resource.map_or(String::new(), |resource| format!("{resource}, "));
        let place = at(proof, rejection.place);
        out.push_str(&line(&format!(
            "  fix: {} ({resource}{place})",
            rejection.fix
        )));
    }
    for layer in &decided.reason.layers {
        let says = match layer.outcome {
            crate::policy::evaluation::Outcome::Unknown => "not known",
            crate::policy::evaluation::Outcome::Allows => "allowed",
            crate::policy::evaluation::Outcome::Denies => "denied",
            crate::policy::evaluation::Outcome::Silent => "no statement applies",
            crate::policy::evaluation::Outcome::NotApplicable => "not asked",
        };
        let level = match layer.level {
            Some(level) if layer.layer == Layer::Scps => format!(", level {}", level + 1),
            Some(level) if layer.layer == Layer::Rcps => format!(", level {}", level + 1),
            _ => String::new(),
        };
        out.push_str(&line(&format!(
            "  {}{level}: {says}",
            layer_name(layer.layer)
        )));
    }
    for decisive in &decided.decisive {
        let effect = match (decisive.effect, decisive.is_open) {
            (Effect::Allow, false) => "allows",
            (Effect::Deny, false) => "denies",
            (Effect::Allow, true) => "may allow",
            (Effect::Deny, true) => "may deny",
        };
        let name = decisive.sid.as_deref().unwrap_or("a statement");
        out.push_str(&line(&format!(
            "  {effect}: {name} of {} at {}",
            decisive.resource,
            at(proof, decisive.place)
        )));
    }
    // What is denied is denied whatever these say.
    if decided.verdict == Verdict::Unproven {
        out.push_str(&proof_unproven::unknowns(proof, decided));
    }
    for remedy in remedies {
        let place = match (&remedy.resource, remedy.place) {
            (Some(resource), Some(place)) => format!("{resource}, {}", at(proof, place)),
            _ => format!(
                "a policy that is not there yet ({})",
                layer_name(remedy.layer)
            ),
        };
        out.push_str(&line(&format!("  add to {place}:")));
        for text in escape::json(&remedy.statement).lines() {
            out.push_str(&line(&format!("    {text}")));
        }
    }
    out.push('\n');
    out
}

fn result_name(result: AttackResult) -> &'static str {
    match result {
        AttackResult::Denied => "denied",
        AttackResult::Allowed => "ALLOWED",
        AttackResult::OverGranted => "over-grant",
        AttackResult::Unproven => "unproven",
    }
}

fn attacks(proof: &Proof, verbose: bool) -> String {
    let mut out = String::new();
    let shown = |attack: &&Attack| verbose || attack.result != AttackResult::Denied;
    let rows: Vec<Vec<String>> = proof
        .attacks
        .iter()
        .filter(shown)
        .map(|attack| {
            let target = attack.call.target.clone().unwrap_or_default();
            let target = match &attack.call.instance {
                _ if attack.instances > 1 => format!("{target} × {}", thousands(attack.instances)),
                Some(instance) => format!("{target} {} {}", instance.account, instance.region),
                None => target,
            };
            vec![
                result_name(attack.result).to_owned(),
                target,
                attack.call.id.clone(),
                attack.what.clone(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        out.push_str(&table(
            &["attack", "target", "name", "what happens"],
            &rows,
            &[],
        ));
    }
    for attack in proof.attacks_that(AttackResult::Allowed) {
        if let Some(decided) = &attack.decided {
            out.push('\n');
            out.push_str(&explanation(proof, decided, &[]));
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
        out.push_str(&format!("; {over} are the procedure's own over-grants"));
    }
    if unproven > 0 {
        out.push_str(&format!("; {unproven} unproven"));
    }
    out.push_str(".\n");
    out
}

fn plural(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{} {what}s", thousands(count)),
    }
}

fn name_of(found: &StatementUse) -> String {
    match &found.sid {
        Some(sid) => format!("{} {sid}", found.resource),
        None => found.resource.clone(),
    }
}

fn granted(proof: &Proof, verbose: bool) -> String {
    let mut out = unknown_actions(proof);
    let mut unexplained = 0;
    for found in &proof.excess.statements {
        let unneeded = found.is_unexplained();
        unexplained += usize::from(unneeded);
        if verbose || unneeded {
            out.push_str(&serving(proof, found));
        }
    }
    if unexplained == 0 {
        out.push_str("Excess: none beyond what is documented.\n");
    } else {
        out.push_str(&line(&format!(
            "Excess: {} granting what no call needs.",
            plural(unexplained, "statement")
        )));
    }
    out
}

/// What a statement serves, and what it grants beyond that.
pub(crate) fn serving(proof: &Proof, found: &StatementUse) -> String {
    let count = found.excess.len();
    let actions: Vec<&str> = found.excess.iter().take(8).map(String::as_str).collect();
    let more = if count > actions.len() { ", …" } else { "" };
    let serves = plural(found.serves.len(), "call");
    let says = match (found.documented, count) {
        (None, 0) if found.is_unexplained() => "serves no call".to_owned(),
        (_, 0) => format!("serves {serves}, no excess"),
        (Some(why), _) => format!("serves {serves}; {why}"),
        (None, _) => format!(
            "serves {serves}; {} beyond them: {}{more}",
            plural(count, "action"),
            actions.join(", ")
        ),
    };
    line(&format!(
        "{} {}: {says}",
        at(proof, found.place),
        name_of(found)
    ))
}

/// One line on the whole.
fn summary(outcome: &Outcome) -> String {
    line(&format!(
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
    ))
}
