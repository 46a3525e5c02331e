//! Outcomes of conditions: only the possible ones, and all relevant ones.

use std::fmt::Write as _;

use super::normal_form::{FAULT, NOTHING, UNDECIDED, found};

/// Returns a bucket whose access control depends on conditions.
fn bucket(head: &str, access: &str) -> String {
    format!(
        "{head}Resources:\n  B: {{Type: AWS::S3::Bucket, Properties: {{AccessControl: {access}}}}}\n"
    )
}

const RULE: &str = "S3_BUCKET_NO_PUBLIC_ACL";

#[test]
fn unrelated_conditions_do_not_matter() {
    let mut conditions = String::new();
    for at in 0..30 {
        let _ = writeln!(conditions, "  A{at}: !Equals [!Ref A, v{at}]");
        let _ = writeln!(conditions, "  B{at}: !Equals [!Ref B, v{at}]");
    }
    let head = format!(
        "Parameters: {{A: {{Type: String}}, B: {{Type: String}}}}\nConditions:\n{conditions}"
    );
    let text = bucket(&head, "!If [A7, !If [B9, PublicRead, Private], Private]");
    assert_eq!(found(&text, RULE), FAULT);
    assert_eq!(found(&text, "LINT_NOT_CHECKED"), NOTHING);
}

#[test]
fn pairs_of_values_are_tried_where_there_are_too_many_combinations() {
    let mut conditions = String::new();
    for at in 0..12 {
        let _ = writeln!(conditions, "  C{at}: !Equals [!Ref P{at}, x]");
    }
    let tags: String = (0..12)
        .map(|at| format!("!If [C{at}, Private, Private], "))
        .collect();
    let text = format!(
        "Conditions:\n{conditions}Resources:\n  B: {{Type: AWS::S3::Bucket, Properties: {{AccessControl: !If [C3, !If [C8, PublicRead, Private], Private], LoggingConfiguration: {{DestinationBucketName: !Join ['', [{tags}a]]}}}}}}\n"
    );
    assert_eq!(found(&text, RULE), FAULT);
    assert_eq!(found(&text, "LINT_NOT_CHECKED").1, 2);
}

#[test]
fn an_expression_has_the_same_value_in_all_conditions() {
    let head = |a: &str, b: &str| {
        format!(
            "Parameters: {{E: {{Type: String}}, L: {{Type: CommaDelimitedList}}}}\nMappings: {{M: {{x: {{k: v}}, y: {{k: w}}}}}}\nConditions:\n  A: {a}\n  B: {b}\n"
        )
    };
    for (a, b) in [
        (
            "!Equals [!FindInMap [M, !Ref E, k], v]",
            "!Equals [!FindInMap [M, !Ref E, k], w]",
        ),
        ("!Equals [!Sub '${E}', v]", "!Equals [!Ref E, w]"),
        (
            "!Equals [!Join ['', !Ref L], '']",
            "!Not [!Equals ['', !Join ['', !Ref L]]]",
        ),
        (
            "!Equals [!Ref AWS::Region, eu-west-1]",
            "!Equals [!Ref AWS::Region, us-east-1]",
        ),
    ] {
        let text = bucket(
            &head(a, b),
            "!If [A, !If [B, PublicRead, Private], Private]",
        );
        assert_eq!(found(&text, RULE), NOTHING, "{a} {b}");
        let text = bucket(
            &head(a, b),
            "!If [A, Private, !If [B, PublicRead, Private]]",
        );
        assert_eq!(found(&text, RULE), FAULT, "{a} {b}");
    }
}

#[test]
fn a_parameter_has_the_value_that_its_condition_requires() {
    for (parameter, condition, access, expected) in [
        (
            "{Type: String}",
            "!Or [!Equals [!Ref P, Private], !Equals [!Ref P, PublicRead]]",
            "!If [C, !Ref P, Private]",
            FAULT,
        ),
        (
            "{Type: String, AllowedValues: [Private, PublicRead]}",
            "!Equals [!Ref P, Private]",
            "!If [C, !Ref P, !Ref P]",
            FAULT,
        ),
        (
            "{Type: String, AllowedValues: [Private, PublicRead], Default: Private}",
            "!Equals [!Ref P, Private]",
            "!If [C, Private, !Ref P]",
            FAULT,
        ),
        (
            "{Type: String, AllowedValues: [Private, PublicRead], Default: Private}",
            "!Equals [!Ref P, Private]",
            "!If [C, !Ref P, Private]",
            NOTHING,
        ),
        (
            "{Type: String}",
            "!Equals [!Ref P, Private]",
            "!If [C, !Ref P, !Ref P]",
            UNDECIDED,
        ),
    ] {
        let head = format!("Parameters: {{P: {parameter}}}\nConditions: {{C: {condition}}}\n");
        let text = bucket(&head, access);
        assert_eq!(found(&text, RULE), expected, "{parameter} {access}");
    }
}

#[test]
fn properties_that_no_rule_checks_have_no_outcomes() {
    let mut conditions = String::new();
    let mut tags = Vec::new();
    for at in 0..40 {
        let _ = writeln!(conditions, "  C{at}: !Equals [!Ref P{at}, x]");
        tags.push(format!(
            "!If [C{at}, {{Key: k{at}, Value: v}}, !Ref AWS::NoValue]"
        ));
    }
    let text = format!(
        "Conditions:\n{conditions}Resources:\n  B: {{Type: AWS::S3::Bucket, Properties: {{Tags: [{}]}}}}\n",
        tags.join(", ")
    );
    assert_eq!(found(&text, "LINT_NOT_CHECKED"), NOTHING);
    assert_eq!(found(&text, "S3_BUCKET_VERSIONED"), FAULT);
}
