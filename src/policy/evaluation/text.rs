//! Formats a reason as text: one line for the decision, one per layer, one per statement that
//! decided or nearly applied, and one per element that does not match.

use super::reason::{
    Failure, Layer, LayerReport, Mismatch, Outcome, Reason, StatementReport, Verdict,
};
use std::fmt;

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.decision, self.because)?;
        self.layers.iter().try_for_each(|layer| layer.fmt(f))
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scps => "service control policies",
            Self::Rcps => "resource control policies",
            Self::ResourcePolicy => "resource policy",
            Self::IdentityPolicies => "identity policies",
            Self::PermissionBoundary => "permissions boundary",
            Self::SessionPolicy => "session policy",
        })
    }
}

impl fmt::Display for LayerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n  {}", self.layer)?;
        if let Some(level) = self.level {
            write!(f, ", level {}", level + 1)?;
        }
        f.write_str(match self.outcome {
            Outcome::Allows => ": allow",
            Outcome::Denies => ": deny",
            Outcome::Unknown => ": unknown",
            Outcome::Silent => ": no statement applies",
            Outcome::NotApplicable => ": not applicable",
        })?;
        if let Some(note) = &self.note {
            write!(f, " ({note})")?;
        }
        self.statements.iter().try_for_each(|report| report.fmt(f))
    }
}

impl fmt::Display for StatementReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Allowed => "allows",
            Verdict::Denied => "denies",
            Verdict::NearMiss => "does not apply",
        };
        write!(
            f,
            "\n    policy {} statement {}",
            self.policy + 1,
            self.statement + 1
        )?;
        if let Some(sid) = self.sid.as_ref().filter(|sid| !sid.is_empty()) {
            write!(f, " `{sid}`")?;
        }
        write!(f, " ({:?}) {verdict}", self.effect)?;
        self.failed.iter().try_for_each(|failure| failure.fmt(f))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action(mismatch) => mismatch.write(f, "Action"),
            Self::Principal(mismatch) => mismatch.write(f, "Principal"),
            Self::Resource(mismatch) => mismatch.write(f, "Resource"),
            Self::Condition {
                operator,
                key,
                wanted,
                actual,
                is_known,
                ..
            } => {
                let wanted = wanted.join("`, `");
                write!(f, "\n      {operator} {key}: expected `{wanted}`, ")?;
                match actual {
                    None if !is_known => f.write_str("the value in the request is unknown"),
                    None => f.write_str("the request has no such key"),
                    Some(values) => write!(f, "the request has `{}`", values.join("`, `")),
                }
            }
        }
    }
}

impl Mismatch {
    fn write(&self, f: &mut fmt::Formatter<'_>, element: &str) -> fmt::Result {
        let not = if self.negated { "Not" } else { "" };
        let wanted = self.wanted.join("`, `");
        write!(
            f,
            "\n      {not}{element}: listed `{wanted}`, the request has `{}`",
            self.actual
        )
    }
}
