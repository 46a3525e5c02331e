//! Receives progress notifications. The command line displays them.

use super::events::Event;
use super::stack_set::Progress;
use super::unexecuted::Unexecuted;

/// A receiver of progress notifications.
pub(crate) trait Observer {
    /// A new step begins, such as `change set for stack X`.
    fn begins(&self, what: &str);
    /// A message for the user, which stays on the screen.
    fn says(&self, what: &str);
    /// A stack resource has a new status.
    fn event(&self, event: &Event);
    /// A stack set operation has progressed.
    fn progress(&self, progress: &Progress);
    /// From now on, an operation continues in AWS even if s3ferry exits. `sentence` has no period,
    /// such as `the operation on stack X continues in CloudFormation`.
    fn executing(&self, sentence: &str);
    /// The operation that was in progress has ended.
    fn ended(&self);
    /// A change set was requested. It must be deleted unless it is executed.
    fn opened(&self, change_set: &Unexecuted);
    /// A change set was executed, or it was deleted together with the empty stack that it created.
    fn closed(&self, change_set: &Unexecuted);
}

/// An observer that ignores all notifications.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Silent;

impl Observer for Silent {
    fn begins(&self, _: &str) {}
    fn says(&self, _: &str) {}
    fn event(&self, _: &Event) {}
    fn progress(&self, _: &Progress) {}
    fn executing(&self, _: &str) {}
    fn ended(&self) {}
    fn opened(&self, _: &Unexecuted) {}
    fn closed(&self, _: &Unexecuted) {}
}
