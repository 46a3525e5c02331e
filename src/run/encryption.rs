//! Determines the key that S3 encrypts an object with, and whether anything other than the key
//! policy prevents its use.
//!
//! Follows *Using server-side encryption with AWS KMS keys*, *Setting default server-side
//! encryption behavior for Amazon S3 buckets*, *Create a pipeline in CodePipeline that uses
//! resources from another AWS account*, and *Key states of AWS KMS keys* in the AWS documentation.

use super::landscape::{
    Landscape, MANAGED_KEY, Usable, Value, account_of, is_managed_key, region_of,
};
use super::{Doubt, Hindrance, KeyState, Place, Rejection, is_cryptographic};
use crate::aws::arn;

/// A key that S3 uses on behalf of a caller.
#[derive(Debug, Clone)]
pub(crate) struct UsedKey {
    /// ARN, or why it is unknown.
    pub(crate) arn: Value,
    /// Why S3 cannot use it on behalf of this caller.
    pub(crate) rejection: Option<Rejection>,
    /// Whether the key is specified by an alias.
    pub(crate) is_by_alias: bool,
}

/// The location that specifies a key, and the template resource at that location.
pub(crate) type Said = (Place, Option<String>);

/// Where S3 looks for a key, and on whose behalf.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use<'u> {
    /// Account of the bucket owner; `None` if unknown.
    pub(crate) owner: Option<&'u str>,
    /// Region of the bucket; `None` if unknown.
    pub(crate) region: Option<&'u str>,
    /// Account of the caller; `None` if unknown.
    pub(crate) user: Option<&'u str>,
}

impl UsedKey {
    fn known(arn: String) -> Self {
        Self {
            arn: Ok(arn),
            rejection: None,
            is_by_alias: false,
        }
    }

    fn by_alias(arn: &str) -> Self {
        Self {
            is_by_alias: true,
            ..Self::known(arn.to_owned())
        }
    }

    /// Returns an unknown key.
    pub(crate) fn unresolved(doubt: &Doubt) -> Self {
        Self {
            arn: Err(Box::new(doubt.clone())),
            ..Self::known(String::new())
        }
    }

    fn unknown(said: Said, reason: impl Into<String>) -> Self {
        let (place, resource) = said;
        Self::unresolved(&Doubt::new(place, resource.unwrap_or_default(), reason))
    }

    fn rejected(arn: String, said: Said, because: String, fix: String) -> Self {
        Self {
            rejection: Some(Rejection::new(because, fix, said.0, said.1)),
            ..Self::known(arn)
        }
    }
}

const BY_ARN: &str = "specify the key by its ARN";

/// Returns the AWS managed key for S3, which S3 uses if no key is specified.
///
/// Each account has its own key, and no other account can use it (*Using server-side encryption
/// with AWS KMS keys*, section *Using SSE-KMS encryption for cross-account operations*).
pub(crate) fn managed(land: &Landscape, on: Use<'_>, said: Said) -> UsedKey {
    let (Some(owner), Some(region)) = (on.owner, on.region) else {
        return UsedKey::unknown(
            said,
            "the account of the AWS managed key: the owner or region of the bucket is unknown",
        );
    };
    let arn = arn::regional(&land.partition, "kms", region, owner, MANAGED_KEY);
    match on.user {
        Some(user) if user != owner => UsedKey::rejected(
            arn,
            said,
            format!(
                "S3 encrypts with the AWS managed key `aws/s3` of account {owner}, which no other \
                 account can use"
            ),
            format!(
                "specify a customer managed key by its ARN, and allow account {user} in its policy"
            ),
        ),
        _ => UsedKey::known(arn),
    }
}

