//! Attacks with a source bucket's key. The roles may use this key only to decrypt the source.

use super::super::world::World;
use super::{AttackCall, AttackSuite, Attacker};
use crate::run::encryption::{Use, default_key};
use crate::run::key_arn;
use crate::run::landscape::{account_of, is_managed_key};
use crate::run::pipeline::Pipeline;

/// Returns the customer managed key in the default encryption of a source bucket, unless an
/// artifact store uses the same key. In that case, the roles need more permissions on it.
pub(super) fn source_key(world: &World<'_>, pipeline: &Pipeline, bucket: &str) -> Option<String> {
    let found = world.land.buckets.get(bucket)?;
    let default = found.encryption.default_key()?;
    let on = Use {
        owner: found.account.as_deref(),
        region: found.region.as_deref(),
        user: found.account.as_deref(),
    };
    let place = (pipeline.place, None);
    let key = default_key(&world.land, default.key.as_deref(), on, place);
    let key = key.arn.ok()?;
    let mut stores = pipeline.stores.iter();
    let is_shared = stores.any(|store| {
        let own = store.key.as_ref().and_then(|key| key.as_deref().ok());
        own.is_some_and(|own| key_arn(&world.land, own, &pipeline.account, &store.region) == key)
    });
    (!is_shared && !is_managed_key(&key)).then_some(key)
}

impl AttackSuite<'_, '_> {
    /// Adds the uses of the key other than decrypting the source.
    pub(super) fn on_source_key(
        &mut self,
        pipeline: &Pipeline,
        bucket: &str,
        object: &str,
        by: &Attacker,
    ) {
        let Some(key) = source_key(self.world, pipeline, bucket) else {
            return;
        };
        let land = &self.world.land;
        let region = &pipeline.region;
        let (name, what) = (
            "encrypts-with-source-key",
            "generates data keys with the source bucket's key",
        );
        self.with_key(by, name, what, "kms:GenerateDataKey", &key)
            .via_s3(land, region, object);
        let what = "creates grants for the source bucket's key";
        self.with_key(by, "grants-source-key", what, "kms:CreateGrant", &key);
        // A key in the templates has no other users. Other keys may have some.
        if land.known_key(&key).is_none() {
            let elsewhere = land.bucket_arn(&format!("{bucket}-elsewhere/some/object"));
            let what = "decrypts another bucket's objects with the source bucket's key";
            let name = "decrypts-with-source-key";
            self.with_key(by, name, what, "kms:Decrypt", &key)
                .via_s3(land, region, &elsewhere);
        }
    }

    /// Adds a use of a key. A key policy that was not provided delegates to the policies of its
    /// account, as the default key policy does.
    pub(super) fn with_key(
        &mut self,
        by: &Attacker,
        name: &str,
        what: &str,
        action: &str,
        key: &str,
    ) -> &mut AttackCall {
        let world = self.world;
        let attack = self.add(by, name, what, action, (key, account_of(key)));
        if world.key(key).is_none() {
            attack.under(world.open_key);
        }
        attack
    }
}
