//! Compares the deployed template with the generated one. Performs no I/O.

use serde_json::Value;
use similar::TextDiff;

use super::text::{Text, meaning};

/// The result of comparing a deployed template with the generated one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The texts are identical.
    Same,
    /// The templates are equivalent: only comments, order, or format differ. Contains the unified
    /// diff, which is empty if only the format (JSON or YAML) differs.
    SameMeaning(String),
    /// The templates are not equivalent. Contains the unified diff.
    Different(String),
}

impl Comparison {
    /// Compares the text of a deployed template with the generated template. YAML is compared as
    /// written, including comments. JSON is compared with the generated JSON after both are
    /// indented in the same way.
    pub(crate) fn of(deployed: &str, ours: &Text) -> Self {
        if deployed == ours.yaml || deployed == ours.json {
            return Self::Same;
        }
        let diff = if is_json(deployed) {
            unified(&indented(deployed), &indented(&ours.json))
        } else {
            unified(deployed, &ours.yaml)
        };
        let mine = meaning(&ours.json);
        if mine.is_some() && meaning(deployed) == mine {
            Self::SameMeaning(diff)
        } else {
            Self::Different(diff)
        }
    }

    /// Returns the unified diff, which may be empty.
    pub(crate) fn diff(&self) -> &str {
        match self {
            Self::Same => "",
            Self::SameMeaning(diff) | Self::Different(diff) => diff,
        }
    }

    /// Returns whether the templates are equivalent.
    pub fn is_same(&self) -> bool {
        !matches!(self, Self::Different(_))
    }
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

fn unified(old: &str, new: &str) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .header("deployed", "from the configuration")
        .to_string()
}

fn indented(json: &str) -> String {
    serde_json::from_str::<Value>(json)
        .map_or_else(|_| json.to_owned(), |value| format!("{value:#}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Text {
        Text {
            yaml: "# ours\nResources:\n  Key:\n    Type: AWS::KMS::Key\n    Condition: !Equals [!Ref A, \"true\"]\n"
                .to_owned(),
            json: r#"{"Resources":{"Key":{"Type":"AWS::KMS::Key","Condition":{"Fn::Equals":[{"Ref":"A"},"true"]}}}}"#
                .to_owned(),
        }
    }

    #[test]
    fn either_of_our_texts_is_the_same() {
        let ours = ours();
        assert_eq!(Comparison::of(&ours.yaml, &ours), Comparison::Same);
        assert_eq!(Comparison::of(&ours.json, &ours), Comparison::Same);
    }

    #[test]
    fn comments_and_notation_are_no_difference_in_meaning() {
        let ours = ours();
        let found = Comparison::of(&ours.yaml.replace("# ours", "# older"), &ours);
        assert!(found.is_same());
        assert!(
            found.diff().contains("-# older\n+# ours\n"),
            "{}",
            found.diff()
        );
        let found = Comparison::of(&indented(&ours.json), &ours);
        assert_eq!(found, Comparison::SameMeaning(String::new()));
    }

    #[test]
    fn another_value_is_a_difference_in_both_notations() {
        let ours = ours();
        for deployed in [&ours.yaml, &ours.json] {
            let found = Comparison::of(&deployed.replace("KMS::Key", "KMS::ReplicaKey"), &ours);
            assert!(!found.is_same());
            assert!(found.diff().contains("AWS::KMS::Key"), "{}", found.diff());
        }
    }

    #[test]
    fn a_text_that_is_no_template_differs() {
        assert!(!Comparison::of("{", &ours()).is_same());
        assert!(!Comparison::of("", &ours()).is_same());
    }
}
