//! YAML as CloudFormation accepts it: flow collections and quoted text with little indentation, and
//! repeated keys.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use s3ferry::diagnostic::{Diagnostic, Node, Source, Value, read, read_last_values};
use serde_json::{Value as Json, json};

use crate::support::python;

fn source(text: &str) -> Source {
    Source::new("t", text)
}

fn parse(text: &str) -> Node {
    read(&source(text)).unwrap_or_else(|problem| panic!("{}:\n{text}", problem.message))
}

fn problem(text: &str) -> Diagnostic {
    match read(&source(text)) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(problem) => problem,
    }
}

/// A description, text that is indented as YAML 1.2 requires, and the same text with the lower
/// indentation that CloudFormation also accepts.
const LITTLE_INDENTATION: [(&str, &str, &str); 16] = [
    (
        "the bracket that closes a list at column 0",
        "A:\n  B: [\n    a\n    ]\n",
        "A:\n  B: [\n    a\n]\n",
    ),
    (
        "the bracket that closes a list at the column of its key",
        "A:\n  B: [\n    a\n    ]\n  C: d\n",
        "A:\n  B: [\n    a\n  ]\n  C: d\n",
    ),
    (
        "the bracket that closes a mapping at the column of its key",
        "A:\n  B: {\n    a: b\n    }\n  C: d\n",
        "A:\n  B: {\n    a: b\n  }\n  C: d\n",
    ),
    (
        "items at the column of their key",
        "A:\n  B: [\n    a,\n    \"b\"\n    ]\n",
        "A:\n  B: [\n  a,\n  \"b\"\n  ]\n",
    ),
    (
        "items left of their key",
        "A:\n  B: [\n    a,\n    \"b\"\n    ]\n",
        "A:\n  B: [\na,\n \"b\"\n]\n",
    ),
    (
        "only the opening bracket to the right of its key",
        "A:\n  B:\n    [a,\n     b]\n",
        "A:\n  B:\n    [a,\nb]\n",
    ),
    (
        "double-quoted text that continues at column 0",
        "A:\n  B: \"a\n    b\"\n",
        "A:\n  B: \"a\nb\"\n",
    ),
    (
        "single-quoted text that continues at column 0",
        "A:\n  B: 'a\n    b\n\n    c'\n",
        "A:\n  B: 'a\nb\n\nc'\n",
    ),
    (
        "quoted text that continues with what looks like YAML",
        "A:\n  B: 'a\n    - b\n    c: d\n    # e'\n",
        "A:\n  B: 'a\n- b\nc: d\n# e'\n",
    ),
    (
        "quoted text with an escaped line break",
        "A:\n  B: \"a\\\n    b\"\n",
        "A:\n  B: \"a\\\nb\"\n",
    ),
    (
        "quoted text in brackets",
        "A:\n  B: [\"a\n    b\", 'c\n    d']\n",
        "A:\n  B: [\"a\nb\", 'c\nd']\n",
    ),
    (
        "a mapping in a list",
        "A:\n  B: [\n    {\n      a: b,\n      c: [d,\n        e]\n    },\n    {f: g}\n    ]\n",
        "A:\n  B: [\n  {\na: b,\n  c: [d,\ne]\n},\n{f: g}\n]\n",
    ),
    (
        "comments between items",
        "A:\n  B: [ # a ]\n    # b: c\n    d, # }\n    e\n    # 'f\n    ]\n",
        "A:\n  B: [ # a ]\n# b: c\n  d, # }\ne\n# 'f\n]\n",
    ),
    (
        "short forms",
        "A:\n  B: !Join [\n    !Ref a,\n    !If [b, !Sub 'c\n    d', !GetAtt e.f]\n    ]\n",
        "A:\n  B: !Join [\n!Ref a,\n  !If [b, !Sub 'c\nd', !GetAtt e.f]\n]\n",
    ),
    (
        "a list below a key in the same column",
        "A:\n  B:\n  - C: [\n      a\n      ]\n    D: e\n",
        "A:\n  B:\n  - C: [\n    a\n    ]\n    D: e\n",
    ),
    (
        "empty brackets",
        "A:\n  B: [\n    ]\n  C: {\n    }\n",
        "A:\n  B: [\n]\n  C: {\n}\n",
    ),
];

#[test]
fn text_with_little_indentation_has_the_same_meaning() {
    for (what, strict, loose) in LITTLE_INDENTATION {
        for loose in [loose.to_owned(), loose.replace('\n', "\r\n")] {
            assert_eq!(parse(strict).to_json(), parse(&loose).to_json(), "{what}");
        }
    }
}

