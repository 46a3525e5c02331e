//! Converts the live state to templates, so that the same proof applies to it. Parts that could not
//! be read are left out, so that the proof reports them as unknown and assumes nothing.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::compare;
use super::expected::{Expected, ExpectedBucket, ExpectedRole, PIPELINE, RULE, UNREAD, encryption};
use super::live::{Bucket, Encryption, Key, Live, Reading, Role};
use crate::diagnostic::{Source, read};
use crate::policy::document::{Arn, Policy as Document, PolicyKind};
use crate::proof::{Inputs, KeyFact, NamedFile, Stack};
use crate::run::KeyState;

/// The pipeline definitions that the live policies are proven with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Definitions {
    /// The live definitions, to check that their calls are allowed.
    Live,
    /// The definitions of the templates, to check that no other principal has access. Only the
    /// templates name the intended roles; with a live pipeline that has the wrong role, an intended
    /// role would count as an attacker.
    Intended,
}

/// Returns the inputs for a proof of the live state: `base` with other templates. The logical ID of
/// every role, bucket, and key is its name or ARN. The stacks in `absent` are not deployed, so
/// their resources belong to other stacks and are left out.
pub(super) fn inputs(
    expected: &Expected,
    live: &Live,
    base: &Inputs,
    absent: &[usize],
    definitions: Definitions,
) -> Inputs {
    let mut inputs = base.clone();
    inputs.policies.clear();
    inputs.bucket_policies.clear();
    // A boundary can belong to a role that the live pipeline does not use.
    inputs.allow_unused = true;
    inputs.expand = true;
    // Each instance of a template becomes a separate stack.
    inputs.stacks = (base.stacks.iter())
        .flat_map(|stack| {
            stack.instances.iter().map(|instance| Stack {
                instances: vec![Arc::clone(instance)],
                ..stack.clone()
            })
        })
        .collect();
    let mut resources: Vec<Map<String, Json>> = vec![Map::new(); inputs.stacks.len()];
    let mut add = |stack: usize, id: &str, kind: &str, properties: Json| {
        if absent.contains(&stack) && kind != PIPELINE {
            return;
        }
        if let Some(found) = resources.get_mut(stack) {
            found.insert(
                id.to_owned(),
                json!({ "Type": kind, "Properties": properties }),
            );
        }
    };
    for role in &expected.roles {
        let Some(found) = live.roles.get(&role.arn).and_then(Reading::read) else {
            continue;
        };
        if usable(&found.trust, PolicyKind::Trust) {
            let properties = role_properties(role, found);
            add(role.stack, &role.arn, "AWS::IAM::Role", properties);
        }
        let boundary = found.boundary.as_ref();
        if let Some(document) = boundary.and_then(|boundary| boundary.document.read()) {
            inputs.boundaries.push(file(&role.arn, document));
        }
    }
    let mut keys: Vec<&Key> = live.keys.values().filter_map(Reading::read).collect();
    // The same key may have been requested by several names.
    keys.sort_by(|a, b| a.arn.cmp(&b.arn));
    keys.dedup_by(|a, b| a.arn == b.arn);
    for found in keys {
        let known = expected.keys.iter().find(|key| key.arn == found.arn);
        let (account, region) =
            Arn::parse(&found.arn).map_or(("", ""), |arn| (arn.account, arn.region));
        // The account and the region of the stack determine the ARN of the key.
        let stack = known.map_or_else(|| expected.stack_in(account, region), |key| key.stack);
        let (policy, is_whole) = key_policy(found);
        inputs.key_facts.push(KeyFact {
            arn: found.arn.clone(),
            state: KeyState::of(&found.state),
            is_whole,
            is_made: known.is_some_and(|key| key.policy.is_some()),
        });
        let Some(policy) = policy else { continue };
        // A template can specify the key ID only for a replica key.
        let properties = json!({ "PrimaryKeyArn": found.arn, "KeyPolicy": policy });
        add(stack, &found.arn, "AWS::KMS::ReplicaKey", properties);
        for alias in found.aliases.read().into_iter().flatten() {
            let properties = json!({ "AliasName": alias, "TargetKeyId": found.arn });
            add(stack, alias, "AWS::KMS::Alias", properties);
        }
    }
    for bucket in &expected.buckets {
        let Some(found) = live.buckets.get(&bucket.name).and_then(Reading::read) else {
            continue;
        };
        let policy = match &found.policy {
            Reading::Read(policy) if usable(policy, PolicyKind::Resource) => Some(policy),
            Reading::Missing => None,
            Reading::Read(_) | Reading::Refused(_) => continue,
        };
        let properties = bucket_properties(bucket, found, live);
        add(bucket.stack, &bucket.name, "AWS::S3::Bucket", properties);
        if let Some(policy) = policy {
            let properties = json!({ "Bucket": bucket.name, "PolicyDocument": policy });
            // A bucket and its policy cannot share a logical ID.
            let id = format!("{}/policy", bucket.name);
            add(bucket.stack, &id, "AWS::S3::BucketPolicy", properties);
        }
    }
    for pipeline in expected.pipelines() {
        let name = pipeline.known_name();
        let read = match definitions {
            Definitions::Live => live.pipelines.get(name).and_then(Reading::read),
            Definitions::Intended => None,
        };
        let definition = read.map_or(&pipeline.properties, |read| &read.definition);
        add(pipeline.stack, name, PIPELINE, definition.clone());
    }
    for kind in UNREAD {
        for resource in expected.of_kind(kind) {
            let id = format!("{kind}/{}", resource.known_name());
            add(resource.stack, &id, kind, resource.properties.clone());
        }
    }
    for rule in expected.rules() {
        let name = rule.known_name();
        let targets = match live.rules.get(name).and_then(Reading::read) {
            Some(found) => {
                let targets = found.targets.read().into_iter().flatten();
                targets
                    .map(|target| {
                        json!({ "Id": target.id, "Arn": target.arn, "RoleArn": target.role })
                    })
                    .collect()
            }
            None => rule.properties["Targets"].clone(),
        };
        let properties = json!({ "Name": name, "Targets": targets });
        add(rule.stack, &format!("rule/{name}"), RULE, properties);
    }
    let mut resources = resources.into_iter();
    inputs.stacks = inputs
        .stacks
        .into_iter()
        .filter_map(|mut stack| {
            let found = resources.next().filter(|found| !found.is_empty())?;
            let text = format!("{:#}", json!({ "Resources": found }));
            stack.template = Source::new(format!("live state of {}", stack.name), text).into();
            Some(stack)
        })
        .collect();
    inputs
}

