//! Errors of the configuration: position, underlined text, message, and fix.

use crate::support::{Project, SMALL, Shown};

/// Synthesizes an invalid configuration and returns the problems.
fn problems(config: &str) -> Vec<Shown> {
    let project = Project::with(config);
    let run = project.expect("synth --no-lint", 2);
    assert_eq!(run.stdout, "");
    assert!(!project.exists("stacks"), "files were written");
    let found = run.problems();
    assert!(!found.is_empty(), "{}", run.stderr);
    found
}

/// Asserts that a configuration has exactly one problem.
#[track_caller]
fn one(config: &str, place: &str, underlined: &str, message: &str, help: &str) {
    let found = problems(config);
    let [problem] = found.as_slice() else {
        panic!("{found:#?}");
    };
    assert_problem(problem, place, underlined, message, help);
}

#[track_caller]
fn assert_problem(problem: &Shown, place: &str, underlined: &str, message: &str, help: &str) {
    assert_eq!(
        problem.place,
        format!("s3ferry.yaml:{place}"),
        "{problem:?}"
    );
    assert_eq!(problem.underlined, underlined, "{problem:?}");
    assert!(problem.message.contains(message), "{problem:?}");
    assert!(problem.help.contains(help), "{problem:?}");
    assert!(!problem.help.is_empty(), "{problem:?}");
}

/// Returns a configuration with additional settings of `dev`, starting at line 3.
fn dev(settings: &str) -> String {
    SMALL.replace("targets:", &format!("{settings}\ntargets:"))
}

/// Returns a configuration with additional settings of the target, starting at line 6.
fn target(settings: &str) -> String {
    format!("{SMALL}{settings}\n")
}

#[test]
fn an_unknown_key_with_a_similar_one() {
    one(
        &dev("  regoin: us-east-1"),
        "3:3",
        "regoin",
        "unknown key `regoin`",
        "did you mean `region`?",
    );
    one(
        &dev("  key: {aliass: x}"),
        "3:9",
        "aliass",
        "unknown key `aliass`",
        "did you mean `alias`?",
    );
    one(
        &target("    buckett: x"),
        "6:5",
        "buckett",
        "unknown key `buckett`",
        "did you mean `bucket`?",
    );
    one(
        &target("zzz: 1"),
        "6:1",
        "zzz",
        "unknown key `zzz`",
        "allowed keys: dev, targets",
    );
}

#[test]
fn an_unquoted_account() {
    one(
        &SMALL.replace("\"111111111111\"", "012345678901"),
        "2:12",
        "012345678901",
        "`account` is not in quotes",
        "write \"012345678901\"",
    );
}

#[test]
fn an_invalid_account() {
    one(
        &SMALL.replace("111111111111", "11111111111"),
        "2:12",
        "\"11111111111\"",
        "11 digits, not 12",
        "12 digits",
    );
    one(
        &SMALL.replace("222222222222", "22222222222a"),
        "5:14",
        "\"22222222222a\"",
        "only digits are allowed",
        "12 digits",
    );
}

#[test]
fn an_invalid_bucket_name() {
    for (name, why) in [
        ("My-bucket", "contains `M`; only lowercase letters"),
        ("ab", "it has 2 characters, but S3 allows 3 to 63"),
        ("-ab", "begin and end with a letter or digit"),
        ("a..b", "two consecutive dots"),
        ("192.168.0.1", "form of an IP address"),
        ("xn--ab", "begin with `xn--`"),
        ("abc-s3alias", "end with `-s3alias`"),
        ("under_score", "contains `_`"),
    ] {
        one(
            &dev(&format!("  source:\n    bucket: {name}")),
            "4:13",
            name,
            why,
            "naming rules",
        );
    }
    one(
        &dev("  artifacts: {bucket: UPPER}"),
        "3:23",
        "UPPER",
        "is not a valid bucket name",
        "naming rules",
    );
    one(
        &target("    bucket: '{acount}-out'"),
        "6:13",
        "'{acount}-out'",
        "is not a valid bucket name",
        "`{account}` and `{region}` are allowed",
    );
}

#[test]
fn an_invalid_alias() {
    for (alias, why) in [
        ("alias/x", "omit `alias/`"),
        ("aws/x", "reserves `alias/aws/`"),
        ("a.b", "only letters, digits"),
    ] {
        one(
            &dev(&format!("  key: {{alias: {alias}}}")),
            "3:16",
            alias,
            why,
            "s3deploykey",
        );
    }
}

