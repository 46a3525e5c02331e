//! Reads the policies that are not in the templates from files.

use super::super::document::Document;
use super::super::given::{self, Given};
use super::super::input::{InputError, Inputs, NamedFile};
use super::super::names::Subject;
use super::super::world::Role;
use super::Collector;
use crate::diagnostic::{Diagnostic, Source, Span, read};
use crate::policy::document::{Policy, PolicyKind};
use crate::run::landscape::{DefaultKey, Encryption, PolicyId};
use crate::run::{Doubt, Place};

impl Collector<'_> {
    /// Reads the policies that were provided in addition to the templates.
    ///
    /// # Errors
    /// Returns an error if a policy belongs to a resource that is not in the proof. The collector
    /// records invalid policies as problems.
    pub(super) fn options(&mut self, inputs: &Inputs) -> Result<(), Vec<InputError>> {
        for source in &inputs.scps {
            let level = self.file(source, source.name(), PolicyKind::ServiceControl);
            self.world.scps.push(level);
        }
        for source in &inputs.rcps {
            let level = self.file(source, source.name(), PolicyKind::ResourceControl);
            self.world.rcps.push(level);
        }
        for found in &inputs.bucket_keys {
            let bucket = self.bucket_named(&found.bucket);
            // The template's settings take precedence.
            if !bucket.is_made {
                bucket.encryption = Encryption::Kms(DefaultKey {
                    key: Some(found.key.clone()),
                    said: None,
                });
            }
        }
        for fact in &inputs.key_facts {
            let land = &mut self.world.land;
            land.key_states.insert(fact.arn.clone(), fact.state);
            for key in land.keys.iter_mut().filter(|key| key.arn == fact.arn) {
                (key.is_whole, key.is_made) = (fact.is_whole, fact.is_made);
            }
        }
        let named = given::named(&self.world, inputs)?;
        for given in &named.policies {
            self.resource_file(given);
        }
        for given in &named.identities {
            let policies = self.named(given.file, PolicyKind::Identity);
            for role in self.roles(&given.subject) {
                if policies.is_empty()
                    && role.resolver.is_some()
                    && let Some(missing) = &role.missing_identity
                {
                    return Err(vec![InputError::given(
                        format!(
                            "`--identity {}` provides no policy, but a template gives the role {}",
                            given.file.name, missing.what
                        ),
                        "specify a file with these policies",
                    )]);
                }
                role.identity.extend(&policies);
                role.missing_identity = None;
                role.is_given = true;
            }
        }
        let mut replaced = Vec::new();
        for given in &named.boundaries {
            let policy = self.only(given.file, PolicyKind::Identity);
            for role in self.roles(&given.subject) {
                if given.file.source.is_none() && role.resolver.is_some() {
                    return Err(vec![InputError::given(
                        format!("`--boundary {}=none` does not apply", given.file.name),
                        "specify the boundary's file, or omit the option: the template that \
                         creates the role determines its permissions boundary",
                    )]);
                }
                if role.boundary.is_some() {
                    replaced.push((given.file.name.clone(), "permissions boundary"));
                }
                role.boundary = policy;
                role.missing_boundary = None;
                role.is_bounded = true;
            }
        }
        for (name, what) in replaced {
            self.replaces(&name, what);
        }
        Ok(())
    }

    /// Returns the roles that a policy applies to.
    fn roles(&mut self, subject: &Subject) -> Vec<&mut Role> {
        let Subject::Roles(roles) = subject else {
            return Vec::new();
        };
        for (key, arn) in roles {
            let role = self.world.roles.entry(key.clone()).or_default();
            if role.arn.is_empty() {
                arn.clone_into(&mut role.arn);
            }
        }
        let all = self.world.roles.iter_mut();
        let meant = all.filter(|(key, _)| roles.iter().any(|(one, _)| one == *key));
        meant.map(|(_, role)| role).collect()
    }

    fn named(&mut self, file: &NamedFile, kind: PolicyKind) -> Vec<PolicyId> {
        match &file.source {
            Some(source) => self.file(source, &file.name, kind),
            None => Vec::new(),
        }
    }

    /// Returns the only policy of a file, if any.
    fn only(&mut self, file: &NamedFile, kind: PolicyKind) -> Option<PolicyId> {
        let found = self.named(file, kind);
        let source = file.source.as_ref()?;
        // Other problems of the file are already reported.
        let document = read(source).ok()?;
        if let Some(several) = document.items()
            && several.len() != 1
        {
            let message = match several.len() {
                0 => "this file contains no policy".to_owned(),
                more => format!(
                    "`{}` accepts one policy, but this file contains {more}",
                    file.name
                ),
            };
            let number = self.world.files.len() - 1;
            let problem =
                Diagnostic::new(document.span, message).help("write one policy, not a list");
            self.problems.entry(number).or_default().push(problem);
        }
        found.first().copied()
    }

    fn resource_file(&mut self, given: &Given<'_>) {
        match &given.subject {
            Subject::Key(arns) => {
                let mut keys = arns.iter().filter_map(|arn| self.world.land.known_key(arn));
                if keys.any(|key| key.is_made) {
                    self.replaces(&given.file.name, "key policy");
                }
                if let Some(id) = self.only(given.file, PolicyKind::Key) {
                    let arns = arns.iter().map(|arn| (arn.clone(), id));
                    self.world.key_files.extend(arns);
                }
            }
            Subject::Roles(_) => {
                let policy = self.only(given.file, PolicyKind::Trust);
                let mut is_replaced = false;
                for role in self.roles(&given.subject) {
                    is_replaced |= role.trust.is_some();
                    role.trust = policy;
                }
                if is_replaced {
                    self.replaces(&given.file.name, "trust policy");
                }
            }
            Subject::Topic(arn) => {
                let policy = self.only(given.file, PolicyKind::Resource);
                self.world.topics.insert(arn.clone(), policy);
            }
            Subject::Bucket(name) => {
                let policy = self.only(given.file, PolicyKind::Resource);
                let place = self.last_file();
                let bucket = self.bucket_named(name);
                let is_replaced = bucket.policy.is_some();
                bucket.policy = policy;
                // The file is the complete policy.
                bucket.place.get_or_insert(place);
                if is_replaced {
                    self.replaces(&given.file.name, "bucket policy");
                }
            }
        }
    }

    /// Records that a provided policy replaces a policy in a template. Such a replacement is for
    /// experiments, so the proof is never complete.
    fn replaces(&mut self, name: &str, what: &str) {
        let reason = format!("the provided {what} replaces the one in the templates");
        self.doubt(Doubt::new(self.last_file(), name, reason));
    }

    /// Returns the start of the last file.
    fn last_file(&self) -> Place {
        Place {
            file: self.world.files.len().saturating_sub(1),
            span: Span::default(),
        }
    }

    /// Reads the policies of a file: one policy, or a list.
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
                    found.push(self.keep(document, name, Place { file, span }));
                }
                Err(problems) => self.problems.entry(file).or_default().extend(problems),
            }
        }
        found
    }
}
