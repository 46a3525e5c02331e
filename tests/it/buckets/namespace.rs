//! `bucket_namespace: account`: bucket names that no other account can use.

use serde_json::{Value as Json, json};

use super::{rejects, template};
use crate::emulator::Emulator;
use crate::emulator::profiles::Accounts;
use crate::support::{Project, SMALL};

const ACCOUNT: &str = "bucket_namespace: account\n";

/// Returns a property of a bucket in a template.
fn property<'t>(template: &'t Json, bucket: &str, name: &str) -> &'t Json {
    let properties = &template["Resources"][bucket]["Properties"];
    assert!(properties.is_object(), "no {bucket}");
    &properties[name]
}

/// Asserts the names of buckets that are created in the account-regional namespace.
fn named(template: &Json, names: &[(&str, &str)]) {
    for (bucket, name) in names {
        assert_eq!(property(template, bucket, "BucketName"), name);
        let namespace = property(template, bucket, "BucketNamespace");
        assert_eq!(namespace, "account-regional", "{bucket}");
    }
}

#[test]
fn the_names_of_created_buckets_end_with_account_and_region() {
    let config = format!("{SMALL}{ACCOUNT}");
    let dev = template(&config, "dev");
    named(
        &dev,
        &[
            (
                "SourceBucket",
                "codepipeline-input-bucket-111111111111-us-east-1-an",
            ),
            (
                "ArtifactBucket",
                "codepipeline-artifacts-111111111111-us-east-1-an",
            ),
            (
                "LogBucket",
                "codepipeline-input-bucket-logs-111111111111-us-east-1-an",
            ),
        ],
    );
    let prod = template(&config, "prod");
    named(
        &prod,
        &[
            (
                "OutputBucket",
                "codepipeline-output-bucket-222222222222-us-east-1-an",
            ),
            (
                "LogBucket",
                "codepipeline-output-bucket-logs-222222222222-us-east-1-an",
            ),
        ],
    );
    // The pipeline and the policies use the same names.
    let text = dev.to_string();
    for name in [
        "\"S3Bucket\":\"codepipeline-input-bucket-111111111111-us-east-1-an\"",
        "\"BucketName\":\"codepipeline-output-bucket-222222222222-us-east-1-an\"",
        "arn:aws:s3:::codepipeline-artifacts-111111111111-us-east-1-an/crossaccountdeploy/*",
    ] {
        assert!(text.contains(name), "{name}");
    }
}

#[test]
fn the_global_namespace_is_the_default() {
    for config in [
        SMALL.to_owned(),
        format!("{SMALL}bucket_namespace: global\n"),
    ] {
        let dev = template(&config, "dev");
        assert_eq!(
            property(&dev, "SourceBucket", "BucketNamespace"),
            &Json::Null
        );
        assert_eq!(
            property(&dev, "SourceBucket", "BucketName"),
            "codepipeline-input-bucket"
        );
    }
}

#[test]
fn existing_buckets_keep_their_names() {
    let config = format!(
        "dev:\n  account: \"111111111111\"\n  key: {{multi_region: true}}\n  source: {{bucket: \
         my-source, create: false}}\n  artifacts: {{bucket: my-artifacts, create: false}}\n\
         targets:\n  - {{name: prod, account: \"222222222222\", bucket: my-output, create: \
         false}}\n  - {{name: other, account: \"222222222222\", region: eu-west-1, bucket: \
         other}}\n{ACCOUNT}"
    );
    let dev = template(&config, "dev").to_string();
    for name in ["my-source", "my-artifacts", "my-output"] {
        for account in ["111111111111", "222222222222"] {
            let with_end = format!("{name}-{account}-us-east-1-an");
            assert!(!dev.contains(&with_end), "{with_end}");
        }
        assert!(dev.contains(&format!("\"{name}\"")), "{name}");
    }
    // The artifact bucket in another region is new.
    let region = template(&config, "dev-eu-west-1");
    named(
        &region,
        &[
            ("ArtifactBucket", "my-artifacts-111111111111-eu-west-1-an"),
            ("LogBucket", "my-artifacts-logs-111111111111-eu-west-1-an"),
        ],
    );
    let other = template(&config, "other");
    named(
        &other,
        &[("OutputBucket", "other-222222222222-eu-west-1-an")],
    );
}