#[test]
fn an_invalid_pipeline_or_role_name() {
    one(
        &dev("  pipeline: {name: a b}"),
        "3:20",
        "a b",
        "is not a valid pipeline name",
        "crossaccountdeploy",
    );
    let long = "p".repeat(101);
    let found = problems(&dev(&format!("  pipeline: {{name: {long}}}")));
    assert!(
        found[0]
            .message
            .contains("101 characters, but CodePipeline allows 1 to 100")
    );
    one(
        &target("    role: a/b"),
        "6:11",
        "a/b",
        "is not a valid role name",
        "prods3role",
    );
    let long = "r".repeat(65);
    one(
        &target(&format!("    role: {long}")),
        "6:11",
        &long,
        "65 characters, but IAM allows 1 to 64",
        "prods3role",
    );
    one(
        &SMALL.replace("name: prod", "name: dev"),
        "4:11",
        "dev",
        "reserved for a file or stage",
        "prod",
    );
    one(
        &SMALL.replace("name: prod", "name: ../x"),
        "4:11",
        "../x",
        "is not a valid target name",
        "prod",
    );
}

const SECOND: &str = "  - name: other\n    account: \"222222222222\"\n    bucket: other-output\n";

#[test]
fn two_targets_with_the_same_name_bucket_or_role() {
    one(
        &format!("{SMALL}{}", SECOND.replace("other\n", "Prod\n")),
        "6:11",
        "Prod",
        "targets 1 and 2 have the same name",
        "a unique name",
    );
    // Their log buckets would also share a name.
    let found = problems(&format!(
        "{SMALL}{}",
        SECOND.replace("other-output", "codepipeline-output-bucket")
    ));
    assert_problem(
        &found[0],
        "8:13",
        "codepipeline-output-bucket",
        "the output bucket of target `prod` and the output bucket of target `other` are both named",
        "rename one of them",
    );
    one(
        &format!("{SMALL}{SECOND}    role: PRODS3ROLE\n"),
        "9:11",
        "PRODS3ROLE",
        "are both named `PRODS3ROLE`",
        "rename one of them",
    );
    let found = problems(&target("    bucket: codepipeline-input-bucket"));
    assert_problem(
        &found[0],
        "6:13",
        "codepipeline-input-bucket",
        "the source bucket and the output bucket of target `prod`",
        "rename one of them",
    );
}

#[test]
fn the_same_role_name_in_two_accounts_is_valid() {
    let second = SECOND.replace("222222222222", "333333333333");
    let project = Project::with(&format!("{SMALL}{second}    role: prods3role\n"));
    project.expect("synth --no-lint", 0);
}

#[test]
fn a_region_that_does_not_exist() {
    one(
        &dev("  region: us-esat-1"),
        "3:11",
        "us-esat-1",
        "partition `aws` has no region `us-esat-1`",
        "did you mean `us-east-1`?",
    );
    one(
        &dev("  region: cn-south-9"),
        "3:11",
        "cn-south-9",
        "partition `aws-cn` has no region",
        "cn-",
    );
    let found = problems(&dev("  region: nowhere"));
    assert!(!found[0].help.is_empty(), "{found:?}");
}

#[test]
fn a_region_without_codepipeline() {
    let message = "cannot be in `ca-west-1`: CodePipeline is not available there (as of 2026-11)";
    one(
        &dev("  region: ca-west-1"),
        "3:11",
        "ca-west-1",
        &format!("the pipeline {message}"),
        "choose one of: us-east-1, ",
    );
    // The deploy action runs in the target's region.
    let elsewhere =
        target("    region: ca-west-1").replace("dev:", "dev:\n  key: {multi_region: true}");
    one(
        &elsewhere,
        "7:13",
        "ca-west-1",
        &format!("target `prod` {message}"),
        "ca-central-1",
    );
    let several = elsewhere.replace(
        "region: ca-west-1",
        "regions: [us-east-1, ca-west-1]\n    bucket: \"o-{region}\"",
    );
    one(
        &several,
        "7:26",
        "ca-west-1",
        &format!("target `prod` {message}"),
        "ca-central-1",
    );
    one(
        &dev("  region: eusc-de-east-1"),
        "3:11",
        "eusc-de-east-1",
        "the pipeline cannot be in `eusc-de-east-1`: CodePipeline is not available there",
        "CodePipeline is not available in partition `aws-eusc`",
    );
    one(
        &dev("  region: eusc-de-west-1"),
        "3:11",
        "eusc-de-west-1",
        "partition `aws-eusc` has no region `eusc-de-west-1` (as of 2026-11)",
        "did you mean `eusc-de-east-1`?",
    );
    // Both regions in China are accepted.
    let china = target("    region: cn-northwest-1").replace(
        "dev:",
        "dev:\n  region: cn-north-1\n  key: {multi_region: true}",
    );
    Project::with(&china).expect("synth --no-lint", 0);
}

