//! The expected state of the accounts. The templates define roles and buckets with their policies,
//! keys, pipelines, and rules. The pipelines also name existing resources.

mod resources;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::live::{Encryption, Input};
use crate::definition::model::{actions, stores_of};
use crate::policy::document::Arn;
use crate::proof::{BucketKey, ClaimedBucket, ExistingProject, Resolved};
use resources::{attached, buckets, keys, roles};

/// The location of a stack, and the profile with access to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Name of the template: `dev`, or the name of the target.
    pub template: String,
    pub stack: String,
    pub account: String,
    pub region: String,
    /// Name of the profile that deploys it.
    pub profile: String,
    /// Whether the stack belongs to a target whose deploy role copies the tags of the source
    /// object.
    pub tagged_objects: bool,
    /// The template that the stack's live state is compared with.
    pub reference: Reference,
}

/// The template that the live state of a stack is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Reference {
    /// The deployed template, which is equivalent to the template from the configuration.
    #[default]
    Same,
    /// The deployed template, which differs from the template from the configuration.
    Differs,
    /// The deployed template, which is transitional: it also keeps the resources that the pipeline
    /// used before a change.
    Transitional,
    /// The deployed template; the configuration does not contain the stack.
    Removed,
    /// The template from the configuration; the deployed template was not read.
    Local,
    /// The template from the configuration; the stack is not deployed.
    Absent,
}

impl Reference {
    /// Returns whether a deployment would change the stack or leave it behind.
    pub(crate) fn differs(self) -> bool {
        matches!(self, Self::Differs | Self::Transitional | Self::Removed)
    }
}

impl Place {
    /// Returns the common name prefix of a pipeline's stacks.
    pub(super) fn prefix(&self) -> &str {
        let suffix = format!("-{}", self.template);
        self.stack.strip_suffix(&suffix).unwrap_or(&self.stack)
    }
}

/// The expected resources.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    /// The stacks: every instance of the proof's inputs, in order.
    pub places: Vec<Place>,
    /// Every resource of the templates.
    pub resources: Vec<Resolved>,
    pub roles: Vec<ExpectedRole>,
    pub buckets: Vec<ExpectedBucket>,
    pub keys: Vec<ExpectedKey>,
    /// The live IDs of keys, by the placeholder IDs of the proof.
    pub(super) ids: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub(crate) struct ExpectedRole {
    pub arn: String,
    pub account: String,
    /// Name without the path.
    pub name: String,
    /// Index of its stack; for an existing role, the index of the stack that needs it.
    pub stack: usize,
    /// Trust policy; `None` for an existing role.
    pub trust: Option<Json>,
    /// Attached managed policies: ARN and document.
    pub managed: Vec<(String, Json)>,
    /// Inline policies: name and document.
    pub inline: Vec<(String, Json)>,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    Source,
    /// An artifact store.
    Artifacts,
    /// An output bucket.
    Output,
    /// Any other bucket, such as a log bucket.
    Other,
}

#[derive(Debug, Clone)]
pub(crate) struct ExpectedBucket {
    pub name: String,
    pub account: String,
    pub region: String,
    /// Index of its stack; for an existing bucket, the index of the stack that needs it.
    pub stack: usize,
    pub purpose: Purpose,
    /// Properties; `None` for an existing bucket.
    pub properties: Option<Json>,
    /// Its policy; `None` if no policy is expected.
    pub policy: Option<Json>,
    /// ARN of the key that the configuration names for the default encryption of an existing
    /// bucket.
    pub key: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct ExpectedKey {
    /// ARN, with a placeholder ID if the live ID is not known.
    pub arn: String,
    pub account: String,
    /// Index of its stack.
    pub stack: usize,
    /// Its aliases, with the prefix `alias/`.
    pub aliases: Vec<String>,
    /// Its policy; `None` for an existing key.
    pub policy: Option<Json>,
    pub rotation: bool,
}

/// The resource types of pipelines and EventBridge rules.
pub(super) const PIPELINE: &str = "AWS::CodePipeline::Pipeline";
pub(super) const RULE: &str = "AWS::Events::Rule";
/// The resource types of builds and of invalidations, whose live settings are not read.
pub(super) const UNREAD: [&str; 2] = [
    "AWS::CodeBuild::Project",
    "AWS::StepFunctions::StateMachine",
];
const UNKNOWN_ID: &str = "s3ferry:unknown-key";

impl ExpectedBucket {
    /// Creates a bucket without further details.
    fn new(name: String, account: &str, region: &str, stack: usize) -> Self {
        Self {
            name,
            account: account.to_owned(),
            region: region.to_owned(),
            stack,
            purpose: Purpose::Other,
            properties: None,
            policy: None,
            key: None,
        }
    }
}

impl Expected {
    /// Derives the expected state from `resources`. `ids` contains the key IDs that AWS assigned,
    /// by the placeholder IDs of the proof. A value that names a key with an unknown ID is not
    /// compared. `merged` contains the policies to write to existing buckets, by bucket.
    /// `bucket_keys` contains the encryption keys of these buckets, and `projects` contains existing
    /// CodeBuild projects.
    pub(crate) fn new(
        resources: &[Resolved],
        places: Vec<Place>,
        ids: &BTreeMap<String, String>,
        merged: &BTreeMap<String, Json>,
        bucket_keys: &[BucketKey],
        projects: &[ExistingProject],
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
        expected.add_existing(bucket_keys, projects);
        expected
    }

