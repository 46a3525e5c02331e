//! Formats a diagnosis as text: the differences from the configuration, the result, the findings
//! with causes first, and the items that could not be read.

use crate::diagnostic::Severity;
use crate::doctor::live::View;
use crate::doctor::{Finding, Fix, Health};
use crate::escape::{self, shown};
use anstyle::{AnsiColor, Style};

use super::examined::Examined;
use crate::cli::output::{Text, table};

/// Commands longer than this contain a whole policy, and are shown only with `--verbose`.
const LONGEST_COMMAND: usize = 400;

/// Formats the diagnosis.
pub(super) fn text(examined: &Examined<'_>) -> Text {
    let diagnosis = examined.diagnosis;
    let mut out = Text::from(&difference(examined));
    let pipeline = shown(examined.pipeline());
    out.push_str(&format!("{pipeline}: {}\n", summary(examined)));
    for finding in &diagnosis.findings {
        out.push_str("\n");
        out.append(&finding_text(examined, finding));
    }
    if !diagnosis.unread.is_empty() {
        out.push_str("\nNot read (no assumptions are made):\n");
        let rows: Vec<Vec<String>> = diagnosis
            .unread
            .iter()
            .map(|unread| {
                vec![
                    format!("  {}", unread.account),
                    unread.what.clone(),
                    unread.refusal.action.clone(),
                ]
            })
            .collect();
        out.push_str(&table(&["  account", "item", "permission"], &rows, &[]));
        let mut reasons: Vec<&str> = diagnosis
            .unread
            .iter()
            .map(|unread| unread.refusal.reason.as_str())
            .collect();
        reasons.sort_unstable();
        reasons.dedup();
        for reason in reasons {
            out.push_str(&format!("  {}\n", shown(reason)));
        }
        let commands = examined
            .views
            .policies(examined.scope.accounts.screen.global, diagnosis);
        if !commands.is_empty() {
            out.push_str("  To print the required policy, run:\n");
        }
        for command in commands {
            out.push_str(&format!("    $ {command}\n"));
        }
    }
    if !diagnosis.undecided.is_empty() {
        out.push_str("\nNot evaluated:\n");
        for (what, calls) in &diagnosis.undecided {
            let calls = count(*calls, "call depends", "calls depend");
            out.push_str(&format!("  {calls} on {}\n", shown(what)));
        }
    }
    out
}

/// Formats the differences between the configuration and the deployed stacks.
fn difference(examined: &Examined<'_>) -> String {
    let differences = examined.differences();
    if differences.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = differences
        .iter()
        .map(|(place, difference)| {
            vec![
                format!("  {}", place.stack),
                place.account.clone(),
                place.region.clone(),
                difference.text().to_owned(),
            ]
        })
        .collect();
    let stacks = table(&["  stack", "account", "region", "state"], &rows, &[]);
    format!(
        "The configuration differs from the deployed stacks. For details, run `{}`.\n{stacks}\
         The diagnosis applies to the deployed stacks.\n\n",
        examined.diff(&differences)
    )
}

/// Formats the summary line.
fn summary(examined: &Examined<'_>) -> String {
    let diagnosis = examined.diagnosis;
    let causes = diagnosis.errors().count();
    let consequences: usize = diagnosis
        .findings
        .iter()
        .map(|finding| finding.consequences.len())
        .sum();
    let differences = diagnosis.findings.len() - causes;
    let undecided: usize = diagnosis.undecided.values().sum();
    let mut parts = Vec::new();
    match diagnosis.health() {
        Health::Healthy => {
            let accounts = examined.views.accounts.iter();
            let seen: Vec<&str> = accounts
                .filter(|(_, view)| matches!(view, View::By(_)))
                .map(|(account, _)| account.as_str())
                .collect();
            return format!(
                "no problems found: {} of a pipeline execution {} allowed by the live state of {}",
                count(diagnosis.calls, "call", "calls"),
                if diagnosis.calls == 1 { "is" } else { "are" },
                joined(&seen),
            );
        }
        Health::Incomplete => parts.push(format!(
            "no problems found in the items that were read: {} of {} evaluated",
            diagnosis.calls,
            count(diagnosis.all_calls(), "call", "calls")
        )),
        Health::Findings => {
            if causes > 0 {
                parts.push(count(causes, "cause", "causes"));
                parts.push(count(consequences, "consequence", "consequences"));
            }
            if differences > 0 {
                parts.push(count(differences, "difference", "differences"));
            }
            if undecided > 0 {
                parts.push(format!(
                    "{} not evaluated",
                    count(undecided, "call", "calls")
                ));
            }
        }
    }
    if !diagnosis.unread.is_empty() {
        parts.push(format!(
            "{} not read",
            count(diagnosis.unread.len(), "item", "items")
        ));
    }
    parts.join(", ")
}

/// Joins names with commas, and with `and` before the last name.
fn joined(names: &[&str]) -> String {
    match names {
        [one] => (*one).to_owned(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
        [] => String::new(),
    }
}

fn count(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

fn finding_text(examined: &Examined<'_>, finding: &Finding) -> Text {
    let verbose = examined.scope.accounts.screen.global.verbose;
    let (word, color) = match finding.severity {
        Severity::Error => ("error", AnsiColor::Red),
        Severity::Warning => ("warning", AnsiColor::Yellow),
        Severity::Note => ("note", AnsiColor::Cyan),
    };
    let style = Style::new().fg_color(Some(color.into())).bold();
    let mut out = Text::new();
    out.styled(style, word);
    out.push_str(&format!(
        "[{}]: {} in {}\n  {}\n",
        finding.rule.code(),
        shown(&finding.resource),
        finding.account,
        shown(&finding.message)
    ));
    for consequence in &finding.consequences {
        out.push_str(&format!("    so {}\n", shown(consequence)));
    }
    let mut hidden = false;
    let mut policy = "";
    for fix in &finding.fixes {
        match fix {
            Fix::Advice(text) => out.push_str(&format!("  fix: {}\n", shown(text))),
            Fix::Command(command) if command.len() > LONGEST_COMMAND && !verbose => {
                hidden = true;
            }
            Fix::Command(command) => out.push_str(&format!("    $ {}\n", shown(command))),
            Fix::Run(words) => out.push_str(&format!("    $ {}\n", examined.command(words))),
            Fix::Add { to, statement } => {
                if to != policy {
                    out.push_str(&format!("  in {}:\n", shown(to)));
                    policy = to;
                }
                for line in escape::json(&format!("{statement:#}")).lines() {
                    out.push_str(&format!("    {line}\n"));
                }
            }
        }
    }
    if hidden {
        out.push_str("    (to see the command that replaces the whole policy, use -v)\n");
    }
    out
}
