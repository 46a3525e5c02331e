//! The invalidation of a CloudFront distribution after a deployment: its types and its validation.
//!
//! Follows *Invalidate files to remove content*, *CreateInvalidation*, and *Quotas* in the Amazon
//! CloudFront documentation.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::validate::Found;
use super::{Config, Target};
use crate::aws::Partition;
use crate::aws::names::characters;
use crate::aws::partition_of;
use crate::aws::quotas::{
    INVALIDATION_PATH, INVALIDATION_PATHS, INVALIDATION_WILDCARDS, TASK_INPUT,
};

/// IDs of distributions.
pub(super) const DISTRIBUTION: &str = "^[A-Z0-9]{7,32}$";

/// The maximum length of all paths. The rest of the input of a task is reserved for the other
/// parameters.
const LONGEST_PATHS: usize = TASK_INPUT.length() - 1_000;

/// The invalidation of a CloudFront distribution after each deployment to a target.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Invalidate {
    /// ID of the distribution, which must be in the target's account. A target with an accounts file
    /// has a distribution for each account instead, in the column `distribution` of the file.
    #[serde(default)]
    #[schemars(example = &"EDFDVBD6EXAMPLE")]
    #[schemars(regex(pattern = DISTRIBUTION))]
    pub distribution: Option<String>,
    /// Paths to invalidate. Each begins with `/`, and `*` is allowed only as the last
    /// character.
    #[serde(default = "all_paths")]
    #[schemars(example = ["/*"])]
    #[schemars(length(min = 1))]
    pub paths: Vec<String>,
}

fn all_paths() -> Vec<String> {
    vec!["/*".to_owned()]
}

/// Returns the problem with the ID of a distribution.
pub(super) fn distribution_problem(id: &str) -> Option<String> {
    let is_id = (7..=32).contains(&id.len())
        && (id.chars()).all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    (!is_id).then(|| format!("`{id}` is not the ID of a distribution"))
}

/// The help for a value that is not the ID of a distribution.
pub(super) const DISTRIBUTION_HELP: &str = "use the ID from `aws cloudfront list-distributions`, such as `EDFDVBD6EXAMPLE`, not the domain name";

impl Found {
    /// Checks the invalidation of a target.
    pub(super) fn invalidation(&mut self, config: &Config, index: usize, target: &Target) {
        let Some(invalidate) = &target.invalidate else {
            return;
        };
        let path = format!("targets.{index}.invalidate");
        if !config.dev.pipeline.create {
            self.add(
                &path,
                "`invalidate` requires `create: true` under `dev.pipeline`: the existing pipeline \
                 keeps its actions",
                "remove `invalidate`, and add the invalidation to the pipeline",
            );
        }
        if partition_of(&config.dev.region) == Partition::AwsUsGov {
            self.add(
                &path,
                "CloudFront is not available in AWS GovCloud (US)",
                "remove `invalidate`",
            );
        }
        if target.stack_set.is_some() {
            self.add(
                &path,
                "`invalidate` and `stack_set` cannot be used together: the template would have to \
                 name the distribution of every account that the stack set ever contains",
                "remove `stack_set` to deploy a stack in each account, or remove `invalidate`",
            );
        }
        self.distribution(&path, invalidate, target);
        self.paths(&format!("{path}.paths"), &invalidate.paths);
    }

    fn distribution(&mut self, path: &str, invalidate: &Invalidate, target: &Target) {
        let at = format!("{path}.distribution");
        let has_several = target.has_many_accounts();
        match &invalidate.distribution {
            _ if target.regions.is_some() => self.add(
                path,
                "`invalidate` requires a separate distribution for each bucket, but this target has a \
                 bucket in each of its regions",
                "list the accounts in an `accounts_file` with the columns `account`, `region`, and \
                 `distribution`, or add a separate target for each distribution",
            ),
            Some(_) if has_several => self.add(
                &at,
                "`distribution` is for a single account and bucket, but this target has several accounts",
                "list the accounts in an `accounts_file` with the columns `account` and \
                 `distribution`, or add a separate target for each distribution",
            ),
            Some(id) => self.name(&at, distribution_problem(id), DISTRIBUTION_HELP),
            None if target.accounts_file.is_some() => {}
            None => self.add(
                path,
                "`invalidate` has no `distribution`",
                "add `distribution:` with the ID of the distribution",
            ),
        }
    }

