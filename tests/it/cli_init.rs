//! Tests of `s3ferry init`.

use crate::support::Project;

const ACCOUNTS: &str = "init --dev-account 111111111111 --prod-account 222222222222";

#[test]
fn it_writes_a_configuration_that_synthesizes() {
    let project = Project::empty();
    let run = project.expect(&format!("{ACCOUNTS} --region eu-west-1"), 0);
    assert!(run.stdout.contains("Wrote s3ferry.yaml"), "{}", run.stdout);
    assert!(
        run.stdout.contains("s3ferry synth"),
        "the next step is missing: {}",
        run.stdout
    );
    let text = project.read("s3ferry.yaml");
    assert!(
        text.lines().filter(|line| line.contains('#')).count() > 10,
        "comments"
    );
    let run = project.expect("synth --no-lint", 0);
    // The next step of the example is `init`.
    assert!(
        run.stderr
            .contains("then run `s3ferry deploy --profile dev`"),
        "the configuration is treated as the example: {}",
        run.stderr
    );
    let dev = project.read("stacks/dev.yaml");
    // Bucket names are globally unique, so they must differ from the names in the example.
    for name in [
        "BucketName: s3ferry-source-111111111111-eu-west-1",
        "BucketName: s3ferry-artifacts-111111111111-eu-west-1",
        "Region: eu-west-1",
    ] {
        assert!(dev.contains(name), "{name}");
    }
    assert!(!dev.contains("codepipeline-input-bucket"));
    let prod = project.read("stacks/prod.yaml");
    assert!(prod.contains("BucketName: s3ferry-output-222222222222-eu-west-1"));
    assert!(prod.contains("arn:aws:kms:eu-west-1:111111111111:key/"));
}

#[test]
fn the_default_region_is_us_east_1() {
    let project = Project::empty();
    project.expect(ACCOUNTS, 0);
    assert!(project.read("s3ferry.yaml").contains("region: us-east-1\n"));
}

#[test]
fn the_longest_region_fits_and_partitions_follow() {
    for (region, partition) in [
        ("ap-southeast-6", "aws"),
        ("cn-northwest-1", "aws-cn"),
        ("us-gov-east-1", "aws-us-gov"),
    ] {
        let project = Project::empty();
        project.expect(&format!("{ACCOUNTS} --region {region}"), 0);
        project.expect("synth --no-lint", 0);
        let root = format!("arn:{partition}:iam::111111111111:root");
        assert!(project.read("stacks/dev.yaml").contains(&root));
    }
}

#[test]
fn it_overwrites_only_with_force() {
    let project = Project::with("mine");
    let run = project.expect(ACCOUNTS, 2);
    assert!(
        run.stderr.contains("`s3ferry.yaml` already exists"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("--force"), "{}", run.stderr);
    assert_eq!(project.read("s3ferry.yaml"), "mine");
    project.expect(&format!("{ACCOUNTS} --force"), 0);
    assert!(project.read("s3ferry.yaml").contains("111111111111"));
}

#[test]
fn without_a_terminal_there_are_no_prompts() {
    let project = Project::empty();
    for (arguments, missing) in [
        ("init", "--dev-account"),
        ("init --dev-account 111111111111", "--prod-account"),
    ] {
        let run = project.expect(arguments, 2);
        let message = format!("{missing} is required: standard input is not a terminal");
        assert!(run.stderr.contains(&message), "{}", run.stderr);
        assert!(
            run.stderr.contains(&format!("set {missing}")),
            "{}",
            run.stderr
        );
        assert!(!project.exists("s3ferry.yaml"));
    }
}

#[test]
fn invalid_values_are_rejected() {
    let project = Project::empty();
    for (arguments, message, help) in [
        (
            "init --dev-account 123 --prod-account 222222222222",
            "`123` is not a valid account ID: it has 3 digits, not 12",
            "--dev-account",
        ),
        (
            "init --dev-account 111111111111 --prod-account 22222222222x",
            "only digits are allowed",
            "--prod-account",
        ),
        (
            "init --dev-account 111111111111 --prod-account 222222222222 --region eu-wset-1",
            "has no region `eu-wset-1`",
            "did you mean `eu-west-1`?",
        ),
        (
            "init --dev-acount 1",
            "unexpected argument",
            "--dev-account",
        ),
    ] {
        let run = project.expect(arguments, 2);
        assert!(run.stderr.contains(message), "{}", run.stderr);
        assert!(run.stderr.contains(help), "{}", run.stderr);
        assert!(!project.exists("s3ferry.yaml"));
    }
}

#[test]
fn config_sets_the_path() {
    let project = Project::empty();
    let run = project.expect(&format!("{ACCOUNTS} --config conf/my.yaml"), 0);
    assert!(
        run.stdout.contains("s3ferry synth --config conf/my.yaml"),
        "{}",
        run.stdout
    );
    project.expect("synth --no-lint --config conf/my.yaml", 0);
    let quiet = Project::empty().expect(&format!("{ACCOUNTS} -q"), 0);
    assert_eq!(quiet.stdout, "");
}

#[test]
fn an_account_id_as_the_aws_console_shows_it() {
    let project = Project::empty();
    project.expect(
        "init --dev-account 1111-1111-1111 --prod-account 2222-2222-2222",
        0,
    );
    let text = project.read("s3ferry.yaml");
    assert!(text.contains("account: \"111111111111\""), "{text}");
    assert!(text.contains("account: \"222222222222\""), "{text}");
}

#[test]
fn all_invalid_options_are_reported_at_once() {
    let project = Project::empty();
    let run = project.expect("init --dev-account 1 --prod-account 2 --region nowhere", 2);
    for part in ["`1` is not", "`2` is not", "`nowhere`"] {
        assert!(run.stderr.contains(part), "{}", run.stderr);
    }
}

#[test]
fn the_same_account_for_both_sides_causes_a_warning() {
    let project = Project::empty();
    let run = project.expect(
        "init --dev-account 111111111111 --prod-account 111111111111",
        0,
    );
    let warning = "the dev account and the prod account are both 111111111111";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
    let run = project.expect("synth", 0);
    let warning = "prod is in the dev account 111111111111";
    assert!(run.stderr.contains(warning), "{}", run.stderr);
}
