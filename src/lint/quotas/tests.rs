use super::*;
use crate::diagnostic::read;

/// Returns a template with a pipeline: a source stage, and these stages, each with the `RunOrder`
/// of its actions.
fn pipeline(stages: &[Vec<usize>]) -> String {
    let mut text = String::from(
        "Resources:\n  P:\n    Type: AWS::CodePipeline::Pipeline\n    Properties:\n      Stages:\n        \
         - {Name: Source, Actions: [{Name: Source}]}\n",
    );
    for (number, actions) in stages.iter().enumerate() {
        text.push_str(&format!("        - Name: s{number}\n          Actions:\n"));
        for (number, order) in actions.iter().enumerate() {
            text.push_str(&format!(
                "            - {{Name: a{number}, RunOrder: {order}}}\n"
            ));
        }
    }
    text
}

fn findings_of(text: &str, quotas: &Quotas) -> Vec<Diagnostic> {
    let source = Source::new("template.yaml", text);
    findings(&source, &read(&source).expect("a template"), quotas)
}

#[track_caller]
fn one(text: &str, severity: Severity, message: &str) -> Diagnostic {
    let found = findings_of(text, &Quotas::default());
    let [finding] = found.as_slice() else {
        panic!("{found:#?}");
    };
    assert_eq!(finding.severity, severity, "{finding:?}");
    assert!(finding.message.contains(message), "{finding:?}");
    finding.clone()
}

#[test]
fn a_stage_has_a_limit_and_a_lower_one_of_an_older_row() {
    let stage = |actions: Vec<usize>| pipeline(&[actions]);
    assert_eq!(findings_of(&stage(vec![1; 50]), &Quotas::default()), []);
    let warning = "stage 2 of P has 51 actions; *Quotas in AWS CodePipeline* allows 100, but an \
                   older table row allows only 50";
    one(&stage(vec![1; 51]), Severity::Warning, warning);
    one(&stage(vec![1; 100]), Severity::Warning, "100 actions");
    // A configured value replaces the lower limit.
    let more = Quotas {
        actions_per_stage: Some(100),
        ..Quotas::default()
    };
    assert_eq!(findings_of(&stage(vec![1; 100]), &more), []);
    for quotas in [Quotas::default(), more] {
        let found = findings_of(&stage(vec![1; 101]), &quotas);
        let [finding] = found.as_slice() else {
            panic!("{found:#?}");
        };
        assert_eq!(finding.severity, Severity::Error);
        let message = "stage 2 of P has 101 parallel actions, but AWS allows 100";
        assert_eq!(finding.message, message);
        let fix = "use several stages: this quota cannot be increased";
        assert_eq!(finding.help.as_deref(), Some(fix));
    }
    let message = "101 sequential actions, but AWS allows 100";
    one(&stage((1..=101).collect()), Severity::Error, message);
    let two_steps = [vec![1; 60], vec![2; 60]].concat();
    let message = "120 actions, but AWS allows 100";
    one(&stage(two_steps), Severity::Error, message);
}

#[test]
fn a_pipeline_has_two_to_fifty_stages_and_a_thousand_actions() {
    let stages = |count: usize, actions: usize| pipeline(&vec![vec![1; actions]; count]);
    one(&stages(0, 1), Severity::Error, "at least 2 stages");
    assert_eq!(findings_of(&stages(49, 1), &Quotas::default()), []);
    let message = "pipeline P has 51 stages, but AWS allows 50";
    one(&stages(50, 1), Severity::Error, message);
    assert_eq!(findings_of(&stages(27, 37), &Quotas::default()), []);
    let message = "pipeline P has 1,001 actions, but AWS allows 1,000";
    one(&stages(25, 40), Severity::Error, message);
}

#[test]
fn configuration_values_are_measured_one_by_one() {
    let configuration = |values: &[String]| {
        let entries: Vec<String> = values
            .iter()
            .enumerate()
            .map(|(number, value)| format!("K{number}: {value}"))
            .collect();
        let action = format!("a0, Configuration: {{{}}}", entries.join(", "));
        pipeline(&[vec![1]]).replace("a0", &action)
    };
    let text = |length| "é".repeat(length);
    assert_eq!(
        findings_of(&configuration(&[text(1_000)]), &Quotas::default()),
        []
    );
    let long = configuration(&[text(10), text(1_001)]);
    let message = "`K1` in action a0 of P has 1,001 characters, but AWS allows 1,000";
    let found = one(&long, Severity::Error, message);
    assert_eq!(found.code(), "QUOTA_CONFIGURATION_VALUE");
    assert_eq!(&long[found.span.start..found.span.end], text(1_001));
    let long = configuration(&[text(2_000), text(10), text(1_001)]);
    assert_eq!(findings_of(&long, &Quotas::default()).len(), 2);
    // A function counts with its maximum length, and a pipeline variable counts as written.
    let long = configuration(&[format!("!Sub \"{}${{P}}\"", "x".repeat(990))]);
    one(&long, Severity::Error, "`K0` in action a0 of P has");
}

#[test]
fn an_increase_is_suggested_only_where_aws_grants_one() {
    let text = "Resources:\n  R:\n    Type: AWS::IAM::Role\n    Properties:\n      RoleName: r\n      \
                AssumeRolePolicyDocument: {Statement: []}\n  E:\n    Type: AWS::Events::Rule\n    \
                Properties: {Targets: []}\n";
    let with_pipeline = text.to_owned() + &pipeline(&[vec![1]]).replace("Resources:\n", "");
    let source = Source::new("template.yaml", with_pipeline);
    let node = read(&source).expect("a template");
    let fixes = |quotas: &Quotas| -> Vec<(Quota, String)> {
        let usages = usages(&source, &node, quotas).into_iter();
        usages.map(|usage| (usage.quota, usage.fix)).collect()
    };
    let suggested = fixes(&Quotas::default());
    assert!(suggested.len() > 8, "{suggested:#?}");
    for (quota, fix) in &suggested {
        match quota.increase {
            Increase::Fixed => assert!(fix.ends_with("this quota cannot be increased"), "{fix}"),
            _ => assert!(fix.contains("request an increase (up to "), "{fix}"),
        }
    }
    // AWS does not raise a quota beyond its maximum.
    let raised = Quotas {
        trust_policy_characters: Some(8_192),
        managed_policies_per_role: Some(25),
        ..Quotas::default()
    };
    for (_, fix) in fixes(&raised) {
        assert!(fix.ends_with("this quota cannot be increased"), "{fix}");
    }
}
