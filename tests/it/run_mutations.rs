//! Mutations of the parts of a pipeline other than its policies: encryption, roles of actions,
//! owners of resources, and names in options. Each mutation must affect exactly the calls that
//! depend on it. A call that depends on an unknown value must be unproven.

use s3ferry::diagnostic::Source;
use s3ferry::proof::{Inputs, NamedFile, Proof, Verdict, prove};
use serde_json::{Value as Json, json};

use crate::prove::{change, inputs_of, plan_of, with};

/// The name in an option, its policy, and the list that it is added to.
type Given = (
    &'static str,
    &'static str,
    fn(&mut Inputs) -> &mut Vec<NamedFile>,
);

const DEV: usize = 0;
const PROD: usize = 1;

/// A mutation of the example, and the calls that it makes denied or unproven.
struct Mutation {
    name: &'static str,
    stack: usize,
    edit: fn(&mut Json),
    denied: &'static [&'static str],
    unproven: &'static [&'static str],
}

/// The calls that need the deploy key.
const KEY_USERS: &[&str] = &[
    "encrypt/kms:GenerateDataKey",
    "encrypt/kms:Decrypt",
    "prod/decrypt/kms:Decrypt",
];

/// The calls of the deploy action that need the key of the output bucket.
const OUTPUT_KEY: &[&str] = &[
    "prod/output-key/kms:GenerateDataKey",
    "prod/output-key/kms:Decrypt",
];

fn pipeline(template: &mut Json) -> &mut Json {
    &mut template["Resources"]["Pipeline"]["Properties"]
}

fn source(template: &mut Json) -> &mut Json {
    &mut pipeline(template)["Stages"][0]["Actions"][0]
}

fn deploy(template: &mut Json) -> &mut Json {
    &mut pipeline(template)["Stages"][1]["Actions"][0]
}

fn deploy_key(template: &mut Json) -> &mut Json {
    &mut template["Resources"]["DeployKey"]["Properties"]
}

