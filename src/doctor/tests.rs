//! Tests with handwritten live states in the formats that AWS documents.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot continue fails"
)]

mod keys;
mod reference;
mod runs;
mod states;

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::compare::compare;
use super::live::{
    Bucket, Encryption, Failure, Grant, Key, Live, Pipeline, Policy, Reading, Refusal, Role, Rule,
    Stack, Target, View,
};
use super::*;
use crate::checked::{Synthesis, TemplateFormat};
use crate::config::Document;
use crate::diagnostic::Severity;
use crate::diagnostic::Source;
use crate::plan::Plan;
use crate::proof::{Inputs, resolved};

const KEY: &str = "11111111-2222-4333-8444-555555555555";
const KEY_ARN: &str = "arn:aws:kms:us-east-1:111111111111:key/11111111-2222-4333-8444-555555555555";
const SERVICE: &str = "arn:aws:iam::111111111111:role/service-role/AWSCodePipelineServiceRole-us-east-1-crossaccountdeploy";
const DEPLOY: &str = "arn:aws:iam::222222222222:role/prods3role";
const SOURCE: &str = "codepipeline-input-bucket";
const ARTIFACTS: &str = "codepipeline-us-east-1-0123456789";
const OUTPUT: &str = "codepipeline-output-bucket";
const PIPELINE: &str = "crossaccountdeploy";

/// The deployed example.
struct Site {
    inputs: Inputs,
    expected: Expected,
    live: Live,
}

impl Site {
    fn new() -> Self {
        Self::of(
            "dev:\n  account: \"111111111111\"\ntargets:\n  - name: prod\n    account: \"222222222222\"\n",
        )
    }

    fn of(config: &str) -> Self {
        let document = Document::read(Source::new("s3ferry.yaml", config)).unwrap();
        let plan = Plan::new(&document.config).unwrap();
        let synthesis = Synthesis::new(&plan, TemplateFormat::Yaml, str::to_owned);
        let inputs = synthesis.inputs(&plan, false);
        let place = |template: &str, account: &str| Place {
            template: template.to_owned(),
            stack: format!("crossaccountdeploy-{template}"),
            account: account.to_owned(),
            region: "us-east-1".to_owned(),
            profile: template.to_owned(),
            tagged_objects: config.contains("tagged_objects: true"),
            reference: Reference::Same,
        };
        let instances = plan.instances();
        let targets = instances.map(|(target, instance)| place(&target.name, &instance.account));
        let places = std::iter::once(place("dev", "111111111111"))
            .chain(targets)
            .collect();
        let resources = resolved(&inputs).unwrap();
        let keys = resources.iter().filter(|one| one.kind == "AWS::KMS::Key");
        let ids = keys
            .map(|key| (key.name.clone().unwrap(), KEY.to_owned()))
            .collect();
        let expected = Expected::new(
            &resources,
            places,
            &ids,
            &BTreeMap::new(),
            &inputs.bucket_keys,
            &inputs.projects,
        );
        let live = healthy(&expected);
        Self {
            inputs,
            expected,
            live,
        }
    }

    fn diagnosis(&self) -> Diagnosis {
        diagnose(&self.expected, &self.live, &self.inputs, None).unwrap()
    }

    fn only(&self) -> Finding {
        let diagnosis = self.diagnosis();
        assert_eq!(diagnosis.findings.len(), 1, "{:#?}", diagnosis.findings);
        diagnosis.findings.into_iter().next().unwrap()
    }

    fn bucket(&mut self, name: &str) -> &mut Bucket {
        read(self.live.buckets.get_mut(name).unwrap())
    }

    fn role(&mut self, arn: &str) -> &mut Role {
        read(self.live.roles.get_mut(arn).unwrap())
    }

    fn key(&mut self) -> &mut Key {
        read(self.live.keys.get_mut(KEY_ARN).unwrap())
    }

    fn pipeline(&mut self) -> &mut Pipeline {
        read(self.live.pipelines.get_mut(PIPELINE).unwrap())
    }
}

fn read<T>(reading: &mut Reading<T>) -> &mut T {
    match reading {
        Reading::Read(value) => value,
        _ => panic!("not read"),
    }
}

