//! Random configurations, with one of several values for each option.

use std::collections::BTreeMap;

use s3ferry::config::Document;
use s3ferry::diagnostic::Source;
use s3ferry::plan::Plan;

/// A small random number generator. The same seed gives the same pairs on every machine.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % limit as u64).expect("a small number")
    }

    pub(super) fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

pub(super) const KEY: &str =
    "arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555";

const CONNECTION: &str = "arn:aws:codeconnections:us-east-1:111111111111:connection/11111111-2222-3333-4444-555555555555";

/// One value for each option, by name. A second configuration changes some of them.
pub(super) type Choices = BTreeMap<&'static str, String>;

pub(super) fn choose(random: &mut Random) -> Choices {
    let mut choices = Choices::new();
    for name in OPTIONS {
        choices.insert(name, value(random, name));
    }
    choices
}

pub(super) const OPTIONS: [&str; 33] = [
    "alias",
    "multi",
    "source",
    "object",
    "source_create",
    "repository",
    "build",
    "artifacts",
    "artifacts_create",
    "quotas",
    "pipeline",
    "role",
    "detect",
    "boundary",
    "logs",
    "permissions",
    "organization",
    "tags",
    "lifecycle",
    "namespace",
    "targets",
    "t.accounts",
    "t.create",
    "t.bucket",
    "t.role",
    "t.path",
    "t.extract",
    "t.key",
    "t.approval",
    "t.tagged",
    "t.cache",
    "t.region",
    "t.invalidate",
];

pub(super) fn value(random: &mut Random, name: &str) -> String {
    let values: &[&str] = match name {
        "alias" => &["s3deploykey", "otherkey"],
        "multi" => &["false", "true"],
        "source" => &["input-one", "input-two"],
        "object" => &["site.zip", "other/site.zip"],
        "repository" => &[
            "none",
            "none",
            "none",
            "example/one, branch: main",
            "example/one, branch: main, trigger: {tags: [v*]}",
            "example/two, branch: next",
        ],
        "build" => &[
            "null",
            "null",
            "null",
            "{commands: [make], output: dist/**}",
            "{commands: [npm ci], output: dist/**, secrets: {TOKEN: site/token}}",
            "{project: existing-build, role: \"arn:aws:iam::111111111111:role/existing-build\"}",
        ],
        "source_create" | "artifacts_create" | "t.create" => &["true", "true", "true", "false"],
        "quotas" => &[
            "{}",
            "{}",
            "{actions_per_pipeline: 4}",
            "{actions_per_stage: 2}",
        ],
        "artifacts" => &["store-one", "store-two"],
        "pipeline" => &[
            "crossaccountdeploy",
            "site",
            "a-pipeline-with-a-rather-long-name",
        ],
        "role" => &[
            "null",
            "null",
            "arn:aws:iam::111111111111:role/service-role/existing-one",
            "arn:aws:iam::111111111111:role/existing-two",
        ],
        "detect" => &["events", "events", "polling"],
        "boundary" => &["null", "null", "arn:aws:iam::111111111111:policy/boundary"],
        "logs" => &["true", "true", "false"],
        "permissions" => &["least", "least", "article"],
        "organization" => &["null", "null", "o-exampleorg1"],
        "tags" => &["{}", "{team: web}"],
        "lifecycle" => &[
            "{}",
            "{}",
            "{abort_uploads_days: 7}",
            "{abort_uploads_days: 1, artifacts_days: 90, noncurrent_days: 365, logs_days: 30}",
        ],
        "namespace" => &["global", "global", "global", "account"],
        "targets" => &[
            "one",
            "two",
            "other",
            "many",
            "regions",
            "set",
            "set",
            "set in regions",
        ],
        "t.accounts" => &[
            "\"444444444444\", \"555555555555\"",
            "\"444444444444\"",
            "\"444444444444\", \"555555555555\", \"777777777777\"",
            "\"555555555555\", \"666666666666\"",
        ],
        "t.bucket" => &["output-one", "output-two"],
        "t.role" => &["prods3role", "otherrole"],
        "t.path" => &["\"\"", "v2/site"],
        "t.extract" => &["true", "true", "false"],
        "t.key" => &["null", "null", KEY],
        "t.approval" | "t.tagged" => &["false", "true"],
        "t.cache" => &["null", "max-age=60"],
        "t.region" => &["us-east-1", "us-east-1", "eu-west-1"],
        "t.invalidate" => &[
            "null",
            "null",
            "{distribution: E1AAAAAAAA}",
            "{distribution: E2BBBBBBBB, paths: [/index.html]}",
        ],
        _ => unreachable!("{name}"),
    };
    random.pick(values).to_owned()
}

