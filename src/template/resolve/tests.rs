use super::*;
use crate::diagnostic::{Source, read};

const TEMPLATE: &str = r#"
Parameters:
  Key: {Type: String}
  Sides: {Type: CommaDelimitedList, Default: "a, b"}
Conditions:
  InAccount: !Equals [!Ref AWS::AccountId, "111111111111"]
  Always: !Not [{"Fn::Equals": [a, b]}]
Resources:
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: !Sub "x-${AWS::Region}"}}
  Unnamed: {Type: AWS::S3::Bucket}
Values:
  Text: !Sub "a ${!Literal} ${Bucket.Arn}/${Key}"
  Joined: {"Fn::Join": ["/", [!Ref Bucket, !GetAtt Unnamed.Arn, c]]}
  Split: !Select [0, !Split ["/", !Ref Key]]
  List: !Ref Sides
  Gone: !If [Always, !Ref AWS::NoValue, x]
  Undecided: !If [InAccount, x, y]
"#;

fn template() -> Node {
    read(&Source::new("template.yaml", TEMPLATE)).expect("a valid document")
}

fn resolved(resolver: &Resolver<'_>, template: &Node) -> Node {
    resolver
        .resolve(template.get("Values").expect("values"))
        .expect("a value")
}

#[test]
fn unknown_parts_become_the_marker_without_a_deployment() {
    let template = template();
    let resolver = Resolver::new(&template, Deployment::default()).with_marker(Marker::Text("?"));
    let values = resolved(&resolver, &template);
    let of = |name: &str| values.get(name).expect("a value");
    for (name, text) in [
        ("Text", "a ${Literal} arn:?:s3:::x-?/?"),
        ("Joined", "x-?/arn:?:s3:::?/c"),
        ("Split", "?"),
        ("Undecided", "?"),
    ] {
        assert_eq!(of(name).as_str(), Some(text), "{name}");
        assert_eq!(known_text(of(name)), None, "{name}");
    }
    assert_eq!(of("List").to_json(), serde_json::json!(["a", "b"]));
    assert_eq!(values.get("Gone"), None);
    // Each value keeps its position in the text.
    let span = of("Text").span;
    assert!(TEMPLATE[span.start..span.end].contains("a ${!Literal} ${Bucket.Arn}/${Key}"));
}

#[test]
fn unknown_values_have_a_reason_without_a_marker() {
    let template = template();
    let deployment = Deployment {
        account: Some("111111111111"),
        region: Some("eu-west-1"),
        partition: Some("aws"),
        ..Deployment::default()
    };
    let values = resolved(&Resolver::new(&template, deployment), &template);
    let of = |name: &str| values.get(name).expect("a value");
    assert_eq!(known_text(of("Undecided")), Some("x"));
    for (name, reason) in [
        (
            "Text",
            "the value of the parameter `Key` (specify it with `--parameter Key=VALUE`)",
        ),
        ("Joined", "AWS assigns the `Arn` of `Unnamed`"),
    ] {
        assert_eq!(unknown_in(of(name)).and_then(Node::as_str), Some(reason));
    }
}
