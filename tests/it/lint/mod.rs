//! Tests the lint with complete templates.

mod normal_form;
mod oracle;
mod outcomes;
mod own_rules;
mod relations;
mod rule_files;
mod suppressions;
mod undecided;

use std::collections::BTreeSet;

use s3ferry::diagnostic::{Diagnostic, Node, Severity, Source, read};
use s3ferry::lint::{LintError, Report, Rule, check, embedded, from_source};

/// The rule of a finding about an unknown suppressed rule.
const UNKNOWN_SUPPRESSION: &str = "LINT_UNKNOWN_SUPPRESSION";

fn document(text: &str) -> (Source, Node) {
    let source = Source::new("template.yaml", text);
    let node = read(&source).expect("a valid document");
    (source, node)
}

fn lint_with(rules: &[Rule], text: &str) -> Result<Report, LintError> {
    let (source, node) = document(text);
    check(rules, &[(&source, &node)]).map(|mut reports| reports.remove(0))
}

fn lint(text: &str) -> Report {
    lint_with(&embedded(), text).expect("checked")
}

fn own(text: &str) -> Vec<Rule> {
    from_source(&Source::new("own.guard", text)).expect("a valid rule file")
}

fn of<'r>(report: &'r Report, rule: &str) -> Vec<&'r Diagnostic> {
    report
        .findings
        .iter()
        .filter(|finding| finding.code() == rule)
        .collect()
}

fn marked<'t>(text: &'t str, finding: &Diagnostic) -> &'t str {
    &text[finding.span.start..finding.span.end]
}

const DEV: &str = include_str!("../../fixtures/dev.yaml");
const PROD: &str = include_str!("../../fixtures/prod.yaml");

#[test]
fn the_examples_pass_all_rules_and_report_their_suppressions() {
    for text in [DEV, PROD] {
        let report = lint(text);
        assert_eq!(report.findings, []);
        assert_eq!(report.rules_checked, embedded().len());
        let [suppressed] = report.suppressed.as_slice() else {
            panic!("{:?}", report.suppressed);
        };
        assert_eq!(
            (suppressed.rule.as_str(), suppressed.resource.as_str()),
            ("S3_BUCKET_LOGGED", "LogBucket")
        );
        assert!(
            suppressed
                .reason
                .as_deref()
                .is_some_and(|why| why.contains("without end"))
        );
        assert_eq!(
            &text[suppressed.span.start..suppressed.span.end],
            "S3_BUCKET_LOGGED"
        );
    }
}

#[test]
fn reports_come_in_the_order_of_the_templates() {
    let (dev, dev_node) = document(DEV);
    let bad = PROD.replace("Status: Enabled", "Status: Suspended");
    let (prod, prod_node) = document(&bad);
    let rules = embedded();
    let reports = check(&rules, &[(&dev, &dev_node), (&prod, &prod_node)]).expect("checked");
    assert_eq!(reports[0].findings, []);
    assert_eq!(of(&reports[1], "S3_BUCKET_VERSIONED").len(), 2);
}

#[test]
fn a_wrong_value_is_reported_at_its_position() {
    let text = DEV.replace("EnableKeyRotation: true", "EnableKeyRotation: false");
    let report = lint(&text);
    let [finding] = report.findings.as_slice() else {
        panic!("{:?}", report.findings);
    };
    assert_eq!(finding.code(), "KMS_KEY_ROTATED");
    assert_eq!(finding.severity, Severity::Error);
    assert_eq!(finding.resource(), Some("DeployKey"));
    assert_eq!(
        finding.path(),
        "Resources.DeployKey.Properties.EnableKeyRotation"
    );
    assert_eq!(marked(&text, finding), "false");
    assert_eq!(
        finding.message,
        "automatic rotation is not enabled for the key"
    );
    assert_eq!(
        finding.help.as_deref(),
        Some("Write `EnableKeyRotation: true`.")
    );
}

#[test]
fn a_missing_property_is_found_at_its_resource() {
    let text = DEV.replace("      EnableKeyRotation: true\n", "");
    let report = lint(&text);
    let [finding] = report.findings.as_slice() else {
        panic!("{:?}", report.findings);
    };
    assert_eq!(
        finding.path(),
        "Resources.DeployKey.Properties.EnableKeyRotation"
    );
    assert_eq!(marked(&text, finding), "DeployKey");
}