#[test]
fn text_with_little_indentation_has_the_right_position() {
    let text = "A:\n  é: [ # é\n!Ref a,\n{b: 'c\nd'}\n]\n  e: \"f\ng\" # h\n";
    let node = parse(text);
    let of = |path: &[&str]| {
        let span = node.at(path.iter().copied()).expect("there").span;
        &text[span.start..span.end]
    };
    assert_eq!(of(&["A", "é", "0"]), "!Ref a");
    assert_eq!(of(&["A", "é", "1", "b"]), "'c\nd'");
    assert_eq!(of(&["A", "e"]), "\"f\ng\"");
    let entries = node.get("A").and_then(Node::entries).expect("a mapping");
    let keys: Vec<&str> = (entries.iter())
        .map(|entry| &text[entry.key_span.start..entry.key_span.end])
        .collect();
    assert_eq!(keys, ["é", "e"]);
}

#[test]
fn tabs_cannot_be_used_for_indentation() {
    let texts = [
        "A:\n\tB: c\n",
        "A:\n  B:\n\t- c\n",
        "A:\n  B: c\n\tD: e\n",
        "A:\n  B: c\n  \tD: e\n",
        "A:\r\n\tB: c\r\n",
        "A:\n- b\n\t- c\n",
        "A: |\n\tb\n",
    ];
    for text in texts {
        let problem = problem(text);
        assert!(
            serde_yaml::from_str::<serde_yaml::Value>(text).is_err(),
            "{text}"
        );
        assert!(
            problem
                .message
                .ends_with("tabs cannot be used for indentation"),
            "{}: {text}",
            problem.message
        );
        assert_eq!(problem.help.as_deref(), Some("indent the line with spaces"));
        assert_eq!(&text[problem.span.start..problem.span.end], "\t", "{text}");
    }
    // JSON can be indented with tabs.
    let json = parse("{\n\t\"A\": [\n\t\t\"b\",\n\t\t{\"c\":\t1}\n\t]\n}\n");
    assert_eq!(json.to_json(), json!({"A": ["b", {"c": 1}]}));
}

#[test]
fn problems_name_their_cause() {
    for (text, message, marked) in [
        ("A: {b: c\n", "unclosed `{`", "{b: c"),
        ("A: [b, c", "unclosed `[`", "[b, c"),
        ("A: \"b\nC: d\n", "unclosed quote", "\"b"),
        ("A: [b}\n", "`[` is closed by `}`", "[b}"),
        ("A: [b, c\nD: e", "missing key before `:`", ": e"),
        ("A: b: c\n", "missing key before `:`", ": c"),
        ("A:\n  b \"c\"\n  d: e\n", "missing key before `:`", ": e"),
        ("A:\n- b\nc\n", "missing `:` after the key", "c"),
        ("A:\n    b: c\n  d: e\n", "a key is expected here", "d: e"),
        ("A: - b\n", "a list cannot start here", "- b"),
        ("A: 'b' c\n", "unexpected text after the closing quote", "c"),
        ("A: @b\n", "text cannot begin with `@`", "@b"),
        ("A: \0b\n", "unexpected U+0000", "\0b"),
        ("A: *b\n", "anchors and aliases are not supported", "*b"),
        ("A: &b c\n", "anchors and aliases are not supported", "c"),
    ] {
        let problem = problem(text);
        assert!(
            problem.message.contains(message),
            "{}: {text}",
            problem.message
        );
        let rest = &text[problem.span.start..];
        assert!(rest.starts_with(marked), "{rest:?}: {text}");
    }
}

/// Returns the tree of a document in the notation of `tests/python/yaml_documents.py`.
fn tree(text: &str, node: &Node) -> Json {
    let tag = node.tag.as_deref().unwrap_or_default();
    let written = &text[node.span.start..node.span.end];
    match &node.value {
        Value::Sequence(items) => {
            let items: Vec<Json> = items.iter().map(|item| tree(text, item)).collect();
            json!([tag, items])
        }
        Value::Mapping(entries) => {
            let entries: serde_json::Map<_, _> = (entries.iter())
                .map(|entry| {
                    let value = tree(text, &entry.value);
                    let place = json!([entry.key_span.start, entry.key_span.end, value]);
                    (entry.key.clone(), place)
                })
                .collect();
            json!([tag, entries])
        }
        Value::Null if written != "~" => json!([tag, ""]),
        Value::Null | Value::Bool(_) => json!([tag, written, node.span.start, node.span.end]),
        Value::Number(value) | Value::String(value) => {
            json!([tag, value, node.span.start, node.span.end])
        }
    }
}

