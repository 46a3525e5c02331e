//! Whether something holds, as far as it is known: yes, no, or unknown. What a decision makes of the
//! unknown is its [`Bound`]'s.

use std::borrow::Cow;

use super::request::{Context, ContextValue};

/// Whether something holds, as far as it is known. In this order, the lesser of two is what both
/// together are, and the greater what one of them is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    /// It does not.
    No,
    /// It depends on something that is not known.
    Unknown,
    /// It does.
    Yes,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl Truth {
    /// The contrary.
    pub(super) fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
            Self::Yes => Self::No,
        }
    }

    /// Whether it counts as holding, where the unknown counts as `unknown`.
    pub(super) fn counts(self, unknown: bool) -> bool {
        self == Self::Yes || (self == Self::Unknown && unknown)
    }

    /// Whether all of several hold.
    pub(super) fn all(several: impl IntoIterator<Item = Self>) -> Self {
        let mut least = Self::Yes;
        for one in several {
            least = least.min(one);
            if least == Self::No {
                break;
            }
        }
        least
    }

    /// Whether one of several holds.
    pub(super) fn any(several: impl IntoIterator<Item = Self>) -> Self {
        let mut most = Self::No;
        for one in several {
            most = most.max(one);
            if most == Self::Yes {
                break;
            }
        }
        most
    }
}

/// What a decision makes of statements that may or may not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// As little is allowed as can be: an Allow does not apply, a Deny does. What is allowed now is
    /// allowed whatever the unknown is.
    Least,
    /// As much is allowed as can be: an Allow applies, a Deny does not. What is denied now is denied
    /// whatever the unknown is.
    Most,
}

/// The context keys that a request does not list.
pub trait UnlistedKeys: Sync {
    /// What is known of a key, which is in lower case; `None`: AWS does not send it.
    fn value(&self, key: &str) -> Option<Cow<'_, ContextValue>>;
}

/// What is known of a request beside the keys that it lists.
#[derive(Clone, Copy)]
pub struct Knowledge<'k> {
    /// The keys that the request does not list; `None`: AWS sends no others.
    pub unlisted: Option<&'k dyn UnlistedKeys>,
    /// What to make of the unknown.
    pub bound: Bound,
    /// Whether the principal may have a permissions boundary, though none is listed.
    pub may_have_boundary: bool,
}

impl Knowledge<'_> {
    /// The request lists all that AWS sends.
    pub const COMPLETE: Self = Self {
        unlisted: None,
        bound: Bound::Least,
        may_have_boundary: false,
    };
}

/// The context of a request: its own keys, and what is known of others.
#[derive(Clone, Copy)]
pub(super) struct View<'v> {
    pub(super) context: &'v Context,
    pub(super) unlisted: Option<&'v dyn UnlistedKeys>,
}

impl<'v> View<'v> {
    /// What is known of a key in lower case; a key without any value is missing.
    pub(super) fn get(&self, key: &str) -> Option<Cow<'v, ContextValue>> {
        let found = match (self.context.get_lower(key), self.unlisted) {
            (Some(value), _) => Some(Cow::Borrowed(value)),
            (None, Some(unlisted)) => unlisted.value(key),
            (None, None) => None,
        };
        found.filter(|value| !matches!(&**value, ContextValue::Many(values) if values.is_empty()))
    }
}
