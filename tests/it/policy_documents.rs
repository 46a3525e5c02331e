//! The parser accepts the policies that AWS accepts, and rejects others with the position of the
//! error.

use s3ferry::diagnostic::{Source, read};
use s3ferry::policy::document::{Policy, PolicyKind};

fn parse(text: &str, kind: PolicyKind) -> Result<Policy, Vec<(String, String)>> {
    let node = read(&Source::new("policy", text)).expect("a document");
    Policy::parse(&node, kind).map_err(|problems| {
        problems
            .into_iter()
            .map(|problem| {
                let at = &text[problem.span.start..problem.span.end];
                (at.trim_matches('"').to_owned(), problem.message)
            })
            .collect()
    })
}

/// Returns an identity-based policy with one statement, in which one member is replaced or added.
fn statement(member: &str) -> String {
    let members = [
        "\"Effect\": \"Allow\"",
        "\"Action\": \"s3:Get*\"",
        "\"Resource\": \"*\"",
    ];
    let name = member.split(':').next().unwrap_or_default();
    let others: Vec<&str> = members
        .into_iter()
        .filter(|other| !other.starts_with(name))
        .collect();
    format!(
        "{{\"Version\": \"2012-10-17\", \"Statement\": [{{{}, {member}}}]}}",
        others.join(", ")
    )
}

#[test]
fn policies_that_aws_accepts_are_accepted() {
    use PolicyKind::{Identity, Key, Resource, ResourceControl, ServiceControl, Session, Trust};
    let accepted = [
        (Identity, statement("\"Sid\": \"\"")),
        (Identity, statement("\"Condition\": {}")),
        (Identity, statement("\"Action\": [\"s3:*\", \"*\", \"*:*\", \"execute-api:Invoke\"]")),
        (Identity, statement("\"Resource\": [\"arn:aws:s3:::b/*\", \"arn:aws:logs:*:*:*\"]")),
        (Identity, statement("\"Resource\": \"arn:*:s3:::b\"")),
        (Identity, statement("\"Resource\": [\"arn:aws:sqs\", \"arn:aws:s3:b\", \"arn:aws:sqs:us-east-1:111111111111\"]")),
        (Identity, "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"s3:*\", \"NotResource\": \"arn:aws:sqs\"}}".into()),
        (Identity, statement("\"Resource\": [\"arn:aws:organizations::*:\", \"arn:aws:s3:::\", \"arn:aws:s3:::/*\"]")),
        (Resource, "{\"Statement\": {\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"s3:*\", \"Resource\": [\"arn:aws:s3:::\", \"arn:aws:sqs\", \"arn:aws:sqs:*\"]}}".into()),
        (ServiceControl, statement("\"Resource\": \"arn:aws:sqs:*\"")),
        (Session, statement("\"Resource\": [\"*\", \"arn:aws:sqs:us-east-1:111111111111:*\"]")),
        (Identity, statement("\"Condition\": {\"NumericLessThan\": {\"s3:max-keys\": [10, \"9\"]}}")),
        (Identity, statement("\"Condition\": {\"Bool\": {\"aws:SecureTransport\": false}}")),
        (Identity, statement("\"Condition\": {\"StringEquals\": {\"saml:aud\": []}}")),
        (Identity, statement("\"Condition\": {\"ArnLike\": {\"aws:PrincipalArn\": \"arn:aws:*:role/x\"}}")),
        (Identity, "{\"Statement\": {\"Effect\": \"Deny\", \"NotAction\": \"s3:*\", \"NotResource\": \"arn:aws:s3:::b\"}}".into()),
        (Identity, "{\"Version\": \"2008-10-17\", \"Id\": \"x\", \"Statement\": {\"Effect\": \"Deny\", \"Action\": \"s3:*\", \"Resource\": \"*\"}}".into()),
        (Key, statement("\"Sid\": \"two words\", \"Principal\": {\"AWS\": \"111111111111\"}")),
        (Key, "{\"Statement\": {\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"kms:*\"}}".into()),
        (Resource, statement("\"Principal\": {\"AWS\": [\"*\", \"AROAEXAMPLEROLEID1234\", \"arn:aws:iam::111111111111:root\"]}")),
        (Resource, statement("\"Principal\": {\"Service\": \"x.amazonaws.com\", \"CanonicalUser\": \"79a5\", \"Federated\": \"accounts.google.com\"}")),
        (Resource, statement("\"Principal\": {\"AWS\": \"arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1\"}")),
        (Resource, "{\"Statement\": {\"Effect\": \"Deny\", \"NotPrincipal\": {\"AWS\": \"111111111111\"}, \"Action\": \"s3:*\", \"Resource\": \"*\"}}".into()),
        (Trust, "{\"Statement\": {\"Effect\": \"Allow\", \"Principal\": {\"AWS\": \"111111111111\"}, \"Action\": [\"sts:AssumeRole\", \"sts:TagSession\"]}}".into()),
        (ServiceControl, statement("\"Condition\": {\"Null\": {\"aws:TokenIssueTime\": \"true\"}}")),
        (ServiceControl, "{\"Statement\": {\"Effect\": \"Allow\", \"NotAction\": \"s3:*\", \"NotResource\": \"arn:aws:s3:::b\"}}".into()),
        (ResourceControl, statement("\"Principal\": \"*\"")),
        (ResourceControl, statement("\"Principal\": {\"AWS\": \"*\"}")),
    ];
    for (kind, text) in accepted {
        assert_eq!(parse(&text, kind).err(), None, "{text}");
    }
}

