//! Synthesizes many configurations with the real binary. cfn-lint checks all templates, and
//! independent parsers read them.

mod other_rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use s3ferry::diagnostic::{self, Source};
use s3ferry::lint::{self, quotas};
use serde_json::{Value as Json, json};

use crate::support::{Project, Run, SMALL, command_in, finish, python};

struct Case {
    name: &'static str,
    region: &'static str,
    config: String,
    /// Files next to the configuration.
    files: Vec<(&'static str, String)>,
}

/// Returns the smallest configuration with more settings for `dev`, the target, and the top level.
fn one(dev: &str, target: &str, top: &str) -> String {
    let indented = |text: &str, by: usize| -> String {
        text.lines()
            .map(|line| format!("{:by$}{line}\n", ""))
            .collect()
    };
    format!(
        "dev:\n  account: \"111111111111\"\n{}targets:\n  - name: prod\n    account: \
         \"222222222222\"\n{}{top}\n",
        indented(dev, 2),
        indented(target, 4)
    )
}

/// Returns the smallest `dev` with these targets, each written on one line.
fn many(targets: &[&str], top: &str) -> String {
    let lines: String = targets
        .iter()
        .map(|target| format!("  - {{{target}}}\n"))
        .collect();
    format!("dev:\n  account: \"111111111111\"\ntargets:\n{lines}{top}\n")
}

const KEY: &str = "arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555";
const REPOSITORY: &str = "source:\n  connection: arn:aws:codeconnections:us-east-1:111111111111:\
    connection/11111111-2222-3333-4444-555555555555\n  repository: example/website\n  branch: main";
const BUILD: &str = "build: {commands: [npm ci, npm run build], output: 'dist/**'}";
const TOPIC: &str = "arn:aws:sns:us-east-1:111111111111:approvals";
const STAGE_SAFETY: &str = "approval: {notify: 'arn:aws:sns:us-east-1:111111111111:approvals', \
    timeout_minutes: 5}\ndeployment_window: {cron: '* * 9-16 ? * *', time_zone: UTC+05:30}\nalarm: \
    {name: website-errors, wait_minutes: 86400}\non_failure: rollback";
const SOURCE_KEY: &str =
    "arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555";

/// The configurations in `examples/`: the name of the case, the dev region, and the text.
const EXAMPLES: [(&str, &str, &str); 5] = [
    (
        "example-zip",
        "us-east-1",
        include_str!("../../examples/zip.yaml"),
    ),
    (
        "example-repository",
        "eu-west-1",
        include_str!("../../examples/repository.yaml"),
    ),
    (
        "example-waves",
        "us-east-1",
        include_str!("../../examples/waves.yaml"),
    ),
    (
        "example-existing-pipeline",
        "us-east-1",
        include_str!("../../examples/existing-pipeline.yaml"),
    ),
    (
        "example-fleet",
        "us-east-1",
        include_str!("../../examples/fleet.yaml"),
    ),
];

#[test]
fn the_examples_are_synthesized_linted_and_proven() {
    for (name, _, text) in EXAMPLES {
        let project = Project::with(text);
        project.expect("synth", 0);
        // The policies of existing resources are not part of an example.
        let is_proven = name != "example-existing-pipeline";
        project.expect("prove --strict", i32::from(!is_proven));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let listed = fs::read_to_string(folder.join("README.md")).expect("the list");
        let file = format!("{}.yaml", name.trim_start_matches("example-"));
        assert!(listed.contains(&format!("[{file}]({file})")), "{file}");
    }
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples"));
    assert_eq!(files.expect("a folder").count(), EXAMPLES.len() + 1);
}

fn cases() -> Vec<Case> {
    let mut found = Vec::new();
    let mut add = |name, region, config| {
        found.push(Case {
            name,
            region,
            config,
            files: Vec::new(),
        });
    };
    let mut dev = |name, settings: &str| add(name, "us-east-1", one(settings, "", ""));
    dev("default", "");
    dev("alias", "key: {alias: a/b_c-D9}");
    dev(
        "administrators",
        "key:\n  administrators:\n    - arn:aws:iam::111111111111:role/path/admin\n    - \
         arn:aws:iam::111111111111:user/alice",
    );
    dev("deletion-window", "key: {deletion_window_days: 7}");
    dev("multi-region", "key: {multi_region: true}");
    dev("existing-source", "source: {create: false}");
    dev(
        "source-key",
        &format!("source: {{encryption_key: {SOURCE_KEY}}}"),
    );
    dev(
        "source-key-existing-bucket",
        &format!("source: {{create: false, encryption_key: {SOURCE_KEY}}}"),
    );
    dev(
        "source-key-odd-object",
        "source:\n  object_key: \"été #1: 'q'.zip\"\n  encryption_key: \
         arn:aws:kms:us-east-1:111111111111:key/mrk-0123456789abcdef0123456789abcdef",
    );
    dev("existing-artifacts", "artifacts: {create: false}");
    dev(
        "existing-dev-buckets",
        "source: {create: false}\nartifacts: {create: false}",
    );
    dev("polling", "source: {detect_changes: polling}");
    dev("build", BUILD);
    dev("build-of-repository", &format!("{REPOSITORY}\n{BUILD}"));
    dev(
        "build-settings",
        "build:\n  commands: ['npm ci', 'echo \"a: b\" # c', \"printf '%s' \\\"$X\\\"\"]\n  output: \
         out/site.zip\n  environment: arm\n  compute: large\n  timeout_minutes: 30\n  variables: {A: \
         '', B: 'x: y'}\n  secrets: {TOKEN: site/token, KEY: 'site/key:id'}",
    );
    dev(
        "build-in-existing-project",
        "build: {project: existing-build, role: 'arn:aws:iam::111111111111:role/ci/existing-build'}",
    );
    dev(
        "build-with-long-names",
        &format!(
            "pipeline: {{name: a.pipeline@with-a-rather-long-name_and-odd-characters}}\n{BUILD}"
        ),
    );
    dev("repository", REPOSITORY);
    dev(
        "repository-branches-and-paths",
        &format!(
            "{REPOSITORY}\n  trigger:\n    branches: [main, 'release/*', '!release/old']\n    \
             paths: ['site/**', '!**/README.md']"
        ),
    );
    dev(
        "repository-paths",
        &format!("{REPOSITORY}\n  trigger: {{paths: ['site/**']}}"),
    );
    dev(
        "repository-tags",
        &format!("{REPOSITORY}\n  trigger: {{tags: ['v*', '!*-rc*']}}"),
    );
    dev(
        "repository-with-old-connection",
        &REPOSITORY.replace("codeconnections", "codestar-connections"),
    );
    dev(
        "repository-of-existing-pipeline",
        &format!(
            "{REPOSITORY}\nartifacts: {{create: false}}\npipeline:\n  create: false\n  \
             service_role: arn:aws:iam::111111111111:role/service-role/mine"
        ),
    );
    dev(
        "existing-role",
        "pipeline:\n  service_role: arn:aws:iam::111111111111:role/service-role/mine",
    );
    dev(
        "existing-role-without-path",
        "pipeline:\n  service_role: arn:aws:iam::111111111111:role/mine",
    );
    dev("queued", "pipeline: {execution_mode: queued}");
    dev("no-access-logs", "access_logs: false");
    dev(
        "boundary-of-aws",
        "permissions_boundary: arn:aws:iam::aws:policy/PowerUserAccess",
    );
    dev("object-key", "source: {object_key: 'a/b c/no.zip'}");
    dev(
        "object-key-odd",
        "source: {object_key: \"été #1: [x] {y} 'q' \\\"z\\\".zip\"}",
    );
    let long = format!(
        "pipeline: {{name: {}}}\nkey: {{alias: {}}}\nsource: {{bucket: {}}}\nartifacts: {{bucket: {}}}",
        "p".repeat(64 - "AWSCodePipelineServiceRole-us-east-1-".len()),
        "k".repeat(250),
        "s".repeat(63 - "-logs".len()),
        "a".repeat(63),
    );
    dev("long-dev-names", &long);
    let longest = format!(
        "source: {{detect_changes: polling}}\npipeline:\n  name: {}\n  service_role: \
         arn:aws:iam::111111111111:role/r",
        "p".repeat(100)
    );
    dev("longest-pipeline-name", &longest);
    dev("pipeline-no", "pipeline: {name: \"no\"}");
    dev("pipeline-octal", "pipeline: {name: \"012\"}");
    dev("pipeline-time", "pipeline: {name: \"2012-10-17\"}");

    let mut target = |name, settings: &str| add(name, "us-east-1", one("", settings, ""));
    target("existing-output", "create: false");
    target("path", "path: site/assets");
    target("not-extracted", "extract: false\nobject_key: out/site.zip");
    target("owner-acl", "canned_acl: bucket-owner-full-control");
    target(
        "public-acl-elsewhere",
        "create: false\ncanned_acl: public-read",
    );
    target("cache-control", "cache_control: \"max-age=300, public\"");
    target("output-key", &format!("encryption_key: {KEY}"));
    target(
        "output-key-existing-bucket",
        &format!("create: false\nencryption_key: {KEY}"),
    );
    target("tagged-objects", "tagged_objects: true\npath: site");
    let invalidate = "invalidate: {distribution: EDFDVBD6EXAMPLE}";
    target("invalidation", invalidate);
    target(
        "invalidation-with-everything",
        &format!(
            "invalidate: {{distribution: EDFDVBD6EXAMPLE, paths: [/index.html, '/assets/*', \
             \"/it's?a=%20b~\"]}}\npath: site\nencryption_key: {KEY}\npermissions_boundary: \
             arn:aws:iam::222222222222:policy/path/boundary\n{STAGE_SAFETY}"
        ),
    );
    target(
        "invalidation-of-existing-bucket",
        &format!("{invalidate}\ncreate: false\npath: site"),
    );
    target(
        "invalidation-of-one-object",
        &format!("{invalidate}\nextract: false\nobject_key: out/site.zip"),
    );
    target(
        "invalidation-with-long-role",
        &format!("{invalidate}\nrole: a+=,.@{}", "r".repeat(58)),
    );
    target("approval", "approval: true");
    target("approval-timeout", "approval: {timeout_minutes: 86400}");
    target(
        "approval-notification",
        &format!("approval: {{notify: \"{TOPIC}\"}}"),
    );
    target("on-failure-retry", "on_failure: retry");
    target("on-failure-rollback", "on_failure: rollback");
    target(
        "window",
        "deployment_window: {cron: \"* * 9-16 ? * MON-FRI *\"}",
    );
    target(
        "window-with-time-zone",
        "deployment_window: {cron: '* 0/5 * ? * 6#3', time_zone: America/New_York}",
    );
    target("alarm", "alarm: {name: website-errors, wait_minutes: 30}");
    target(
        "alarm-odd-name",
        "alarm: {name: \"été: 'x' #1 / [y] {z}\", wait_minutes: 1}",
    );
    target("stage-safety", STAGE_SAFETY);
    target(
        "boundary",
        "permissions_boundary: arn:aws:iam::222222222222:policy/path/boundary",
    );
    target(
        "placeholders",
        "bucket: out-{account}-{region}\nrole: deploy-{region}",
    );
    let long = format!(
        "bucket: {}\nrole: {}",
        "o".repeat(63 - "-logs".len()),
        "r".repeat(64)
    );
    target("long-target-names", &long);

    let mut top = |name, settings: &str| add(name, "us-east-1", one("", "", settings));
    top("article", "permissions: article");
    top("organization", "organization: o-exampleorg1");
    top(
        "tags",
        "tags:\n  \"no\": \"on\"\n  \"012\": \"12:30:45\"\n  \"a b:c/d=e+f-g@h\": \"\"\n  été: \
         \"2026-01-01\"\n  \"null\": \"null\"",
    );
    let lifecycle = "lifecycle: {abort_uploads_days: 7, artifacts_days: 90, noncurrent_days: 365, \
                     logs_days: 365}";
    top("lifecycle", lifecycle);
    top("namespace", "bucket_namespace: account");
    top(
        "namespace-article",
        &format!("bucket_namespace: account\n{lifecycle}\npermissions: article"),
    );
    top("lifecycle-of-logs", "lifecycle: {logs_days: 1}");
    top(
        "lifecycle-article",
        &format!("{lifecycle}\npermissions: article\ntags: {{team: web}}"),
    );
    top(
        "quotas",
        "quotas: {trust_policy_characters: 4096, managed_policies_per_role: 20, \
         actions_per_stage: 100, actions_per_pipeline: 1000}",
    );

    let mut all = |name, config| add(name, "us-east-1", config);
    let everything = "key:\n  multi_region: true\n  administrators: \
                      [arn:aws:iam::111111111111:role/admin]\nsource: {detect_changes: \
                      polling}\npermissions_boundary: \
                      arn:aws:iam::111111111111:policy/boundary";
    all(
        "invalidation-article",
        one(BUILD, invalidate, "permissions: article\ntags: {team: web}"),
    );
    all(
        "article-with-everything",
        one(
            everything,
            &format!(
                "approval: true\npath: x\ncanned_acl: bucket-owner-full-control\nencryption_key: \
                 {KEY}"
            ),
            "permissions: article\norganization: o-exampleorg1\ntags: {team: web}",
        ),
    );
    all(
        "least-with-everything",
        one(
            everything,
            &format!(
                "approval: true\nextract: false\nobject_key: x.zip\ncanned_acl: \
                 bucket-owner-full-control\nencryption_key: {KEY}"
            ),
            "organization: o-exampleorg1\ntags: {team: web}",
        ),
    );
    all(
        "stage-safety-article",
        one(
            "pipeline: {execution_mode: queued}",
            STAGE_SAFETY,
            "permissions: article",
        ),
    );
    all(
        "nothing-created",
        one(
            "source: {create: false}\nartifacts: {create: false}\npipeline:\n  service_role: \
             arn:aws:iam::111111111111:role/mine",
            "create: false",
            "",
        ),
    );
    let own_key = format!("source: {{create: false, encryption_key: {SOURCE_KEY}}}");
    all(
        "existing-buckets-with-keys",
        one(
            &own_key,
            &format!("create: false\nencryption_key: {KEY}"),
            "",
        ),
    );
    all(
        "existing-buckets-with-keys-article",
        one(
            &own_key,
            &format!("create: false\nencryption_key: {KEY}"),
            "permissions: article",
        ),
    );
    all(
        "article-existing",
        one("artifacts: {create: false}", "", "permissions: article"),
    );
    let two = [
        "name: staging, account: \"222222222222\", bucket: staging-output",
        "name: prod, account: \"222222222222\", bucket: prod-output, approval: true",
    ];
    all("two-targets-one-account", many(&two, ""));
    let two_accounts = [
        "name: staging, account: \"222222222222\", bucket: staging-output",
        "name: prod, account: \"333333333333\", bucket: prod-output, approval: true",
    ];
    all("two-targets", many(&two_accounts, ""));
    all(
        "two-targets-article",
        many(&two_accounts, "permissions: article"),
    );
    all(
        "target-in-dev-account",
        many(
            &["name: same, account: \"111111111111\", bucket: same-output"],
            "",
        ),
    );
    all(
        "odd-target-names",
        many(
            &[
                "name: \"no\", account: \"222222222222\", bucket: one-output",
                "name: \"012\", account: \"022222222222\", bucket: two-output",
                "name: \"1e3\", account: \"333333333333\", bucket: three-output",
                "name: Test_A-b, account: \"444444444444\", bucket: four-output",
            ],
            "",
        ),
    );
    let ten: Vec<String> = (0..10)
        .map(|n| {
            format!("name: t{n}, account: \"22222222222{n}\", bucket: out-{n}, approval: true")
        })
        .collect();
    let ten: Vec<&str> = ten.iter().map(String::as_str).collect();
    all("ten-targets", many(&ten, "organization: o-exampleorg1"));

    let crowd: Vec<String> = (0..24)
        .map(|n| {
            let tagged = n % 2 == 0;
            format!("name: t{n}, account: \"2222222222{n:02}\", bucket: crowd-{n}, tagged_objects: {tagged}")
        })
        .collect();
    let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    all("some-of-many-tagged", many(&crowd, ""));
    all(
        "tagged-objects-article",
        one("", "tagged_objects: true", "permissions: article"),
    );

    let elsewhere = |top: &str| {
        let targets = [
            "name: prod, account: \"222222222222\", bucket: \"out-{region}\"",
            "name: europe, account: \"222222222222\", region: eu-west-1, bucket: \"out-{region}\"",
        ];
        many(&targets, top).replace("dev:\n", "dev:\n  key: {multi_region: true}\n")
    };
    all("other-region", elsewhere(""));
    all("other-region-article", elsewhere("permissions: article"));
    all(
        "other-region-organization",
        elsewhere("organization: o-exampleorg1"),
    );
    all(
        "only-other-region",
        one(
            "key: {multi_region: true}\nartifacts: {bucket: my-store, create: false}\naccess_logs: false",
            "region: ap-southeast-2",
            "tags: {team: web}",
        ),
    );
    let fleet = |dev: &str, target: &str, top: &str| {
        let settings = format!(
            "accounts: [\"222222222222\", \"333333333333\", \"012345678901\"]\nbucket: \
             \"out-{{account}}-{{region}}\"\n{target}"
        );
        one(dev, &settings, top).replace("    account: \"222222222222\"\n", "")
    };
    let regions = "regions: [us-east-1, eu-west-1, sa-east-1]";
    let multi = "key: {multi_region: true}";
    all("accounts", fleet("", "approval: true", ""));
    all("accounts-article", fleet("", "", "permissions: article"));
    all(
        "accounts-organization",
        fleet("", "role: deploy-{account}", "organization: o-exampleorg1"),
    );
    all("accounts-and-regions", fleet(multi, regions, ""));
    all(
        "accounts-and-regions-tagged",
        fleet(multi, &format!("{regions}\ntagged_objects: true"), ""),
    );
    all(
        "accounts-and-regions-with-everything",
        fleet(
            &format!("{multi}\npermissions_boundary: arn:aws:iam::111111111111:policy/b"),
            &format!(
                "{regions}\napproval: true\npath: a/b\ncanned_acl: bucket-owner-full-control\n\
                 cache_control: max-age=1\nrole: d-{{account}}-{{region}}\npermissions_boundary: \
                 \"arn:aws:iam::{{account}}:policy/b\""
            ),
            "organization: o-exampleorg1\ntags: {a: b}",
        ),
    );
    all(
        "accounts-and-regions-article",
        fleet(multi, regions, "permissions: article"),
    );
    let namespace = "bucket_namespace: account";
    all(
        "namespace-with-placeholders",
        fleet(multi, regions, namespace),
    );
    let prefix = |config: String| config.replace("out-{account}-{region}", "out");
    all("namespace-accounts", prefix(fleet("", "", namespace)));
    all(
        "namespace-accounts-and-regions",
        prefix(fleet(
            &format!("{multi}\nartifacts: {{bucket: store}}"),
            &format!("{regions}\nstack_set: {{}}"),
            &format!("{namespace}\norganization: o-exampleorg1"),
        )),
    );
    let waves: Vec<String> = (0..60)
        .map(|n| {
            format!("name: t{n}, account: \"2222222222{n:02}\", bucket: wave-{n}, approval: true")
        })
        .collect();
    let waves: Vec<&str> = waves.iter().map(String::as_str).collect();
    all("sixty-waves", many(&waves, ""));
    all(
        "several-pipelines",
        fleet(
            &format!("{multi}\nsource: {{detect_changes: polling}}"),
            &format!("{regions}\napproval: true"),
            "quotas: {actions_per_pipeline: 7, actions_per_stage: 2}\norganization: o-exampleorg1",
        ),
    );

    all(
        "several-pipelines-of-a-repository",
        fleet(
            &format!("{multi}\n{REPOSITORY}\n  trigger: {{tags: [v*]}}"),
            &format!("{regions}\napproval: true"),
            "quotas: {actions_per_pipeline: 7, actions_per_stage: 2}\norganization: o-exampleorg1",
        ),
    );
    all(
        "several-pipelines-with-build",
        fleet(
            &format!("{multi}\n{BUILD}"),
            &format!("{regions}\napproval: true"),
            "quotas: {actions_per_pipeline: 7, actions_per_stage: 2}\norganization: o-exampleorg1",
        ),
    );
    all("build-article", one(BUILD, "", "permissions: article"));
    all(
        "build-tags-and-boundary",
        one(
            &format!("{BUILD}\npermissions_boundary: arn:aws:iam::aws:policy/PowerUserAccess"),
            "",
            "tags: {team: web}",
        ),
    );
    all(
        "repository-article",
        one(REPOSITORY, "", "permissions: article"),
    );

    for (name, region, text) in EXAMPLES {
        add(name, region, text.to_owned());
    }

    for (region, other, name) in [
        ("cn-north-1", "cn-northwest-1", "china-fleet"),
        ("us-gov-west-1", "us-gov-east-1", "gov-cloud-fleet"),
    ] {
        let regions = format!("regions: [{region}, {other}]");
        let dev = format!("region: {region}\n{multi}");
        add(
            name,
            region,
            fleet(&dev, &regions, "organization: o-exampleorg1"),
        );
    }

    for (least, article, region) in [
        ("china", "china-article", "cn-north-1"),
        ("gov-cloud", "gov-cloud-article", "us-gov-west-1"),
        ("milan", "milan-article", "eu-south-1"),
    ] {
        let dev = format!("region: {region}");
        add(least, region, one(&dev, "", ""));
        add(article, region, one(&dev, "", "permissions: article"));
    }

    for (name, region, partition) in [
        ("china-source-key", "cn-north-1", "aws-cn"),
        ("gov-cloud-source-key", "us-gov-west-1", "aws-us-gov"),
    ] {
        let key = SOURCE_KEY
            .replace("arn:aws:", &format!("arn:{partition}:"))
            .replace("us-east-1", region);
        let dev = format!("region: {region}\nsource: {{encryption_key: \"{key}\"}}");
        add(name, region, one(&dev, "", ""));
    }

    let merged = |name, top| Case {
        name,
        region: "us-east-1",
        config: one(
            "artifacts: {create: false, existing_policy: current.json}",
            "",
            top,
        ),
        files: vec![(
            "current.json",
            json!({"Version": "2012-10-17", "Statement": [{"Sid": "Theirs", "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::codepipeline-us-east-1-0123456789/theirs/*"}]})
            .to_string(),
        )],
    };
    found.push(merged("existing-policy", ""));
    found.push(merged("existing-policy-article", "permissions: article"));
    found
}

/// Returns the folder that contains a folder for each case, with its templates in `yaml/` and
/// `json/`.
fn matrix() -> &'static (PathBuf, Vec<Case>) {
    static MATRIX: OnceLock<(PathBuf, Vec<Case>)> = OnceLock::new();
    MATRIX.get_or_init(|| {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("matrix");
        let _ = fs::remove_dir_all(&root);
        let cases = cases();
        for case in &cases {
            let folder = root.join(case.name);
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(folder.join("s3ferry.yaml"), &case.config).expect("written");
            for (name, text) in &case.files {
                fs::write(folder.join(name), text).expect("written");
            }
            for format in ["yaml", "json"] {
                let run = synth(case, &folder, format);
                assert!(!run.stdout.contains("unchanged"), "{}", run.stdout);
            }
        }
        (root, cases)
    })
}

