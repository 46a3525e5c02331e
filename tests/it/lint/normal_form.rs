//! The normal form that the rules check: templates in which the same spelling has another meaning,
//! or another spelling has the same meaning.

use s3ferry::diagnostic::Severity;

use super::{lint, marked, of};

/// Returns how many errors a rule finds in a template, and how many parts it cannot decide.
pub(super) fn found(text: &str, rule: &str) -> (usize, usize) {
    let report = lint(text);
    let (notes, faults): (Vec<_>, Vec<_>) = of(&report, rule)
        .into_iter()
        .partition(|finding| finding.severity == Severity::Note);
    (faults.len(), notes.len())
}

pub(super) const FAULT: (usize, usize) = (1, 0);
pub(super) const NOTHING: (usize, usize) = (0, 0);
pub(super) const UNDECIDED: (usize, usize) = (0, 1);

/// Returns a managed policy with one statement.
fn policy(statement: &str) -> String {
    format!(
        "Parameters:\n  Any: {{Type: String, Default: '*'}}\nResources:\n  P:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument:\n        Statement:\n          - {{Effect: Allow, {statement}}}\n"
    )
}

/// Returns a bucket policy with one statement, and a second bucket.
fn bucket_policy(statement: &str) -> String {
    format!(
        "Resources:\n  B: {{Type: AWS::S3::Bucket}}\n  Other: {{Type: AWS::S3::Bucket}}\n  P:\n    Type: AWS::S3::BucketPolicy\n    Properties:\n      Bucket: !Ref B\n      PolicyDocument:\n        Statement:\n          - {{{statement}}}\n"
    )
}

#[test]
fn actions_are_patterns_in_any_letter_case() {
    for action in ["iam:Pass?ole", "IAM:PASSROLE", "iam:*Role", "iam:p*", "'*'"] {
        let text = policy(&format!("Action: {action}, Resource: !Ref Any"));
        assert_eq!(found(&text, "IAM_PASS_ROLE_CONFINED"), FAULT, "{action}");
    }
    for action in ["iam:GetRole", "iam:*Roles", "s3:*"] {
        let text = policy(&format!("Action: {action}, Resource: '*'"));
        assert_eq!(found(&text, "IAM_PASS_ROLE_CONFINED"), NOTHING, "{action}");
    }
    for (action, rule) in [
        ("s3:*Object", "IAM_NO_WILDCARD_ACTIONS"),
        ("s3:**", "IAM_NO_STAR_ACTIONS"),
        ("'*:*'", "IAM_NO_STAR_ACTIONS"),
        ("s3:?*", "IAM_NO_STAR_ACTIONS"),
    ] {
        let text = policy(&format!("Action: {action}, Resource: 'arn:aws:s3:::a/*'"));
        for each in ["IAM_NO_WILDCARD_ACTIONS", "IAM_NO_STAR_ACTIONS"] {
            let expected = if each == rule { FAULT } else { NOTHING };
            assert_eq!(found(&text, each), expected, "{action}: {each}");
        }
    }
}

#[test]
fn actions_without_resource_types_need_a_star() {
    for (actions, expected) in [
        ("s3:ListAllMyBuckets", NOTHING),
        ("[ec2:DescribeInstances, 'iam:ListAccount*']", NOTHING),
        ("cloudwatch:PutMetricData", NOTHING),
        ("[ec2:DescribeInstances, s3:GetObject]", FAULT),
        ("sqs:SendMessage", FAULT),
    ] {
        let text = policy(&format!("Action: {actions}, Resource: '*'"));
        assert_eq!(found(&text, "IAM_NO_STAR_RESOURCES"), expected, "{actions}");
    }
    let text =
        policy("Action: sqs:SendMessage, Resource: !Join [':', [arn, aws, sqs, '*', '*', '*']]");
    assert_eq!(found(&text, "IAM_NO_STAR_RESOURCES"), FAULT);
}

