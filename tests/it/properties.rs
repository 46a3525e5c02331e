//! Any input results in problems or in valid templates, and never in a panic.

use proptest::prelude::*;
use proptest::sample::select;
use s3ferry::config::Document;
use s3ferry::diagnostic::Severity;
use s3ferry::diagnostic::{self, Source};
use s3ferry::lint::quotas;
use s3ferry::plan::Plan;
use s3ferry::stacks::{self, stacks};
use s3ferry::template::read_template;
use serde_json::{Map, Value as Json, json};

fn settings(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Generates values for a key: mostly valid ones, some invalid ones, and some of another type.
fn value(good: Vec<Json>, bad: Vec<Json>) -> BoxedStrategy<Option<Json>> {
    let odd = vec![
        json!(null),
        json!(7),
        json!([]),
        json!({"a": 1}),
        json!(""),
        json!("no"),
    ];
    prop_oneof![
        60 => Just(None),
        60 => select(good).prop_map(Some),
        2 => select(bad).prop_map(Some),
        1 => select(odd).prop_map(Some),
        1 => "\\PC{0,70}".prop_map(|text| Some(json!(text))),
    ]
    .boxed()
}

/// Generates a mapping in which each key is optional.
fn mapping(
    fields: Vec<(&'static str, BoxedStrategy<Option<Json>>)>,
) -> impl Strategy<Value = Json> {
    let (names, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    values.prop_map(move |values| {
        let fields = names.iter().zip(values);
        fields
            .filter_map(|(name, value)| Some(((*name).to_owned(), value?)))
            .collect::<Map<String, Json>>()
            .into()
    })
}

fn booleans() -> Vec<Json> {
    vec![json!(true), json!(false)]
}

fn under(fields: Vec<(&'static str, BoxedStrategy<Option<Json>>)>) -> BoxedStrategy<Option<Json>> {
    prop_oneof![1 => Just(None), 2 => mapping(fields).prop_map(Some)].boxed()
}

fn dev() -> impl Strategy<Value = Json> {
    let role = |name: &str| json!(format!("arn:aws:iam::111111111111:role/{name}"));
    mapping(vec![
        ("account", Just(Some(json!("111111111111"))).boxed()),
        (
            "region",
            value(
                vec![json!("us-east-1"), json!("eu-west-1"), json!("cn-north-1")],
                vec![json!("us-est-1"), json!("Ä")],
            ),
        ),
        (
            "key",
            under(vec![
                (
                    "alias",
                    value(
                        vec![json!("a/b"), json!("012"), json!("k".repeat(250))],
                        vec![json!("alias/x"), json!("k".repeat(251))],
                    ),
                ),
                (
                    "administrators",
                    value(
                        vec![json!([]), json!([role("a"), role("p/b")])],
                        vec![json!(["x"])],
                    ),
                ),
                (
                    "deletion_window_days",
                    value(
                        vec![json!(7), json!(30)],
                        vec![json!(6), json!(-1), json!(1e30)],
                    ),
                ),
                ("multi_region", value(booleans(), vec![json!("true")])),
            ]),
        ),
        (
            "source",
            under(vec![
                (
                    "bucket",
                    value(
                        vec![json!("in.put"), json!("s".repeat(58))],
                        vec![json!("IN")],
                    ),
                ),
                (
                    "object_key",
                    value(
                        vec![json!("a b/ü.zip"), json!("\"#: -\u{a0}"), json!("012")],
                        vec![json!("*"), json!("/a"), json!("a\nb"), json!("a\u{2028}")],
                    ),
                ),
                ("create", value(booleans(), vec![json!("on")])),
                (
                    "detect_changes",
                    value(
                        vec![json!("events"), json!("polling")],
                        vec![json!("event")],
                    ),
                ),
                (
                    "encryption_key",
                    value(
                        vec![json!(null)],
                        vec![
                            json!("arn:aws:kms:us-east-1:111111111111:key/*"),
                            json!("arn:aws:kms:us-east-1:111111111111:key/a b\nc"),
                            json!("alias/x"),
                        ],
                    ),
                ),
            ]),
        ),
        (
            "artifacts",
            under(vec![
                (
                    "bucket",
                    value(
                        vec![json!("a".repeat(63)), json!("store")],
                        vec![json!("a".repeat(64))],
                    ),
                ),
                ("create", value(booleans(), vec![json!(0)])),
            ]),
        ),
        (
            "pipeline",
            under(vec![
                (
                    "name",
                    value(
                        vec![
                            json!("no"),
                            json!("012"),
                            json!("a.b@c_d-e"),
                            json!("p".repeat(27)),
                        ],
                        vec![json!("p".repeat(101)), json!("a b")],
                    ),
                ),
                (
                    "service_role",
                    value(
                        vec![role("service-role/x"), role("x")],
                        vec![role("*"), json!("x")],
                    ),
                ),
            ]),
        ),
        (
            "permissions_boundary",
            value(
                vec![json!("arn:aws:iam::aws:policy/ReadOnlyAccess")],
                vec![role("x")],
            ),
        ),
        ("access_logs", value(booleans(), vec![json!("yes")])),
    ])
}

fn target(index: usize) -> impl Strategy<Value = Json> {
    let key = "arn:aws:kms:us-east-1:222222222222:key/11111111-2222-3333-4444-555555555555";
    mapping(vec![
        (
            "name",
            prop_oneof![
                20 => Just(json!(format!("t-{index}"))),
                5 => select(vec![json!("no"), json!("012"), json!("1e3"), json!("dev")]),
            ]
            .prop_map(Some)
            .boxed(),
        ),
        (
            "account",
            select(vec![
                json!("222222222222"),
                json!("333333333333"),
                json!("111111111111"),
            ])
            .prop_map(Some)
            .boxed(),
        ),
        (
            "bucket",
            prop_oneof![
                20 => Just(json!(format!("out-{index}-{{account}}-{{region}}"))),
                1 => Just(json!("OUT")),
            ]
            .prop_map(Some)
            .boxed(),
        ),
        ("create", value(booleans(), vec![json!("no")])),
        (
            "role",
            value(
                vec![
                    json!(format!("{}{index}", "r".repeat(63))),
                    json!(format!("r+=,.@-_{index}")),
                ],
                vec![json!("r".repeat(65)), json!("a/b")],
            ),
        ),
        (
            "path",
            value(
                vec![json!("a/b"), json!("no"), json!("")],
                vec![json!("/"), json!("a*")],
            ),
        ),
        ("extract", value(vec![json!(true)], vec![json!(false)])),
        (
            "canned_acl",
            value(vec![json!("bucket-owner-full-control")], vec![json!("x")]),
        ),
        (
            "cache_control",
            value(
                vec![json!("max-age=1, no-cache"), json!("0x1")],
                vec![json!(1)],
            ),
        ),
        (
            "encryption_key",
            value(vec![json!(null)], vec![json!(key), json!("alias/x")]),
        ),
        ("approval", value(booleans(), vec![json!("on")])),
    ])
}

/// Generates a target with lists of accounts and regions, which can be long.
fn fleet() -> impl Strategy<Value = Json> {
    let count = select(vec![0_usize, 1, 3, 60, 300, 700]);
    let role = value(
        vec![json!("r-{account}-{region}"), json!("r-{region}")],
        vec![json!("r")],
    );
    let regions = select(vec![
        json!(null),
        json!(["us-east-1"]),
        json!(["us-east-1", "eu-west-1", "sa-east-1"]),
    ]);
    (count, role, regions, any::<bool>()).prop_map(|(count, role, regions, approval)| {
        let accounts: Vec<String> = (0..count).map(|n| format!("5{n:011}")).collect();
        let mut target = json!({
            "name": "fleet",
            "accounts": accounts,
            "bucket": "fleet-{account}-{region}",
            "approval": approval,
        });
        if !regions.is_null() {
            target["regions"] = regions;
        }
        if let Some(role) = role {
            target["role"] = role;
        }
        target
    })
}

fn configuration() -> impl Strategy<Value = Json> {
    let targets = prop_oneof![
        20 => (1_usize..5).boxed(),
        1 => select(vec![0_usize, 60]).boxed(),
    ]
    .prop_flat_map(|count| (0..count).map(target).collect::<Vec<_>>());
    let top = mapping(vec![
        (
            "organization",
            value(vec![json!("o-exampleorg1")], vec![json!("o-")]),
        ),
        (
            "permissions",
            value(vec![json!("least"), json!("article")], vec![json!("most")]),
        ),
        (
            "quotas",
            value(
                vec![
                    json!({"trust_policy_characters": 4096}),
                    json!({"actions_per_pipeline": 20, "actions_per_stage": 3}),
                ],
                vec![
                    json!({"x": 1}),
                    json!({"actions_per_pipeline": 0}),
                    json!({"actions_per_stage": 1}),
                    json!({"actions_per_stage": 101}),
                    json!({"actions_per_pipeline": 1_001}),
                    json!({"managed_policies_per_role": 26}),
                    json!({"trust_policy_characters": 8_193}),
                ],
            ),
        ),
        (
            "tags",
            value(
                vec![
                    json!({"no": "on", "012": "1:30", "ü b": "=", "-": "-"}),
                    json!({}),
                ],
                vec![json!({"aws:x": "y"}), json!({"a": "\u{7}"})],
            ),
        ),
    ]);
    let fleet = prop_oneof![2 => Just(None), 1 => fleet().prop_map(Some)];
    (dev(), targets, fleet, top).prop_map(|(dev, mut targets, fleet, top)| {
        targets.extend(fleet);
        let mut whole = top;
        whole["dev"] = dev;
        whole["targets"] = json!(targets);
        whole
    })
}

/// Creates and checks the templates of a configuration. Returns whether the configuration is valid.
fn follow(text: &str) -> bool {
    let document = match Document::read(Source::new("s3ferry.yaml", text)) {
        Ok(document) => document,
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(!problem.message.is_empty() && problem.span.start <= problem.span.end);
                assert!(problem.span.end <= text.len(), "{problem:?}");
                assert!(text.get(problem.span.start..problem.span.end).is_some());
            }
            return false;
        }
    };
    let plan = match Plan::new(&document.config) {
        Ok(plan) => plan,
        Err(complaints) => {
            assert_eq!(document.problems(&complaints).len(), complaints.len());
            return false;
        }
    };
    let stacks = stacks(&plan);
    let refused = stacks::complaints(&plan, &stacks);
    if !refused.is_empty() {
        assert!(plan.instances().count() > 100, "{refused:#?}");
        assert_eq!(document.problems(&refused).len(), refused.len());
        return false;
    }
    for stack in stacks {
        let yaml = stack.template.to_yaml();
        assert_eq!(yaml, stack.template.to_yaml());
        let source = Source::new("template", yaml);
        let node = read_template(&source).expect("a generated template");
        assert_eq!(
            node.to_json(),
            stack.template.to_json(),
            "{}",
            source.text()
        );
        serde_yaml::from_str::<serde_yaml::Value>(source.text()).expect("YAML");
        let json = Source::new("template", stack.template.to_json_text());
        let again = diagnostic::read(&json).expect("generated JSON").to_json();
        assert_eq!(again, stack.template.to_json());
        // A large template is deployed from a bucket. No other quota may be exceeded.
        let mut beyond = quotas::findings(&source, &node, &plan.quotas);
        beyond.retain(|finding| finding.severity == Severity::Error);
        assert!(beyond.is_empty(), "{beyond:#?}\n{text}");
    }
    for requirement in stacks::requirements(&plan) {
        assert!(!requirement.is_empty());
    }
    true
}

proptest! {
    #![proptest_config(settings(200))]

    #[test]
    fn a_configuration_results_in_problems_or_valid_templates(config in configuration()) {
        follow(&config.to_string());
        let yaml = serde_yaml::to_string(&config).expect("YAML");
        follow(&yaml);
    }

    #[test]
    fn any_text_as_configuration(text in "(\\PC|\\n|[ \\t:#{}\\[\\],&*!|>'\"-]){0,200}") {
        follow(&text);
    }

    #[test]
    fn any_change_of_a_configuration(at in 0_usize..200, text in "\\PC{0,8}", cut in 0_usize..9) {
        let example = s3ferry::config::EXAMPLE;
        // The example is ASCII, so every byte offset is a valid place to cut.
        let start = at.min(example.len());
        let end = (start + cut).min(example.len());
        follow(&format!("{}{text}{}", &example[..start], &example[end..]));
    }

    #[test]
    fn any_text_as_template(text in "(\\PC|\\n|[ \\t:#{}\\[\\],&*!|>'\"-]){0,200}") {
        for text in [text.clone(), format!("Resources:\n  A:\n    Type: {text}\n")] {
            let source = Source::new("template", text);
            if let Ok(node) = read_template(&source) {
                quotas::findings(&source, &node, &Default::default());
                node.to_json();
            }
        }
    }

    #[test]
    fn any_text_as_existing_policy(text in "(\\PC|\\n|[{}\\[\\]:,\"]){0,100}") {
        let config = s3ferry::config::EXAMPLE.replace(
            "targets:",
            "  artifacts: {create: false, existing_policy: x}\ntargets:",
        );
        let document = Document::read(Source::new("c", config)).expect("a configuration");
        let plan = Plan::new(&document.config).expect("a plan");
        let _ = stacks::merged_bucket_policy(&plan, &Source::new("p", text));
    }
}

/// The generator is useful only if enough of its configurations are valid.
#[test]
fn many_generated_configurations_are_valid() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let strategy = configuration();
    let good = (0..200)
        .filter(|_| {
            let tree = strategy.new_tree(&mut runner).expect("a configuration");
            follow(&tree.current().to_string())
        })
        .count();
    assert!(
        (20..180).contains(&good),
        "{good} of 200 configurations are valid"
    );
}
