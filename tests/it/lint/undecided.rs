//! Values that are known only when a stack is deployed. A rule that depends on them reports a note.

use super::normal_form::{FAULT, NOTHING, UNDECIDED, found};

const PARAMETERS: &str = "Parameters:
  Any: {Type: String}
  Many: {Type: CommaDelimitedList}
  Account: {Type: String, AllowedPattern: '[0-9]{12}'}
  Role: {Type: String, AllowedPattern: 'arn:aws:iam::[0-9]{12}:role/[a-z]+'}
";

fn managed_policy(statement: &str) -> String {
    format!(
        "{PARAMETERS}Resources:\n  P:\n    Type: AWS::IAM::ManagedPolicy\n    Properties:\n      PolicyDocument:\n        Statement:\n          - {{{statement}}}\n"
    )
}

fn bucket_policy(statement: &str) -> String {
    format!(
        "{PARAMETERS}Resources:\n  B: {{Type: AWS::S3::Bucket}}\n  P:\n    Type: AWS::S3::BucketPolicy\n    Properties:\n      Bucket: !Ref B\n      PolicyDocument:\n        Statement:\n          - {{{statement}}}\n"
    )
}

fn key(statement: &str) -> String {
    format!(
        "{PARAMETERS}Resources:\n  K:\n    Type: AWS::KMS::Key\n    Properties:\n      EnableKeyRotation: true\n      KeyPolicy:\n        Statement:\n          - {statement}\n"
    )
}

#[test]
fn unknown_actions_and_resources_could_be_everything() {
    for (statement, rule, expected) in [
        (
            "Action: !Ref Any, Resource: 'arn:aws:s3:::a/b'",
            "IAM_NO_STAR_ACTIONS",
            UNDECIDED,
        ),
        (
            "Action: !Ref Many, Resource: 'arn:aws:s3:::a/b'",
            "IAM_NO_STAR_ACTIONS",
            UNDECIDED,
        ),
        (
            "Action: !Sub 's3:${Any}', Resource: 'arn:aws:s3:::a/b'",
            "IAM_NO_STAR_ACTIONS",
            UNDECIDED,
        ),
        (
            "Action: !Sub '${Any}:*', Resource: 'arn:aws:s3:::a/b'",
            "IAM_NO_STAR_ACTIONS",
            FAULT,
        ),
        (
            "Action: !Sub 's3:Get${Any}', Resource: 'arn:aws:s3:::a/b'",
            "IAM_NO_WILDCARD_ACTIONS",
            UNDECIDED,
        ),
        (
            "Action: 's3:GetObject', Resource: !Ref Any",
            "IAM_NO_STAR_RESOURCES",
            UNDECIDED,
        ),
        (
            "Action: 's3:GetObject', Resource: !ImportValue X",
            "IAM_NO_STAR_RESOURCES",
            UNDECIDED,
        ),
        (
            "Action: 's3:GetObject', Resource: !Sub 'arn:aws:s3:::${Any}/*'",
            "IAM_NO_STAR_RESOURCES",
            NOTHING,
        ),
        (
            "Action: 's3:GetObject', Resource: [!Ref Any, '*']",
            "IAM_NO_STAR_RESOURCES",
            (1, 1),
        ),
        (
            "Action: 'iam:PassRole', Resource: !Ref Any",
            "IAM_PASS_ROLE_CONFINED",
            UNDECIDED,
        ),
        (
            "Action: 'iam:PassRole', Resource: !Ref Role",
            "IAM_PASS_ROLE_CONFINED",
            NOTHING,
        ),
        (
            "Action: 'sts:AssumeRole', Resource: !Ref Many",
            "IAM_ASSUME_ROLE_EXACT",
            UNDECIDED,
        ),
    ] {
        let text = managed_policy(&format!("Effect: Allow, {statement}"));
        assert_eq!(found(&text, rule), expected, "{statement}: {rule}");
    }
    // An unknown effect counts as Allow.
    let text = managed_policy("Effect: !Ref Any, Action: '*', Resource: '*'");
    assert_eq!(found(&text, "IAM_NO_STAR_ACTIONS"), FAULT);
    let text = managed_policy("Effect: Deny, Action: !Ref Any, Resource: '*'");
    assert_eq!(found(&text, "IAM_NO_STAR_ACTIONS"), NOTHING);
    for (policies, expected) in [
        ("!Ref Many", UNDECIDED),
        ("[!Ref Any]", UNDECIDED),
        (
            "[!Ref Any, 'arn:aws:iam::aws:policy/AdministratorAccess']",
            (1, 1),
        ),
        ("['arn:aws:iam::aws:policy/ReadOnlyAccess']", NOTHING),
    ] {
        let text = format!(
            "{PARAMETERS}Resources: {{R: {{Type: AWS::IAM::Role, Properties: {{ManagedPolicyArns: {policies}}}}}}}\n"
        );
        assert_eq!(
            found(&text, "IAM_NO_ADMINISTRATOR_POLICY"),
            expected,
            "{policies}"
        );
    }
}

