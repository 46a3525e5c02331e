//! Links to the lines of the templates in the page.

use std::cell::RefCell;
use std::collections::BTreeSet;

use maud::{Markup, html};

use super::words::breakable;
use crate::diagnostic::{Source, Span};
use crate::policy::evaluation::Layer;
use crate::proof::{Decisive, Proof};
use crate::run::Place;

/// The links on a page and their targets.
pub(super) struct Links<'p> {
    proof: &'p Proof,
    /// File index and first byte of every place that a link leads to.
    wanted: RefCell<BTreeSet<(usize, usize)>>,
}

impl<'p> Links<'p> {
    pub(super) fn new(proof: &'p Proof) -> Self {
        Self {
            proof,
            wanted: RefCell::new(BTreeSet::new()),
        }
    }

    /// Returns `dev.yaml:12` as a link.
    pub(super) fn place(&self, place: Place) -> Markup {
        self.named(place, &self.proof.at(place))
    }

    /// Returns a text as a link to a place.
    pub(super) fn named(&self, place: Place, text: &str) -> Markup {
        let start = place.span.start;
        self.wanted.borrow_mut().insert((place.file, start));
        html! { a href=(format!("#{}", anchor(place.file, start))) { (breakable(text)) } }
    }

    /// Returns the name and the place of a deciding statement. An assumption of the proof has no
    /// place.
    pub(super) fn statement(&self, decisive: &Decisive) -> Markup {
        let sid = decisive.sid.as_deref().filter(|sid| !sid.is_empty());
        let name = sid.unwrap_or(&decisive.resource);
        let limit = match decisive.layer {
            Layer::Scps => "service control policy",
            Layer::Rcps => "resource control policy",
            Layer::PermissionBoundary => "permissions boundary",
            Layer::SessionPolicy => "session policy",
            Layer::ResourcePolicy | Layer::IdentityPolicies => "",
        };
        html! {
            @if !limit.is_empty() { span class="tag" { (limit) } " " }
            @if decisive.effect == crate::policy::document::Effect::Deny { span class="tag bad" { "Deny" } " " }
            @if decisive.given {
                (self.named(decisive.place, name)) " "
                span class="at" { (breakable(&self.proof.at(decisive.place))) }
            } @else { (breakable(name)) }
        }
    }

    /// Returns a link to a place in one of the templates.
    pub(super) fn in_source(&self, source: &Source, span: Span) -> Markup {
        let mut files = self.proof.files.iter();
        match files.position(|file| file.name() == source.name()) {
            Some(file) => self.place(Place { file, span }),
            None => breakable(source.name()),
        }
    }

    /// Returns the byte offsets in a file that links lead to.
    pub(super) fn into(&self, file: usize) -> Vec<usize> {
        let wanted = self.wanted.borrow();
        wanted
            .range((file, 0)..(file + 1, 0))
            .map(|(_, start)| *start)
            .collect()
    }
}

/// Returns the anchor of a place in the page.
pub(super) fn anchor(file: usize, start: usize) -> String {
    format!("f{file}-{start}")
}