    /// Replaces the placeholder IDs of keys in a text with the live IDs.
    pub(super) fn with_ids(&self, text: &str) -> String {
        let ids = self.ids.iter();
        ids.fold(text.to_owned(), |text, (made_up, id)| {
            text.replace(made_up, id)
        })
    }

    /// Returns the buckets that an execution uses, as the pipelines and the templates describe
    /// them.
    pub(crate) fn claims(&self) -> Vec<ClaimedBucket> {
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

    pub(crate) fn of_kind<'e>(&'e self, kind: &'e str) -> impl Iterator<Item = &'e Resolved> {
        let resources = self.resources.iter();
        resources.filter(move |resource| resource.kind == kind)
    }

    pub(crate) fn pipelines(&self) -> impl Iterator<Item = &Resolved> {
        self.of_kind(PIPELINE)
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = &Resolved> {
        self.of_kind(RULE)
    }

    /// Returns the profile with access to an account, or an empty string.
    pub(crate) fn profile(&self, account: &str) -> &str {
        let places = &mut self.places.iter();
        places
            .find(|place| place.account == account)
            .map_or("", |place| &place.profile)
    }

    /// Returns the index of a stack in an account, or else the index of the first stack.
    pub(super) fn stack_of(&self, account: &str) -> usize {
        let places = &mut self.places.iter();
        places
            .position(|place| place.account == account)
            .unwrap_or_default()
    }

    /// Returns the index of a stack in an account and region, or else the index of a stack in the
    /// account.
    pub(super) fn stack_in(&self, account: &str, region: &str) -> usize {
        let places = &mut self.places.iter();
        places
            .position(|place| place.account == account && place.region == region)
            .unwrap_or_else(|| self.stack_of(account))
    }

    /// Adds the resources that the pipelines name but no template creates.
    fn add_existing(&mut self, bucket_keys: &[BucketKey], projects: &[ExistingProject]) {
        let mut roles: BTreeSet<String> = projects
            .iter()
            .map(|project| project.role.clone())
            .collect();
        let mut buckets = Vec::new();
        let mut keys: BTreeSet<String> =
            bucket_keys.iter().map(|found| found.key.clone()).collect();
        for pipeline in self.pipelines() {
            roles.extend(text(&pipeline.properties["RoleArn"]));
            for store in stores_of(&pipeline.properties) {
                let region = store.region.unwrap_or(&pipeline.region).to_owned();
                let bucket = store.bucket().and_then(text);
                buckets.extend(
                    bucket.map(|bucket| {
                        (bucket, pipeline.account.clone(), region, Purpose::Artifacts)
                    }),
                );
            }
            for action in actions(&pipeline.properties) {
                let role = action.text("RoleArn");
                let account = account_of(role, pipeline);
                let region = action.text("Region").unwrap_or(&pipeline.region);
                roles.extend(role.map(str::to_owned));
                for (setting, purpose) in [
                    ("S3Bucket", Purpose::Source),
                    ("BucketName", Purpose::Output),
                ] {
                    let name = action.setting_text(setting).map(str::to_owned);
                    buckets.extend(
                        name.map(|name| (name, account.clone(), region.to_owned(), purpose)),
                    );
                }
                keys.extend(action.setting("KMSEncryptionKeyARN").and_then(text));
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
                None => {
                    let stack = self.stack_of(&account);
                    self.buckets.push(ExpectedBucket {
                        purpose,
                        ..ExpectedBucket::new(name, &account, &region, stack)
                    });
                }
            }
        }
        for bucket in &mut self.buckets {
            let found = bucket_keys.iter().find(|found| found.bucket == bucket.name);
            bucket.key = found.map(|found| found.key.clone());
        }
        for arn in keys {
            let known = self.keys.iter().any(|key| key.arn == arn);
            if let Some(parsed) = Arn::parse(&arn).filter(|_| !known) {
                let account = parsed.account.to_owned();
                self.keys.push(ExpectedKey {
                    stack: self.stack_in(&account, parsed.region),
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

/// Returns the account of an action's role, or the account of the pipeline if the action has no
/// role.
pub(super) fn account_of(role: Option<&str>, pipeline: &Resolved) -> String {
    role.and_then(Arn::parse)
        .map_or(pipeline.account.as_str(), |arn| arn.account)
        .to_owned()
}

/// Returns the value as a string, if it is a known string.
pub(super) fn text(value: &Json) -> Option<String> {
    value.as_str().map(str::to_owned)
}

pub(super) fn list(value: &Json) -> &[Json] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Returns the default encryption in the properties of a template's bucket.
pub(super) fn encryption(properties: &Json) -> Option<Encryption> {
    let rule = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"].get(0)?;
    let default = &rule["ServerSideEncryptionByDefault"];
    Some(Encryption {
        algorithm: text(&default["SSEAlgorithm"])?,
        key: text(&default["KMSMasterKeyID"]),
        bucket_key: is_true(&rule["BucketKeyEnabled"]),
    })
}

/// Returns the input that a rule in a template passes to a target.
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

/// Returns whether a value is true, as a boolean or as a string.
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