#[test]
fn tls_is_required_for_the_bucket_and_all_its_objects() {
    let condition = "Condition: {Bool: {'aws:SecureTransport': false}}";
    for (resources, expected) in [
        ("[!GetAtt B.Arn, !Sub '${B.Arn}/*']", NOTHING),
        ("!Sub 'arn:aws:s3:::${B}*'", NOTHING),
        (
            "[!GetAtt B.Arn, !Join ['/', [!GetAtt B.Arn, '*']]]",
            NOTHING,
        ),
        ("'*'", NOTHING),
        ("[!GetAtt B.Arn, !Sub '${B.Arn}/private/*']", FAULT),
        ("[!GetAtt Other.Arn, !Sub '${Other.Arn}/*']", FAULT),
        ("!Sub '${B.Arn}/*'", FAULT),
        ("!GetAtt B.Arn", FAULT),
    ] {
        let text = bucket_policy(&format!(
            "Effect: Deny, Principal: '*', Action: 's3:*', Resource: {resources}, {condition}"
        ));
        assert_eq!(found(&text, "S3_BUCKET_TLS_ONLY"), expected, "{resources}");
    }
}

#[test]
fn only_fixed_values_of_positive_conditions_confine() {
    for (condition, expected) in [
        (
            "StringEquals: {'aws:PrincipalOrgId': o-exampleorg1}",
            NOTHING,
        ),
        ("StringEquals: {'AWS:SourceAccount': 222222222222}", NOTHING),
        (
            "StringEquals: {'s3:DataAccessPointAccount': '222222222222'}",
            NOTHING,
        ),
        ("StringLike: {'aws:userid': 'AROAEXAMPLE:*'}", NOTHING),
        (
            "ArnLike: {'aws:PrincipalArn': 'arn:*:iam::222222222222:role/*'}",
            NOTHING,
        ),
        ("StringLike: {'aws:PrincipalOrgID': 'o-*'}", FAULT),
        ("StringLike: {'aws:SourceAccount': '????????????'}", FAULT),
        ("StringLike: {'aws:SourceVpc': 'vpc-*'}", FAULT),
        (
            "ArnLike: {'aws:PrincipalArn': 'arn:*:iam::*:role/deploy'}",
            FAULT,
        ),
        (
            "ArnLike: {'aws:SourceArn': !Sub 'arn:${AWS::Partition}:events:*:*:rule/x'}",
            FAULT,
        ),
        (
            "StringEqualsIfExists: {'aws:PrincipalOrgID': o-exampleorg1}",
            FAULT,
        ),
        (
            "StringNotEquals: {'aws:PrincipalOrgID': o-exampleorg1}",
            FAULT,
        ),
        (
            "'ForAllValues:StringEquals': {'aws:PrincipalOrgID': o-exampleorg1}",
            FAULT,
        ),
        ("StringEquals: {'kms:CallerAccount': '222222222222'}", FAULT),
    ] {
        let text = bucket_policy(&format!(
            "Effect: Allow, Principal: '*', Action: s3:GetObject, Resource: !Sub '${{B.Arn}}/*', Condition: {{{condition}}}"
        ));
        let rule = "S3_BUCKET_POLICY_NO_PUBLIC_PRINCIPAL";
        assert_eq!(found(&text, rule), expected, "{condition}");
    }
}

#[test]
fn another_account_is_found_in_every_form() {
    for (principal, expected) in [
        ("222222222222", FAULT),
        ("'222222222222'", FAULT),
        (
            "!Join [':', [arn, aws, iam, '', '222222222222', root]]",
            FAULT,
        ),
        (
            "!Sub ['arn:aws:iam::${A}:root', {A: '222222222222'}]",
            FAULT,
        ),
        ("!Sub 'arn:${AWS::Partition}:iam::222222222222:root'", FAULT),
        ("!Ref Account", UNDECIDED),
        ("!Sub 'arn:aws:iam::${AWS::AccountId}:root'", NOTHING),
        ("!Ref AWS::AccountId", NOTHING),
        ("'arn:aws:iam::222222222222:role/deploy'", NOTHING),
    ] {
        let text = format!(
            "Parameters: {{Account: {{Type: String}}}}\n{}",
            bucket_policy(&format!(
                "Effect: Allow, Principal: {{AWS: {principal}}}, Action: s3:GetObject, Resource: !Sub '${{B.Arn}}/*'"
            ))
        );
        let rule = "S3_BUCKET_POLICY_CROSS_ACCOUNT_CONFINED";
        assert_eq!(found(&text, rule), expected, "{principal}");
    }
}

