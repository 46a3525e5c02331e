//! The request context of an execution's calls: the context keys that the calls set.

use super::Caller;
use super::landscape::{Landscape, bucket_name};
use super::pipeline::Store;
use crate::aws::partition_of;
use crate::policy::evaluation::{Context, ContextValue};

/// Returns the context that all requests of a caller have in common. The request adds
/// `aws:ResourceAccount`, the account that owns the resource.
pub(crate) fn context(land: &Landscape, caller: &Caller, region: Option<&str>) -> Context {
    let mut context = Context::new().with("aws:SecureTransport", "true");
    if let Some(region) = region {
        context = context.with("aws:RequestedRegion", region);
    }
    if let Some(arn) = caller.principal_arn(&land.partition) {
        context = context.with("aws:PrincipalArn", arn);
    }
    if let Some(account) = caller.account() {
        context = context.with("aws:PrincipalAccount", account);
        if let Some(organization) = &land.organization
            && land.accounts.contains(account)
        {
            context = context.with("aws:PrincipalOrgID", organization);
        }
    }
    context
}

/// Adds the context of a KMS call that S3 makes for an object.
pub(crate) fn via_s3(
    land: &Landscape,
    context: Context,
    store_region: &str,
    object: &str,
) -> Context {
    let bucket = bucket_name(object).unwrap_or_default();
    let found = land.buckets.get(bucket);
    let is_bucket_key = found.is_some_and(|bucket| bucket.bucket_key == Some(true));
    let encrypted = if is_bucket_key {
        land.bucket_arn(bucket)
    } else {
        object.to_owned()
    };
    via_s3_for(context, Some(store_region), Some(encrypted))
}

/// Adds the same context for a region and an encryption context, either of which may be unknown.
pub(super) fn via_s3_for(
    mut context: Context,
    region: Option<&str>,
    encrypted: Option<String>,
) -> Context {
    let service = region.map(|region| format!("s3.{region}.{}", partition_of(region).dns_suffix()));
    let service = service.map_or(ContextValue::Present, ContextValue::One);
    context.set("kms:ViaService", service);
    let encrypted = encrypted.map_or(ContextValue::Present, ContextValue::One);
    context.set("kms:EncryptionContext:aws:s3:arn", encrypted);
    context
}

/// Adds the encryption headers of an upload to a store. The key is written as in the pipeline. AWS
/// does not document the header for a pipeline that specifies an alias, an ID, or no key.
pub(crate) fn encrypted_with(context: Context, store: &Store) -> Context {
    const KEY_ID: &str = "s3:x-amz-server-side-encryption-aws-kms-key-id";
    let mut context = context.with("s3:x-amz-server-side-encryption", "aws:kms");
    let value = match &store.key {
        Some(Ok(key)) if key.starts_with("arn:") && key.contains(":key/") => {
            ContextValue::One(key.clone())
        }
        Some(_) => ContextValue::Present,
        None => ContextValue::Unknown,
    };
    context.set(KEY_ID, value);
    context
}
