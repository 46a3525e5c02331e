//! Three-valued logic: yes, no, or unknown. The [`Bound`] of a decision determines how an unknown
//! counts.

use std::borrow::Cow;

use super::request::{Context, ContextValue};

/// A three-valued truth value. In this order, the lesser of two values is their conjunction, and
/// the greater is their disjunction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    /// False.
    No,
    /// Unknown.
    Unknown,
    /// True.
    Yes,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl Truth {
    /// Returns the negation.
    pub(super) fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
            Self::Yes => Self::No,
        }
    }

    /// Returns whether the value counts as true. An unknown counts as `unknown`.
    pub(super) fn counts(self, unknown: bool) -> bool {
        self == Self::Yes || (self == Self::Unknown && unknown)
    }

    /// Returns whether all values are true.
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

    /// Returns whether any value is true.
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

/// How a decision treats statements that may or may not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The lower bound: an unknown Allow does not apply, and an unknown Deny does. If a request is
    /// allowed at this bound, it is allowed in every case.
    Least,
    /// The upper bound: an unknown Allow applies, and an unknown Deny does not. If a request is
    /// denied at this bound, it is denied in every case.
    Most,
}

/// The context keys that a request does not list.
pub trait UnlistedKeys: Sync {
    /// Returns the value of a key, which is in lowercase, or `None` if AWS does not send the key.
    fn value(&self, key: &str) -> Option<Cow<'_, ContextValue>>;
}

/// The knowledge about a request, in addition to the keys that it lists.
#[derive(Clone, Copy)]
pub struct Knowledge<'k> {
    /// The keys that the request does not list; `None` if AWS sends no other keys.
    pub unlisted: Option<&'k dyn UnlistedKeys>,
    /// How to treat unknowns.
    pub bound: Bound,
    /// Whether the principal may have a permissions boundary even though none is listed.
    pub may_have_boundary: bool,
}

impl Knowledge<'_> {
    /// Complete knowledge: the request lists everything that AWS sends.
    pub const COMPLETE: Self = Self {
        unlisted: None,
        bound: Bound::Least,
        may_have_boundary: false,
    };
}

/// The context of a request: the keys that it lists, and the unlisted keys.
#[derive(Clone, Copy)]
pub(super) struct View<'v> {
    pub(super) context: &'v Context,
    pub(super) unlisted: Option<&'v dyn UnlistedKeys>,
}

impl<'v> View<'v> {
    /// Returns the value of a key, which is in lowercase. A multivalued key without values counts
    /// as missing.
    pub(super) fn get(&self, key: &str) -> Option<Cow<'v, ContextValue>> {
        let found = match (self.context.get_lower(key), self.unlisted) {
            (Some(value), _) => Some(Cow::Borrowed(value)),
            (None, Some(unlisted)) => unlisted.value(key),
            (None, None) => None,
        };
        found.filter(|value| !matches!(&**value, ContextValue::Many(values) if values.is_empty()))
    }
}
