//! What one stack gives the next: the key's ID from dev to the targets, and back to dev whether
//! the targets stand.

use std::collections::BTreeMap;

use crate::deploy::stack::{self, Deployed, condition};
use crate::deploy::stack_set::Described;
use crate::deploy::{Access, Condition, ProfileState, StackStep, profile_state};
use crate::transition::merge::PREVIOUS_KEY_ID;
use crate::transition::{Deployed as Template, SetInstances};

use super::stack_set;
use crate::cli::aws::accounts::Accounts;
pub(super) use crate::cli::aws::accounts::Key;
use crate::cli::project::Project;
use crate::cli::{Failure, output};

pub(crate) use crate::stacks::KEY_ID;

/// Whether a target's stack stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It cannot be seen from here.
    Unknown,
}

/// Outputs of the dev stack, wherever they can be had.
///
/// The second value tells whether they come from the outputs file.
async fn dev_outputs(
    accounts: &mut Accounts<'_>,
) -> Result<(BTreeMap<String, String>, bool), Failure> {
    let dev = accounts.steps[0].clone();
    let known = accounts
        .outputs
        .known
        .of(&dev.account, &dev.region, &dev.stack)
        .cloned();
    let state = profile_state(&dev.profile).await?;
    let mut because = format!("there is no profile `{}` here", dev.profile);
    if state == ProfileState::Known {
        let read = match accounts.access(&dev).await {
            Ok(access) => stack::read(&access, &dev.stack)
                .await
                .map_err(Failure::from),
            Err(failure) => Err(failure),
        };
        match read {
            Ok(Some(stack)) if stack.condition() != Condition::Reviewing => {
                return Ok((with_next_key(accounts, &dev, stack).await?, false));
            }
            Ok(_) => {
                return Err(Failure::with_code(
                    format!(
                        "stack `{}` of the dev account does not stand yet",
                        dev.stack
                    ),
                    format!(
                        "deploy it first: `s3ferry deploy --profile {}`",
                        crate::shell::word(&dev.profile)
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
                accounts.global,
                &format!(
                    "The dev stack cannot be read ({because}), so its key's ID is taken from \
                     .s3ferry/outputs.json."
                ),
            );
            Ok((outputs, true))
        }
        None => Err(Failure::new(
            format!(
                "the ID of the dev account's key is not known: {because}, and {}",
                accounts.outputs.lack()
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

/// The outputs of the dev stack, with the key that its new template gives out. They differ while a
/// change of the key is not complete.
async fn with_next_key(
    accounts: &mut Accounts<'_>,
    dev: &StackStep,
    stack: Deployed,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut outputs = stack.outputs.clone();
    if !outputs.contains_key(PREVIOUS_KEY_ID) {
        return Ok(outputs);
    }
    let access = accounts.access(dev).await?;
    let text = stack::template(&access, &stack.id).await?;
    let read = Template::read(&dev.stack, &text, stack.parameters, stack.outputs);
    if let Ok(found) = read
        && let Some(key) = found.next_key(dev.template.model())
    {
        outputs.insert(KEY_ID.to_owned(), key);
    }
    Ok(outputs)
}

/// The ID of the key for the targets.
///
/// # Errors
/// It cannot be had: what to do.
pub(crate) async fn key_id(
    accounts: &mut Accounts<'_>,
    given: &[(String, String)],
) -> Result<String, Failure> {
    Ok(key(accounts, given).await?.id)
}

/// The key for the targets: from the parameters that the user has `given`, or from dev.
///
/// # Errors
/// It cannot be had: what to do.
pub(crate) async fn key(
    accounts: &mut Accounts<'_>,
    given: &[(String, String)],
) -> Result<Key, Failure> {
    if let Some((_, value)) = given.iter().find(|(name, _)| name == KEY_ID) {
        return Ok(Key {
            id: value.clone(),
            is_recorded: false,
        });
    }
    if let Some(known) = &accounts.key_id {
        return Ok(known.clone());
    }
    let (outputs, is_recorded) = dev_outputs(accounts).await?;
    accounts.key_id = outputs.get(KEY_ID).map(|id| Key {
        id: id.clone(),
        is_recorded,
    });
    accounts.key_id.clone().ok_or_else(|| {
        Failure::with_code(
            format!("the dev stack has no output {KEY_ID}: its creation is not complete"),
            format!(
                "run `s3ferry deploy --profile {}` again",
                crate::shell::word(&accounts.steps[0].profile)
            ),
            1,
        )
    })
}

/// What can be seen of a stack from here.
pub(crate) enum Seen<T> {
    /// It was read.
    Read(T),
    /// It cannot be read: why.
    Unreadable(Failure),
    /// Its profile is not in the AWS configuration files.
    NoProfile,
}

impl<T> Seen<T> {
    fn map<U>(self, of: impl FnOnce(T) -> U) -> Seen<U> {
        match self {
            Self::Read(found) => Seen::Read(of(found)),
            Self::Unreadable(failure) => Seen::Unreadable(failure),
            Self::NoProfile => Seen::NoProfile,
        }
    }
}

/// Reads something of a stack's account, when its profile is at hand.
async fn seen<T>(
    accounts: &mut Accounts<'_>,
    step: &StackStep,
    read: impl AsyncFnOnce(&Project, Access) -> Result<T, Failure>,
) -> Seen<T> {
    match profile_state(&step.profile).await {
        Ok(ProfileState::Known) => {}
        Ok(_) => return Seen::NoProfile,
        Err(error) => return Seen::Unreadable(error.into()),
    }
    let read = match accounts.access(step).await {
        Ok(access) => read(&accounts.project, access).await,
        Err(failure) => Err(failure),
    };
    match read {
        Ok(found) => Seen::Read(found),
        Err(failure) => Seen::Unreadable(failure),
    }
}

/// Looks at a stack set, when its administrator's profile is at hand.
pub(super) async fn look_at_set(
    accounts: &mut Accounts<'_>,
    step: &StackStep,
) -> Seen<Option<(Described, SetInstances)>> {
    seen(accounts, step, async |project: &Project, access| {
        stack_set::look(project, &access, step).await
    })
    .await
}

/// Looks at a stack of another account, when its profile is at hand.
pub(crate) async fn look(accounts: &mut Accounts<'_>, step: &StackStep) -> Seen<Option<Deployed>> {
    seen(accounts, step, async |_: &Project, access| {
        Ok(stack::read(&access, &step.stack).await?)
    })
    .await
}

/// Whether a target's stack stands, as far as it can be seen from here.
pub(crate) async fn standing(accounts: &mut Accounts<'_>, target: &StackStep) -> Standing {
    let seen = if target.stack_set {
        seen(accounts, target, async |project: &Project, access| {
            stack_set::all_stand(project, &access, target).await
        })
        .await
    } else {
        let seen = look(accounts, target).await;
        seen.map(|found| condition(found.as_ref()) == Condition::Ready)
    };
    match seen {
        Seen::Read(true) => return Standing::Yes,
        Seen::Read(false) => return Standing::No,
        Seen::Unreadable(failure) => output::note(
            accounts.global,
            &format!(
                "Stack {} cannot be read with profile {}: {}.",
                target.stack,
                target.profile,
                failure.message()
            ),
        ),
        Seen::NoProfile => {}
    }
    if accounts.recorded(target) {
        Standing::Yes
    } else {
        Standing::Unknown
    }
}
