//! Adopts an existing pipeline so that it deploys to the target accounts. Sets roles, regions, and
//! namespaces on its S3 deploy actions, and the customer managed key on its artifact stores.

mod action;

use std::collections::HashSet;

use crate::diagnostic::{Diagnostic, Node, Span};
use crate::plan::{InstancePlan, Plan, TargetPlan};

use super::edit::{Editor, New};
use super::{Action, Definition, Store};

/// A definition after adoption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Adopted {
    /// The definition for *UpdatePipeline*, in its original layout.
    pub text: String,
    /// The changes, one sentence each.
    pub done: Vec<String>,
    /// Notes about the parts that stay unchanged, one sentence each.
    pub notes: Vec<String>,
    /// Whether the pipeline's definition changed, apart from the metadata of the response.
    pub changed: bool,
}

/// Adopts a pipeline. `key` is the ARN of the dev account's customer managed key in the pipeline's
/// region.
///
/// Follows *Create a pipeline that uses resources from another account* in the AWS documentation.
///
/// # Errors
///
/// Returns an error if the definition contradicts the plan in a way that would make the pipeline
/// fail.
pub(crate) fn adopt(
    definition: &Definition,
    plan: &Plan,
    key: &str,
) -> Result<Adopted, Vec<Diagnostic>> {
    let mut adoption = Adoption {
        definition,
        plan,
        key,
        editor: Editor::new(definition.source.text()),
        problems: Vec::new(),
        done: Vec::new(),
        notes: Vec::new(),
    };
    adoption.check_names();
    adoption.actions();
    adoption.stores();
    if !adoption.problems.is_empty() {
        adoption.problems.sort_by_key(|problem| problem.span);
        return Err(adoption.problems);
    }
    adoption.editor.remove(&definition.root, "metadata");
    Ok(Adopted {
        changed: !adoption.done.is_empty(),
        text: adoption.editor.finish(),
        done: adoption.done,
        notes: adoption.notes,
    })
}

struct Adoption<'a> {
    definition: &'a Definition,
    plan: &'a Plan,
    key: &'a str,
    editor: Editor<'a>,
    problems: Vec<Diagnostic>,
    done: Vec<String>,
    notes: Vec<String>,
}

