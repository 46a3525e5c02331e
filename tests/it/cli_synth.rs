//! `s3ferry synth`.

use std::fs;
use std::time::{Duration, SystemTime};

use crate::support::{Project, SMALL};

const OTHER: &str = "  - name: other\n    account: \"333333333333\"\n    bucket: other-output\n";

fn synthesized() -> Project {
    let project = Project::with(SMALL);
    project.expect("synth --no-lint", 0);
    project
}

#[test]
fn the_table_names_files_resources_bytes_and_the_nearest_quota() {
    let project = Project::with(SMALL);
    let run = project.expect("synth --no-lint", 0);
    for name in ["dev", "prod"] {
        let file = format!("stacks/{name}.yaml");
        let text = project.read(&file);
        let line = run.stdout.lines().find(|line| line.starts_with(&file));
        let cells: Vec<&str> = line.expect("a row").split_whitespace().collect();
        let resources = text
            .lines()
            .filter(|line| line.starts_with("    Type: AWS::"))
            .count();
        assert_eq!(cells[1], resources.to_string(), "{}", run.stdout);
        assert_eq!(cells[2].replace(',', ""), text.len().to_string());
        let percent = cells.iter().find(|cell| cell.ends_with('%')).expect("used");
        let percent: u32 = percent.trim_end_matches('%').parse().expect("a number");
        assert!((1..=100).contains(&percent));
        assert_eq!(cells.last(), Some(&"written"));
    }
    assert!(
        run.stdout
            .lines()
            .next()
            .expect("a header")
            .contains("nearest quota")
    );
    assert_eq!(run.stderr, "");
}

#[test]
fn without_a_configuration_it_is_the_example_and_says_so() {
    let project = Project::empty();
    let run = project.expect("synth --no-lint", 0);
    assert!(run.stderr.contains("built-in example"), "{}", run.stderr);
    assert!(run.stderr.contains("s3ferry init"), "{}", run.stderr);
    let written = Project::with(SMALL);
    written.expect("synth --no-lint", 0);
    for file in ["stacks/dev.yaml", "stacks/prod.yaml"] {
        assert_eq!(project.read(file), written.read(file));
    }
}

#[test]
fn unchanged_files_keep_their_time() {
    let project = synthesized();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let modified = |name: &str| {
        let data = fs::metadata(project.path(name)).expect("there");
        data.modified().expect("a time")
    };
    for name in ["stacks/dev.yaml", "stacks/prod.yaml"] {
        let file = fs::File::options().write(true).open(project.path(name));
        file.expect("opens").set_modified(long_ago).expect("set");
    }
    project.write("stacks/prod.yaml", "stale");
    let run = project.expect("synth --no-lint", 0);
    assert_eq!(modified("stacks/dev.yaml"), long_ago);
    assert_ne!(modified("stacks/prod.yaml"), long_ago);
    let state = |name: &str| {
        let line = run.stdout.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().last().map(str::to_owned))
    };
    assert_eq!(state("stacks/dev.yaml").as_deref(), Some("unchanged"));
    assert_eq!(state("stacks/prod.yaml").as_deref(), Some("written"));
    assert!(project.read("stacks/prod.yaml").starts_with("# Generated"));
}

#[test]
fn nothing_but_the_templates_is_left_behind() {
    let project = synthesized();
    let mut names: Vec<String> = fs::read_dir(project.path("stacks"))
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("text")
        })
        .collect();
    names.sort();
    assert_eq!(names, ["dev.yaml", "prod.yaml"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let data = fs::metadata(project.path("stacks/dev.yaml")).expect("there");
        assert_eq!(data.permissions().mode() & 0o777, 0o644);
    }
}

#[test]
fn check_of_fresh_files_is_content() {
    let project = synthesized();
    let run = project.expect("synth --no-lint --check", 0);
    assert_eq!(run.stdout, "");
    assert!(
        run.stderr.contains("All 2 files are up to date"),
        "{}",
        run.stderr
    );
}