fn refused<T>(action: &str) -> Reading<T> {
    Reading::Refused(Refusal {
        action: action.to_owned(),
        reason: format!("{action} was refused (AccessDenied)"),
    })
}

fn healthy(expected: &Expected) -> Live {
    let mut live = Live::default();
    for (number, place) in expected.places.iter().enumerate() {
        let by = format!("arn:aws:iam::{}:user/me", place.account);
        live.accounts.insert(place.account.clone(), View::By(by));
        let mut stack = Stack {
            name: place.stack.clone(),
            status: "UPDATE_COMPLETE".to_owned(),
            ..Stack::default()
        };
        if number == 0 {
            stack
                .parameters
                .insert("CreatePipeline".to_owned(), "true".to_owned());
        }
        live.stacks.insert(number, Reading::Read(stack));
    }
    for (number, role) in expected.roles.iter().enumerate() {
        let policies = |list: &[(String, Json)]| {
            let list = list.iter();
            list.map(|(name, document)| Policy {
                name: name.clone(),
                document: Reading::Read(document.clone()),
            })
            .collect()
        };
        let found = Role {
            arn: role.arn.clone(),
            id: format!("AROAEXAMPLEEXAMPLE{number:03}"),
            trust: role.trust.clone().unwrap_or_default(),
            boundary: None,
            attached: Reading::Read(policies(&role.managed)),
            inline: Reading::Read(policies(&role.inline)),
            detached: BTreeMap::new(),
        };
        live.roles.insert(role.arn.clone(), Reading::Read(found));
    }
    for bucket in &expected.buckets {
        let properties = bucket.properties.clone().unwrap_or_default();
        let rule = &properties["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
        let default = &rule["ServerSideEncryptionByDefault"];
        let block = [
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        ];
        let found = Bucket {
            policy: bucket
                .policy
                .clone()
                .map_or(Reading::Missing, Reading::Read),
            versioning: Reading::Read("Enabled".to_owned()),
            event_bridge: Reading::Read(bucket.name == SOURCE),
            ownership: Reading::Read("BucketOwnerEnforced".to_owned()),
            grantees: Reading::Read(Vec::new()),
            encryption: Reading::Read(Encryption {
                algorithm: default["SSEAlgorithm"]
                    .as_str()
                    .unwrap_or("AES256")
                    .to_owned(),
                key: default["KMSMasterKeyID"].as_str().map(str::to_owned),
                bucket_key: rule["BucketKeyEnabled"] == true || rule["BucketKeyEnabled"] == "true",
            }),
            public_access_block: Reading::Read(
                block
                    .into_iter()
                    .map(|name| (name.to_owned(), true))
                    .collect(),
            ),
        };
        live.buckets
            .insert(bucket.name.clone(), Reading::Read(found));
    }
    for key in &expected.keys {
        let found = Key {
            arn: key.arn.clone(),
            state: "Enabled".to_owned(),
            is_aws_managed: false,
            usage: "ENCRYPT_DECRYPT".to_owned(),
            deletion: None,
            policy: key.policy.clone().map_or(Reading::Missing, Reading::Read),
            others: Reading::Read(Vec::new()),
            grants: Reading::Read(Vec::new()),
            aliases: Reading::Read(key.aliases.clone()),
            rotation: Reading::Read(true),
        };
        live.keys.insert(key.arn.clone(), Reading::Read(found));
    }
    for pipeline in expected.pipelines() {
        let found = Pipeline {
            definition: pipeline.properties.clone(),
            stopped: Reading::Read(Vec::new()),
            failure: Reading::Read(None),
        };
        live.pipelines
            .insert(pipeline.name.clone().unwrap(), Reading::Read(found));
    }
    for rule in expected.rules() {
        let targets = rule.properties["Targets"].as_array().unwrap().iter();
        let found = Rule {
            arn: rule.arn.clone().unwrap(),
            enabled: true,
            pattern: Some(rule.properties["EventPattern"].clone()),
            targets: Reading::Read(
                targets
                    .map(|target| Target {
                        id: target["Id"].as_str().unwrap().to_owned(),
                        arn: target["Arn"].as_str().unwrap().to_owned(),
                        role: target["RoleArn"].as_str().map(str::to_owned),
                        input: super::expected::input(target),
                    })
                    .collect(),
            ),
        };
        live.rules
            .insert(rule.name.clone().unwrap(), Reading::Read(found));
    }
    live
}

fn statements(policy: &mut Json) -> &mut Vec<Json> {
    policy["Statement"].as_array_mut().unwrap()
}

#[test]
fn policies_are_compared_by_meaning() {
    let expected = json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "A", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111111111111:root" },
          "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "arn:aws:s3:::b",
          "Condition": { "ArnEquals": { "aws:PrincipalArn": ["x", "y"] } } },
        { "Sid": "B", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
          "Condition": { "Bool": { "aws:SecureTransport": false } } },
    ]});
    let same = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Deny", "Principal": { "AWS": "*" }, "Action": ["S3:*"], "Resource": ["*"],
          "Condition": { "bool": { "AWS:SecureTransport": "false" } } },
        { "Sid": "Other", "Effect": "Allow", "Principal": { "AWS": ["111111111111"] },
          "Action": ["s3:listbucket", "s3:GetObject"], "Resource": "arn:aws:s3:::b",
          "Condition": { "ArnEquals": { "aws:principalarn": ["y", "x"] } } },
    ]});
    assert!(compare(&expected, &same).is_none());
    // Object names are case-sensitive, and effects and resources are compared.
    let mut other = expected.clone();
    other["Statement"][0]["Resource"] = json!("arn:aws:s3:::B");
    let difference = compare(&expected, &other);
    assert_eq!(difference.changed.len(), 1);
    assert!(difference.missing.is_empty() && difference.extra.is_empty());
    let difference = compare(&expected, &json!({ "Statement": expected["Statement"][1] }));
    assert_eq!(difference.missing, [expected["Statement"][0].clone()]);
}