/// Returns whether the proof can parse a policy. AWS may accept a policy that this parser rejects;
/// its effect must not be guessed.
pub(super) fn usable(policy: &Json, kind: PolicyKind) -> bool {
    let source = Source::new("policy", policy.to_string());
    read(&source).is_ok_and(|node| Document::parse(&node, kind).is_ok())
}

fn file(name: &str, document: &Json) -> NamedFile {
    NamedFile {
        name: name.to_owned(),
        source: Some(Source::new(
            format!("policy of {name}"),
            format!("{document:#}"),
        )),
    }
}

fn role_properties(expected: &ExpectedRole, role: &Role) -> Json {
    let path = role
        .arn
        .split_once(":role")
        .and_then(|(_, path)| path.rsplit_once('/'))
        .map_or("", |(path, _)| path);
    let mut policies = Vec::new();
    let mut unread = Vec::new();
    for (list, what) in [
        (&role.attached, "managed policies"),
        (&role.inline, "inline policies"),
    ] {
        if list.refusal().is_some() {
            unread.push(format!("{what} of {}", expected.name));
        }
        for policy in list.read().into_iter().flatten() {
            let (name, document) = (&policy.name, policy.document.read());
            match document.filter(|document| usable(document, PolicyKind::Identity)) {
                Some(document) => {
                    policies.push(json!({ "PolicyName": name, "PolicyDocument": document }));
                }
                None => unread.push(format!("policy {name}")),
            }
        }
    }
    let mut properties = json!({
        "RoleName": expected.name,
        "Path": format!("{path}/"),
        "AssumeRolePolicyDocument": role.trust,
        "Policies": policies,
        // The proof reports a managed policy without a template as missing.
        "ManagedPolicyArns": unread,
    });
    if let Some(boundary) = &role.boundary {
        properties["PermissionsBoundary"] = Json::from(boundary.name.as_str());
    }
    properties
}

