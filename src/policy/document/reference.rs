//! The actions of the AWS services that a pipeline execution uses, from the embedded service
//! reference.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::ActionPattern;
use crate::diagnostic::may_be_name;

/// The date of the service reference.
pub(crate) const AS_OF: &str = "2026-09-26";

/// Trimmed from iam-data; see `data/README.md`.
const TEXT: &str = include_str!("../../../data/service-reference.json");

/// The actions without resource types in all other services: one line per service, with its prefix
/// and the action names. Trimmed from iam-data; see `data/README.md`.
const STAR_ONLY: &str = include_str!("../../../data/star-only-actions.txt");

/// An action of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    /// `s3:GetObject`.
    pub(crate) name: String,
    pub(crate) lower: String,
    /// The resource types that it applies to.
    pub(crate) resources: Vec<String>,
}

#[derive(Deserialize)]
struct Service {
    actions: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    r: Vec<String>,
}

fn services() -> &'static BTreeMap<String, Vec<Action>> {
    static SERVICES: OnceLock<BTreeMap<String, Vec<Action>>> = OnceLock::new();
    SERVICES.get_or_init(|| {
        let read: BTreeMap<String, Service> = serde_json::from_str(TEXT).unwrap_or_default();
        read.into_iter()
            .map(|(service, entries)| {
                let actions = entries.actions.into_iter().map(|(action, entry)| {
                    let name = format!("{service}:{action}");
                    Action {
                        lower: name.to_ascii_lowercase(),
                        name,
                        resources: entry.r,
                    }
                });
                let mut actions: Vec<Action> = actions.collect();
                actions.sort_unstable_by(|a, b| a.lower.cmp(&b.lower));
                (service, actions)
            })
            .collect()
    })
}

/// Returns whether a service has an action, which is in lowercase. Returns `None` if the reference
/// does not contain the service.
pub(crate) fn has(action: &str) -> Option<bool> {
    let (service, _) = action.split_once(':')?;
    let found = actions(service)?.binary_search_by(|known| known.lower.as_str().cmp(action));
    Some(found.is_ok())
}

/// Returns the sorted actions of a service, or `None` if the reference does not contain the
/// service.
fn actions(service: &str) -> Option<&'static [Action]> {
    services().get(service).map(Vec::as_slice)
}

/// Returns all actions in the reference.
pub(crate) fn all() -> impl Iterator<Item = &'static Action> {
    services().values().flatten()
}

/// Returns the actions that a pattern covers, or `None` if the reference does not contain its
/// service.
pub(crate) fn expand(pattern: &ActionPattern) -> Option<Vec<&'static Action>> {
    if pattern.service() == "*" {
        return Some(all().collect());
    }
    let actions = actions(pattern.service())?.iter();
    Some(
        actions
            .filter(|action| pattern.covers(&action.lower))
            .collect(),
    )
}

/// Actions that AWS documents with `*` as their resource, although iam-data lists resource types
/// for them (*Using condition keys to limit access to CloudWatch namespaces*).
const DOCUMENTED_WITH_STAR: [&str; 1] = ["cloudwatch:PutMetricData"];

/// Returns whether a pattern covers only actions whose only supported resource is `*`. For services
/// outside the reference, returns `false` for a pattern with wildcards.
pub(crate) fn supports_only_star(pattern: &ActionPattern) -> bool {
    if pattern.service() == "*" {
        return false;
    }
    if let Some(covered) = expand(pattern) {
        let is_star_only = |action: &&Action| {
            action.resources.is_empty() || DOCUMENTED_WITH_STAR.contains(&action.name.as_str())
        };
        return !covered.is_empty() && covered.iter().all(is_star_only);
    }
    let Some((service, name)) = pattern.text.split_once(':') else {
        return false;
    };
    let mut services = STAR_ONLY.lines().filter_map(|line| line.split_once(' '));
    let actions = services.find(|(known, _)| known.eq_ignore_ascii_case(service));
    let mut actions = actions.map_or("", |(_, actions)| actions).split(' ');
    actions.any(|action| action.eq_ignore_ascii_case(name))
}

/// Returns the action that is most similar to an unknown action.
pub(crate) fn near(action: &str) -> Option<&'static str> {
    if !may_be_name(action) {
        return None;
    }
    let lower = action.to_ascii_lowercase();
    let (service, _) = lower.split_once(':')?;
    let all = actions(service)?.iter();
    let nearest = all.max_by(|a, b| {
        let score = |action: &Action| strsim::normalized_damerau_levenshtein(&action.lower, &lower);
        score(a).total_cmp(&score(b))
    });
    nearest.map(|action| action.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Span;

    #[test]
    fn wildcards_expand_and_mistakes_have_a_near_one() {
        let expand = |text| {
            let pattern = ActionPattern::parse(text, Span::default()).expect("an action");
            super::expand(&pattern)
        };
        let names: Vec<&str> = expand("kms:reencrypt*")
            .expect("known")
            .iter()
            .map(|action| action.name.as_str())
            .collect();
        assert_eq!(names, ["kms:ReEncryptFrom", "kms:ReEncryptTo"]);
        assert_eq!(near("s3:GetObjectt"), Some("s3:GetObject"));
        assert!(expand("unknown:do").is_none());
        assert_eq!(has("s3:getobject"), Some(true));
        assert_eq!(has("s3:getobjectt"), Some(false));
        assert_eq!(has("unknown:do"), None);
    }

    #[test]
    fn actions_without_resource_types_are_known() {
        for (action, expected) in [
            ("s3:ListAllMyBuckets", true),
            ("ec2:describeinstances", true),
            ("logs:PutLogEvents", false),
            ("s3:*", false),
            ("*", false),
            ("iam:ListAccount*", true),
            ("ec2:DescribeInstance*", false),
            ("unknown:Do", false),
        ] {
            let pattern = ActionPattern::parse(action, Span::default()).expect("an action");
            assert_eq!(supports_only_star(&pattern), expected, "{action}");
        }
    }

    #[test]
    fn the_day_is_the_one_in_the_readme() {
        assert!(include_str!("../../../data/README.md").contains(AS_OF));
        assert!(all().count() > 500);
    }
}