    fn paths(&mut self, at: &str, paths: &[String]) {
        if paths.is_empty() {
            self.add(at, "no paths", "list at least one path, such as `/*`");
        }
        let mut seen = HashSet::new();
        for (number, path) in paths.iter().enumerate() {
            let at = format!("{at}.{number}");
            self.name(
                &at,
                path_problem(path),
                "use a path such as `/index.html` or `/assets/*`",
            );
            if !seen.insert(path) {
                self.add(&at, format!("duplicate path `{path}`"), "remove one");
            }
        }
        // A path is in quotes, and a comma separates it from the next one.
        let size: usize = paths.iter().map(|path| path.len() + 3).sum();
        if size > LONGEST_PATHS {
            self.add(
                at,
                format!(
                    "the paths have {} in total, but Step Functions can pass at most {}",
                    characters(size),
                    characters(LONGEST_PATHS)
                ),
                "use fewer paths, such as `/*` for all files",
            );
        }
        let wildcards = paths.iter().filter(|path| path.ends_with('*')).count();
        for (count, what, quota) in [
            (paths.len(), "paths", INVALIDATION_PATHS),
            (wildcards, "paths with `*`", INVALIDATION_WILDCARDS),
        ] {
            if count > quota.length() {
                self.add(
                    at,
                    format!(
                        "the invalidation has {count} {what}, but CloudFront processes at most {} \
                         at a time",
                        quota.value
                    ),
                    "use fewer paths, such as `/*` for all files",
                );
            }
        }
    }
}

/// Returns the problem with a path to invalidate.
fn path_problem(path: &str) -> Option<String> {
    if !path.starts_with('/') {
        return Some(format!("the path `{path}` does not begin with `/`"));
    }
    if path.len() > INVALIDATION_PATH.length() {
        return Some(format!(
            "the path has {}, but at most {} are allowed",
            characters(path.len()),
            INVALIDATION_PATH.value
        ));
    }
    let body = path.strip_suffix('*').unwrap_or(path);
    if body.contains('*') {
        return Some(format!(
            "in `{path}`, `*` is not the last character: CloudFront would take it literally"
        ));
    }
    // Braces are excluded because CloudFormation replaces `${…}` in a definition
    // (`DefinitionSubstitutions`).
    let is_allowed = |c: char| c.is_ascii_graphic() && !r##""#<>[\]^`{|}"##.contains(c);
    let is_encoded = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if body.split('%').skip(1).any(|rest| !is_encoded(rest)) {
        return Some(format!(
            "in `{path}`, `%` does not begin a percent-encoded character such as `%20`"
        ));
    }
    body.chars().find(|c| !is_allowed(*c)).map(|c| {
        format!(
            "the path contains {c:?}, which must be percent-encoded, as in the URLs of the files"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_checked_as_cloudfront_reads_them() {
        for path in [
            "/*",
            "/",
            "/index.html",
            "/a/b%20c.html",
            "/images*",
            "/a?b=c",
            "/~x/$y",
        ] {
            assert_eq!(path_problem(path), None, "{path}");
        }
        for path in [
            "index.html",
            "",
            "*",
            "/*.html",
            "/a*b*",
            "/a b",
            "/ü",
            "/a\u{7}",
            "/${x}",
            "/a#b",
            "/%",
            "/a%2",
            "/[a]",
        ] {
            assert!(path_problem(path).is_some(), "{path}");
        }
    }
}
