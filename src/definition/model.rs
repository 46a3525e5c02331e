//! The parts of a pipeline's declaration, in the spelling of the AWS CodePipeline API or
//! CloudFormation.
//!
//! Both have the same members. CloudFormation capitalizes their names and lists the artifact stores
//! of several regions. The API maps the stores by region. A part is returned as written, and the
//! caller handles values that are missing or unknown.

use serde_json::Value as Json;

use crate::diagnostic::Node;

/// A tree that can contain a declaration.
pub(crate) trait Tree: Sized {
    /// Returns the member of a mapping with this name.
    fn get(&self, name: &str) -> Option<&Self>;
    /// Returns the members of a mapping, in order.
    fn members(&self) -> Vec<(&str, &Self)>;
    /// Returns the items of a list, or no items for any other value.
    fn list(&self) -> &[Self];
    /// Returns the text of a string.
    fn text(&self) -> Option<&str>;
}

impl Tree for Node {
    fn get(&self, name: &str) -> Option<&Self> {
        Self::get(self, name)
    }

    fn members(&self) -> Vec<(&str, &Self)> {
        let entries = self.entries().unwrap_or_default().iter();
        entries
            .map(|entry| (entry.key.as_str(), &entry.value))
            .collect()
    }

    fn list(&self) -> &[Self] {
        self.items().unwrap_or_default()
    }

    fn text(&self) -> Option<&str> {
        self.as_str()
    }
}

impl Tree for Json {
    fn get(&self, name: &str) -> Option<&Self> {
        Self::get(self, name)
    }

    fn members(&self) -> Vec<(&str, &Self)> {
        let members = self.as_object().into_iter().flatten();
        members
            .map(|(name, value)| (name.as_str(), value))
            .collect()
    }

    fn list(&self) -> &[Self] {
        self.as_array().map_or(&[], Vec::as_slice)
    }

    fn text(&self) -> Option<&str> {
        self.as_str()
    }
}

/// Returns the member with the CloudFormation name `name`, in either spelling.
pub(crate) fn member<'t, T: Tree>(node: &'t T, name: &str) -> Option<&'t T> {
    node.get(name).or_else(|| {
        let mut letters = name.chars();
        let first = letters.next()?.to_ascii_lowercase();
        node.get(&format!("{first}{}", letters.as_str()))
    })
}

/// An artifact store.
#[derive(Debug)]
pub(crate) struct StorePart<'t, T> {
    /// Region; `None` for a single store, which is in the pipeline's region.
    pub(crate) region: Option<&'t str>,
    /// The entry in the CloudFormation list.
    pub(crate) entry: Option<&'t T>,
    /// The store itself.
    pub(crate) store: Option<&'t T>,
}

impl<'t, T: Tree> StorePart<'t, T> {
    /// Returns the bucket of the store.
    pub(crate) fn bucket(&self) -> Option<&'t T> {
        member(self.store?, "Location")
    }

    /// Returns the key of the store as written: an ID, an ARN, or an alias.
    pub(crate) fn key(&self) -> Option<&'t T> {
        member(member(self.store?, "EncryptionKey")?, "Id")
    }
}

/// Returns the artifact stores from the values of `ArtifactStore` and `ArtifactStores`.
pub(crate) fn stores<'t, T: Tree>(
    only: Option<&'t T>,
    several: Option<&'t T>,
) -> Vec<StorePart<'t, T>> {
    let part = |region, entry, store| StorePart {
        region,
        entry,
        store,
    };
    let only = only.map(|store| part(None, None, Some(store)));
    let listed = several.map_or(&[][..], T::list).iter().map(|entry| {
        let region = member(entry, "Region").and_then(T::text);
        part(region, Some(entry), member(entry, "ArtifactStore"))
    });
    let mapped = several.map(T::members).unwrap_or_default().into_iter();
    let mapped = mapped.map(|(region, store)| part(Some(region), None, Some(store)));
    only.into_iter().chain(listed).chain(mapped).collect()
}

/// Returns the artifact stores of a declaration.
pub(crate) fn stores_of<T: Tree>(declaration: &T) -> Vec<StorePart<'_, T>> {
    stores(
        member(declaration, "ArtifactStore"),
        member(declaration, "ArtifactStores"),
    )
}

/// Returns the stages of a declaration.
pub(crate) fn stages<T: Tree>(declaration: &T) -> &[T] {
    member(declaration, "Stages").map_or(&[], T::list)
}

/// Returns the actions of a stage.
pub(crate) fn actions_of<T: Tree>(stage: &T) -> impl Iterator<Item = ActionPart<'_, T>> {
    let actions = member(stage, "Actions").map_or(&[][..], T::list);
    actions.iter().map(ActionPart)
}

/// Returns the actions of a declaration, in the order of their stages.
pub(crate) fn actions<T: Tree>(declaration: &T) -> impl Iterator<Item = ActionPart<'_, T>> {
    stages(declaration).iter().flat_map(actions_of)
}

#[derive(Debug)]
pub(crate) struct ActionPart<'t, T>(pub(crate) &'t T);

impl<T> Clone for ActionPart<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ActionPart<'_, T> {}

impl<'t, T: Tree> ActionPart<'t, T> {
    /// Returns a member by its name in CloudFormation.
    pub(crate) fn get(&self, name: &str) -> Option<&'t T> {
        member(self.0, name)
    }

    /// Returns the text of a member.
    pub(crate) fn text(&self, name: &str) -> Option<&'t str> {
        self.get(name)?.text()
    }

    /// Returns a part of the action type: `Category`, `Owner`, `Provider`, or `Version`.
    pub(crate) fn kind(&self, part: &str) -> Option<&'t T> {
        member(self.get("ActionTypeId")?, part)
    }

    /// Returns a value from the action configuration. The names in the configuration are the same
    /// in both spellings.
    pub(crate) fn setting(&self, name: &str) -> Option<&'t T> {
        self.get("Configuration")?.get(name)
    }

    /// Returns the text of a value from the action configuration.
    pub(crate) fn setting_text(&self, name: &str) -> Option<&'t str> {
        self.setting(name)?.text()
    }

    /// Returns whether the action has this category.
    pub(crate) fn is(&self, category: &str) -> bool {
        self.kind("Category").and_then(T::text) == Some(category)
    }

    /// Returns whether the action reads a source object in S3.
    pub(crate) fn is_s3_source(&self) -> bool {
        self.is("Source") && self.kind("Provider").and_then(T::text) == Some("S3")
    }

    /// Returns whether the action deploys to S3.
    pub(crate) fn is_s3_deploy(&self) -> bool {
        self.is("Deploy") && self.kind("Provider").and_then(T::text) == Some("S3")
    }
}