#[test]
fn quotas_that_aws_does_not_grant() {
    let quota = |name: &str, value: u64| format!("{SMALL}quotas: {{{name}: {value}}}\n");
    for (name, least, most, reason) in [
        (
            "actions_per_stage",
            2,
            100,
            "CodePipeline allows 100 (actions per stage), and this quota cannot be increased",
        ),
        (
            "actions_per_pipeline",
            4,
            1_000,
            "CodePipeline allows 1,000 (actions per pipeline), and this quota cannot be increased",
        ),
        (
            "managed_policies_per_role",
            20,
            25,
            "IAM can increase this quota (managed policies per role) to at most 25",
        ),
        (
            "trust_policy_characters",
            2_048,
            8_192,
            "IAM can increase this quota (trust policy) to at most 8,192",
        ),
    ] {
        for value in [least, most] {
            let project = Project::with(&quota(name, value));
            project.expect("synth --no-lint", 0);
        }
        let over = most + 1;
        one(
            &quota(name, over),
            &format!("6:{}", "quotas: {".len() + name.len() + 3),
            &over.to_string(),
            reason,
            &format!("set it to {most} or less"),
        );
    }
}

#[test]
fn extract_and_object_key_belong_together() {
    one(
        &target("    extract: false"),
        "6:14",
        "false",
        "`extract: false` requires `object_key`",
        "add `object_key:`",
    );
    one(
        &target("    object_key: a.zip"),
        "6:17",
        "a.zip",
        "`object_key` requires `extract: false`",
        "`path:`",
    );
    one(
        &target("    extract: false\n    object_key: a.zip\n    path: b"),
        "8:11",
        "b",
        "`path` and `extract: false` cannot be used together",
        "`object_key:`",
    );
}

#[test]
fn a_path_gives_keys_that_the_action_and_browsers_support() {
    let wrong = |path: &str, message: &str| {
        let underlined = format!("'{path}'");
        one(
            &target(&format!("    path: {underlined}")),
            "6:11",
            &underlined,
            message,
            "such as `site/assets`",
        );
    };
    // With a slash at either end, the action would create keys with a double slash.
    wrong("site/", "must not begin or end with `/`");
    wrong("/site", "must not begin or end with `/`");
    for path in ["a//b", "a\\b", "./a", "a/..", "a/../b", "v1../b"] {
        wrong(path, "without `\\`, `//`, `./`, or `../`");
    }
    let project = Project::with(&target("    path: v1.2/a..b/.well-known"));
    project.expect("synth --no-lint", 0);
}

#[test]
fn a_canned_acl_that_the_bucket_does_not_support() {
    one(
        &target("    canned_acl: public-read"),
        "6:17",
        "public-read",
        "S3 rejects `public-read`",
        "bucket-owner-full-control",
    );
    one(
        &target("    canned_acl: pubic-read"),
        "6:17",
        "pubic-read",
        "`canned_acl` cannot be `pubic-read`",
        "did you mean `public-read`?",
    );
}

#[test]
fn a_target_in_another_region() {
    one(
        &target("    region: eu-west-1"),
        "6:13",
        "eu-west-1",
        "requires a multi-Region key",
        "set `multi_region: true` in `dev.key`",
    );
    one(
        &target("    region: cn-north-1"),
        "6:13",
        "cn-north-1",
        "cannot access each other",
        "the same partition",
    );
    one(
        &target("    regions: [us-east-1, eu-west-1]\n    bucket: out-{region}"),
        "6:26",
        "eu-west-1",
        "requires a multi-Region key",
        "set `multi_region: true` in `dev.key`",
    );
    one(
        &target("    regions: [us-east-1]\n    bucket: one-output"),
        "7:13",
        "one-output",
        "requires a different output bucket",
        "`{region}`, such as `one-output-{region}`",
    );
    one(
        &target("    regions: [us-east-1]\n    bucket: out-{region}\n    role: same"),
        "8:11",
        "same",
        "roles are global, so each region requires a different name",
        "such as `same-{region}`",
    );
    one(
        &target("    regions: [us-east-1, us-east-1]\n    bucket: out-{region}"),
        "6:26",
        "us-east-1",
        "duplicate region `us-east-1`",
        "remove one",
    );
    one(
        &target("    regions: [us-east-1]\n    bucket: out-{region}\n    region: us-east-1"),
        "6:14",
        "[us-east-1",
        "`region` and `regions` cannot be used together",
        "keep one",
    );
    one(
        &format!(
            "{}\n",
            target("    regions: [us-east-1]\n    bucket: out-{region}")
                .replace("dev:", "dev:\n  artifacts: {bucket: store}")
        ),
        "2:23",
        "store",
        "does not contain the region of the artifact bucket",
        "add `{region}` to it",
    );
}

