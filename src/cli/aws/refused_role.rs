//! Roles that CodePipeline refuses. IAM takes a while to make a new role or policy known
//! everywhere, and CodePipeline then refuses a role as if it did not exist. So a pipeline whose
//! roles exist is tried again, and one whose target is missing is not.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::deploy::pace::Attempts;
use crate::deploy::{Condition, Observer as _};
use crate::stacks::Side;

use crate::cli::aws::accounts::Accounts;
use crate::cli::aws::screen::Screen;
use crate::cli::aws::seen::{Seen, Standing, look, standing};
use crate::cli::shell::with_profile;

/// Further attempts for a role that exists: their pauses add up to a minute.
const FOR_EXISTING: u32 = 6;
/// Further attempts for a role that cannot be seen from here.
const FOR_UNSEEN: u32 = 2;
/// For how many seconds a change of a stack may be the reason.
const FRESH: i64 = 15 * 60;

/// What is known of a role that CodePipeline refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// The service role, which the dev stack has, or the configuration says exists.
    Service,
    /// The deploy role of a target that exists.
    Exists {
        /// Name of the target.
        target: String,
        /// When its stack was last changed, if that is known: seconds since 1970.
        changed: Option<i64>,
    },
    /// The deploy role of a target that does not exist.
    Missing {
        /// Name of the target.
        target: String,
        /// Profile that deploys it.
        profile: String,
    },
    /// A role that cannot be seen from here.
    Unseen {
        /// Name and profile of the target whose deploy role it is.
        target: Option<(String, String)>,
    },
}

impl Role {
    /// Looks at the target whose deploy role it is.
    pub(crate) async fn look(accounts: &mut Accounts<'_>, role: &str) -> Self {
        let plan = &accounts.project.plan;
        if role == plan.dev.service_role.arn {
            return Self::Service;
        }
        let found = plan.targets.iter().enumerate().find_map(|(index, target)| {
            let instance = target.instances.iter().find(|one| one.role.arn == role)?;
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
            return match standing(accounts, &step).await {
                Standing::Yes => Self::Exists {
                    target,
                    changed: None,
                },
                Standing::No => Self::Missing { target, profile },
                Standing::Unknown => Self::Unseen {
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

    /// How often to try again, when IAM may be the reason. `fresh`: whether a role or policy of
    /// the dev account changed lately.
    pub(crate) fn attempts(&self, fresh: bool) -> u32 {
        match self {
            Self::Missing { .. } => 0,
            Self::Unseen { .. } => FOR_UNSEEN,
            Self::Exists { changed, .. } if fresh || changed.is_none_or(is_fresh) => FOR_EXISTING,
            Self::Service if fresh => FOR_EXISTING,
            Self::Exists { .. } | Self::Service => 0,
        }
    }

    /// What is known, for the screen.
    fn said(&self) -> String {
        match self {
            Self::Service => "the role exists".to_owned(),
            Self::Exists { target, .. } => format!("target `{target}`, which has it, exists"),
            Self::Missing { target, .. } => format!("target `{target}` does not exist"),
            Self::Unseen {
                target: Some((target, _)),
            } => format!("whether target `{target}` exists cannot be seen from here"),
            Self::Unseen { target: None } => "the role belongs to no target".to_owned(),
        }
    }

    /// What to do when CodePipeline keeps refusing the role.
    pub(crate) fn help(&self, dev: &str) -> String {
        match self {
            Self::Service => format!(
                "the service role must trust codepipeline.amazonaws.com: `{}` shows what is wrong \
                 with it",
                with_profile("doctor", dev)
            ),
            Self::Exists { target, .. } => format!(
                "target `{target}` exists, so its role's trust policy or the service role's policy \
                 is wrong: `s3ferry doctor` shows which; if a role was created a moment ago, run \
                 the same command again"
            ),
            Self::Missing { target, profile }
            | Self::Unseen {
                target: Some((target, profile)),
            } => format!(
                "target `{target}` does not exist, or its role does not trust the service role: \
                 deploy it first (`{}`), then dev again",
                with_profile("deploy", profile)
            ),
            Self::Unseen { target: None } => {
                "the role does not exist, or does not trust the service role".to_owned()
            }
        }
    }
}

/// Whether a time, in seconds since 1970, is so recent that IAM may not have made it known.
pub(crate) fn is_fresh(changed: i64) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    now.saturating_sub(changed) < FRESH
}

/// Says that a role is tried again, and waits.
pub(crate) async fn pause(
    screen: &Screen<'_>,
    attempts: &mut Attempts,
    (arn, role): (&str, &Role),
) -> Option<u64> {
    let pause = attempts.next_pause()?;
    let seconds = pause.as_secs();
    screen.says(format!(
        "CodePipeline cannot assume role {arn} yet: {}, and IAM can take a minute to make a new \
         role or policy known. Trying again in {seconds} s ({}).",
        role.said(),
        attempts.shown()
    ));
    screen.begins("next attempt");
    tokio::time::sleep(pause).await;
    screen.ended();
    Some(seconds)
}
