//! Checks of KMS keys: their states, policies, and aliases.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::super::expected::ExpectedKey;
use super::super::finding::Rule;
use super::super::live::{Key, Reading};
use super::policies::Subject;
use super::{Block, Checks, Command, last};
use crate::diagnostic::{Node, Source, read};
use crate::proof::outsiders;

/// The name of the policy that every key has.
const DEFAULT: &str = "default";

impl Checks<'_> {
    pub(super) fn keys(&mut self) {
        for key in &self.expected.keys {
            if self.absent.contains(&key.stack) {
                continue;
            }
            match self.live.keys.get(&key.arn) {
                Some(Reading::Missing) => self.missing_key(key),
                Some(Reading::Read(found)) => {
                    self.state(found);
                    self.key_policy(key, found);
                    self.key_outsiders(found);
                    self.key_drift(key, found);
                }
                _ => {}
            }
        }
        // Keys that only the live state names.
        let others: Vec<&Key> = (self.live.keys.values())
            .filter_map(Reading::read)
            .filter(|found| self.expected.keys.iter().all(|key| key.arn != found.arn))
            .collect();
        let mut seen: Vec<&str> = Vec::new();
        for key in others {
            if !seen.contains(&key.arn.as_str()) {
                seen.push(&key.arn);
                self.state(key);
                self.key_outsiders(key);
            }
        }
    }

    fn missing_key(&mut self, key: &ExpectedKey) {
        self.error(Rule::KeyMissing, key, "the key no longer exists")
            .blocking(Block::Resource(key.arn.clone()))
            .named(last(&key.arn))
            .advise(
                "a deleted key cannot be recovered, and the data that it encrypted cannot be \
                 decrypted: let the dev stack create another key, deploy the targets with the new \
                 key ID, then deploy dev again",
            );
    }

    fn state(&mut self, key: &Key) {
        if key.is_aws_managed {
            // The pipeline check reports the use of an AWS managed key.
            return;
        }
        let id = last(&key.arn);
        let command = |operation: &str| Command::aws(operation).option("--key-id", id);
        let enable = self.aws(key, command("kms enable-key"));
        let cancel = self.aws(key, command("kms cancel-key-deletion"));
        let (message, fixes) = match key.state.as_str() {
            "Enabled" if key.usage != "ENCRYPT_DECRYPT" => (
                format!(
                    "its usage is {}, but S3 requires ENCRYPT_DECRYPT",
                    key.usage
                ),
                Vec::new(),
            ),
            "Enabled" => return,
            "Disabled" => ("it is disabled".to_owned(), vec![enable]),
            "PendingDeletion" | "PendingReplicaDeletion" => {
                let when = key.deletion.as_deref().unwrap_or("soon");
                (
                    format!(
                        "it is pending deletion ({when}); the data that it encrypted will be lost \
                         unless the deletion is canceled"
                    ),
                    vec![cancel, enable],
                )
            }
            other => (
                format!("it cannot be used: its state is {other}"),
                Vec::new(),
            ),
        };
        self.error(Rule::KeyState, key, message)
            .blocking(Block::Use(key.arn.clone()))
            .named(id)
            .named("kms:")
            .named("KMS.")
            .fixes(fixes);
    }

    fn key_policy(&mut self, key: &ExpectedKey, found: &Key) {
        let Reading::Read(live) = &found.policy else {
            return;
        };
        let put = key.policy.as_ref().map(|policy| {
            let command = Command::aws("kms put-key-policy")
                .option("--key-id", last(&key.arn))
                .option("--policy-name", DEFAULT)
                .json("--policy", policy);
            self.aws(key, command)
        });
        let subject = Subject {
            rule: Rule::KeyPolicy,
            of: key.into(),
            what: "key policy".to_owned(),
            stack: key.stack,
            block: Block::ResourcePolicy(found.arn.clone()),
            name: last(&key.arn),
            put: put.into_iter().collect(),
        };
        self.policy(&subject, key.policy.as_ref(), live);
    }

    /// Reports the principals outside the deployment's accounts that a policy of the key allows.
    fn key_outsiders(&mut self, key: &Key) {
        let others = key.others.read().into_iter().flatten();
        let others = others.map(|other| (other.name.as_str(), &other.document));
        let policies: Vec<(&str, &Reading<Json>)> = std::iter::once((DEFAULT, &key.policy))
            .chain(others)
            .collect();
        for (name, policy) in policies {
            let Some(policy) = policy.read() else {
                continue;
            };
            let found = self.outsiders(policy);
            if found.is_empty() {
                continue;
            }
            let listed: Vec<String> = found.iter().map(|who| format!("`{who}`")).collect();
            let cause = self.warn(
                Rule::KeyPolicy,
                key,
                format!(
                    "its policy `{name}` allows principals outside this deployment: {}",
                    listed.join(", ")
                ),
            );
            cause.blocking(Block::Admits(key.arn.clone()));
            if name == DEFAULT {
                cause.advise("remove the statement, unless the principal is meant to use the key");
            } else {
                cause.advise(
                    "AWS RAM manages this policy: remove the principal from the key's resource \
                     share, unless the principal is meant to use the key",
                );
            }
        }
    }

    /// Returns the principals outside the deployment's accounts that a policy allows.
    fn outsiders(&self, policy: &Json) -> BTreeSet<String> {
        let places = self.expected.places.iter();
        // A deployed pipeline may name the role of a target that was removed from the
        // configuration.
        let roles = self.expected.roles.iter().map(|role| &role.account);
        let accounts: BTreeSet<&str> = places
            .map(|place| &place.account)
            .chain(roles)
            .map(String::as_str)
            .collect();
        let source = Source::new("policy", policy.to_string());
        let Ok(document) = read(&source) else {
            return BTreeSet::new();
        };
        let statements = document.get("Statement").map_or(&[][..], Node::one_or_many);
        statements
            .iter()
            .flat_map(|statement| outsiders(statement, &accounts))
            .collect()
    }

    fn key_drift(&mut self, key: &ExpectedKey, found: &Key) {
        let id = last(&key.arn);
        if key.rotation && found.rotation == Reading::Read(false) {
            let command = Command::aws("kms enable-key-rotation").option("--key-id", id);
            let fix = self.aws(key, command);
            self.warn(
                Rule::Drift,
                key,
                "its rotation is off, but the template enables it",
            )
            .fix(fix);
        }
        let Reading::Read(aliases) = &found.aliases else {
            return;
        };
        for alias in &key.aliases {
            if aliases.contains(alias) {
                continue;
            }
            let command = |operation: &str| {
                Command::aws(operation)
                    .option("--alias-name", alias)
                    .option("--target-key-id", id)
            };
            let create = self.aws(key, command("kms create-alias"));
            let update = self.aws(key, command("kms update-alias"));
            self.warn(
                Rule::Drift,
                key,
                format!("its alias {alias} is missing or belongs to another key"),
            )
            .advise("the pipeline does not use the alias; to create it:")
            .fix(create)
            .advise("or, if the alias belongs to another key:")
            .fix(update);
        }
    }
}
