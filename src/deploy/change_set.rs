//! Creates, reads, executes, and deletes change sets.

use std::time::Duration;

use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::types::{
    Capability, ChangeSetStatus, ChangeSetType, ExecutionStatus, Parameter, Tag,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;

use super::body::Body;
use super::cause::hint;
use super::change::Change;
use super::pace::Pace;
use super::said::{is_no_change, without_advice};
use super::unexecuted::Unexecuted;
use super::validation::{self, Validations};
use super::{Access, DeployError, Observer, race};

/// The input of a change set.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    pub stack: &'a str,
    /// Whether the stack must be created.
    pub create: bool,
    pub body: &'a Body,
    pub parameters: &'a [(String, String)],
    /// Stack tags, which CloudFormation also applies to the resources.
    pub tags: &'a [(String, String)],
    /// Service role that CloudFormation assumes.
    pub role_arn: Option<&'a str>,
}

/// A change set that can be executed.
#[derive(Debug, Clone)]
pub(crate) struct ChangeSet {
    /// ARN of the change set.
    pub id: String,
    /// Its name, which is also the client token of its execution.
    pub name: String,
    pub stack_id: String,
    pub stack: String,
    /// Changes that the change set makes when it is executed.
    pub changes: Vec<Change>,
    pub validations: Validations,
}

impl ChangeSet {
    /// Reads the results of CloudFormation's validation.
    pub(super) async fn validate(&mut self, access: &Access) -> Result<(), DeployError> {
        self.validations = validation::of_change_set(access, &self.id, &self.stack_id).await?;
        Ok(())
    }
}

/// The result of creating a change set.
#[derive(Debug, Clone)]
pub(crate) enum Made {
    /// The stack is up to date.
    NoChanges,
    /// The change set contains changes.
    Changes(ChangeSet),
}

/// Creates a change set and waits until it is complete. Deletes it if it contains no changes.
///
/// # Errors
/// Returns an error if CloudFormation rejects the template or the parameters, if AWS rejects the
/// call, or if the wait exceeds `limit`.
pub(crate) async fn make(
    access: &Access,
    wanted: &Wanted<'_>,
    name: &str,
    limit: Duration,
    observer: &dyn Observer,
) -> Result<Made, DeployError> {
    observer.begins(&format!("change set for stack {}", wanted.stack));
    let unexecuted = Unexecuted::new(access, wanted.stack, name, wanted.create);
    observer.opened(&unexecuted);
    let request = access
        .cloudformation()
        .create_change_set()
        .stack_name(wanted.stack)
        .change_set_name(name)
        .client_token(name)
        .change_set_type(if wanted.create {
            ChangeSetType::Create
        } else {
            ChangeSetType::Update
        })
        .capabilities(Capability::CapabilityNamedIam)
        .import_existing_resources(true)
        .set_role_arn(wanted.role_arn.map(str::to_owned))
        .set_parameters(Some(parameters(wanted.parameters)))
        .set_tags(Some(tags(wanted.tags)))
        .set_template_body(wanted.body.inline())
        .set_template_url(wanted.body.url());
    let (id, stack_id) = match request.send().await {
        Ok(answer) => (answer.id, answer.stack_id),
        // The SDK retried the call because the response was lost. Only this process uses the name.
        Err(error) if error.code() == Some("AlreadyExistsException") => (None, None),
        Err(error) => {
            let error = access.error("cloudformation:CreateChangeSet", &error);
            if error.code.is_some() && !error.transient {
                observer.closed(&unexecuted);
            }
            return Err(race::explained(access, &stack_shown(wanted.stack), error));
        }
    };
    let mut change_set = ChangeSet {
        id: id.unwrap_or_else(|| name.to_owned()),
        name: name.to_owned(),
        stack_id: stack_id.unwrap_or_else(|| wanted.stack.to_owned()),
        stack: wanted.stack.to_owned(),
        changes: Vec::new(),
        validations: Validations::default(),
    };
    let mut pace = Pace::new(limit);
    loop {
        let (status, reason) = read(access, &mut change_set).await?;
        match status {
            ChangeSetStatus::CreateComplete => return Ok(Made::Changes(change_set)),
            ChangeSetStatus::Failed if is_no_change(&reason) => {
                delete(access, &change_set).await?;
                if !wanted.create {
                    observer.closed(&unexecuted);
                }
                return Ok(Made::NoChanges);
            }
            ChangeSetStatus::Failed => {
                change_set.validate(access).await?;
                let deleted = delete(access, &change_set).await;
                if deleted.is_ok() && !wanted.create {
                    observer.closed(&unexecuted);
                }
                return Err(refused(access, &change_set, &reason).besides(deleted));
            }
            _ => {
                pace.pause(&format!("the change set of stack `{}`", wanted.stack))
                    .await?
            }
        }
    }
}

