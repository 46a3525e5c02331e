//! The calls that must be denied, derived from the same templates as the calls of an execution.
//!
//! An external attacker is a role with full access in its own account, so the policies on the
//! resource's side must stop it. An administrator of an account does not count as an attacker of
//! that account's resources, except in calls without TLS, which are never permitted.

/// Adds the attacks of one attacker, one per row: the name, the description, the action, the
/// resource, and the differences from a plain call.
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
mod build;
mod invalidation;
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
    /// Whether AWS's published procedure allows the attack.
    pub(super) is_in_procedure: bool,
}

impl AttackCall {
    /// Marks the attack as one that AWS's published procedure allows.
    fn in_procedure(&mut self) -> &mut Self {
        self.is_in_procedure = true;
        self
    }

    /// Sets a context key of the request.
    fn with(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        self.sent(|context| context.with(key, value))
    }

    fn without_tls(&mut self) -> &mut Self {
        self.with("aws:SecureTransport", "false")
    }

    /// Adds the encryption headers of a store to the upload.
    fn encrypted_with(&mut self, store: KnownStore<'_>) -> &mut Self {
        self.sent(|context| encrypted_with(context, store.store))
    }

    /// Marks the call as one that S3 makes for an object.
    fn via_s3(&mut self, land: &Landscape, region: &str, object: &str) -> &mut Self {
        self.sent(|context| via_s3(land, context, region, object))
    }

    fn sent(&mut self, change: impl FnOnce(Context) -> Context) -> &mut Self {
        self.call.context = change(std::mem::take(&mut self.call.context));
        self
    }

    /// Marks the resource as one that has no owner and no policy.
    fn made_up(&mut self) -> &mut Self {
        self.call.made_up = true;
        self
    }

    /// Sets the policy of the resource.
    fn under(&mut self, policy: PolicyId) -> &mut Self {
        self.call.resource_policy = Some(policy);
        self
    }
}

/// An attacker.
#[derive(Debug, Clone)]
struct Attacker {
    caller: Caller,
    /// The prefix of the attack names.
    name: String,
    /// The subject of the attack descriptions.
    who: String,
}

/// The resource of an attack: its ARN and its owner's account ID, which is empty if unknown.
type On<'a> = (&'a str, &'a str);

fn attacker(caller: Caller, name: impl Into<String>, who: impl Into<String>) -> Attacker {
    Attacker {
        caller,
        name: name.into(),
        who: who.into(),
    }
}

/// Returns an AWS service as the attacker. `name` is the first part of its service principal.
fn service(name: &str) -> Attacker {
    let service = format!("{name}.amazonaws.com");
    attacker(Caller::Service(service.clone()), name, service)
}

/// Passes all attacks on the pipelines and their resources to `each`, one at a time.
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
        for (action, machine) in pipeline.machines() {
            suite.on_machine(pipeline, action, machine);
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
    /// The suffix of the attack names that distinguishes the store in another region, or an
    /// additional pipeline, from the first one.
    which: String,
    /// An account that is unrelated to the pipeline.
    third: &'static str,
    place: Place,
    region: String,
}

/// An artifact store whose bucket is known.
#[derive(Clone, Copy)]
struct KnownStore<'p> {
    store: &'p Store,
    bucket: &'p str,
    /// `None` if there is no known key to attack.
    key: Option<&'p str>,
    region: &'p str,
}

/// Returns the store if its bucket is known.
fn known(store: &Store) -> Option<KnownStore<'_>> {
    Some(KnownStore {
        store,
        bucket: store.bucket.as_deref().ok()?,
        key: store.key.as_ref().and_then(|key| key.as_deref().ok()),
        region: &store.region,
    })
}

impl AttackSuite<'_, '_> {
    /// Returns the owner of a bucket, or an empty string if the owner is unknown.
    fn owner(&self, bucket: &str) -> String {
        let found = self.world.land.buckets.get(bucket);
        let owner = found.and_then(|bucket| bucket.account.clone());
        owner.unwrap_or_default()
    }

    /// Adds one unproven attack that represents all attacks on an unknown resource.
    fn on_unknown(&mut self, name: &str, what: &str, value: &Value) {
        let Err(doubt) = value else { return };
        let anybody = Caller::Unknown("anybody".to_owned(), doubt.clone());
        let anybody = attacker(anybody, "unknown", "someone misuses");
        let what = format!("{what}, which is unknown: {}", doubt.reason);
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

    /// Returns a role with full access in its own account.
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
