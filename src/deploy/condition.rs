//! What a stack's status means for the next operation (AWS CloudFormation, *Stack status codes*).

/// What can be done with a stack in its present state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// There is none: it can be created.
    Absent,
    /// Only a change set was made for it, never executed: it can be created.
    Reviewing,
    /// It stands: it can be updated.
    Ready,
    /// Something goes on: follow it first.
    InProgress,
    /// Its creation failed: it can only be deleted and created again.
    CreationFailed,
    /// An update failed, and its rollback too: the cause must be fixed and the rollback continued.
    RollbackFailed,
    /// Its deletion failed: it can only be deleted.
    DeletionFailed,
}

impl Condition {
    /// The condition of a status. CloudFormation may learn new ones; those count as `Ready` when
    /// they end in `_COMPLETE`, and as in progress otherwise, so that nothing is begun on them.
    pub(crate) fn of(status: &str) -> Self {
        match status {
            "DELETE_COMPLETE" => Self::Absent,
            "REVIEW_IN_PROGRESS" => Self::Reviewing,
            "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" => Self::CreationFailed,
            "UPDATE_ROLLBACK_FAILED" | "IMPORT_ROLLBACK_FAILED" => Self::RollbackFailed,
            "DELETE_FAILED" => Self::DeletionFailed,
            "UPDATE_FAILED" => Self::Ready,
            status if status.ends_with("_COMPLETE") => Self::Ready,
            _ => Self::InProgress,
        }
    }
}

/// Whether an operation that ended in this status did what was asked.
pub(crate) fn succeeded(status: &str) -> bool {
    matches!(
        status,
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "DELETE_COMPLETE" | "IMPORT_COMPLETE"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_status_has_its_condition() {
        use Condition::*;
        let cases = [
            ("CREATE_COMPLETE", Ready),
            ("CREATE_IN_PROGRESS", InProgress),
            ("CREATE_FAILED", CreationFailed),
            ("DELETE_COMPLETE", Absent),
            ("DELETE_FAILED", DeletionFailed),
            ("DELETE_IN_PROGRESS", InProgress),
            ("REVIEW_IN_PROGRESS", Reviewing),
            ("ROLLBACK_COMPLETE", CreationFailed),
            ("ROLLBACK_FAILED", CreationFailed),
            ("ROLLBACK_IN_PROGRESS", InProgress),
            ("UPDATE_COMPLETE", Ready),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", InProgress),
            ("UPDATE_FAILED", Ready),
            ("UPDATE_IN_PROGRESS", InProgress),
            ("UPDATE_ROLLBACK_COMPLETE", Ready),
            ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", InProgress),
            ("UPDATE_ROLLBACK_FAILED", RollbackFailed),
            ("UPDATE_ROLLBACK_IN_PROGRESS", InProgress),
            ("IMPORT_IN_PROGRESS", InProgress),
            ("IMPORT_COMPLETE", Ready),
            ("IMPORT_ROLLBACK_IN_PROGRESS", InProgress),
            ("IMPORT_ROLLBACK_FAILED", RollbackFailed),
            ("IMPORT_ROLLBACK_COMPLETE", Ready),
        ];
        for (status, condition) in cases {
            assert_eq!(Condition::of(status), condition, "{status}");
        }
    }
}