#[test]
fn unknown_principals_could_be_a_whole_account() {
    for (principal, expected) in [
        ("!Ref Any", UNDECIDED),
        ("{AWS: !Ref Any}", UNDECIDED),
        ("{AWS: !ImportValue X}", UNDECIDED),
        ("{AWS: !Sub 'arn:aws:iam::${Account}:root'}", UNDECIDED),
        ("{AWS: !Ref Role}", NOTHING),
        ("{AWS: !Sub 'arn:aws:iam::${Account}:role/r'}", NOTHING),
        ("{AWS: !Ref Account}", FAULT),
        ("{AWS: '222222222222'}", FAULT),
    ] {
        let statement = format!(
            "Effect: Allow, Principal: {principal}, Action: 's3:GetObject', Resource: !Sub '${{B.Arn}}/*'"
        );
        let text = bucket_policy(&statement);
        let rule = "S3_BUCKET_POLICY_CROSS_ACCOUNT_CONFINED";
        assert_eq!(found(&text, rule), expected, "{principal}");
    }
}

#[test]
fn unknown_conditions_could_restrict() {
    for (condition, expected) in [
        ("{StringEquals: {'aws:PrincipalOrgID': !Ref Any}}", NOTHING),
        ("{StringLike: {'aws:PrincipalOrgID': !Ref Any}}", UNDECIDED),
        ("{StringLike: {'aws:PrincipalOrgID': 'o-*'}}", FAULT),
        ("{IpAddress: {'aws:SourceIp': !Ref Any}}", UNDECIDED),
        ("!ImportValue X", UNDECIDED),
        (
            "{StringEquals: {'s3:x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:eu-west-1:111111111111:key/a'}}",
            NOTHING,
        ),
    ] {
        let text = bucket_policy(&format!(
            "Effect: Allow, Principal: '*', Action: 's3:GetObject', Resource: !Sub '${{B.Arn}}/*', Condition: {condition}"
        ));
        let rule = "S3_BUCKET_POLICY_NO_PUBLIC_PRINCIPAL";
        assert_eq!(found(&text, rule), expected, "{condition}");
    }
    for (statement, expected) in [
        (
            "Effect: Deny, Action: 's3:*', Condition: {Bool: {'aws:SecureTransport': false}}",
            NOTHING,
        ),
        (
            "Effect: !Ref Any, Action: 's3:*', Condition: {Bool: {'aws:SecureTransport': false}}",
            UNDECIDED,
        ),
        (
            "Effect: Deny, Action: !Ref Any, Condition: {Bool: {'aws:SecureTransport': false}}",
            UNDECIDED,
        ),
        (
            "Effect: Deny, Action: 's3:*', Condition: {Bool: {'aws:SecureTransport': !Ref Any}}",
            UNDECIDED,
        ),
        (
            "Effect: Deny, Action: 's3:*', Condition: {Bool: {'aws:SecureTransport': []}}",
            FAULT,
        ),
        (
            "Effect: Allow, Action: 's3:*', Condition: {Bool: {'aws:SecureTransport': !Ref Any}}",
            FAULT,
        ),
    ] {
        let text = bucket_policy(&format!(
            "{statement}, Principal: '*', Resource: [!GetAtt B.Arn, !Sub '${{B.Arn}}/*']"
        ));
        assert_eq!(found(&text, "S3_BUCKET_TLS_ONLY"), expected, "{statement}");
    }
    for objects in ["*y", "????", "a*", "*/*"] {
        let text = bucket_policy(&format!(
            "Effect: Deny, Action: 's3:*', Condition: {{Bool: {{'aws:SecureTransport': false}}}}, Principal: '*', Resource: [!GetAtt B.Arn, !Sub '${{B.Arn}}/{objects}']"
        ));
        assert_eq!(found(&text, "S3_BUCKET_TLS_ONLY"), FAULT, "{objects}");
    }
}