/// Returns the configuration with these choices.
pub(super) fn config(choices: &Choices) -> String {
    let get = |name: &str| choices[name].as_str();
    let extract = match get("t.extract") {
        "false" => "extract: false, object_key: site.zip",
        _ => "extract: true",
    };
    // Repositories and the output of builds have no object tags.
    let (source, tagged) = match get("repository") {
        "none" => (
            format!(
                "bucket: {}, object_key: {}, create: {}, detect_changes: {}",
                get("source"),
                get("object"),
                get("source_create"),
                get("detect")
            ),
            match get("build") {
                "null" => get("t.tagged"),
                _ => "false",
            },
        ),
        repository => (
            format!("connection: \"{CONNECTION}\", repository: {repository}"),
            "false",
        ),
    };
    let settings = |bucket: &str, role: &str| {
        format!(
            "create: {}, bucket: \"{bucket}\", role: \"{role}\", path: {}, {extract}, approval: {}, tagged_objects: {}, \
             cache_control: {}",
            get("t.create"),
            get("t.path"),
            get("t.approval"),
            tagged,
            get("t.cache")
        )
    };
    let (bucket, role) = (get("t.bucket"), get("t.role"));
    // An existing bucket has one region and one key, regardless of the configuration.
    let (region, key) = match (get("t.create"), get("t.region")) {
        ("false", _) => ("us-east-1", "null"),
        (_, "us-east-1") => ("us-east-1", get("t.key")),
        (_, region) => (region, "null"),
    };
    let one = format!(
        "  - {{name: prod, account: \"222222222222\", region: {region}, {}, encryption_key: {key}, \
         invalidate: {}}}\n",
        settings(bucket, role),
        get("t.invalidate"),
    );
    let other = format!(
        "  - {{name: other, account: \"333333333333\", {}}}\n",
        settings(&format!("other-{bucket}"), role)
    );
    // The end of a name in the account-regional namespace distinguishes the buckets.
    let fleet_bucket = match (get("namespace"), get("t.create")) {
        ("account", "true") => bucket.to_owned(),
        _ => format!("{bucket}-{{account}}-{{region}}"),
    };
    let fleet = |more: &str| {
        format!(
            "  - {{name: fleet, accounts: [{}], {}{more}}}\n",
            get("t.accounts"),
            settings(&fleet_bucket, &format!("{role}-{{region}}"))
        )
    };
    let targets = match get("targets") {
        "one" => one,
        "two" => one + &other,
        "other" => other,
        "many" => one + &fleet(""),
        "regions" => fleet(", regions: [us-east-1, sa-east-1]"),
        "set" => fleet(", stack_set: {}"),
        _ => fleet(", stack_set: {}, regions: [us-east-1, sa-east-1]"),
    };
    format!(
        "dev:\n  account: \"111111111111\"\n  key: {{alias: {}, multi_region: {}}}\n  source: \
         {{{source}}}\n  build: {}\n  artifacts: {{bucket: {}, create: {}}}\n  pipeline: {{name: {}, \
         service_role: {}}}\n  permissions_boundary: {}\n  access_logs: {}\npermissions: {}\norganization: \
         {}\ntags: {}\nlifecycle: {}\nbucket_namespace: {}\nquotas: {}\ntargets:\n{targets}",
        get("alias"),
        get("multi"),
        get("build"),
        get("artifacts"),
        get("artifacts_create"),
        get("pipeline"),
        get("role"),
        get("boundary"),
        get("logs"),
        get("permissions"),
        get("organization"),
        get("tags"),
        get("lifecycle"),
        get("namespace"),
        get("quotas"),
    )
}

/// Returns the plan of a configuration, or `None` if the configuration is invalid.
pub(super) fn plan(text: &str) -> Option<Plan> {
    let document = Document::read(Source::new("s3ferry.yaml", text)).ok()?;
    document.check().ok()?;
    let mut plan = Plan::new(&document.config).ok()?;
    // Stacks keep their names when the pipeline is renamed.
    plan.set_stack_prefix("site");
    Some(plan)
}