/// Merges the policies of a key: KMS evaluates them together, and a Deny in any of them takes
/// precedence. Also returns whether the result includes every policy of the key.
fn key_policy(key: &Key) -> (Option<Json>, bool) {
    let Reading::Read(policy) = &key.policy else {
        return (None, false);
    };
    if !usable(policy, PolicyKind::Key) {
        return (None, false);
    }
    let mut is_whole = key.others.refusal().is_none();
    let mut statements = statements(policy);
    for other in key.others.read().into_iter().flatten() {
        match &other.document {
            Reading::Read(document) if usable(document, PolicyKind::Key) => {
                statements.extend(self::statements(document));
            }
            _ => is_whole = false,
        }
    }
    let whole = json!({ "Version": NEWEST, "Statement": statements });
    (Some(whole), is_whole)
}

/// The version of the policy language that supports variables.
const NEWEST: &str = "2012-10-17";

/// Returns the statements of a policy in the syntax of the newest version of the language.
fn statements(policy: &Json) -> Vec<Json> {
    let mut found = compare::statements(policy).to_vec();
    if policy["Version"] != NEWEST {
        // Without variables, a dollar sign is literal.
        found.iter_mut().for_each(without_variables);
    }
    found
}

fn without_variables(value: &mut Json) {
    match value {
        Json::String(text) => *text = text.replace("${", "${$}{"),
        Json::Array(items) => items.iter_mut().for_each(without_variables),
        Json::Object(members) => members.values_mut().for_each(without_variables),
        _ => {}
    }
}

fn bucket_properties(expected: &ExpectedBucket, bucket: &Bucket, live: &Live) -> Json {
    let mut properties = json!({ "BucketName": expected.name });
    // A separate check reports a bucket without versioning.
    properties["VersioningConfiguration"] = json!({ "Status": "Enabled" });
    properties["OwnershipControls"] = json!({ "Rules": [{ "ObjectOwnership": "ObjectWriter" }] });
    let intended = expected.properties.as_ref();
    // The live setting is not read: log delivery does not affect an execution.
    if let Some(logging) = intended.and_then(|properties| properties.get("LoggingConfiguration")) {
        properties["LoggingConfiguration"] = logging.clone();
    }
    let live_encryption = match &bucket.encryption {
        Reading::Read(found) => Some(found.clone()),
        Reading::Missing => None,
        Reading::Refused(_) => intended.and_then(encryption),
    };
    if let Some(found) = live_encryption {
        let mut default = json!({ "SSEAlgorithm": found.algorithm });
        // Without a key name, the AWS managed key applies.
        if let Some(key) = customer_key(&found, live) {
            default["KMSMasterKeyID"] = Json::from(key);
        }
        properties["BucketEncryption"] = json!({ "ServerSideEncryptionConfiguration": [{
            "ServerSideEncryptionByDefault": default,
            "BucketKeyEnabled": found.bucket_key,
        }] });
    }
    properties
}

/// Returns the customer managed key of a bucket's default encryption: its ARN if it could be read,
/// otherwise the name in the bucket's settings. Returns `None` for S3 managed keys and the AWS
/// managed key.
pub(super) fn customer_key(encryption: &Encryption, live: &Live) -> Option<String> {
    let key = encryption
        .key
        .as_ref()
        .filter(|_| encryption.algorithm.starts_with("aws:kms"))?;
    match live.keys.get(key) {
        Some(Reading::Read(found)) if found.is_aws_managed => None,
        Some(Reading::Read(found)) => Some(found.arn.clone()),
        _ => Some(key.clone()),
    }
}
