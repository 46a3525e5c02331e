//! Attacks with the key that a source bucket encrypts with: it is there to decrypt the source.

use super::super::world::World;
use super::{AttackSuite, Caller};
use crate::run::encryption::{Use, default_key};
use crate::run::landscape::{account_of, is_managed_key};
use crate::run::pipeline::Pipeline;
use crate::run::{key_arn, via_s3};

/// The customer managed key that a source bucket encrypts with by default, where no artifact store
/// uses the same: there the roles need more of it.
pub(super) fn source_key(world: &World<'_>, pipeline: &Pipeline, bucket: &str) -> Option<String> {
    let found = world.land.buckets.get(bucket)?;
    let default = found.encryption.default_key()?;
    let on = Use {
        owner: found.account.as_deref(),
        region: found.region.as_deref(),
        user: found.account.as_deref(),
    };
    let place = (pipeline.place, None);
    let key = default_key(&world.land, default.key.as_deref(), on, place)
        .arn
        .ok()?;
    let mut stores = pipeline.stores.iter();
    let is_shared = stores.any(|store| {
        let own = store.key.as_ref().and_then(|key| key.as_deref().ok());
        own.is_some_and(|own| key_arn(&world.land, own, &pipeline.account, &store.region) == key)
    });
    (!is_shared && !is_managed_key(&key)).then_some(key)
}

impl AttackSuite<'_, '_> {
    /// The service role does nothing with the key but to decrypt the source.
    pub(super) fn on_source_key(
        &mut self,
        pipeline: &Pipeline,
        bucket: &str,
        object: &str,
        service_role: &Caller,
    ) {
        let Some(key) = source_key(self.world, pipeline, bucket) else {
            return;
        };
        let region = &pipeline.region;
        let for_source = via_s3(&self.world.land, self.context(service_role), region, object);
        let elsewhere = self.world.land.bucket_arn(&format!("{bucket}-elsewhere"));
        let elsewhere = format!("{elsewhere}/some/object");
        let for_others = via_s3(
            &self.world.land,
            self.context(service_role),
            region,
            &elsewhere,
        );
        let mut attacks = vec![
            (
                "service-role-encrypts-with-source-key",
                "the service role makes data keys of the source bucket's key",
                "kms:GenerateDataKey",
                for_source,
            ),
            (
                "service-role-grants-source-key",
                "the service role creates grants of the source bucket's key",
                "kms:CreateGrant",
                self.context(service_role),
            ),
        ];
        // A key of the templates has no other users than these; another one may have.
        if self.world.land.known_key(&key).is_none() {
            attacks.push((
                "service-role-decrypts-with-source-key",
                "the service role decrypts another bucket's objects with the source bucket's key",
                "kms:Decrypt",
                for_others,
            ));
        }
        for (id, what, action, context) in attacks {
            let on = (key.as_str(), account_of(&key));
            self.add_in(id, what.to_owned(), service_role, action, on, context);
            self.of_unknown_key(&key);
        }
    }

    /// The policy of the key of the last attack is not given: then it leaves the decision to its
    /// account's policies, as the default policy does.
    pub(super) fn of_unknown_key(&mut self, key: &str) {
        let open = self.world.key(key).is_none();
        if let Some(last) = self.found.last_mut().filter(|_| open) {
            last.call.resource_policy = Some(self.world.open_key);
        }
    }
}
