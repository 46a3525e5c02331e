//! The explanation of a call or a statement of a proof.

use crate::escape;
use crate::policy::document::Effect;
use crate::policy::evaluation::{self, Layer};
use crate::proof::{Decided, Proof, Remedy, StatementUse, Verdict};
use crate::run::{Place, Step, Strength};

use crate::cli::output::{Stream, Text, plural, thousands};
use crate::cli::table::wrapped;

fn verdict_name(verdict: Verdict) -> &'static str {
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

/// Returns whether a call belongs to the selected step.
pub(crate) fn wanted(decided: &Decided, call: Option<Step>) -> bool {
    call.is_none_or(|step| decided.call.step == step)
}

/// Returns the deciding statements of one side, each with its file and line. The result is empty if
/// the side has no deciding statement.
fn side(proof: &Proof, decided: &Decided, layer: Layer) -> String {
    let decisive = decided.decisive.iter();
    let found = decisive.filter(|decisive| decisive.layer == layer);
    let shown = found.map(|decisive| {
        let name = decisive.sid.as_deref().filter(|sid| !sid.is_empty());
        let name = name.unwrap_or(&decisive.resource);
        let deny = match decisive.effect {
            Effect::Deny => "Deny ",
            Effect::Allow => "",
        };
        format!("{deny}{name} {}", proof.at(decisive.place))
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// Calls that differ only in their action.
struct Row {
    step: Step,
    verdict: Verdict,
    caller: String,
    resource: String,
    /// The deciding statements. Those of the caller's side come first.
    by: String,
    actions: String,
}

impl Row {
    fn new(proof: &Proof, decided: &Decided) -> Self {
        let call = &decided.call;
        let resource = call.resource.splitn(6, ':').collect::<Vec<_>>();
        let sides = [Layer::IdentityPolicies, Layer::ResourcePolicy]
            .map(|layer| side(proof, decided, layer));
        Self {
            step: call.step,
            verdict: decided.verdict,
            caller: match decided.instances {
                1 => call.caller_shown(),
                several => format!("{} × {}", call.caller.shown(), thousands(several)),
            },
            // In a table, the account is the only useful part of an ARN's prefix.
            resource: match resource.as_slice() {
                ["arn", _, _, _, "", rest] => (*rest).to_owned(),
                ["arn", _, _, _, account, rest] => format!("{account}:{rest}"),
                _ => call.resource.clone(),
            },
            by: match sides {
                [caller, resource] if caller.is_empty() => resource,
                [caller, resource] if resource.is_empty() => caller,
                [caller, resource] => format!("{caller}, and {resource}"),
            },
            actions: call.action.clone(),
        }
    }

    /// Adds a call if it differs only in its action. Returns whether it was added.
    fn takes(&mut self, other: &Self) -> bool {
        let key = |row: &Self| (row.step, row.verdict);
        let texts = |row: &Self| [&row.caller, &row.resource, &row.by].map(String::clone);
        if key(self) != key(other) || texts(self) != texts(other) {
            return false;
        }
        let action = other.actions.split(':').nth(1).unwrap_or_default();
        // Show the same action with different encryption contexts only once.
        let mut known = self.actions.split([':', ' ', ',']);
        if !known.any(|known| known == action) {
            self.actions += ", ";
            self.actions += action;
        }
        true
    }
}

/// Minimum width of the column of calls, even on a narrower terminal.
const LEAST_CALLS_WIDTH: usize = 40;

/// Returns the calls in execution order. Calls that differ only in their action share a row. The
/// deciding statements are listed below it.
pub(crate) fn calls_table(proof: &Proof, calls: &[&Decided]) -> Text {
    let mut rows: Vec<Row> = Vec::new();
    for decided in calls {
        let row = Row::new(proof, decided);
        if !rows.last_mut().is_some_and(|last| last.takes(&row)) {
            rows.push(row);
        }
    }
    let widths = rows.iter().map(|row| verdict_name(row.verdict).len());
    let width = widths.max().unwrap_or_default().max("decision".len());
    let mut out = Text::new();
    let mut line = |step: &str, decision: &str, rest: &str| {
        let mut first = format!("{step:<10}  {decision:<width$}");
        let left = first.len() + 2;
        let rest = match Stream::Results.width() {
            Some(columns) => wrapped(rest, columns.saturating_sub(left).max(LEAST_CALLS_WIDTH)),
            None => vec![rest.to_owned()],
        };
        for rest in rest {
            out.line(format!("{first}  {rest}").trim_end());
            first = " ".repeat(left - 2);
        }
    };
    line(
        "step",
        "decision",
        "caller, actions, resource, deciding statements",
    );
    for row in &rows {
        line(row.step.name(), verdict_name(row.verdict), &row.caller);
        line("", "", &format!("  {}", row.actions));
        line("", "", &format!("  on {}", row.resource));
        if !row.by.is_empty() {
            line("", "", &format!("  by {}", row.by));
        }
    }
    out
}

/// Explains the decision on a call layer by layer, with the statements that would allow it.
pub(crate) fn explanation(proof: &Proof, decided: &Decided, remedies: &[Remedy]) -> Text {
    let call = &decided.call;
    let is_attack = call.step == Step::Attack;
    let mut out = Text::new();
    out.prose(format_args!(
        "{}: {}: {} on {}",
        match is_attack {
            true => format!("must not be allowed ({})", call.id),
            false => verdict_name(decided.verdict).to_owned(),
        },
        call.caller_shown(),
        call.action,
        call.resource
    ));
    out.prose(format_args!(
        "  {} {}",
        match (is_attack, call.strength) {
            (true, _) => "on the resource at",
            (false, Strength::Needed) => "needed by",
            (false, Strength::Documented) => "documented for",
        },
        proof.at(call.place)
    ));
    out.prose(format_args!("  {}", decided.reason.because));
    if let Some(rejection) = decided.rejection() {
        let place = at_resource(proof, rejection.resource.as_deref(), ", ", rejection.place);
        out.prose(format_args!("  fix: {} ({place})", rejection.fix));
    }
    for layer in &decided.reason.layers {
        let says = match layer.outcome {
            evaluation::Outcome::Unknown => "not known",
            evaluation::Outcome::Allows => "allowed",
            evaluation::Outcome::Denies => "denied",
            evaluation::Outcome::Silent => "no statement applies",
            evaluation::Outcome::NotApplicable => "not evaluated",
        };
        let level = match layer.level {
            Some(level) if matches!(layer.layer, Layer::Scps | Layer::Rcps) => {
                format!(", level {}", level + 1)
            }
            _ => String::new(),
        };
        out.prose(format_args!("  {}{level}: {says}", layer_name(layer.layer)));
    }
    for decisive in &decided.decisive {
        let effect = match (decisive.effect, decisive.is_open) {
            (Effect::Allow, false) => "allows",
            (Effect::Deny, false) => "denies",
            (Effect::Allow, true) => "may allow",
            (Effect::Deny, true) => "may deny",
        };
        let name = decisive.sid.as_deref().unwrap_or("a statement");
        let place = at_resource(proof, Some(&decisive.resource), " at ", decisive.place);
        out.prose(format_args!("  {effect}: {name} of {place}"));
    }
    // Unknown inputs do not affect a denied call.
    if decided.verdict == Verdict::Unproven {
        unknowns(&mut out, proof, decided);
    }
    for remedy in remedies {
        let place = match (&remedy.resource, remedy.place) {
            (Some(resource), Some(place)) => at_resource(proof, Some(resource), ", ", place),
            _ => format!("a new policy ({})", layer_name(remedy.layer)),
        };
        out.prose(format_args!("  add to {place}:"));
        for text in escape::json(&remedy.statement).lines() {
            out.line(format_args!("    {text}"));
        }
    }
    out.push_str("\n");
    out
}

/// Returns a location, preceded by its resource, if any.
fn at_resource(proof: &Proof, resource: Option<&str>, then: &str, place: Place) -> String {
    let resource = resource.map_or(String::new(), |resource| format!("{resource}{then}"));
    resource + &proof.at(place)
}

/// Lists the unknown inputs of an unproven call, one per line.
pub(super) fn unknowns(out: &mut Text, proof: &Proof, decided: &Decided) {
    for missing in &decided.missing {
        out.prose(format_args!(
            "  missing: {}; add {}",
            missing.what, missing.option
        ));
    }
    for doubt in &decided.doubts {
        let resource = Some(doubt.resource.as_str()).filter(|resource| !resource.is_empty());
        let place = at_resource(proof, resource, " at ", doubt.place);
        out.prose(format_args!("  unknown: {} ({place})", doubt.reason));
    }
}

/// Describes the calls that need a statement, and the excess that it grants.
pub(super) fn serving(out: &mut Text, proof: &Proof, found: &StatementUse) {
    let count = found.excess.len();
    let actions: Vec<&str> = found.excess.iter().take(8).map(String::as_str).collect();
    let more = if count > actions.len() { ", …" } else { "" };
    let serves = plural(found.serves.len(), "call");
    let says = match (found.documented, count) {
        (None, 0) if found.is_unexplained() => "not needed by any call".to_owned(),
        (_, 0) => format!("needed by {serves}, no excess"),
        (Some(why), _) => format!("needed by {serves}; {why}"),
        (None, _) => format!(
            "needed by {serves}; {} in excess: {}{more}",
            plural(count, "action"),
            actions.join(", ")
        ),
    };
    let sid = found.sid.iter().map(|sid| format!(" {sid}"));
    let name = found.resource.clone() + &sid.collect::<String>();
    out.prose(format_args!("{} {name}: {says}", proof.at(found.place)));
}
