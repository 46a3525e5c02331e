//! Attacks on every bucket that the templates make.

use std::collections::HashSet;

use super::{AttackCall, AttackSuite, Caller, in_procedure};
use crate::run::pipeline::Pipeline;

impl AttackSuite<'_, '_> {
    /// Nobody goes without TLS, and nobody else's logs come in.
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
            self.region.clear();
            self.region
                .push_str(bucket.region.as_deref().unwrap_or_default());
            let account = bucket.account.as_deref().unwrap_or_default();
            let arn = world.land.bucket_arn(name);
            let administrator = Caller::Administrator(self.role(account, "administrator"));
            let insecure = self
                .context(&administrator)
                .with("aws:SecureTransport", "false");
            for (id, action, resource) in [
                (
                    "object-without-tls",
                    "s3:GetObject",
                    format!("{arn}/some/object"),
                ),
                ("bucket-without-tls", "s3:ListBucket", arn.clone()),
            ] {
                let what =
                    format!("an administrator of {account} calls {action} on {name} without TLS");
                let id = match (stores.contains(name.as_str()), action) {
                    (true, "s3:ListBucket") => in_procedure(format!("artifact-{id}/{name}")),
                    (true, _) => format!("artifact-{id}/{name}").into(),
                    (false, _) => format!("{id}/{name}").into(),
                };
                self.add_in(
                    id,
                    what,
                    &administrator,
                    action,
                    (&resource, account),
                    insecure.clone(),
                );
            }
            let third = self.third;
            let stranger = Caller::Administrator(self.role(third, "other-role"));
            let what = format!("a role of another account reads {name}");
            let object = format!("{arn}/some/object");
            self.add(
                format!("third-account-reads/{name}"),
                what,
                &stranger,
                "s3:GetObject",
                (&object, account),
            );
            if let Some((log_bucket, prefix)) = &bucket.log_bucket {
                self.on_logs(name, log_bucket, prefix, account, third);
            }
            self.found.drain(..).for_each(&mut *each);
        }
    }

    fn on_logs(&mut self, name: &str, log_bucket: &str, prefix: &str, account: &str, third: &str) {
        let world = self.world;
        let logging = Caller::Service("logging.s3.amazonaws.com".to_owned());
        let object = format!("{}/{prefix}log", world.land.bucket_arn(log_bucket));
        for (id, what, source, owner) in [
            (
                "confused-deputy",
                "another account's bucket of the same name",
                name.to_owned(),
                third,
            ),
            (
                "another-bucket",
                "another bucket of the account",
                format!("{name}-another"),
                account,
            ),
        ] {
            let context = self
                .context(&logging)
                .with("aws:SourceArn", world.land.bucket_arn(&source))
                .with("aws:SourceAccount", owner);
            let what = format!("S3 delivers logs of {what} to {log_bucket}");
            self.add_in(
                format!("logs-of-{id}/{name}"),
                what,
                &logging,
                "s3:PutObject",
                (&object, account),
                context,
            );
        }
        let lambda = Caller::Service("lambda.amazonaws.com".to_owned());
        let context = self
            .context(&lambda)
            .with("aws:SourceArn", world.land.bucket_arn(name))
            .with("aws:SourceAccount", account);
        let what = format!("lambda.amazonaws.com writes to {log_bucket}");
        self.add_in(
            format!("logs-by-lambda/{name}"),
            what,
            &lambda,
            "s3:PutObject",
            (&object, account),
            context,
        );
    }
}
