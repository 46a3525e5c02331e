//! Creates a configuration that matches an existing pipeline: it has the same names and buckets,
//! and does not create existing resources.

mod text;

use std::collections::HashSet;

use super::{Action, Definition};
use crate::diagnostic::{Diagnostic, Node, Span};

/// A draft of a configuration, with settings from the definition and settings that are still
/// missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    /// ID of the dev account, from the service role.
    pub account: String,
    /// Region of the pipeline, if the definition contains it.
    pub region: Option<String>,
    /// The targets, in the order of the actions.
    pub targets: Vec<DraftTarget>,
    /// Notes for the user, one sentence each.
    pub notes: Vec<String>,
    /// Positions of settings in the definition, by their paths in the configuration.
    places: Vec<(String, Span)>,
    pipeline: String,
    service_role: String,
    source: DraftSource,
    artifact_bucket: String,
}

/// The source of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
enum DraftSource {
    Object {
        bucket: String,
        key: String,
        polls: bool,
    },
    Repository {
        connection: String,
        repository: String,
        branch: String,
    },
}

impl DraftSource {
    fn of(action: &Action) -> Self {
        let setting = |key: &str| action.setting(key).unwrap_or_default().to_owned();
        match action.provider.as_str() {
            "S3" => Self::Object {
                bucket: setting("S3Bucket"),
                key: setting("S3ObjectKey"),
                // CodePipeline polls by default.
                polls: action.setting("PollForSourceChanges") != Some("false"),
            },
            _ => Self::Repository {
                connection: setting("ConnectionArn"),
                repository: setting("FullRepositoryId"),
                branch: setting("BranchName"),
            },
        }
    }
}

/// A bucket that the pipeline deploys to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DraftTarget {
    pub name: String,
    pub bucket: String,
    /// Account that owns the bucket, from the action's role if the role is in another account.
    pub account: Option<String>,
    /// The current roles of the actions that deploy to the bucket.
    pub roles: Vec<CurrentRole>,
    region: Option<String>,
    /// The current role of the first action.
    current_role: Option<String>,
    path: String,
    object_key: Option<String>,
    canned_acl: Option<String>,
    cache_control: Option<String>,
    encryption_key: Option<String>,
    approval: bool,
    /// The first action that deploys to the bucket: the index of its stage, and its index in the
    /// stage.
    action: (usize, usize),
}

/// The role of an action before the pipeline is adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CurrentRole {
    /// Name of the action.
    pub action: String,
    /// ARN of the role.
    pub arn: String,
    /// Position in the definition.
    pub span: Span,
}

impl CurrentRole {
    /// Returns the account of the role.
    pub(crate) fn account(&self) -> Option<&str> {
        self.arn.split(':').nth(4)
    }
}

impl Draft {
    /// Returns the position in the definition of the setting at `path`, or of its nearest parent.
    pub(crate) fn place(&self, path: &[String]) -> Span {
        let mut path = path.join(".");
        loop {
            let found = self.places.iter().find(|(known, _)| *known == path);
            if let Some((_, span)) = found {
                return *span;
            }
            match path.rfind('.') {
                Some(end) => path.truncate(end),
                None if path.is_empty() => return Span::default(),
                None => path.clear(),
            }
        }
    }

