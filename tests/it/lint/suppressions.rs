//! The effect of entries in `Metadata.guard.SuppressedRules`.

use super::*;

/// Returns a role that everyone can assume, with an inline policy that allows everything.
fn role(suppressed: &str) -> String {
    format!(
        "Resources:
  R:
    Type: AWS::IAM::Role
    Metadata:
      guard:
        {suppressed}
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{{Effect: Allow, Principal: '*', Action: 'sts:AssumeRole'}}]
      Policies:
        - PolicyName: p
          PolicyDocument:
            Statement: [{{Effect: Allow, Action: '*', Resource: '*'}}]
"
    )
}

fn codes(report: &Report) -> Vec<&str> {
    let found = report.findings.iter().map(Diagnostic::code);
    found.filter(|code| *code != UNKNOWN_SUPPRESSION).collect()
}

/// Returns a custom rule with the filter from the rules registry.
fn filtered() -> Vec<Rule> {
    own("let roles = Resources.*[ Type == 'AWS::IAM::Role'
           Metadata.guard.SuppressedRules not exists or
           Metadata.guard.SuppressedRules.* != \"ROLE_HAS_PATH\"
         ]
         rule ROLE_HAS_PATH when %roles !empty { %roles.Properties.Path exists }\n")
}

#[test]
fn an_invalid_entry_suppresses_nothing_and_is_found() {
    let nothing = role("SuppressedRules: []");
    let all = lint(&nothing);
    assert!(codes(&all).len() > 3, "{all:?}");
    assert!(codes(&all).contains(&"IAM_ROLE_TRUST_NO_STAR"));
    // The list, the underlined text, and a part of the message.
    for (list, place, word) in [
        ("[5]", "5", "a number"),
        ("[5.5]", "5.5", "a number"),
        ("[true]", "true", "a boolean"),
        ("[~]", "~", "is empty"),
        ("['']", "''", "empty"),
        ("['  ']", "'  '", "empty"),
        (
            "[[IAM_NO_INLINE_POLICIES]]",
            "IAM_NO_INLINE_POLICIES",
            "a list",
        ),
        ("[[]]", "[]", "a list"),
        ("[{}]", "", "exactly one rule"),
        (
            "[{IAM_NO_INLINE_POLICIES: {because: x}}]",
            "IAM_NO_INLINE_POLICIES",
            "the reason is a mapping",
        ),
        (
            "[{IAM_NO_INLINE_POLICIES: [x]}]",
            "IAM_NO_INLINE_POLICIES",
            "the reason is a list",
        ),
        (
            "[{IAM_NO_INLINE_POLICIES: }]",
            "IAM_NO_INLINE_POLICIES",
            "missing reason",
        ),
        (
            "[{IAM_NO_INLINE_POLICIES: !Sub x}]",
            "IAM_NO_INLINE_POLICIES",
            "the result of a function",
        ),
        (
            "[{IAM_NO_INLINE_POLICIES: x, IAM_NO_STAR_ACTIONS: y}]",
            "IAM_NO_INLINE_POLICIES",
            "exactly one rule",
        ),
        ("[{'': x}]", "''", "empty"),
        (
            "[!Sub IAM_NO_INLINE_POLICIES]",
            "",
            "the result of a function",
        ),
        ("[{Ref: X}]", "Ref", "the result of a function"),
        ("[{'Fn::Sub': X}]", "'Fn::Sub'", "the result of a function"),
        ("5", "SuppressedRules", "a number"),
        ("true", "SuppressedRules", "a boolean"),
        ("~", "SuppressedRules", "is empty"),
        ("{}", "SuppressedRules", "a mapping"),
        (
            "{IAM_NO_INLINE_POLICIES: x}",
            "SuppressedRules",
            "a mapping",
        ),
        ("!Ref X", "SuppressedRules", "the result of a function"),
        (
            "!If [C, [IAM_NO_INLINE_POLICIES], [x]]",
            "SuppressedRules",
            "the result of a function",
        ),
        (
            "[iam_no_inline_policies]",
            "iam_no_inline_policies",
            "no rule has this name",
        ),
        (
            "[{Iam_No_Inline_Policies: reviewed}]",
            "Iam_No_Inline_Policies",
            "no rule has this name",
        ),
        (
            "[{IAM_NO_INLINE_POLICIE: reviewed}]",
            "IAM_NO_INLINE_POLICIE",
            "no rule has this name",
        ),
        ("[IAM_NO_SUCH]", "IAM_NO_SUCH", "no rule has this name"),
        ("[' IAM_NO_INLINE_POLICIES']", "", "no rule has this name"),
    ] {
        let text = role(&format!("SuppressedRules: {list}"));
        let report = lint(&text);
        assert_eq!(codes(&report), codes(&all), "{list}");
        assert_eq!(report.suppressed, [], "{list}");
        let [finding] = of(&report, UNKNOWN_SUPPRESSION)[..] else {
            panic!("{list}: {:?}", report.findings);
        };
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.resource(), Some("R"));
        assert!(finding.message.contains(word), "{list}: {finding:?}");
        assert!(finding.help.is_some(), "{list}");
        if !place.is_empty() {
            assert_eq!(marked(&text, finding), place, "{list}");
        }
        // The entry does not suppress custom rules, either.
        let report = lint_with(&filtered(), &text).expect("checked");
        assert_eq!(of(&report, "ROLE_HAS_PATH").len(), 1, "{list}");
        // Next to a valid name, only that name has an effect.
        if let Some(rest) = list.strip_prefix('[') {
            let text = role(&format!("SuppressedRules: [IAM_ROLE_TRUST_NO_STAR, {rest}"));
            let report = lint(&text);
            let mut left = codes(&all);
            left.retain(|code| *code != "IAM_ROLE_TRUST_NO_STAR");
            assert_eq!(codes(&report), left, "{list}");
            let [suppressed] = report.suppressed.as_slice() else {
                panic!("{list}: {:?}", report.suppressed);
            };
            assert_eq!(suppressed.rule, "IAM_ROLE_TRUST_NO_STAR");
            assert_eq!(of(&report, UNKNOWN_SUPPRESSION).len(), 1, "{list}");
        }
    }
}

