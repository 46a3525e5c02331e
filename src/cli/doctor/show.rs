//! A diagnosis, written for people: what it comes to, then the findings, causes first, then what
//! could not be read.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};
use s3ferry::doctor::live::View;
use s3ferry::doctor::{Diagnosis, Finding, Fix};
use s3ferry::escape::{self, shown};
use s3ferry::lint::Severity;

use super::{Patient, Views};
use crate::cli::output::{Text, table};

/// A longer command holds a whole policy, and is shown with `--verbose` only.
const LONGEST_COMMAND: usize = 400;

/// The diagnosis.
pub(super) fn text(patient: &Patient<'_>, views: &Views, diagnosis: &Diagnosis) -> Text {
    let pipeline = &patient.project.plan.dev.pipeline;
    let summary = summary(&views.accounts, diagnosis);
    let mut out = Text::from(&format!("{pipeline}: {summary}\n"));
    for finding in &diagnosis.findings {
        out.push_str("\n");
        out.append(&finding_text(finding, patient.global.verbose));
    }
    if !diagnosis.unread.is_empty() {
        out.push_str("\nNot read, and nothing is assumed of it:\n");
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
        out.push_str(&table(&["  account", "what", "needs"], &rows, &[]));
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
        let commands = views.policies(patient.global, diagnosis);
        if !commands.is_empty() {
            out.push_str("  The policy that it takes to look:\n");
        }
        for command in commands {
            out.push_str(&format!("    $ {command}\n"));
        }
    }
    if !diagnosis.undecided.is_empty() {
        out.push_str("\nNot decided:\n");
        for (what, calls) in &diagnosis.undecided {
            let calls = count(*calls, "call depends", "calls depend");
            out.push_str(&format!("  {calls} on {}\n", shown(what)));
        }
    }
    out
}

/// One line on all of it.
pub(super) fn summary(accounts: &BTreeMap<String, View>, diagnosis: &Diagnosis) -> String {
    let causes = diagnosis.errors().count();
    let consequences: usize = diagnosis
        .findings
        .iter()
        .map(|finding| finding.consequences.len())
        .sum();
    let differences = diagnosis.findings.len() - causes;
    let undecided: usize = diagnosis.undecided.values().sum();
    let mut parts = Vec::new();
    if causes > 0 {
        parts.push(count(causes, "cause", "causes"));
        parts.push(count(consequences, "consequence", "consequences"));
    }
    if differences > 0 {
        parts.push(count(differences, "difference", "differences"));
    }
    if parts.is_empty() {
        let seen: Vec<&str> = accounts
            .iter()
            .filter(|(_, view)| matches!(view, View::By(_)))
            .map(|(account, _)| account.as_str())
            .collect();
        parts.push(format!(
            "nothing is wrong: {} of a run {} allowed by what stands in {}",
            count(diagnosis.calls, "call", "calls"),
            if diagnosis.calls == 1 { "is" } else { "are" },
            seen.join(" and "),
        ));
    }
    if undecided > 0 {
        parts.push(format!("{} not decided", count(undecided, "call", "calls")));
    }
    if !diagnosis.unread.is_empty() {
        parts.push(format!(
            "{} not read",
            count(diagnosis.unread.len(), "thing", "things")
        ));
    }
    parts.join(", ")
}

fn count(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

fn finding_text(finding: &Finding, verbose: bool) -> Text {
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
        finding.rule,
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
        out.push_str("    (-v shows the command that puts the whole policy)\n");
    }
    out
}
