//! The templates and policies themselves, with their lines numbered and every statement marked.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};
use sha2::{Digest as _, Sha256};

use super::links::{Links, anchor};
use super::{Contents, count};
use crate::proof::{Proof, StatementUse};
use crate::syntax::{Node, Source, Span, Value, read};

/// A statement of a document.
struct Mark {
    span: Span,
    looks: &'static str,
    /// What is said of it.
    title: String,
}

pub(super) fn part(contents: &Contents<'_>, links: &Links<'_>) -> Markup {
    let proof = contents.proof;
    let shown = proof.files.iter().enumerate().filter(|(file, _)| {
        // Beside the templates what is pointed to: the rest is what the proof assumes.
        *file < contents.lint.len() || !links.into(*file).is_empty()
    });
    let uses = by_place(proof);
    html! {
        p {
            "Marked are the statements of policies: "
            mark class="allow" { "allows what the run needs" } ", "
            mark class="excess" { "allows more" } ", "
            mark class="deny" { "denies" } "."
        }
        @for (file, source) in shown {
            details class="source" id=(format!("file-{file}")) data-find {
                summary {
                    h3 { (source.name()) } " "
                    (count(source.text().lines().count(), "line")) ", SHA-256 "
                    code class="digest" { (digest(source)) }
                }
                (code_of(source, file, &uses, &links.into(file)))
            }
        }
    }
}

fn digest(source: &Source) -> String {
    let digest = Sha256::digest(source.text());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

type Uses<'p> = BTreeMap<(usize, usize), &'p StatementUse>;

fn by_place(proof: &Proof) -> Uses<'_> {
    let statements = proof.excess.statements.iter();
    statements
        .map(|found| ((found.place.file, found.place.span.start), found))
        .collect()
}

fn code_of(source: &Source, file: usize, uses: &Uses<'_>, wanted: &[usize]) -> Markup {
    let text = source.text();
    let mut marks = Vec::new();
    if let Ok(document) = read(source) {
        statements(&document, &mut |span, effect| {
            marks.push(mark(span, effect, uses.get(&(file, span.start)).copied()));
        });
    }
    let lines = text.lines().count();
    let numbers: Vec<String> = (1..=lines).map(|line| line.to_string()).collect();
    let mut wanted: BTreeSet<usize> = wanted.iter().copied().collect();
    let mut parts = Vec::new();
    let mut at = 0;
    for mark in &marks {
        // Nothing is marked twice.
        if mark.span.start < at {
            continue;
        }
        parts.push(plain(text, at..mark.span.start, file, &wanted));
        wanted.remove(&mark.span.start);
        parts.push(html! {
            mark class=(mark.looks) id=(anchor(file, mark.span.start)) title=(mark.title) {
                (plain(text, mark.span.start..mark.span.end, file, &wanted))
            }
        });
        at = mark.span.end;
    }
    parts.push(plain(text, at..text.len() + 1, file, &wanted));
    html! {
        div class="code" tabindex="0" role="region" aria-label=(source.name()) {
            pre class="numbers" aria-hidden="true" { (numbers.join("\n")) }
            pre { code { @for part in &parts { (part) } } }
        }
    }
}

/// Text, with an anchor at every place that is wanted.
fn plain(
    text: &str,
    range: std::ops::Range<usize>,
    file: usize,
    wanted: &BTreeSet<usize>,
) -> Markup {
    let mut at = range.start;
    let mut parts = Vec::new();
    for start in wanted.range(range.clone()).copied() {
        parts.push((text.get(at..start), Some(start)));
        at = start;
    }
    parts.push((text.get(at..range.end.min(text.len())), None));
    html! {
        @for (part, start) in parts {
            (part.unwrap_or_default())
            @if let Some(start) = start { span id=(anchor(file, start)) {} }
        }
    }
}

fn mark(span: Span, effect: &str, used: Option<&StatementUse>) -> Mark {
    let (looks, title) = match (effect, used) {
        ("Deny", _) => ("deny", "denies".to_owned()),
        (_, Some(used)) if !used.excess.is_empty() && used.documented.is_none() => (
            "excess",
            format!(
                "allows {} that no call needs",
                count(used.excess.len(), "action")
            ),
        ),
        (_, Some(used)) => (
            "allow",
            match used.documented {
                Some(why) => why.to_owned(),
                None => format!("serves {}", count(used.serves.len(), "call")),
            },
        ),
        (_, None) => ("allow", "allows".to_owned()),
    };
    Mark { span, looks, title }
}

/// Every statement of a document, in its order.
fn statements<'n>(node: &'n Node, found: &mut dyn FnMut(Span, &'n str)) {
    match &node.value {
        Value::Mapping(entries) => {
            let effect = node.get("Effect").and_then(Node::as_str);
            let acts = node.get("Action").or_else(|| node.get("NotAction"));
            match (effect, acts) {
                (Some(effect), Some(_)) => found(node.span, effect),
                _ => entries
                    .iter()
                    .for_each(|entry| statements(&entry.value, found)),
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| statements(item, found)),
        _ => {}
    }
}
