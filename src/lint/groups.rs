//! Rules in the portions in which Guard gets them.
//!
//! A built-in rule is asked about one resource at a time, and only about those of the types that it
//! names. Rules that name the same types are asked together, as one text without what only people
//! read. A file of a user is one text, unchanged, asked about the whole template.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Rule;
use super::rules::is_embedded;

/// How many rules are asked together at most. Guard keeps a record of every comparison until the last
/// of the rules is evaluated, which adds up for pipelines with hundreds of actions.
const TOGETHER: usize = 16;

/// Rules that are asked together.
#[derive(Debug)]
pub(super) struct Group<'r> {
    /// Their text.
    pub(super) text: Cow<'r, str>,
    /// Their names.
    pub(super) names: Vec<&'r str>,
    /// The resource types that they look at; `None` for the whole template.
    pub(super) types: Option<BTreeSet<&'r str>>,
    /// The words of the text of built-in rules.
    pub(super) words: HashSet<&'r str>,
}

impl Group<'_> {
    /// Whether it is about resources of a type; `None` is a whole template.
    pub(super) fn concerns(&self, kind: Option<&str>) -> bool {
        match (&self.types, kind) {
            (Some(types), Some(kind)) => types.contains(kind),
            (None, None) => true,
            _ => false,
        }
    }

    /// A rule of the group that is not among the `evaluated`.
    pub(super) fn missing_in(&self, evaluated: &BTreeSet<String>) -> Option<&str> {
        self.names
            .iter()
            .find(|name| !evaluated.contains(**name))
            .copied()
    }
}

/// Brings rules into groups.
pub(super) fn groups(rules: &[Rule]) -> Vec<Group<'_>> {
    let mut ours: BTreeMap<(BTreeSet<&str>, [bool; 2]), Vec<&Rule>> = BTreeMap::new();
    let mut theirs: Vec<Group> = Vec::new();
    let mut files: Vec<&str> = Vec::new();
    for rule in rules {
        if is_embedded(rule) {
            let words = words(&rule.text);
            // Most of a pipeline is the configuration of its actions, at which few rules look.
            let looks_at = ["Actions", "Configuration"].map(|word| words.contains(word));
            let types = resource_types(&rule.text);
            ours.entry((types, looks_at)).or_default().push(rule);
        } else if let Some(at) = files.iter().position(|file| *file == rule.file) {
            theirs[at].names.push(&rule.name);
        } else {
            files.push(&rule.file);
            theirs.push(Group {
                text: Cow::Borrowed(&rule.text),
                names: vec![&rule.name],
                types: None,
                words: HashSet::new(),
            });
        }
    }
    let portions = ours.iter().flat_map(|((types, _), rules)| {
        let portions = rules.chunks(TOGETHER);
        portions.map(|rules| Group {
            text: rules.iter().map(|rule| spare(&rule.text)).collect(),
            names: rules.iter().map(|rule| rule.name.as_str()).collect(),
            types: (!types.is_empty()).then(|| types.clone()),
            words: rules.iter().flat_map(|rule| words(&rule.text)).collect(),
        })
    });
    portions.chain(theirs).collect()
}

/// The words of a rule's clauses, among them the names of all properties that it looks at.
fn words(text: &str) -> HashSet<&str> {
    let clauses = text.lines().filter(|line| !line.starts_with('#'));
    let clauses = clauses.map(|line| line.split("<<").next().unwrap_or(line));
    clauses
        .flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|word| !word.is_empty())
        .collect()
}

/// The resource types that a rule names: `AWS::S3::Bucket`, but not `AWS::AccountId`.
fn resource_types(text: &str) -> BTreeSet<&str> {
    text.split('\'')
        .filter(|part| part.starts_with("AWS::") && part.matches("::").count() == 2)
        .collect()
}

/// What is left of a violation text: it marks the clauses that say what is wrong.
const MARK: &str = "<<!>>";

/// The lines of a rule's filter that leave out the resources that suppress it. Guard needs not evaluate
/// them here: suppressed findings are left out of the report, and are counted there.
const SUPPRESSION: &str = "Metadata.guard.SuppressedRules";

/// The end of lines that leave out a choice between values, about which Guard alone knows nothing.
const CHOICE: &str = "'Fn::If' not exists";

/// A rule's text without comments, violation texts and what is only for Guard alone.
fn spare(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for line in text.lines().map(str::trim) {
        let is_for_guard_alone = line.starts_with(SUPPRESSION) || line.ends_with(CHOICE);
        if line.is_empty() || line.starts_with('#') || is_for_guard_alone {
            continue;
        }
        let (clause, violation) = line.split_once("<<").unwrap_or((line, ""));
        all.push_str(clause);
        if !violation.is_empty() {
            all.push_str(MARK);
        }
        all.push('\n');
    }
    all
}

/// The violation text of a built-in rule: what is wrong, and what to do.
pub(super) fn violation(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("<<Violation: ")?;
    let (words, _) = rest.split_once(">>")?;
    let (message, fix) = words.split_once("Fix:")?;
    Some((message.trim().trim_end_matches('.'), fix.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::embedded;

    #[test]
    fn violation_texts_are_one_for_each_rule_and_end_their_lines() {
        for rule in embedded() {
            let mut texts = BTreeSet::new();
            for line in rule.text.lines().map(str::trim) {
                if let Some((_, text)) = line.split_once("<<") {
                    assert!(line.ends_with(">>"), "{}: {line}", rule.name);
                    texts.insert(text.to_owned());
                }
            }
            assert_eq!(texts.len(), 1, "{}: {texts:?}", rule.name);
            assert!(violation(&rule.text).is_some(), "{}", rule.name);
        }
    }

    #[test]
    fn every_built_in_rule_names_resource_types() {
        let rules = embedded();
        let groups = groups(&rules);
        assert!(groups.iter().all(|group| group.types.is_some()));
        let names: usize = groups.iter().map(|group| group.names.len()).sum();
        assert_eq!(names, rules.len());
        assert!(groups.len() < rules.len());
    }

    #[test]
    fn pseudo_parameters_are_no_types() {
        assert_eq!(
            resource_types("Type == 'AWS::S3::Bucket' X == 'AWS::AccountId'"),
            BTreeSet::from(["AWS::S3::Bucket"])
        );
    }
}
