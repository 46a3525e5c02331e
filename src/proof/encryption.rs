//! Which key S3 encrypts an object with, and what keeps KMS from using it whatever its policy
//! says.
//!
//! Follows the AWS documents *Using server-side encryption with AWS KMS keys* and *Setting default
//! server-side encryption behavior for Amazon S3 buckets*, and *Key states of AWS KMS keys*.

use super::call::{Hindrance, Rejection};
use super::key_state::{KeyState, is_cryptographic};
use super::run::account_of;
use super::world::{MANAGED_KEY, Place, Usable, World, is_managed_key};

/// A key that S3 uses for a caller.
pub(super) struct UsedKey {
    /// ARN.
    pub(super) arn: String,
    /// Why S3 cannot use it for this caller.
    pub(super) rejection: Option<Rejection>,
}

impl UsedKey {
    /// A key that a request names.
    pub(super) fn named(arn: String) -> Self {
        Self {
            arn,
            rejection: None,
        }
    }

    /// Account of the key.
    pub(super) fn account(&self) -> &str {
        account_of(&self.arn)
    }
}

/// Where a key is named, and the resource of the template that names it.
pub(super) type Said = (Place, Option<String>);

/// The AWS managed key of S3, as S3 uses it where nobody names a key.
///
/// Each account has its own, and only that account can use it (*Using server-side encryption with
/// AWS KMS keys*, section *Using SSE-KMS encryption for cross-account operations*).
pub(super) fn managed(
    world: &World<'_>,
    owner: &str,
    region: &str,
    user: &str,
    said: Said,
) -> UsedKey {
    let rejection = (owner != user).then(|| Rejection {
        because: format!(
            "S3 encrypts with the AWS managed key `aws/s3` of account {owner}, which no other \
             account can use"
        ),
        state: None,
        fix: format!(
            "name a customer managed key by its ARN, and allow account {user} in its policy"
        ),
        place: said.0,
        resource: said.1,
    });
    UsedKey {
        arn: format!("arn:{}:kms:{region}:{owner}:{MANAGED_KEY}", world.partition),
        rejection,
    }
}

/// The key of a bucket's default encryption, as S3 uses it for a caller of account `user`.
///
/// S3 looks for a bare ID or a bare alias in the caller's account, not in the bucket's.
pub(super) fn default_key(
    world: &World<'_>,
    key: Option<&str>,
    (owner, region): (&str, &str),
    user: &str,
    said: Said,
) -> UsedKey {
    let Some(key) = key.filter(|key| *key != MANAGED_KEY) else {
        return managed(world, owner, region, user, said);
    };
    let partition = &world.partition;
    let arn = match key {
        key if is_managed_key(key) => {
            return managed(world, account_of(key), region, user, said);
        }
        key if key.starts_with("arn:") => key.to_owned(),
        key if key.starts_with("alias/") => format!("arn:{partition}:kms:{region}:{owner}:{key}"),
        key => format!("arn:{partition}:kms:{region}:{owner}:key/{key}"),
    };
    let is_bare = !key.starts_with("arn:");
    let rejection = (is_bare && owner != user).then(|| Rejection {
        because: format!(
            "the bucket names its key as `{key}`, without an account, so S3 looks for it in account \
             {user}, whose request it is"
        ),
        state: None,
        fix: "name the key by its ARN".to_owned(),
        place: said.0,
        resource: said.1,
    });
    // KMS decides by the key that an alias names; an alias of another account names none.
    let arn = match world.known_key(&arn) {
        Some(known) if account_of(&arn) == user => known.arn.clone(),
        _ => arn,
    };
    UsedKey { arn, rejection }
}

/// What keeps KMS from an operation on a key: the key's state.
pub(super) fn hindrance(
    world: &World<'_>,
    action: &str,
    key: &str,
    needed_by: Place,
) -> Option<Hindrance> {
    if !is_cryptographic(action) {
        return None;
    }
    let known = world.known_key(key);
    let arn = known.map_or(key, |known| known.arn.as_str());
    if let Some(state) = world.key_states.get(arn) {
        return rejected(arn, *state, "make the key usable again", (needed_by, None));
    }
    match &known?.usable {
        Usable::Yes => None,
        Usable::No(state, place, resource) => {
            let said = (*place, Some(resource.clone()));
            rejected(arn, *state, "remove `Enabled: false`", said)
        }
        Usable::Unknown(doubt) => Some(Hindrance::Doubtful(doubt.clone())),
    }
}

fn rejected(key: &str, state: KeyState, fix: &str, (place, resource): Said) -> Option<Hindrance> {
    let (words, exception) = state.rejection()?;
    Some(Hindrance::Rejected(Rejection {
        because: format!("the key {key} is {words}: AWS KMS rejects its use with {exception}"),
        state: Some(state),
        fix: fix.to_owned(),
        place,
        resource,
    }))
}
