//! What one stack gives the next: the key's ID from dev to the targets, and back to dev whether
//! the targets stand.

use std::collections::BTreeMap;

use s3ferry::deploy::stack::{self, condition};
use s3ferry::deploy::{Condition, ProfileState, StackStep, profile_state};

use super::{Session, stack_set};
use crate::cli::{Failure, output};

/// The parameter that targets take the key's ID by, and the output of dev that has it.
pub(super) const KEY_ID: &str = "DeployKeyId";

/// Whether a target's stack stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It cannot be seen from here.
    Unknown,
}

/// Outputs of the dev stack, wherever they can be had.
///
/// # Errors
/// They cannot be had: what to do.
async fn dev_outputs(session: &mut Session<'_>) -> Result<BTreeMap<String, String>, Failure> {
    let dev = session.steps[0].clone();
    let known = session
        .outputs
        .known
        .of(&dev.account, &dev.region, &dev.stack)
        .cloned();
    let state = profile_state(&dev.profile).await?;
    let mut because = format!("there is no profile `{}` here", dev.profile);
    if state == ProfileState::Known {
        let read = match session.access(&dev).await {
            Ok(access) => stack::read(&access, &dev.stack)
                .await
                .map_err(Failure::from),
            Err(failure) => Err(failure),
        };
        match read {
            Ok(Some(stack)) if stack.condition() != Condition::Reviewing => {
                return Ok(stack.outputs);
            }
            Ok(_) => {
                return Err(Failure::with_code(
                    format!(
                        "stack `{}` of the dev account does not stand yet",
                        dev.stack
                    ),
                    format!(
                        "deploy it first: `s3ferry deploy --profile {}`",
                        dev.profile
                    ),
                    1,
                ));
            }
            Err(failure) if known.is_none() => return Err(failure),
            Err(failure) => because = failure.message(),
        }
    }
    match known {
        Some(outputs) => {
            output::note(
                session.global,
                &format!(
                    "The dev stack cannot be read ({because}), so its key's ID is taken from \
                     .s3ferry/outputs.json."
                ),
            );
            Ok(outputs)
        }
        None => Err(Failure::new(
            format!(
                "the ID of the dev account's key is not known: {because}, and \
                     .s3ferry/outputs.json does not have it"
            ),
            format!(
                "deploy dev first, and commit the .s3ferry/outputs.json that it writes; or give \
                 --parameter {KEY_ID}=... with what `aws cloudformation describe-stacks \
                 --stack-name {}` shows in the dev account",
                dev.stack
            ),
        )),
    }
}

/// The key's ID for the targets.
///
/// # Errors
/// It cannot be had: what to do.
pub(super) async fn key_id(session: &mut Session<'_>) -> Result<String, Failure> {
    let given = session
        .options
        .parameters
        .iter()
        .find(|(name, _)| name == KEY_ID);
    if let Some((_, value)) = given {
        return Ok(value.clone());
    }
    if let Some(known) = &session.key_id {
        return Ok(known.clone());
    }
    let outputs = dev_outputs(session).await?;
    session.key_id = outputs.get(KEY_ID).cloned();
    session.key_id.clone().ok_or_else(|| {
        Failure::with_code(
            format!("the dev stack has no output {KEY_ID}: its creation is not complete"),
            format!(
                "run `s3ferry deploy --profile {}` again",
                session.steps[0].profile
            ),
            1,
        )
    })
}

/// Whether a target's stack stands, as far as it can be seen from here.
pub(super) async fn standing(session: &mut Session<'_>, target: &StackStep) -> Standing {
    if profile_state(&target.profile).await == Ok(ProfileState::Known) {
        let read = match session.access(target).await {
            Ok(access) if target.stack_set => stack_set::all_stand(session, &access, target).await,
            Ok(access) => stack::read(&access, &target.stack)
                .await
                .map(|found| condition(found.as_ref()) == Condition::Ready)
                .map_err(Failure::from),
            Err(failure) => Err(failure),
        };
        match read {
            Ok(true) => return Standing::Yes,
            Ok(false) => return Standing::No,
            Err(failure) => output::note(
                session.global,
                &format!(
                    "Stack {} cannot be read with profile {}: {}.",
                    target.stack,
                    target.profile,
                    failure.message()
                ),
            ),
        }
    }
    let known = &session.outputs.known;
    if known
        .of(&target.account, &target.region, &target.stack)
        .is_some()
    {
        Standing::Yes
    } else {
        Standing::Unknown
    }
}
