//! Explains CodePipeline errors: their meaning, their cause, and the next step.
//!
//! The codes and messages were observed in CodePipeline. If an error has only a code, the action's
//! configuration determines the cause.
//!
//! [`signs`] recognizes denied calls and missing objects.

mod signs;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

pub(crate) use signs::{Sign, names_action};

/// A known kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The pipeline cannot be saved: the service role cannot assume an action's role.
    ActionRole,
    /// The pipeline cannot be saved: CodePipeline cannot assume the service role.
    ServiceRole,
    /// The pipeline cannot be saved: the configuration of an action is incomplete or has an
    /// unknown key.
    Declaration,
    /// The deploy role cannot write to the output bucket.
    PutDenied,
    /// The deploy role is not allowed to copy the tags of the source object.
    ObjectTags,
    /// The artifact is not a zip file that can be extracted.
    ArchiveMalformed,
    /// The S3 deploy action fails because of its configuration or a file name.
    DeployConfiguration,
    /// The source object does not exist.
    SourceMissing,
    /// The target execution of a rollback belongs to an earlier version of the pipeline.
    RollbackOutdated,
}

impl Kind {
    /// Returns whether the cause is a missing permission, which the proof of the policies can
    /// identify.
    pub(crate) fn is_access(self) -> bool {
        matches!(self, Self::ActionRole | Self::ServiceRole | Self::PutDenied)
    }
}

/// The explanation of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// Kind of the failure.
    pub kind: Kind,
    /// Description of the failure: one sentence without a period.
    pub meaning: String,
    /// Cause of the failure: one sentence without a period.
    pub cause: String,
    /// Next step: one sentence without a period.
    pub next: String,
}

impl Meaning {
    fn new(
        kind: Kind,
        meaning: impl Into<String>,
        cause: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            meaning: meaning.into(),
            cause: cause.into(),
            next: next.into(),
        }
    }
}

/// The action that failed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action<'a> {
    Source,
    /// An S3 deploy action, with its configuration if known.
    Deploy(Option<&'a Json>),
    /// Any other action, or an unknown action.
    Other,
}

/// Part of CodePipeline's message about a role that it could not assume. CodePipeline assumes every
/// role when a pipeline is saved. If IAM has not propagated a role yet, CodePipeline returns the
/// same error as for a role that does not exist (`InvalidStructureException`).
const NOT_AUTHORIZED: &str = "is not authorized to perform AssumeRole on ";

/// Returns the ARN of the role that CodePipeline could not assume, if that is the reason for the
/// failure.
pub(crate) fn refused_role(reason: &str) -> Option<&str> {
    let (_, rest) = reason.split_once(NOT_AUTHORIZED)?;
    let (_, rest) = rest.split_once("role ")?;
    let role = rest.split_whitespace().next()?;
    let role = role.trim_end_matches(['.', ',', ';', ')', ']', '"', '\'']);
    (role.starts_with("arn:") && role.contains(":role/")).then_some(role)
}

/// Explains why CodePipeline does not create or update a pipeline (`CreatePipeline`,
/// `UpdatePipeline`, and the reasons that CloudFormation reports for them).
pub(crate) fn of_save(text: &str) -> Option<Meaning> {
    if let Some(role) = refused_role(text) {
        let before = text.split(NOT_AUTHORIZED).next().unwrap_or_default();
        return Some(match before.trim_end().ends_with("CodePipeline") {
            true => service_role(role),
            false => action_role(role),
        });
    }
    let has = |part: &str| text.contains(part);
    let is_declaration = has("InvalidActionDeclarationException")
        || has("is missing required configuration")
        || has("contains unknown configuration");
    is_declaration.then(|| {
        Meaning::new(
            Kind::Declaration,
            "CodePipeline rejects the declaration of an action",
            "the configuration of the action has an unknown key or lacks a required key, such as \
             `BucketName` or `Extract` in an S3 deploy action",
            "correct the action named in the error; `s3ferry lint` checks the S3 deploy \
             actions of a template",
        )
    })
}

fn action_role(role: &str) -> Meaning {
    Meaning::new(
        Kind::ActionRole,
        format!(
            "CodePipeline checks that the service role can assume the role of every action, but it \
             cannot assume {role}"
        ),
        "the role does not exist yet, its trust policy does not allow the service role, or no \
         policy of the service role allows sts:AssumeRole on it; a new role or policy also takes \
         a few seconds to propagate in IAM",
        format!(
            "deploy the targets first, including the target that owns {role}, then deploy dev \
             again; if both roles exist, run the command again after a few seconds"
        ),
    )
}