#[test]
fn as_deployed_nothing_is_wrong() {
    let diagnosis = Site::new().diagnosis();
    assert_eq!(diagnosis.findings, []);
    assert_eq!(diagnosis.unread, []);
    assert!(diagnosis.undecided.is_empty());
    assert_eq!(diagnosis.calls, 40);
}

#[test]
fn a_dead_principal_in_a_bucket_or_trust_policy_comes_with_what_it_should_say() {
    let mut site = Site::new();
    let dead = "AROADEADDEADDEADDEAD1";
    site.role(DEPLOY).trust["Statement"][0]["Principal"]["AWS"] = json!(dead);
    let diagnosis = site.diagnosis();
    let finding = &diagnosis.findings[0];
    assert_eq!(finding.rule.code(), "DOCTOR_DEAD_PRINCIPAL");
    assert_eq!(finding.severity, Severity::Error);
    assert!(
        finding.message.contains(dead) && finding.message.contains(SERVICE),
        "{}",
        finding.message
    );
    let [repair] = diagnosis.repairs.as_slice() else {
        panic!("{:?}", diagnosis.repairs);
    };
    assert!(repair.wanted.to_string().contains(SERVICE));
    // No template contains this statement and no call needs it, so it is not repaired.
    let mut site = Site::new();
    let policy = read(&mut site.bucket(ARTIFACTS).policy);
    statements(policy).push(
        json!({ "Sid": "Old", "Effect": "Allow", "Action": "s3:GetObject",
        "Principal": { "AWS": "AIDADEADDEADDEADDEAD2" }, "Resource": "*" }),
    );
    let finding = site.only();
    assert_eq!(finding.rule.code(), "DOCTOR_DEAD_PRINCIPAL");
    assert_eq!(finding.severity, Severity::Warning);
}

#[test]
fn the_key_policy_that_lost_the_other_account_stops_decryption_only() {
    let mut site = Site::new();
    let policy = read(&mut site.key().policy);
    statements(policy).retain(|statement| statement["Sid"] != "DeployRoleDecryptsArtifactsProd");
    let finding = site.only();
    assert_eq!(finding.rule.code(), "DOCTOR_KEY_POLICY");
    assert_eq!(finding.severity, Severity::Error);
    assert_eq!(finding.consequences.len(), 1, "{:?}", finding.consequences);
    assert!(finding.consequences[0].contains("step decrypt: prods3role cannot call kms:Decrypt"));
    let added = finding.fixes.iter().any(|fix| {
        matches!(fix, Fix::Add { statement, .. } if statement["Sid"] == "DeployRoleDecryptsArtifactsProd")
    });
    assert!(added, "{:?}", finding.fixes);
    // A grant can allow a call that the policy does not allow, so no call fails.
    site.key().grants = Reading::Read(vec![Grant {
        id: "1".to_owned(),
        grantee: DEPLOY.to_owned(),
        operations: vec!["Decrypt".to_owned(), "DescribeKey".to_owned()],
        is_constrained: false,
    }]);
    let finding = site.only();
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.consequences.is_empty());
}

