//! Checks for S3 deploy actions that make every execution fail, and for the cause of the last
//! failure.

use serde_json::Value as Json;

use super::super::finding::Rule;
use super::super::live::{Failure, Pipeline, Reading};
use super::{Checks, Command, run};
use crate::definition::model::{ActionPart, actions, actions_of, member, stages};
use crate::failure::{self, Action, Meaning, Sign};
use crate::proof::Resolved;
use crate::run::Step;

impl Checks<'_> {
    pub(super) fn configurations(&mut self, pipeline: &Resolved, live: &Json) {
        for action in actions(live).filter(ActionPart::is_s3_deploy) {
            let configuration = action.get("Configuration");
            let Some(fault) = configuration.and_then(failure::configuration_fault) else {
                continue;
            };
            let title = action.text("Name").unwrap_or_default();
            let fixes = self.change(
                pipeline,
                &format!(
                    "set \"Extract\": \"true\" on the action {title}, or \"false\" with \
                     \"ObjectKey\", as in the template"
                ),
            );
            let cause = self.error(
                Rule::Action,
                pipeline,
                format!(
                    "its action {title} cannot run: {fault}; CodePipeline accepts this \
                     configuration, but every execution fails with ConfigurationError"
                ),
            );
            cause.fixes(fixes).failing([Step::Deploy]);
            // The message of the failed execution has this form.
            cause.named(&format!("action {title} (ConfigurationError)"));
        }
    }

    /// Reports the failure of the last execution.
    pub(super) fn failure(&mut self, pipeline: &Resolved, found: &Pipeline) {
        let Reading::Read(Some(failure)) = &found.failure else {
            return;
        };
        let mut intended = stages(&pipeline.properties).iter();
        let is_guarded = intended.any(checks_start);
        if is_guarded && failure.trigger == "CreatePipeline" && failure.action.is_empty() {
            // The stage condition fails the execution that starts when the pipeline is created. No
            // action fails.
            return;
        }
        let failed = (stages(&found.definition).iter())
            .filter(|stage| stage["Name"] == *failure.stage)
            .flat_map(actions_of)
            .find(|action| action.text("Name") == Some(&failure.action));
        let is_source = failed.is_some_and(|action| action.is_s3_source());
        let sign = Sign::of(is_source, &failure.code, &failure.message);
        match (sign, failed) {
            (Sign::MissingSource, Some(action)) => {
                return self.missing_source(pipeline, failure, action);
            }
            (Sign::TagsRefused, Some(action)) => {
                if let Some(target) = self.untagged_target(action) {
                    return self.tags_refused(pipeline, failure, &target);
                }
            }
            _ => {}
        }
        let what = match failure.execution.as_str() {
            "" => "the source action failed",
            _ => "the last execution failed",
        };
        let code = match failure.code.as_str() {
            "" => String::new(),
            code => format!(" ({code})"),
        };
        let said = match aws_says(failure) {
            said if said.is_empty() => "; AWS gave no reason".to_owned(),
            said => said,
        };
        // Unlike a new execution, a retry keeps the source version and the variables.
        let command = match failure.stage.as_str() {
            stage if is_guarded && !stage.is_empty() && !failure.execution.is_empty() => {
                Command::aws("codepipeline retry-stage-execution")
                    .option("--pipeline-name", pipeline.known_name())
                    .option("--stage-name", stage)
                    .option("--pipeline-execution-id", &failure.execution)
                    .option("--retry-mode", "FAILED_ACTIONS")
            }
            _ => Command::aws("codepipeline start-pipeline-execution")
                .option("--name", pipeline.known_name()),
        };
        let fix = self.aws(pipeline, command);
        let known = meaning(failure, failed);
        let cause = self.warn(
            Rule::Execution,
            pipeline,
            format!("{what}{}{code}{said}", place(failure)),
        );
        if let Some(known) = &known {
            cause.advise(format!("{}: {}", known.meaning, known.cause));
        }
        match &known {
            Some(known) if !known.kind.is_access() => {
                cause.is_known = true;
                cause.advise(known.next.clone());
            }
            _ => {
                cause
                    .advise("nothing in the live state explains the failure; to try again:")
                    .fix(fix);
            }
        }
    }

    /// Reports a missing source object.
    fn missing_source(
        &mut self,
        pipeline: &Resolved,
        failure: &Failure,
        action: ActionPart<'_, Json>,
    ) {
        let of = |key: &str| action.setting_text(key).unwrap_or_default();
        let message = format!(
            "the source object s3://{}/{} did not exist when the pipeline last looked for it{}",
            of("S3Bucket"),
            of("S3ObjectKey"),
            aws_says(failure)
        );
        self.error(Rule::SourceObject, pipeline, message)
            .advise("upload it to start the pipeline; no permission is missing:")
            .fix(run(&["push", "DIR"]));
    }

    /// Reports that the source object has tags that a target's deploy role is not allowed to copy.
    fn tags_refused(&mut self, pipeline: &Resolved, failure: &Failure, target: &str) {
        self.error(
            Rule::ObjectTags,
            pipeline,
            format!(
                "the source object has tags, but the deploy role of target {target} is not \
                 allowed to copy them{}",
                aws_says(failure)
            ),
        )
        .advise(format!(
            "set `tagged_objects: true` in target {target}, then run:"
        ))
        .fix(run(&["deploy", "--all"]));
    }

    /// Returns the target of a deploy action if the templates do not allow its deploy role to copy
    /// tags.
    fn untagged_target(&self, action: ActionPart<'_, Json>) -> Option<String> {
        let role = action.text("RoleArn")?;
        let role = self.expected.roles.iter().find(|one| one.arn == role)?;
        let place = self.expected.places.get(role.stack)?;
        (action.is_s3_deploy() && !place.tagged_objects).then(|| place.template.clone())
    }
}

/// Returns whether the entry condition of a stage checks what started the execution.
fn checks_start(stage: &Json) -> bool {
    let conditions = member(stage, "BeforeEntry").and_then(|entry| member(entry, "Conditions"));
    let conditions = conditions.and_then(Json::as_array).into_iter().flatten();
    let rules = conditions.filter_map(|condition| member(condition, "Rules")?.as_array());
    let kinds = rules
        .flatten()
        .filter_map(|rule| member(rule, "RuleTypeId"));
    let mut providers = kinds.filter_map(|kind| member(kind, "Provider"));
    providers.any(|provider| provider == "VariableCheck")
}

fn meaning(failed: &Failure, action: Option<ActionPart<'_, Json>>) -> Option<Meaning> {
    let kind = match action {
        Some(action) if action.is_s3_deploy() => {
            Action::Deploy(Some(action.get("Configuration").unwrap_or(&Json::Null)))
        }
        Some(action) if action.is_s3_source() => Action::Source,
        _ => Action::Other,
    };
    failure::of_run(&failed.code, &failed.message, kind)
}

fn place(failure: &Failure) -> String {
    if failure.action.is_empty() {
        String::new()
    } else {
        format!(" in stage {}, action {}", failure.stage, failure.action)
    }
}

/// Returns AWS's message after a colon, or an empty string.
fn aws_says(failure: &Failure) -> String {
    if failure.message.is_empty() {
        String::new()
    } else {
        format!(": {}", failure.message)
    }
}