/// Returns a bucket whose encryption depends on conditions.
fn encrypted(conditions: &str, encryption: &str) -> String {
    format!(
        "Parameters: {{A: {{Type: String}}, B: {{Type: String, AllowedValues: [x, y]}}}}\nConditions:\n  Kms: !Equals [!Ref A, kms]\n{conditions}Resources:\n  T:\n    Type: AWS::S3::Bucket\n    Properties:\n      BucketEncryption: {encryption}\n"
    )
}

#[test]
fn only_possible_combinations_of_conditions_are_checked() {
    let rule = "S3_BUCKET_ENCRYPTED";
    let rules = |algorithm: &str| {
        format!(
            "{{ServerSideEncryptionConfiguration: [{{ServerSideEncryptionByDefault: {{SSEAlgorithm: {algorithm}}}}}]}}"
        )
    };
    let (kms, aes) = (rules("aws:kms"), rules("AES256"));
    let either = |other: &str| format!("!If [Kms, {kms}, !If [{other}, {aes}, !Ref AWS::NoValue]]");
    for (conditions, other, expected) in [
        ("  Aes: !Not [!Condition Kms]\n", "Aes", NOTHING),
        ("  Aes: !Not [!Equals [kms, !Ref A]]\n", "Aes", NOTHING),
        ("  Aes: !Equals [!Ref A, aes]\n", "Aes", FAULT),
        (
            "  Aes: !Or [!Equals [!Ref B, x], !Equals [!Ref B, y]]\n",
            "Aes",
            NOTHING,
        ),
        ("  Aes: !Equals [a, a]\n", "Aes", NOTHING),
        ("  Aes: !Equals [a, b]\n", "Aes", FAULT),
        ("", "Missing", FAULT),
    ] {
        let text = encrypted(conditions, &either(other));
        assert_eq!(found(&text, rule), expected, "{conditions}");
    }
}

#[test]
fn every_combination_of_a_few_conditions_is_checked() {
    let conditions: String = "BCDE"
        .chars()
        .map(|c| format!("  {c}: !Equals [!Ref {c}P, x]\n"))
        .collect();
    let text = format!(
        "Conditions:\n{conditions}Resources:\n  T:\n    Type: AWS::S3::Bucket\n    Properties:\n      AccessControl: !If [B, !If [C, !If [D, Private, !If [E, Private, PublicRead]], Private], Private]\n"
    );
    assert_eq!(found(&text, "S3_BUCKET_NO_PUBLIC_ACL"), FAULT);
}

#[test]
fn loops_are_checked_and_transforms_are_noted() {
    let text = "
Transform: AWS::LanguageExtensions
Resources:
  Fn::ForEach::Buckets:
    - Name
    - [a, b]
    - Bucket${Name}: {Type: AWS::S3::Bucket}
";
    let report = lint(text);
    assert_eq!(of(&report, "LINT_NOT_CHECKED").len(), 0);
    assert_eq!(
        of(&report, "S3_BUCKET_VERSIONED")[0].resource(),
        Some("Bucketa")
    );
    for text in [
        "Transform: AWS::Serverless-2016-10-31\nResources: {F: {Type: AWS::Serverless::Function}}\n",
        "Resources: {'Fn::Transform': {Name: AWS::Include, Parameters: {Location: s3://b/k}}}\n",
        "Parameters: {N: {Type: CommaDelimitedList}}\nResources: {'Fn::ForEach::L': [X, !Ref N, {'B${X}': {Type: AWS::S3::Bucket}}]}\n",
        "Resources: {R: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: !ImportValue p}}}\n",
    ] {
        let report = lint(text);
        let notes = of(&report, "LINT_NOT_CHECKED");
        assert_eq!(notes.len(), 1, "{text}: {:?}", report.findings);
        assert_eq!(notes[0].severity, Severity::Note);
    }
}

