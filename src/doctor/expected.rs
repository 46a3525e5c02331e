//! What should stand in the accounts, out of the templates: roles with their policies, buckets
//! with theirs, keys, pipelines, rules; and what exists already and the pipeline names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::live::{Encryption, Input};
use crate::policy::document::Arn;
use crate::proof::{BucketKey, ClaimedBucket, Resolved};

/// Where a stack is deployed, and who can look there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name of the template: `dev`, or the target's.
    pub template: String,
    /// Stack name.
    pub stack: String,
    /// Account ID.
    pub account: String,
    /// Region.
    pub region: String,
    /// Profile that deploys it.
    pub profile: String,
    /// Whether it is of a target whose deploy role copies the tags of the source object.
    pub tagged_objects: bool,
    /// Which template is its reference.
    pub reference: Reference,
}

/// Which template the live state of a stack is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reference {
    /// The deployed one, which means the same as the configuration's.
    #[default]
    Same,
    /// The deployed one, which differs from the configuration's.
    Differs,
    /// The deployed one, which is transitional: it also keeps what the pipeline used before a change.
    Transitional,
    /// The deployed one; the configuration has no such stack.
    Removed,
    /// The configuration's: the deployed one was not read.
    Local,
    /// The configuration's: the stack is not deployed.
    Absent,
}

impl Reference {
    /// Whether a deployment would change the stack, or leaves it behind.
    pub fn differs(self) -> bool {
        matches!(self, Self::Differs | Self::Transitional | Self::Removed)
    }
}

impl Place {
    /// What the names of the stacks of a pipeline have in common.
    pub(super) fn prefix(&self) -> &str {
        let suffix = format!("-{}", self.template);
        self.stack.strip_suffix(&suffix).unwrap_or(&self.stack)
    }
}

/// Everything that should exist.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The stacks: every instance of the proof's inputs, in order.
    pub places: Vec<Place>,
    /// Every resource of the templates.
    pub resources: Vec<Resolved>,
    /// The roles.
    pub roles: Vec<ExpectedRole>,
    /// The buckets.
    pub buckets: Vec<ExpectedBucket>,
    /// The keys.
    pub keys: Vec<ExpectedKey>,
    /// The IDs of keys, by those that the proof makes up.
    pub(super) ids: BTreeMap<String, String>,
}

/// A role.
#[derive(Debug, Clone)]
pub struct ExpectedRole {
    /// ARN.
    pub arn: String,
    /// Account ID.
    pub account: String,
    /// Name without path.
    pub name: String,
    /// Number of its stack; of an existing role that of the stack that needs it.
    pub stack: usize,
    /// Trust policy; `None`: the role exists already.
    pub trust: Option<Json>,
    /// Managed policies that are attached: ARN and document.
    pub managed: Vec<(String, Json)>,
    /// Inline policies: name and document.
    pub inline: Vec<(String, Json)>,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
}

/// What a bucket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// A pipeline's source.
    Source,
    /// An artifact store.
    Artifacts,
    /// Deployed into.
    Output,
    /// Anything else: logs.
    Other,
}

/// A bucket.
#[derive(Debug, Clone)]
pub struct ExpectedBucket {
    /// Name.
    pub name: String,
    /// Account ID.
    pub account: String,
    /// Region.
    pub region: String,
    /// Number of its stack; of an existing bucket that of the stack that needs it.
    pub stack: usize,
    /// What it is for.
    pub purpose: Purpose,
    /// Properties; `None`: the bucket exists already.
    pub properties: Option<Json>,
    /// Its policy; `None`: nothing is said about it.
    pub policy: Option<Json>,
    /// ARN of the key that the configuration names for the default encryption of a bucket that exists
    /// already.
    pub key: Option<String>,
}

/// A key.
#[derive(Debug, Clone)]
pub struct ExpectedKey {
    /// ARN; with the made-up ID of [`Resolved`] where the true one is not known.
    pub arn: String,
    /// Account ID.
    pub account: String,
    /// Number of its stack.
    pub stack: usize,
    /// Its aliases, with `alias/`.
    pub aliases: Vec<String>,
    /// Its policy; `None`: the key exists already.
    pub policy: Option<Json>,
    /// Whether it rotates by itself.
    pub rotation: bool,
}

const UNKNOWN_ID: &str = "s3ferry:unknown-key";

