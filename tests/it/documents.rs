//! Documents: their trees, positions, and kinds.

use s3ferry::diagnostic::{Kind, Node, Position, Source, Value, read};

fn parse(text: &str) -> Node {
    read(&Source::new("t", text)).expect("valid")
}

fn problem(text: &str) -> String {
    read(&Source::new("t", text))
        .expect_err("a problem")
        .message
}

#[test]
fn every_node_has_its_text() {
    let text = "é: 1\na:\n  - x y\n  - {b: \"q\"}\nc: !Sub 'z'\nd:\n";
    let node = parse(text);
    let of = |path: &[&str]| {
        let span = node.at(path.iter().copied()).expect("there").span;
        &text[span.start..span.end]
    };
    assert_eq!(of(&["a", "0"]), "x y");
    assert_eq!(of(&["a", "1", "b"]), "\"q\"");
    assert_eq!(of(&["d"]), "d");
    assert!(of(&["c"]).ends_with("'z'"));
    assert_eq!(node.get("c").and_then(|c| c.tag.as_deref()), Some("Sub"));
}

#[test]
fn plain_scalars_are_read_as_cloudformation_reads_them() {
    let node = parse("{a: 012345678901, b: 111111111111, c: no, d: 2012-10-17, e: '1', f: ~}");
    let value = |key: &str| node.get(key).map(|n| n.value.clone()).expect("there");
    assert_eq!(value("a"), Value::Number("012345678901".into()));
    assert_eq!(value("b"), Value::Number("111111111111".into()));
    assert_eq!(value("c"), Value::Bool(false));
    assert_eq!(value("d"), Value::String("2012-10-17".into()));
    assert_eq!(value("e"), Value::String("1".into()));
    assert_eq!(value("f"), Value::Null);
}

#[test]
fn short_forms_become_long_forms() {
    let json = parse("{a: !Sub x, b: !GetAtt K.Arn, c: !Ref R, d: !Equals [!Ref A, b]}").to_json();
    assert_eq!(
        json,
        serde_json::json!({
            "a": {"Fn::Sub": "x"}, "b": {"Fn::GetAtt": ["K", "Arn"]}, "c": {"Ref": "R"},
            "d": {"Fn::Equals": [{"Ref": "A"}, "b"]}
        })
    );
}

#[test]
fn json_escapes_beyond_sixteen_bits_are_characters() {
    let text = r#"{"a": "x\ud83d\ude00y", "b": "\\ud83d\\ude00", "c": "z"}"#;
    let node = parse(text);
    assert_eq!(node.get("a").and_then(Node::as_str), Some("x\u{1F600}y"));
    assert_eq!(node.get("b").and_then(Node::as_str), Some(r"\ud83d\ude00"));
    let span = node.get("c").expect("there").span;
    assert_eq!(&text[span.start..span.end], "\"z\"");
}

#[test]
fn ambiguous_documents_are_rejected() {
    assert!(problem("a: 1\na: 2").contains("duplicate key `a`"));
    assert!(problem("a: &x 1\nb: *x").contains("anchors"));
    assert!(problem("---\na: 1\n---\nb: 2").contains("second YAML document"));
    assert!(problem("a: [1").contains("invalid YAML"));
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert!(problem(&deep).contains("nested"), "{}", problem(&deep));
}

#[test]
fn positions_count_characters_not_bytes() {
    let source = Source::new("x", "a\nüb: c\r\nd");
    let byte = source.text().find('b').expect("there");
    assert_eq!(source.position(byte), Position { line: 2, column: 2 });
    assert_eq!(source.line(2), "üb: c");
    assert_eq!(source.position(999).line, 3);
    assert_eq!(source.line(9), "");
}

fn fits(kind: Kind, text: &str) -> bool {
    kind.fits(&Source::new("f", text))
}

const SHADOW: &str = "root:$6$abc:19000:0:99999:7:::\ndev:$6$abc:19000:0:99999:7:::\n";

#[test]
fn an_unrelated_file_has_no_kind() {
    let secrets = [
        SHADOW,
        "[default]\naws_secret_access_key = abc\n",
        "{\"auths\": {\"r\": {\"auth\": \"abc\"}}}",
        "{\"auths\": {\"r\": {\"auth\": \"abc\"",
        "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n",
        "token\n",
        "- []\n- {}\n- token\n",
        "PASSWORD=abc,account=x\n",
    ];
    for text in secrets {
        for kind in [
            Kind::Configuration,
            Kind::Accounts,
            Kind::Template,
            Kind::Policy,
            Kind::Definition,
            Kind::Cases,
            Kind::Rules,
        ] {
            assert!(!fits(kind, text), "{kind:?}: {text}");
        }
    }
}

#[test]
fn the_kind_of_an_invalid_file_is_recognized() {
    for (kind, text) in [
        (Kind::Configuration, "dev:\n\taccount: \"1\"\n"),
        (Kind::Configuration, "dev: 1\n"),
        (Kind::Configuration, "{dev: {"),
        (Kind::Configuration, ""),
        (Kind::Accounts, "acount,region\n1,us-east-1\n"),
        (Kind::Accounts, "\"account\"\n1\n"),
        (Kind::Template, "Resources:\n  A: [\n"),
        (Kind::Template, "{\"Resources\": {},"),
        (
            Kind::Policy,
            "{\"Version\": \"2012-10-17\", \"statement\": []}",
        ),
        (
            Kind::Policy,
            "[{\"Version\": \"2012-10-17\", \"Statement\": [}",
        ),
        (Kind::Policy, "Version: \"2012-10-17\"\nStatement: [\n"),
        (Kind::Definition, "{\"pipeline\": {\"stages\": ["),
        (Kind::Cases, "{\"request\": 1}"),
        (Kind::Rules, "rule x {\n"),
    ] {
        assert!(fits(kind, text), "{kind:?}: {text}");
    }
}
