//! The ID of the dev account's key, which the targets need.

use std::collections::BTreeMap;

use crate::deploy::stack::{self, Deployed};
use crate::deploy::{Condition, ProfileState, StackStep, profile_state};
use crate::stacks::KEY_ID;
use crate::transition::Deployed as Template;
use crate::transition::merge::PREVIOUS_KEY_ID;

use crate::cli::Failure;
use crate::cli::aws::accounts::{Accounts, Key};
use crate::cli::shell::with_profile;

/// Returns the outputs of the dev stack, from AWS or from the outputs file.
///
/// The second value is `true` if the outputs come from the outputs file.
async fn dev_outputs(
    accounts: &mut Accounts<'_>,
) -> Result<(BTreeMap<String, String>, bool), Failure> {
    let dev = accounts.dev().clone();
    let known = accounts.outputs.of(&dev).cloned();
    let state = profile_state(&dev.profile).await?;
    let mut because = format!("profile `{}` is not configured", dev.profile);
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
                let message = format!("stack `{}` is not deployed in the dev account", dev.stack);
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
                "Cannot read the dev stack ({because}). Using the key ID from \
                 .s3ferry/outputs.json."
            ));
            Ok((outputs, true))
        }
        None => Err(Failure::new(
            format!(
                "the ID of the dev account's key is unknown: {because}, and {}",
                accounts.outputs.lack()
            ),
            format!(
                "deploy the dev stack first and commit .s3ferry/outputs.json, or set \
                 --parameter {KEY_ID}=... to the value from `aws cloudformation describe-stacks \
                 --stack-name {}` in the dev account",
                dev.stack
            ),
        )),
    }
}

/// Returns the outputs of the dev stack, with the key ID that its new template will output. This ID
/// differs from the deployed one until a key change is complete.
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

/// Returns the ID of the key for the targets.
pub(crate) async fn id(
    accounts: &mut Accounts<'_>,
    given: &[(String, String)],
) -> Result<String, Failure> {
    Ok(key(accounts, given).await?.id)
}

/// Returns the key for the targets, from the `given` parameters or from the dev stack.
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
            format!("the dev stack has no output {KEY_ID}: its creation is incomplete"),
            format!(
                "run `s3ferry deploy --profile {}` again",
                crate::shell::word(&accounts.steps[0].profile)
            ),
        )
    })
}
