//! The parts that the JSON documents of all commands share.
//!
//! Each command has a type for its document, with [`Version`] as its first member. `schemas/` is
//! generated from these types, with their comments as descriptions.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// The `version` member of a document.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Version;

/// The version changes when a member of any document is removed or its meaning changes.
const VERSION: u32 = 1;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(VERSION)
    }
}

impl JsonSchema for Version {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Version of the document format. It changes when a member is removed or its meaning changes.",
            "const": VERSION,
        })
    }
}
