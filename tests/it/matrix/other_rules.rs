//! Rules of other rule sets that the templates suppress, written so that they fail without the
//! suppression. The AWS Guard Rules Registry contains such rules, and the templates pass its rule
//! sets.

use std::path::Path;

use s3ferry::diagnostic::{self, Source};
use s3ferry::lint::{self, Report, Rule};

use super::{read, templates};

/// A type block checks all resources of the type if at least one of them passes the filter.
/// Therefore, a single named resource without the suppression causes a finding for each resource of
/// the type.
const NAMES: &str = "
let named = Resources.*[
  Type in ['AWS::IAM::ManagedPolicy', 'AWS::IAM::Role']
  Metadata.guard.SuppressedRules not exists or
  Metadata.guard.SuppressedRules.* != 'CFN_NO_EXPLICIT_RESOURCE_NAMES'
]
rule CFN_NO_EXPLICIT_RESOURCE_NAMES when %named not empty {
  AWS::IAM::ManagedPolicy { Properties.ManagedPolicyName empty }
  AWS::IAM::Role { Properties.RoleName empty }
}
";

/// The comparison fails for a bucket without an ACL, although this is the most restrictive setting.
const ACLS: &str = "
let buckets = Resources.*[
  Type == 'AWS::S3::Bucket'
  Metadata.guard.SuppressedRules not exists or
  Metadata.guard.SuppressedRules.* != 'S3_BUCKET_NO_PUBLIC_RW_ACL'
]
rule S3_BUCKET_NO_PUBLIC_RW_ACL when %buckets not empty {
  %buckets.Properties.AccessControl != 'PublicReadWrite'
}
";

fn rules() -> Vec<Rule> {
    [("names.guard", NAMES), ("acls.guard", ACLS)]
        .iter()
        .flat_map(|(name, text)| lint::from_source(&Source::new(*name, *text)).expect("rules"))
        .collect()
}

fn lint_of(path: &Path, text: &str) -> Report {
    let source = Source::new(path.display().to_string(), text);
    let node = diagnostic::read(&source).expect("generated YAML");
    let reports = lint::check(&rules(), &[(&source, &node)]).expect("Guard answers");
    reports.into_iter().next().expect("a report")
}

#[test]
fn rules_of_other_rule_sets_are_suppressed_with_a_reason_where_they_fail() {
    let mut fail = 0;
    for (case, path) in templates() {
        let text = read(&path);
        let report = lint_of(&path, &text);
        assert_eq!(report.findings, [], "{}: {path:?}", case.name);
        // Without the suppressions, the rules fail.
        let bare = text.replace("- CFN_NO_EXPLICIT_RESOURCE_NAMES\n", "- THEIRS\n");
        let bare = bare.replace("- S3_BUCKET_NO_PUBLIC_RW_ACL\n", "- THEIRS\n");
        fail += usize::from(!lint_of(&path, &bare).findings.is_empty());
    }
    assert!(fail > 0);
}
