//! Parses YAML, which includes JSON, into a tree.

use std::collections::HashMap;
use std::mem;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span as ParserSpan, StrInput, Tag};

use super::{Diagnostic, Entry, Node, Source, Span, Value, syntax};

/// Maximum nesting depth, so that no document can overflow the call stack.
pub(super) const DEPTH_LIMIT: usize = 64;

/// A repeated key of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedKey {
    /// Position of the first occurrence.
    pub first: Span,
    /// Position of the last occurrence, whose value is used.
    pub last: Span,
    /// Number of occurrences.
    pub times: usize,
}

/// Parses a document with one YAML or JSON value.
///
/// Plain scalars are parsed as in CloudFormation: booleans follow YAML 1.1, dates remain text, and
/// numbers keep their written form. Flow collections and quoted text can be indented less than YAML
/// 1.2 requires, because CloudFormation accepts this. Anchors, aliases, and merge keys are
/// rejected, because not all CloudFormation tools support them. Repeated keys and a second document
/// are also rejected.
///
/// # Errors
///
/// Returns an error if the text is not YAML or contains a rejected construct. The error describes
/// the first problem.
pub fn read(source: &Source) -> Result<Node, Diagnostic> {
    Reader::new(source, Repeated::Refused).document()
}

/// Parses a document like [`read`], but uses the last value of a repeated key.
///
/// Also returns the repeated keys, including those in values that are not used.
///
/// # Errors
///
/// Returns an error if the text is not YAML or contains a rejected construct. The error describes
/// the first problem.
pub fn read_last_values(source: &Source) -> Result<(Node, Vec<RepeatedKey>), Diagnostic> {
    let mut reader = Reader::new(source, Repeated::Kept(Vec::new()));
    let root = reader.document()?;
    let mut repeated = match reader.repeated {
        Repeated::Kept(keys) => keys,
        Repeated::Refused => Vec::new(),
    };
    repeated.sort_by_key(|key| key.last);
    Ok((root, repeated))
}

/// The treatment of repeated keys.
enum Repeated {
    Refused,
    Kept(Vec<RepeatedKey>),
}

struct Reader<'s> {
    parser: Parser<'s, StrInput<'s>>,
    text: &'s str,
    repeated: Repeated,
}

impl<'s> Reader<'s> {
    fn new(source: &'s Source, repeated: Repeated) -> Self {
        let options = granit_parser::options! {
            // The behavior of libyaml.
            strict_indentation: false,
            block_scalar_eof_without_line_feed: true,
            // All aliases get the same error, with or without an anchor.
            emit_unresolved_aliases: true,
        };
        Self {
            parser: Parser::new_from_str_with_options(source.text(), options),
            text: source.text(),
            repeated,
        }
    }

