//! The named resources of a proof: the roles, buckets, and keys that the templates create, and the
//! existing ones, including topics, that the templates reference and a call uses.

use std::collections::{BTreeMap, BTreeSet};

use super::facts;
use super::input::{InputError, Inputs};
use super::world::{World, role_key};
use crate::aws::arn;
use crate::policy::document::Arn;
use crate::run::landscape::bucket_name;
use crate::run::{self, Call, Caller};

/// Account and lowercase name of a role.
pub(super) type RoleKey = (String, String);

/// The maximum number of names of each kind in a message.
pub(super) const LISTED: usize = 12;

/// The subject of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// Roles and their ARNs.
    Roles(Vec<(RoleKey, String)>),
    /// The name of a bucket.
    Bucket(String),
    /// The ARNs of a key and its aliases.
    Key(Vec<String>),
    /// The ARN of a topic.
    Topic(String),
}

impl Subject {
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Roles(some), Self::Roles(others)) => {
                let mut some = some.iter();
                some.any(|(key, _)| others.iter().any(|(other, _)| other == key))
            }
            (Self::Bucket(name), Self::Bucket(other)) => name == other,
            (Self::Topic(arn), Self::Topic(other)) => arn == other,
            (Self::Key(some), Self::Key(others)) => some.iter().any(|arn| others.contains(arn)),
            _ => false,
        }
    }
}

/// The kind of a named resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bucket,
    Key,
    Role,
    Topic,
}

impl Kind {
    /// All kinds.
    pub(super) const ALL: [Self; 4] = [Self::Bucket, Self::Key, Self::Role, Self::Topic];

    /// Returns the kind of resource that an ARN identifies, or `None` for any other kind.
    pub(super) fn of(arn: &str) -> Option<Self> {
        let parts = Arn::parse(arn)?;
        let resource = parts.resource;
        match parts.service {
            "s3" if parts.account.is_empty() && parts.region.is_empty() => {
                (!resource.is_empty() && !resource.contains(['/', '*'])).then_some(Self::Bucket)
            }
            "kms" if resource.starts_with("key/") || resource.starts_with("alias/") => {
                Some(Self::Key)
            }
            "iam" if resource.starts_with("role/") => Some(Self::Role),
            "sns" if !resource.contains([':', '*']) => Some(Self::Topic),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::Key => "key",
            Self::Role => "role",
            Self::Topic => "topic",
        }
    }
}

/// A role in the proof.
struct Role {
    arn: String,
    /// Whether the path in the ARN is known.
    is_exact: bool,
    /// The origin. Roles with the same name count as one subject only if they have the same origin.
    of: Origin,
}

/// The origin of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// The template that creates it, by the index of its file.
    Template(usize),
    /// An existing role that the actions of a target use.
    Target(String),
    /// An existing role that the dev account uses.
    Dev,
}

impl Role {
    fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }
}

/// All named resources of a proof.
pub(super) struct Names {
    roles: BTreeMap<RoleKey, Role>,
    buckets: BTreeSet<String>,
    /// Buckets in the configuration. At this step, there may be no calls on them.
    pub(super) planned: BTreeSet<String>,
    keys: BTreeSet<String>,
    topics: BTreeSet<String>,
    /// ARNs of aliases, each with the ARN of its key if it is known.
    aliases: BTreeMap<String, Option<String>>,
    partition: String,
}

