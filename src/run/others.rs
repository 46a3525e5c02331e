//! Calls outside pipelines: the administration of keys and the delivery of access logs.

use super::landscape::{Landscape, region_of};
use super::{Caller, Hindrance, Needed, On, Rejection, Run, Scope, Step, context};

impl Run<'_> {
    /// Adds the administration of keys. KMS rejects a key policy that makes the key unmanageable.
    pub(super) fn administration(&mut self) {
        for key in self.land.keys.iter().filter(|key| key.is_made) {
            let region = region_of(&key.arn);
            let scope = Scope {
                step: Step::Administer,
                target: key.target.as_deref(),
                instance: key.instance.as_ref(),
                which: if self.land.region == region {
                    ""
                } else {
                    region
                },
                caller: &Caller::Root(key.account.clone()),
                place: key.place,
            };
            let on = On {
                arn: Ok(key.arn.clone()),
                account: Some(key.account.clone()),
            };
            let context = context(self.land, scope.caller, Some(region));
            self.add(&scope, Needed, "kms:PutKeyPolicy", &on, context, None);
        }
    }

    /// Adds the delivery of access logs, which the S3 logging service performs.
    pub(super) fn log_delivery(&mut self) {
        let land = self.land;
        let caller = Caller::Service("logging.s3.amazonaws.com".to_owned());
        for (name, bucket) in &land.buckets {
            let (Some((log_bucket, prefix)), Some(place)) = (&bucket.log_bucket, bucket.place)
            else {
                continue;
            };
            let which = match bucket.region.as_deref() {
                Some(region) if bucket.target.is_none() && region != land.region => region,
                _ => "",
            };
            let scope = Scope {
                step: Step::Logs,
                target: bucket.target.as_deref(),
                instance: bucket.instance.as_ref(),
                which,
                caller: &caller,
                place,
            };
            let context = context(land, &caller, bucket.region.as_deref())
                .with("aws:SourceArn", land.bucket_arn(name))
                .with(
                    "aws:SourceAccount",
                    bucket.account.as_deref().unwrap_or_default(),
                );
            let log_arn = land.bucket_arn(log_bucket);
            let on = On {
                arn: Ok(format!("{log_arn}/{prefix}2026-01-31-12-00-00-AB")),
                account: land.owner(&log_arn).map(str::to_owned),
            };
            let hindrance = undeliverable(land, log_bucket).map(Hindrance::Rejected);
            self.add(&scope, Needed, "s3:PutObject", &on, context, hindrance);
        }
    }
}

/// Returns why S3 cannot deliver access logs to a bucket: its default encryption uses a KMS key.
fn undeliverable(land: &Landscape, log_bucket: &str) -> Option<Rejection> {
    let default = land.buckets.get(log_bucket)?.encryption.default_key()?;
    let (place, resource) = default.said.clone()?;
    let because = format!(
        "S3 cannot deliver access logs to {log_bucket}, whose default encryption uses a KMS key"
    );
    let fix = "set `SSEAlgorithm: AES256`";
    Some(Rejection::new(because, fix, place, Some(resource)))
}