    fn document(&mut self) -> Result<Node, Diagnostic> {
        let mut root = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_none() => {}
                Event::DocumentStart(..) => {
                    return Err(Diagnostic::new(
                        self.span(span),
                        "a second YAML document starts here",
                    )
                    .help("keep one document per file"));
                }
                other => root = Some(self.node(other, span, 0)?),
            }
        }
        Ok(root.unwrap_or_else(|| Node::synthetic(Value::Null, Span::default())))
    }

    fn next(&mut self) -> Result<Option<(Event<'s>, ParserSpan)>, Diagnostic> {
        self.parser.next().transpose().map_err(|error| {
            let at = self.byte(*error.marker());
            syntax::problem(self.text, at, error.kind())
        })
    }

    fn byte(&self, marker: Marker) -> usize {
        // A parser that reads a string always provides byte offsets.
        let at = marker.byte_offset().unwrap_or(usize::MAX);
        at.min(self.text.len())
    }

    /// Returns the position of an event, including its tag.
    fn span(&self, span: ParserSpan) -> Span {
        let start = self.byte(span.tag_start().unwrap_or(span.start));
        let end = self.byte(span.end);
        let text = self.text.get(start..end).unwrap_or_default();
        Span {
            start,
            end: start + text.trim_end().len(),
        }
    }

    fn node(&mut self, event: Event<'s>, at: ParserSpan, depth: usize) -> Result<Node, Diagnostic> {
        let span = self.span(at);
        if depth > DEPTH_LIMIT {
            return Err(syntax::too_deep(span));
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse_anchor(anchor, span)?;
                let plain = style == ScalarStyle::Plain && tag.is_none();
                Ok(Node {
                    value: if plain {
                        plain_scalar(&text)
                    } else {
                        Value::String(text.into_owned())
                    },
                    span,
                    tag: tag.and_then(|tag| tag_name(&tag)),
                })
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse_anchor(anchor, span)?;
                let mut items: Vec<Node> = Vec::new();
                let mut end = span.end;
                while let Some((event, at)) = self.next()? {
                    if matches!(event, Event::SequenceEnd) {
                        end = end.max(self.span(at).end);
                        break;
                    }
                    items.push(self.node(event, at, depth + 1)?);
                }
                Ok(Node {
                    span: Span {
                        start: span.start,
                        end: items.last().map_or(end, |item| item.span.end.max(span.end)),
                    },
                    value: Value::Sequence(items),
                    tag: tag.and_then(|tag| tag_name(&tag)),
                })
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse_anchor(anchor, span)?;
                let (entries, written) = self.mapping(depth)?;
                Ok(Node {
                    span: written.map_or(span, |written| Span {
                        start: written.start.min(span.start),
                        end: written.end.max(span.end),
                    }),
                    value: Value::Mapping(entries),
                    tag: tag.and_then(|tag| tag_name(&tag)),
                })
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => Err(alias_problem(span)),
            other => Err(Diagnostic::new(span, format!("unexpected {other:?}"))),
        }
    }

    /// Returns the used entries of a mapping, and the position of all entries.
    fn mapping(&mut self, depth: usize) -> Result<(Vec<Entry>, Option<Span>), Diagnostic> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut keys = Keys::default();
        while let Some((event, at)) = self.next()? {
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key_span = self.span(at);
            let key = match event {
                Event::Scalar(text, _, anchor, _) => {
                    refuse_anchor(anchor, key_span)?;
                    text.into_owned()
                }
                Event::Alias(_) | Event::UnresolvedAlias(_) => return Err(alias_problem(key_span)),
                _ => {
                    return Err(Diagnostic::new(key_span, "a key must be plain text")
                        .help("write `key: value`"));
                }
            };
            if key == "<<" {
                return Err(Diagnostic::new(key_span, "merge keys are not supported")
                    .help("write out the merged entries"));
            }
            let is_repeated = keys.add(&key, key_span, entries.len());
            if is_repeated && matches!(self.repeated, Repeated::Refused) {
                let key = crate::escape::spelled(&key);
                return Err(Diagnostic::new(key_span, format!("duplicate key `{key}`"))
                    .help("keep one of them"));
            }
            let Some((event, at)) = self.next()? else {
                return Err(Diagnostic::new(key_span, format!("`{key}` has no value")));
            };
            let mut value = self.node(event, at, depth + 1)?;
            if value.span.start >= value.span.end {
                // An empty value has no position, so use the position of its key.
                value.span = key_span;
            }
            entries.push(Entry {
                key,
                key_span,
                value,
            });
        }
        let written = entries
            .first()
            .zip(entries.last())
            .map(|(first, last)| Span {
                start: first.key_span.start,
                end: last.value.span.end,
            });
        if let Repeated::Kept(found) = &mut self.repeated {
            keys.keep_last(&mut entries, found);
        }
        Ok((entries, written))
    }
}

/// The keys of a mapping during parsing.
#[derive(Default)]
struct Keys {
    /// Each key with the index of its used entry.
    seen: HashMap<String, (usize, RepeatedKey)>,
    /// The indexes of the unused entries.
    dropped: Vec<usize>,
}

impl Keys {
    /// Adds the key of the entry at index `number`. Returns whether the mapping already has it.
    fn add(&mut self, key: &str, span: Span, number: usize) -> bool {
        if let Some((counts, key)) = self.seen.get_mut(key) {
            self.dropped.push(mem::replace(counts, number));
            key.last = span;
            key.times += 1;
            return true;
        }
        let once = RepeatedKey {
            first: span,
            last: span,
            times: 1,
        };
        self.seen.insert(key.to_owned(), (number, once));
        false
    }

    /// Removes the unused entries and adds their keys to `repeated`.
    fn keep_last(mut self, entries: &mut Vec<Entry>, repeated: &mut Vec<RepeatedKey>) {
        if self.dropped.is_empty() {
            return;
        }
        self.dropped.sort_unstable();
        let mut number = 0;
        entries.retain(|_| {
            let counts = self.dropped.binary_search(&number).is_err();
            number += 1;
            counts
        });
        let seen = self.seen.into_values().map(|(_, key)| key);
        repeated.extend(seen.filter(|key| key.times > 1));
    }
}

fn refuse_anchor(anchor: usize, span: Span) -> Result<(), Diagnostic> {
    if anchor == 0 {
        Ok(())
    } else {
        Err(alias_problem(span))
    }
}

fn alias_problem(span: Span) -> Diagnostic {
    Diagnostic::new(span, "anchors and aliases are not supported").help("write out the value")
}

/// Returns the name of a tag, such as `Sub` for `!Sub`; `None` for standard YAML tags (`!!str`,
/// `!`).
fn tag_name(tag: &Tag) -> Option<String> {
    let is_own = tag.is_yaml_core_schema() || matches!(tag.parts(), ("", "!") | ("!", ""));
    (!is_own).then(|| tag.suffix().to_owned())
}

/// Parses an unquoted scalar as in YAML 1.1, except that dates and sexagesimal numbers remain text,
/// and numbers keep their written form.
fn plain_scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Value::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::String(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+' || c == '.')
        && text.ends_with(|c: char| c.is_ascii_digit() || c == '.')
        && text.contains(|c: char| c.is_ascii_digit())
        && text.parse::<f64>().is_ok()
}
