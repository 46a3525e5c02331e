//! The settings of a target's stack set, and every error with its position.

use crate::support::{Project, SMALL, Shown};

/// Returns a configuration with these settings of the target's stack set, starting at line 7.
fn config(settings: &str) -> String {
    let lines: String = settings
        .lines()
        .map(|line| format!("      {line}\n"))
        .collect();
    format!("{SMALL}    stack_set:\n{lines}")
}

fn problems(settings: &str) -> Vec<Shown> {
    let project = Project::with(&config(settings));
    let run = project.expect("synth --no-lint", 2);
    assert!(!project.exists("stacks"), "templates were written");
    run.problems()
}

/// Asserts that there is one problem, with this position, underlined text, message, and help.
#[track_caller]
fn one(settings: &str, place: &str, underlined: &str, message: &str, help: &str) {
    let found = problems(settings);
    let [problem] = found.as_slice() else {
        panic!("{settings}: {found:#?}");
    };
    assert_eq!(
        problem.place,
        format!("s3ferry.yaml:{place}"),
        "{problem:?}"
    );
    assert_eq!(problem.underlined, underlined, "{problem:?}");
    assert!(problem.message.contains(message), "{problem:?}");
    assert!(problem.help.contains(help), "{problem:?}");
}

const SERVICE: &str =
    "permission_model: service-managed\norganizational_units: [ou-ab12-11111111]\n";

fn service(settings: &str) -> String {
    format!("{SERVICE}{settings}")
}

#[test]
fn all_valid_settings_are_accepted() {
    for settings in [
        "name: site-prod",
        "account: \"333333333333\"\nprofile: admin\nregion: eu-west-1",
        "administration_role: admin\nexecution_role: exec",
        "managed_execution: true",
        "operation_preferences:\n  failure_tolerance_count: 2\n  max_concurrent_count: 3\n  \
         region_order: [us-east-1]\n  parallel_regions: true",
        "operation_preferences:\n  failure_tolerance_percentage: 0\n  max_concurrent_percentage: \
         100\n  concurrency_mode: soft",
        "operation_preferences: {max_concurrent_count: 50, concurrency_mode: soft}",
        &service("call_as: delegated-admin"),
        &service("call_as: self\naccount_filter: none"),
        &service("account_filter: intersection"),
        &service("account_filter: difference\nexcluded_accounts: [\"333333333333\"]"),
        &service("auto_deployment: {enabled: true}"),
        &service("auto_deployment: {enabled: true, retain_stacks_on_account_removal: false}"),
        "permission_model: service-managed\norganizational_units: [r-ab12]",
    ] {
        Project::with(&config(settings)).expect("synth --no-lint --no-prove", 0);
    }
    let empty = format!("{SMALL}    stack_set: {{}}\n");
    Project::with(&empty).expect("synth --no-lint --no-prove", 0);
}

#[test]
fn names_and_places() {
    one(
        "name: 1x",
        "7:13",
        "1x",
        "must begin with a letter",
        "site-prod",
    );
    one("name: a_b", "7:13", "a_b", "contains `_`", "site-prod");
    one(
        &format!("name: {}", "a".repeat(129)),
        "7:13",
        &"a".repeat(129),
        "129 characters",
        "site-prod",
    );
    one(
        "account: 333333333333",
        "7:16",
        "333333333333",
        "not in quotes",
        "\"333333333333\"",
    );
    one(
        "account: \"333333333333\"",
        "7:16",
        "\"333333333333\"",
        "has no profile",
        "profile:",
    );
    one(
        "region: us-esat-1",
        "7:15",
        "us-esat-1",
        "no region",
        "us-east-1",
    );
    one(
        "region: cn-north-1",
        "7:15",
        "cn-north-1",
        "are in different partitions",
        "the same partition",
    );
    one(
        "execution_role: a/b",
        "7:23",
        "a/b",
        "is not a valid role name",
        "without a path",
    );
}