/// Returns a configuration with a target in two accounts and two regions.
fn fleet(bucket: &str, artifacts: &str) -> String {
    format!(
        "dev:\n  account: \"111111111111\"\n  key: {{multi_region: true}}\n  artifacts: \
         {{{artifacts}}}\ntargets:\n  - name: fleet\n    accounts: [\"222222222222\", \
         \"333333333333\"]\n    regions: [us-east-1, eu-west-1]\n    {bucket}\n{ACCOUNT}"
    )
}

#[test]
fn a_target_with_many_accounts_and_regions_needs_no_placeholders() {
    let config = fleet("bucket: out", "bucket: store");
    let fleet = template(&config, "fleet");
    let name =
        |end: &str| json!({"Fn::Sub": format!("out{end}-${{AWS::AccountId}}-${{AWS::Region}}-an")});
    assert_eq!(property(&fleet, "OutputBucket", "BucketName"), &name(""));
    assert_eq!(property(&fleet, "LogBucket", "BucketName"), &name("-logs"));
    // The artifact bucket belongs to the dev account.
    let text = fleet.to_string();
    assert!(
        text.contains("arn:aws:s3:::store-111111111111-${AWS::Region}-an/crossaccountdeploy/*"),
        "{text}"
    );
    let project = Project::with(&config);
    project.expect("synth", 0);
    project.expect("prove --strict", 0);
    let run = project.expect("targets", 0);
    assert!(
        run.stdout.contains("out-333333333333-eu-west-1-an"),
        "{}",
        run.stdout
    );
    // Existing buckets still need different names.
    let message = "requires a different output bucket, but `out` is a single name";
    let existing = config.replace("bucket: out", "bucket: out\n    create: false");
    rejects(&existing, message, "out", "add `{account}` and `{region}`");
}

#[test]
fn an_existing_artifact_bucket_cannot_serve_a_template_for_several_regions() {
    rejects(
        &fleet("bucket: out", "bucket: \"store-{region}\", create: false"),
        "the name of the existing artifact bucket differs",
        "false",
        "set `create: true`, or add a separate target for each region",
    );
}

#[test]
fn names_that_are_too_long_are_rejected_with_the_number_of_characters() {
    // The end of a name in this region has 31 characters.
    let config = |source: usize, artifacts: usize, output: usize, dev: &str| {
        format!(
            "dev:\n  account: \"111111111111\"\n  region: ap-southeast-1\n{dev}  source: {{bucket: \
             {}}}\n  artifacts: {{bucket: {}}}\ntargets:\n  - name: prod\n    account: \
             \"222222222222\"\n    bucket: {}\n{ACCOUNT}",
            "s".repeat(source),
            "a".repeat(artifacts),
            "o".repeat(output)
        )
    };
    let without_logs = "  access_logs: false\n";
    Project::with(&config(32, 32, 32, without_logs)).expect("synth", 0);
    Project::with(&config(27, 32, 27, "")).expect("synth", 0);
    for (config, letter, what, help) in [
        (
            config(33, 32, 32, without_logs),
            "s",
            "the source bucket",
            "shorten `dev.source.bucket` by 1 character",
        ),
        (
            config(32, 34, 32, without_logs),
            "a",
            "the artifact bucket",
            "shorten `dev.artifacts.bucket` by 2 characters",
        ),
        (
            config(32, 32, 33, without_logs),
            "o",
            "the output bucket",
            "shorten `targets.0.bucket` by 1 character",
        ),
        (
            config(28, 32, 27, ""),
            "s",
            "the log bucket of the dev account",
            "shorten `dev.source.bucket` by 1 character, or set `access_logs: false`",
        ),
        (
            config(27, 32, 29, ""),
            "o",
            "the log bucket",
            "shorten `targets.0.bucket` by 2 characters, or set `access_logs: false`",
        ),
    ] {
        let run = Project::with(&config).expect("synth", 2);
        let problems = run.problems();
        assert_eq!(problems.len(), 1, "{}", run.stderr);
        assert!(problems[0].message.starts_with(what), "{}", run.stderr);
        assert!(problems[0].underlined.starts_with(letter), "{}", run.stderr);
        assert_eq!(problems[0].help, help);
    }
}

#[test]
fn a_log_bucket_of_a_long_prefix_has_a_shortened_name_that_fits() {
    let config = format!("{SMALL}    bucket: {}\n{ACCOUNT}", "o".repeat(37));
    let prod = template(&config, "prod");
    let name = property(&prod, "LogBucket", "BucketName").as_str();
    let name = name.expect("a name");
    assert!(name.len() <= 63, "{name}");
    assert!(name.ends_with("-logs-222222222222-us-east-1-an"), "{name}");
}