#[test]
fn the_right_name_is_suggested_for_a_misspelled_one() {
    for list in [
        "[iam_no_inline_policies]",
        "[{iam_no_inline_policies: x}]",
        "[IAM_NO_INLINE_POLICYS]",
    ] {
        let report = lint(&role(&format!("SuppressedRules: {list}")));
        let [finding] = of(&report, UNKNOWN_SUPPRESSION)[..] else {
            panic!("{list}: {:?}", report.findings);
        };
        let help = finding.help.as_deref().unwrap_or_default();
        assert!(help.contains("`IAM_NO_INLINE_POLICIES`"), "{help}");
    }
}

#[test]
fn a_name_suppresses_its_rule_with_the_given_reason() {
    let all = lint(&role("SuppressedRules: []"));
    for (list, reason) in [
        ("[IAM_NO_INLINE_POLICIES]", None),
        ("IAM_NO_INLINE_POLICIES", None),
        ("[IAM_NO_INLINE_POLICIES, IAM_NO_INLINE_POLICIES]", None),
        (
            "[{IAM_NO_INLINE_POLICIES: reviewed in 2026}]",
            Some("reviewed in 2026"),
        ),
        ("[{IAM_NO_INLINE_POLICIES: 2026}]", Some("2026")),
        ("[{IAM_NO_INLINE_POLICIES: ''}]", None),
        (
            "[IAM_NO_INLINE_POLICIES]\n        Reasons: {IAM_NO_INLINE_POLICIES: reviewed}",
            Some("reviewed"),
        ),
        (
            "[{IAM_NO_INLINE_POLICIES: here}]\n        Reasons: {IAM_NO_INLINE_POLICIES: there}",
            Some("here"),
        ),
    ] {
        let text = role(&format!("SuppressedRules: {list}"));
        let report = lint(&text);
        let mut left = codes(&all);
        left.retain(|code| *code != "IAM_NO_INLINE_POLICIES");
        assert_ne!(left, codes(&all));
        assert_eq!(codes(&report), left, "{list}");
        assert_eq!(of(&report, UNKNOWN_SUPPRESSION).len(), 0, "{list}");
        let [suppressed] = report.suppressed.as_slice() else {
            panic!("{list}: {:?}", report.suppressed);
        };
        assert_eq!(suppressed.reason.as_deref(), reason, "{list}");
        let span = suppressed.span;
        assert_eq!(&text[span.start..span.end], "IAM_NO_INLINE_POLICIES");
    }
}