#[test]
fn settings_of_the_other_permission_model() {
    for (settings, underlined, message) in [
        (
            "organizational_units: [ou-ab12-11111111]",
            "[ou-ab12-11111111",
            "to accounts, not to",
        ),
        ("account_filter: none", "none", "account filter"),
        (
            "auto_deployment: {enabled: true}",
            "enabled",
            "supports automatic deployment",
        ),
        (
            "call_as: delegated-admin",
            "delegated-admin",
            "delegated administrator",
        ),
    ] {
        let found = problems(settings);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(found[0].underlined, underlined);
        assert!(found[0].message.contains(message), "{found:#?}");
        assert!(found[0].help.contains("service-managed"), "{found:#?}");
    }
    one(
        &service("execution_role: exec"),
        "9:23",
        "exec",
        "AWS Organizations creates",
        "self-managed",
    );
    one(
        "permission_model: service-managed",
        "7:7",
        "permission_model",
        "requires the organizational units",
        "ou-ab12-11111111",
    );
}

#[test]
fn organizational_units_and_filters() {
    one(
        "permission_model: service-managed\norganizational_units: [ou-1]",
        "8:30",
        "ou-1",
        "not a valid ID of an organizational unit",
        "list-organizational-units",
    );
    one(
        &service("account_filter: union"),
        "9:23",
        "union",
        "does not create or delete stack instances for the union",
        "`intersection`",
    );
    one(
        &service("account_filter: difference"),
        "9:23",
        "difference",
        "requires excluded accounts",
        "excluded_accounts",
    );
    one(
        &service("excluded_accounts: [\"333333333333\"]"),
        "9:26",
        "[\"333333333333\"",
        "`excluded_accounts` requires `account_filter: difference`",
        "difference",
    );
    one(
        &service("account_filter: difference\nexcluded_accounts: [\"222222222222\"]"),
        "10:27",
        "\"222222222222\"",
        "also an account of the target",
        "remove it from this list",
    );
    one(
        &service("account_filter: difference\nexcluded_accounts: [333333333333]"),
        "10:27",
        "333333333333",
        "not in quotes",
        "account ID",
    );
}

#[test]
fn operation_preferences() {
    let preferences = |text: &str| format!("operation_preferences: {{{text}}}");
    for (text, underlined, message) in [
        (
            "failure_tolerance_count: 1, failure_tolerance_percentage: 2",
            "2",
            "cannot be used together",
        ),
        (
            "concurrency_mode: soft, max_concurrent_count: 1, max_concurrent_percentage: 2",
            "2",
            "cannot be used together",
        ),
        ("failure_tolerance_percentage: 101", "101", "out of range"),
        ("max_concurrent_percentage: 0", "0", "out of range"),
        (
            "max_concurrent_count: 10, failure_tolerance_count: 3",
            "10",
            "at most 4 accounts",
        ),
        (
            "region_order: [us-east-1, us-east-1]",
            "us-east-1",
            "duplicate region `us-east-1`",
        ),
        ("region_order: [mars-1]", "mars-1", "no region"),
        ("concurrency_mode: hard", "hard", "cannot be `hard`"),
    ] {
        let found = problems(&preferences(text));
        assert_eq!(found.len(), 1, "{text}: {found:#?}");
        assert_eq!(found[0].underlined, underlined, "{text}");
        assert!(found[0].message.contains(message), "{text}: {found:#?}");
        assert!(!found[0].help.is_empty(), "{text}");
    }
}

#[test]
fn two_targets_cannot_share_a_stack_set() {
    let config = format!(
        "{SMALL}    stack_set: {{name: x}}\n  - name: other\n    account: \"333333333333\"\n    \
         bucket: other-output\n    stack_set: {{name: x}}\n"
    );
    let run = Project::with(&config).expect("synth --no-lint", 2);
    let found = run.problems();
    assert!(
        found[0].message.contains("the same stack set `x`"),
        "{found:#?}"
    );
    assert_eq!(found[0].place, "s3ferry.yaml:10:23");
}