fn synth(case: &Case, folder: &Path, format: &str) -> Run {
    let mut command = command_in(folder);
    command.args(["synth", "--no-lint", "--format", format, "--out", format]);
    let run = finish(command);
    assert_eq!(
        run.code, 0,
        "{}\n{}\n{}",
        case.name, case.config, run.stderr
    );
    run
}

/// Returns every case's YAML templates, each with its case.
fn templates() -> Vec<(&'static Case, PathBuf)> {
    let (root, cases) = matrix();
    let found: Vec<(&Case, PathBuf)> = cases
        .iter()
        .flat_map(|case| {
            files_in(&root.join(case.name).join("yaml"))
                .into_iter()
                .map(move |path| (case, path))
        })
        .collect();
    assert!(found.len() > 2 * 30, "a case has at least two templates");
    found
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a text file")
}

fn json_of(yaml: &Path) -> Json {
    let text = read(yaml);
    let name = yaml.with_extension("json");
    let twin = yaml
        .parent()
        .and_then(Path::parent)
        .expect("a case's folder")
        .join("json")
        .join(name.file_name().expect("a name"));
    assert!(text.starts_with("# Generated by s3ferry"));
    serde_json::from_str(&read(&twin)).expect("JSON")
}

#[test]
fn there_are_many_cases_with_unique_names() {
    let cases = cases();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len());
    assert!(names.len() >= 30, "{} cases", names.len());
    let texts: BTreeSet<&str> = cases.iter().map(|case| case.config.as_str()).collect();
    assert_eq!(texts.len(), cases.len(), "two cases are the same");
    assert!(texts.contains(format!("{SMALL}\n").as_str()));
}

