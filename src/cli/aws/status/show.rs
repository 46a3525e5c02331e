//! Formats the stacks: a table, and the details below it.

use std::fmt::Write as _;

use crate::deploy::next::StackState;
use crate::deploy::protection::Guard;
use crate::deploy::time;
use crate::deploy::view::View;
use crate::escape::shown;
use anstyle::{AnsiColor, Style};

use super::entry::word;
use super::seen::Seen;
use super::source::Deliveries;
use crate::cli::output::{self, Text};

impl Seen {
    pub(super) fn row(&self) -> Vec<String> {
        let step = &self.step;
        let mut row = vec![
            step.stack.clone(),
            step.account.to_string(),
            step.region.to_string(),
        ];
        if let StackState::StackSet {
            complete,
            comparison,
        } = &self.found
        {
            let state = if *complete {
                "stack set, current"
            } else {
                "stack set, INCOMPLETE"
            };
            row.extend([state, "-", word(Some(comparison))].map(str::to_owned));
            return row;
        }
        let Some(view) = self.view() else {
            let state = if self.failure.is_some() {
                "cannot be read"
            } else {
                "not deployed"
            };
            row.push(state.to_owned());
            return row;
        };
        let stack = &view.stack;
        row.extend([
            stack.status.clone(),
            protection(view).to_owned(),
            word(view.comparison.as_ref()).to_owned(),
            drift(view),
            time::utc(stack.changed),
        ]);
        row
    }
}

/// Describes the protection of a stack: its termination protection and its stack policy.
fn protection(view: &View) -> &'static str {
    match (view.stack.protected, &view.guard) {
        (true, Guard::InForce) => "on",
        (true, Guard::Open(_)) => "policy open",
        (true, Guard::Unread(_)) => "policy unknown",
        (false, Guard::Open(_)) => "off",
        (false, Guard::InForce | Guard::Unread(_)) => "deletion off",
    }
}

fn drift(view: &View) -> String {
    let stack = &view.stack;
    let found = match stack.drift.as_str() {
        "IN_SYNC" => "none",
        "DRIFTED" => "drifted",
        _ => return "-".to_owned(),
    };
    match stack.drift_checked {
        Some(checked) => format!("{found}, {}", time::utc(checked)),
        None => found.to_owned(),
    }
}

pub(super) fn text(seen: &[Seen], deliveries: Option<&Deliveries>, hints: &[String]) -> Text {
    // The stack name ends with the template name.
    const HEADER: [&str; 8] = [
        "stack",
        "account",
        "region",
        "state",
        "protected",
        "template",
        "drift",
        "changed (UTC)",
    ];
    let rows: Vec<Vec<String>> = seen.iter().map(Seen::row).collect();
    let mut out = Text::from(&output::table(&HEADER, &rows, &[]));
    for one in seen {
        let place = format!(
            "{} in {}, {}",
            one.step.stack, one.step.account, one.step.region
        );
        if let Some(failure) = &one.failure {
            let _ = writeln!(out, "\n{place} cannot be read: {}", failure.message());
        }
        if let Some(missing) = one.unprotected() {
            let yellow = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
            out.push_str("\n");
            out.styled(yellow, &format!("{place} is not protected: {missing}"));
            out.push_str("\n");
        }
        if let Some(view) = one.view() {
            if let Guard::Unread(problem) = &view.guard {
                let _ = writeln!(out, "\n{place}: the stack policy is unknown: {problem}");
            }
            out.append(&details(&place, view));
        }
    }
    if let Some(deliveries) = deliveries {
        out.append(&deliveries.text());
    }
    if !hints.is_empty() {
        out.push_str("\nNext:\n");
        for hint in hints {
            let _ = writeln!(out, "  {}", shown(hint));
        }
    }
    out
}

/// Formats the details of a stack.
fn details(place: &str, view: &View) -> Text {
    let mut out = Text::new();
    if let Some(cause) = &view.cause {
        let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
        out.push_str("\n");
        out.styled(red, &format!("{place}: {}", shown(&cause.to_string())));
        out.push_str("\n");
        if !cause.hint.is_empty() {
            let _ = writeln!(out, "  Fix: {}", shown(&cause.hint));
        }
    }
    for one in view.drifted.iter().flatten() {
        let _ = writeln!(
            out,
            "\n{place}: {} ({}) was {} outside CloudFormation",
            shown(&one.logical_id),
            shown(&one.resource_type),
            shown(&one.status.to_lowercase())
        );
        for difference in &one.differences {
            let _ = writeln!(
                out,
                "  {}: {} instead of {}",
                shown(&difference.path),
                shown(&short(&difference.actual)),
                shown(&short(&difference.expected))
            );
        }
    }
    if !view.stack.outputs.is_empty() {
        let _ = writeln!(out, "\n{place}");
        out.push_str(&output::outputs(&view.stack.outputs));
    }
    out
}

/// Maximum length of a value.
const LONGEST_VALUE: usize = 120;

fn short(value: &str) -> String {
    match value.char_indices().nth(LONGEST_VALUE) {
        Some((at, _)) => format!("{} …", &value[..at]),
        None if value.is_empty() => "nothing".to_owned(),
        None => value.to_owned(),
    }
}
