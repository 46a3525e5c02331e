//! The calls that must not be allowed, made from the same templates as the run.
//!
//! An attacker from elsewhere is a role that its own account allows everything, so that the
//! resource's side has to stop it. An administrator of an account is no attacker on that
//! account's own resources, except without TLS, which nobody may do without.

mod buckets;
mod namesakes;
mod pipeline;
mod source_key;
mod target;

use std::sync::Arc;

use super::world::World;
use crate::policy::evaluation::Context;
use crate::run::landscape::Value;
use crate::run::pipeline::{Action, Pipeline, Store, Work};
use crate::run::{Call, Caller, Doubt, Instance, Place, Step, Strength, context};

#[derive(Debug, Clone)]
pub(super) struct AttackCall {
    pub(super) call: Call,
    pub(super) what: String,
    /// Whether AWS's published procedure allows it by itself.
    pub(super) is_in_procedure: bool,
}

/// The name of an attack, and whether AWS's published procedure allows the attack by itself.
///
/// A name without a word about it is that of an attack that the procedure denies, too.
struct Name {
    text: String,
    is_in_procedure: bool,
}

/// The name of an attack that AWS's published procedure allows by itself.
fn in_procedure(text: impl Into<String>) -> Name {
    Name {
        text: text.into(),
        is_in_procedure: true,
    }
}

impl<T: Into<String>> From<T> for Name {
    fn from(text: T) -> Self {
        Self {
            text: text.into(),
            is_in_procedure: false,
        }
    }
}

/// Gives all attacks on the pipelines and what belongs to them, one after the other.
pub(super) fn attacks(world: &World<'_>, pipelines: &[Pipeline], each: &mut dyn FnMut(AttackCall)) {
    let mut suite = AttackSuite {
        world,
        found: Vec::new(),
        target: None,
        instance: None,
        which: String::new(),
        third: third_account(world),
        place: Place {
            file: 0,
            span: crate::diagnostic::Span::default(),
        },
        region: String::new(),
    };
    for (number, pipeline) in pipelines.iter().enumerate() {
        suite.on_pipeline(pipeline, number == 0);
        suite.found.drain(..).for_each(&mut *each);
        for (action, target) in pipeline.deployments() {
            match target {
                Some(target) => suite.on_target(pipeline, target),
                None => suite.on_unknown_target(pipeline, action),
            }
            suite.found.drain(..).for_each(&mut *each);
        }
    }
    suite.on_buckets(pipelines, each);
}

fn third_account(world: &World<'_>) -> &'static str {
    let accounts = [
        "999999999999",
        "888888888888",
        "777777777777",
        "666666666666",
    ];
    let free = accounts
        .into_iter()
        .find(|account| !world.land.accounts.contains(*account));
    free.unwrap_or("999999999999")
}

struct AttackSuite<'r, 'w> {
    world: &'r World<'w>,
    found: Vec<AttackCall>,
    target: Option<String>,
    instance: Option<Arc<Instance>>,
    /// Added to the names: what tells a region's store, or a further pipeline, from the first.
    which: String,
    /// An account that has nothing to do with the pipeline.
    third: &'static str,
    place: Place,
    region: String,
}

/// An artifact store that is known.
#[derive(Clone, Copy)]
struct KnownStore<'p> {
    store: &'p Store,
    bucket: &'p str,
    /// `None`: none that can be attacked.
    key: Option<&'p str>,
    region: &'p str,
}

/// A store, where its bucket is known.
fn known(store: &Store) -> Option<KnownStore<'_>> {
    Some(KnownStore {
        store,
        bucket: store.bucket.as_deref().ok()?,
        key: store.key.as_ref().and_then(|key| key.as_deref().ok()),
        region: &store.region,
    })
}

impl AttackSuite<'_, '_> {
    /// The owner of a bucket; empty where it is not known.
    fn owner(&self, bucket: &str) -> String {
        let found = self.world.land.buckets.get(bucket);
        found
            .and_then(|bucket| bucket.account.clone())
            .unwrap_or_default()
    }

    /// The attacks on something that cannot be known: one that is unproven stands for all of them.
    fn on_unknown(&mut self, id: &str, what: &str, value: &Value) {
        let Err(doubt) = value else { return };
        let anybody = Caller::Unknown("anybody".to_owned(), doubt.clone());
        self.add(
            format!("unknown-{id}"),
            format!(
                "somebody misuses {what} that cannot be known: {}",
                doubt.reason
            ),
            &anybody,
            "s3:GetObject",
            ("", ""),
        );
    }

    fn on_unknown_target(&mut self, pipeline: &Pipeline, action: &Action) {
        self.target = None;
        self.instance = None;
        self.place = action.place;
        action.name.clone_into(&mut self.which);
        if let Work::Deploy(deploy) = &action.work {
            self.target = Some(deploy.target.clone());
            self.instance.clone_from(&deploy.instance);
            let role = action.performer(pipeline);
            self.on_unknown("deploy-role", "the role of a deploy action", role);
            self.on_unknown(
                "output-bucket",
                "the bucket of a deploy action",
                &deploy.bucket,
            );
        }
    }

    fn role(&self, account: &str, path_and_name: &str) -> String {
        format!(
            "arn:{}:iam::{account}:role/{path_and_name}",
            self.world.land.partition
        )
    }

    fn context(&self, caller: &Caller) -> Context {
        context(&self.world.land, caller, Some(&self.region))
    }

    fn add(
        &mut self,
        name: impl Into<Name>,
        what: String,
        caller: &Caller,
        action: &str,
        on: (&str, &str),
    ) {
        let context = self.context(caller);
        self.add_in(name, what, caller, action, on, context);
    }

    /// An attack; `on` is the resource and its account, which is empty where it is not known.
    fn add_in(
        &mut self,
        name: impl Into<Name>,
        what: String,
        caller: &Caller,
        action: &str,
        on: (&str, &str),
        context: Context,
    ) {
        let name = name.into();
        let context = match &self.world.land.organization {
            Some(organization) if self.world.land.accounts.contains(on.1) => {
                context.with("aws:ResourceOrgID", organization)
            }
            _ => context,
        };
        let unknown = match caller {
            Caller::Unknown(_, doubt) => Some((**doubt).clone()),
            _ if on.0.is_empty() => Some(Doubt {
                place: self.place,
                resource: String::new(),
                reason: "the pipeline's service role".to_owned(),
                effect: None,
            }),
            _ => None,
        };
        self.found.push(AttackCall {
            what,
            is_in_procedure: name.is_in_procedure,
            call: Call {
                id: match self.which.as_str() {
                    "" => name.text,
                    which => format!("{}/{which}", name.text),
                },
                target: self.target.clone(),
                instance: self.instance.clone(),
                step: Step::Attack,
                caller: caller.clone(),
                action: action.to_owned(),
                strength: Strength::Needed,
                resource: on.0.to_owned(),
                account: Some(on.1.to_owned()).filter(|account| !account.is_empty()),
                context,
                place: self.place,
                resource_policy: None,
                made_up: false,
                hindrance: None,
                unknown,
            },
        });
    }

    /// The resource of the last attack is nobody's, and has no policy.
    fn of_nothing(&mut self) {
        if let Some(last) = self.found.last_mut() {
            last.call.made_up = true;
        }
    }
}