#[test]
fn custom_rules_see_names_with_reasons() {
    let rules = filtered();
    for (list, count) in [
        ("[]", 1),
        ("[ROLE_HAS_PATH]", 0),
        ("[{ROLE_HAS_PATH: the root is meant}]", 0),
        ("[{ROLE_HAS_PATH: the root is meant}, 5]", 0),
        ("[{OTHER: x}, {ROLE_HAS_PATH: y}]", 0),
        ("[role_has_path]", 1),
    ] {
        let report = lint_with(&rules, &role(&format!("SuppressedRules: {list}")));
        let report = report.expect("checked");
        assert_eq!(of(&report, "ROLE_HAS_PATH").len(), count, "{list}");
    }
}

#[test]
fn a_name_in_the_filter_of_a_custom_rule_is_known() {
    let rules = own("let roles = Resources.*[ Type == 'AWS::IAM::Role'
           Metadata.guard.SuppressedRules.* != 'ROLE_PATH' ]
         rule ROLE_HAS_PATH when %roles !empty { %roles.Properties.Path exists }\n");
    let report = lint_with(&rules, &role("SuppressedRules: [ROLE_PATH]")).expect("checked");
    assert_eq!(report.findings, []);
    assert_eq!(report.suppressed.len(), 1);
}

#[test]
fn a_name_of_another_rule_set_needs_a_reason() {
    let report = lint(&role("SuppressedRules: [{THEIR_RULE: reviewed}]"));
    assert_eq!(of(&report, UNKNOWN_SUPPRESSION).len(), 0);
    assert_eq!(report.suppressed.len(), 1);
    let report = lint(&role("SuppressedRules: [THEIR_RULE]"));
    assert_eq!(of(&report, UNKNOWN_SUPPRESSION).len(), 1);
    assert_eq!(report.suppressed.len(), 0);
}

#[test]
fn the_finding_about_entries_can_be_suppressed() {
    let list = format!("SuppressedRules: [THEIR_RULE, {UNKNOWN_SUPPRESSION}: they check it]");
    let report = lint(&role(&list));
    assert_eq!(of(&report, UNKNOWN_SUPPRESSION).len(), 0);
    let [suppressed] = report.suppressed.as_slice() else {
        panic!("{:?}", report.suppressed);
    };
    assert_eq!(suppressed.reason.as_deref(), Some("they check it"));
}

#[test]
fn a_short_name_with_a_wrong_letter_belongs_to_no_other_rule_set() {
    let rules = own("rule TAGS { Resources.*.Properties.Tags exists }\n");
    for (name, found) in [("TAGS", 0), ("TAGZ", 1), ("OTHER_RULE", 0)] {
        let text = role(&format!("SuppressedRules: [{{{name}: because}}]"));
        let report = lint_with(&rules, &text).expect("checked");
        assert_eq!(of(&report, UNKNOWN_SUPPRESSION).len(), found, "{name}");
    }
}
