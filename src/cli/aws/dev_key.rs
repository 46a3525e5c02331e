//! What the dev stack gives the targets: the ID of its key.

use std::collections::BTreeMap;

use crate::deploy::stack::{self, Deployed};
use crate::deploy::{Condition, ProfileState, StackStep, profile_state};
use crate::stacks::KEY_ID;
use crate::transition::Deployed as Template;
use crate::transition::merge::PREVIOUS_KEY_ID;

use crate::cli::Failure;
use crate::cli::aws::accounts::{Accounts, Key};
use crate::cli::shell::with_profile;

/// Outputs of the dev stack, wherever they can be had.
///
/// The second value tells whether they come from the outputs file.
async fn dev_outputs(
    accounts: &mut Accounts<'_>,
) -> Result<(BTreeMap<String, String>, bool), Failure> {
    let dev = accounts.dev().clone();
    let known = accounts.outputs.of(&dev).cloned();
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
                let message = format!(
                    "stack `{}` of the dev account does not stand yet",
                    dev.stack
                );
                let deploy = with_profile("deploy", &dev.profile);
                return Err(Failure::finding(
                    message,
                    format!("deploy it first: `{deploy}`"),
                ));
            }
            Err(failure) if known.is_none() => return Err(failure),
            Err(failure) => because = failure.message(),
        }
    }
    match known {
        Some(outputs) => {
            accounts.screen.says(format!(
                "The dev stack cannot be read ({because}), so its key's ID is taken from \
                 .s3ferry/outputs.json."
            ));
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
pub(crate) async fn id(
    accounts: &mut Accounts<'_>,
    given: &[(String, String)],
) -> Result<String, Failure> {
    Ok(key(accounts, given).await?.id)
}

/// The key for the targets: from the parameters that the user has `given`, or from dev.
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
        Failure::finding(
            format!("the dev stack has no output {KEY_ID}: its creation is not complete"),
            format!(
                "run `s3ferry deploy --profile {}` again",
                crate::shell::word(&accounts.steps[0].profile)
            ),
        )
    })
}
