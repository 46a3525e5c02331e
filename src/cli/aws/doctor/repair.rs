//! Writing dead trust policies again, after asking.

use crate::deploy::trust;
use crate::doctor::{Diagnosis, Repair};
use similar::TextDiff;

use super::scope::{Scope, Views};
use crate::cli::Failure;

/// Writes what can be written; says what was.
///
/// # Errors
/// There is no terminal to ask on, the user says no, or AWS refuses.
pub(super) async fn repair(
    scope: &Scope<'_>,
    views: &Views,
    diagnosis: &Diagnosis,
) -> Result<Vec<Repair>, Failure> {
    let screen = scope.accounts.screen;
    let mut done = Vec::new();
    if diagnosis.repairs.is_empty() {
        screen.says("No trust policy that was read can be written again.");
    }
    for repair in &diagnosis.repairs {
        let Some(access) = views.accesses.get(&repair.account) else {
            continue;
        };
        let title = format!("trust policy of role {} in {}", repair.role, repair.account);
        screen.says(format!("The {title}:\n{}", diff(repair)));
        let question = format!("Write the {title} again?");
        if !screen
            .confirm(scope.options.confirmation.yes, &question)
            .await?
        {
            return Err(Failure::finding(
                format!("the {title} was not written"),
                "nothing was changed",
            ));
        }
        trust::repair(access, repair).await?;
        screen.says(format!("The {title} is written, and read back."));
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
        .header("the live policy", "the template's")
        .to_string()
}
