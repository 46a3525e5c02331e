//! Repairs trust policies that reference a deleted role, after confirmation.

use crate::deploy::trust;
use crate::doctor::{Diagnosis, Repair};
use similar::TextDiff;

use super::scope::{Scope, Views};
use crate::cli::Failure;

/// Repairs the trust policies that can be repaired, and returns the repairs.
///
/// # Errors
/// Returns an error if standard input is not a terminal, the user declines, or AWS denies the call.
pub(super) async fn repair(
    scope: &Scope<'_>,
    views: &Views,
    diagnosis: &Diagnosis,
) -> Result<Vec<Repair>, Failure> {
    let screen = scope.accounts.screen;
    let mut done = Vec::new();
    if diagnosis.repairs.is_empty() {
        screen.says("No trust policy to repair.");
    }
    for repair in &diagnosis.repairs {
        let Some(access) = views.accesses.get(&repair.account) else {
            continue;
        };
        let title = format!("trust policy of role {} in {}", repair.role, repair.account);
        screen.says(format!("The {title}:\n{}", diff(repair)));
        let question = format!("Repair the {title}?");
        if !screen
            .confirm(scope.options.confirmation.yes, &question)
            .await?
        {
            return Err(Failure::finding(
                format!("the {title} was not repaired"),
                "confirm the repair at the prompt, or use --yes",
            ));
        }
        trust::repair(access, repair).await?;
        screen.says(format!("Repaired and verified the {title}."));
        done.push(repair.clone());
    }
    Ok(done)
}

fn diff(repair: &Repair) -> String {
    let (live, wanted) = (
        format!("{:#}\n", repair.live),
        format!("{:#}\n", repair.wanted),
    );
    TextDiff::from_lines(live, wanted)
        .unified_diff()
        .header("the live policy", "the policy in the template")
        .to_string()
}