fn service_role(role: &str) -> Meaning {
    Meaning::new(
        Kind::ServiceRole,
        format!("CodePipeline cannot assume the pipeline's service role {role}"),
        "its trust policy does not allow codepipeline.amazonaws.com to assume it; a new role \
         also takes a few seconds to propagate in IAM",
        "allow codepipeline.amazonaws.com to assume the service role in its trust policy; if \
         this is already allowed, run the command again after a few seconds",
    )
}

/// Explains why an action or an execution failed.
pub(crate) fn of_run(code: &str, message: &str, action: Action<'_>) -> Option<Meaning> {
    let lower = message.to_lowercase();
    let has = |part: &str| lower.contains(part);
    if refused_role(message).is_some() {
        return of_save(message);
    }
    if has("call s3.putobject for the deployment bucket") {
        return Some(Meaning::new(
            Kind::PutDenied,
            "S3 denies the deploy role write access to the output bucket",
            "s3:PutObject is not allowed, or the output bucket's key does not allow the \
             role to call kms:GenerateDataKey and kms:Decrypt; AWS reports s3.putObject in both \
            cases",
            "run `s3ferry doctor` to find the missing permission, fix it, then retry the stage",
        ));
    }
    if has("the archive is malformed") {
        return Some(Meaning::new(
            Kind::ArchiveMalformed,
            "the S3 deploy action cannot extract the artifact",
            "the source object is not a zip file, is damaged, or uses an encryption or \
             compression method that the action does not support",
            "upload the file again with `s3ferry push`, which checks it first; a retry of the \
             stage uses the same version",
        ));
    }
    if code == "PipelineExecutionOutdatedException"
        || has("pipelineexecutionoutdatedexception")
        || has("outdated and cannot be used as a target")
    {
        return Some(Meaning::new(
            Kind::RollbackOutdated,
            "CodePipeline cannot roll back to this execution",
            "the pipeline's definition changed after the execution: a rollback target must be \
             an execution of the pipeline's current version",
            "push the older content again with `s3ferry push`",
        ));
    }
    match (code, action) {
        ("ConfigurationError", Action::Deploy(configuration)) => {
            Some(deploy_configuration(configuration))
        }
        (_, Action::Source) => match Sign::of(true, code, message) {
            Sign::MissingSource => Some(Meaning::new(
                Kind::SourceMissing,
                "the source action cannot read the source object",
                "the source bucket has no object with the configured key; no permission is missing",
                "upload the site with `s3ferry push`",
            )),
            _ => None,
        },
        _ => None,
    }
}

/// Explains why a call on object tags was denied. `target` is the name of the target.
pub(crate) fn object_tags(target: &str) -> Meaning {
    Meaning::new(
        Kind::ObjectTags,
        "the deploy role is not allowed to copy the tags of the source object",
        format!("the source object has tags, but target `{target}` does not set `tagged_objects`"),
        format!("set `tagged_objects: true` in target `{target}`, then run `s3ferry deploy --all`"),
    )
}

fn deploy_configuration(configuration: Option<&Json>) -> Meaning {
    let (cause, next) = match configuration.map(configuration_fault) {
        Some(Some(fault)) => (
            fault,
            "correct the configuration of the action; `s3ferry lint` checks it in a template",
        ),
        Some(None) => (
            "a file name in the artifact contains `../`: the action stopped at this file, and the \
             files before it are already in the bucket"
                .to_owned(),
            "upload the site again with `s3ferry push`, which checks the names first; a retry of \
             the stage uses the same version",
        ),
        None => (
            "`Extract` in the live pipeline is neither `true` nor `false`, or is `false` without \
             `ObjectKey`; or a file name in the artifact contains `../`"
                .to_owned(),
            "run `s3ferry doctor` to compare the live pipeline with the templates",
        ),
    };
    Meaning {
        kind: Kind::DeployConfiguration,
        meaning: "the S3 deploy action cannot run with this configuration or artifact".to_owned(),
        cause,
        next: next.to_owned(),
    }
}

