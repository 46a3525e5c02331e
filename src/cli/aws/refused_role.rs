//! Roles that CodePipeline cannot assume. IAM changes take time to propagate. Until then,
//! CodePipeline rejects a new role as if it did not exist. s3ferry retries if the role exists, and
//! fails immediately if the target is not deployed.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::deploy::pace::Attempts;
use crate::deploy::{Condition, Observer as _};
use crate::stacks::Side;

use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::screen::Screen;
use crate::cli::aws::seen::{Presence, Seen, look, presence};
use crate::cli::shell::with_profile;

/// Number of retries for a role that exists. The pauses add up to one minute.
const FOR_EXISTING: u32 = 6;
/// Number of retries for a role that cannot be read.
const FOR_UNSEEN: u32 = 2;
/// Number of seconds after a stack change during which propagation may be the cause.
const FRESH: i64 = 15 * 60;

/// The known state of a role that CodePipeline cannot assume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// The service role, which the dev stack contains or the configuration declares as existing.
    Service,
    /// The deploy role of a target that exists.
    Exists {
        /// Name of the target.
        target: String,
        /// Time of the last stack change, if known, in seconds since 1970.
        changed: Option<i64>,
    },
    /// The deploy role of a target that does not exist.
    Missing {
        /// Name of the target.
        target: String,
        /// Profile that deploys the target.
        profile: String,
    },
    /// A role that cannot be read.
    Unseen {
        /// Name and profile of the target, if the role is a deploy role.
        target: Option<(String, String)>,
    },
}

impl Role {
    /// Reads the state of the target that the role belongs to.
    pub(crate) async fn look(accounts: &mut Accounts<'_>, role: &str) -> Self {
        let plan = &accounts.project.plan;
        if role == plan.dev.service_role.arn {
            return Self::Service;
        }
        let found = plan.targets.iter().enumerate().find_map(|(index, target)| {
            let mut instances = target.instances.iter();
            let instance = instances.find(|one| one.assumed_roles().any(|arn| arn == role))?;
            Some((index, target.name.clone(), instance.clone()))
        });
        let Some((index, target, instance)) = found else {
            return Self::Unseen { target: None };
        };
        let step = accounts.steps.iter().find(|step| {
            step.side == Side::Target(index)
                && (step.stack_set
                    || step.account == instance.account && step.region == instance.region)
        });
        let Some(step) = step.cloned() else {
            return Self::Unseen {
                target: Some((target, instance.profile)),
            };
        };
        let profile = step.profile.clone();
        if step.stack_set {
            return match presence(accounts, &step).await {
                Presence::Yes => Self::Exists {
                    target,
                    changed: None,
                },
                Presence::No => Self::Missing { target, profile },
                Presence::Unknown => Self::Unseen {
                    target: Some((target, profile)),
                },
            };
        }
        match look(accounts, &step).await {
            Seen::Read(Some(stack)) if stack.condition() == Condition::Ready => Self::Exists {
                target,
                changed: Some(stack.changed),
            },
            Seen::Read(_) => Self::Missing { target, profile },
            _ if accounts.outputs.of(&step).is_some() => Self::Exists {
                target,
                changed: None,
            },
            _ => Self::Unseen {
                target: Some((target, profile)),
            },
        }
    }

    /// Returns the number of retries. `fresh` is `true` if a role or policy in the dev account
    /// changed recently.
    pub(crate) fn attempts(&self, fresh: bool) -> u32 {
        match self {
            Self::Missing { .. } => 0,
            Self::Unseen { .. } => FOR_UNSEEN,
            Self::Exists { changed, .. } if fresh || changed.is_none_or(is_fresh) => FOR_EXISTING,
            Self::Service if fresh => FOR_EXISTING,
            Self::Exists { .. } | Self::Service => 0,
        }
    }

    /// Describes the known state for the screen.
    fn said(&self) -> String {
        match self {
            Self::Service => "the role exists".to_owned(),
            Self::Exists { target, .. } => format!("target `{target}` exists"),
            Self::Missing { target, .. } => format!("target `{target}` does not exist"),
            Self::Unseen {
                target: Some((target, _)),
            } => format!("the state of target `{target}` is unknown"),
            Self::Unseen { target: None } => "the role does not belong to a target".to_owned(),
        }
    }

    /// Returns the help if CodePipeline still cannot assume the role.
    pub(crate) fn help(&self, dev: &str) -> String {
        match self {
            Self::Service => format!(
                "the service role must trust codepipeline.amazonaws.com: run `{}` to find the \
                 problem",
                with_profile("doctor", dev)
            ),
            Self::Exists { target, .. } => format!(
                "target `{target}` exists, so the trust policy of its role or the policy of the \
                 service role is wrong: run `s3ferry doctor` to find the problem; if a role was \
                 just created, run the same command again"
            ),
            Self::Missing { target, profile }
            | Self::Unseen {
                target: Some((target, profile)),
            } => format!(
                "target `{target}` does not exist, or its role does not trust the service role: \
                 deploy the target first (`{}`), then deploy dev again",
                with_profile("deploy", profile)
            ),
            Self::Unseen { target: None } => {
                "the role does not exist or does not trust the service role".to_owned()
            }
        }
    }
}

/// Returns whether a change at this time, in seconds since 1970, may still be propagating in IAM.
pub(crate) fn is_fresh(changed: i64) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    now.saturating_sub(changed) < FRESH
}

/// Reports the next attempt and waits for it. Returns the pause in seconds, or `None` if no attempt
/// is left.
pub(crate) async fn pause(
    screen: &Screen<'_>,
    attempts: &mut Attempts,
    (arn, role): (&str, &Role),
) -> Option<u64> {
    let pause = attempts.next_pause()?;
    let seconds = pause.as_secs();
    screen.says(format!(
        "CodePipeline cannot assume role {arn} yet ({}). IAM changes can take a minute to \
         propagate. Retrying in {seconds} s ({}).",
        role.said(),
        attempts.shown()
    ));
    screen.begins("next attempt");
    tokio::time::sleep(pause).await;
    screen.ended();
    Some(seconds)
}