#[test]
fn relations_are_separate_for_each_resource() {
    let text = "
Resources:
  RoleA: {Type: AWS::IAM::Role}
  RoleB: {Type: AWS::IAM::Role}
  PolicyA: {Type: AWS::IAM::ManagedPolicy, Properties: {Roles: [!Ref RoleA]}}
  PolicyB: {Type: AWS::IAM::ManagedPolicy, Properties: {Roles: [!Ref RoleB]}}
  Good: {Type: AWS::CodePipeline::Pipeline, DependsOn: PolicyA, Properties: {RoleArn: !GetAtt RoleA.Arn}}
  Early: {Type: AWS::CodePipeline::Pipeline, Properties: {RoleArn: !GetAtt RoleB.Arn}}
  Wrong: {Type: AWS::CodePipeline::Pipeline, DependsOn: [PolicyB], Properties: {RoleArn: !GetAtt RoleA.Arn}}
";
    let report = lint(text);
    let found: Vec<_> = of(&report, "DEPLOYMENT_PIPELINE_AFTER_POLICIES")
        .iter()
        .map(|finding| (finding.resource(), marked(text, finding)))
        .collect();
    assert_eq!(
        found,
        [(Some("Early"), "Early"), (Some("Wrong"), "[PolicyB")]
    );
}

#[test]
fn a_bucket_needs_a_policy_whenever_it_exists() {
    let with = |condition: &str| {
        format!(
            "Conditions: {{C: !Equals [!Ref AWS::Region, us-east-1]}}\nResources:\n  B: {{Type: AWS::S3::Bucket}}\n  P: {{Type: AWS::S3::BucketPolicy, {condition} Properties: {{Bucket: !Ref B}}}}\n"
        )
    };
    assert_eq!(found(&with(""), "S3_BUCKET_HAS_POLICY"), NOTHING);
    assert_eq!(found(&with("Condition: C,"), "S3_BUCKET_HAS_POLICY"), FAULT);
}

#[test]
fn unknown_values_are_not_errors() {
    for text in [
        "Resources: {R: {Type: AWS::IAM::Role, Properties: {Policies: []}}}\n",
        "Resources: {R: {Type: AWS::IAM::Role, Properties: {Policies: [!If [C, !Ref AWS::NoValue, !Ref AWS::NoValue]]}}}\n",
    ] {
        let report = lint(text);
        assert_eq!(report.findings, [], "{text}");
    }
    let text = policy("Action: !Sub '${Service}:GetObject', Resource: 'arn:aws:s3:::a/b'");
    assert_eq!(lint(&text).findings, []);
    let text = "Parameters: {V: {Type: String}}\nResources: {B: {Type: AWS::S3::Bucket, Properties: {VersioningConfiguration: {Status: !Ref V}}}}\n";
    assert_eq!(found(text, "S3_BUCKET_VERSIONED"), UNDECIDED);
    let text = text.replace(
        "Type: String",
        "Type: String, AllowedValues: [Enabled, Suspended]",
    );
    assert_eq!(found(&text, "S3_BUCKET_VERSIONED"), FAULT);
}

#[test]
fn a_loop_that_is_too_long_is_noted_with_the_loops_after_it() {
    let items = (0..10_001).map(|at| format!("i{at}")).collect::<Vec<_>>();
    let text = format!(
        "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::Long: [X, [{}], {{'T${{X}}': {{Type: AWS::SNS::Topic}}}}]\n  Fn::ForEach::Next: [X, [a], {{'B${{X}}': {{Type: AWS::S3::Bucket}}}}]\n",
        items.join(", ")
    );
    let report = lint(&text);
    let notes = of(&report, "LINT_NOT_CHECKED");
    assert_eq!(notes.len(), 2, "{:?}", report.findings);
}