#[test]
fn cfn_lint_finds_nothing() {
    // Many cases share a template. cfn-lint checks each text only once per region.
    let mut by_region: BTreeMap<&str, BTreeMap<String, PathBuf>> = BTreeMap::new();
    for (case, path) in templates() {
        let texts = by_region.entry(case.region).or_default();
        texts.entry(read(&path)).or_insert(path);
    }
    assert!(by_region.len() >= 4);
    for (region, texts) in by_region {
        // Informational findings (I…) are off by default. All warnings and errors are on.
        let output = Command::new(python("cfn-lint"))
            .args(["--non-zero-exit-code", "warning", "--regions", region, "--"])
            .args(texts.values())
            .output()
            .expect("cfn-lint runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.is_empty(),
            "{region}:\n{said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn cfn_lint_would_find_an_error() {
    let (root, _) = matrix();
    let broken = root.join("broken.yaml");
    let text = read(&root.join("default/yaml/prod.yaml"));
    let text = text.replace("BucketName:", "BucketNam:");
    fs::write(&broken, text).expect("written");
    let output = Command::new(python("cfn-lint"))
        .args(["--regions", "us-east-1", "--"])
        .arg(&broken)
        .output()
        .expect("cfn-lint runs");
    assert!(String::from_utf8_lossy(&output.stdout).contains("BucketNam"));
    assert!(!output.status.success());
}

/// Returns the number of templates in folders, and the warnings and errors that AWS's own validator
/// finds in them.
fn validated(folders: &[PathBuf]) -> (u64, Vec<Json>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/validate.py");
    let output = Command::new(python("python"))
        .arg("-B")
        .arg(script)
        .args(folders)
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{output:?}");
    let said: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    let found = said["found"].as_array().expect("a list").clone();
    (said["templates"].as_u64().expect("a number"), found)
}

#[test]
fn cloudformation_validate_finds_nothing() {
    let (root, cases) = matrix();
    let folders: Vec<PathBuf> = cases
        .iter()
        .map(|case| root.join(case.name).join("yaml"))
        .collect();
    let (count, mut found) = validated(&folders);
    assert_eq!(count, templates().len() as u64);
    // The only exceptions are literal ARNs from the configuration. No resource in the template
    // provides these ARNs.
    found.retain(|fault| {
        let is_about_arns = matches!(fault["rule"].as_str(), Some("W9002" | "W9013"));
        !is_about_arns || !has_configured_arn(fault)
    });
    assert_eq!(found, Vec::<Json>::new());
}

/// Returns whether a finding is about a resource with an ARN that comes from the configuration: an
/// ARN in the file, or the service role that it defines for the stacks of additional pipelines.
fn has_configured_arn(fault: &Json) -> bool {
    let path = Path::new(fault["template"].as_str().expect("a path"));
    let folder = path.parent().and_then(Path::parent).expect("a folder");
    let mut known = read(&folder.join("s3ferry.yaml"));
    if path
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("dev-pipeline-"))
    {
        let dev = json_of(&path.with_file_name("dev.yaml"));
        let role = &dev["Resources"]["ServiceRole"]["Properties"];
        known += &format!(
            "arn:aws:iam::111111111111:role{}{}",
            role["Path"].as_str().expect("a path"),
            role["RoleName"].as_str().expect("a name")
        );
    }
    let resource = fault["resource"].as_str().expect("a resource");
    let properties = &json_of(path)["Resources"][resource]["Properties"];
    ["RoleArn", "PermissionsBoundary"].iter().any(|name| {
        let arn = properties[name].as_str();
        arn.is_some_and(|arn| known.contains(arn))
    })
}

#[test]
fn cloudformation_validate_would_find_an_error() {
    let folder = matrix().0.join("invalid");
    fs::create_dir_all(&folder).expect("a folder");
    let text = read(&matrix().0.join("default/yaml/prod.yaml"));
    let text = text.replace("BucketName:", "BucketNam:");
    fs::write(folder.join("prod.yaml"), text).expect("written");
    let (count, found) = validated(&[folder]);
    assert_eq!(count, 1);
    assert!(
        found
            .iter()
            .any(|fault| fault.to_string().contains("BucketNam")),
        "{found:?}"
    );
}

#[test]
fn pyyaml_reads_what_the_json_says() {
    let (root, cases) = matrix();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/compare.py");
    let output = Command::new(python("python"))
        .arg(script)
        .args(cases.iter().map(|case| root.join(case.name)))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("Python runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let expected = format!("{} templates compared", templates().len());
    assert_eq!(said.trim(), expected);
}

#[test]
fn serde_yaml_reads_what_the_json_says() {
    for (case, path) in templates() {
        let value: serde_yaml::Value = serde_yaml::from_str(&read(&path)).expect("YAML");
        assert_eq!(plain(value), json_of(&path), "{}: {path:?}", case.name);
    }
}

/// Converts a value of serde_yaml to JSON, with the long forms of the intrinsic functions.
fn plain(value: serde_yaml::Value) -> Json {
    use serde_yaml::Value;
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Number(number) => json!(number.as_i64().expect("a whole number")),
        Value::String(text) => json!(text),
        Value::Sequence(items) => items.into_iter().map(plain).collect(),
        Value::Mapping(entries) => entries
            .into_iter()
            .map(|(key, value)| (key.as_str().expect("a string").to_owned(), plain(value)))
            .collect(),
        Value::Tagged(tagged) => {
            let value = plain(tagged.value);
            match tagged.tag.to_string().as_str() {
                "!Ref" => json!({ "Ref": value }),
                "!GetAtt" => {
                    let text = value.as_str().expect("a string");
                    json!({ "Fn::GetAtt": text.splitn(2, '.').collect::<Vec<_>>() })
                }
                "!Sub" => json!({ "Fn::Sub": value }),
                "!Equals" => json!({ "Fn::Equals": value }),
                other => panic!("unexpected tag {other}"),
            }
        }
    }
}

#[test]
fn our_reader_reads_what_the_json_says() {
    for (case, path) in templates() {
        let source = Source::new("template", read(&path));
        let node = diagnostic::read(&source).expect("generated YAML");
        assert_eq!(node.to_json(), json_of(&path), "{}: {path:?}", case.name);
    }
}

#[test]
fn all_are_within_the_quotas() {
    for (case, path) in templates() {
        let source = Source::new("template", read(&path));
        let node = diagnostic::read(&source).expect("generated YAML");
        // No case exceeds a default quota.
        let mut found = quotas::findings(&source, &node, &Default::default());
        // A large template is deployed from a bucket.
        found.retain(|finding| finding.severity == diagnostic::Severity::Error);
        assert_eq!(found, [], "{}: {path:?}", case.name);
    }
}

#[test]
fn the_embedded_rules_find_nothing_that_is_not_suppressed_with_a_reason() {
    let rules = lint::embedded();
    for (case, path) in templates() {
        let source = Source::new(path.display().to_string(), read(&path));
        let node = diagnostic::read(&source).expect("generated YAML");
        let reports = lint::check(&rules, &[(&source, &node)]).expect("Guard answers");
        assert_eq!(reports[0].findings, [], "{}: {path:?}", case.name);
        for suppressed in &reports[0].suppressed {
            assert!(suppressed.reason.is_some(), "{}: {suppressed:?}", case.name);
        }
    }
}

#[test]
fn a_second_run_changes_nothing_and_reports_this() {
    let (root, cases) = matrix();
    for case in cases {
        let folder = root.join(case.name);
        let files = files_in(&folder.join("yaml"));
        let before: Vec<String> = files.iter().map(|path| read(path)).collect();
        let run = synth(case, &folder, "yaml");
        let after: Vec<String> = files.iter().map(|path| read(path)).collect();
        assert_eq!(before, after, "{}", case.name);
        let count = run.stdout.matches("unchanged").count();
        assert!(
            count >= 2 && !run.stdout.contains("written"),
            "{}",
            run.stdout
        );
        // The same configuration in another folder results in the same bytes. The templates contain
        // no path, time, or random value.
        let elsewhere = root.join("elsewhere").join(case.name);
        fs::create_dir_all(&elsewhere).expect("a folder");
        for (name, _) in &case.files {
            fs::copy(folder.join(name), elsewhere.join(name)).expect("copied");
        }
        fs::copy(folder.join("s3ferry.yaml"), elsewhere.join("s3ferry.yaml")).expect("copied");
        synth(case, &elsewhere, "yaml");
        let there: Vec<String> = files_in(&elsewhere.join("yaml"))
            .iter()
            .map(|path| read(path))
            .collect();
        assert_eq!(before, there, "{}", case.name);
    }
}

#[test]
fn arns_use_the_partition_and_service_principals_are_the_same_everywhere() {
    for (case, path) in templates() {
        let text = read(&path);
        let partition = match case.region {
            "cn-north-1" => "arn:aws-cn:",
            "us-gov-west-1" => "arn:aws-us-gov:",
            _ => "arn:aws:",
        };
        for (at, _) in text.match_indices("arn:aws") {
            assert!(text[at..].starts_with(partition), "{}: {path:?}", case.name);
        }
        assert!(!text.contains("amazonaws.com.cn"), "{}", case.name);
    }
}

#[test]
fn all_resources_that_accept_tags_and_boundaries_have_them() {
    let (root, _) = matrix();
    let takes_tags = [
        "AWS::CodePipeline::Pipeline",
        "AWS::Events::Rule",
        "AWS::IAM::Role",
        "AWS::KMS::Key",
        "AWS::S3::Bucket",
    ];
    let resources = |case: &str, name: &str| -> Vec<Json> {
        let template = json_of(&root.join(case).join("yaml").join(name));
        let resources = template["Resources"].as_object().expect("resources");
        resources.values().cloned().collect()
    };
    let mut tagged = BTreeSet::new();
    for name in ["dev.yaml", "prod.yaml"] {
        for resource in resources("tags", name) {
            let kind = resource["Type"].as_str().expect("a type");
            let tags = resource["Properties"]["Tags"].as_array();
            assert_eq!(tags.is_some(), takes_tags.contains(&kind), "{kind}");
            if let Some(tags) = tags {
                assert!(
                    tags.contains(&json!({"Key": "no", "Value": "on"})),
                    "{kind}"
                );
                assert_eq!(tags.len(), 5, "{kind}");
                tagged.insert(kind.to_owned());
            }
        }
    }
    assert_eq!(tagged.len(), takes_tags.len());
    for (case, name, roles) in [
        ("boundary-of-aws", "dev.yaml", 2),
        ("boundary", "prod.yaml", 1),
    ] {
        let bounded = resources(case, name)
            .iter()
            .filter(|resource| resource["Type"] == "AWS::IAM::Role")
            .filter(|resource| resource["Properties"]["PermissionsBoundary"].is_string())
            .count();
        assert_eq!(bounded, roles, "{case}");
    }
}
