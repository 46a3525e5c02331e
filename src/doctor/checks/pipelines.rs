//! Checks of pipelines: their artifact stores and their deploy actions. [`super::definition`]
//! compares the rest of the definition, and [`super::failures`] examines the last execution.

use serde_json::Value as Json;

use super::super::finding::{Fix, Rule};
use super::super::live::{Pipeline, Reading};
use super::{Block, Checks, Command, run};
use crate::definition::model::{ActionPart, actions, stores_of};
use crate::policy::document::Arn;
use crate::proof::Resolved;
use crate::run::Step;
use crate::template::UNKNOWN;

/// An artifact store that names a bucket.
struct Store<'s> {
    region: &'s str,
    bucket: &'s str,
    key: Option<&'s str>,
}

impl<'s> Store<'s> {
    /// Returns the artifact stores of a definition.
    fn all(definition: &'s Json, region: &'s str) -> Vec<Self> {
        let stores = stores_of(definition).into_iter();
        stores
            .filter_map(|store| {
                Some(Self {
                    region: store.region.unwrap_or(region),
                    bucket: store.bucket()?.as_str()?,
                    key: store.key().and_then(Json::as_str),
                })
            })
            .collect()
    }
}

impl Checks<'_> {
    pub(super) fn pipelines(&mut self) {
        for pipeline in self.expected.pipelines() {
            match self.live.pipelines.get(pipeline.known_name()) {
                _ if self.is_absent(pipeline.stack) => {}
                Some(Reading::Missing) => self.missing_pipeline(pipeline),
                Some(Reading::Read(found)) => {
                    self.stores(pipeline, &found.definition);
                    self.actions(pipeline, &found.definition);
                    self.configurations(pipeline, &found.definition);
                    self.definition(pipeline, &found.definition);
                    self.transitions(pipeline, found);
                    self.failure(pipeline, found);
                }
                _ => {}
            }
        }
    }

    fn missing_pipeline(&mut self, pipeline: &Resolved) {
        let said = self
            .causes
            .iter()
            .any(|cause| cause.finding.rule == Rule::PipelineMissing);
        if said {
            return;
        }
        let fix = self.deploy(pipeline);
        self.error(
            Rule::PipelineMissing,
            pipeline,
            "the pipeline does not exist",
        )
        .named(pipeline.known_name())
        .advise(
            "if no deployment has finished yet, the next one creates the pipeline; if the pipeline \
             was deleted manually, CloudFormation does not detect the deletion: first change its \
             definition in the configuration",
        )
        .fix(fix);
    }

    fn stores(&mut self, pipeline: &Resolved, live: &Json) {
        let expected = Store::all(&pipeline.properties, &pipeline.region);
        let found = Store::all(live, &pipeline.region);
        for wanted in &expected {
            let region = wanted.region;
            let Some(store) = found.iter().find(|store| store.region == region) else {
                let message = format!("it has no artifact store in {region}");
                self.store(pipeline, message, wanted, true);
                continue;
            };
            if store.bucket != wanted.bucket {
                let message = format!(
                    "its artifact store in {region} uses bucket {}, but the template specifies {}",
                    store.bucket, wanted.bucket
                );
                self.store(pipeline, message, wanted, false);
            }
            if let Some(message) = self.store_key(pipeline, store, wanted) {
                // `adopt` does not support a pipeline with another bucket.
                let adoptable = store.bucket == wanted.bucket;
                self.store(pipeline, message, wanted, adoptable);
            }
        }
    }

    /// Returns the problem with the key of an artifact store, if there is one.
    fn store_key(
        &self,
        pipeline: &Resolved,
        store: &Store<'_>,
        wanted: &Store<'_>,
    ) -> Option<String> {
        let region = wanted.region;
        let Some(key) = store.key else {
            return Some(
                "its artifact store specifies no key, so CodePipeline uses the AWS managed key \
                 (aws/s3), which no other account can use to decrypt"
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
                "its artifact store uses the AWS managed key ({key}), which no other account can \
                 use to decrypt"
            ));
        }
        if key.contains("alias/") {
            return Some(format!(
                "its artifact store specifies the key by its alias ({key}), which each target \
                 account resolves to an alias in that account"
            ));
        }
        let Some(arn) = Arn::parse(key) else {
            return Some(format!(
                "its artifact store specifies the key by its bare ID ({key}), which each target \
                 account resolves to a key in that account"
            ));
        };
        if arn.account != pipeline.account || arn.region != region {
            return Some(format!(
                "the key {key} of its artifact store is not in account {} and region {region}",
                pipeline.account
            ));
        }
        let expected = wanted.key?;
        (key != expected && !expected.contains(UNKNOWN)).then(|| {
            format!("its artifact store uses key {key}, but the template specifies {expected}")
        })
    }

    /// Reports a wrong artifact store. `adoptable` states whether `adopt` can fix it.
    fn store(&mut self, pipeline: &Resolved, message: String, wanted: &Store<'_>, adoptable: bool) {
        let mut fixes = if adoptable {
            self.adopt(pipeline)
        } else {
            Vec::new()
        };
        fixes.extend(self.change(
            pipeline,
            &format!(
                "set the artifact store to bucket {} and its `encryptionKey` to {{\"id\": \
                 \"{}\", \"type\": \"KMS\"}}",
                wanted.bucket,
                wanted.key.unwrap_or("the key's ARN")
            ),
        ));
        let cause = self.error(Rule::Store, pipeline, message);
        cause
            .fixes(fixes)
            .failing([Step::Encrypt, Step::Decrypt, Step::Store, Step::Read])
            .named("kms:")
            .named("KMS");
    }

    /// Returns the command that sets all roles and keys. It supports only the first pipeline, which
    /// belongs to the first stack.
    fn adopt(&self, pipeline: &Resolved) -> Vec<Fix> {
        let name = pipeline.known_name();
        let first = self.expected.pipelines().next();
        if first.is_none_or(|first| first.known_name() != name) {
            return Vec::new();
        }
        vec![
            Fix::Advice("set the roles and the keys from the templates:".to_owned()),
            run(&["adopt", "--name", name, "--write"]),
            Fix::Advice("or manually:".to_owned()),
        ]
    }

    /// Returns the steps to change a pipeline when CloudFormation detects no change.
    pub(super) fn change(&self, pipeline: &Resolved, what: &str) -> Vec<Fix> {
        let get = Command::aws("codepipeline get-pipeline")
            .option("--name", pipeline.known_name())
            .option("--query", "{pipeline: pipeline}");
        let put = Command::aws("codepipeline update-pipeline")
            .option("--cli-input-json", "file://pipeline.json");
        let get = match self.aws(pipeline, get) {
            Fix::Command(text) => Fix::Command(format!("{text} > pipeline.json")),
            other => other,
        };
        vec![
            get,
            Fix::Advice(format!("in pipeline.json, {what}, then run:")),
            self.aws(pipeline, put),
        ]
    }

    fn actions(&mut self, pipeline: &Resolved, live: &Json) {
        for wanted in actions(&pipeline.properties).filter(ActionPart::is_s3_deploy) {
            let deploys = || actions(live).filter(ActionPart::is_s3_deploy);
            let bucket = wanted.setting("BucketName");
            let by_bucket = deploys().find(|action| action.setting("BucketName") == bucket);
            let found = by_bucket
                .or_else(|| deploys().find(|action| action.get("Name") == wanted.get("Name")));
            let title = wanted.text("Name").unwrap_or("Deploy");
            let bucket = bucket.and_then(Json::as_str).unwrap_or_default();
            let Some(found) = found else {
                let fixes = self.change(
                    pipeline,
                    &format!("restore the deploy action {title} from the template"),
                );
                let cause = self.error(
                    Rule::Action,
                    pipeline,
                    format!("no action deploys to bucket {bucket}"),
                );
                cause.fixes(fixes).named(bucket);
                continue;
            };
            self.action(pipeline, title, wanted, found);
        }
    }

    fn action(
        &mut self,
        pipeline: &Resolved,
        title: &str,
        wanted: ActionPart<'_, Json>,
        found: ActionPart<'_, Json>,
    ) {
        let (role, live_role) = (wanted.text("RoleArn"), found.text("RoleArn"));
        if role != live_role {
            let message = match (&live_role, &role) {
                (None, Some(role)) => format!(
                    "its action {title} has no role (`roleArn`), so it writes with the service \
                     role, which has no access in the target account; the template specifies {role}"
                ),
                (live, role) => format!(
                    "its action {title} uses the role {}, but the template specifies {}",
                    live.unwrap_or("of the pipeline"),
                    role.unwrap_or("none")
                ),
            };
            let what = format!(
                "set \"roleArn\": \"{}\" on the action {title}",
                role.unwrap_or_default()
            );
            let mut fixes = self.adopt(pipeline);
            fixes.extend(self.change(pipeline, &what));
            let cause = self.error(Rule::Action, pipeline, message);
            cause.fixes(fixes).failing(Step::DEPLOYING).named(title);
            if let Some(role) = live_role {
                cause.blocking(Block::Caller(role.to_owned())).named(role);
            }
        }
        let home = Some(pipeline.region.as_str());
        for (member, does, wanted, found) in [
            (
                "region",
                "deploys in",
                wanted.text("Region").or(home),
                found.text("Region").or(home),
            ),
            (
                "BucketName",
                "deploys to bucket",
                wanted.setting_text("BucketName"),
                found.setting_text("BucketName"),
            ),
        ] {
            let (wanted, found) = (wanted.unwrap_or_default(), found.unwrap_or_default());
            if found == wanted {
                continue;
            }
            let message =
                format!("its action {title} {does} {found}, but the template specifies {wanted}");
            let what = format!("set \"{member}\": \"{wanted}\" on the action {title}");
            let fixes = self.change(pipeline, &what);
            let cause = self.error(Rule::Action, pipeline, message);
            cause.fixes(fixes).failing([Step::Deploy]);
        }
    }

    fn transitions(&mut self, pipeline: &Resolved, found: &Pipeline) {
        let Reading::Read(stopped) = &found.stopped else {
            return;
        };
        for (stage, reason) in stopped {
            let command = Command::aws("codepipeline enable-stage-transition")
                .option("--pipeline-name", pipeline.known_name())
                .option("--stage-name", stage)
                .option("--transition-type", "Inbound");
            let fix = self.aws(pipeline, command);
            let because = if reason.is_empty() {
                String::new()
            } else {
                format!(" ({reason})")
            };
            self.error(
                Rule::Transition,
                pipeline,
                format!("the inbound transition of its stage {stage} is disabled{because}"),
            )
            .fix(fix);
        }
    }
}