    /// Creates a draft from a definition.
    ///
    /// # Errors
    ///
    /// Returns an error if a configuration cannot describe the pipeline.
    pub(crate) fn of(definition: &Definition) -> Result<Self, Vec<Diagnostic>> {
        let mut notes = Vec::new();
        let root = definition.pipeline();
        let place = |key: &str| root.get(key).unwrap_or(root).span;
        let mut sources = definition
            .actions
            .iter()
            .filter(|action| action.is_known_source());
        let Some(source) = sources.next() else {
            let other = (definition.actions.iter()).find(|action| action.category == "Source");
            let kind = other.map_or("no source action", |action| action.provider.as_str());
            let span = other.map_or(place("stages"), |action| action.span);
            return Err(vec![
                Diagnostic::new(
                    span,
                    format!(
                        "the pipeline's source is neither an object in S3 nor a repository with a \
                         connection ({kind})"
                    ),
                )
                .help(
                    "create a configuration with `s3ferry init` without `--from`, and adopt the \
                     pipeline with `s3ferry adopt`",
                ),
            ]);
        };
        if let Some(second) = sources.next() {
            notes.push(format!(
                "Action {} is a second source; the configuration contains only the first one.",
                second.name
            ));
        }
        notes.extend(definition.note_on_pull_requests());
        let Some(account) = definition.account() else {
            return Err(vec![
                Diagnostic::new(
                    place("roleArn"),
                    format!("`{}` is not the ARN of a role", definition.role_arn),
                )
                .help("use the form `arn:aws:iam::ACCOUNT:role/NAME`"),
            ]);
        };
        let region = definition.region();
        let targets = targets(definition, account, region.as_deref(), &mut notes);
        if targets.is_empty() {
            let left_out = (definition.actions.iter())
                .find_map(|action| Some((action, variable(action, action.output_bucket()?)?)));
            return Err(vec![match left_out {
                Some((action, what)) => Diagnostic::new(
                    action.span,
                    format!("action `{}` gets its {what} from a variable", action.name),
                )
                .help(format!(
                    "policies cannot contain pipeline variables: use a literal {what} in the \
                     action, or create a configuration with `s3ferry init`"
                )),
                None => Diagnostic::new(
                    place("stages"),
                    "no action in the pipeline deploys to an S3 bucket",
                )
                .help("specify a pipeline with an S3 deploy action"),
            }]);
        }
        let store = region
            .as_ref()
            .and_then(|region| {
                let mut stores = definition.stores.iter();
                stores.find(|store| store.region.as_ref() == Some(region))
            })
            .or(definition.stores.first());
        let store_span = store.map(|store| store.span);
        Ok(Self {
            account: account.to_owned(),
            places: places(definition, source, store_span, &targets),
            region,
            targets,
            notes,
            pipeline: definition.name.clone(),
            service_role: definition.role_arn.clone(),
            source: DraftSource::of(source),
            artifact_bucket: store.map_or_else(String::new, |store| store.bucket.clone()),
        })
    }
}

fn targets(
    definition: &Definition,
    dev_account: &str,
    dev_region: Option<&str>,
    notes: &mut Vec<String>,
) -> Vec<DraftTarget> {
    let actions: Vec<(&Action, &str)> = (definition.actions.iter())
        .filter_map(|action| Some((action, action.output_bucket()?)))
        .collect();
    let mut found: Vec<DraftTarget> = Vec::new();
    let mut names = HashSet::new();
    for (action, bucket) in &actions {
        if let Some(what) = variable(action, bucket) {
            notes.push(format!(
                "Action {} of stage {} gets its {what} from a variable and is omitted: \
                 policies cannot contain pipeline variables.",
                action.name, action.stage
            ));
            continue;
        }
        let key = action.setting("ObjectKey").unwrap_or_default();
        let extracts = action.setting("Extract") != Some("false");
        if let Some(target) = found.iter_mut().find(|target| target.bucket == *bucket) {
            target.roles.extend(current_role(definition, action));
            let whose = if extracts && target.object_key.is_none() {
                target.path = common_folder(&target.path, key.trim_matches('/'));
                "with its ACL and a path that contains both paths"
            } else {
                "with its path and ACL"
            };
            notes.push(format!(
                "Action {} of stage {} also deploys to bucket {bucket}; it shares the first \
                 action's target, {whose}.",
                action.name, action.stage
            ));
            continue;
        }
        let name = if actions.len() == 1 {
            "prod".to_owned()
        } else {
            free_name(action, &mut names)
        };
        let role = action.role_arn.clone();
        let own = |key: &str| action.setting(key).map(str::to_owned);
        found.push(DraftTarget {
            name,
            bucket: (*bucket).to_owned(),
            account: (role.as_deref())
                .and_then(|arn| arn.split(':').nth(4))
                // A role in the dev account can write to a bucket in any account that allows it.
                .filter(|owner| *owner != dev_account)
                .map(str::to_owned),
            region: (action.region.clone()).filter(|region| Some(region.as_str()) != dev_region),
            roles: current_role(definition, action).into_iter().collect(),
            current_role: role,
            action: (action.stage_index, action.index),
            path: if extracts {
                key.trim_matches('/').to_owned()
            } else {
                String::new()
            },
            object_key: (!extracts).then(|| key.to_owned()),
            canned_acl: own("CannedACL"),
            cache_control: own("CacheControl"),
            encryption_key: own("KMSEncryptionKeyARN"),
            approval: definition.actions.iter().any(|other| {
                other.stage_index == action.stage_index && other.category == "Approval"
            }),
        });
    }
    found
}

fn action_node(definition: &Definition, at: (usize, usize)) -> Option<&Node> {
    let stage = definition.pipeline().get("stages")?.items()?.get(at.0)?;
    stage.get("actions")?.items()?.get(at.1)
}

