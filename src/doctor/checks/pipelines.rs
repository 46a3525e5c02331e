//! Pipelines: their artifact stores, their deploy actions, and what else of the definition has
//! changed. How the last execution failed is [`super::failures`]'s.

use serde_json::Value as Json;

use super::super::expected::{Store, actions, is_deploy, list, stores, text};
use super::super::finding::{ACTION, DRIFT, Fix, PIPELINE_MISSING, STORE, TRANSITION};
use super::super::live::{Pipeline, Reading};
use super::{Block, Checks, Command, run};
use crate::failure;
use crate::lint::Severity;
use crate::policy::document::Arn;
use crate::proof::Resolved;
use crate::run::Step;

impl Checks<'_> {
    pub(super) fn pipelines(&mut self) {
        for pipeline in self.expected.pipelines() {
            let name = pipeline.name.clone().unwrap_or_default();
            match self.live.pipelines.get(&name) {
                _ if self.is_absent(pipeline.stack) => {}
                Some(Reading::Missing) => self.missing_pipeline(pipeline, &name),
                Some(Reading::Read(found)) => {
                    self.stores(pipeline, &name, &found.definition);
                    self.actions(pipeline, &name, &found.definition);
                    self.configurations(pipeline, &name, &found.definition);
                    self.definition(pipeline, &name, &found.definition);
                    self.transitions(pipeline, &name, found);
                    self.failure(pipeline, &name, found);
                }
                _ => {}
            }
        }
    }

    fn missing_pipeline(&mut self, pipeline: &Resolved, name: &str) {
        let said = self
            .causes
            .iter()
            .any(|cause| cause.finding.rule == PIPELINE_MISSING);
        if said {
            return;
        }
        let fix = self.deploy(&pipeline.account);
        self.add(
            PIPELINE_MISSING,
            Severity::Error,
            &pipeline.account,
            format!("pipeline {name}"),
            "there is no such pipeline",
        )
        .named(name)
        .advise(
            "if the deployment was never finished, the next one makes it; if somebody deleted it, \
             CloudFormation takes it for made: change its definition in the configuration first",
        )
        .fix(fix);
    }

    fn stores(&mut self, pipeline: &Resolved, name: &str, live: &Json) {
        let region_of = |store: &Store| store.region.clone().unwrap_or(pipeline.region.clone());
        let expected = stores(&pipeline.properties);
        let found = stores(live);
        for wanted in &expected {
            let region = region_of(wanted);
            let Some(store) = found.iter().find(|store| region_of(store) == region) else {
                let message = format!("it has no artifact store in {region}");
                self.store(pipeline, name, message, wanted, true);
                continue;
            };
            if store.bucket != wanted.bucket {
                let message = format!(
                    "its artifact store in {region} is bucket {}, and the template says {}",
                    store.bucket, wanted.bucket
                );
                self.store(pipeline, name, message, wanted, false);
            }
            if let Some(message) = self.store_key(pipeline, store, wanted, &region) {
                // Of a pipeline with another bucket it takes nothing.
                let adoptable = store.bucket == wanted.bucket;
                self.store(pipeline, name, message, wanted, adoptable);
            }
        }
    }

    /// What is wrong with a store's key.
    fn store_key(
        &self,
        pipeline: &Resolved,
        store: &Store,
        wanted: &Store,
        region: &str,
    ) -> Option<String> {
        let Some(key) = &store.key else {
            return Some(
                "its artifact store names no key, so CodePipeline takes the AWS managed key \
                 (aws/s3), with which no other account can decrypt"
                    .to_owned(),
            );
        };
        let managed = self
            .live
            .keys
            .get(key)
            .and_then(Reading::read)
            .is_some_and(|found| found.is_aws_managed);
        if managed || key.ends_with("alias/aws/s3") {
            return Some(format!(
                "its artifact store uses the AWS managed key ({key}), with which no other \
                 account can decrypt"
            ));
        }
        if key.contains("alias/") {
            return Some(format!(
                "its artifact store names the key by its alias ({key}), which the targets' \
                 accounts look up among their own"
            ));
        }
        let Some(arn) = Arn::parse(key) else {
            return Some(format!(
                "its artifact store names the key by its bare ID ({key}), which the targets' \
                 accounts look up among their own"
            ));
        };
        if arn.account != pipeline.account || arn.region != region {
            return Some(format!(
                "its artifact store's key {key} is not of account {} and region {region}",
                pipeline.account
            ));
        }
        let expected = wanted.key.as_ref()?;
        (key != expected && !expected.contains("s3ferry:unknown"))
            .then(|| format!("its artifact store's key is {key}, and the template says {expected}"))
    }

    /// A store that is wrong; `adoptable` where `adopt` puts it right.
    fn store(
        &mut self,
        pipeline: &Resolved,
        name: &str,
        message: String,
        wanted: &Store,
        adoptable: bool,
    ) {
        let mut fixes = if adoptable {
            self.adopt(name)
        } else {
            Vec::new()
        };
        fixes.extend(self.change(
            pipeline,
            name,
            &format!(
                "set the artifact store to bucket {} and its `encryptionKey` to {{\"id\": \
                 \"{}\", \"type\": \"KMS\"}}",
                wanted.bucket,
                wanted.key.as_deref().unwrap_or("the key's ARN")
            ),
        ));
        let cause = self.add(
            STORE,
            Severity::Error,
            &pipeline.account,
            format!("pipeline {name}"),
            message,
        );
        cause.finding.fixes = fixes;
        cause
            .steps
            .extend([Step::Encrypt, Step::Decrypt, Step::Store, Step::Read]);
        cause.named("kms:").named("KMS");
    }

    /// The command that sets roles and keys at once. It knows the first pipeline only, whose
    /// stack is the first.
    fn adopt(&self, name: &str) -> Vec<Fix> {
        let first = self.expected.pipelines().next();
        if first.and_then(|first| first.name.as_deref()) != Some(name) {
            return Vec::new();
        }
        vec![
            Fix::Advice("set the roles and the keys as the templates have them:".to_owned()),
            run(&["adopt", "--name", name, "--write"]),
            Fix::Advice("or by hand:".to_owned()),
        ]
    }

    /// How to change a pipeline that CloudFormation sees no change of.
    pub(super) fn change(&self, pipeline: &Resolved, name: &str, what: &str) -> Vec<Fix> {
        let get = Command::new("codepipeline get-pipeline")
            .with("--name", name)
            .with("--query", "{pipeline: pipeline}");
        let put = Command::new("codepipeline update-pipeline")
            .with("--cli-input-json", "file://pipeline.json");
        let get = match self.aws(&pipeline.account, &pipeline.region, get) {
            Fix::Command(text) => Fix::Command(format!("{text} > pipeline.json")),
            other => other,
        };
        vec![
            get,
            Fix::Advice(format!("in pipeline.json, {what}; then:")),
            self.aws(&pipeline.account, &pipeline.region, put),
        ]
    }

    fn actions(&mut self, pipeline: &Resolved, name: &str, live: &Json) {
        let expected = actions(&pipeline.properties).filter(|action| is_deploy(action));
        for wanted in expected {
            let bucket = &wanted["Configuration"]["BucketName"];
            let called = |action: &&Json| action["Name"] == wanted["Name"];
            let same_bucket = |action: &&Json| action["Configuration"]["BucketName"] == *bucket;
            let mut deploys = actions(live).filter(|action| is_deploy(action));
            let by_bucket = actions(live).find(|action| is_deploy(action) && same_bucket(action));
            let found = by_bucket.or_else(|| deploys.find(called));
            let title = wanted["Name"].as_str().unwrap_or("Deploy");
            let bucket = bucket.as_str().unwrap_or_default();
            let Some(found) = found else {
                let fixes = self.change(
                    pipeline,
                    name,
                    &format!("put back the deploy action {title}, as the template has it"),
                );
                let cause = self.add(
                    ACTION,
                    Severity::Error,
                    &pipeline.account,
                    format!("pipeline {name}"),
                    format!("no action deploys into bucket {bucket}"),
                );
                cause.finding.fixes = fixes;
                cause.named(bucket);
                continue;
            };
            self.action(pipeline, name, title, wanted, found);
        }
    }

    fn action(
        &mut self,
        pipeline: &Resolved,
        name: &str,
        title: &str,
        wanted: &Json,
        found: &Json,
    ) {
        let region = |action: &Json| text(&action["Region"]).unwrap_or(pipeline.region.clone());
        let (role, live_role) = (text(&wanted["RoleArn"]), text(&found["RoleArn"]));
        if role != live_role {
            let message = match (&live_role, &role) {
                (None, Some(role)) => format!(
                    "its action {title} has no role (`roleArn`), so that the service role writes, \
                     which prod's account does not know; the template says {role}"
                ),
                (live, role) => format!(
                    "its action {title} takes the role {}, and the template says {}",
                    live.as_deref().unwrap_or("of the pipeline"),
                    role.as_deref().unwrap_or("none")
                ),
            };
            let what = format!(
                "set \"roleArn\": \"{}\" on the action {title}",
                role.as_deref().unwrap_or_default()
            );
            let mut fixes = self.adopt(name);
            fixes.extend(self.change(pipeline, name, &what));
            let cause = self.add(
                ACTION,
                Severity::Error,
                &pipeline.account,
                format!("pipeline {name}"),
                message,
            );
            cause.finding.fixes = fixes;
            cause.steps.extend(Step::DEPLOYING);
            cause.named(title);
            if let Some(role) = live_role {
                cause.blocking(Block::Caller(role.clone())).named(&role);
            }
        }
        if region(wanted) != region(found) {
            let message = format!(
                "its action {title} deploys in {}, and the template says {}",
                region(found),
                region(wanted)
            );
            let what = format!(
                "set \"region\": \"{}\" on the action {title}",
                region(wanted)
            );
            let fixes = self.change(pipeline, name, &what);
            let cause = self.add(
                ACTION,
                Severity::Error,
                &pipeline.account,
                format!("pipeline {name}"),
                message,
            );
            cause.finding.fixes = fixes;
            cause.steps.push(Step::Deploy);
        }
        let bucket = |action: &Json| text(&action["Configuration"]["BucketName"]);
        if bucket(wanted) != bucket(found) {
            let message = format!(
                "its action {title} deploys into bucket {}, and the template says {}",
                bucket(found).unwrap_or_default(),
                bucket(wanted).unwrap_or_default()
            );
            let what = format!(
                "set \"BucketName\": \"{}\" on the action {title}",
                bucket(wanted).unwrap_or_default()
            );
            let fixes = self.change(pipeline, name, &what);
            let cause = self.add(
                ACTION,
                Severity::Error,
                &pipeline.account,
                format!("pipeline {name}"),
                message,
            );
            cause.finding.fixes = fixes;
            cause.steps.push(Step::Deploy);
        }
    }

    /// What else of the definition differs.
    fn definition(&mut self, pipeline: &Resolved, name: &str, live: &Json) {
        let mut differences = Vec::new();
        let wanted = &pipeline.properties;
        if text(&wanted["RoleArn"]) != text(&live["RoleArn"]) {
            differences.push("its service role".to_owned());
        }
        if !same(&wanted["Variables"], &live["Variables"]) {
            differences.push("its variables".to_owned());
        }
        let stages = |definition: &Json| -> Vec<Json> { list(&definition["Stages"]).to_vec() };
        let name_of = |node: &Json| node["Name"].as_str().unwrap_or_default().to_owned();
        let found = stages(live);
        for stage in stages(wanted) {
            let Some(other) = found.iter().find(|other| name_of(other) == name_of(&stage)) else {
                differences.push(format!("no stage {}", name_of(&stage)));
                continue;
            };
            for key in ["BeforeEntry", "OnSuccess", "OnFailure"] {
                if !same(&stage[key], &other[key]) {
                    differences.push(format!("{key} of stage {}", name_of(&stage)));
                }
            }
            for action in list(&stage["Actions"]) {
                let mut others = list(&other["Actions"]).iter();
                match others.find(|other| name_of(other) == name_of(action)) {
                    None => differences.push(format!("no action {}", name_of(action))),
                    Some(other) => {
                        for key in [
                            "ActionTypeId",
                            "Configuration",
                            "RunOrder",
                            "InputArtifacts",
                            "OutputArtifacts",
                        ] {
                            let (wanted, found) = (normal(action, key), normal(other, key));
                            if !same(&wanted, &found) && !is_told(action, other, key) {
                                differences.push(format!("{key} of action {}", name_of(action)));
                            }
                        }
                    }
                }
            }
        }
        let more = found.len().saturating_sub(stages(wanted).len());
        if more > 0 {
            differences.push(format!("{more} more stages"));
        }
        if !differences.is_empty() {
            self.add(
                DRIFT,
                Severity::Warning,
                &pipeline.account,
                format!("pipeline {name}"),
                format!(
                    "its definition is not the template's: {}",
                    differences.join(", ")
                ),
            )
            .advise(
                "put the change into the configuration, or change the pipeline back (`aws \
                 codepipeline update-pipeline`)",
            );
        }
    }

    fn transitions(&mut self, pipeline: &Resolved, name: &str, found: &Pipeline) {
        let Reading::Read(stopped) = &found.stopped else {
            return;
        };
        for (stage, reason) in stopped {
            let command = Command::new("codepipeline enable-stage-transition")
                .with("--pipeline-name", name)
                .with("--stage-name", stage)
                .with("--transition-type", "Inbound");
            let fix = self.aws(&pipeline.account, &pipeline.region, command);
            let because = if reason.is_empty() {
                String::new()
            } else {
                format!(" ({reason})")
            };
            self.add(
                TRANSITION,
                Severity::Error,
                &pipeline.account,
                format!("pipeline {name}"),
                format!("the transition into its stage {stage} is switched off{because}"),
            )
            .fix(fix);
        }
    }
}