impl Expected {
    /// What `resources` say. `ids` are the IDs of keys, which AWS decides, by those that the proof
    /// makes up; what names a key whose ID is not known is not compared with anything. `merged` are
    /// the policies of existing buckets that are to be put, by bucket, and `bucket_keys` the keys that
    /// they encrypt with.
    pub fn new(
        resources: &[Resolved],
        places: Vec<Place>,
        ids: &BTreeMap<String, String>,
        merged: &BTreeMap<String, Json>,
        bucket_keys: &[BucketKey],
    ) -> Self {
        let made_up: Vec<&str> = resources
            .iter()
            .filter(|resource| resource.kind == "AWS::KMS::Key")
            .filter_map(|resource| resource.name.as_deref())
            .collect();
        let replace = |text: &str| {
            made_up.iter().fold(text.to_owned(), |text, id| {
                text.replace(id, ids.get(*id).map_or(UNKNOWN_ID, String::as_str))
            })
        };
        let resources: Vec<Resolved> = resources
            .iter()
            .map(|resource| {
                let mut resource = resource.clone();
                for text in [&mut resource.name, &mut resource.arn]
                    .into_iter()
                    .flatten()
                {
                    *text = replace(text);
                }
                rewrite(&mut resource.properties, &replace);
                resource
            })
            .collect();
        let mut expected = Self {
            places,
            roles: roles(&resources),
            buckets: buckets(&resources, merged),
            keys: keys(&resources),
            ids: ids.clone(),
            resources,
        };
        expected.add_existing(bucket_keys);
        expected
    }

    /// A text with the true IDs of keys.
    pub(super) fn with_ids(&self, text: &str) -> String {
        let ids = self.ids.iter();
        ids.fold(text.to_owned(), |text, (made_up, id)| {
            text.replace(made_up, id)
        })
    }

    /// What the pipelines and templates say of the buckets that a run uses.
    pub fn claims(&self) -> Vec<ClaimedBucket> {
        let buckets = self.buckets.iter();
        let buckets = buckets.filter(|bucket| bucket.purpose != Purpose::Other);
        buckets
            .map(|bucket| ClaimedBucket {
                name: bucket.name.clone(),
                account: bucket.account.clone(),
                region: bucket.region.clone(),
                is_existing: bucket.properties.is_none(),
            })
            .collect()
    }

    /// Resources of a type.
    pub fn of_kind<'e>(&'e self, kind: &'e str) -> impl Iterator<Item = &'e Resolved> {
        let resources = self.resources.iter();
        resources.filter(move |resource| resource.kind == kind)
    }

    /// The pipelines.
    pub fn pipelines(&self) -> impl Iterator<Item = &Resolved> {
        self.of_kind("AWS::CodePipeline::Pipeline")
    }

    /// The rules.
    pub fn rules(&self) -> impl Iterator<Item = &Resolved> {
        self.of_kind("AWS::Events::Rule")
    }

    /// The profile that looks into an account; empty for none.
    pub fn profile(&self, account: &str) -> &str {
        let places = &mut self.places.iter();
        places
            .find(|place| place.account == account)
            .map_or("", |place| &place.profile)
    }

    /// The stack of an account, or else the first.
    pub(super) fn stack_of(&self, account: &str) -> usize {
        let places = &mut self.places.iter();
        places
            .position(|place| place.account == account)
            .unwrap_or_default()
    }

    /// The stack of an account in a region, or else of the account.
    pub(super) fn stack_in(&self, account: &str, region: &str) -> usize {
        let places = &mut self.places.iter();
        places
            .position(|place| place.account == account && place.region == region)
            .unwrap_or_else(|| self.stack_of(account))
    }