#[test]
fn a_suppression_in_a_loop_counts_for_each_resource() {
    let text = "
Transform: AWS::LanguageExtensions
Resources:
  Fn::ForEach::Buckets:
    - X
    - [a, b]
    - B${X}:
        Type: AWS::S3::Bucket
        Metadata: {guard: {SuppressedRules: ['S3_BUCKET_NO_PUBLIC_ACL: a website', S3_BUCKET_VERSIONEDX]}}
        Properties: {AccessControl: PublicRead}
";
    let report = lint(text);
    assert_eq!(found(text, "S3_BUCKET_NO_PUBLIC_ACL"), NOTHING);
    let suppressed: Vec<_> = report
        .suppressed
        .iter()
        .map(|one| (one.resource.as_str(), one.reason.as_deref()))
        .collect();
    assert_eq!(
        suppressed,
        [("Ba", Some("a website")), ("Bb", Some("a website"))]
    );
    assert_eq!(found(text, "LINT_UNKNOWN_SUPPRESSION"), FAULT);
}

#[test]
fn service_principals_end_with_the_suffix_of_the_partition() {
    let text = "Resources:\n  R: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Principal: {Service: !Sub 'events.${AWS::URLSuffix}'}, Action: 'sts:AssumeRole'}]}}}\n";
    assert_eq!(found(text, "EVENTS_ROLE_TRUST_CONFINED"), FAULT);
    let text = bucket_policy(
        "Effect: Allow, Principal: {Service: !Sub 'logging.s3.${AWS::URLSuffix}'}, Action: 's3:PutObject', Resource: !Sub '${B.Arn}/*'",
    );
    assert_eq!(found(&text, "S3_LOG_DELIVERY_CONFINED"), FAULT);
}

#[test]
fn patterns_that_match_every_role_do_not_name_a_role() {
    for (arn, expected) in [
        ("arn:aws:iam::222222222222:role/deploy", NOTHING),
        ("arn:aws:iam::222222222222:role/deploy-*", NOTHING),
        ("arn:aws:iam::222222222222:role*", FAULT),
        ("arn:aws:iam::222222222222:r*", FAULT),
        ("arn:aws:iam::222222222222:role/*", FAULT),
        ("arn:aws:iam::222222222222:role/${aws:username}", FAULT),
    ] {
        let text = bucket_policy(&format!(
            "Effect: Allow, Principal: {{AWS: '222222222222'}}, Action: 's3:GetObject', Resource: !Sub '${{B.Arn}}/*', Condition: {{ArnLike: {{'aws:PrincipalArn': '{arn}'}}}}"
        ));
        let rule = "S3_BUCKET_POLICY_CROSS_ACCOUNT_CONFINED";
        assert_eq!(found(&text, rule), expected, "{arn}");
    }
}

#[test]
fn sources_of_log_delivery_are_named_in_every_partition() {
    for (source, expected) in [
        ("'arn:aws:s3:::*'", FAULT),
        ("'arn:aws-cn:s3:::*'", FAULT),
        ("!Sub 'arn:${AWS::Partition}:s3:::*'", FAULT),
        ("!Sub 'arn:${AWS::Partition}:s3:::web-*'", NOTHING),
        ("!Sub '${Other.Arn}*'", NOTHING),
    ] {
        let text = bucket_policy(&format!(
            "Effect: Allow, Principal: {{Service: logging.s3.amazonaws.com}}, Action: 's3:PutObject', Resource: !Sub '${{B.Arn}}/*', Condition: {{StringEquals: {{'aws:SourceAccount': '111111111111'}}, ArnLike: {{'aws:SourceArn': {source}}}}}"
        ));
        assert_eq!(
            found(&text, "S3_LOG_DELIVERY_CONFINED"),
            expected,
            "{source}"
        );
    }
}

#[test]
fn every_resource_has_many_spellings() {
    for (resource, expected) in [
        ("'*'", FAULT),
        ("'?*'", FAULT),
        ("'*:*:*:*:*:*'", FAULT),
        ("'arn:*'", FAULT),
        ("'arn:aws:*'", FAULT),
        ("'arn:aws:s3:*'", FAULT),
        ("'arn:aws:s3:::*'", FAULT),
        ("'arn:aws:s3:::?*'", FAULT),
        ("'arn:aws:s3:::*/*'", FAULT),
        ("!Sub 'arn:${AWS::Partition}:s3:::*'", FAULT),
        ("'arn:aws:s3:::bucket/*'", NOTHING),
        ("'arn:aws:s3:::bucket-?*'", NOTHING),
    ] {
        let text = policy(&format!("Action: 's3:GetObject', Resource: {resource}"));
        assert_eq!(
            found(&text, "IAM_NO_STAR_RESOURCES"),
            expected,
            "{resource}"
        );
    }
}

