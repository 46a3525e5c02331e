//! What `status`, `diff`, `events` and `destroy` show of targets that are stack sets, and their
//! deletion.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use s3ferry::deploy::stack_set::operation::Past;
use s3ferry::deploy::stack_set::run::{Deployment, Options, Prepared, Report};
use s3ferry::deploy::stack_set::{Existing, Failed, Wanted, reasons};
use s3ferry::deploy::{Access, Comparison, Observer, Silent, StackStep, time};
use serde_json::{Value, json};

use super::Failure;
use super::accounts::Accounts;
use super::deploy::stack_set::wanted;
use super::deploy::stack_set_show as show;
use super::output::{self, table, thousands};

/// How many instances that do not stand are listed.
const LISTED: usize = 20;

/// A stack set, and the way to it.
pub(crate) struct StackSet {
    pub(crate) step: StackStep,
    access: Access,
    wanted: Wanted,
    options: Options,
}

impl StackSet {
    /// The stack set of a step. Which account its profile is in was checked.
    ///
    /// # Errors
    /// No credentials, another account, or AWS cannot be reached.
    pub(crate) async fn open(
        accounts: &mut Accounts<'_>,
        step: &StackStep,
        parameters: &[(String, String)],
        retain_stacks: bool,
    ) -> Result<Self, Failure> {
        let access = accounts.access(step).await?;
        let run = accounts.run_options();
        Ok(Self {
            step: step.clone(),
            access,
            wanted: wanted(&accounts.project, step, parameters)?,
            options: Options {
                wait: run.wait,
                template_bucket: None,
                retain_stacks,
                token: run.token,
            },
        })
    }

    fn deployment<'s>(&'s self, observer: &'s dyn Observer) -> Deployment<'s> {
        Deployment::new(&self.access, &self.wanted, &self.options, observer)
    }

    /// How it stands.
    ///
    /// # Errors
    /// AWS cannot be reached, or refuses.
    pub(crate) async fn look(&self) -> Result<Standing, Failure> {
        let (prepared, going) = self.deployment(&Silent).look().await?;
        let template = prepared
            .set
            .as_ref()
            .map(|set| Comparison::of(&set.template, &self.wanted.text));
        Ok(Standing {
            wanted: self.wanted.instances.len(),
            prepared,
            going,
            template,
        })
    }

    /// Its last operations, the latest first.
    ///
    /// # Errors
    /// AWS cannot be reached, or refuses.
    pub(crate) async fn history(&self, most: usize) -> Result<Vec<Past>, Failure> {
        Ok(self.deployment(&Silent).history(most).await?)
    }

    /// Deletes every instance, then the stack set.
    ///
    /// # Errors
    /// An instance cannot be deleted: the table of them is printed. Or AWS refuses.
    pub(crate) async fn destroy(&self, observer: &dyn Observer) -> Result<(), Failure> {
        let report: Report = self.deployment(observer).destroy().await?;
        observer.ended();
        if report.is_complete() {
            return Ok(());
        }
        output::print(&show::failures(&report))?;
        let reason = report.failed.first().map(|one| one.reason.as_str());
        let hint = match reasons::hint(reason.unwrap_or_default()) {
            none if none.is_empty() => {
                "mend the cause and run it again; --retain-stacks gives the instances up and \
                 leaves their stacks"
                    .to_owned()
            }
            hint => hint,
        };
        Err(Failure::with_code(
            format!(
                "{} of stack set `{}` cannot be deleted",
                show::number(report.failed.len().max(1)),
                self.step.stack
            ),
            hint,
            1,
        ))
    }
}

/// How a stack set stands.
pub(crate) struct Standing {
    wanted: usize,
    prepared: Prepared,
    going: Option<String>,
    template: Option<Comparison>,
}

impl Standing {
    /// Whether there is such a stack set.
    pub(crate) fn exists(&self) -> bool {
        self.prepared.set.is_some()
    }

    /// Whether every wanted instance stands.
    pub(crate) fn is_complete(&self) -> bool {
        let comparison = &self.prepared.comparison;
        self.exists()
            && comparison.add.is_empty()
            && comparison.update.is_empty()
            && comparison.recreate.is_empty()
    }

    /// Whether an instance that exists does not stand.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken().next().is_some()
    }

    /// How many instances there are.
    pub(crate) fn existing(&self) -> usize {
        let comparison = &self.prepared.comparison;
        comparison.current
            + comparison.update.len()
            + comparison.recreate.len()
            + comparison.remove.len()
    }

    /// Whether a deploy has something to do.
    pub(crate) fn differs(&self) -> bool {
        !self.prepared.is_up_to_date()
    }

    /// Instances that exist and do not stand.
    fn broken(&self) -> impl Iterator<Item = &Existing> {
        let comparison = &self.prepared.comparison;
        comparison.update.iter().chain(&comparison.recreate)
    }

    fn template_is(&self) -> &'static str {
        match &self.template {
            None => "-",
            Some(found) if found.is_same() => "same",
            Some(_) => "differs",
        }
    }

    /// The row of a table with the header of [`status_table`].
    fn row(&self, step: &StackStep) -> Vec<String> {
        let comparison = &self.prepared.comparison;
        let number = |of: usize| thousands(of);
        let state = match (&self.going, self.exists()) {
            (_, false) => "not deployed".to_owned(),
            (Some(going), _) => format!("{going} goes on"),
            (None, true) if self.is_complete() => "complete".to_owned(),
            (None, true) => "incomplete".to_owned(),
        };
        vec![
            step.template.name.clone(),
            step.stack.clone(),
            step.account.clone(),
            step.region.clone(),
            state,
            number(self.wanted),
            number(comparison.current),
            number(comparison.update.len() + comparison.recreate.len()),
            number(comparison.add.len()),
            number(comparison.remove.len()),
            self.template_is().to_owned(),
        ]
    }

    /// The same for machines.
    pub(crate) fn json(&self, step: &StackStep) -> Value {
        json!({
            "template": step.template.name,
            "stackSet": step.stack,
            "account": step.account,
            "region": step.region,
            "profile": step.profile,
            "exists": self.exists(),
            "complete": self.is_complete(),
            "operation": self.going,
            "instances": self.wanted,
            "templateComparison": self.template.is_some().then(|| self.template_is()),
            "changes": show::changes_json(&self.prepared),
        })
    }

    /// What a deploy would change, for reading.
    pub(crate) fn diff(&self, step: &StackStep) -> String {
        let mut out = format!(
            "{}: stack set {} of account {}, {}\n",
            step.template.name, step.stack, step.account, step.region
        );
        if let Some(template) = &self.template {
            out.push_str(template.diff());
        }
        if self.differs() {
            out.push_str(&show::changes(&self.prepared));
        } else {
            let _ = writeln!(
                out,
                "No changes: {} current.",
                show::number(self.prepared.comparison.current)
            );
        }
        out
    }
}