#[test]
fn a_boundary_that_denies_is_the_cause() {
    let mut site = Site::new();
    site.role(DEPLOY).boundary = Some(Policy {
        name: "arn:aws:iam::222222222222:policy/limits".to_owned(),
        document: Reading::Read(json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "s3:*", "Resource": "*" }] })),
    });
    let finding = site.only();
    assert_eq!(finding.rule.code(), "DOCTOR_BOUNDARY");
    assert!(
        finding.message.contains("policy/limits"),
        "{}",
        finding.message
    );
    assert!(
        finding
            .consequences
            .iter()
            .all(|line| line.contains("step decrypt"))
    );
    assert_eq!(finding.severity, Severity::Error);
}

#[test]
fn ownership_leaves_objects_with_dev_only_when_dev_writes() {
    let mut site = Site::of(
        "dev:\n  account: \"111111111111\"\ntargets:\n  - name: prod\n    account: \"222222222222\"\n    create: false\n",
    );
    site.bucket(OUTPUT).ownership = Reading::Missing;
    assert_eq!(site.diagnosis().findings, []);
    site.pipeline().definition["Stages"][1]["Actions"][0]
        .as_object_mut()
        .unwrap()
        .remove("RoleArn");
    let diagnosis = site.diagnosis();
    let rules: Vec<&str> = diagnosis
        .findings
        .iter()
        .map(|finding| finding.rule.code())
        .collect();
    assert_eq!(rules, ["DOCTOR_DEPLOY_ACTION", "DOCTOR_OWNERSHIP"]);
    let steps = &diagnosis.findings[0].consequences;
    assert!(
        steps
            .iter()
            .any(|line| line.contains("step deploy: AWSCodePipeline")),
        "{steps:?}"
    );
}

#[test]
fn an_acl_that_an_enforced_bucket_refuses_is_found() {
    let mut site = Site::new();
    site.pipeline().definition["Stages"][1]["Actions"][0]["Configuration"]["CannedACL"] =
        json!("public-read");
    let diagnosis = site.diagnosis();
    let found = diagnosis
        .findings
        .iter()
        .find(|finding| finding.rule.code() == "DOCTOR_OWNERSHIP");
    let found = found.unwrap_or_else(|| panic!("{:#?}", diagnosis.findings));
    assert!(
        found
            .message
            .contains("rejects the deploy action's ACL `public-read`")
    );
}

#[test]
fn an_aws_managed_key_and_one_of_another_account_cannot_serve() {
    let mut site = Site::new();
    let managed = "arn:aws:kms:us-east-1:111111111111:key/99999999-2222-4333-8444-555555555555";
    let mut key = site.key().clone();
    key.arn = managed.to_owned();
    key.is_aws_managed = true;
    site.live
        .keys
        .insert(managed.to_owned(), Reading::Read(key));
    site.pipeline().definition["ArtifactStore"]["EncryptionKey"]["Id"] = json!(managed);
    let finding = &site.diagnosis().findings[0];
    assert_eq!(finding.rule.code(), "DOCTOR_ARTIFACT_STORE");
    assert!(
        finding.message.contains("AWS managed key"),
        "{}",
        finding.message
    );
    let foreign = KEY_ARN.replace("111111111111", "222222222222");
    site.pipeline().definition["ArtifactStore"]["EncryptionKey"]["Id"] = json!(foreign);
    let finding = &site.diagnosis().findings[0];
    assert_eq!(finding.rule.code(), "DOCTOR_ARTIFACT_STORE");
    assert!(
        finding.message.contains("is not in account 111111111111"),
        "{}",
        finding.message
    );
}
