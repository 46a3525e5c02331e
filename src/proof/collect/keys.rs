//! Collects the KMS keys and their aliases.
//!
//! Follows *AWS::KMS::Key*, *AWS::KMS::ReplicaKey*, *AWS::KMS::Alias*, and *Default key policy* in
//! the AWS documentation.

use super::super::document::Document;
use super::super::key_kind::{kind, usable};
use super::super::world::TemplateResource;
use super::{Collector, default_key_policy, roles::tags_of};
use crate::diagnostic::{Source, read};
use crate::policy::document::PolicyKind;
use crate::run::landscape::{Key, PolicyId};

impl<'a> Collector<'a> {
    pub(super) fn key(&mut self, found: &TemplateResource<'a>, uncertain: Option<&str>) {
        let resolver = self.resolver(found);
        let here = resolver.deployment();
        let document = resolver.property(found.node, "KeyPolicy");
        let policy = match document {
            Some(document) => self.hold(found, Some(document), PolicyKind::Key, uncertain),
            None => self.default_policy(here.account, found, uncertain),
        };
        let Some(policy) = policy else { return };
        let arn = resolver.attribute(found.id, "Arn");
        let Some(arn) = arn else {
            let reason = "the key's ID is unknown, so nothing is proven about the key";
            return self.doubt_on(found, found.node, reason.to_owned());
        };
        let tags = resolver.property(found.node, "Tags");
        self.world.land.keys.push(Key {
            arn,
            account: here.account.to_owned(),
            policy,
            place: self.world.policies[policy].place,
            is_whole: true,
            is_made: true,
            usable: usable(resolver, found),
            kind: kind(resolver, found),
            tags: tags_of(tags.as_ref()),
            target: here.target.map(str::to_owned),
            instance: here.instance.clone(),
        });
    }

    /// Returns the policy of a key without a policy in its template. This policy delegates to the
    /// policies of the key's account.
    fn default_policy(
        &mut self,
        account: &str,
        found: &TemplateResource<'a>,
        uncertain: Option<&str>,
    ) -> Option<PolicyId> {
        let text = default_key_policy(&self.world.land.partition, account);
        let source = Source::new("the default key policy", text);
        let parsed = read(&source).map_err(|problem| vec![problem]);
        let parsed = parsed.and_then(|node| Document::read(&node, PolicyKind::Key, uncertain));
        match parsed {
            Ok(mut document) => {
                // Its statements are not in a file. Use the location of the key for all of them.
                document.stand_at(found.node.span);
                Some(self.keep(document, found.id, self.place(found, found.node)))
            }
            Err(problems) => {
                self.problem(found, problems);
                None
            }
        }
    }

    pub(super) fn alias(&mut self, found: &TemplateResource<'a>, uncertain: Option<&str>) {
        let resolver = self.resolver(found);
        let here = resolver.deployment();
        let alias = resolver.text_property(found.node, "AliasName");
        let target = resolver.text_property(found.node, "TargetKeyId");
        match (alias, target) {
            (Some(alias), Some(target)) if uncertain.is_none() => {
                let key = (here.account.to_owned(), here.region.to_owned(), alias);
                self.world.land.aliases.insert(key, target);
            }
            _ => {
                self.world.has_unknown_aliases = true;
                let reason = uncertain.unwrap_or("the alias or its key is unknown");
                self.doubt_on(found, found.node, reason.to_owned());
            }
        }
    }
}