#[test]
fn regions_without_the_namespace_are_rejected() {
    for region in ["me-south-1", "me-central-1"] {
        let dev = SMALL.replace("dev:\n", &format!("dev:\n  region: {region}\n"));
        rejects(
            &format!("{dev}{ACCOUNT}"),
            &format!("the buckets in `{region}` cannot be in the account-regional namespace"),
            "account",
            "set `bucket_namespace: global`, or choose another region",
        );
        Project::with(&dev).expect("synth", 0);
        let target = format!("{SMALL}    region: {region}\n{ACCOUNT}")
            .replace("dev:\n", "dev:\n  key: {multi_region: true}\n");
        rejects(&target, &format!("`{region}`"), "account", "choose another");
    }
}

#[test]
fn other_commands_use_the_full_names() {
    let project = Project::with(&format!("{SMALL}{ACCOUNT}"));
    project.expect("synth", 0);
    project.expect("prove --strict", 0);
    let output = "codepipeline-output-bucket-222222222222-us-east-1-an";
    for command in ["graph", "report --out -"] {
        let run = project.expect(command, 0);
        assert!(run.stdout.contains(output), "{command}");
    }
    let run = project.expect("deployer-policy --profile prod", 0);
    assert!(run.stdout.contains(&format!("arn:aws:s3:::{output}\"")));
    let run = project.expect("deployer-policy --profile dev --push", 0);
    let source = "arn:aws:s3:::codepipeline-input-bucket-111111111111-us-east-1-an/";
    assert!(run.stdout.contains(source), "{}", run.stdout);
}

#[test]
fn deployed_buckets_move_to_the_namespace_only_with_consent() {
    let accounts = Accounts::fresh();
    let project = accounts.project(&Emulator::shared().endpoint());
    project.expect("deploy --all --yes", 0);
    project.write("s3ferry.yaml", accounts.config() + ACCOUNT);
    project.expect("synth --no-lint", 0);
    let run = project.expect("deploy --all --yes", 1);
    for part in [
        "this would replace or delete",
        "nothing was changed",
        "buckets and keys are retained in the account",
        "--allow-replacement",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    project.expect("deploy --all --yes --allow-replacement", 0);
    let (dev, prod) = (&accounts.dev, &accounts.prod);
    for (account, bucket) in [
        (dev, format!("source-{dev}-{dev}-us-east-1-an")),
        (dev, format!("artifacts-{dev}-{dev}-us-east-1-an")),
        (prod, format!("output-{prod}-{prod}-us-east-1-an")),
        // The old bucket and its objects are retained.
        (prod, format!("output-{prod}")),
    ] {
        let buckets = Emulator::shared().aws(account, "s3api list-buckets");
        assert!(
            buckets.to_string().contains(&format!("\"{bucket}\"")),
            "{bucket}: {buckets}"
        );
    }
    project.expect("doctor", 0);
    project.write("site/index.html", "<p>Hello</p>");
    project.expect("push site --no-watch", 0);
    let run = project.expect("status", 0);
    assert_eq!(run.stdout.matches(" same ").count(), 2, "{}", run.stdout);
    let run = project.expect("deploy --all --yes", 0);
    assert!(run.stderr.contains("No changes."), "{}", run.stderr);
}

#[test]
fn init_writes_short_names_and_the_setting() {
    let options = "init --dev-account 111111111111 --prod-account 222222222222";
    let project = Project::empty();
    project.expect(&format!("{options} --bucket-namespace account"), 0);
    let text = project.read("s3ferry.yaml");
    assert!(text.contains("\nbucket_namespace: account "), "{text}");
    project.expect("synth", 0);
    let dev = project.read("stacks/dev.yaml");
    for name in ["source", "artifacts", "source-logs"] {
        let name = format!("BucketName: s3ferry-{name}-111111111111-us-east-1-an\n");
        assert!(dev.contains(&name), "{name}");
    }
    let prod = project.read("stacks/prod.yaml");
    assert!(prod.contains("BucketName: s3ferry-output-222222222222-us-east-1-an\n"));
    // By default, the setting is only a comment.
    let project = Project::empty();
    project.expect(options, 0);
    let text = project.read("s3ferry.yaml");
    assert!(text.contains("\n# bucket_namespace: account "), "{text}");
    let run = project.expect("init --from site.json --bucket-namespace account", 2);
    assert!(run.stderr.contains("cannot be used with"), "{}", run.stderr);
}
