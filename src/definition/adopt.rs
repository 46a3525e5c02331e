//! An existing pipeline made to deploy into the targets' accounts: roles, regions and namespaces
//! on its S3 deploy actions, the customer managed key on its artifact stores.

use std::collections::HashSet;

use crate::config::CannedAcl;
use crate::plan::{Plan, TargetPlan};
use crate::syntax::{Node, Problem};

use super::edit::{Editor, New};
use super::{Action, Definition, Store};

/// A definition after adoption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// The definition as *UpdatePipeline* takes it, laid out as it was.
    pub text: String,
    /// What was set, a sentence each.
    pub done: Vec<String>,
    /// What is left as it is, and the user should know, a sentence each.
    pub notes: Vec<String>,
    /// Whether the pipeline's definition is another one now; the answer's metadata do not count.
    pub changed: bool,
}

/// Adopts a pipeline. `key` is the ARN of the dev account's customer managed key in the
/// pipeline's region.
///
/// The document is AWS CodePipeline's *Create a pipeline that uses resources from another account*.
///
/// # Errors
/// Where the definition contradicts the plan, so that the pipeline would not run.
pub fn adopt(definition: &Definition, plan: &Plan, key: &str) -> Result<Adopted, Vec<Problem>> {
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
    problems: Vec<Problem>,
    done: Vec<String>,
    notes: Vec<String>,
}

