//! The engine: asks Guard, and says what it answers at its place in the template.
//!
//! All built-in rules are joined into one text, because Guard parses and copies the document
//! once for every rule text. Files of users stay apart, so that their variables cannot meet.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Cursor;

use cfn_guard::commands::Executable;
use cfn_guard::commands::validate::{OutputFormatType, ShowSummaryType};
use cfn_guard::utils::reader::{ReadBuffer, Reader};
use cfn_guard::utils::writer::{WriteBuffer, Writer};
use cfn_guard::{CommandBuilder, ValidateBuilder};

use super::answer::{self, Answer, Failure, Message};
use super::rules::is_embedded;
use super::suppress::{UNKNOWN_SUPPRESSION, suppressions};
use super::{Finding, Report, Rule, Severity, embedded, template};
use crate::syntax::{Node, Source};

/// Why a lint could not say anything. Every one of these would otherwise look like "no
/// findings".
#[derive(Debug, thiserror::Error)]
pub enum LintError {
    /// There are no rules, or no templates.
    #[error("nothing was checked: there are no {0}")]
    Nothing(&'static str),
    /// A template has no resources.
    #[error("nothing was checked: `{template}` has no resources")]
    NoResources {
        /// The name of its source.
        template: String,
    },
    /// Two files hold rules of the same name.
    #[error("the rule `{rule}` is in `{first}` and in `{second}`")]
    SameName {
        /// The name.
        rule: String,
        /// The file that came first.
        first: String,
        /// The other file.
        second: String,
    },
    /// Guard refused the rules or the template.
    #[error("Guard could not check `{template}`: {reason}")]
    Refused {
        /// The name of the template's source.
        template: String,
        /// What Guard says.
        reason: String,
    },
    /// Guard did not answer in its usual form.
    #[error("Guard's answer on `{template}` was not understood: {reason}")]
    Answer {
        /// The name of the template's source.
        template: String,
        /// What was not understood.
        reason: String,
    },
    /// Guard panicked, or its thread could not be started.
    #[error("Guard broke off while checking `{template}`")]
    BrokeOff {
        /// The name of the template's source.
        template: String,
    },
}

/// Guard evaluates recursively, deeper than a document is nested.
const STACK_SIZE: usize = 16 * 1024 * 1024;

/// Checks templates against rules; one report for each template, in their order.
///
/// # Errors
/// Where something could not be checked, which is never the same as "no findings".
pub fn check(rules: &[Rule], templates: &[(&Source, &Node)]) -> Result<Vec<Report>, LintError> {
    if rules.is_empty() {
        return Err(LintError::Nothing("rules"));
    }
    if templates.is_empty() {
        return Err(LintError::Nothing("templates"));
    }
    let rules = RuleSet::new(rules)?;
    std::thread::scope(|scope| {
        let rules = &rules;
        let threads: Vec<_> = templates
            .iter()
            .map(|(source, node)| {
                let thread = std::thread::Builder::new()
                    .stack_size(STACK_SIZE)
                    .spawn_scoped(scope, move || check_one(rules, source.name(), node));
                (source.name(), thread)
            })
            .collect();
        threads
            .into_iter()
            .map(|(name, thread)| {
                let broke_off = || LintError::BrokeOff {
                    template: name.to_owned(),
                };
                thread
                    .map_err(|_| broke_off())?
                    .join()
                    .map_err(|_| broke_off())?
            })
            .collect()
    })
}

/// Rules by name, and the texts to give to Guard.
struct RuleSet<'r> {
    by_name: HashMap<&'r str, &'r Rule>,
    texts: Vec<Cow<'r, str>>,
    known: Vec<&'r str>,
    count: usize,
}

impl<'r> RuleSet<'r> {
    fn new(rules: &'r [Rule]) -> Result<Self, LintError> {
        let mut by_name: HashMap<&str, &Rule> = HashMap::new();
        for rule in rules {
            let Some(first) = by_name.insert(&rule.name, rule) else {
                continue;
            };
            // Clauses outside any rule all go by the same name, in every file.
            if first.file != rule.file && rule.name != "default" {
                return Err(LintError::SameName {
                    rule: rule.name.clone(),
                    first: first.file.clone(),
                    second: rule.file.clone(),
                });
            }
        }
        let (ours, theirs): (Vec<&Rule>, Vec<&Rule>) =
            rules.iter().partition(|rule| is_embedded(rule));
        let mut texts: Vec<Cow<str>> = Vec::new();
        if !ours.is_empty() {
            let joined: Vec<&str> = ours.iter().map(|rule| rule.text.as_str()).collect();
            texts.push(Cow::Owned(joined.join("\n")));
        }
        let mut files: Vec<&str> = Vec::new();
        for rule in theirs {
            if !files.contains(&rule.file.as_str()) {
                files.push(&rule.file);
                texts.push(Cow::Borrowed(&rule.text));
            }
        }
        Ok(Self {
            known: by_name.keys().copied().collect(),
            count: by_name.len(),
            by_name,
            texts,
        })
    }
}