#[test]
fn check_of_a_stale_file_shows_the_difference() {
    let project = synthesized();
    let stale = project
        .read("stacks/prod.yaml")
        .replace("RoleName: prods3role", "RoleName: mine");
    project.write("stacks/prod.yaml", &stale);
    let run = project.expect("synth --no-lint --check", 1);
    for line in [
        "--- stacks/prod.yaml",
        "+++ stacks/prod.yaml",
        "-      RoleName: mine",
        "+      RoleName: prods3role",
    ] {
        assert!(
            run.stdout.lines().any(|shown| shown == line),
            "{}",
            run.stdout
        );
    }
    assert!(run.stdout.contains("\n@@ -"), "{}", run.stdout);
    assert!(
        run.stdout.lines().count() < 20,
        "only what differs is shown"
    );
    assert!(
        run.stderr.contains("1 file is not up to date"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("s3ferry synth"), "{}", run.stderr);
    assert_eq!(project.read("stacks/prod.yaml"), stale, "check wrote");
}

#[test]
fn check_of_a_missing_file_shows_all_of_it() {
    let project = synthesized();
    fs::remove_file(project.path("stacks/prod.yaml")).expect("removed");
    let run = project.expect("synth --no-lint --check", 1);
    assert!(
        run.stdout
            .starts_with("--- /dev/null\n+++ stacks/prod.yaml\n")
    );
    assert!(run.stdout.contains("\n+  DeployRole:\n"));
    assert!(!project.exists("stacks/prod.yaml"));
    let nothing = Project::with(SMALL);
    let run = nothing.expect("synth --no-lint --check", 1);
    assert!(
        run.stderr.contains("2 files are not up to date"),
        "{}",
        run.stderr
    );
    assert!(!nothing.exists("stacks"));
}

/// What an earlier run wrote for a target that has gone, in either format.
#[test]
fn check_of_an_unwanted_file_and_its_removal() {
    for format in ["yaml", "json"] {
        let project = Project::with(&format!("{SMALL}{OTHER}"));
        let synth = format!("synth --no-lint --format {format}");
        let other = format!("stacks/other.{format}");
        project.expect(&synth, 0);
        assert!(project.exists(&other));
        project.write("s3ferry.yaml", SMALL);
        // Files of somebody else's stay, whatever they are.
        let theirs = format!("stacks/theirs.{format}");
        project.write(
            &theirs,
            "{\"Resources\": {\"A\": {\"Type\": \"AWS::SNS::Topic\"}}}\n",
        );
        project.expect(&synth, 0);
        assert!(!project.exists(&other), "{format}: it was not removed");

        project.write("s3ferry.yaml", format!("{SMALL}{OTHER}"));
        project.expect(&synth, 0);
        let kept = project.read(&other);
        project.write("s3ferry.yaml", SMALL);
        let run = project.expect(&format!("{synth} --check"), 1);
        let header = format!("--- {other}\n+++ /dev/null\n");
        assert!(run.stdout.contains(&header), "{}", run.stdout);
        assert_eq!(project.read(&other), kept, "check removed it");
        let run = project.expect(&synth, 0);
        assert!(
            run.stderr.contains(&format!("Removed {other}")),
            "{}",
            run.stderr
        );
        assert!(!project.exists(&other));
        assert!(project.exists(&theirs));
        project.expect(&format!("{synth} --check"), 0);
    }
}

#[test]
fn check_compares_the_merged_policy_too() {
    let existing = |bucket: &str| {
        SMALL.replace(
            "targets:",
            &format!(
                "  artifacts: {{bucket: {bucket}, create: false, existing_policy: \
                 p.json}}\ntargets:"
            ),
        )
    };
    let project = Project::with(&existing("first-bucket"));
    project.write(
        "p.json",
        r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "111111111111"},
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::first-bucket/*"}}"#,
    );
    project.expect("synth --no-lint", 0);
    assert!(project.exists("stacks/policies/first-bucket.json"));
    project.expect("synth --no-lint --check", 0);
    project.write("stacks/policies/first-bucket.json", "{}");
    let run = project.expect("synth --no-lint --check", 1);
    assert!(run.stdout.contains("--- stacks/policies/first-bucket.json"));
}

#[test]
fn stdout_writes_nothing() {
    let project = Project::with(SMALL);
    let run = project.expect("synth --no-lint --stdout", 0);
    assert!(!project.exists("stacks"));
    project.expect("synth --no-lint", 0);
    let wanted = format!(
        "# stacks/dev.yaml\n{}---\n# stacks/prod.yaml\n{}",
        project.read("stacks/dev.yaml"),
        project.read("stacks/prod.yaml")
    );
    assert_eq!(run.stdout, wanted);
}

#[test]
fn json_goes_where_out_says() {
    let project = Project::with(SMALL);
    let run = project.expect("synth --no-lint --format json --out a/b", 0);
    assert!(run.stdout.contains("a/b/dev.json"), "{}", run.stdout);
    for name in ["a/b/dev.json", "a/b/prod.json"] {
        let template: serde_json::Value = serde_json::from_str(&project.read(name)).expect("JSON");
        assert_eq!(template["AWSTemplateFormatVersion"], "2010-09-09");
    }
    assert!(!project.exists("stacks"));
    let run = project.expect("synth --no-lint --format json --stdout", 0);
    let documents: Result<Vec<serde_json::Value>, _> =
        serde_json::Deserializer::from_str(&run.stdout)
            .into_iter()
            .collect();
    assert_eq!(documents.expect("JSON, one after the other").len(), 2);
}

#[test]
fn another_format_leaves_the_first_alone() {
    let project = synthesized();
    project.expect("synth --no-lint --format json", 0);
    assert!(project.exists("stacks/dev.json") && project.exists("stacks/dev.yaml"));
    project.expect("synth --no-lint --check", 0);
    project.expect("synth --no-lint --check --format json", 0);
}

#[test]
fn a_folder_that_cannot_be_written() {
    let project = Project::with(SMALL);
    project.write("file", "");
    for out in ["file", "file/below"] {
        let run = project.expect(&format!("synth --no-lint --out {out}"), 2);
        assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
        assert!(run.stderr.contains(out), "{}", run.stderr);
        assert!(run.stderr.contains("help:"), "{}", run.stderr);
    }
    fs::create_dir_all(project.path("stacks/prod.yaml")).expect("a folder");
    let run = project.expect("synth --no-lint", 2);
    assert!(run.stderr.contains("stacks/prod.yaml"), "{}", run.stderr);
}

#[test]
fn a_configuration_elsewhere() {
    let project = Project::empty();
    project.write("conf/my.yaml", SMALL);
    project.expect("synth --no-lint --config conf/my.yaml", 0);
    assert!(project.exists("stacks/dev.yaml"));
    let run = project.run("--config conf/my.yaml synth --no-lint --check");
    assert_eq!(run.code, 0, "global options may stand first");
}

/// A quota is no Guard rule: it is checked even without them.
#[test]
fn beyond_a_quota_nothing_is_written() {
    let trust = "trust_policy_characters: 200";
    let project = Project::with(&format!("{SMALL}quotas: {{{trust}}}\n"));
    let run = project.expect("synth --no-lint", 1);
    assert!(
        run.stderr.contains("QUOTA_TRUST_POLICY_SIZE"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("stacks/prod.yaml:"), "{}", run.stderr);
    assert!(run.stderr.contains("Nothing was written"), "{}", run.stderr);
    assert!(!project.exists("stacks"));
}

/// More accounts than the policies can name: said at the target, with what to do.
#[test]
fn accounts_that_no_policy_can_name_are_refused() {
    let config = |count: usize| {
        let accounts: Vec<String> = (0..count)
            .map(|number| format!("\"2222222{number:05}\""))
            .collect();
        format!(
            "dev:\n  account: \"111111111111\"\ntargets:\n  - name: prod\n    accounts: [{}]\n    \
             bucket: out-{{account}}\n",
            accounts.join(", ")
        )
    };
    // As many as fit are taken.
    let project = Project::with(&config(500));
    project.expect("synth --no-lint --no-prove", 0);
    let project = Project::with(&config(2_400));
    let run = project.expect("synth --no-lint --no-prove", 2);
    let problems = run.problems();
    for (problem, part) in problems.iter().zip([
        "the key policy DeployKey of `dev` has",
        "the bucket policy ArtifactBucketPolicy of `dev` has",
        "the service role needs 22 managed policies, and IAM allows 20",
    ]) {
        assert!(problem.message.contains(part), "{problem:?}");
        assert!(problem.message.contains("2400 instances"), "{problem:?}");
        assert_eq!(problem.place, "s3ferry.yaml:4:11");
        assert!(problem.help.contains("set `organization:`"), "{problem:?}");
    }
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[1].message.ends_with("and S3 allows 20,480"));
    assert!(!project.exists("stacks"));
    // With an organization the policies name it instead.
    let project = Project::with(&format!("{}organization: o-exampleorg1\n", config(1_200)));
    project.expect("synth --no-lint --no-prove", 0);
    assert!(project.exists("stacks/dev-pipeline-3.yaml"));
}

#[test]
fn an_accounts_file() {
    let config = "dev:\n  account: \"111111111111\"\n  key: {multi_region: true}\ntargets:\n  - name: prod\n    accounts_file: lists/accounts.csv\n    bucket: out-{account}-{region}\n";
    let project = Project::with(config);
    let run = project.expect("synth --no-lint", 2);
    assert!(run.stderr.contains("lists/accounts.csv"), "{}", run.stderr);
    // As a spreadsheet writes it.
    project.write(
        "lists/accounts.csv",
        "\u{feff}name,account,region\r\n\"Shop, blue\",\"222222222222\",us-east-1\r\n\r\n, 012345678901 ,eu-west-1\r\n",
    );
    project.expect("synth --no-lint", 0);
    let dev = project.read("stacks/dev.yaml");
    assert!(
        dev.contains("BucketName: out-012345678901-eu-west-1"),
        "{dev}"
    );
    assert!(
        dev.contains("BucketName: out-222222222222-us-east-1"),
        "{dev}"
    );
    assert!(!dev.contains("out-222222222222-eu-west-1"), "{dev}");
    for (text, place, underlined, message, help) in [
        (
            "",
            "1:1",
            "",
            "does not name the column `account`",
            "account,region",
        ),
        (
            "name\n",
            "1:1",
            "name",
            "does not name the column `account`",
            "account,region",
        ),
        (
            "acount\n",
            "1:1",
            "acount",
            "there is no column `acount`",
            "did you mean `account`?",
        ),
        (
            "account,account\n",
            "1:9",
            "account",
            "is there twice",
            "remove one",
        ),
        (
            "account\n",
            "1:1",
            "account",
            "the file lists no account",
            "a line for each",
        ),
        (
            "account,region\n222222222222,us-east-1\n12345678901,us-east-1\n",
            "3:1",
            "12345678901",
            "it has 11 digits, not 12",
            "drop the zeros",
        ),
        (
            "account,region\n222222222222, us-est-1\n",
            "2:15",
            "us-est-1",
            "has no region `us-est-1`",
            "did you mean `us-east-1`?",
        ),
        (
            "account\n222222222222\n\n222222222222\n",
            "4:1",
            "222222222222",
            "`222222222222` stands in line 2 too",
            "remove one",
        ),
        (
            "account,name\n222222222222\n",
            "2:1",
            "222222222222",
            "has 1 fields, and the first line names 2 columns",
            "one field for each column",
        ),
        (
            "account,name\n222222222222,\"open\n",
            "2:14",
            "\"open",
            "this quote is not closed",
            "add a quote",
        ),
    ] {
        project.write("lists/accounts.csv", text);
        let run = project.expect("synth --no-lint", 2);
        let problems = run.problems();
        assert_eq!(problems.len(), 1, "{text:?}: {problems:?}");
        let shown = &problems[0];
        assert_eq!(
            shown.place,
            format!("lists/accounts.csv:{place}"),
            "{shown:?}"
        );
        assert_eq!(shown.underlined, underlined, "{shown:?}");
        assert!(shown.message.contains(message), "{shown:?}");
        assert!(shown.help.contains(help), "{shown:?}");
    }
    // The file says the regions, or the target does.
    project.write(
        "lists/accounts.csv",
        "account,region\n222222222222,us-east-1\n",
    );
    project.write("s3ferry.yaml", format!("{config}    region: us-east-1\n"));
    let run = project.expect("synth --no-lint", 2);
    assert!(
        run.stderr.contains("says its regions already"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("lists/accounts.csv:1:9"),
        "{}",
        run.stderr
    );
}

#[test]
fn what_existing_things_need_is_printed() {
    let project = Project::with(&SMALL.replace("targets:", "  source: {create: false}\ntargets:"));
    let run = project.expect("synth --no-lint", 0);
    for need in [
        "codepipeline-input-bucket` must be versioned",
        "put-bucket-versioning",
        "EventBridge",
    ] {
        assert!(run.stderr.contains(need), "{need}: {}", run.stderr);
    }
    let quiet = project.expect("synth --no-lint -q", 0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn the_rule_of_an_existing_pipeline_must_pass_the_version() {
    let pipeline = "  pipeline:\n    create: false\n    service_role: \
                    arn:aws:iam::111111111111:role/own\n";
    let config = SMALL.replace("targets:", &format!("{pipeline}targets:"));
    let run = Project::with(&config).expect("synth --no-lint", 0);
    let need =
        "the EventBridge rule that starts pipeline `crossaccountdeploy` must pass the version";
    assert!(run.stderr.contains(need), "{}", run.stderr);
    // A pipeline that polls has no such rule.
    let polling = config.replace("targets:", "  source: {detect_changes: polling}\ntargets:");
    let run = Project::with(&polling).expect("synth --no-lint", 0);
    assert!(!run.stderr.contains(need), "{}", run.stderr);
}

#[test]
fn stdout_and_check_exclude_each_other() {
    let run = Project::empty().expect("synth --stdout --check", 2);
    assert!(run.stderr.contains("cannot be used with"), "{}", run.stderr);
}

#[test]
fn a_check_without_a_configuration_checks_nothing_and_says_so() {
    let project = synthesized();
    fs::remove_file(project.path("s3ferry.yaml")).expect("removed");
    let run = project.expect("synth --no-lint --check", 2);
    for part in ["there is no s3ferry.yaml here", "--config"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert_eq!(run.stdout, "");
}