impl Names {
    /// Collects the resources that the templates create and those that the calls of an execution
    /// use.
    pub(super) fn new(world: &World<'_>, inputs: &Inputs) -> Self {
        // The configuration may also contain buckets that no template creates and no call uses.
        let buckets = world.land.buckets.iter();
        let buckets = buckets.filter(|(_, bucket)| bucket.is_made || bucket.policy.is_some());
        let mut names = Self {
            roles: BTreeMap::new(),
            buckets: buckets.map(|(name, _)| name.clone()).collect(),
            planned: inputs
                .buckets
                .iter()
                .map(|bucket| bucket.name.clone())
                .collect(),
            keys: world.land.keys.iter().map(|key| key.arn.clone()).collect(),
            topics: BTreeSet::new(),
            aliases: BTreeMap::new(),
            partition: world.land.partition.clone(),
        };
        for (key, role) in &world.roles {
            let (account, name) = key;
            let name = role.written_name(name);
            let made_up = || arn::role(&world.land.partition, account, name);
            let is_exact = !role.arn.is_empty();
            let origin = role.resolver.map_or(Origin::Dev, |number| {
                Origin::Template(world.resolvers[number].deployment().file)
            });
            let arn = match is_exact {
                true => role.arn.clone(),
                false => made_up(),
            };
            let of = origin;
            names.roles.insert(key.clone(), Role { arn, is_exact, of });
        }
        for (account, region, alias) in world.land.aliases.keys() {
            let partition = &world.land.partition;
            let arn = arn::regional(partition, "kms", region, account, alias);
            names.alias(world, arn);
        }
        let (pipelines, _) = facts::pipelines(world);
        run::calls(&world.land, &pipelines, &mut |call: Call| {
            if let Caller::Role(arn) = &call.caller {
                names.role(arn, call.target.as_deref());
            }
            match Arn::parse(&call.resource).map(|arn| arn.service) {
                Some("iam") => names.role(&call.resource, call.target.as_deref()),
                Some("s3") => {
                    let bucket = bucket_name(&call.resource).unwrap_or_default();
                    if !names.buckets.contains(bucket) {
                        names.buckets.insert(bucket.to_owned());
                    }
                }
                Some("kms") if call.resource.contains(":alias/") => {
                    names.alias(world, call.resource);
                }
                Some("kms") => {
                    names.keys.insert(call.resource);
                }
                Some("sns") => {
                    names.topics.insert(call.resource);
                }
                _ => {}
            }
        });
        names
    }

    fn role(&mut self, arn: &str, target: Option<&str>) {
        let Some(key) = role_key(arn) else { return };
        let of = target.map_or(Origin::Dev, |target| Origin::Target(target.to_owned()));
        match self.roles.get_mut(&key) {
            Some(known) if known.is_exact => {}
            Some(known) => {
                arn.clone_into(&mut known.arn);
                known.is_exact = true;
                known.of = of;
            }
            None => {
                let (arn, is_exact) = (arn.to_owned(), true);
                self.roles.insert(key, Role { arn, is_exact, of });
            }
        }
    }

    fn alias(&mut self, world: &World<'_>, arn: String) {
        let key = world.land.known_key(&arn).map(|key| key.arn.clone());
        self.aliases.insert(arn, key);
    }

    /// Returns the roles for a name, or the role for an ARN.
    pub(super) fn roles_of(&self, name: &str) -> Result<Option<Subject>, InputError> {
        let found: Vec<(&RoleKey, &Role)> = if name.starts_with("arn:") {
            let key = role_key(name);
            let known = key.as_ref().and_then(|key| self.roles.get_key_value(key));
            let is_it = |role: &Role| match role.is_exact {
                true => role.arn.eq_ignore_ascii_case(name),
                false => Arn::parse(name).is_some_and(|arn| arn.partition == self.partition),
            };
            known.into_iter().filter(|(_, role)| is_it(role)).collect()
        } else {
            let lower = name.to_lowercase();
            let roles = self.roles.iter();
            roles.filter(|((_, known), _)| *known == lower).collect()
        };
        let Some((_, first)) = found.first() else {
            return Ok(None);
        };
        // Roles from one template have the same policies in all its instances.
        let is_one = found.len() == 1
            || first.of != Origin::Dev && found.iter().all(|(_, role)| role.of == first.of);
        let arns = found.iter().map(|(_, role)| role.arn.clone());
        if !is_one {
            return Err(ambiguous(name, "several roles", arns.collect()));
        }
        let keys = found.iter().map(|(key, _)| (*key).clone());
        Ok(Some(Subject::Roles(keys.zip(arns).collect())))
    }