#[test]
fn many_accounts() {
    let accounts = |list: &str, more: &str| {
        SMALL.replace(
            "account: \"222222222222\"",
            &format!("accounts: [{list}]\n    {more}"),
        )
    };
    one(
        &accounts("\"222222222222\"", "bucket: one-output"),
        "6:13",
        "one-output",
        "requires a different output bucket",
        "`{account}`, such as `one-output-{account}`",
    );
    one(
        &accounts("\"222222222222\", \"22222222222\"", "bucket: out-{account}"),
        "5:32",
        "\"22222222222\"",
        "it has 11 digits, not 12",
        "12 digits",
    );
    one(
        &accounts(
            "\"222222222222\", \"222222222222\"",
            "bucket: out-{account}",
        ),
        "5:32",
        "\"222222222222\"",
        "duplicate account `222222222222`",
        "remove one",
    );
    one(
        &accounts("", "bucket: out-{account}"),
        "5:15",
        "[]",
        "no accounts",
        "list at least one account",
    );
    one(
        &accounts(
            "\"222222222222\"",
            "bucket: out-{account}\n    account: \"333333333333\"",
        ),
        "5:15",
        "[\"222222222222\"",
        "only one of `account`, `accounts`, and `accounts_file` is allowed",
        "keep one of them",
    );
    one(
        &accounts(
            "\"222222222222\"",
            "bucket: out-{account}\n    encryption_key: \"arn:aws:kms:us-east-1:222222222222:key/1\"",
        ),
        "7:21",
        "\"arn:aws:kms:us-east-1:222222222222:key/1\"",
        "a key belongs to one account and region",
        "add a separate target for each",
    );
    // Names can be the same in two accounts, but not for two targets in one account.
    let two = format!(
        "{}  - name: other\n    account: \"333333333333\"\n    bucket: other-output\n    role: prods3role\n",
        accounts(
            "\"222222222222\", \"333333333333\"",
            "bucket: out-{account}"
        )
    );
    one(
        &two,
        "10:11",
        "prods3role",
        "are both named `prods3role`",
        "rename one of them",
    );
}

#[test]
fn a_target_without_account() {
    one(
        &SMALL.replace("    account: \"222222222222\"\n", ""),
        "4:5",
        "name",
        "target `prod` has no account",
        "add `account:`",
    );
}

#[test]
fn an_arn_of_a_different_resource() {
    let role = "arn:aws:iam::999999999999:role/x";
    one(
        &dev(&format!("  pipeline:\n    service_role: {role}")),
        "4:19",
        role,
        "belongs to account 999999999999, but must belong to account 111111111111",
        "arn:aws:iam::111111111111:role/",
    );
    let user = "arn:aws:iam::111111111111:user/x";
    one(
        &dev(&format!("  pipeline:\n    service_role: {user}")),
        "4:19",
        user,
        "is not the ARN of an IAM role",
        "arn:aws:iam::111111111111:role/",
    );
    let star = "arn:aws:iam::111111111111:role/*";
    one(
        &dev(&format!("  key:\n    administrators:\n      - {star}")),
        "5:9",
        star,
        "contains a wildcard",
        "arn:aws:iam::111111111111:role/",
    );
    let china = "arn:aws-cn:iam::111111111111:role/x";
    one(
        &dev(&format!("  key:\n    administrators:\n      - {china}")),
        "5:9",
        china,
        "in partition `aws-cn`",
        "arn:aws:iam::111111111111:role/",
    );
    let boundary = "arn:aws:iam::111111111111:role/x";
    one(
        &dev(&format!("  permissions_boundary: {boundary}")),
        "3:25",
        boundary,
        "is not the ARN of a managed policy",
        "arn:aws:iam::111111111111:policy/",
    );
    let alias = "arn:aws:kms:us-east-1:222222222222:alias/x";
    one(
        &target(&format!("    encryption_key: {alias}")),
        "6:21",
        alias,
        "is not the ARN of a KMS key",
        "arn:aws:kms:us-east-1:222222222222:key/",
    );
    let id = "key/11111111-2222-3333-4444-555555555555";
    for (elsewhere, message) in [
        (
            format!("arn:aws:kms:us-east-1:111111111111:{id}"),
            "the key belongs to account 111111111111, but the bucket belongs to account \
             222222222222",
        ),
        (
            format!("arn:aws:kms:eu-west-1:222222222222:{id}"),
            "the key is in region eu-west-1, but the bucket is in us-east-1",
        ),
        (
            format!("arn:aws-cn:kms:us-east-1:222222222222:{id}"),
            "the key is in partition `aws-cn`, but the bucket is in `aws`",
        ),
    ] {
        one(
            &target(&format!("    encryption_key: {elsewhere}")),
            "6:21",
            &elsewhere,
            message,
            "arn:aws:kms:us-east-1:222222222222:key/",
        );
    }
}