#[test]
fn random_documents_are_read_as_pyyaml_reads_them() {
    const COUNT: usize = 4000;
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/python/yaml_documents.py"
    );
    let output = Command::new(python("python"))
        .args(["-B", script, "0", &COUNT.to_string()])
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{output:?}");
    let output = String::from_utf8(output.stdout).expect("UTF-8");
    let (mut read_alike, mut repeating) = (0, 0);
    for (seed, line) in output.lines().enumerate() {
        let document: Json = serde_json::from_str(line).expect("a document");
        let text = document["text"].as_str().expect("a text");
        let is_faulty = document["faulty"] == true;
        let (node, repeated) = match read_last_values(&source(text)) {
            Ok(read) => read,
            // Either reader can reject an invalid text that the other accepts.
            Err(_) if is_faulty => continue,
            Err(problem) => panic!("{seed}: {}\n{text}", problem.message),
        };
        if document["tree"].is_null() {
            assert!(is_faulty, "{seed}: PyYAML rejects\n{text}");
            continue;
        }
        assert_eq!(tree(text, &node), document["tree"], "{seed}:\n{text}");
        let repeated: Vec<Json> = (repeated.iter())
            .map(|key| {
                let (first, last) = (key.first, key.last);
                json!([[first.start, first.end], [last.start, last.end], key.times])
            })
            .collect();
        assert_eq!(json!(repeated), document["repeated"], "{seed}:\n{text}");
        assert_eq!(
            read(&source(text)).is_err(),
            !repeated.is_empty(),
            "{seed}:\n{text}"
        );
        read_alike += 1;
        repeating += usize::from(!repeated.is_empty());
    }
    assert!(
        read_alike > COUNT / 2,
        "only {read_alike} documents were compared"
    );
    assert!(
        repeating > COUNT / 50,
        "only {repeating} documents repeat a key"
    );
}

/// Returns the shortest of three times.
fn time(work: impl Fn()) -> Duration {
    let run = || {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..3).map(|_| run()).min().expect("a time")
}

#[test]
fn the_reading_time_is_linear_in_the_length_of_the_text() {
    fn repeat(count: usize, text: impl Fn(usize) -> String) -> String {
        (0..count).map(text).collect()
    }
    type Make = fn(usize) -> String;
    let makes: [(&str, Make); 6] = [
        ("templates", |count| {
            let resource = |at| {
                format!(
                    "  R{at}:\n    Type: T\n    Tags: [\n    {{Key: a, Value: 'b\n{at}'}}\n    ]\n"
                )
            };
            format!("Resources:\n{}", repeat(count / 60, resource))
        }),
        ("lines of JSON", |count| {
            let entry = |at| format!("\"k{at}\":{{\"a\":[\"b\",{at}]}},");
            format!("{{{}\"k\":1}}", repeat(count / 25, entry))
        }),
        ("quoted text", |count| {
            format!("a: \"{}\"", repeat(count / 2, |_| "b\n".to_owned()))
        }),
        ("comments", |count| {
            format!("a: [{}]", repeat(count / 8, |_| "b, # c\n".to_owned()))
        }),
        ("one key", |count| {
            repeat(count / 5, |_| "a: b\n".to_owned())
        }),
        ("keys that each occur twice", |count| {
            repeat(count / 7, |at| format!("k{}: b\n", at / 2))
        }),
    ];
    for (what, make) in makes {
        let [short, long] = [200_000, 1_600_000].map(|count| {
            let source = source(&make(count));
            time(|| drop(read_last_values(&source).expect("YAML")))
        });
        // The text is 8 times as long. Quadratic time would be 64 times as long.
        assert!(
            long < short * 24 + Duration::from_millis(20),
            "{what}: {short:?} and {long:?}"
        );
    }
}

#[test]
fn a_template_of_five_megabytes_is_read() {
    let mut text = "Resources:\n".to_owned();
    for at in 0.. {
        if text.len() > 5_000_000 {
            break;
        }
        let _ = write!(
            text,
            "  R{at}:\n    Type: AWS::SNS::Topic\n    Properties: {{\n    DisplayName: \"a\nb\"\n    }}\n"
        );
    }
    let node = parse(&text);
    let resources = node.get("Resources").and_then(Node::entries);
    assert_eq!(resources.map(<[_]>::len), Some(text.matches("SNS").count()));
}

#[test]
fn deep_documents_and_alias_bombs_are_rejected() {
    let levels = 1_000_000;
    for text in [
        "[".repeat(levels),
        format!("a: {}", "[\n".repeat(levels)),
        "[{a: ".repeat(levels),
        "- ".repeat(levels),
        "{".repeat(levels),
        format!("{}1{}", "[".repeat(66), "]".repeat(66)),
        (0..2000)
            .map(|at| format!("{}a:\n", " ".repeat(at)))
            .collect(),
    ] {
        let message = problem(&text).message;
        assert_eq!(message, "nested more than 64 levels deep");
    }
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n";
    for text in [bomb, "a: [*a, *a]\n", "a: {<<: {b: c}}\n"] {
        assert!(problem(text).message.contains("not supported"), "{text}");
    }
}