/// A member of an action as CodePipeline reads it: with the values that it has by default (AWS
/// CodePipeline User Guide, *Action structure reference*).
fn normal(action: &Json, key: &str) -> Json {
    let mut value = action[key].clone();
    match key {
        "RunOrder" if value.is_null() => value = Json::from(1),
        "Configuration" if action["ActionTypeId"]["Category"] == "Source" => {
            for (name, default) in [
                ("PollForSourceChanges", "true"),
                ("AllowOverrideForS3ObjectKey", "false"),
            ] {
                if value[name].is_null() && value.is_object() {
                    value[name] = Json::from(default);
                }
            }
        }
        _ => {}
    }
    value
}

/// Whether a difference is one of those that have a finding of their own.
fn is_told(wanted: &Json, found: &Json, key: &str) -> bool {
    if key != "Configuration" || !is_deploy(wanted) {
        return false;
    }
    let is_faulty = failure::configuration_fault(&found["Configuration"]).is_some();
    let without = |action: &Json| {
        let mut configuration = action["Configuration"].clone();
        if let Some(members) = configuration.as_object_mut() {
            members.remove("BucketName");
            if is_faulty {
                members.remove("Extract");
                members.remove("ObjectKey");
            }
        }
        configuration
    };
    same(&without(wanted), &without(found))
}

/// Whether a value says nothing: CodePipeline returns some of what a template leaves out as empty.
fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Object(members) => members.values().all(is_empty),
        Json::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Whether two values are the same once numbers and booleans are written as texts.
fn same(a: &Json, b: &Json) -> bool {
    if is_empty(a) && is_empty(b) {
        return true;
    }
    match (a, b) {
        (Json::Object(a), Json::Object(b)) => {
            let of = |one: &serde_json::Map<String, Json>, key: &String| {
                one.get(key).cloned().unwrap_or_default()
            };
            a.keys()
                .chain(b.keys())
                .all(|key| same(&of(a, key), &of(b, key)))
        }
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(_) | Json::Array(_), _) | (_, Json::Object(_) | Json::Array(_)) => false,
        _ => plain(a) == plain(b),
    }
}

fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    }
}