fn check_one(rules: &RuleSet, name: &str, node: &Node) -> Result<Report, LintError> {
    if node
        .get("Resources")
        .and_then(Node::entries)
        .is_none_or(<[_]>::is_empty)
    {
        return Err(LintError::NoResources {
            template: name.to_owned(),
        });
    }
    let mut findings = Vec::new();
    for variant in template::variants(node) {
        let answer = ask(&rules.texts, name, &variant)?;
        if let Some(missed) = rules
            .by_name
            .keys()
            .find(|rule| !answer.evaluated.contains(**rule))
        {
            return Err(LintError::Answer {
                template: name.to_owned(),
                reason: format!("it says nothing about the rule `{missed}`"),
            });
        }
        findings.extend(
            answer
                .failures
                .into_iter()
                .map(|failure| finding(rules, &variant, failure)),
        );
    }
    let mut known = rules.known.clone();
    let ours = embedded();
    known.extend(ours.iter().map(|rule| rule.name.as_str()));
    known.push(UNKNOWN_SUPPRESSION);
    let (suppressed, unknown) = suppressions(node, &known);
    findings.extend(unknown);
    let mut report = Report {
        findings,
        suppressed,
        rules_checked: rules.count,
    };
    report.sort();
    Ok(report)
}

/// Asks Guard through its `validate` command, with a payload and its structured output: the
/// library's own `run_checks` cuts long reports short.
fn ask(rules: &[Cow<str>], name: &str, template: &Node) -> Result<Answer, LintError> {
    let refused = |reason: String| LintError::Refused {
        template: name.to_owned(),
        reason,
    };
    let payload = serde_json::json!({
        "rules": rules,
        "data": [template::to_guard_json(template)],
    })
    .to_string();
    let command = ValidateBuilder::default()
        .payload(true)
        .structured(true)
        .output_format(OutputFormatType::JSON)
        .show_summary(vec![ShowSummaryType::None])
        .try_build()
        .map_err(|error| refused(error.to_string()))?;
    let mut reader = Reader::new(ReadBuffer::Cursor(Cursor::new(payload.into_bytes())));
    let mut writer = Writer::new_with_err(WriteBuffer::Vec(vec![]), WriteBuffer::Vec(vec![]))
        .map_err(|error| refused(error.to_string()))?;
    match command.execute(&mut writer, &mut reader) {
        // Its codes for "compliant" and "not compliant".
        Ok(0 | 19) => {}
        Ok(code) => {
            let said = writer.err_to_stripped().unwrap_or_default();
            return Err(refused(format!("it ended with {code}. {}", said.trim())));
        }
        Err(error) => return Err(refused(error.to_string())),
    }
    writer
        .into_string()
        .map_err(|error| error.to_string())
        .and_then(|text| answer::read(&text))
        .map_err(|reason| LintError::Answer {
            template: name.to_owned(),
            reason,
        })
}

fn finding(rules: &RuleSet, template: &Node, failure: Failure) -> Finding {
    let rule = rules.by_name.get(failure.rule.as_str());
    let place = template::locate(template, &failure.path, &failure.missing);
    let header = |text: fn(&Rule) -> &str| {
        rule.map(|rule| text(rule).to_owned())
            .filter(|text| !text.is_empty())
    };
    let (message, fix) = match failure.message {
        Message::Author(words) => {
            let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
            let words = words.strip_prefix("Violation:").unwrap_or(&words).trim();
            match words.split_once("Fix:") {
                Some((message, fix)) => {
                    let message = message.trim().trim_end_matches('.');
                    (message.to_owned(), Some(fix.trim().to_owned()))
                }
                None => (words.to_owned(), None),
            }
        }
        Message::Clause(clause) => (
            header(|rule| &rule.what).unwrap_or_else(|| format!("this does not hold: {clause}")),
            None,
        ),
    };
    Finding {
        severity: rule.map_or(Severity::Error, |rule| rule.severity),
        rule: failure.rule,
        resource: place.resource,
        path: place.path,
        span: place.span,
        message,
        fix: fix.or_else(|| header(|rule| &rule.fix)),
    }
}
