//! Finds the statements that may or may not apply to a request, and what they depend on.

use super::condition;
use super::layers::{Observer, Place, Scope, gather};
use super::policies::PolicySet;
use super::principal::Grant;
use super::reason::Layer;
use super::request::Request;
use super::truth::{Bound, Knowledge, Truth};
use crate::diagnostic::Span;
use crate::policy::document::{Effect, Statement};

/// A statement that may or may not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenStatement {
    /// The layer that contains it.
    pub layer: Layer,
    /// Its level, for service control policies and resource control policies.
    pub level: Option<usize>,
    /// The index of the policy in the layer or level.
    pub policy: usize,
    /// Its effect.
    pub effect: Effect,
    /// Its span in the document.
    pub span: Span,
    /// The context keys that it depends on, as written. If empty, it depends on the principal of
    /// the request.
    pub keys: Vec<String>,
}

/// Finds the statements that may or may not apply to a request.
pub fn open_statements(
    request: &Request,
    policies: &PolicySet<'_>,
    knowledge: Knowledge<'_>,
) -> Vec<OpenStatement> {
    let mut found = Finder { found: Vec::new() };
    let _ = gather(request, policies, knowledge, &mut found);
    found.found
}

struct Finder {
    found: Vec<OpenStatement>,
}

impl Observer for Finder {
    const WANTS_ALL: bool = true;

    fn statement(&mut self, place: Place, scope: &Scope<'_>, is: &Statement, _: Option<Grant>) {
        if !scope.action(is)
            || scope.within(Bound::Least).applies(is) == scope.within(Bound::Most).applies(is)
        {
            return;
        }
        let conditions = is.conditions.iter();
        let open = conditions.filter(|one| condition::holds(one, scope.view) == Truth::Unknown);
        self.found.push(OpenStatement {
            layer: place.layer,
            level: place.level,
            policy: place.policy,
            effect: is.effect,
            span: is.span,
            keys: open.map(|condition| condition.key.clone()).collect(),
        });
    }
}
