//! The conditions of a template.

use super::{Resolver, function, known_text, locked};
use crate::diagnostic::Node;

impl Resolver<'_> {
    /// Returns whether a condition of the template is met, or `None` if that is unknown.
    pub(super) fn condition(&self, name: &str) -> Option<bool> {
        if let Some(known) = locked(&self.conditions).get(name) {
            return *known;
        }
        // A condition that refers to itself is unknown.
        locked(&self.conditions).insert(name.to_owned(), None);
        let test = self.root.at(["Conditions", name]);
        let value = test.and_then(|test| self.test(test));
        locked(&self.conditions).insert(name.to_owned(), value);
        value
    }

    fn test(&self, node: &Node) -> Option<bool> {
        // `Condition` is a function only here.
        let (name, argument) = match (function(node), node.entries()) {
            (Some(call), _) => call,
            (None, Some([only])) => (only.key.as_str(), &only.value),
            _ => return None,
        };
        match name {
            "Condition" => self.condition(argument.scalar_text()?),
            "Equals" => {
                let [left, right] = argument.items()? else {
                    return None;
                };
                let (left, right) = (self.resolve(left)?, self.resolve(right)?);
                Some(known_text(&left)? == known_text(&right)?)
            }
            "Not" => self.test(argument.items()?.first()?).map(|value| !value),
            "And" | "Or" => {
                let decisive = name == "Or";
                let items = argument.items()?.iter();
                let values: Vec<Option<bool>> = items.map(|item| self.test(item)).collect();
                if values.contains(&Some(decisive)) {
                    Some(decisive)
                } else if values.contains(&None) {
                    None
                } else {
                    Some(!decisive)
                }
            }
            _ => None,
        }
    }
}
