//! Custom rules of users.

use super::*;

#[test]
fn custom_rules_are_checked() {
    let rules = own("
let buckets = Resources.*[ Type == 'AWS::S3::Bucket' ]
rule TAGGED when %buckets !empty { %buckets.Properties.Tags exists }
rule NAMED when %buckets !empty { %buckets.Properties.BucketName == /^x-/ <<the name must begin with x->> }
");
    let report = lint_with(&rules, PROD).expect("checked");
    assert_eq!(report.rules_checked, 2);
    assert_eq!(of(&report, "TAGGED").len(), 2);
    assert_eq!(
        of(&report, "TAGGED")[0].path(),
        "Resources.OutputBucket.Properties.Tags"
    );
    assert!(of(&report, "TAGGED")[0].message.contains("Properties.Tags"));
    assert_eq!(
        of(&report, "NAMED")[0].message,
        "the name must begin with x-"
    );
    // A suppression of an embedded rule is valid even when only custom rules are checked.
    assert_eq!(of(&report, UNKNOWN_SUPPRESSION), [] as [&Diagnostic; 0]);
}

#[test]
fn variables_of_custom_rule_files_are_separate() {
    let mut rules =
        own("let x = Resources.*[ Type == 'AWS::S3::Bucket' ]\nrule ONE { %x empty }\n");
    rules.extend(
        from_source(&Source::new(
            "other.guard",
            "let x = Resources.*[ Type == 'AWS::SNS::Topic' ]\nrule TWO { %x empty }\nOutputs exists\n",
        ))
        .expect("valid"),
    );
    let report = lint_with(&rules, PROD).expect("checked");
    assert!(!of(&report, "ONE").is_empty());
    assert!(of(&report, "TWO").is_empty());
    assert_eq!(report.rules_checked, 3);
}

#[test]
fn one_name_in_two_files_is_an_error() {
    let text = "rule S3_BUCKET_VERSIONED { Resources exists }\n";
    let mut rules = embedded();
    rules.extend(own(text));
    assert!(matches!(
        lint_with(&rules, PROD),
        Err(LintError::SameName { .. })
    ));
}

#[test]
fn a_rule_that_guard_cannot_evaluate_is_an_error() {
    let rules = own("rule R { %nowhere exists }\n");
    assert!(matches!(
        lint_with(&rules, PROD),
        Err(LintError::Refused { .. })
    ));
}

#[test]
fn each_action_is_found_once() {
    let found = |actions: &str| {
        let text = format!(
            "Resources:\n  P:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      \
             PolicyDocument:\n        Statement:\n          - Effect: Allow\n            \
             Action: {actions}\n            Resource: arn:aws:s3:::a/b\n"
        );
        let report = lint(&text);
        let found = of(&report, "IAM_NO_WILDCARD_ACTIONS");
        let marked: Vec<String> = found
            .iter()
            .map(|finding| marked(&text, finding).to_owned())
            .collect();
        marked
    };
    assert_eq!(found("s3:Get*"), ["s3:Get*"]);
    assert_eq!(found("[s3:Get*]"), ["s3:Get*"]);
    assert_eq!(
        found("[s3:Get*, s3:PutObject, s3:List*]"),
        ["s3:Get*", "s3:List*"]
    );
}