#[test]
fn a_key_arn_must_name_exactly_one_key() {
    for (resource, message) in [
        ("key/*", "contains a wildcard"),
        (
            "key/????????-2222-3333-4444-555555555555",
            "contains a wildcard",
        ),
        ("key/", "is not the ARN of a KMS key"),
        ("key/x", "is not the ARN of a KMS key"),
        ("key/${aws:PrincipalTag/key}", "is not the ARN of a KMS key"),
        (
            "key/11111111-2222-3333-4444-55555555555G",
            "is not the ARN of a KMS key",
        ),
        ("key/mrk-0123456789abcdef", "is not the ARN of a KMS key"),
        ("alias/x", "is not the ARN of a KMS key"),
        ("key/a b", "is not the ARN of a KMS key"),
    ] {
        let arn = format!("\"arn:aws:kms:us-east-1:222222222222:{resource}\"");
        one(
            &target(&format!("    encryption_key: {arn}")),
            "6:21",
            &arn,
            message,
            "with the key ID",
        );
        let arn = format!("\"arn:aws:kms:us-east-1:111111111111:{resource}\"");
        one(
            &dev(&format!("  source: {{encryption_key: {arn}}}")),
            "3:28",
            &arn,
            message,
            "with the key ID",
        );
    }
    let multi_region =
        "arn:aws:kms:us-east-1:111111111111:key/mrk-0123456789abcdef0123456789abcdef";
    let project = Project::with(&dev(&format!(
        "  source: {{encryption_key: \"{multi_region}\"}}"
    )));
    project.expect("synth --no-lint --no-prove", 0);
}

#[test]
fn an_iam_arn_must_name_exactly_one_resource() {
    let iam = "arn:aws:iam::111111111111:";
    for (settings, column, resource) in [
        ("  pipeline: {service_role: ARN}", "3:28", "role/"),
        ("  pipeline: {service_role: ARN}", "3:28", "role/a b"),
        ("  pipeline: {service_role: ARN}", "3:28", "role//a"),
        (
            "  pipeline: {service_role: ARN}",
            "3:28",
            "role/${aws:username}",
        ),
        ("  pipeline: {service_role: ARN}", "3:28", "root"),
        ("  permissions_boundary: ARN", "3:25", "policy/*"),
        ("  permissions_boundary: ARN", "3:25", "policy/a/"),
        ("  key: {administrators: [ARN]}", "3:26", "user/ä"),
        ("  key: {administrators: [ARN]}", "3:26", "group/a"),
    ] {
        let arn = format!("\"{iam}{resource}\"");
        one(
            &dev(&settings.replace("ARN", &arn)),
            column,
            &arn,
            resource,
            "use the form `arn:aws:iam::111111111111:",
        );
    }
    let managed = "arn:aws:iam::aws:policy/PowerUserAccess";
    let project = Project::with(&dev(&format!("  permissions_boundary: {managed}")));
    project.expect("synth --no-lint --no-prove", 0);
}