    /// What pipelines name and no template makes.
    fn add_existing(&mut self, bucket_keys: &[BucketKey]) {
        let mut roles = BTreeSet::new();
        let mut buckets = Vec::new();
        let mut keys: BTreeSet<String> =
            bucket_keys.iter().map(|found| found.key.clone()).collect();
        for pipeline in self.pipelines() {
            roles.extend(text(&pipeline.properties["RoleArn"]));
            for store in stores(&pipeline.properties) {
                let region = store.region.unwrap_or_else(|| pipeline.region.clone());
                buckets.push((
                    store.bucket,
                    pipeline.account.clone(),
                    region,
                    Purpose::Artifacts,
                ));
            }
            for action in actions(&pipeline.properties) {
                let configuration = &action["Configuration"];
                let role = text(&action["RoleArn"]);
                let account = role
                    .as_deref()
                    .and_then(Arn::parse)
                    .map_or(pipeline.account.clone(), |arn| arn.account.to_owned());
                let region = text(&action["Region"]).unwrap_or_else(|| pipeline.region.clone());
                roles.extend(role);
                if let Some(name) = text(&configuration["S3Bucket"]) {
                    buckets.push((name, account.clone(), region.clone(), Purpose::Source));
                }
                if let Some(name) = text(&configuration["BucketName"]) {
                    buckets.push((name, account, region, Purpose::Output));
                }
                keys.extend(text(&configuration["KMSEncryptionKeyARN"]));
            }
        }
        for arn in roles {
            let known = self.roles.iter().any(|role| role.arn == arn);
            let Some(parsed) = Arn::parse(&arn).filter(|_| !known) else {
                continue;
            };
            let account = parsed.account.to_owned();
            let name = parsed.resource.rsplit('/').next().unwrap_or_default();
            let (managed, inline) = attached(&self.resources, &account, name);
            self.roles.push(ExpectedRole {
                name: name.to_owned(),
                stack: self.stack_of(&account),
                trust: None,
                managed,
                inline,
                boundary: None,
                account,
                arn,
            });
        }
        for (name, account, region, purpose) in buckets {
            match self.buckets.iter_mut().find(|bucket| bucket.name == name) {
                Some(known) => known.purpose = purpose,
                None => self.buckets.push(ExpectedBucket {
                    stack: self.stack_of(&account),
                    policy: None,
                    properties: None,
                    key: None,
                    name,
                    account,
                    region,
                    purpose,
                }),
            }
        }
        for bucket in &mut self.buckets {
            let found = bucket_keys.iter().find(|found| found.bucket == bucket.name);
            bucket.key = found.map(|found| found.key.clone());
        }
        for arn in keys {
            let Some(account) = Arn::parse(&arn).map(|arn| arn.account.to_owned()) else {
                continue;
            };
            let region = Arn::parse(&arn).map_or("", |arn| arn.region);
            if self.keys.iter().all(|key| key.arn != arn) {
                self.keys.push(ExpectedKey {
                    stack: self.stack_in(&account, region),
                    aliases: Vec::new(),
                    policy: None,
                    rotation: false,
                    account,
                    arn,
                });
            }
        }
    }
}

/// An artifact store of a pipeline's definition.
pub(super) struct Store {
    /// `None`: the pipeline's.
    pub(super) region: Option<String>,
    pub(super) bucket: String,
    pub(super) key: Option<String>,
}

/// The artifact stores of a definition.
pub(super) fn stores(definition: &Json) -> Vec<Store> {
    let one = |store: &Json, region: Option<String>| {
        Some(Store {
            region,
            bucket: text(&store["Location"])?,
            key: text(&store["EncryptionKey"]["Id"]),
        })
    };
    let several = list(&definition["ArtifactStores"]).iter();
    one(&definition["ArtifactStore"], None)
        .into_iter()
        .chain(several.filter_map(|entry| one(&entry["ArtifactStore"], text(&entry["Region"]))))
        .collect()
}

/// The actions of a definition, in order.
pub(super) fn actions(definition: &Json) -> impl Iterator<Item = &Json> {
    list(&definition["Stages"])
        .iter()
        .flat_map(|stage| list(&stage["Actions"]))
}

/// Whether an action deploys to S3.
pub(super) fn is_deploy(action: &Json) -> bool {
    action["ActionTypeId"]["Category"] == "Deploy" && action["ActionTypeId"]["Provider"] == "S3"
}

/// A known text.
pub(super) fn text(value: &Json) -> Option<String> {
    value.as_str().map(str::to_owned)
}

pub(super) fn list(value: &Json) -> &[Json] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A bucket's default encryption as a template writes it.
pub(super) fn encryption(properties: &Json) -> Option<Encryption> {
    let rule = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"].get(0)?;
    let default = &rule["ServerSideEncryptionByDefault"];
    Some(Encryption {
        algorithm: text(&default["SSEAlgorithm"])?,
        key: text(&default["KMSMasterKeyID"]),
        bucket_key: is_true(&rule["BucketKeyEnabled"]),
    })
}

/// What a template's target passes on.
pub(super) fn input(target: &Json) -> Input {
    let transformer = &target["InputTransformer"];
    if let Some(template) = text(&transformer["InputTemplate"]) {
        let paths = transformer["InputPathsMap"].as_object();
        let paths = paths.into_iter().flatten();
        return Input::Transformed {
            paths: paths
                .filter_map(|(name, path)| Some((name.clone(), text(path)?)))
                .collect(),
            template,
        };
    }
    let other = text(&target["Input"]).or_else(|| text(&target["InputPath"]));
    other.map_or(Input::Event, Input::Other)
}

/// Whether a value is true, as a boolean or as a text.
pub(super) fn is_true(value: &Json) -> bool {
    value.as_bool() == Some(true) || value.as_str() == Some("true")
}

fn rewrite(value: &mut Json, replace: &impl Fn(&str) -> String) {
    match value {
        Json::String(text) => *text = replace(text),
        Json::Array(items) => items.iter_mut().for_each(|item| rewrite(item, replace)),
        Json::Object(members) => members
            .values_mut()
            .for_each(|member| rewrite(member, replace)),
        _ => {}
    }
}

