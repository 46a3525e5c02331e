//! Relations between resources, in each outcome of the conditions that they depend on.

use super::normal_form::{FAULT, NOTHING, UNDECIDED, found};

const CONDITIONS: &str = "Parameters:
  Q: {Type: String}
Conditions:
  C: !Equals [!Ref Q, '1']
  N: !Not [!Condition C]
";

fn pipeline(condition: &str, role: &str, stages: &str) -> String {
    format!(
        "  Pipeline:\n    Type: AWS::CodePipeline::Pipeline\n{condition}    Properties:\n      RoleArn: {role}\n      Stages:\n{stages}"
    )
}

fn source(bucket: &str) -> String {
    format!(
        "        - Name: Source\n          Actions:\n            - {{Name: s, ActionTypeId: {{Category: Source, Owner: AWS, Provider: S3, Version: '1'}}, Configuration: {{S3Bucket: {bucket}, S3ObjectKey: k, PollForSourceChanges: false}}}}\n"
    )
}

const ROLE: &str = "  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Principal: {Service: codepipeline.amazonaws.com}, Action: 'sts:AssumeRole'}]}}}\n";

#[test]
fn a_bucket_can_receive_logs_in_one_outcome() {
    for (logging, expected) in [
        ("{DestinationBucketName: !If [C, !Ref L, other]}", FAULT),
        (
            "!If [C, {DestinationBucketName: !Ref L}, !Ref AWS::NoValue]",
            FAULT,
        ),
        ("{DestinationBucketName: !If [C, !Ref M, other]}", NOTHING),
    ] {
        let text = format!(
            "{CONDITIONS}Resources:\n  B: {{Type: AWS::S3::Bucket, Properties: {{LoggingConfiguration: {logging}}}}}\n  M: {{Type: AWS::S3::Bucket}}\n  L: {{Type: AWS::S3::Bucket, Properties: {{BucketEncryption: {{ServerSideEncryptionConfiguration: [{{ServerSideEncryptionByDefault: {{SSEAlgorithm: 'aws:kms'}}}}]}}}}}}\n"
        );
        assert_eq!(found(&text, "S3_LOG_BUCKET_AES256"), expected, "{logging}");
    }
}

#[test]
fn a_bucket_can_be_a_source_in_one_outcome() {
    for (bucket, expected) in [("!If [C, !Ref B, other]", FAULT), ("other", NOTHING)] {
        let text = format!(
            "{CONDITIONS}Resources:\n  B: {{Type: AWS::S3::Bucket}}\n{}",
            pipeline("", "r", &source(bucket))
        );
        let rule = "CODEPIPELINE_SOURCE_BUCKET_VERSIONED";
        assert_eq!(found(&text, rule), expected, "{bucket}");
    }
}

#[test]
fn a_dependency_on_policies_is_required_only_where_both_exist() {
    let policy = |condition: &str, role: &str| {
        format!(
            "  Policy:\n    Type: AWS::IAM::Policy\n{condition}    Properties: {{PolicyName: p, Roles: [{role}], PolicyDocument: {{Statement: []}}}}\n"
        )
    };
    let (c, n) = ("    Condition: C\n", "    Condition: N\n");
    for (of_pipeline, role, of_policy, attached, expected) in [
        ("", "!GetAtt Role.Arn", "", "!Ref Role", FAULT),
        (
            "",
            "!If [C, !GetAtt Role.Arn, !GetAtt Role.Arn]",
            "",
            "!Ref Role",
            FAULT,
        ),
        (
            "",
            "!GetAtt Role.Arn",
            "",
            "!If [C, !Ref Role, !Ref AWS::NoValue]",
            FAULT,
        ),
        (
            "",
            "!If [C, !GetAtt Role.Arn, other]",
            "",
            "!If [N, !Ref Role, x]",
            NOTHING,
        ),
        (c, "!GetAtt Role.Arn", c, "!Ref Role", FAULT),
        (c, "!GetAtt Role.Arn", n, "!Ref Role", NOTHING),
    ] {
        let text = format!(
            "{CONDITIONS}Resources:\n{ROLE}{}{}",
            policy(of_policy, attached),
            pipeline(of_pipeline, role, &source("b"))
        );
        let rule = "DEPLOYMENT_PIPELINE_AFTER_POLICIES";
        assert_eq!(found(&text, rule), expected, "{text}");
    }
}

