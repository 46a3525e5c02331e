//! The stacks that are no longer in the configuration and that can be deleted.

use crate::deploy::StackStep;
use crate::deploy::stack::{self, Deployed};
use crate::stacks::{DEPLOY_ROLE_ARN, PIPELINE_NAME, Side};

use super::options::DestroyOptions;
use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::removed::{self as left, Removed};
use crate::cli::aws::seen::{Seen, look};
use crate::cli::{Failure, shell};

/// Returns the stacks that are no longer in the configuration, targets first, and whether other
/// stacks remain because no profile has access to their account.
///
/// # Errors
/// Returns an error if a live pipeline uses or may use one of the stacks.
pub(super) async fn removed_steps(
    accounts: &mut Accounts<'_>,
    options: &DestroyOptions,
) -> Result<(Vec<StackStep>, bool), Failure> {
    let found = left::find(accounts).await;
    let mut remain = false;
    let mut steps = Vec::new();
    for one in found {
        let kind = one.kind();
        let Removed { mut step } = one;
        match options.stacks.profile() {
            Some(profile) if step.profile.is_empty() || step.profile == profile => {
                profile.clone_into(&mut step.profile);
                // The profile may belong to a different account.
                if accounts.access(&step).await.is_ok() {
                    steps.push(step);
                }
            }
            Some(_) => {}
            None if step.profile.is_empty() => {
                remain = true;
                accounts.screen.says(format!(
                    "{kind} {} in account {} was not deleted: the configuration has no profile \
                     for that account. To delete it, run `s3ferry destroy --removed --profile \
                     PROFILE`.",
                    step.stack, step.account
                ));
            }
            None => steps.push(step),
        }
    }
    steps.sort_by_key(|step| !step.is_target());
    if !options.force {
        refuse_in_use(accounts, &steps).await?;
    }
    Ok((steps, remain))
}

/// Refuses to delete the stack of a live pipeline without a successor, and any stack that a live
/// pipeline uses or may use.
async fn refuse_in_use(accounts: &mut Accounts<'_>, steps: &[StackStep]) -> Result<(), Failure> {
    let dev = accounts.dev().clone();
    let seen = look(accounts, &dev).await;
    let mut is_unknown =
        matches!(seen, Seen::Unreadable(_) | Seen::NoProfile) && !accounts.outputs.is_current(&dev);
    let mut pipelines = Vec::new();
    let mut has_successor = false;
    if let Seen::Read(Some(found)) = &seen {
        has_successor = found.outputs.contains_key(PIPELINE_NAME);
        pipelines.push((dev.clone(), template(accounts, &dev, found).await?));
    }
    let recorded = left::recorded(accounts).into_iter().map(|one| one.step);
    let mut others: Vec<StackStep> = accounts.steps.iter().cloned().chain(recorded).collect();
    for step in steps {
        if !others.iter().any(|other| other.is(step)) {
            others.push(step.clone());
        }
    }
    for old in others.iter().filter(|step| !step.is(&dev)) {
        let is_old_dev = old.side == Side::Dev;
        // The new pipeline has replaced the old one.
        if is_old_dev && has_successor || !(is_old_dev || matches!(old.side, Side::Pipeline(_))) {
            continue;
        }
        let found = match look(accounts, old).await {
            Seen::Read(Some(found)) => found,
            Seen::Read(None) => continue,
            Seen::Unreadable(_) | Seen::NoProfile => {
                is_unknown |= is_old_dev;
                continue;
            }
        };
        let is_live = is_old_dev && found.outputs.contains_key(PIPELINE_NAME);
        if is_live && steps.iter().any(|step| step.is(old)) {
            let what = format!("stack `{}` contains the live pipeline", old.stack);
            return Err(in_use(&what, &dev));
        }
        pipelines.push((old.clone(), template(accounts, old, &found).await?));
    }
    for step in steps {
        if is_unknown {
            return Err(Failure::finding(
                format!(
                    "cannot determine whether the deployed pipeline still uses stack `{}`: the \
                     pipeline stack cannot be read; nothing was deleted",
                    step.stack
                ),
                format!(
                    "provide access to the dev account (profile {}), or use --force if the \
                     pipeline no longer uses the stack",
                    shell::word(&dev.profile)
                ),
            ));
        }
        if is_used(accounts, step, &pipelines).await? {
            let verb = match step.is_target() {
                true => "deploys to",
                false => "uses",
            };
            let what = format!("the deployed pipeline still {verb} stack `{}`", step.stack);
            return Err(in_use(&what, &dev));
        }
    }
    Ok(())
}

async fn template(
    accounts: &mut Accounts<'_>,
    step: &StackStep,
    found: &Deployed,
) -> Result<String, Failure> {
    let access = accounts.access(step).await?;
    Ok(stack::template(&access, &found.id).await?)
}

fn in_use(what: &str, dev: &StackStep) -> Failure {
    Failure::finding(
        format!("{what}; nothing was deleted"),
        format!(
            "deploy the configuration without it first (`{}`), or use --force",
            shell::with_profile("deploy", &dev.profile)
        ),
    )
}

/// Returns whether another stack's template contains a name from this stack or stack set: the role
/// of a target, the bucket of a region, or the name of an additional pipeline.
async fn is_used(
    accounts: &mut Accounts<'_>,
    step: &StackStep,
    pipelines: &[(StackStep, String)],
) -> Result<bool, Failure> {
    let names: Vec<String> = if step.stack_set {
        let access = accounts.access(step).await?;
        let found = left::set::find(&accounts.outputs, &access, step).await?;
        let Some((wanted, set)) = found else {
            return Ok(false);
        };
        left::set::roles(&access, &wanted, &set).await?
    } else {
        let outputs = match accounts.outputs.of(step).cloned() {
            Some(outputs) => outputs,
            None => match look(accounts, step).await {
                Seen::Read(Some(found)) => found.outputs,
                _ => return Ok(false),
            },
        };
        let is_name = |output: &str| match step.side {
            Side::Target(_) => output == DEPLOY_ROLE_ARN,
            Side::Region(_) => output.ends_with("BucketName"),
            Side::Pipeline(_) => output == PIPELINE_NAME,
            Side::Dev => false,
        };
        let outputs = outputs.into_iter().filter(|(output, _)| is_name(output));
        outputs.map(|(_, value)| value).collect()
    };
    let mut others = pipelines.iter().filter(|(other, _)| !other.is(step));
    Ok(others.any(|(_, template)| names.iter().any(|name| has_name(template, name))))
}

/// Returns whether the text contains a name that is not part of a longer name.
fn has_name(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        let begins = name.starts_with(':') || !before.is_some_and(is_part);
        begins && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::has_name;

    #[test]
    fn a_name_is_not_found_in_a_longer_one() {
        let text = "RoleArn: arn:aws:iam::222222222222:role/prods3role-us-east-1\n";
        assert!(!has_name(text, "arn:aws:iam::222222222222:role/prods3role"));
        assert!(has_name(
            text,
            "arn:aws:iam::222222222222:role/prods3role-us-east-1"
        ));
        assert!(has_name(
            text,
            ":iam::222222222222:role/prods3role-us-east-1"
        ));
        assert!(!has_name("Location: my-store", "store"));
    }
}