#[test]
fn a_missing_part_of_a_property_is_found_at_that_property() {
    let text = DEV.replacen("        RestrictPublicBuckets: true\n", "", 1);
    let report = lint(&text);
    let [finding] = report.findings.as_slice() else {
        panic!("{:?}", report.findings);
    };
    assert_eq!(
        finding.path(),
        "Resources.SourceBucket.Properties.PublicAccessBlockConfiguration.RestrictPublicBuckets"
    );
    assert_eq!(marked(&text, finding), "PublicAccessBlockConfiguration");
}

#[test]
fn a_missing_statement_is_one_finding() {
    let text = DEV.replacen("aws:SecureTransport: false", "aws:SecureTransport: true", 2);
    let report = lint(&text);
    let tls = of(&report, "S3_BUCKET_TLS_ONLY");
    assert_eq!(tls.len(), 2, "{tls:#?}");
    assert_eq!(report.findings.len(), 2, "{:#?}", report.findings);
    assert_eq!(tls[1].resource(), Some("ArtifactBucketPolicy"));
    assert_eq!(tls[1].path(), "Resources.ArtifactBucketPolicy");
    assert_eq!(marked(&text, tls[1]), "ArtifactBucketPolicy");
}

#[test]
fn a_missing_reference_is_found_at_the_unreferenced_resource() {
    let text = DEV.replacen("Bucket: !Ref SourceBucket\n", "Bucket: elsewhere\n", 1);
    let report = lint(&text);
    let [finding] = of(&report, "S3_BUCKET_HAS_POLICY")[..] else {
        panic!("{:?}", report.findings);
    };
    assert_eq!(finding.resource(), Some("SourceBucket"));
    assert_eq!(finding.path(), "Resources.SourceBucket");
    assert_eq!(marked(&text, finding), "SourceBucket");
}

#[test]
fn two_actions_of_one_namespace_are_found() {
    let text = DEV.replace(
        "        - Name: Deploy\n          Actions:\n",
        "        - Name: Deploy\n          Actions:\n            - {Name: A, ActionTypeId: {Category: Approval, Owner: AWS, Provider: Manual, Version: '1'}, Namespace: DeployVariables}\n",
    );
    let report = lint(&text);
    let [finding] = report.findings.as_slice() else {
        panic!("{:?}", report.findings);
    };
    assert_eq!(finding.code(), "CODEPIPELINE_NAMESPACES_UNIQUE");
    assert_eq!(finding.resource(), Some("Pipeline"));
}

#[test]
fn findings_in_json_templates_have_positions() {
    let (_, node) = document(PROD);
    let mut json = node.to_json();
    json["Resources"]["OutputBucket"]["Properties"]["VersioningConfiguration"]["Status"] =
        "Suspended".into();
    let text = serde_json::to_string_pretty(&json).expect("JSON");
    let report = lint(&text);
    let [finding] = report.findings.as_slice() else {
        panic!("{:?}", report.findings);
    };
    assert_eq!(marked(&text, finding), "\"Suspended\"");
}

#[test]
fn tags_that_guard_drops_are_kept() {
    // Without its tag, `!FindInMap` would be a list with a star. With the tag, the value is
    // unknown.
    let text = "
Resources:
  P:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Statement:
          - Effect: Allow
            Action: s3:GetObject
            Resource: !FindInMap [Names, 'Fn', '*']
  B:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: !Select [0, !Split ['-', 'a-b']]
      VersioningConfiguration:
        Status: !FindInMap [Enabled, Enabled, Enabled]
";
    let report = lint(text);
    let [note] = of(&report, "IAM_NO_STAR_RESOURCES")[..] else {
        panic!("{:?}", report.findings);
    };
    assert_eq!(note.severity, Severity::Note);
    let [finding] = of(&report, "S3_BUCKET_VERSIONED")[..] else {
        panic!("{:?}", report.findings);
    };
    assert_eq!(
        finding.path(),
        "Resources.B.Properties.VersioningConfiguration.Status"
    );
}