fn encrypted(template: &mut Json, bucket: &str, key: Json) {
    template["Resources"][bucket]["Properties"]["BucketEncryption"] = json!({
        "ServerSideEncryptionConfiguration": [{ "ServerSideEncryptionByDefault":
            { "SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key } }]
    });
}

fn parameter(template: &mut Json, name: &str) -> Json {
    template["Parameters"][name] = json!({ "Type": "String" });
    json!({ "Ref": name })
}

/// Defines a role that the service role can assume, and that is allowed some actions on all
/// resources.
fn action_role(template: &mut Json, actions: Json) {
    template["Resources"]["ActionRole"] = json!({ "Type": "AWS::IAM::Role", "Properties": {
        "RoleName": "action",
        "AssumeRolePolicyDocument": { "Version": "2012-10-17", "Statement": { "Effect": "Allow",
            "Principal": { "AWS": { "Fn::GetAtt": ["ServiceRole", "Arn"] } }, "Action": "sts:AssumeRole" } },
        "Policies": [{ "PolicyName": "p", "PolicyDocument": { "Version": "2012-10-17", "Statement":
            { "Effect": "Allow", "Action": actions, "Resource": "*" } } }],
    } });
    template["Resources"]["MayAssume"] = json!({ "Type": "AWS::IAM::Policy", "Properties": {
        "PolicyName": "may-assume",
        "Roles": [{ "Ref": "ServiceRole" }],
        "PolicyDocument": { "Version": "2012-10-17", "Statement": { "Effect": "Allow",
            "Action": "sts:AssumeRole", "Resource": { "Fn::GetAtt": ["ActionRole", "Arn"] } } },
    } });
}

/// Returns conditions with a rule that reads an alarm.
fn alarm_condition(name: Json) -> Json {
    json!({ "Conditions": [{ "Result": "FAIL", "Rules": [{
        "Name": "Alarm",
        "RuleTypeId":
            { "Category": "Rule", "Owner": "AWS", "Provider": "CloudWatchAlarm", "Version": "1" },
        "Configuration": { "AlarmName": name, "WaitTime": "5" },
    }] }] })
}

const ENCRYPTION: &[Mutation] = &[
    Mutation {
        name: "the artifact store names no key, so S3 uses the AWS managed key",
        stack: DEV,
        edit: |template| {
            let store = pipeline(template)["ArtifactStore"].as_object_mut();
            store.expect("a store").remove("EncryptionKey");
        },
        denied: &["prod/decrypt/kms:Decrypt"],
        // AWS does not document whether the upload names a key, and the bucket policy requires one.
        unproven: &["store/s3:PutObject"],
    },
    Mutation {
        name: "the artifact store names the key by its alias",
        stack: DEV,
        edit: |template| {
            pipeline(template)["ArtifactStore"]["EncryptionKey"]["Id"] = json!("alias/s3deploykey");
        },
        denied: &["prod/decrypt/kms:Decrypt"],
        unproven: &["store/s3:PutObject"],
    },
    Mutation {
        name: "the artifact store's key is a parameter",
        stack: DEV,
        edit: |template| {
            let key = parameter(template, "KeyArn");
            pipeline(template)["ArtifactStore"]["EncryptionKey"]["Id"] = key;
        },
        denied: &[],
        unproven: &[
            "store/s3:PutObject",
            "encrypt/kms:GenerateDataKey",
            "encrypt/kms:Decrypt",
            "encrypt/kms:DescribeKey",
            "prod/decrypt/kms:Decrypt",
            "prod/decrypt/kms:DescribeKey",
        ],
    },
    Mutation {
        name: "the key is disabled",
        stack: DEV,
        edit: |template| deploy_key(template)["Enabled"] = json!(false),
        denied: KEY_USERS,
        unproven: &[],
    },
    Mutation {
        name: "the key is asymmetric",
        stack: DEV,
        edit: |template| deploy_key(template)["KeySpec"] = json!("RSA_2048"),
        denied: KEY_USERS,
        unproven: &[],
    },
    Mutation {
        name: "the key signs",
        stack: DEV,
        edit: |template| deploy_key(template)["KeyUsage"] = json!("SIGN_VERIFY"),
        denied: KEY_USERS,
        unproven: &[],
    },
    Mutation {
        name: "the key's material is imported",
        stack: DEV,
        edit: |template| deploy_key(template)["Origin"] = json!("EXTERNAL"),
        denied: &[],
        unproven: KEY_USERS,
    },
    Mutation {
        name: "the output bucket encrypts with a key of dev, whose policy names no other principal",
        stack: PROD,
        edit: |template| {
            let key = "arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555";
            encrypted(template, "OutputBucket", json!(key));
        },
        // The deploy role can use only the key of the artifacts.
        denied: OUTPUT_KEY,
        unproven: &[],
    },
    Mutation {
        name: "the output bucket encrypts with a key in another region",
        stack: PROD,
        edit: |template| {
            let key = "arn:aws:kms:eu-west-1:222222222222:key/11111111-2222-3333-4444-555555555555";
            encrypted(template, "OutputBucket", json!(key));
        },
        denied: OUTPUT_KEY,
        unproven: &[],
    },
    Mutation {
        name: "the source bucket's key is a parameter",
        stack: DEV,
        edit: |template| {
            let key = parameter(template, "KeyArn");
            encrypted(template, "SourceBucket", key);
        },
        denied: &[],
        unproven: &["source-key/kms:Decrypt"],
    },
];

const ROLES: &[Mutation] = &[
    Mutation {
        name: "the source action has a role that can only read",
        stack: DEV,
        edit: |template| {
            action_role(template, json!(["s3:Get*", "s3:List*"]));
            source(template)["RoleArn"] = json!({ "Fn::GetAtt": ["ActionRole", "Arn"] });
        },
        denied: &[
            "store/s3:PutObject",
            "encrypt/kms:GenerateDataKey",
            "encrypt/kms:Decrypt",
        ],
        unproven: &[],
    },
    Mutation {
        name: "the deploy action has no role, so that the service role deploys",
        stack: DEV,
        edit: |template| {
            deploy(template)
                .as_object_mut()
                .expect("an action")
                .remove("RoleArn");
        },
        denied: &["dev/deploy/s3:PutObject"],
        unproven: &[],
    },
    Mutation {
        name: "the path of the deploy role differs from that in the pipeline",
        stack: PROD,
        edit: |template| {
            template["Resources"]["DeployRole"]["Properties"]["Path"] = json!("/moved/")
        },
        denied: &[
            "Deploy/check/sts:AssumeRole",
            "Deploy/assume/sts:AssumeRole",
            "Deploy/read/s3:GetObject",
            "Deploy/decrypt/kms:Decrypt",
            "Deploy/deploy/s3:PutObject",
        ],
        unproven: &[],
    },
    Mutation {
        name: "the rule's role is a parameter",
        stack: DEV,
        edit: |template| {
            let role = parameter(template, "RuleRole");
            template["Resources"]["ChangeRule"]["Properties"]["Targets"][0]["RoleArn"] = role;
        },
        denied: &[],
        unproven: &[
            "start/sts:AssumeRole",
            "start/codepipeline:StartPipelineExecution",
        ],
    },
    Mutation {
        name: "an approval notifies a topic that is a parameter",
        stack: DEV,
        edit: |template| {
            let topic = parameter(template, "Topic");
            let approval = json!({
                "Name": "Ask",
                "ActionTypeId":
                    { "Category": "Approval", "Owner": "AWS", "Provider": "Manual", "Version": "1" },
                "Configuration": { "NotificationArn": topic },
            });
            let stages = pipeline(template)["Stages"].as_array_mut().expect("stages");
            stages.insert(1, json!({ "Name": "Approval", "Actions": [approval] }));
        },
        denied: &[],
        unproven: &["notify/sns:Publish/Approval/Ask"],
    },
    Mutation {
        name: "a stage condition reads an alarm without a permission",
        stack: DEV,
        edit: |template| {
            let name = json!("errors");
            pipeline(template)["Stages"][1]["OnSuccess"] = alarm_condition(name);
        },
        denied: &["condition/cloudwatch:DescribeAlarms/Deploy/Alarm"],
        unproven: &[],
    },
    Mutation {
        name: "the alarm of a stage condition is a parameter",
        stack: DEV,
        edit: |template| {
            let name = parameter(template, "AlarmName");
            pipeline(template)["Stages"][1]["BeforeEntry"] = alarm_condition(name);
        },
        denied: &[],
        unproven: &["condition/cloudwatch:DescribeAlarms/Deploy/Alarm"],
    },
    Mutation {
        name: "a rule with its own role reads an alarm",
        stack: DEV,
        edit: |template| {
            action_role(template, json!("cloudwatch:DescribeAlarms"));
            let mut condition = alarm_condition(json!("errors"));
            condition["Conditions"][0]["Rules"][0]["RoleArn"] =
                json!({ "Fn::GetAtt": ["ActionRole", "Arn"] });
            pipeline(template)["Stages"][1]["BeforeEntry"] = condition;
        },
        denied: &[],
        unproven: &[],
    },
    Mutation {
        name: "an action of a provider that is not modeled",
        stack: DEV,
        edit: |template| {
            let build = json!({
                "Name": "Build",
                "ActionTypeId":
                    { "Category": "Test", "Owner": "AWS", "Provider": "DeviceFarm", "Version": "1" },
                "InputArtifacts": source(template)["OutputArtifacts"].clone(),
                "OutputArtifacts": [{ "Name": "Built" }],
            });
            let stages = pipeline(template)["Stages"].as_array_mut().expect("stages");
            stages.insert(1, json!({ "Name": "Build", "Actions": [build] }));
        },
        denied: &[],
        unproven: &["action/DeviceFarm/Build"],
    },
    Mutation {
        name: "a build in a project that no template contains",
        stack: DEV,
        edit: |template| {
            let build = json!({
                "Name": "Build",
                "ActionTypeId":
                    { "Category": "Build", "Owner": "AWS", "Provider": "CodeBuild", "Version": "1" },
                "Configuration": { "ProjectName": "somebodys" },
                "InputArtifacts": source(template)["OutputArtifacts"].clone(),
            });
            let stages = pipeline(template)["Stages"].as_array_mut().expect("stages");
            stages.insert(1, json!({ "Name": "Build", "Actions": [build] }));
        },
        denied: &[
            "build/codebuild:StartBuild/Build",
            "build/codebuild:BatchGetBuilds/Build",
        ],
        unproven: &[
            "build/sts:AssumeRole/Build",
            "build/CodeBuild/Build",
            "read/s3:GetObject/Build",
            "read/s3:GetObjectVersion/Build",
            "read/s3:GetBucketAcl/Build",
            "read/s3:GetBucketLocation/Build",
            "decrypt/kms:Decrypt/Build",
            "decrypt/kms:DescribeKey/Build",
        ],
    },
];

const OWNERS: &[Mutation] = &[
    Mutation {
        name: "the output bucket is unknown",
        stack: DEV,
        edit: |template| {
            deploy(template)["Configuration"]["BucketName"] = json!("somebodys-bucket")
        },
        denied: &[],
        // The policy of the bucket could allow the role, and the bucket could encrypt with any key.
        unproven: &[
            "prod/deploy/s3:GetBucketVersioning",
            "prod/deploy/s3:GetBucketAcl",
            "prod/deploy/s3:GetBucketLocation",
            "prod/deploy/s3:ListBucket",
            "prod/deploy/s3:PutObject",
            "prod/output-key/kms:GenerateDataKey",
            "prod/output-key/kms:Decrypt",
            "prod/output-key/kms:GenerateDataKey/bucket-key",
            "prod/output-key/kms:Decrypt/bucket-key",
        ],
    },
    Mutation {
        name: "the output bucket is a parameter",
        stack: DEV,
        edit: |template| {
            let name = parameter(template, "Output");
            deploy(template)["Configuration"]["BucketName"] = name;
        },
        denied: &[],
        unproven: &[
            "prod/deploy/s3:GetBucketVersioning",
            "prod/deploy/s3:GetBucketAcl",
            "prod/deploy/s3:GetBucketLocation",
            "prod/deploy/s3:ListBucket",
            "prod/deploy/s3:PutObject",
            "prod/output-key/kms:GenerateDataKey",
            "prod/output-key/kms:Decrypt",
        ],
    },
];

fn mutated(mutation: &Mutation) -> Inputs {
    let mut inputs = inputs_of(&plan_of(""), true);
    change(&mut inputs, mutation.stack, mutation.edit);
    inputs
}

fn check(mutations: &[Mutation]) {
    let mut wrong = Vec::new();
    for mutation in mutations {
        let proof = prove(&mutated(mutation)).expect("a proof");
        let denied = with(&proof, Verdict::Denied);
        let unproven = with(&proof, Verdict::Unproven);
        if denied != mutation.denied || unproven != mutation.unproven {
            wrong.push(format!("{}: {denied:?} {unproven:?}", mutation.name));
        }
        assert_eq!(proof.has_errors(), !denied.is_empty(), "{}", mutation.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_mutation_of_the_encryption_is_caught() {
    check(ENCRYPTION);
}

#[test]
fn every_mutation_of_roles_is_caught() {
    check(ROLES);
}

#[test]
fn every_mutation_of_owners_is_caught() {
    check(OWNERS);
}

#[test]
fn the_artifacts_of_an_action_of_any_provider_are_proven() {
    let name = "an action of a provider that is not modeled";
    let build = ROLES.iter().find(|mutation| mutation.name == name);
    let build = build.expect("the action");
    let proof = prove(&mutated(build)).expect("a proof");
    let allowed = with(&proof, Verdict::Allowed);
    for id in [
        "read/s3:GetObject/Build",
        "decrypt/kms:Decrypt/Build",
        "store/s3:PutObject/Built",
        "encrypt/kms:GenerateDataKey/Built",
    ] {
        assert!(allowed.contains(&id), "{id}: {allowed:?}");
    }
}

/// Returns the proof of the example with a conditional Deny for the deploy role's uploads.
fn denied_if(condition: &Json) -> Proof {
    let mut inputs = inputs_of(&plan_of(""), true);
    change(&mut inputs, PROD, |template| {
        let policy =
            &mut template["Resources"]["OutputBucketPolicy"]["Properties"]["PolicyDocument"];
        let statements = policy["Statement"].as_array_mut().expect("statements");
        statements.push(json!({
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::codepipeline-output-bucket/*",
            "Condition": condition,
        }));
    });
    prove(&inputs).expect("a proof")
}

#[test]
fn a_condition_key_with_an_unknown_value_leaves_the_call_unproven() {
    const UPLOAD: [&str; 1] = ["prod/deploy/s3:PutObject"];
    for condition in [
        json!({ "NotIpAddress": { "aws:SourceIp": "192.0.2.0/24" } }),
        json!({ "IpAddressIfExists": { "aws:SourceIp": "192.0.2.0/24" } }),
        json!({ "DateGreaterThan": { "aws:CurrentTime": "2020-01-01T00:00:00Z" } }),
        json!({ "DateLessThan": { "aws:CurrentTime": "2020-01-01T00:00:00Z" } }),
        json!({ "StringNotLike": { "aws:userId": "AROAEXAMPLEID12345678:*" } }),
        json!({ "Bool": { "aws:MultiFactorAuthPresent": "false" } }),
        json!({ "StringNotEquals": { "aws:SourceVpc": "vpc-0123456789abcdef0" } }),
        json!({ "Null": { "aws:SourceVpce": "true" } }),
        json!({ "StringNotEquals": { "aws:PrincipalOrgID": "o-exampleorg1" } }),
        json!({ "StringEquals": { "aws:SourceIdentity": "alice" } }),
        json!({ "StringLike": { "aws:UserAgent": "*aws-cli*" } }),
        json!({ "NumericLessThan": { "s3:TlsVersion": "1.2" } }),
        json!({ "StringEquals": { "aws:NoSuchKey": "x" } }),
        // The templates do not tag the role, but its stack can.
        json!({ "StringEquals": { "aws:PrincipalTag/team": "web" } }),
        json!({ "Null": { "s3:signatureAge": "true" } }),
        json!({ "StringEquals": { "aws:PrincipalAccount": "${aws:SourceIdentity}" } }),
    ] {
        let proof = denied_if(&condition);
        assert_eq!(with(&proof, Verdict::Unproven), UPLOAD, "{condition}");
        assert_eq!(with(&proof, Verdict::Denied).len(), 0, "{condition}");
        // The call names the value that it depends on.
        let mut calls = proof.calls.iter().map(|(decided, _)| decided);
        let upload = calls.find(|decided| decided.call.id == UPLOAD[0]);
        let doubts = &upload.expect("the upload").doubts;
        assert!(
            doubts
                .iter()
                .any(|doubt| doubt.reason.contains("in the request")),
            "{condition}: {doubts:?}"
        );
    }
}

#[test]
fn a_condition_key_with_a_known_value_decides() {
    for (condition, denies) in [
        (json!({ "Bool": { "aws:ViaAWSService": "false" } }), true),
        (json!({ "Bool": { "aws:ViaAWSService": "true" } }), false),
        (
            json!({ "StringEquals": { "s3:ResourceAccount": "222222222222" } }),
            true,
        ),
        (
            json!({ "StringNotEquals": { "s3:ResourceAccount": "222222222222" } }),
            false,
        ),
        (
            json!({ "Bool": { "aws:PrincipalIsAWSService": "false" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "aws:PrincipalType": "AssumedRole" } }),
            true,
        ),
        (json!({ "Null": { "aws:CurrentTime": "true" } }), false),
        (json!({ "Null": { "aws:userid": "false" } }), true),
        // AWS does not send these keys when a role itself makes the call.
        (json!({ "Null": { "aws:CalledVia": "true" } }), true),
        (
            json!({ "StringEquals": { "aws:username": "alice" } }),
            false,
        ),
        (
            json!({ "StringNotEquals": { "aws:SourceArn": "arn:aws:s3:::x" } }),
            true,
        ),
        (
            json!({ "StringEquals": { "kms:ViaService": "s3.us-east-1.amazonaws.com" } }),
            false,
        ),
        (
            json!({ "Null": { "s3:DataAccessPointArn": "false" } }),
            false,
        ),
        // These keys belong to the credentials of EC2 instances.
        (
            json!({ "NumericLessThan": { "ec2:RoleDelivery": "2.0" } }),
            false,
        ),
    ] {
        let proof = denied_if(&condition);
        let expected: &[&str] = if denies {
            &["prod/deploy/s3:PutObject"]
        } else {
            &[]
        };
        assert_eq!(with(&proof, Verdict::Denied), expected, "{condition}");
        assert_eq!(with(&proof, Verdict::Unproven).len(), 0, "{condition}");
    }
}

#[test]
fn a_name_in_an_option_with_a_missing_letter_is_rejected() {
    const DENY: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny",
        "Principal": "*", "Action": "s3:*", "Resource": "*"}}"#;
    const ALLOW: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow",
        "Action": "*", "Resource": "*"}}"#;
    let policies: [Given; 5] = [
        ("codepipeline-output-bucket", DENY, |inputs| {
            &mut inputs.policies
        }),
        ("arn:aws:s3:::codepipeline-input-bucket", DENY, |inputs| {
            &mut inputs.policies
        }),
        ("prods3role", ALLOW, |inputs| &mut inputs.boundaries),
        ("prods3role", ALLOW, |inputs| &mut inputs.identities),
        (
            "arn:aws:iam::222222222222:role/prods3role",
            ALLOW,
            |inputs| &mut inputs.identities,
        ),
    ];
    let base = inputs_of(&plan_of(""), false);
    let mut refused = 0;
    for (name, policy, list) in policies {
        let given = |name: &str| {
            let mut inputs = base.clone();
            list(&mut inputs).push(NamedFile {
                name: name.to_owned(),
                source: Some(Source::new("policy.json", policy)),
            });
            prove(&inputs)
        };
        assert!(given(name).is_ok(), "{name}");
        for at in 0..name.len() {
            let mut other = name.to_owned();
            other.remove(at);
            assert!(given(&other).is_err(), "{other}");
            refused += 1;
        }
    }
    assert!(refused > 100, "{refused}");
}

/// CloudFormation rejects such a template, so a proof of it would be worthless.
#[test]
fn a_template_in_the_spelling_of_the_api_is_rejected() {
    let mut inputs = inputs_of(&plan_of(""), true);
    change(&mut inputs, DEV, |template| {
        let stage = &mut pipeline(template)["Stages"][1];
        stage["actions"] = stage["Actions"].take();
        stage.as_object_mut().expect("a stage").remove("Actions");
    });
    let proof = prove(&inputs).expect("a proof");
    let reasons: Vec<&str> = proof.obstacles.iter().map(|one| &*one.reason).collect();
    let reason = "`actions` in `Stages` uses the spelling of the CodePipeline API";
    assert!(reasons.contains(&reason), "{reasons:?}");
    assert!(proof.has_errors());
}