fn roles(resources: &[Resolved]) -> Vec<ExpectedRole> {
    let roles = resources
        .iter()
        .filter(|resource| resource.kind == "AWS::IAM::Role");
    roles
        .filter_map(|role| {
            let name = role.name.clone()?;
            let (mut managed, mut inline) = attached(resources, &role.account, &name);
            for policy in list(&role.properties["Policies"]) {
                inline.push((
                    text(&policy["PolicyName"])?,
                    policy["PolicyDocument"].clone(),
                ));
            }
            for arn in list(&role.properties["ManagedPolicyArns"]) {
                let arn = text(arn)?;
                if managed.iter().all(|(known, _)| *known != arn) {
                    managed.push((arn, Json::Null));
                }
            }
            Some(ExpectedRole {
                arn: role.arn.clone()?,
                account: role.account.clone(),
                stack: role.stack,
                trust: Some(role.properties["AssumeRolePolicyDocument"].clone()),
                boundary: text(&role.properties["PermissionsBoundary"]),
                name,
                managed,
                inline,
            })
        })
        .collect()
}

type Documents = Vec<(String, Json)>;

/// The managed and inline policies that resources of their own give a role.
fn attached(resources: &[Resolved], account: &str, role: &str) -> (Documents, Documents) {
    let (mut managed, mut inline) = (Vec::new(), Vec::new());
    for policy in resources
        .iter()
        .filter(|resource| resource.account == account)
    {
        let properties = &policy.properties;
        let named = list(&properties["Roles"])
            .iter()
            .chain([&properties["RoleName"]])
            .any(|name| name.as_str() == Some(role));
        let document = || properties["PolicyDocument"].clone();
        match policy.kind.as_str() {
            "AWS::IAM::ManagedPolicy" if named => {
                managed.extend(policy.arn.clone().map(|arn| (arn, document())));
            }
            "AWS::IAM::Policy" | "AWS::IAM::RolePolicy" if named => {
                let name = text(&properties["PolicyName"]);
                inline.extend(name.map(|name| (name, document())));
            }
            _ => {}
        }
    }
    (managed, inline)
}

fn buckets(resources: &[Resolved], merged: &BTreeMap<String, Json>) -> Vec<ExpectedBucket> {
    let mut found: Vec<ExpectedBucket> = Vec::new();
    for bucket in resources
        .iter()
        .filter(|resource| resource.kind == "AWS::S3::Bucket")
    {
        let Some(name) = bucket.name.clone() else {
            continue;
        };
        found.push(ExpectedBucket {
            account: bucket.account.clone(),
            region: bucket.region.clone(),
            stack: bucket.stack,
            purpose: Purpose::Other,
            properties: Some(bucket.properties.clone()),
            policy: None,
            key: None,
            name,
        });
    }
    let policies = resources
        .iter()
        .filter(|resource| resource.kind == "AWS::S3::BucketPolicy")
        .filter_map(|policy| {
            let document = policy.properties["PolicyDocument"].clone();
            Some((text(&policy.properties["Bucket"])?, Some(policy), document))
        })
        .chain(
            merged
                .iter()
                .map(|(name, policy)| (name.clone(), None, policy.clone())),
        );
    let first = resources.first();
    for (name, resource, document) in policies {
        if let Some(bucket) = found.iter_mut().find(|bucket| bucket.name == name) {
            bucket.policy = Some(document);
        } else if let Some(owner) = resource.or(first) {
            found.push(ExpectedBucket {
                account: owner.account.clone(),
                region: owner.region.clone(),
                stack: owner.stack,
                purpose: Purpose::Other,
                properties: None,
                policy: Some(document),
                key: None,
                name,
            });
        }
    }
    found
}

fn keys(resources: &[Resolved]) -> Vec<ExpectedKey> {
    let keys = resources
        .iter()
        .filter(|resource| matches!(&*resource.kind, "AWS::KMS::Key" | "AWS::KMS::ReplicaKey"));
    keys.filter_map(|key| {
        let aliases = resources.iter().filter(|alias| {
            alias.kind == "AWS::KMS::Alias"
                && alias.stack == key.stack
                && text(&alias.properties["TargetKeyId"]) == key.name
        });
        Some(ExpectedKey {
            arn: key.arn.clone()?,
            account: key.account.clone(),
            stack: key.stack,
            aliases: aliases
                .filter_map(|alias| text(&alias.properties["AliasName"]))
                .collect(),
            policy: Some(key.properties["KeyPolicy"].clone()),
            rotation: is_true(&key.properties["EnableKeyRotation"]),
        })
    })
    .collect()
}