/// Returns the key that a string in a bucket's default encryption identifies for a caller.
///
/// S3 looks for an alias without an account in the caller's account, not in the bucket owner's.
/// Across accounts, the key must be specified by its ARN.
pub(crate) fn default_key(land: &Landscape, key: Option<&str>, on: Use<'_>, said: Said) -> UsedKey {
    let Some(key) = key else {
        return managed(land, on, said);
    };
    if key.starts_with("arn:") {
        return by_arn(land, key, on, said);
    }
    let (Some(owner), Some(user), Some(region)) = (on.owner, on.user, on.region) else {
        let reason = format!(
            "the key `{key}`: the caller's account, or the owner or region of the bucket, is \
             unknown"
        );
        return UsedKey::unknown(said, reason);
    };
    if key == MANAGED_KEY {
        let own = Use {
            owner: Some(user),
            ..on
        };
        return managed(land, own, said);
    }
    if key.starts_with("alias/") {
        let arn = arn::regional(&land.partition, "kms", region, user, key);
        return by_alias(land, &arn, said, || {
            format!(
                "the key `{key}`: S3 looks for it in the requester's account {user}, where no \
                 template creates it"
            )
        });
    }
    let arn = bare_id(land, key, owner, region);
    if owner == user {
        return UsedKey::known(arn);
    }
    let because = format!(
        "the bucket specifies its key as `{key}`, without an account: the requester's account \
         {user} cannot use it by that name"
    );
    UsedKey::rejected(arn, said, because, BY_ARN.to_owned())
}

/// Returns the key that the `EncryptionKey` of an artifact store identifies for a caller. Without
/// `EncryptionKey`, CodePipeline uses the AWS managed key for S3.
///
/// An alias is recognized only in the key's account. An ID identifies a key in the role's account.
/// Across accounts, only an ARN identifies the pipeline's key.
pub(crate) fn store_key(
    land: &Landscape,
    key: Option<&Value>,
    pipeline: &str,
    on: Use<'_>,
    said: Said,
) -> UsedKey {
    let key = match key {
        None => return managed(land, on, said),
        Some(Err(doubt)) => return UsedKey::unresolved(doubt),
        Some(Ok(key)) => key.as_str(),
    };
    let (Some(user), Some(region)) = (on.user, on.region) else {
        return UsedKey::unknown(said, "the key of the artifact store: the role is unknown");
    };
    let account = match key.starts_with("arn:") {
        true => account_of(key),
        false => user,
    };
    let name = key.splitn(6, ':').last().unwrap_or(key);
    if key.starts_with("arn:") && !name.starts_with("alias/") {
        return by_arn(land, key, on, said);
    }
    if name == MANAGED_KEY {
        let own = Use {
            owner: Some(account),
            ..on
        };
        return managed(land, own, said);
    }
    let arn = match (key.starts_with("arn:"), name.starts_with("alias/")) {
        (true, _) => key.to_owned(),
        (false, true) => arn::regional(&land.partition, "kms", region, account, name),
        (false, false) => bare_id(land, name, account, region),
    };
    if account == user
        && let Some(known) = land.known_key(&arn)
    {
        return match name.starts_with("alias/") {
            true => UsedKey::by_alias(&known.arn),
            false => UsedKey::known(known.arn.clone()),
        };
    }
    if account == user && user == pipeline {
        if !name.starts_with("alias/") {
            return UsedKey::known(arn);
        }
        let reason = format!("the key `{key}`: no template creates it");
        return UsedKey::unknown(said, reason);
    }
    let because = format!(
        "CodePipeline looks for the key `{key}` in account {user}, the account of the role, but \
         does not find it there"
    );
    UsedKey::rejected(arn, said, because, BY_ARN.to_owned())
}

/// Returns the key that a request specifies.
pub(crate) fn named_key(land: &Landscape, key: &Value, on: Use<'_>, said: Said) -> UsedKey {
    match key {
        Err(doubt) => UsedKey::unresolved(doubt),
        Ok(key) => default_key(land, Some(key), on, said),
    }
}