#[test]
fn an_event_rule_has_to_start_the_pipeline_whenever_it_exists() {
    let event_rule = |condition: &str, pattern: &str| {
        format!(
            "  Rule:\n    Type: AWS::Events::Rule\n{condition}    Properties:\n      EventPattern: {pattern}\n      Targets: [{{Id: p, Arn: !Sub 'arn:aws:codepipeline:eu-west-1:111111111111:${{Pipeline}}', RoleArn: r}}]\n"
        )
    };
    let created =
        "{source: [aws.s3], detail-type: ['Object Created'], detail: {bucket: {name: [b]}}}";
    for (condition, pattern, expected) in [
        ("", created, NOTHING),
        ("    Condition: C\n", created, FAULT),
        ("", "{source: [{prefix: aws.s3}]}", NOTHING),
        ("", "{detail: {bucket: {name: [b]}}}", NOTHING),
        ("", "{source: [{prefix: aws.ec2}]}", FAULT),
        (
            "",
            "{source: [aws.s3], detail-type: ['Object Deleted']}",
            FAULT,
        ),
        (
            "",
            "{source: [aws.s3], detail: {bucket: {name: [other]}}}",
            FAULT,
        ),
        (
            "",
            "{source: [aws.s3], detail: {bucket: {name: [{wildcard: '*'}]}}}",
            NOTHING,
        ),
    ] {
        let text = format!(
            "{CONDITIONS}Resources:\n{}{}",
            event_rule(condition, pattern),
            pipeline("", "r", &source("b"))
        );
        let rule = "DEPLOYMENT_SOURCE_CHANGES_DETECTED";
        assert_eq!(found(&text, rule), expected, "{condition}{pattern}");
    }
}

#[test]
fn a_role_is_assumable_only_in_the_account_of_the_policy() {
    for (allowed, wanted, expected) in [
        (
            "arn:aws:iam::222222222222:role/d",
            "arn:aws:iam::222222222222:role/d",
            NOTHING,
        ),
        (
            "arn:aws:iam::222222222222:role/d",
            "!Sub 'arn:${AWS::Partition}:iam::333333333333:role/d'",
            FAULT,
        ),
        (
            "arn:aws:iam::222222222222:role/d",
            "!If [C, 'arn:aws:iam::222222222222:role/d', 'arn:aws:iam::222222222222:role/e']",
            FAULT,
        ),
        (
            "!Sub 'arn:aws:iam::${Q}:role/d'",
            "arn:aws:iam::222222222222:role/d",
            NOTHING,
        ),
    ] {
        let stages = format!(
            "{}        - Name: Deploy\n          Actions:\n            - {{Name: d, RoleArn: {wanted}, ActionTypeId: {{Category: Deploy, Owner: AWS, Provider: S3, Version: '1'}}}}\n",
            source("b")
        );
        let text = format!(
            "{CONDITIONS}Resources:\n{ROLE}  Policy: {{Type: AWS::IAM::Policy, Properties: {{PolicyName: p, Roles: [!Ref Role], PolicyDocument: {{Statement: [{{Effect: Allow, Action: 'sts:AssumeRole', Resource: {allowed}}}]}}}}}}\n{}",
            pipeline("    DependsOn: Policy\n", "!GetAtt Role.Arn", &stages)
        );
        let rule = "DEPLOYMENT_DEPLOY_ROLE_ASSUMABLE";
        assert_eq!(found(&text, rule), expected, "{allowed} {wanted}");
    }
}

#[test]
fn a_policy_can_belong_to_any_bucket() {
    for (bucket, expected) in [
        ("!Ref B", NOTHING),
        ("!If [C, !Ref B, other]", FAULT),
        ("!Ref Q", UNDECIDED),
        ("other", FAULT),
    ] {
        let text = format!(
            "{CONDITIONS}Resources:\n  B: {{Type: AWS::S3::Bucket}}\n  P: {{Type: AWS::S3::BucketPolicy, Properties: {{Bucket: {bucket}, PolicyDocument: {{Statement: []}}}}}}\n"
        );
        assert_eq!(found(&text, "S3_BUCKET_HAS_POLICY"), expected, "{bucket}");
    }
}

#[test]
fn any_number_of_namespaces_is_compared() {
    let actions = |count: usize| {
        let actions =
            (0..count).map(|at| format!("{{Name: a{at}, Namespace: n{}}}", at.min(count - 2)));
        actions.collect::<Vec<_>>().join(", ")
    };
    for count in [2, 50, 200] {
        let stages = format!("        - {{Name: s, Actions: [{}]}}\n", actions(count));
        let text = format!("Resources:\n{}", pipeline("", "r", &stages));
        assert_eq!(
            found(&text, "CODEPIPELINE_NAMESPACES_UNIQUE"),
            FAULT,
            "{count}"
        );
    }
}

#[test]
fn a_relation_counts_only_in_the_outcome_in_which_it_exists() {
    let encrypted = |algorithm: &str| {
        format!(
            "{{ServerSideEncryptionConfiguration: [{{ServerSideEncryptionByDefault: {{SSEAlgorithm: '{algorithm}'}}}}]}}"
        )
    };
    for (target, expected) in [
        ("!If [C, !Ref L, other]", FAULT),
        ("!If [C, other, !Ref L]", NOTHING),
        ("!If [N, !Ref L, other]", NOTHING),
    ] {
        let text = format!(
            "{CONDITIONS}Resources:\n  B: {{Type: AWS::S3::Bucket, Properties: {{LoggingConfiguration: {{DestinationBucketName: {target}}}}}}}\n  L: {{Type: AWS::S3::Bucket, Properties: {{BucketEncryption: !If [C, {}, {}]}}}}\n",
            encrypted("aws:kms"),
            encrypted("AES256")
        );
        assert_eq!(found(&text, "S3_LOG_BUCKET_AES256"), expected, "{target}");
    }
}
