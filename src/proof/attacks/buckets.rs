//! Attacks on every bucket that the templates create.

use std::collections::HashSet;

use super::{AttackCall, AttackSuite, On, attacker, service};
use crate::run::pipeline::Pipeline;

impl AttackSuite<'_, '_> {
    /// Adds calls without TLS, reads by a role in another account, and deliveries of other logs.
    pub(super) fn on_buckets(&mut self, pipelines: &[Pipeline], each: &mut dyn FnMut(AttackCall)) {
        let world = self.world;
        self.which.clear();
        let stores: HashSet<&str> = pipelines
            .iter()
            .flat_map(|pipeline| &pipeline.stores)
            .filter_map(|store| store.bucket.as_deref().ok())
            .collect();
        for (name, bucket) in &world.land.buckets {
            let Some(place) = bucket.place.filter(|_| bucket.is_made) else {
                continue;
            };
            self.target.clone_from(&bucket.target);
            self.instance.clone_from(&bucket.instance);
            self.place = place;
            self.region = bucket.region.clone().unwrap_or_default();
            let account = bucket.account.as_deref().unwrap_or_default();
            let arn = &world.land.bucket_arn(name);
            let object = &format!("{arn}/some/object");
            let is_store = stores.contains(name.as_str());
            for (kind, action, resource) in [
                ("object", "s3:GetObject", object),
                ("bucket", "s3:ListBucket", arn),
            ] {
                let prefix = if is_store { "artifact-" } else { "" };
                let administrator = attacker(
                    self.administrator(account, "administrator"),
                    format!("{prefix}{kind}"),
                    format!("an administrator of {account}"),
                );
                let id = format!("without-tls/{name}");
                let what = format!("calls {action} on {name} without TLS");
                let attack = self.add(&administrator, &id, &what, action, (resource, account));
                attack.without_tls();
                attack.is_in_procedure = is_store && action == "s3:ListBucket";
            }
            let (id, what) = (format!("reads/{name}"), format!("reads {name}"));
            let stranger = self.stranger("other-role");
            self.add(&stranger, &id, &what, "s3:GetObject", (object, account));
            if let Some((log_bucket, prefix)) = &bucket.log_bucket {
                let object = format!("{}/{prefix}log", world.land.bucket_arn(log_bucket));
                self.on_logs(name, log_bucket, (&object, account));
            }
            self.found.drain(..).for_each(&mut *each);
        }
    }

    fn on_logs(&mut self, name: &str, log_bucket: &str, on: On<'_>) {
        let land = &self.world.land;
        let logging = attacker(
            service("logging.s3").caller,
            "logs-of",
            "S3 delivers logs of",
        );
        let lambda = attacker(service("lambda").caller, "logs-by", "lambda.amazonaws.com");
        let to = |text: &str| format!("{text} to {log_bucket}");
        for (by, id, what, source, owner) in [
            (
                &logging,
                "confused-deputy",
                to("another account's bucket with the same name"),
                name,
                self.third,
            ),
            (
                &logging,
                "another-bucket",
                to("another bucket in the account"),
                &format!("{name}-another"),
                on.1,
            ),
            (&lambda, "lambda", to("writes"), name, on.1),
        ] {
            let id = format!("{id}/{name}");
            self.add(by, &id, &what, "s3:PutObject", on)
                .with("aws:SourceArn", land.bucket_arn(source))
                .with("aws:SourceAccount", owner);
        }
    }
}
