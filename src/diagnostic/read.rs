//! Text to tree: strict YAML, of which JSON is a part.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span as ParserSpan};

use super::{Diagnostic, Entry, Node, Source, Span, Value};

/// Nesting beyond this is refused, so that no document can exhaust the stack.
const DEPTH_LIMIT: usize = 64;

/// Reads a document of one YAML or JSON value.
///
/// Plain scalars are read as CloudFormation does (YAML 1.1 booleans, but dates and numbers
/// with a leading zero stay text). CloudFormation supports no anchors across all of its tools,
/// so anchors, aliases and merge keys are refused, as are repeated keys and a second document.
///
/// # Errors
/// The first problem, with its place: text that is not YAML, or one of the above.
pub fn read(source: &Source) -> Result<Node, Diagnostic> {
    let joined = join_surrogates(source.text());
    let (text, byte_of_char) = match &joined {
        Some((text, bytes)) => (text.as_str(), Some(bytes.clone())),
        None => (
            source.text(),
            (!source.text().is_ascii())
                .then(|| source.text().char_indices().map(|(at, _)| at).collect()),
        ),
    };
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        text: source.text(),
        byte_of_char,
    };
    let mut root = None;
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) if root.is_none() => {}
            Event::DocumentStart(_) => {
                return Err(Diagnostic::new(
                    reader.span(span),
                    "a second YAML document begins here",
                )
                .help("keep one document in a file"));
            }
            other => root = Some(reader.node(other, span, 0)?),
        }
    }
    Ok(root.unwrap_or_else(|| Node::synthetic(Value::Null, Span::default())))
}

/// JSON writes a character beyond 16 bits as two escapes, which YAML does not know. Gives the text
/// with the characters themselves, and for each of its characters the byte of the original;
/// nothing where there is nothing to join.
fn join_surrogates(text: &str) -> Option<(String, Vec<usize>)> {
    if !text.trim_start().starts_with(['{', '[']) || !text.contains("\\u") {
        return None;
    }
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut joined = String::with_capacity(text.len());
    let mut bytes = Vec::with_capacity(text.len());
    let mut found = false;
    let mut skip_to = 0;
    for (at, c) in text.char_indices() {
        if at < skip_to {
            continue;
        }
        bytes.push(at);
        let pair = (c == '\\')
            .then(|| Some([unit(at)?, unit(at + 6)?]))
            .flatten();
        let whole = pair.and_then(
            |pair| match char::decode_utf16(pair).collect::<Vec<_>>()[..] {
                [Ok(whole)] => Some(whole),
                _ => None,
            },
        );
        if let Some(whole) = whole {
            joined.push(whole);
            skip_to = at + 12;
            found = true;
        } else if c == '\\' {
            // What is escaped is not the beginning of another escape.
            joined.push(c);
            if let Some(next) = text[at + 1..].chars().next() {
                joined.push(next);
                bytes.push(at + 1);
                skip_to = at + 1 + next.len_utf8();
            }
        } else {
            joined.push(c);
        }
    }
    found.then_some((joined, bytes))
}

struct Reader<'s> {
    parser: Parser<'s, saphyr_parser::StrInput<'s>>,
    text: &'s str,
    /// The parser counts characters; `None` where those are bytes anyway.
    byte_of_char: Option<Vec<usize>>,
}

impl<'s> Reader<'s> {
    fn next(&mut self) -> Result<Option<(Event<'s>, ParserSpan)>, Diagnostic> {
        self.parser.next().transpose().map_err(|error| {
            let at = self.byte(*error.marker());
            Diagnostic::new(
                Span { start: at, end: at },
                format!("this is not valid YAML: {}", error.info()),
            )
            .help("check indentation and quotes around this line")
        })
    }

    fn byte(&self, marker: Marker) -> usize {
        let at = match &self.byte_of_char {
            None => marker.index(),
            Some(bytes) => bytes.get(marker.index()).copied().unwrap_or(usize::MAX),
        };
        at.min(self.text.len())
    }

    fn span(&self, span: ParserSpan) -> Span {
        let start = self.byte(span.start);
        let end = self.byte(span.end);
        let text = &self.text[start..end.max(start)];
        Span {
            start,
            end: start + text.trim_end().len(),
        }
    }

    fn node(&mut self, event: Event<'s>, at: ParserSpan, depth: usize) -> Result<Node, Diagnostic> {
        let span = self.span(at);
        if depth > DEPTH_LIMIT {
            return Err(Diagnostic::new(
                span,
                format!("nested more than {DEPTH_LIMIT} levels deep"),
            ));
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_anchor(anchor, span)?;
                let tag = tag.map(|tag| tag_name(&tag));
                let plain = style == ScalarStyle::Plain && tag.is_none();
                Ok(Node {
                    value: if plain {
                        plain_scalar(&text)
                    } else {
                        Value::String(text.into_owned())
                    },
                    span,
                    tag: tag.filter(|name| !name.is_empty()),
                })
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_anchor(anchor, span)?;
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
                    tag: tag.map(|tag| tag_name(&tag)),
                })
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_anchor(anchor, span)?;
                let entries = self.mapping(depth)?;
                Ok(Node {
                    span: Span {
                        start: entries
                            .first()
                            .map_or(span.start, |entry| entry.key_span.start.min(span.start)),
                        end: entries
                            .last()
                            .map_or(span.end, |entry| entry.value.span.end.max(span.end)),
                    },
                    value: Value::Mapping(entries),
                    tag: tag.map(|tag| tag_name(&tag)),
                })
            }
            Event::Alias(_) => Err(alias_problem(span)),
            other => Err(Diagnostic::new(span, format!("unexpected {other:?}"))),
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<Entry>, Diagnostic> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        while let Some((event, at)) = self.next()? {
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key_span = self.span(at);
            let key = match event {
                Event::Scalar(text, _, anchor, _) => {
                    self.refuse_anchor(anchor, key_span)?;
                    text.into_owned()
                }
                Event::Alias(_) => return Err(alias_problem(key_span)),
                _ => {
                    return Err(Diagnostic::new(key_span, "a key must be plain text")
                        .help("write `key: value`"));
                }
            };
            if key == "<<" {
                return Err(Diagnostic::new(key_span, "merge keys are not supported")
                    .help("write the merged entries out"));
            }
            if !seen.insert(key.clone()) {
                return Err(Diagnostic::new(key_span, format!("`{key}` is given twice"))
                    .help("keep one of the two"));
            }
            let Some((event, at)) = self.next()? else {
                return Err(Diagnostic::new(key_span, format!("`{key}` has no value")));
            };
            let mut value = self.node(event, at, depth + 1)?;
            if value.span.start >= value.span.end {
                // An empty value has no place of its own: point at its key.
                value.span = key_span;
            }
            entries.push(Entry {
                key,
                key_span,
                value,
            });
        }
        Ok(entries)
    }

    fn refuse_anchor(&self, anchor: usize, span: Span) -> Result<(), Diagnostic> {
        if anchor == 0 {
            Ok(())
        } else {
            Err(alias_problem(span))
        }
    }
}

fn alias_problem(span: Span) -> Diagnostic {
    Diagnostic::new(span, "anchors and aliases are not supported").help("write the value out")
}

/// `!Sub` is the tag `Sub`; a tag of YAML's own (`!!str`) is none.
fn tag_name(tag: &saphyr_parser::Tag) -> String {
    if tag.is_yaml_core_schema() {
        String::new()
    } else {
        tag.suffix.clone()
    }
}

/// Reads an unquoted scalar as YAML 1.1 does, except that what merely looks like a date, a
/// sexagesimal or an octal number stays the text that its author saw.
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