#[test]
fn no_value_has_control_or_invisible_characters() {
    for (escape, name) in [
        ("\\n", "U+000A LINE FEED"),
        ("\\0", "U+0000 NULL"),
        ("\\e[31m", "U+001B ESCAPE"),
        ("\\x9b31m", "U+009B CONTROL SEQUENCE INTRODUCER"),
        ("\\u202e", "U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("\\u2066", "U+2066 LEFT-TO-RIGHT ISOLATE"),
        ("\\u200b", "U+200B ZERO WIDTH SPACE"),
        ("\\u2028", "U+2028 LINE SEPARATOR"),
        ("\\x7f", "U+007F DELETE"),
        ("\\U000e0041", "U+E0041 TAG CHARACTER"),
    ] {
        let value = format!("\"a{escape}b\"");
        for key in [
            "profile",
            "path",
            "cache_control",
            "encryption_key",
            "permissions_boundary",
            "role",
            "bucket",
        ] {
            let place = format!("6:{}", key.len() + 7);
            let message = format!("`{key}` contains {name}: `a\\u{{");
            one(
                &target(&format!("    {key}: {value}")),
                &place,
                &value,
                &message,
                "remove it",
            );
        }
        for (settings, place) in [
            ("  profile: VALUE", "3:12"),
            ("  source: {object_key: VALUE}", "3:24"),
            ("  pipeline: {service_role: VALUE}", "3:28"),
            ("  key: {administrators: [VALUE]}", "3:26"),
        ] {
            let config = dev(&settings.replace("VALUE", &value));
            one(&config, place, &value, name, "remove it");
        }
        let config = target(&format!("organization: {value}"));
        one(&config, "6:15", &value, name, "remove it");
        let config = target(&format!("tags: {{cost: {value}}}"));
        one(&config, "6:14", &value, name, "remove it");
    }
}

#[test]
fn the_schema_rejects_what_the_check_rejects() {
    let schema = s3ferry::config::json_schema();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let with = |place: &str, value: &str| {
        let mut config = serde_json::json!({
            "dev": {"account": "111111111111", "key": {}, "pipeline": {}, "source": {}},
            "targets": [{"name": "prod", "account": "222222222222"}],
        });
        let (parent, key) = place.rsplit_once('/').expect("a pointer");
        config.pointer_mut(parent).expect("there")[key] = match key {
            "administrators" => serde_json::json!([value]),
            _ => serde_json::json!(value),
        };
        config
    };
    let key = "arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555";
    let iam = "arn:aws:iam::111111111111:";
    for (place, good, bad) in [
        ("/dev/account", "111111111111".to_owned(), "11111111111"),
        ("/dev/profile", "prod team $(id)".to_owned(), ""),
        ("/dev/key/administrators", format!("{iam}user/a"), "user/a"),
        ("/dev/pipeline/service_role", format!("{iam}role/p/a"), "a"),
        ("/dev/permissions_boundary", format!("{iam}policy/a"), "a"),
        ("/dev/source/encryption_key", key.to_owned(), "a"),
        ("/dev/source/object_key", "a b/ü.zip".to_owned(), "a*"),
        ("/targets/0/profile", "größe-{account}".to_owned(), ""),
        ("/targets/0/role", "{account}-deploy".to_owned(), "a b"),
        ("/targets/0/path", "site/ü".to_owned(), "a?"),
        ("/targets/0/object_key", "site.zip".to_owned(), "*"),
        (
            "/targets/0/cache_control",
            "max-age=300, public".to_owned(),
            "ä",
        ),
        ("/targets/0/encryption_key", key.to_owned(), "key/*"),
        (
            "/targets/0/permissions_boundary",
            "arn:aws:iam::{account}:policy/b-{region}".to_owned(),
            "policy/b",
        ),
        ("/organization", "o-exampleorg1".to_owned(), "o-x"),
    ] {
        assert!(validator.is_valid(&with(place, &good)), "{place}: {good}");
        assert!(!validator.is_valid(&with(place, bad)), "{place}: {bad}");
        for hidden in ["\n", "\u{0}", "\u{1b}[31m", "\u{9b}31m"] {
            let value = format!("{good}{hidden}");
            assert!(
                !validator.is_valid(&with(place, &value)),
                "{place}: {value:?}"
            );
        }
    }
}

#[test]
fn the_message_for_a_key_names_invisible_characters() {
    let found = problems(&SMALL.replacen("account", "acc\u{200b}ount", 1));
    assert_problem(
        &found[0],
        "2:3",
        "acc\\u{200b}ount",
        "unknown key `acc\\u{200b}ount`: it contains U+200B ZERO WIDTH SPACE",
        "retype it; did you mean `account`?",
    );
    let found = problems(&SMALL.replacen("  account", "\u{a0}\u{a0}account", 1));
    let indented = found
        .iter()
        .find(|problem| problem.message.contains("U+00A0 NO-BREAK SPACE"))
        .unwrap_or_else(|| panic!("{found:#?}"));
    assert!(
        indented.message.contains("`\\u{a0}\\u{a0}account`"),
        "{indented:?}"
    );
    assert!(
        indented.help.contains("indent it with spaces"),
        "{indented:?}"
    );
    one(
        &dev("  prof\u{456}le: x"),
        "3:3",
        "prof\u{456}le",
        "it contains U+0456",
        "did you mean `profile`?",
    );
}

#[test]
fn profiles_and_headers_that_cannot_be_used() {
    for (setting, message) in [
        (
            "profile: \"\"",
            "`` is not a valid profile name: it is empty",
        ),
        ("profile: \" a\"", "begins or ends with whitespace"),
        ("profile: \"a]\"", "cannot contain `[` or `]`"),
        ("cache_control: \"max-äge\"", "only printable ASCII"),
        ("cache_control: \" \"", "it is empty"),
    ] {
        let found = problems(&target(&format!("    {setting}")));
        assert!(found[0].message.contains(message), "{found:?}");
    }
    for setting in [
        "profile: prod team $(id)",
        "profile: größe",
        "profile: '-x'",
    ] {
        let project = Project::with(&target(&format!("    {setting}")));
        project.expect("synth --no-lint --no-prove", 0);
    }
}

#[test]
fn other_values() {
    one(
        &dev("  key: {deletion_window_days: 31}"),
        "3:31",
        "31",
        "out of range",
        "from 7 to 30",
    );
    one(
        &dev("  artifacts: {existing_policy: p.json}"),
        "3:32",
        "p.json",
        "requires an existing bucket",
        "create: false",
    );
    one(
        &dev("  source: {object_key: 'a*.zip'}"),
        "3:24",
        "'a*.zip'",
        "would be wildcards",
        "sample-website.zip",
    );
    one(
        &dev("  source: {detect_changes: event}"),
        "3:28",
        "event",
        "cannot be `event`",
        "did you mean `events`?",
    );
    one(
        &target("organization: o-x"),
        "6:15",
        "o-x",
        "not a valid organization ID",
        "`o-` and 10 to 32",
    );
    one(
        &target("tags:\n  aws:x: y"),
        "7:10",
        "y",
        "AWS reserves tag keys",
        "rename",
    );
    one(
        &target("tags: {cost: 012}"),
        "6:14",
        "012",
        "`cost` is not in quotes",
        "write \"012\"",
    );
    one(
        &target("permissions: most"),
        "6:14",
        "most",
        "cannot be `most`",
        "least, article",
    );
    one(
        &target("    stack_set:\n      name: x\n      organizational_units: [ou-1]"),
        "8:29",
        "[ou-1",
        "not to organizational units",
        "service-managed",
    );
    one(
        &dev("  access_logs: \"yes\""),
        "3:16",
        "\"yes\"",
        "`access_logs` must be true or false, not a string",
        "write true or false",
    );
    one(
        "dev: {account: \"111111111111\"}\ntargets: []\n",
        "2:10",
        "[]",
        "no target",
        "add a target",
    );
    one(
        "dev: {account: \"111111111111\"}\n",
        "1:1",
        "dev",
        "missing key `targets`",
        "add `targets:`",
    );
    one(
        &SMALL.replace("\"111111111111\"", ""),
        "2:3",
        "account",
        "`account` is empty",
        "set it to 12 digits in quotes",
    );
    one(
        &SMALL.replace("\"111111111111\"", "!Ref x"),
        "2:12",
        "!Ref x",
        "has a tag",
        "remove the tag",
    );
}

#[test]
fn several_problems_are_reported_in_the_order_of_the_file() {
    let config = "\
dev:
  account: \"1\"
  region: us-esat-1
targets:
  - name: prod
    account: \"222222222222\"
    bucket: Not-a-bucket
    role: a/b
tags:
  aws:x: y
";
    let found = problems(config);
    let places: Vec<&str> = found.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(
        places,
        [
            "s3ferry.yaml:2:12",
            "s3ferry.yaml:3:11",
            "s3ferry.yaml:7:13",
            "s3ferry.yaml:8:11",
            "s3ferry.yaml:10:10"
        ]
    );
    // Structural problems are also all reported at once.
    let found = problems("dev:\n  acount: 1\n  region: [x]\ntargts: 1\n");
    assert!(found.len() >= 4, "{found:#?}");
}

#[test]
fn columns_count_characters() {
    one(
        "dev: {account: \"111111111111\", profile: \"äöü\", regoin: x}\ntargets: [{name: p, account: \
         \"222222222222\"}]\n",
        "1:48",
        "regoin",
        "unknown key",
        "region",
    );
}

#[test]
fn files_that_are_not_configurations() {
    let nested = |depth| format!("dev: {}1{}\n", "[".repeat(depth), "]".repeat(depth));
    let (deep, abyss) = (nested(100), nested(50_000));
    for (text, message) in [
        ("", ""),
        ("\n# nothing\n", ""),
        ("- dev: a\n- b\n", "must be a mapping"),
        ("just text", "is not an s3ferry configuration"),
        ("- a\n- b\n", "is not an s3ferry configuration"),
        ("dev: [", ""),
        ("dev: 'x", ""),
        ("\tdev: x\n", ""),
        ("dev: {}\ndev: {}\n", "dev"),
        ("dev: *b\n", ""),
        (deep.as_str(), "levels deep"),
        (abyss.as_str(), "levels deep"),
        ("dev: {}\n---\ndev: {}\n", ""),
    ] {
        let found = problems(text);
        let shown = &found[0];
        assert!(shown.message.contains(message), "{text:.40}: {shown:?}");
        assert!(
            shown.place.starts_with("s3ferry.yaml:") || shown.message.contains("s3ferry.yaml"),
            "{text:.40}: {shown:?}"
        );
    }
}

#[test]
fn aliases_cannot_expand_a_document_exponentially() {
    let mut text = String::from("dev: 1\na0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let before = format!("*a{}, ", n - 1).repeat(9);
        text.push_str(&format!("a{n}: &a{n} [{before}]\n"));
    }
    problems(&text);
}

#[test]
fn files_that_cannot_be_read() {
    let project = Project::empty();
    project.write("folder/x", "");
    project.write("latin.yaml", b"# Site\ndev: \xe9\n");
    project.write("utf16.yaml", b"\xff\xfed\0e\0v\0:\0");
    project.write("utf16be.yaml", b"\0d\0e\0v\0:");
    for (config, message) in [
        ("folder", "cannot read configuration `folder`"),
        ("missing.yaml", "cannot read configuration `missing.yaml`"),
        (
            "latin.yaml",
            "cannot read configuration `latin.yaml`: invalid UTF-8 on line 2",
        ),
        (
            "utf16.yaml",
            "cannot read configuration `utf16.yaml`: it is UTF-16",
        ),
        (
            "utf16be.yaml",
            "cannot read configuration `utf16be.yaml`: it is UTF-16",
        ),
    ] {
        let run = project.expect(&format!("synth --config {config}"), 2);
        assert!(run.stderr.contains(message), "{}", run.stderr);
        assert!(run.stderr.contains("help:"), "{}", run.stderr);
    }
    let run = project.expect("lint --config missing.yaml", 2);
    assert!(run.stderr.contains("missing.yaml"), "{}", run.stderr);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_do_not_matter() {
    let plain = Project::with(SMALL);
    let odd = Project::with(&format!("\u{feff}{}", SMALL.replace('\n', "\r\n")));
    for project in [&plain, &odd] {
        project.expect("synth --no-lint", 0);
    }
    assert_eq!(plain.read("stacks/dev.yaml"), odd.read("stacks/dev.yaml"));
    assert_eq!(plain.read("stacks/prod.yaml"), odd.read("stacks/prod.yaml"));
}

#[test]
fn a_key_without_its_colon_or_the_space_after_it() {
    for (line, message) in [
        (
            "account \"111111111111\"",
            "missing `:` and a space after `account`",
        ),
        ("account:\"111111111111\"", "missing space after `account:`"),
        (
            "account=111111111111",
            "missing `:` and a space after `account`",
        ),
    ] {
        let config = SMALL.replace("account: \"111111111111\"", line);
        one(&config, "2:3", line, message, "write `account: …`");
    }
    // The text does not begin with a key.
    let found = problems(&SMALL.replace("account: \"111111111111\"", "accountant"));
    assert!(
        found[0].message.contains("`dev` must be a mapping"),
        "{found:?}"
    );
}

#[test]
fn an_unquoted_account_with_the_wrong_number_of_digits_has_both_problems() {
    one(
        &SMALL.replace("\"111111111111\"", "11111111111"),
        "2:12",
        "11111111111",
        "`account` is not in quotes and has 11 digits instead of 12",
        "write all 12 digits in quotes",
    );
}

#[test]
fn an_unquoted_account_that_is_not_only_digits_is_not_counted_in_digits() {
    for number in ["+11111111111", "1.1111111111e11"] {
        let found = problems(&SMALL.replace("\"111111111111\"", number));
        assert_eq!(found[0].message, "`account` is not in quotes", "{found:?}");
    }
}

#[test]
fn an_empty_file_is_reported_as_empty() {
    for text in ["", "\n", "# a comment\n", "---\n"] {
        let found = problems(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].message, "the file is empty");
        assert!(found[0].help.contains("s3ferry init --force"), "{found:?}");
    }
}

#[test]
fn a_target_cannot_have_the_name_of_a_windows_device() {
    for name in ["con", "NUL", "aux", "prn", "com1", "Lpt9"] {
        let found = problems(&SMALL.replace("name: prod", &format!("name: {name}")));
        assert!(
            found[0].message.contains("Windows reserves the name"),
            "{found:?}"
        );
    }
    for name in ["con1", "com", "com10", "nula"] {
        let project = Project::with(&SMALL.replace("name: prod", &format!("name: {name}")));
        project.expect("synth --no-lint", 0);
    }
}

#[test]
fn an_error_without_a_source_line_has_no_margin() {
    let run = Project::empty().expect("synth --config none.yaml", 2);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(
        lines,
        [
            "error: cannot read configuration `none.yaml`: no such file or directory",
            " = help: check the path"
        ]
    );
}

#[test]
fn an_invisible_space_in_the_indentation_is_named() {
    let found = problems(&SMALL.replace(
        "  account: \"111111111111\"",
        "\u{a0} account: \"111111111111\"",
    ));
    assert!(
        found
            .iter()
            .any(|problem| problem.message.contains("U+00A0")),
        "{found:?}"
    );
    // Emoji contain invisible characters, too, but do not cause the error.
    let found = problems("# \u{26a0}\u{fe0f}\ndev:\n  account \"1\"\n  region: x\n");
    assert!(!found[0].message.contains("U+FE0F"), "{found:?}");
    let found = problems("# a comment\u{a0}: with a no-break space\ndev: [\n");
    assert!(!found[0].message.contains("U+00A0"), "{found:?}");
}
