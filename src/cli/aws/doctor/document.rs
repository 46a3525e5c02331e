//! A diagnosis, for JSON output.

use crate::diagnostic::Severity;
use crate::doctor::live::View;
use crate::doctor::{self, Fix, Health, Repair, Unread};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::examined::{Difference, Examined};
use crate::cli::json::Version;

/// The output of `s3ferry doctor --format json`.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "s3ferry doctor")]
pub(crate) struct Document<'e> {
    version: Version,
    /// Name of the diagnosed pipeline.
    pipeline: &'e str,
    /// Result.
    result: DiagnosisResult,
    /// Comparison of the configuration with the deployed stacks. The diagnosis applies to the
    /// deployed stacks.
    configuration: Configuration<'e>,
    /// The accounts.
    accounts: Vec<Account<'e>>,
    /// Counts.
    summary: Summary,
    /// All findings, causes first.
    findings: Vec<Finding<'e>>,
    /// Calls that could not be evaluated.
    undecided: Vec<Undecided<'e>>,
    /// Items that could not be read.
    unread: &'e [Unread],
    /// Repaired trust policies.
    repaired: &'e [Repair],
}

/// The result of a diagnosis.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum DiagnosisResult {
    /// Everything was read, every call was evaluated, and there are no findings (exit code 0).
    Healthy,
    /// There are findings (exit code 1).
    Findings,
    /// There are no findings, but not everything could be read or evaluated (exit code 4).
    Incomplete,
}

/// The comparison of the configuration with the deployed stacks.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Configuration<'e> {
    /// Whether the configuration matches the deployed stacks.
    is_deployed: bool,
    /// The stacks that differ.
    stacks: Vec<Differing<'e>>,
}

/// A stack that differs from the configuration.
#[derive(Serialize, JsonSchema)]
struct Differing<'e> {
    /// Stack name.
    stack: &'e str,
    /// Account ID.
    #[schemars(regex(pattern = "^[0-9]{12}$"))]
    account: &'e str,
    /// Region.
    region: &'e str,
    /// Kind of difference.
    difference: Difference,
}

/// An account.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Account<'e> {
    /// Account ID.
    #[schemars(regex(pattern = "^[0-9]{12}$"))]
    account: &'e str,
    /// ARN of the identity that read the account; null if the account could not be read.
    read_by: Option<&'e str>,
    /// Why the account could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'e str>,
}

/// Counts.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Summary {
    /// Number of causes.
    causes: usize,
    /// Number of calls that fail because of the causes.
    consequences: usize,
    /// Number of differences from the templates that do not affect the pipeline.
    differences: usize,
    /// Number of evaluated calls in an execution.
    calls_decided: usize,
    /// Number of calls that depend on unread items.
    calls_undecided: usize,
}

/// A finding.
#[derive(Serialize, JsonSchema)]
struct Finding<'e> {
    /// Name of the rule.
    rule: &'e str,
    /// Severity.
    severity: Severity,
    /// Account ID.
    #[schemars(regex(pattern = "^[0-9]{12}$"))]
    account: &'e str,
    /// The resource.
    resource: &'e str,
    /// Description of the problem.
    message: &'e str,
    /// Consequences of the problem.
    consequences: &'e [String],
    /// Suggested fixes.
    fixes: Vec<FixEntry<'e>>,
}

/// A fix.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "lowercase", tag = "kind")]
enum FixEntry<'e> {
    /// Advice.
    Advice {
        /// The advice.
        text: &'e str,
    },
    /// A command.
    Command {
        /// The command.
        command: String,
    },
    /// A statement to add.
    Statement {
        /// The policy that needs the statement.
        policy: &'e str,
        /// The statement.
        statement: &'e Json,
    },
}

/// Calls that could not be evaluated.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Undecided<'e> {
    /// The unread item that the calls depend on.
    depends_on: &'e str,
    /// Number of calls.
    calls: usize,
}

impl<'e> Document<'e> {
    pub(super) fn new(examined: &'e Examined<'_>, repaired: &'e [Repair]) -> Self {
        let diagnosis = examined.diagnosis;
        let differing = examined.differences().into_iter();
        let differing: Vec<Differing> = differing
            .map(|(place, difference)| Differing {
                stack: &place.stack,
                account: &place.account,
                region: &place.region,
                difference,
            })
            .collect();
        let accounts = examined.views.accounts.iter();
        let accounts = accounts.map(|(account, view)| {
            let (read_by, reason) = match view {
                View::By(arn) => (Some(arn.as_str()), None),
                View::Nobody(reason) => (None, Some(reason.as_str())),
            };
            Account {
                account,
                read_by,
                reason,
            }
        });
        let causes = diagnosis.errors().count();
        let findings = diagnosis.findings.iter();
        let undecided = diagnosis.undecided.iter();
        let undecided = undecided.map(|(what, calls)| Undecided {
            depends_on: what,
            calls: *calls,
        });
        Self {
            version: Version,
            pipeline: examined.pipeline(),
            result: match diagnosis.health() {
                Health::Healthy => DiagnosisResult::Healthy,
                Health::Findings => DiagnosisResult::Findings,
                Health::Incomplete => DiagnosisResult::Incomplete,
            },
            configuration: Configuration {
                is_deployed: differing.is_empty(),
                stacks: differing,
            },
            accounts: accounts.collect(),
            summary: Summary {
                causes,
                consequences: findings.clone().map(|one| one.consequences.len()).sum(),
                differences: diagnosis.findings.len() - causes,
                calls_decided: diagnosis.calls,
                calls_undecided: diagnosis.undecided.values().sum(),
            },
            findings: findings.map(|one| finding(examined, one)).collect(),
            undecided: undecided.collect(),
            unread: &diagnosis.unread,
            repaired,
        }
    }
}

fn finding<'e>(examined: &Examined<'_>, finding: &'e doctor::Finding) -> Finding<'e> {
    let fixes = finding.fixes.iter().map(|fix| match fix {
        Fix::Advice(text) => FixEntry::Advice { text },
        Fix::Command(command) => FixEntry::Command {
            command: command.clone(),
        },
        Fix::Run(words) => FixEntry::Command {
            command: examined.command(words),
        },
        Fix::Add { to, statement } => FixEntry::Statement {
            policy: to,
            statement,
        },
    });
    Finding {
        rule: finding.rule.code(),
        severity: finding.severity,
        account: &finding.account,
        resource: &finding.resource,
        message: &finding.message,
        consequences: &finding.consequences,
        fixes: fixes.collect(),
    }
}