    pub(super) fn bucket_of(&self, name: &str) -> Option<Subject> {
        let name = match Arn::parse(name) {
            Some(arn) if arn.partition != self.partition => return None,
            Some(arn) => arn.resource,
            None => name,
        };
        let known = self.buckets.get(name)?;
        Some(Subject::Bucket(known.clone()))
    }

    /// Returns the topic for an ARN.
    pub(super) fn topic_of(&self, name: &str) -> Option<Subject> {
        self.topics.get(name).cloned().map(Subject::Topic)
    }

    /// Returns the key for a key ARN, an alias ARN, or an alias.
    pub(super) fn key_of(&self, name: &str) -> Result<Option<Subject>, InputError> {
        let named: Vec<&String> = if name.starts_with("alias/") {
            let aliases = self.aliases.keys();
            aliases
                .filter(|arn| Arn::parse(arn).is_some_and(|arn| arn.resource == name))
                .collect()
        } else {
            let known = self.keys.get(name);
            let known = known.or_else(|| Some(self.aliases.get_key_value(name)?.0));
            known.into_iter().collect()
        };
        let arn = match named.as_slice() {
            [] => return Ok(None),
            [one] => *one,
            several => {
                let arns = several.iter().map(|arn| (*arn).clone()).collect();
                return Err(ambiguous(name, "several aliases", arns));
            }
        };
        let key = self.aliases.get(arn).and_then(Option::as_ref);
        let key = key.unwrap_or(arn);
        let aliases = self.aliases.iter();
        let aliases = aliases.filter(|(alias, of)| *alias != key && of.as_ref() == Some(key));
        let aliases = aliases.map(|(alias, _)| alias.clone());
        let all = std::iter::once(key.clone()).chain(aliases);
        Ok(Some(Subject::Key(all.collect())))
    }

    pub(super) fn arns(&self, subject: &Subject) -> Vec<String> {
        match subject {
            Subject::Roles(roles) => roles.iter().map(|(_, arn)| arn.clone()).collect(),
            Subject::Bucket(name) => vec![arn::bucket(&self.partition, name)],
            Subject::Key(arns) => arns.iter().take(1).cloned().collect(),
            Subject::Topic(arn) => vec![arn.clone()],
        }
    }

    /// Returns the names of all resources of a kind. For roles with the same name but different
    /// origins, returns the ARNs.
    pub(super) fn names(&self, kind: Kind) -> Vec<String> {
        match kind {
            Kind::Bucket => self.buckets.iter().cloned().collect(),
            Kind::Topic => self.topics.iter().cloned().collect(),
            Kind::Key => (self.keys.iter().chain(self.aliases.keys()))
                .cloned()
                .collect(),
            Kind::Role => {
                let mut by_name: BTreeMap<&str, Vec<&Role>> = BTreeMap::new();
                for ((_, name), role) in &self.roles {
                    by_name.entry(name).or_default().push(role);
                }
                let names = by_name.into_iter().flat_map(|(name, roles)| {
                    match (self.roles_of(name), roles.as_slice()) {
                        (Ok(_), [first, ..]) => vec![first.name().to_owned()],
                        _ => roles.iter().map(|role| role.arn.clone()).collect(),
                    }
                });
                names.collect()
            }
        }
    }
}

/// Returns the error for an ambiguous name.
pub(super) fn ambiguous(name: &str, what: &str, mut arns: Vec<String>) -> InputError {
    let more = arns.len().saturating_sub(LISTED);
    arns.truncate(LISTED);
    let more = match more {
        0 => String::new(),
        more => format!(", or {more} more"),
    };
    InputError::given(
        format!("`{name}` is ambiguous: it matches {what}"),
        format!("specify the ARN: {}{more}", arns.join(", ")),
    )
}
