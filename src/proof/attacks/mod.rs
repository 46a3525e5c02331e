//! The calls that must not be allowed, made from the same templates as the run.
//!
//! An attacker from elsewhere is a role that its own account allows everything, so that the
//! resource's side has to stop it. An administrator of an account is no attacker on that
//! account's own resources, except without TLS, which nobody may do without.

/// Adds attacks of one attacker, one in each row: the name, what happens, the action, what it is on,
/// and how the call differs from a plain one.
macro_rules! attacks {
    (
        $suite:expr, $by:expr;
        $($name:literal, $what:literal, $action:literal, $on:expr
            $(; $change:ident($($argument:expr),*))*;)+
    ) => {
        $($suite.add($by, $name, $what, $action, $on)$(.$change($($argument),*))*;)+
    };
}

mod buckets;
mod namesakes;
mod pipeline;
mod source_key;
mod target;

use std::sync::Arc;

use super::world::World;
use crate::aws::arn;
use crate::policy::evaluation::Context;
use crate::run::landscape::{Landscape, PolicyId, Value};
use crate::run::pipeline::{Action, Pipeline, Store, Work};
use crate::run::{
    Call, Caller, Doubt, Instance, Place, Step, Strength, context, encrypted_with, via_s3,
};

#[derive(Debug, Clone)]
pub(super) struct AttackCall {
    pub(super) call: Call,
    pub(super) what: String,
    /// Whether AWS's published procedure allows it by itself.
    pub(super) is_in_procedure: bool,
}

impl AttackCall {
    /// AWS's published procedure allows it.
    fn in_procedure(&mut self) -> &mut Self {
        self.is_in_procedure = true;
        self
    }

    /// The request has a context key with this value.
    fn with(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        self.sent(|context| context.with(key, value))
    }

    fn without_tls(&mut self) -> &mut Self {
        self.with("aws:SecureTransport", "false")
    }

    /// The upload says the encryption of a store.
    fn encrypted_with(&mut self, store: KnownStore<'_>) -> &mut Self {
        self.sent(|context| encrypted_with(context, store.store))
    }

    /// S3 asks for the key of an object.
    fn via_s3(&mut self, land: &Landscape, region: &str, object: &str) -> &mut Self {
        self.sent(|context| via_s3(land, context, region, object))
    }

    fn sent(&mut self, change: impl FnOnce(Context) -> Context) -> &mut Self {
        self.call.context = change(std::mem::take(&mut self.call.context));
        self
    }

    /// The resource is nobody's, and has no policy.
    fn made_up(&mut self) -> &mut Self {
        self.call.made_up = true;
        self
    }

    /// The resource has this policy.
    fn under(&mut self, policy: PolicyId) -> &mut Self {
        self.call.resource_policy = Some(policy);
        self
    }
}

/// Who attacks.
#[derive(Debug, Clone)]
struct Attacker {
    caller: Caller,
    /// Begins the names of the attacks.
    name: String,
    /// Begins the sentences on what happens.
    who: String,
}

/// What an attack is on: the ARN, and the account that owns it; empty where it is not known.
type On<'a> = (&'a str, &'a str);

fn attacker(caller: Caller, name: impl Into<String>, who: impl Into<String>) -> Attacker {
    Attacker {
        caller,
        name: name.into(),
        who: who.into(),
    }
}

/// An AWS service, by the first part of its name.
fn service(name: &str) -> Attacker {
    let service = format!("{name}.amazonaws.com");
    attacker(Caller::Service(service.clone()), name, service)
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
        place: Place::default(),
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
    let mut free = accounts
        .into_iter()
        .filter(|account| !world.land.accounts.contains(*account));
    free.next().unwrap_or("999999999999")
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
        let owner = found.and_then(|bucket| bucket.account.clone());
        owner.unwrap_or_default()
    }

    /// The attacks on something that cannot be known: one that is unproven stands for all of them.
    fn on_unknown(&mut self, name: &str, what: &str, value: &Value) {
        let Err(doubt) = value else { return };
        let anybody = Caller::Unknown("anybody".to_owned(), doubt.clone());
        let anybody = attacker(anybody, "unknown", "somebody misuses");
        let what = format!("{what} that cannot be known: {}", doubt.reason);
        self.add(&anybody, name, &what, "s3:GetObject", ("", ""));
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
            let bucket = &deploy.bucket;
            self.on_unknown("output-bucket", "the bucket of a deploy action", bucket);
        }
    }

    fn role(&self, account: &str, path_and_name: &str) -> String {
        arn::role(&self.world.land.partition, account, path_and_name)
    }

    /// A role that its own account allows everything.
    fn administrator(&self, account: &str, path_and_name: &str) -> Caller {
        Caller::Administrator(self.role(account, path_and_name))
    }

    /// Adds an attack.
    fn add(
        &mut self,
        by: &Attacker,
        name: &str,
        what: &str,
        action: &str,
        (resource, account): On<'_>,
    ) -> &mut AttackCall {
        let land = &self.world.land;
        let mut context = context(land, &by.caller, Some(&self.region));
        if let Some(organization) = &land.organization
            && land.accounts.contains(account)
        {
            context = context.with("aws:ResourceOrgID", organization);
        }
        let unknown = match &by.caller {
            Caller::Unknown(_, doubt) => Some((**doubt).clone()),
            _ if resource.is_empty() => {
                Some(Doubt::new(self.place, "", "the pipeline's service role"))
            }
            _ => None,
        };
        let which = match self.which.as_str() {
            "" => "",
            which => &format!("/{which}"),
        };
        self.found.push(AttackCall {
            what: format!("{} {what}", by.who),
            is_in_procedure: false,
            call: Call {
                id: format!("{}-{name}{which}", by.name),
                target: self.target.clone(),
                instance: self.instance.clone(),
                step: Step::Attack,
                caller: by.caller.clone(),
                action: action.to_owned(),
                strength: Strength::Needed,
                resource: resource.to_owned(),
                account: Some(account.to_owned()).filter(|account| !account.is_empty()),
                context,
                place: self.place,
                resource_policy: None,
                made_up: false,
                hindrance: None,
                unknown,
            },
        });
        let last = self.found.len() - 1;
        &mut self.found[last]
    }
}