#[test]
fn the_statement_for_the_account_of_a_key_can_be_unknown() {
    let own = "!Sub 'arn:aws:iam::${AWS::AccountId}:root'";
    for (statement, root, star) in [
        (
            format!("{{Effect: Allow, Principal: {{AWS: {own}}}, Action: 'kms:*', Resource: '*'}}"),
            NOTHING,
            NOTHING,
        ),
        (
            "{Effect: Allow, Principal: {AWS: !Ref Any}, Action: 'kms:*', Resource: '*'}"
                .to_owned(),
            UNDECIDED,
            UNDECIDED,
        ),
        (
            format!(
                "{{Effect: Allow, Principal: {{AWS: {own}}}, Action: !Ref Any, Resource: '*'}}"
            ),
            UNDECIDED,
            NOTHING,
        ),
        ("!ImportValue X".to_owned(), NOTHING, NOTHING),
        (
            "{Effect: Allow, Principal: {AWS: !Ref Role}, Action: 'kms:*', Resource: '*'}"
                .to_owned(),
            FAULT,
            FAULT,
        ),
        (
            "{Effect: Allow, NotPrincipal: {AWS: '222222222222'}, Action: 'kms:*', Resource: '*'}"
                .to_owned(),
            FAULT,
            FAULT,
        ),
    ] {
        let text = key(&statement);
        assert_eq!(found(&text, "KMS_KEY_ROOT_STATEMENT"), root, "{statement}");
        assert_eq!(found(&text, "KMS_KEY_NO_STAR_ACTION"), star, "{statement}");
    }
    let text = format!(
        "{PARAMETERS}Resources: {{K: {{Type: AWS::KMS::Key, Properties: {{Enabled: !Ref Any}}}}}}\n"
    );
    assert_eq!(found(&text, "KMS_KEY_ENABLED"), UNDECIDED);
}

#[test]
fn secrets_with_a_default_are_in_the_template() {
    for (parameter, expected) in [
        ("{Type: String, NoEcho: true}", NOTHING),
        ("{Type: String, NoEcho: true, Default: ''}", NOTHING),
        ("{Type: String, NoEcho: true, Default: token}", FAULT),
        ("{Type: String}", FAULT),
    ] {
        let text = format!(
            "Parameters: {{T: {parameter}}}\nResources:\n  P:\n    Type: AWS::CodePipeline::Pipeline\n    Properties:\n      Stages:\n        - {{Name: s, Actions: [{{Name: a, ActionTypeId: {{Category: Source, Owner: ThirdParty, Provider: GitHub, Version: '1'}}, Configuration: {{OAuthToken: !Ref T}}}}]}}\n"
        );
        assert_eq!(
            found(&text, "CODEPIPELINE_NO_PLAIN_SECRETS"),
            expected,
            "{parameter}"
        );
    }
}