#[test]
fn policies_that_aws_rejects_are_rejected_with_the_position() {
    use PolicyKind::{Identity, Key, Resource, ResourceControl, ServiceControl, Session, Trust};
    let refused = [
        (
            Identity,
            statement("\"Efect\": \"Allow\""),
            "Efect",
            "unknown element",
        ),
        (
            Identity,
            statement("\"effect\": \"Allow\""),
            "effect",
            "unknown element",
        ),
        (
            Identity,
            statement("\"Effect\": \"allow\""),
            "\"allow\"",
            "neither `Allow`",
        ),
        (
            Identity,
            statement("\"Sid\": \"two words\""),
            "\"two words\"",
            "alphanumeric",
        ),
        (
            Identity,
            statement("\"Principal\": \"*\""),
            "Principal",
            "cannot have a `Principal`",
        ),
        (
            Identity,
            statement("\"Action\": \"s3\""),
            "\"s3\"",
            "no service prefix",
        ),
        (
            Identity,
            statement("\"Action\": \"s3:\""),
            "\"s3:\"",
            "no valid name",
        ),
        (
            Identity,
            statement("\"Action\": \"s*:Get\""),
            "\"s*:Get\"",
            "the service prefix `s*`",
        ),
        (
            Identity,
            statement("\"Action\": \"s3:Get Object\""),
            "\"s3:Get Object\"",
            "no valid name",
        ),
        (Identity, statement("\"Action\": []"), "[", "empty"),
        (
            Identity,
            statement("\"Action\": \"s3:*\", \"NotAction\": \"s3:*\""),
            "NotAction",
            "both",
        ),
        (
            Identity,
            statement("\"NotResource\": \"*\""),
            "NotResource",
            "both",
        ),
        (
            Identity,
            statement("\"Resource\": \"my-bucket\""),
            "\"my-bucket\"",
            "not a valid ARN",
        ),
        (
            Session,
            statement("\"Resource\": \"arn:aws:s3:b\""),
            "\"arn:aws:s3:b\"",
            "4 of the six parts of an ARN, which AWS rejects in a session policy",
        ),
        (
            Session,
            statement("\"Resource\": \"arn:aws:sqs:*\""),
            "\"arn:aws:sqs:*\"",
            "rejects in a session policy",
        ),
        (
            ServiceControl,
            statement("\"Resource\": \"arn:aws:sqs:*:111111111111\""),
            "\"arn:aws:sqs:*:111111111111\"",
            "rejects in a service control policy",
        ),
        (
            ResourceControl,
            "{\"Statement\": {\"Effect\": \"Deny\", \"Principal\": \"*\", \"Action\": \"sqs:*\", \"Resource\": \"arn:aws:sqs:*\"}}".into(),
            "\"arn:aws:sqs:*\"",
            "rejects in a resource control policy",
        ),
        (
            Identity,
            statement("\"Resource\": \"arn:aws\""),
            "\"arn:aws\"",
            "has no service",
        ),
        (
            Identity,
            statement("\"Resource\": \"arn:aws:*:::b\""),
            "\"arn:aws:*:::b\"",
            "service",
        ),
        (
            Identity,
            statement("\"Resource\": \"arn:aws:sqs:r:123:q\""),
            "\"arn:aws:sqs:r:123:q\"",
            "12 digits",
        ),
        (
            Identity,
            statement("\"Condition\": {\"StringEqual\": {\"aws:x\": \"y\"}}"),
            "StringEqual",
            "unknown condition operator",
        ),
        (
            Identity,
            statement("\"Condition\": {\"StringEquals\": {\"x\": \"y\"}}"),
            "x",
            "no prefix",
        ),
        (
            Identity,
            statement("\"Condition\": {\"StringEquals\": \"y\"}"),
            "\"y\"",
            "must be a mapping",
        ),
        (
            Identity,
            statement("\"Condition\": {\"StringEquals\": {\"aws:x\": {}}}"),
            "{",
            "must be a string",
        ),
        (
            Identity,
            statement("\"Condition\": {\"DateLessThan\": {\"aws:x\": \"soon\"}}"),
            "\"soon\"",
            "not a valid date",
        ),
        (
            Identity,
            statement("\"Condition\": {\"NumericEquals\": {\"aws:x\": \"ten\"}}"),
            "\"ten\"",
            "not a valid number",
        ),
        (
            Identity,
            statement("\"Condition\": {\"Bool\": {\"aws:x\": \"yes\"}}"),
            "\"yes\"",
            "not a valid boolean",
        ),
        (
            Identity,
            statement("\"Condition\": {\"Null\": {\"aws:x\": \"maybe\"}}"),
            "\"maybe\"",
            "not a valid boolean",
        ),
        (
            Identity,
            statement("\"Condition\": {\"IpAddress\": {\"aws:x\": \"1.2.3\"}}"),
            "\"1.2.3\"",
            "not a valid IP",
        ),
        (
            Identity,
            statement("\"Condition\": {\"BinaryEquals\": {\"aws:x\": \"Q\"}}"),
            "\"Q\"",
            "not a valid binary",
        ),
        (
            Identity,
            "{\"Version\": \"2012-10-18\", \"Statement\": []}".into(),
            "\"2012-10-18\"",
            "unknown `Version`",
        ),
        (
            Identity,
            "{\"Version\": \"2012-10-17\"}".into(),
            "{\"Version\": \"2012-10-17\"",
            "no `Statement`",
        ),
        (Identity, "[]".into(), "[]", "must be a mapping"),
        (Resource, statement("\"Sid\": \"x\""), "", "must have a `Principal`"),
        (
            Resource,
            statement("\"Principal\": \"111111111111\""),
            "\"111111111111\"",
            "neither `*`",
        ),
        (
            Resource,
            statement("\"Principal\": {\"AWS\": \"arn:aws:iam::111111111111:role/*\"}"),
            "\"arn:aws:iam::111111111111:role/*\"",
            "wildcard",
        ),
        (
            Resource,
            statement("\"Principal\": {\"AWS\": \"arn:aws:iam::111111111111:group/x\"}"),
            "\"arn:aws:iam::111111111111:group/x\"",
            "does not identify a principal",
        ),
        (
            Resource,
            statement("\"Principal\": {\"AWS\": \"12345\"}"),
            "\"12345\"",
            "not a valid ARN",
        ),
        (
            Resource,
            statement("\"Principal\": {\"Service\": \"*\"}"),
            "\"*\"",
            "not a valid service principal",
        ),
        (
            Resource,
            statement("\"Principal\": {\"Aws\": \"*\"}"),
            "Aws",
            "unknown type of principal",
        ),
        (
            Resource,
            statement("\"Principal\": {}"),
            "{",
            "the principal is empty",
        ),
        (
            Resource,
            statement("\"NotPrincipal\": \"*\""),
            "NotPrincipal",
            "used with `Allow`",
        ),
        (
            Trust,
            statement("\"Principal\": \"*\""),
            "Resource",
            "cannot have a `Resource`",
        ),
        (
            Trust,
            statement("\"Principal\": \"*\""),
            "\"s3:Get*\"",
            "cannot allow or deny",
        ),
        (
            Key,
            statement("\"Principal\": {\"AWS\": \"root\"}"),
            "\"root\"",
            "not a valid ARN",
        ),
        (
            ServiceControl,
            statement("\"Principal\": \"*\""),
            "Principal",
            "cannot have a `Principal`",
        ),
        (
            ResourceControl,
            statement("\"Principal\": {\"AWS\": \"111111111111\"}"),
            "{\"AWS\": \"111111111111\"",
            "must be `*`",
        ),
        (
            ResourceControl,
            statement("\"NotPrincipal\": \"*\""),
            "NotPrincipal",
            "cannot have a `NotPrincipal`",
        ),
        (
            ResourceControl,
            statement("\"NotAction\": \"s3:*\""),
            "NotAction",
            "both",
        ),
    ];
    for (kind, text, at, message) in refused {
        let problems = parse(&text, kind).expect_err(&text);
        assert!(
            problems
                .iter()
                .any(|(place, said)| place.starts_with(at.trim_matches('"'))
                    && said.contains(message)),
            "{text}\n{problems:?}"
        );
    }
}