fn by_arn(land: &Landscape, key: &str, on: Use<'_>, said: Said) -> UsedKey {
    if is_managed_key(key) {
        let theirs = Use {
            owner: Some(account_of(key)),
            region: Some(region_of(key)),
            ..on
        };
        return managed(land, theirs, said);
    }
    if !key.contains(":alias/") {
        return UsedKey::known(key.to_owned());
    }
    by_alias(land, key, said, || {
        format!("the key `{key}`: no template creates it")
    })
}

/// Returns the key that an alias ARN identifies. KMS authorizes access to the key, not the alias.
fn by_alias(land: &Landscape, alias: &str, said: Said, reason: impl FnOnce() -> String) -> UsedKey {
    match land.known_key(alias) {
        Some(known) => UsedKey::by_alias(&known.arn),
        None => UsedKey::unknown(said, reason()),
    }
}

/// Returns the ARN of the key that KMS finds for a caller in `account`. An ID or alias identifies a
/// key in the caller's account.
pub(crate) fn key_arn(land: &Landscape, key: &str, account: &str, region: &str) -> String {
    if key.starts_with("arn:") {
        return key.to_owned();
    }
    match key.starts_with("alias/") {
        true => arn::regional(&land.partition, "kms", region, account, key),
        false => arn::key(&land.partition, region, account, key),
    }
}

fn bare_id(land: &Landscape, id: &str, account: &str, region: &str) -> String {
    let id = id.strip_prefix("key/").unwrap_or(id);
    arn::key(&land.partition, region, account, id)
}

/// Returns the hindrance that prevents an operation on a key: the key's kind, state, or region.
/// `region` is the region of the bucket that S3 uses the key for, if any. `Some(None)` means that
/// the region is unknown.
#[expect(
    clippy::option_option,
    reason = "no bucket and an unknown region are different"
)]
pub(crate) fn hindrance(
    land: &Landscape,
    action: &str,
    key: &str,
    region: Option<Option<&str>>,
    needed_by: Place,
) -> Option<Hindrance> {
    if !is_cryptographic(action) {
        return None;
    }
    let known = land.known_key(key);
    let arn = known.map_or(key, |known| known.arn.as_str());
    if let Some(Some(region)) = region
        && region_of(arn) != region
    {
        let because = format!(
            "the key {arn} is not in {region}, the region of the bucket: S3 encrypts only with \
             keys in the same region"
        );
        let fix = format!("specify a key in {region}");
        let rejection = Rejection::new(because, fix, needed_by, None);
        return Some(Hindrance::Rejected(rejection));
    }
    if let Some(state) = land.key_states.get(arn) {
        return rejected(
            arn,
            *state,
            "enable the key, or specify another key",
            (needed_by, None),
        );
    }
    let nowhere = || {
        let reason = format!("whether the bucket is in the region of the key {arn}");
        Hindrance::Doubtful(Doubt::new(needed_by, "", reason))
    };
    let unknown = (region == Some(None)).then(nowhere);
    let Some(known) = known else { return unknown };
    match &known.usable {
        Usable::Yes => unknown,
        Usable::No(unusable) => {
            let said = (unusable.place, Some(unusable.resource.clone()));
            match unusable.state {
                Some(state) => rejected(arn, state, unusable.fix, said),
                None => {
                    let because = format!(
                        "the key {arn} has {}: S3 encrypts only with symmetric encryption keys",
                        unusable.what
                    );
                    let rejection = Rejection::new(because, unusable.fix, said.0, said.1);
                    Some(Hindrance::Rejected(rejection))
                }
            }
        }
        Usable::Unknown(doubt) => Some(Hindrance::Doubtful(doubt.clone())),
    }
}

fn rejected(key: &str, state: KeyState, fix: &str, (place, resource): Said) -> Option<Hindrance> {
    let (words, exception) = state.rejection()?;
    let because = format!("the key {key} is {words}: AWS KMS rejects its use with {exception}");
    Some(Hindrance::Rejected(Rejection {
        state: Some(state),
        ..Rejection::new(because, fix, place, resource)
    }))
}