/// How the stack sets stand, as a table, with the instances that do not.
pub(crate) fn status_table(sets: &[(StackStep, Result<Standing, Failure>)]) -> String {
    const HEADER: [&str; 11] = [
        "template",
        "stack set",
        "account",
        "region",
        "state",
        "wanted",
        "current",
        "broken",
        "missing",
        "too many",
        "template is",
    ];
    let rows: Vec<Vec<String>> = sets
        .iter()
        .map(|(step, found)| match found {
            Ok(standing) => standing.row(step),
            Err(_) => vec![
                step.template.name.clone(),
                step.stack.clone(),
                step.account.clone(),
                step.region.clone(),
                "cannot be read".to_owned(),
            ],
        })
        .collect();
    let mut out = table(&HEADER, &rows, &[5, 6, 7, 8, 9]);
    for (step, found) in sets {
        match found {
            Err(failure) => {
                let _ = writeln!(
                    out,
                    "\n{} cannot be read: {}",
                    step.stack,
                    failure.message()
                );
            }
            Ok(standing) => {
                for one in standing.broken().take(LISTED) {
                    let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
                    let _ = writeln!(
                        out,
                        "\n{red}{} in {}, {}: {}{red:#}",
                        step.stack, one.instance.account, one.instance.region, one.reason
                    );
                }
            }
        }
    }
    out
}

/// What to do next about a stack set.
pub(crate) fn hint(step: &StackStep, found: &Result<Standing, Failure>) -> Option<String> {
    let standing = found.as_ref().ok()?;
    let why = if !standing.exists() {
        "does not exist yet".to_owned()
    } else if standing.going.is_some() {
        "has an operation in progress, which this follows".to_owned()
    } else if !standing.is_complete() {
        "does not have every instance".to_owned()
    } else if !standing.prepared.comparison.remove.is_empty() {
        "has instances that the configuration does not name".to_owned()
    } else if standing.template_is() == "differs" {
        "has another template than the configuration makes".to_owned()
    } else {
        return None;
    };
    Some(format!(
        "`s3ferry deploy --profile {}`: stack set {} {why}",
        step.profile, step.stack
    ))
}

/// The operations of a stack set, the failed ones with their instances.
pub(crate) fn history_text(step: &StackStep, all: &[Past]) -> String {
    let mut out = format!(
        "{}: stack set {} of account {}, {}\n",
        step.template.name, step.stack, step.account, step.region
    );
    if all.is_empty() {
        out.push_str("Nothing was done with it yet.\n");
    }
    for past in all {
        let when = past.began.map_or_else(String::new, time::utc);
        let counts = &past.counts;
        let _ = writeln!(
            out,
            "{} of {when} UTC, {}: {} of {} done, {} failed, {} cancelled ({})",
            past.action,
            past.status,
            thousands(counts.succeeded),
            show::number(counts.total()),
            thousands(counts.failed),
            thousands(counts.cancelled),
            past.id
        );
        if !past.reason.is_empty() {
            let _ = writeln!(out, "  {}", past.reason);
        }
        let rows: Vec<Vec<String>> = past.failed.iter().take(LISTED).map(failed_row).collect();
        if !rows.is_empty() {
            out.push_str(&table(&["  account", "region", "reason"], &rows, &[]));
            let hint = reasons::hint(&past.failed[0].reason);
            if !hint.is_empty() {
                let _ = writeln!(out, "What to do: {hint}");
            }
        }
    }
    out
}

fn failed_row(one: &Failed) -> Vec<String> {
    vec![
        format!("  {}", one.instance.account),
        one.instance.region.clone(),
        one.reason.clone(),
    ]
}

/// The same for machines.
pub(crate) fn history_json(step: &StackStep, all: &[Past]) -> Value {
    let operations: Vec<Value> = all
        .iter()
        .map(|past| {
            json!({
                "id": past.id,
                "action": past.action,
                "status": past.status,
                "reason": past.reason,
                "begin": past.began.map(time::utc),
                "end": past.ended.map(time::utc),
                "succeeded": past.counts.succeeded,
                "failed": show::failed_json(&past.failed),
                "cancelled": past.counts.cancelled,
            })
        })
        .collect();
    json!({
        "template": step.template.name,
        "stackSet": step.stack,
        "account": step.account,
        "region": step.region,
        "profile": step.profile,
        "operations": operations,
    })
}