#[test]
fn all_problems_are_reported_at_once_in_document_order() {
    let text = "{\"Statement\": [{\"Effect\": \"No\", \"Action\": \"x\", \"Resource\": \"y\"}, \
                {\"Action\": \"s3:*\", \"Resource\": \"*\", \"Condition\": {\"Equals\": {}}}]}";
    let problems = parse(text, PolicyKind::Identity).expect_err("problems");
    let places: Vec<&str> = problems.iter().map(|(at, _)| at.as_str()).collect();
    assert_eq!(places.len(), 5, "{problems:?}");
    assert_eq!(places[..3], ["No", "x", "y"]);
    assert!(problems[3].1.contains("no `Effect`"));
    assert_eq!(places[4], "Equals");
}

#[test]
fn unresolved_intrinsics_are_not_text() {
    let text =
        "Statement:\n  Effect: Allow\n  Action: s3:*\n  Resource: !Sub 'arn:aws:s3:::${B}'\n";
    let problems = parse(text, PolicyKind::Identity).expect_err("problems");
    assert!(problems[0].1.contains("unresolved `!Sub`"), "{problems:?}");
}

#[test]
fn every_statement_and_value_has_its_position() {
    let text = statement("\"Condition\": {\"StringLike\": {\"s3:prefix\": [\"a\", \"b*\"]}}");
    let policy = parse(&text, PolicyKind::Identity).expect("a policy");
    let statement = &policy.statements[0];
    let at = |span: s3ferry::diagnostic::Span| &text[span.start..span.end];
    assert!(at(statement.span).starts_with("\"Action\"") || at(statement.span).starts_with('{'));
    assert_eq!(at(statement.actions.patterns[0].span), "\"s3:Get*\"");
    assert!(
        at(statement.conditions[0].span).starts_with("s3:prefix")
            || at(statement.conditions[0].span).starts_with("\"s3:prefix")
    );
    assert_eq!(at(statement.conditions[0].values[1].span), "\"b*\"");
}