fn current_role(definition: &Definition, action: &Action) -> Option<CurrentRole> {
    let node = action_node(definition, (action.stage_index, action.index))?;
    Some(CurrentRole {
        action: action.name.clone(),
        arn: action.role_arn.clone()?,
        span: node.get("roleArn")?.span,
    })
}

/// Returns the positions of the settings in the definition, by their paths in the configuration.
fn places(
    definition: &Definition,
    source: &Action,
    store: Option<Span>,
    targets: &[DraftTarget],
) -> Vec<(String, Span)> {
    let root = definition.pipeline();
    let mut found = Vec::new();
    let mut add = |path: String, span: Option<Span>| found.extend(span.map(|span| (path, span)));
    let first = root.entries().and_then(<[_]>::first);
    add(String::new(), first.map(|entry| entry.key_span));
    let of_root = |key: &str| root.get(key).map(|node| node.span);
    for path in ["dev.account", "dev.pipeline.service_role"] {
        add(path.to_owned(), of_root("roleArn"));
    }
    add("dev.pipeline.name".to_owned(), of_root("name"));
    add("dev.artifacts".to_owned(), store);
    // The pipeline's ARN contains the region.
    let arn = definition.root.at(["metadata", "pipelineArn"]);
    add("dev.region".to_owned(), arn.map(|node| node.span));
    let of_action = |at: (usize, usize), path: &[&str]| -> Option<Span> {
        let mut node = action_node(definition, at)?;
        for key in path {
            node = node.get(key)?;
        }
        Some(node.span)
    };
    let at = (source.stage_index, source.index);
    add("dev.source".to_owned(), Some(source.span));
    for (path, key) in [
        ("bucket", "S3Bucket"),
        ("object_key", "S3ObjectKey"),
        ("detect_changes", "PollForSourceChanges"),
        ("connection", "ConnectionArn"),
        ("repository", "FullRepositoryId"),
        ("branch", "BranchName"),
    ] {
        add(
            format!("dev.source.{path}"),
            of_action(at, &["configuration", key]),
        );
    }
    for (number, target) in targets.iter().enumerate() {
        let path = |key: &str| format!("targets.{number}.{key}");
        let at = target.action;
        add(format!("targets.{number}"), of_action(at, &["name"]));
        for (key, setting) in [
            ("bucket", "BucketName"),
            ("path", "ObjectKey"),
            ("object_key", "ObjectKey"),
            ("extract", "Extract"),
            ("canned_acl", "CannedACL"),
            ("cache_control", "CacheControl"),
            ("encryption_key", "KMSEncryptionKeyARN"),
        ] {
            add(path(key), of_action(at, &["configuration", setting]));
        }
        for (key, member) in [
            ("account", "roleArn"),
            ("role", "roleArn"),
            ("region", "region"),
        ] {
            add(path(key), of_action(at, &[member]));
        }
    }
    found
}

/// Returns the part of a deploy action's destination that is known only at run time.
fn variable(action: &Action, bucket: &str) -> Option<&'static str> {
    let key = action.setting("ObjectKey").unwrap_or_default();
    [("bucket", bucket), ("object key", key)]
        .into_iter()
        .find_map(|(what, value)| value.contains("#{").then_some(what))
}

/// Returns the common parent folder of two paths; empty for the bucket's root.
fn common_folder(one: &str, other: &str) -> String {
    let parts = one.split('/').zip(other.split('/'));
    let common: Vec<&str> = (parts.take_while(|(one, other)| one == other))
        .map(|(part, _)| part)
        .collect();
    common.join("/")
}

/// Returns an unused target name, derived from the names of the stage and the action.
fn free_name(action: &Action, taken: &mut HashSet<String>) -> String {
    let clean = |text: &str| {
        let kept = text.chars().map(|c| match c {
            c if c.is_ascii_alphanumeric() => c.to_ascii_lowercase(),
            _ => '-',
        });
        kept.take(30)
            .collect::<String>()
            .trim_matches('-')
            .to_owned()
    };
    let stage = clean(&action.stage);
    let both = format!("{stage}-{}", clean(&action.name));
    let numbered = (2..).map(|number| format!("target-{number}"));
    // Common names that a target cannot have are excluded here. The validation of the configuration
    // rejects the others.
    let usable = |name: &String| {
        !name.is_empty()
            && name.len() <= 40
            && name != "dev"
            && !name.starts_with("dev-")
            && name != "source"
    };
    let name = [stage, both]
        .into_iter()
        .chain(["target".to_owned()])
        .chain(numbered)
        .find(|name| usable(name) && !taken.contains(name))
        .unwrap_or_default();
    taken.insert(name.clone());
    name
}