#[test]
fn both_branches_of_a_condition_are_checked() {
    let bucket = |value: &str| {
        format!(
            "Resources:\n  B:\n    Type: AWS::S3::Bucket\n    Properties:\n      VersioningConfiguration: {value}\n"
        )
    };
    let found = |value: &str| {
        let text = bucket(value);
        let report = lint(&text);
        of(&report, "S3_BUCKET_VERSIONED").len()
    };
    assert_eq!(
        found("!If [C, {Status: Enabled}, {Status: !If [D, Enabled, Enabled]}]"),
        0
    );
    assert_eq!(found("!If [C, {Status: Enabled}, {Status: Suspended}]"), 1);
    assert_eq!(
        found("{\"Fn::If\": [C, {Status: Enabled}, {Ref: AWS::NoValue}]}"),
        1
    );
    assert_eq!(found("!If [C, !Ref AWS::NoValue, !Ref AWS::NoValue]"), 1);

    let text = bucket("!If [C, {Status: Enabled}, {Status: Suspended}]");
    let report = lint(&text);
    assert_eq!(
        marked(&text, of(&report, "S3_BUCKET_VERSIONED")[0]),
        "Suspended"
    );
}

#[test]
fn too_many_conditions_of_a_resource_are_noted() {
    let tags: String = (0..12).map(|n| format!("!If [C{n}, a, b], ")).collect();
    let text = |property: &str| {
        format!(
            "Resources:\n  T:\n    Type: AWS::KMS::Alias\n    Properties:\n      {property}: !Join ['', [alias/, {tags}c]]\n"
        )
    };
    assert_eq!(lint(&text("TargetKeyId")).findings, []);
    let report = lint(&text("AliasName"));
    let [note] = report.findings.as_slice() else {
        panic!("{:?}", report.findings);
    };
    assert_eq!(
        (note.code(), note.severity),
        ("LINT_NOT_CHECKED", Severity::Note)
    );
    assert_eq!(note.resource(), Some("T"));
}

#[test]
fn an_equivalent_value_has_the_same_result() {
    let text = PROD.replacen(
        "Bucket: !Ref OutputBucket",
        "Bucket: !Sub '${OutputBucket}'",
        1,
    );
    assert_ne!(text, PROD);
    assert_eq!(lint(&text).findings, []);
}

#[test]
fn a_suppression_applies_only_to_its_resource() {
    let text = PROD.replace(
        "  OutputBucket:\n    Type: AWS::S3::Bucket\n",
        "  OutputBucket:\n    Type: AWS::S3::Bucket\n    Metadata: {guard: {SuppressedRules: [S3_BUCKET_VERSIONED]}}\n",
    );
    let text = text.replace("Status: Enabled", "Status: Suspended");
    let report = lint(&text);
    let [finding] = report.findings.as_slice() else {
        panic!("{:?}", report.findings);
    };
    assert_eq!(finding.resource(), Some("LogBucket"));
    assert_eq!(report.suppressed.len(), 2);
    assert_eq!(report.suppressed[0].reason, None);
}

#[test]
fn an_empty_list_of_suppressions_suppresses_nothing() {
    let text = PROD.replacen("          - S3_BUCKET_LOGGED\n", "          []\n", 1);
    let text = text.replacen("SuppressedRules:\n          []", "SuppressedRules: []", 1);
    assert_eq!(of(&lint(&text), "S3_BUCKET_LOGGED").len(), 1);
}

#[test]
fn a_suppression_of_an_unknown_rule_is_a_warning() {
    let text = PROD.replacen("- S3_BUCKET_LOGGED", "- S3_BUCKET_LOGED", 1);
    let report = lint(&text);
    let [unknown] = of(&report, UNKNOWN_SUPPRESSION)[..] else {
        panic!("{:?}", report.findings);
    };
    assert_eq!(unknown.severity, Severity::Warning);
    assert_eq!(marked(&text, unknown), "S3_BUCKET_LOGED");
    assert!(
        unknown
            .help
            .as_deref()
            .is_some_and(|fix| fix.contains("`S3_BUCKET_LOGGED`"))
    );
    assert_eq!(of(&report, "S3_BUCKET_LOGGED").len(), 1);
}

#[test]
fn a_template_without_resources_is_an_error() {
    let (source, node) = document(DEV);
    assert!(matches!(
        check(&[], &[(&source, &node)]),
        Err(LintError::Nothing("rules"))
    ));
    assert!(matches!(
        check(&embedded(), &[]),
        Err(LintError::Nothing("templates"))
    ));
    for text in ["", "a: 1", "Resources: {}", "Resources: [1]", "[]"] {
        assert!(
            matches!(lint_with(&embedded(), text), Err(LintError::NoResources(_))),
            "{text}"
        );
    }
}

