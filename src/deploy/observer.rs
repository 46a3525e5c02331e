//! Who is told how far things are. The command line shows it; nothing here prints.

use super::events::Event;
use super::stack_set::Progress;
use super::unexecuted::Unexecuted;

/// Is told of progress.
pub(crate) trait Observer {
    /// A new step of the work begins, such as `waiting for the change set`.
    fn begins(&self, what: &str);
    /// Something that the user should read, kept on the screen.
    fn says(&self, what: &str);
    /// A resource of the stack has a new status.
    fn event(&self, event: &Event);
    /// An operation of a stack set has progressed.
    fn progress(&self, progress: &Progress);
    /// From now on something continues in AWS without this program: a sentence without its period,
    /// such as `the operation on stack X continues in CloudFormation`.
    fn executing(&self, sentence: &str);
    /// The work that was in progress has ended.
    fn ended(&self);
    /// A change set is requested. Unless it is executed or deleted, it must not stay.
    fn opened(&self, change_set: &Unexecuted);
    /// A change set is executed or deleted, with the empty stack that it made.
    fn closed(&self, change_set: &Unexecuted);
}

/// Tells nobody: for work beside the work.
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
