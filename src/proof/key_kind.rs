//! Reads the kind of KMS key that a template declares, and determines whether S3 can use it,
//! regardless of policies.
//!
//! Follows *AWS::KMS::Key*, *Key states of AWS KMS keys*, and *Using server-side encryption with
//! AWS KMS keys* in the AWS documentation.

use super::resolve::Resolver;
use super::world::TemplateResource;
use crate::run::landscape::{KeyKind, Unusable, Usable};
use crate::run::{Doubt, KeyState, Place};
use crate::template::{known_text, type_of, unknown_in};

const SPEC: &str = "SYMMETRIC_DEFAULT";
const USAGE: &str = "ENCRYPT_DECRYPT";
const ORIGIN: &str = "AWS_KMS";

/// Returns the kind of a template's key. A replica has the properties of its primary key, which may
/// be in another template.
pub(super) fn kind(resolver: &Resolver<'_>, found: &TemplateResource<'_>) -> KeyKind {
    if type_of(found.node) != Some("AWS::KMS::Key") {
        return KeyKind::default();
    }
    let of = |name: &str, default: &str| match resolver.property(found.node, name) {
        Some(node) => known_text(&node).map(str::to_owned),
        None => Some(default.to_owned()),
    };
    KeyKind {
        spec: of("KeySpec", SPEC),
        usage: of("KeyUsage", USAGE),
        origin: of("Origin", ORIGIN),
        multi_region: of("MultiRegion", "false"),
    }
}

/// Returns whether S3 can use a template's key.
pub(super) fn usable(resolver: &Resolver<'_>, found: &TemplateResource<'_>) -> Usable {
    let suits = |name: &str, text: &str| match name {
        "Enabled" => !text.eq_ignore_ascii_case("false"),
        "KeySpec" => text == SPEC,
        "KeyUsage" => text == USAGE,
        _ => text == ORIGIN,
    };
    let mut unknown = Usable::Yes;
    for name in ["Enabled", "KeySpec", "KeyUsage", "Origin"] {
        let Some(node) = resolver.property(found.node, name) else {
            continue;
        };
        let place = Place {
            file: resolver.deployment().file,
            span: node.span,
        };
        let doubt = |reason: String| Usable::Unknown(Doubt::new(place, found.id, reason));
        let unusable = |state, what: String, fix| {
            Usable::No(Unusable {
                state,
                what,
                fix,
                place,
                resource: found.id.to_owned(),
            })
        };
        match (known_text(&node), unknown_in(&node)) {
            (Some(text), _) if suits(name, text) => {}
            (Some(text), _) => match name {
                "Enabled" => {
                    let state = Some(KeyState::Disabled);
                    return unusable(state, "disabled".to_owned(), "remove `Enabled: false`");
                }
                "KeySpec" | "KeyUsage" => {
                    let what = format!("`{name}: {text}`");
                    return unusable(None, what, "create a symmetric encryption key");
                }
                // The key material may have been imported, or the key store may have been
                // connected.
                _ => {
                    unknown = doubt(format!(
                        "whether the key material with origin {text} exists"
                    ));
                }
            },
            (None, Some(part)) => {
                let why = part.as_str().unwrap_or_default();
                unknown = doubt(format!("whether the key can be used: `{name}`: {why}"));
            }
            (None, None) => unknown = doubt(format!("the key's `{name}` is not a string")),
        }
    }
    unknown
}