#[test]
fn long_reports_are_complete() {
    let buckets: String = (0..40)
        .map(|n| {
            format!(
                "  Bucket{n}:\n    Type: AWS::S3::Bucket\n    Properties: {{BucketName: b{n}}}\n"
            )
        })
        .collect();
    let text = format!("Resources:\n{buckets}");
    let report = lint(&text);
    for rule in [
        "S3_BUCKET_VERSIONED",
        "S3_BUCKET_ENCRYPTED",
        "S3_BUCKET_PUBLIC_ACCESS_BLOCKED",
        "S3_BUCKET_LOGGED",
        "S3_BUCKET_OWNER_ENFORCED",
        "S3_BUCKET_HAS_POLICY",
    ] {
        assert_eq!(of(&report, rule).len(), 40, "{rule}");
    }
    assert!(report.findings.is_sorted_by_key(|finding| finding.span));
    assert_eq!(report, lint(&text));
}

#[test]
fn keys_with_slashes_and_non_ascii_text_have_positions() {
    let rules = own("rule R { Resources.*.Properties.'a/b'[*].c == 'x' <<so nicht>> }\n");
    let text =
        "Resources:\n  Bücket:\n    Type: T\n    Properties: {a: {b: 1}, a/b: [{c: x}, {c: ü}]}\n";
    let report = lint_with(&rules, text).expect("checked");
    let [finding] = report.findings.as_slice() else {
        panic!("{:?}", report.findings);
    };
    assert_eq!(marked(text, finding), "ü");
    assert_eq!(finding.resource(), Some("Bücket"));
}

#[test]
fn rules_give_the_same_results_together_and_separately() {
    let ours = embedded();
    for (text, every) in [(DEV, 97), (PROD, 61)] {
        let lines: Vec<&str> = text.lines().collect();
        for at in (0..lines.len()).step_by(every) {
            let mut kept = lines.clone();
            kept.remove(at);
            let text = kept.join("\n");
            let source = Source::new("template.yaml", text.as_str());
            let Ok(node) = read(&source) else { continue };
            let Ok(reports) = check(&ours, &[(&source, &node)]) else {
                continue;
            };
            let apart: Vec<Report> = ours
                .iter()
                .flat_map(|rule| {
                    let rule = std::slice::from_ref(rule);
                    check(rule, &[(&source, &node)]).expect("checked")
                })
                .collect();
            let places = |reports: &[Report]| -> BTreeSet<_> {
                let places = reports.iter().flat_map(|report| &report.findings);
                places
                    .map(|finding| {
                        (
                            finding.code().to_owned(),
                            finding.path().to_owned(),
                            finding.span,
                        )
                    })
                    .collect()
            };
            assert_eq!(places(&reports), places(&apart), "without {:?}", lines[at]);
        }
    }
}

/// Replaces one node with an unusual value.
fn spoil(node: &mut serde_json::Value, at: &mut usize, odd: &serde_json::Value) {
    if *at == 0 {
        *node = odd.clone();
        *at = usize::MAX;
        return;
    }
    *at -= 1;
    let children: Box<dyn Iterator<Item = &mut serde_json::Value>> = match node {
        serde_json::Value::Array(items) => Box::new(items.iter_mut()),
        serde_json::Value::Object(entries) => Box::new(entries.values_mut()),
        _ => return,
    };
    for child in children {
        if *at == usize::MAX {
            return;
        }
        spoil(child, at, odd);
    }
}

#[test]
fn unusual_templates_are_checked() {
    let odds: Vec<serde_json::Value> = [
        "[]",
        "{}",
        "5",
        "null",
        "true",
        "\"\"",
        "[[1]]",
        "\"*\"",
        "{\"Ref\": \"X\"}",
        "{\"a\": {\"b\": [null]}}",
    ]
    .iter()
    .map(|text| serde_json::from_str(text).expect("JSON"))
    .collect();
    let rules = embedded();
    for text in [DEV, PROD] {
        let (_, node) = document(text);
        let json = node.to_json();
        for (n, place) in (3..900).step_by(37).enumerate() {
            let odd = &odds[n % odds.len()];
            let mut spoilt = json.clone();
            let mut at = place;
            spoil(&mut spoilt, &mut at, odd);
            if at != usize::MAX {
                break;
            }
            let text = spoilt.to_string();
            match lint_with(&rules, &text) {
                Ok(_) | Err(LintError::NoResources(_)) => {}
                Err(error) => panic!("{error}\n{odd} in {text}"),
            }
        }
    }
}
