//! A configuration that matches a pipeline that exists: its names, its buckets, nothing created
//! that is there already.

mod text;

use std::collections::HashSet;

use super::{Action, Definition};
use crate::diagnostic::{Diagnostic, Node, Span};

/// A configuration in the making: what the definition says, and what it does not say yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    /// Dev account's ID; from the service role.
    pub account: String,
    /// The pipeline's region, where the definition says it.
    pub region: Option<String>,
    /// The targets, in the order of the actions.
    pub targets: Vec<DraftTarget>,
    /// What the user should know, a sentence each.
    pub notes: Vec<String>,
    /// Where the definition says a setting, by its path in the configuration.
    places: Vec<(String, Span)>,
    pipeline: String,
    service_role: String,
    source_bucket: String,
    object_key: String,
    polls: bool,
    artifact_bucket: String,
}

/// A bucket that the pipeline deploys to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DraftTarget {
    pub name: String,
    pub bucket: String,
    /// Account that owns it; from the action's role, where it has one of another account.
    pub account: Option<String>,
    /// The roles that the actions on the bucket have now.
    pub roles: Vec<CurrentRole>,
    region: Option<String>,
    /// The deploy role that the first action has now.
    current_role: Option<String>,
    path: String,
    object_key: Option<String>,
    canned_acl: Option<String>,
    cache_control: Option<String>,
    encryption_key: Option<String>,
    approval: bool,
    /// Its action: number of the stage, and in the stage.
    action: (usize, usize),
}

/// A role that an action has before it is adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CurrentRole {
    /// Name of the action.
    pub action: String,
    /// ARN of the role.
    pub arn: String,
    /// Where it is written.
    pub span: Span,
}

impl CurrentRole {
    /// The account that the role belongs to.
    pub(crate) fn account(&self) -> Option<&str> {
        self.arn.split(':').nth(4)
    }
}

impl Draft {
    /// Where the definition says what a configuration has at `path`, or says the nearest thing around
    /// it.
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

    /// What a definition says about its configuration.
    ///
    /// # Errors
    /// The pipeline is none that a configuration can describe.
    pub(crate) fn of(definition: &Definition) -> Result<Self, Vec<Diagnostic>> {
        let mut notes = Vec::new();
        let root = definition.pipeline();
        let place = |key: &str| root.get(key).unwrap_or(root).span;
        let mut sources = definition
            .actions
            .iter()
            .filter(|action| action.is_s3_source());
        let Some(source) = sources.next() else {
            let other = (definition.actions.iter()).find(|action| action.category == "Source");
            let kind = other.map_or("no source action", |action| action.provider.as_str());
            let span = other.map_or(place("stages"), |action| action.span);
            return Err(vec![
                Diagnostic::new(
                    span,
                    format!("the pipeline's source is not an object in S3 ({kind})"),
                )
                .help(
                    "a configuration describes a pipeline whose source is S3; write one by hand \
                     with `s3ferry init`, and adopt the pipeline with `s3ferry adopt`",
                ),
            ]);
        };
        if let Some(second) = sources.next() {
            notes.push(format!(
                "Action {} is a second source; the configuration has the first one only.",
                second.name
            ));
        }
        let Some(account) = definition.account() else {
            return Err(vec![
                Diagnostic::new(
                    place("roleArn"),
                    format!("`{}` is not the ARN of a role", definition.role_arn),
                )
                .help("it must be `arn:aws:iam::ACCOUNT:role/NAME`"),
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
                    format!("action `{}` takes its {what} from a variable", action.name),
                )
                .help(format!(
                    "policies cannot name a value that is known only in a run: write the {what} \
                     out in the action, or a configuration by hand with `s3ferry init`"
                )),
                None => Diagnostic::new(
                    place("stages"),
                    "no action of the pipeline deploys to an S3 bucket",
                )
                .help("s3ferry deploys files into S3 buckets of other accounts"),
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
            source_bucket: source.setting("S3Bucket").unwrap_or_default().to_owned(),
            object_key: source.setting("S3ObjectKey").unwrap_or_default().to_owned(),
            // Without a word CodePipeline polls.
            polls: source.setting("PollForSourceChanges") != Some("false"),
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
                "Action {} of stage {} takes its {what} from a variable, and is left out: \
                 policies cannot name a value that is known only in a run.",
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
                "whose ACL it has, with a path that holds both"
            } else {
                "whose path and ACL it has"
            };
            notes.push(format!(
                "Action {} of stage {} deploys to bucket {bucket} as well; its target is the \
                 first action's, {whose}.",
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
                // A role of the dev account writes into a bucket of any account that lets it.
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

/// Where the definition says the settings of its configuration.
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
    // The region, where the definition says it, is that of its ARN.
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

/// What of a deploy action's place is known only in a run.
fn variable(action: &Action, bucket: &str) -> Option<&'static str> {
    let key = action.setting("ObjectKey").unwrap_or_default();
    [("bucket", bucket), ("object key", key)]
        .into_iter()
        .find_map(|(what, value)| value.contains("#{").then_some(what))
}

/// The folder that two paths have in common; empty for the bucket's root.
fn common_folder(one: &str, other: &str) -> String {
    let parts = one.split('/').zip(other.split('/'));
    let common: Vec<&str> = (parts.take_while(|(one, other)| one == other))
        .map(|(part, _)| part)
        .collect();
    common.join("/")
}

/// A target's name from the names of stage and action.
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
    // What a target may not be called, such as `dev`, is left to the check of the configuration,
    // except where a plain name does.
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