impl<'a> Adoption<'a> {
    fn member(&self, key: &str) -> &'a Node {
        let pipeline = self.definition.pipeline();
        pipeline.get(key).unwrap_or(pipeline)
    }

    /// Checks that the pipeline has the names that the policies of the stacks contain.
    fn check_names(&mut self) {
        let dev = &self.plan.dev;
        let pairs = [
            (
                "name",
                "the pipeline's name is",
                &self.definition.name,
                dev.pipeline.as_str(),
                "dev.pipeline.name",
            ),
            (
                "roleArn",
                "the pipeline's service role is",
                &self.definition.role_arn,
                &dev.service_role.arn,
                "dev.pipeline.service_role",
            ),
        ];
        for (key, what, found, wanted, setting) in pairs {
            if found != wanted {
                let problem = Diagnostic::new(
                    self.member(key).span,
                    format!("{what} `{found}`, but the configuration specifies `{wanted}`"),
                );
                self.problems.push(problem.help(format!(
                    "set `{setting}` in the configuration and deploy again: the policies contain \
                     this value"
                )));
            }
        }
        let mut sources = self.definition.actions.iter();
        let source = sources.find(|action| action.is_known_source());
        if source.is_some_and(|action| !action.reads(&dev.source)) {
            self.notes.push(format!(
                "The source action still reads its current source instead of {} from the \
                 configuration: the service role must be allowed to read that source.",
                dev.source
            ));
        }
        self.notes.extend(self.definition.note_on_pull_requests());
    }

    fn actions(&mut self) {
        let mut taken: HashSet<String> = (self.definition.actions.iter())
            .filter_map(|action| action.namespace.clone())
            .collect();
        let mut found = Vec::new();
        for action in &self.definition.actions {
            let Some(bucket) = action.output_bucket() else {
                continue;
            };
            let place = format!("Action {} of stage {}", action.name, action.stage);
            let mut instances = self.plan.instances();
            let Some((target, instance)) =
                instances.find(|(_, instance)| instance.bucket.name == bucket)
            else {
                self.notes.push(format!(
                    "{place} is unchanged, because no target has its bucket, {bucket}."
                ));
                continue;
            };
            found.push(instance.bucket.name.as_str());
            self.check_action(action, target, &place);
            self.action(action, (target, instance), &place, &mut taken);
        }
        let missing = (self.plan.instances())
            .filter(|(_, instance)| !found.contains(&instance.bucket.name.as_str()));
        let missing: Vec<_> = missing.collect();
        if !found.is_empty()
            && let Some((target, first)) = missing.first()
        {
            let more = match missing.len() {
                1 => String::new(),
                more => format!(" or to {} more instances", more - 1),
            };
            self.notes.push(format!(
                "No action deploys to target {} (bucket {}){more}.",
                target.name, first.bucket.name
            ));
        }
        if found.is_empty() {
            let buckets: Vec<&str> = (self.plan.instances().take(3))
                .map(|(_, instance)| instance.bucket.name.as_str())
                .collect();
            let deploys = self.definition.actions.iter();
            let span = deploys
                .clone()
                .find(|action| action.output_bucket().is_some())
                .map_or(self.member("stages").span, |action| action.span);
            self.problems.push(
                Diagnostic::new(
                    span,
                    format!(
                        "no S3 deploy action deploys to a target's bucket, such as {}",
                        buckets.join(", ")
                    ),
                )
                .help(
                    "set the target's `bucket` in the configuration to the action's `BucketName`, \
                     or create the configuration with `s3ferry init --from`",
                ),
            );
        }
    }

    fn action(
        &mut self,
        action: &Action,
        (target, instance): (&TargetPlan, &InstancePlan),
        place: &str,
        taken: &mut HashSet<String>,
    ) {
        let namespace = match &action.namespace {
            // Other actions may refer to its variables.
            Some(namespace) => namespace.clone(),
            None => free_namespace(target, instance, taken),
        };
        taken.insert(namespace.clone());
        let members = [
            ("roleArn", &action.role_arn, instance.role.arn.as_str()),
            ("region", &action.region, instance.region.as_str()),
            ("namespace", &action.namespace, namespace.as_str()),
        ];
        let set: Vec<String> = members
            .iter()
            .filter(|(_, old, new)| old.as_deref() != Some(*new))
            .map(|(key, _, new)| format!("{key} {new}"))
            .collect();
        if set.is_empty() {
            return;
        }
        self.done.push(format!(
            "{place} deploys to target {}: {}.",
            target.name,
            set.join(", ")
        ));
        let path = ["stages".to_owned(), action.stage_index.to_string()];
        let path = path.iter().map(String::as_str);
        let index = action.index.to_string();
        let node = self.definition.pipeline();
        let Some(node) = node.at(path.chain(["actions", index.as_str()])) else {
            return;
        };
        let members = members
            .iter()
            .map(|(key, _, new)| ((*key).to_owned(), New::Text((*new).to_string())))
            .collect();
        self.editor.set(node, members);
    }

    fn stores(&mut self) {
        let pipeline = self.definition.pipeline();
        let home = self.plan.dev.region.as_str();
        let mut editor = Editor::new(self.definition.source.text());
        let mut has_new_key = false;
        for store in &self.definition.stores {
            let region = store.region.as_deref().unwrap_or(home);
            let (Some(key), Some(node)) = (
                self.key_in(store, region),
                match &store.region {
                    Some(region) => pipeline.at(["artifactStores", region]),
                    None => pipeline.get("artifactStore"),
                },
            ) else {
                continue;
            };
            let mut members = Vec::new();
            if region == home {
                self.check_bucket(store);
            } else if let Some(planned) = self.planned(region)
                && planned != store.bucket
            {
                self.done.push(format!(
                    "The artifact store in {region} uses bucket {planned}."
                ));
                members.push(("location".to_owned(), New::Text(planned.to_owned())));
            }
            let kind = node.at(["encryptionKey", "type"]).and_then(Node::as_str);
            if store.key.as_ref() != Some(&key) || kind != Some("KMS") {
                self.done.push(format!(
                    "The artifact store in {region} is encrypted with {key}."
                ));
                has_new_key = true;
                let encryption = New::strings([("id", &key), ("type", "KMS")]);
                members.push(("encryptionKey".to_owned(), encryption));
            }
            editor.set(node, members);
        }
        let missing = self.missing_stores();
        match (
            pipeline.entry("artifactStore"),
            pipeline.get("artifactStores"),
        ) {
            (Some(entry), _) if !missing.is_empty() => {
                let names = ("artifactStores", home);
                self.editor.nest(pipeline, entry, names, editor, &missing);
            }
            (_, Some(stores)) => {
                editor.set(stores, missing);
                self.editor.merge(editor);
            }
            _ => self.editor.merge(editor),
        }
        if has_new_key {
            self.note_on_other_roles();
        }
    }

    /// Adds notes about the actions whose roles need permissions for the new key of the artifact
    /// store. s3ferry grants them only to the service role and to the deploy roles.
    fn note_on_other_roles(&mut self) {
        for action in &self.definition.actions {
            let role = match (action.provider.as_str(), &action.role_arn) {
                ("CodeBuild", _) => {
                    let project = action.setting("ProjectName").unwrap_or_default();
                    format!("the service role of its CodeBuild project {project}")
                }
                ("S3" | "Manual", _) | (_, None) => continue,
                (_, Some(role)) => format!("its role {role}"),
            };
            self.notes.push(format!(
                "Action {} of stage {} uses artifacts that are now encrypted with {}: {role} must \
                 be allowed to call kms:Decrypt and kms:GenerateDataKey on this key.",
                action.name, action.stage, self.key
            ));
        }
    }

    /// Checks that the main artifact bucket is the bucket that the policies name.
    fn check_bucket(&mut self, store: &Store) {
        let planned = &self.plan.dev.artifact_bucket.name;
        if store.bucket == *planned {
            return;
        }
        let problem = Diagnostic::new(
            store.span,
            format!(
                "the artifact bucket is `{}`, but the configuration specifies `{planned}`",
                store.bucket
            ),
        );
        self.problems.push(problem.help(
            "set `dev.artifacts.bucket` (and `create: false`) in the configuration and deploy \
             again: the policies contain the bucket name",
        ));
    }

    /// Returns the planned artifact bucket in another region.
    fn planned(&self, region: &str) -> Option<&'a str> {
        let mut regions = self.plan.regions.iter();
        let found = regions.find(|plan| plan.region == region)?;
        Some(&found.artifact_bucket.name)
    }

    /// Returns the missing artifact stores. According to the AWS documentation, *Add a cross-Region
    /// action*, each region with a deploy action needs an artifact store.
    fn missing_stores(&mut self) -> Vec<(String, New)> {
        let mut missing = Vec::new();
        for plan in &self.plan.regions {
            let stores = &self.definition.stores;
            if stores
                .iter()
                .any(|store| store.region.as_deref() == Some(&plan.region))
            {
                continue;
            }
            let Some(key) = replica(self.key, &plan.region) else {
                let span = self.member("roleArn").span;
                self.problems.push(self.no_replica(span, &plan.region));
                continue;
            };
            let bucket = &plan.artifact_bucket.name;
            self.done.push(format!(
                "An artifact store in {} is added: bucket {bucket}, encrypted with {key}.",
                plan.region
            ));
            let store = vec![
                ("type".to_owned(), New::Text("S3".to_owned())),
                ("location".to_owned(), New::Text(bucket.to_string())),
                (
                    "encryptionKey".to_owned(),
                    New::strings([("id", &key), ("type", "KMS")]),
                ),
            ];
            missing.push((plan.region.to_string(), New::Mapping(store)));
        }
        missing
    }

    /// Returns the ARN of the key in a store's region, or `None` if the store stays unchanged.
    fn key_in(&mut self, store: &Store, region: &str) -> Option<String> {
        if region == self.plan.dev.region {
            return Some(self.key.to_owned());
        }
        if self.planned(region).is_none() {
            self.notes.push(format!(
                "The artifact store in {region} is unchanged: no target is in this region."
            ));
            return None;
        }
        let found = replica(self.key, region);
        if found.is_none() {
            self.problems.push(self.no_replica(store.span, region));
        }
        found
    }

    fn no_replica(&self, span: Span, region: &str) -> Diagnostic {
        let problem = Diagnostic::new(
            span,
            format!(
                "the artifact store in {region} needs a key in this region, but `{}` is not a \
                 multi-Region key",
                self.key
            ),
        );
        problem.help(if self.plan.dev.multi_region {
            "omit --key-arn to use the multi-Region key from the dev stack, or specify the ARN of \
             this key, whose ID begins with `mrk-`"
        } else {
            "create a multi-Region key: set `dev.key.multi_region: true` before the first \
             deployment"
        })
    }
}

/// Returns the ARN of a multi-Region key's replica, which has the same ID, or `None` for a
/// single-Region key.
fn replica(key: &str, region: &str) -> Option<String> {
    let parts: Vec<&str> = key.splitn(6, ':').collect();
    match parts.as_slice() {
        [arn, partition, service, _, account, resource] if resource.starts_with("key/mrk-") => {
            Some([arn, partition, service, region, account, resource].join(":"))
        }
        _ => None,
    }
}

/// Returns the target's namespace, or a unique name derived from it. According to the AWS
/// documentation, *Variables reference*, each namespace belongs to one action.
fn free_namespace(target: &TargetPlan, instance: &InstancePlan, taken: &HashSet<String>) -> String {
    let named = format!("DeployVariables-{}", target.name);
    let numbered = (2..).map(|number| format!("{named}-{number}"));
    (instance.namespace.iter().cloned())
        .chain([named.clone()])
        .chain(numbered)
        .find(|namespace| !taken.contains(namespace))
        .unwrap_or_default()
}
