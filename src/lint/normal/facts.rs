//! The resources that have relations, and the facts that follow from the relations.

use std::collections::HashMap;

use crate::diagnostic::{Entry, Node, Span};

/// The facts in one outcome of conditions.
#[derive(Default)]
pub(super) struct Facts {
    /// Facts about resources, by logical ID.
    pub(super) resources: HashMap<String, Vec<Entry>>,
    /// Facts about pipeline actions, by the logical ID of the pipeline and the position of the
    /// action.
    pub(super) actions: HashMap<(String, Span), Vec<Entry>>,
}

/// A resource with resolved properties.
pub(super) struct Resource<'t> {
    pub(super) id: &'t str,
    pub(super) id_span: Span,
    pub(super) kind: &'t str,
    pub(super) written: &'t Node,
    pub(super) properties: Node,
}

impl Resource<'_> {
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.properties.get(key)?.as_str()
    }
}

impl Facts {
    /// Adds a fact about a resource.
    pub(super) fn add(&mut self, id: &str, fact: Entry) {
        self.resources.entry(id.to_owned()).or_default().push(fact);
    }
}
