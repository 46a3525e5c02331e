//! Renames logical IDs in a template, including every reference to them.

use std::collections::HashMap;

use super::functions::{SubPart, sub_parts};
use super::model::Template;
use super::value::Value;

/// The new logical IDs of resources, by their old logical IDs.
pub(crate) type Renames = HashMap<String, String>;

impl Template {
    /// Returns the template with renamed resources.
    #[must_use]
    pub(crate) fn renamed(&self, ids: &Renames) -> Self {
        let mut template = self.clone();
        if ids.is_empty() {
            return template;
        }
        let id = |old: &str| ids.get(old).cloned().unwrap_or_else(|| old.to_owned());
        for resource in &mut template.resources {
            resource.id = id(&resource.id);
            for other in &mut resource.depends_on {
                *other = id(other);
            }
            resource.properties = resource.properties.renamed(ids);
        }
        for output in &mut template.outputs {
            output.value = output.value.renamed(ids);
        }
        template
    }
}

impl Value {
    /// Returns the value with renamed resources in its references.
    #[must_use]
    pub(crate) fn renamed(&self, ids: &Renames) -> Self {
        self.mapped(&|value| match value {
            Self::Ref(id) => ids.get(id).map(|new| Self::Ref(new.clone())),
            Self::GetAtt(id, attribute) => {
                let new = ids.get(id)?;
                Some(Self::GetAtt(new.clone(), attribute.clone()))
            }
            Self::Sub(text) => Some(Self::Sub(replace_references(text, &|name| {
                let (id, attribute) = match name.split_once('.') {
                    Some((id, attribute)) => (id, Some(attribute)),
                    None => (name, None),
                };
                let new = ids.get(id)?;
                Some(match attribute {
                    Some(attribute) => format!("${{{new}.{attribute}}}"),
                    None => format!("${{{new}}}"),
                })
            }))),
            _ => None,
        })
    }

    /// Returns the value with known parameters replaced by their values.
    #[must_use]
    pub(crate) fn with_parameters(&self, known: &HashMap<String, String>) -> Self {
        self.mapped(&|value| match value {
            Self::Ref(id) => known.get(id).map(|value| Self::String(value.clone())),
            Self::Sub(text) => {
                let known = |name: &str| known.get(name).cloned();
                Some(Self::text(replace_references(text, &known)))
            }
            _ => None,
        })
    }

    /// Returns a copy of the value. Replaces each part for which `change` returns a replacement.
    pub(crate) fn mapped(&self, change: &impl Fn(&Self) -> Option<Self>) -> Self {
        if let Some(changed) = change(self) {
            return changed;
        }
        let mut value = self.clone();
        match &mut value {
            Self::List(items) => {
                for item in items {
                    item.value = item.value.mapped(change);
                }
            }
            Self::Map(fields) => {
                for field in fields {
                    field.value = field.value.mapped(change);
                }
            }
            Self::Equals(first, second) => {
                **first = first.mapped(change);
                **second = second.mapped(change);
            }
            _ => {}
        }
        value
    }
}

/// Returns the text of a `!Sub`. Replaces each reference for which `with` returns a replacement.
/// The literal `${!…}` stays unchanged.
fn replace_references(text: &str, with: &impl Fn(&str) -> Option<String>) -> String {
    let parts = sub_parts(text).map(|part| match part {
        SubPart::Text(text) => text.to_owned(),
        SubPart::Variable(name) => with(name).unwrap_or_else(|| format!("${{{name}}}")),
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> Renames {
        HashMap::from([("Role".to_owned(), "RenamedRole".to_owned())])
    }

    #[test]
    fn every_kind_of_reference_follows() {
        let ids = ids();
        let sub = |text: &str| Value::Sub(text.to_owned()).renamed(&ids);
        assert_eq!(
            sub("a${Role}b${Role.Arn}${Roles}${!Role}"),
            Value::Sub("a${RenamedRole}b${RenamedRole.Arn}${Roles}${!Role}".to_owned())
        );
        assert_eq!(sub("${Role"), Value::Sub("${Role".to_owned()));
        assert_eq!(
            Value::reference("Role").renamed(&ids),
            Value::reference("RenamedRole")
        );
        assert_eq!(
            Value::attribute("Role", "Arn").renamed(&ids),
            Value::attribute("RenamedRole", "Arn")
        );
        assert_eq!(Value::from("Role").renamed(&ids), Value::from("Role"));
    }

    #[test]
    fn known_parameters_are_written_out() {
        let known = HashMap::from([("Key".to_owned(), "1".to_owned())]);
        let with = |value: Value| value.with_parameters(&known);
        assert_eq!(with(Value::Sub("key/${Key}".to_owned())), "key/1".into());
        assert_eq!(
            with(Value::Sub("${Key}/${Other}".to_owned())),
            Value::Sub("1/${Other}".to_owned())
        );
        assert_eq!(with(Value::reference("Key")), "1".into());
    }
}
