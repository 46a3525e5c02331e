//! Calls that belong to no pipeline: the administration of keys and the delivery of access logs.

use super::super::call::{Caller, Hindrance, Rejection, Strength};
use super::super::resolve::Resolver;
use super::super::world::{Place, World, region_of};
use super::{On, Run, Step, context};

impl Run<'_, '_> {
    /// KMS refuses a key policy that locks everybody out.
    pub(super) fn administration(&mut self) {
        let dev = self.world.resolvers.first();
        let world_region = dev.map_or("", |dev| dev.deployment().region);
        for key in self.world.keys.iter().filter(|key| key.is_made) {
            let held = &self.world.policies[key.policy];
            let region = region_of(&key.arn);
            let step = Step {
                name: "administer",
                target: key.target.as_deref(),
                instance: key.instance.as_ref(),
                which: if world_region == region { "" } else { region },
                caller: &Caller::Root(key.account.clone()),
                place: Place {
                    file: held.file,
                    span: held.span,
                },
            };
            let on = On {
                arn: Ok(key.arn.clone()),
                account: Some(key.account.clone()),
            };
            let context = context(self.world, step.caller, Some(region));
            self.add(
                &step,
                Strength::Needed,
                "kms:PutKeyPolicy",
                &on,
                context,
                None,
            );
        }
    }

    /// S3 delivers access logs as a service.
    pub(super) fn log_delivery(&mut self) {
        let world = self.world;
        let caller = Caller::Service("logging.s3.amazonaws.com".to_owned());
        let dev = world.resolvers.first();
        let dev_region = dev.map_or("", |dev| dev.deployment().region);
        for (name, bucket) in &world.buckets {
            let (Some((log_bucket, prefix)), Some(place)) = (&bucket.log_bucket, bucket.place)
            else {
                continue;
            };
            let resolver = bucket.resolver.map(|number| &world.resolvers[number]);
            let deployment = resolver.map(Resolver::deployment);
            let which = match deployment {
                Some(here) if here.target.is_none() && here.region != dev_region => here.region,
                _ => "",
            };
            let step = Step {
                name: "logs",
                target: deployment.and_then(|deployment| deployment.target),
                instance: deployment.and_then(|deployment| deployment.instance.as_ref()),
                which,
                caller: &caller,
                place,
            };
            let context = context(world, &caller, bucket.region.as_deref())
                .with("aws:SourceArn", world.bucket_arn(name))
                .with(
                    "aws:SourceAccount",
                    bucket.account.as_deref().unwrap_or_default(),
                );
            let on = On {
                arn: Ok(format!(
                    "{}/{prefix}2026-01-31-12-00-00-AB",
                    world.bucket_arn(log_bucket)
                )),
                account: world
                    .owner(&world.bucket_arn(log_bucket))
                    .map(str::to_owned),
            };
            let hindrance = undeliverable(world, log_bucket).map(Hindrance::Rejected);
            self.add(
                &step,
                Strength::Needed,
                "s3:PutObject",
                &on,
                context,
                hindrance,
            );
        }
    }
}

/// Why S3 cannot deliver access logs to a bucket: its default encryption uses a KMS key.
fn undeliverable(world: &World<'_>, log_bucket: &str) -> Option<Rejection> {
    let default = world.buckets.get(log_bucket)?.encryption.default_key()?;
    let (place, resource) = default.said.clone()?;
    Some(Rejection {
        because: format!(
            "S3 cannot deliver access logs to {log_bucket}, whose default encryption uses a KMS key"
        ),
        state: None,
        fix: "write `SSEAlgorithm: AES256`".to_owned(),
        place,
        resource: Some(resource),
    })
}
