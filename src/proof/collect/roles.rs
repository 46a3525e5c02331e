//! Collects the roles and their policies.

use super::super::world::{Missing, TemplateResource, role_key};
use super::Collector;
use crate::diagnostic::Node;
use crate::policy::document::PolicyKind;
use crate::run::landscape::{PolicyId, Tags};
use crate::template::{known_text, unknown_in};

impl<'a> Collector<'a> {
    pub(super) fn role(&mut self, found: &TemplateResource<'a>, uncertain: Option<&str>) {
        let resolver = self.resolver(found);
        let arn = resolver.attribute(found.id, "Arn");
        let Some((arn, key)) = arn.and_then(|arn| Some((arn.clone(), role_key(&arn)?))) else {
            let reason = "the role's name or path is unknown, so its policies apply to no role";
            return self.doubt_on(found, found.node, reason.to_owned());
        };
        let trust = resolver.property(found.node, "AssumeRolePolicyDocument");
        let trust = self.hold(found, trust, PolicyKind::Trust, uncertain);
        let mut identity = Vec::new();
        let mut unknown = None;
        let policies = resolver.property(found.node, "Policies");
        for policy in list(policies.as_ref(), &mut unknown) {
            let document = policy.get("PolicyDocument").cloned();
            identity.extend(self.hold(found, document, PolicyKind::Identity, uncertain));
        }
        let managed = resolver.property(found.node, "ManagedPolicyArns");
        let managed: Vec<String> = (list(managed.as_ref(), &mut unknown).iter())
            .map(|arn| known_text(arn).unwrap_or("(unknown)").to_owned())
            .collect();
        let tags = resolver.property(found.node, "Tags");
        let before = self.world.roles.get(&key);
        if before.is_some_and(|role| role.resolver.is_some()) {
            let reason = "another resource also creates a role with this name";
            let doubt = self.doubt_of(found, found.node, reason.to_owned());
            self.world.disputed.insert(arn.clone(), doubt);
        }
        let role = self.world.roles.entry(key.clone()).or_default();
        role.tags = tags_of(tags.as_ref());
        role.arn = arn;
        role.resolver = Some(found.resolver);
        role.trust = trust;
        role.identity.extend(identity);
        if let Some(reason) = unknown {
            role.missing_identity = Some(Missing::new(
                format!(
                    "policies of the role `{}` that cannot be resolved: {reason}",
                    found.id
                ),
                "--identity",
                &role.arn,
            ));
        }
        let attached = managed.into_iter().map(|arn| (key.clone(), arn));
        self.attached.extend(attached);
        if let Some(boundary) = resolver.property(found.node, "PermissionsBoundary") {
            let text = known_text(&boundary).unwrap_or("(unknown)");
            self.boundaries.push((key, text.to_owned()));
        }
    }

    /// Reads a policy that specifies the roles that it is attached to.
    pub(super) fn identity_policy(
        &mut self,
        found: &TemplateResource<'a>,
        uncertain: Option<&str>,
    ) {
        let resolver = self.resolver(found);
        let document = resolver.property(found.node, "PolicyDocument");
        let roles = (resolver.property(found.node, "Roles"))
            .or_else(|| resolver.property(found.node, "RoleName"));
        let uncertain = uncertain.or(floating(roles.as_ref()));
        let Some(id) = self.hold(found, document, PolicyKind::Identity, uncertain) else {
            return;
        };
        if let Some(arn) = resolver.attribute(found.id, "PolicyArn") {
            self.managed.insert(arn, id);
        }
        self.attach(found, roles.as_ref(), id);
    }

    fn attach(&mut self, found: &TemplateResource<'a>, roles: Option<&Node>, id: PolicyId) {
        let account = self.resolver(found).deployment().account;
        for name in roles.into_iter().flat_map(Node::one_or_many) {
            match (known_text(name), unknown_in(name)) {
                (Some(name), _) => {
                    let key = (account.to_owned(), name.to_lowercase());
                    let role = self.world.roles.entry(key).or_default();
                    if role.name.is_empty() {
                        name.clone_into(&mut role.name);
                    }
                    role.identity.push(id);
                }
                (None, part) => {
                    let why = part.and_then(Node::as_str).unwrap_or("it is not a string");
                    self.doubt_on(found, name, format!("the role that has this policy: {why}"));
                    self.floating.push((account.to_owned(), id));
                }
            }
        }
    }
}

/// Returns the items of a list, and records why the list or one of its items is unknown.
fn list(list: Option<&Node>, unknown: &mut Option<String>) -> Vec<Node> {
    let Some(list) = list else { return Vec::new() };
    let reason = |node: &Node| node.as_str().unwrap_or("it is not a list").to_owned();
    let Some(items) = list.items().filter(|_| list.tag.is_none()) else {
        *unknown = Some(reason(list));
        return Vec::new();
    };
    let (known, others): (Vec<&Node>, Vec<&Node>) =
        items.iter().partition(|item| item.tag.is_none());
    if let Some(other) = others.first() {
        *unknown = Some(reason(other));
    }
    known.into_iter().cloned().collect()
}

/// Returns why it is unknown whether a policy belongs to a role.
fn floating(roles: Option<&Node>) -> Option<&'static str> {
    unknown_in(roles?).map(|_| "the role that has it is unknown")
}

/// Returns the tags of a resource, or `None` if they are unknown. The tags are empty if the
/// resource has no such property.
pub(super) fn tags_of(tags: Option<&Node>) -> Option<Tags> {
    let Some(tags) = tags else {
        return Some(Tags::new());
    };
    let tags = tags.items().filter(|_| tags.tag.is_none())?.iter();
    tags.map(|tag| {
        let text = |name| tag.get(name).and_then(known_text).map(str::to_owned);
        Some((text("Key")?, text("Value")?))
    })
    .collect()
}
