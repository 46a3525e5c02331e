//! Who is told how far things are. The command line shows it; nothing here prints.

use super::events::Event;
use super::stack_set::Progress;

/// Is told of progress.
pub trait Observer {
    /// A new step of the work begins, such as `waiting for the change set`.
    fn begins(&self, what: &str);
    /// Something that the user should read, kept on the screen.
    fn says(&self, what: &str);
    /// A resource of the stack went on.
    fn event(&self, event: &Event);
    /// An operation of a stack set went on.
    fn progress(&self, progress: &Progress);
    /// CloudFormation has begun to change something that goes on without us.
    fn executing(&self, stack: &str);
    /// The work that was going on has ended.
    fn ended(&self);
}

/// Tells nobody: for work beside the work.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {
    fn begins(&self, _: &str) {}
    fn says(&self, _: &str) {}
    fn event(&self, _: &Event) {}
    fn progress(&self, _: &Progress) {}
    fn executing(&self, _: &str) {}
    fn ended(&self) {}
}