/// Returns the error in an S3 deploy action's configuration that CodePipeline accepts but that
/// makes every execution fail: `Extract` is neither `true` nor `false`, or it is `false` without
/// `ObjectKey`.
pub(crate) fn configuration_fault(configuration: &Json) -> Option<String> {
    let extract = match &configuration["Extract"] {
        Json::String(text) => text.clone(),
        Json::Bool(value) => value.to_string(),
        _ => return None,
    };
    let has_key = configuration["ObjectKey"]
        .as_str()
        .is_some_and(|key| !key.is_empty());
    match extract.as_str() {
        "true" => None,
        "false" if has_key => None,
        "false" => Some("`Extract` is `false`, and `ObjectKey` is missing".to_owned()),
        other => Some(format!(
            "`Extract` is `{other}`, but must be `true` or `false`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SERVICE: &str = "arn:aws:iam::111111111111:role/service-role/pipeline";
    const DEPLOY: &str = "arn:aws:iam::222222222222:role/prods3role";

    #[test]
    fn every_form_of_the_message_names_the_role() {
        let forms = [
            (
                format!(
                    "{SERVICE} is not authorized to perform AssumeRole on role {DEPLOY} (Service: \
                     AWSCodePipeline; Status Code: 400; Error Code: InvalidStructureException)"
                ),
                DEPLOY,
            ),
            (
                format!("CodePipeline is not authorized to perform AssumeRole on role {SERVICE}."),
                SERVICE,
            ),
            (
                format!(
                    "Pipeline role {SERVICE} is not authorized to perform AssumeRole on action \
                     role {DEPLOY}"
                ),
                DEPLOY,
            ),
        ];
        for (reason, role) in forms {
            assert_eq!(refused_role(&reason), Some(role), "{reason}");
        }
    }

    #[test]
    fn a_missing_permission_of_the_deployer_is_another_failure() {
        for reason in [
            format!(
                "User: arn:aws:iam::111111111111:user/me is not authorized to perform: \
                 sts:AssumeRole on resource: {DEPLOY}"
            ),
            "not authorized to perform AssumeRole on role ".to_owned(),
            "Artifact store bucket x does not exist".to_owned(),
        ] {
            assert_eq!(refused_role(&reason), None, "{reason}");
        }
    }

    #[test]
    fn both_role_errors_are_distinguished() {
        let role = "arn:aws:iam::222222222222:role/prods3role";
        let service = "arn:aws:iam::111111111111:role/service-role/pipeline";
        let found = of_save(&format!(
            "{service} is not authorized to perform AssumeRole on role {role} (Service: \
             AWSCodePipeline; Status Code: 400; Error Code: InvalidStructureException)"
        ));
        let found = found.expect("known");
        assert_eq!(found.kind, Kind::ActionRole);
        assert!(found.next.contains(&format!("owns {role},")), "{found:?}");
        let found = of_save(&format!(
            "CodePipeline is not authorized to perform AssumeRole on role {service}"
        ));
        let found = found.expect("known");
        assert_eq!(found.kind, Kind::ServiceRole);
        assert!(found.meaning.ends_with(service), "{found:?}");
    }

    #[test]
    fn a_configuration_error_is_explained_by_the_configuration() {
        let cause = |configuration: Option<&Json>| {
            let found = of_run("ConfigurationError", "", Action::Deploy(configuration));
            found.expect("known").cause
        };
        for (configuration, part) in [
            (json!({"Extract": "maybe"}), "`Extract` is `maybe`"),
            (json!({"Extract": "false"}), "`ObjectKey` is missing"),
            (
                json!({"Extract": "false", "ObjectKey": ""}),
                "`ObjectKey` is missing",
            ),
            (
                json!({"Extract": "false", "ObjectKey": "a.zip"}),
                "contains `../`",
            ),
            (json!({"Extract": true}), "contains `../`"),
        ] {
            let cause = cause(Some(&configuration));
            assert!(cause.contains(part), "{configuration}: {cause}");
        }
        assert!(cause(None).contains("in the live pipeline"));
        assert_eq!(of_run("ConfigurationError", "", Action::Other), None);
    }

    #[test]
    fn an_unknown_failure_is_not_explained() {
        for (code, message) in [
            ("JobFailed", "The build failed."),
            ("PermissionError", "No access to the pipeline."),
            ("", ""),
        ] {
            assert_eq!(of_run(code, message, Action::Deploy(None)), None);
        }
        assert_eq!(of_save("Artifact store bucket x does not exist"), None);
    }
}