impl<'a> Adoption<'a> {
    fn member(&self, key: &str) -> &'a Node {
        let pipeline = self.definition.pipeline();
        pipeline.get(key).unwrap_or(pipeline)
    }

    /// Names that the policies of the stacks hold must be the pipeline's own.
    fn check_names(&mut self) {
        let dev = &self.plan.dev;
        let pairs = [
            (
                "name",
                "the pipeline is",
                &self.definition.name,
                &dev.pipeline,
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
                let problem = Problem::new(
                    self.member(key).span,
                    format!("{what} `{found}`, and the configuration says `{wanted}`"),
                );
                self.problems.push(problem.help(format!(
                    "set `{setting}` in the configuration and deploy again: the policies name it"
                )));
            }
        }
        let source = (self.definition.actions.iter()).find(|action| action.is_s3_source());
        let names =
            source.map(|action| (action.setting("S3Bucket"), action.setting("S3ObjectKey")));
        let wanted = (
            Some(dev.source_bucket.name.as_str()),
            Some(dev.source_object_key.as_str()),
        );
        if names.is_some_and(|names| names != wanted) {
            self.notes.push(format!(
                "The source action takes another object than the configuration's \
                 s3://{}/{}, and keeps it: the service role must be allowed to read it.",
                dev.source_bucket.name, dev.source_object_key
            ));
        }
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
            let place = format!("action {} of stage {}", action.name, action.stage);
            let targets = &self.plan.targets;
            let Some(target) = targets.iter().find(|target| target.bucket.name == bucket) else {
                self.notes.push(format!(
                    "The {place} deploys to bucket {bucket}, which is no target's, and stays as \
                     it is."
                ));
                continue;
            };
            found.push(target.bucket.name.as_str());
            self.check_action(action, target);
            self.action(action, target, &place, &mut taken);
        }
        for target in &self.plan.targets {
            if !found.is_empty() && !found.contains(&target.bucket.name.as_str()) {
                self.notes.push(format!(
                    "No action deploys to target {} (bucket {}).",
                    target.name, target.bucket.name
                ));
            }
        }
        if found.is_empty() {
            let buckets: Vec<&str> = (self.plan.targets.iter())
                .map(|target| target.bucket.name.as_str())
                .collect();
            let deploys = self.definition.actions.iter();
            let span = deploys
                .clone()
                .find(|action| action.output_bucket().is_some())
                .map_or(self.member("stages").span, |action| action.span);
            self.problems.push(
                Problem::new(
                    span,
                    format!(
                        "no S3 deploy action deploys to a target's bucket: {}",
                        buckets.join(", ")
                    ),
                )
                .help(
                    "set the target's `bucket` in the configuration to the action's BucketName, \
                     or make the configuration with `s3ferry init --from`",
                ),
            );
        }
    }

    fn action(
        &mut self,
        action: &Action,
        target: &TargetPlan,
        place: &str,
        taken: &mut HashSet<String>,
    ) {
        let namespace = match &action.namespace {
            // Other actions may speak of its variables by it.
            Some(namespace) => namespace.clone(),
            None => free_namespace(target, taken),
        };
        taken.insert(namespace.clone());
        let members = [
            ("roleArn", &action.role_arn, &target.role.arn),
            ("region", &action.region, &target.region),
            ("namespace", &action.namespace, &namespace),
        ];
        let set: Vec<String> = members
            .iter()
            .filter(|(_, old, new)| old.as_ref() != Some(new))
            .map(|(key, _, new)| format!("{key} {new}"))
            .collect();
        if set.is_empty() {
            return;
        }
        self.done.push(format!(
            "The {place} deploys to target {}: {}.",
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
            .map(|(key, _, new)| (*key, New::Text((*new).clone())))
            .collect();
        self.editor.set(node, members);
    }

    /// What the action does must be what the deploy role's policies allow.
    fn check_action(&mut self, action: &Action, target: &TargetPlan) {
        let key = action.setting("ObjectKey").unwrap_or_default();
        let extracts = action.setting("Extract") != Some("false");
        let (wanted, setting) = match &target.object_key {
            None => (target.path.as_str(), "path"),
            Some(key) => (key.as_str(), "object_key"),
        };
        let shown = |key: &str| match key {
            "" => "the bucket's root".to_owned(),
            key => format!("`{key}`"),
        };
        if extracts == target.object_key.is_some() {
            let (does, says) = if extracts {
                ("extracts the artifact", "does not")
            } else {
                ("puts the artifact as one object", "extracts it")
            };
            self.contradicts(
                action,
                format!("it {does}, and target `{}` {says}", target.name),
                format!("set `extract: {extracts}` for the target, and deploy it again"),
            );
        } else if key.trim_matches('/') != wanted {
            self.contradicts(
                action,
                format!(
                    "it deploys to {}, and target `{}` to {}",
                    shown(key),
                    target.name,
                    shown(wanted)
                ),
                format!("set the target's `{setting}`, and deploy it again"),
            );
        }
        let acl = target.canned_acl.map(CannedAcl::as_str);
        if let Some(found) = action.setting("CannedACL")
            && acl != Some(found)
        {
            self.contradicts(
                action,
                format!("it sets the canned ACL `{found}`, which the deploy role may not"),
                format!("set `canned_acl: {found}` for the target, and deploy it again"),
            );
        }
        if let Some(found) = action.setting("KMSEncryptionKeyARN")
            && target.encryption_key.as_deref() != Some(found)
        {
            self.contradicts(
                action,
                format!("it encrypts with the key `{found}`, which the deploy role may not use"),
                "set the target's `encryption_key`, and deploy it again".to_owned(),
            );
        }
    }

    fn contradicts(&mut self, action: &Action, what: String, help: String) {
        let problem = Problem::new(
            action.span,
            format!("action `{}` is not as its target: {what}", action.name),
        );
        self.problems.push(problem.help(help));
    }

    fn stores(&mut self) {
        let dev = &self.plan.dev;
        let only = self.definition.pipeline().get("artifactStore");
        for store in &self.definition.stores {
            let region = store.region.as_deref().unwrap_or(&dev.region);
            let Some(key) = self.key_in(store, region) else {
                continue;
            };
            if region == dev.region && store.bucket != dev.artifact_bucket.name {
                self.problems.push(
                    Problem::new(
                        store.span,
                        format!(
                            "the artifact bucket is `{}`, and the configuration says `{}`",
                            store.bucket, dev.artifact_bucket.name
                        ),
                    )
                    .help(
                        "set `dev.artifacts.bucket` (and `create: false`) in the configuration \
                         and deploy again: the policies name it",
                    ),
                );
            }
            let node = match (&store.region, only) {
                (Some(region), _) => self.definition.pipeline().at(["artifactStores", region]),
                (None, only) => only,
            };
            let Some(node) = node else {
                continue;
            };
            let kind = node.at(["encryptionKey", "type"]).and_then(Node::as_str);
            if store.key.as_ref() == Some(&key) && kind == Some("KMS") {
                continue;
            }
            self.done.push(format!(
                "The artifact store {} is encrypted with {key}.",
                store.bucket
            ));
            let members = vec![("id", key), ("type", "KMS".to_owned())];
            self.editor
                .set(node, vec![("encryptionKey", New::Mapping(members))]);
        }
    }

    /// ARN of the key in a store's region; nothing where the store stays as it is.
    fn key_in(&mut self, store: &Store, region: &str) -> Option<String> {
        let home = &self.plan.dev.region;
        if region == home {
            return Some(self.key.to_owned());
        }
        // A replica has the primary's ID.
        let parts: Vec<&str> = self.key.splitn(6, ':').collect();
        if let [arn, partition, service, _, account, resource] = parts.as_slice()
            && resource.starts_with("key/mrk-")
        {
            return Some(
                [arn, partition, service, &region, account, resource]
                    .map(|part| *part)
                    .join(":"),
            );
        }
        let used = (self.plan.targets.iter()).any(|target| target.region == region);
        if used {
            self.problems.push(
                Problem::new(
                    store.span,
                    format!(
                        "the artifact store of {region} needs the key there, and the key of \
                         {home} is no multi-Region key"
                    ),
                )
                .help("make a multi-Region key: `dev.key.multi_region: true`"),
            );
        } else {
            self.notes.push(format!(
                "The artifact store of {region} keeps its key: no target is in that region."
            ));
        }
        None
    }
}

/// The target's namespace, or one made from it: each is an action's own (AWS CodePipeline,
/// *Variables reference*).
fn free_namespace(target: &TargetPlan, taken: &HashSet<String>) -> String {
    let named = format!("DeployVariables-{}", target.name);
    let numbered = (2..).map(|number| format!("{named}-{number}"));
    [target.namespace.clone(), named.clone()]
        .into_iter()
        .chain(numbered)
        .find(|namespace| !taken.contains(namespace))
        .unwrap_or_default()
}
