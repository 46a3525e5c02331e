//! The names and ARNs of a template's resources in one account and region. `*` replaces values that
//! only AWS knows.

use super::super::StackStep;
use crate::aws::arn;
use crate::diagnostic::{Entry, Node, Source, Span, Value, read};
use crate::template::{Deployment, Marker, Resolver};

/// Replacement for a value that only AWS knows.
const ANYTHING: &str = "*";

/// Returns the template of a stack, which is null for a removed stack.
pub(super) fn template(step: &StackStep) -> Node {
    let source = Source::new(step.stack.as_str(), step.template.text.json.as_str());
    read(&source).unwrap_or_else(|_| Node::synthetic(Value::Null, Span::default()))
}

/// A template in one account and region.
pub(super) struct Place<'a> {
    partition: &'a str,
    step: &'a StackStep,
    resolver: Resolver<'a>,
}

impl<'a> Place<'a> {
    pub(super) fn new(partition: &'a str, step: &'a StackStep, template: &'a Node) -> Self {
        let deployment = Deployment {
            account: Some(&step.account),
            region: Some(&step.region),
            partition: Some(partition),
            ..Deployment::default()
        };
        Self {
            partition,
            step,
            resolver: Resolver::new(template, deployment).with_marker(Marker::Text(ANYTHING)),
        }
    }

    pub(super) fn of_type(&self, kind: &str) -> impl Iterator<Item = &'a Entry> {
        self.resolver.of_type(kind)
    }

    /// Returns the names (`Ref`) or ARNs of the resources of a type.
    pub(super) fn all(&self, kind: &str, attribute: &str) -> impl Iterator<Item = String> {
        let resources = self.of_type(kind);
        resources.map(move |one| self.attribute(&one.key, attribute))
    }

    /// Returns an attribute of a resource. If `name` is empty, returns the value of `Ref`.
    pub(super) fn attribute(&self, id: &str, name: &str) -> String {
        let found = self.resolver.attribute(id, name);
        found.unwrap_or_else(|| ANYTHING.to_owned())
    }

    pub(super) fn property(&self, resource: &Entry, name: &str) -> String {
        let found = self.resolver.text_property(&resource.value, name);
        found.unwrap_or_else(|| ANYTHING.to_owned())
    }

    /// Returns the text of a value.
    pub(super) fn text(&self, value: &Node) -> String {
        let found = self.resolver.resolve(value);
        let text = found.as_ref().and_then(Node::scalar_text);
        text.unwrap_or(ANYTHING).to_owned()
    }

    pub(super) fn account(&self) -> &str {
        &self.step.account
    }

    /// Returns the ARN of a regional resource.
    pub(super) fn regional(&self, service: &str, resource: &str) -> String {
        let (region, account) = (&self.step.region, &self.step.account);
        arn::regional(self.partition, service, region, account, resource)
    }
}
