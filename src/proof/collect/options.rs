//! The policies that stand outside of the templates, from files.

use super::super::document::Document;
use super::super::input::{Inputs, NamedFile};
use super::super::world::{DefaultKey, Encryption, Place, PolicyId, Role, bucket_name, role_key};
use super::Collector;
use crate::iam::{Arn, Policy, PolicyKind};
use crate::syntax::{Source, Span, read};

impl Collector<'_> {
    pub(super) fn options(&mut self, inputs: &Inputs) {
        for source in &inputs.scps {
            let level = self.file(source, source.name(), PolicyKind::ServiceControl);
            self.world.scps.push(level);
        }
        for source in &inputs.rcps {
            let level = self.file(source, source.name(), PolicyKind::ResourceControl);
            self.world.rcps.push(level);
        }
        for file in &inputs.policies {
            self.resource_file(file);
        }
        for found in &inputs.bucket_keys {
            let bucket = self.world.buckets.entry(found.bucket.clone()).or_default();
            // What a template says of the bucket counts.
            if bucket.resolver.is_none() {
                bucket.encryption = Encryption::Kms(DefaultKey {
                    key: Some(found.key.clone()),
                    said: None,
                });
            }
        }
        for fact in &inputs.key_facts {
            self.world.key_states.insert(fact.arn.clone(), fact.state);
            let keys = self.world.keys.iter_mut();
            for key in keys.filter(|key| key.arn == fact.arn) {
                (key.is_whole, key.is_made) = (fact.is_whole, fact.is_made);
            }
        }
        for file in &inputs.identities {
            let policies = self.named(file, PolicyKind::Identity);
            for key in self.role_keys(&file.name) {
                let role = self.role_entry(&key, &file.name);
                role.identity.extend(&policies);
                role.missing_identity = None;
                role.is_given = true;
            }
        }
        for file in &inputs.boundaries {
            let policies = self.named(file, PolicyKind::Identity);
            for key in self.role_keys(&file.name) {
                let role = self.role_entry(&key, &file.name);
                role.boundary = policies.first().copied();
                role.missing_boundary = None;
                role.is_bounded = true;
            }
        }
    }

    fn role_entry(&mut self, key: &(String, String), name: &str) -> &mut Role {
        let role = self.world.roles.entry(key.clone()).or_default();
        if role.arn.is_empty() && name.starts_with("arn:") {
            name.clone_into(&mut role.arn);
        }
        role
    }

    /// The roles that a name or ARN means.
    fn role_keys(&self, name: &str) -> Vec<(String, String)> {
        if let Some(key) = role_key(name) {
            return vec![key];
        }
        let name = name.to_lowercase();
        let keys = self.world.roles.keys();
        keys.filter(|(_, known)| *known == name).cloned().collect()
    }

    fn named(&mut self, file: &NamedFile, kind: PolicyKind) -> Vec<PolicyId> {
        match &file.source {
            Some(source) => self.file(source, &file.name, kind),
            None => Vec::new(),
        }
    }

    fn resource_file(&mut self, file: &NamedFile) {
        let service = Arn::parse(&file.name).map(|arn| arn.service.to_owned());
        match service.as_deref() {
            Some("kms") => {
                let policies = self.named(file, PolicyKind::Key);
                if let Some(id) = policies.first() {
                    self.world.key_files.insert(file.name.clone(), *id);
                }
            }
            Some("iam") => {
                let policies = self.named(file, PolicyKind::Trust);
                for key in self.role_keys(&file.name) {
                    self.role_entry(&key, &file.name).trust = policies.first().copied();
                }
            }
            _ => {
                let policies = self.named(file, PolicyKind::Resource);
                let name = bucket_name(&file.name).unwrap_or(&file.name);
                let bucket = self.world.buckets.entry(name.to_owned()).or_default();
                bucket.policy = policies.first().copied();
                // The file says all that there is to say.
                bucket.place.get_or_insert(Place {
                    file: self.world.files.len().saturating_sub(1),
                    span: Span::default(),
                });
            }
        }
    }

    /// The policies of a file: one, or a list of them.
    fn file(&mut self, source: &Source, name: &str, kind: PolicyKind) -> Vec<PolicyId> {
        let file = self.world.files.len();
        self.world.files.push(source.clone());
        let node = match read(source) {
            Ok(node) => node,
            Err(problem) => {
                self.problems.entry(file).or_default().push(problem);
                return Vec::new();
            }
        };
        let mut found = Vec::new();
        for node in node.one_or_many() {
            match Policy::parse(node, kind) {
                Ok(policy) => {
                    let span = policy.span;
                    let document = Document::solid(policy);
                    found.push(self.keep(document, name.to_owned(), file, span));
                }
                Err(problems) => self.problems.entry(file).or_default().extend(problems),
            }
        }
        found
    }
}
