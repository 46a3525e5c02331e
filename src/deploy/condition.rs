//! Derives the possible operations from a stack status (AWS CloudFormation, *Stack status codes*).

/// The condition of a stack, which determines the possible operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The stack does not exist and can be created.
    Absent,
    /// The stack has only a change set that was never executed. It can be created.
    Reviewing,
    /// The stack exists and can be updated.
    Ready,
    /// An operation is in progress and must end first.
    InProgress,
    /// The creation failed. The stack must be deleted and created again.
    CreationFailed,
    /// An update and its rollback failed. The user must fix the cause and continue the rollback.
    RollbackFailed,
    /// The deletion failed. The stack can only be deleted.
    DeletionFailed,
}

impl Condition {
    /// Returns the condition for a status. An unknown status counts as `Ready` if it ends in
    /// `_COMPLETE`, and otherwise as `InProgress`, so that no operation is started.
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

/// Returns whether an operation that ended in this status succeeded.
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