/// Returns the error for a change set that CloudFormation rejects, with the validation details.
fn refused(access: &Access, change_set: &ChangeSet, reason: &str) -> DeployError {
    let validations = &change_set.validations;
    let failed = &validations.failed;
    // The message contains the details, so AWS's advice on where to find them is redundant.
    let reason = match failed.is_empty() {
        true => reason,
        false => without_advice(reason),
    };
    let details: String = (failed.iter())
        .map(|found| format!("; {}: {}", found.logical_id, found.reason))
        .collect();
    let hints = failed
        .iter()
        .map(|found| hint(&found.resource_type, &found.reason));
    let hints = hints.chain([hint("", reason)]);
    let mut help: Vec<String> = hints.filter(|hint| !hint.is_empty()).take(1).collect();
    if help.is_empty()
        && let Some(first) = failed.first()
    {
        let place = [first.logical_id.as_str(), first.path.as_str()].join(" ");
        help.push(format!(
            "correct {} in the configuration, then run the same command again",
            place.trim()
        ));
    }
    help.extend(validations.gap(access));
    DeployError::failed(
        format!(
            "CloudFormation rejected the change set of stack `{}`: {reason}{details}",
            change_set.stack
        ),
        help.join("; "),
    )
}

/// Reads all pages of a change set. Returns its status and status reason.
async fn read(
    access: &Access,
    change_set: &mut ChangeSet,
) -> Result<(ChangeSetStatus, String), DeployError> {
    change_set.changes.clear();
    let mut page = None;
    loop {
        let answer = describe(access, change_set, page).await?;
        let resources = answer.changes.unwrap_or_default().into_iter();
        let resources = resources.filter_map(|change| change.resource_change);
        change_set.changes.extend(resources.map(Change::from));
        page = answer.next_token;
        if page.is_none() {
            return Ok((
                answer.status.unwrap_or(ChangeSetStatus::CreateInProgress),
                answer.status_reason.unwrap_or_default(),
            ));
        }
    }
}

/// Executes a change set. Its name is the client token, so a repeated call is harmless.
pub(crate) async fn execute(access: &Access, change_set: &ChangeSet) -> Result<(), DeployError> {
    let answer = access
        .cloudformation()
        .execute_change_set()
        .change_set_name(&change_set.id)
        .stack_name(&change_set.stack_id)
        .client_request_token(&change_set.name)
        .send()
        .await;
    let Err(error) = answer else {
        return Ok(());
    };
    if error.code() == Some("InvalidChangeSetStatus") {
        // The SDK may have retried the call because the response was lost.
        let found = describe(access, change_set, None).await?.execution_status;
        if let Some(ExecutionStatus::ExecuteInProgress | ExecutionStatus::ExecuteComplete) = found {
            return Ok(());
        }
    }
    let error = access.error("cloudformation:ExecuteChangeSet", &error);
    Err(race::explained(
        access,
        &stack_shown(&change_set.stack),
        error,
    ))
}

fn stack_shown(name: &str) -> String {
    format!("stack `{name}`")
}

async fn describe(
    access: &Access,
    change_set: &ChangeSet,
    page: Option<String>,
) -> Result<DescribeChangeSetOutput, DeployError> {
    access
        .cloudformation()
        .describe_change_set()
        .change_set_name(&change_set.id)
        .stack_name(&change_set.stack_id)
        .include_property_values(true)
        .set_next_token(page)
        .send()
        .await
        .map_err(|error| {
            let error = access.error("cloudformation:DescribeChangeSet", &error);
            race::explained(access, &stack_shown(&change_set.stack), error)
        })
}

pub(crate) async fn delete(access: &Access, change_set: &ChangeSet) -> Result<(), DeployError> {
    access
        .cloudformation()
        .delete_change_set()
        .change_set_name(&change_set.id)
        .stack_name(&change_set.stack_id)
        .send()
        .await
        .map_err(|error| access.error("cloudformation:DeleteChangeSet", &error))?;
    Ok(())
}

/// Converts parameters to the SDK type.
pub(super) fn parameters(of: &[(String, String)]) -> Vec<Parameter> {
    of.iter()
        .map(|(name, value)| {
            Parameter::builder()
                .parameter_key(name)
                .parameter_value(value)
                .build()
        })
        .collect()
}

/// Converts tags to the SDK type.
pub(super) fn tags(of: &[(String, String)]) -> Vec<Tag> {
    of.iter()
        .map(|(name, value)| Tag::builder().key(name).value(value).build())
        .collect()
}