#[test]
fn values_of_mappings_are_reported_where_they_are_used() {
    let policy = |id: &str| {
        format!(
            "  {id}: {{Type: AWS::IAM::ManagedPolicy, Properties: {{PolicyDocument: {{Statement: [{{Effect: Allow, Action: !FindInMap [M, a, b], Resource: 'arn:aws:s3:::a/b'}}]}}}}}}\n"
        )
    };
    let text = format!(
        "Mappings: {{M: {{a: {{b: ['s3:GetObject', 's3:*']}}}}}}\nResources:\n{}{}",
        policy("P0"),
        policy("P1")
    );
    assert_eq!(found(&text, "IAM_NO_STAR_ACTIONS"), (2, 0));
}

#[test]
fn a_condition_can_restrict_everyone_in_a_trust_policy() {
    for (condition, expected) in [
        ("", FAULT),
        (
            ", Condition: {StringEquals: {'aws:PrincipalOrgID': o-abcdefghij}}",
            NOTHING,
        ),
        (
            ", Condition: {StringLike: {'aws:PrincipalOrgID': 'o-*'}}",
            FAULT,
        ),
        (
            ", Condition: {ArnEquals: {'aws:PrincipalArn': 'arn:aws:iam::222222222222:role/r'}}",
            NOTHING,
        ),
    ] {
        let text = format!(
            "Resources: {{R: {{Type: AWS::IAM::Role, Properties: {{AssumeRolePolicyDocument: {{Statement: [{{Effect: Allow, Principal: '*', Action: 'sts:AssumeRole'{condition}}}]}}}}}}}}\n"
        );
        assert_eq!(
            found(&text, "IAM_ROLE_TRUST_NO_STAR"),
            expected,
            "{condition}"
        );
    }
}

#[test]
fn a_policy_can_be_a_value_converted_to_text() {
    let text = "Resources: {P: {Type: AWS::IAM::ManagedPolicy, Properties: {PolicyDocument: {'Fn::ToJsonString': {Statement: [{Effect: Allow, Action: '*', Resource: 'arn:aws:s3:::a/b'}]}}}}}\n";
    assert_eq!(found(text, "IAM_NO_STAR_ACTIONS"), FAULT);
}

#[test]
fn a_value_is_resolved_once_no_matter_how_often_a_text_names_it() {
    let mut name = "x".to_owned();
    for _ in 0..12 {
        name = format!("!Sub ['{}', {{a: {name}}}]", "${a}".repeat(10));
    }
    let text = format!(
        "Resources: {{B: {{Type: AWS::S3::Bucket, Properties: {{BucketName: {name}}}}}}}\n"
    );
    assert_eq!(found(&text, "S3_BUCKET_VERSIONED"), FAULT);
}

#[test]
fn invalid_types_and_modules_are_noted() {
    for kind in [
        "''",
        "'AWS::S3::Bucket '",
        "Bucket",
        "Company::Web::Site::MODULE",
    ] {
        let text = format!("Resources: {{R: {{Type: {kind}}}}}\n");
        assert_eq!(found(&text, "LINT_NOT_CHECKED"), UNDECIDED, "{kind}");
    }
}

#[test]
fn load_balancers_deliver_logs_from_aws_accounts() {
    for (account, action, expected) in [
        ("127311923021", "s3:PutObject", NOTHING),
        ("127311923021", "s3:GetObject", FAULT),
        ("222222222222", "s3:PutObject", FAULT),
    ] {
        let text = bucket_policy(&format!(
            "Effect: Allow, Principal: {{AWS: 'arn:aws:iam::{account}:root'}}, Action: '{action}', Resource: !Sub '${{B.Arn}}/AWSLogs/*'"
        ));
        let rule = "S3_BUCKET_POLICY_CROSS_ACCOUNT_CONFINED";
        assert_eq!(found(&text, rule), expected, "{account} {action}");
    }
}
