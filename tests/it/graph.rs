//! `s3ferry graph`: every arrow has calls, and every call has an arrow. `tests/browser` checks that
//! the programs for each format can read it, and `diagram.rs` checks the geometry of the SVG.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::schemas::conforms;
use crate::support::{Project, SMALL};

const TARGETS: &str = "\
dev:
  account: \"111111111111\"
targets:
";

fn targets(count: u64) -> String {
    let targets = (0..count).map(|number| {
        let account = 222_222_222_000 + number;
        format!("  - name: t{number}\n    account: \"{account}\"\n    bucket: site-{number}\n")
    });
    format!("{TARGETS}{}", targets.collect::<String>())
}

fn json(project: &Project, arguments: &str) -> Value {
    let run = project.expect(&format!("graph --format json {arguments}"), 0);
    conforms("graph", &run.stdout)
}

fn texts(array: &Value) -> Vec<&str> {
    let items = array.as_array().expect("a list").iter();
    items.map(|item| item.as_str().expect("text")).collect()
}

/// Returns the arrows as `service-role > deploy-role`.
fn arrows(graph: &Value) -> Vec<String> {
    let kind = |end: &Value| {
        let number = usize::try_from(end.as_u64().expect("a number")).expect("small");
        graph["nodes"][number]["kind"].as_str().expect("a kind")
    };
    let arrows = graph["arrows"].as_array().expect("arrows").iter();
    arrows
        .map(|arrow| format!("{} > {}", kind(&arrow["from"]), kind(&arrow["to"])))
        .collect()
}

#[test]
fn it_shows_who_calls_what() {
    let graph = json(&Project::with(SMALL), "");
    assert_eq!(
        arrows(&graph),
        [
            "account > deploy-key",
            "pipeline > service-role",
            "service-role > deploy-role",
            "event-bridge > rule-role",
            "rule-role > pipeline",
            "service-role > source-bucket",
            "service-role > artifact-bucket",
            "service-role > deploy-key",
            "deploy-role > artifact-bucket",
            "deploy-role > deploy-key",
            "deploy-role > output-bucket",
            "log-delivery > log-bucket",
            "log-delivery > log-bucket",
        ]
    );
    assert_eq!(graph["sides"][1]["target"], "prod");
    assert_eq!(graph["sides"][1]["account"], "222222222222");
    // Resources of the other account are on its side.
    for node in graph["nodes"].as_array().expect("nodes") {
        let theirs =
            ["deploy-role", "output-bucket"].contains(&node["kind"].as_str().expect("kind"));
        assert!(!theirs || node["side"] == 1, "{node}");
    }
}

#[test]
fn every_call_of_the_run_is_in_one_arrow() {
    for config in [SMALL, &targets(3)] {
        let project = Project::with(config);
        let proof: Value =
            serde_json::from_str(&project.expect("prove --format json", 0).stdout).expect("JSON");
        let calls = proof["calls"].as_array().expect("calls");
        let proven: BTreeSet<&str> = calls
            .iter()
            .map(|call| call["id"].as_str().expect("an ID"))
            .collect();
        let graph = json(&project, "--expand");
        let arrows = graph["arrows"].as_array().expect("arrows");
        let drawn: Vec<&str> = arrows
            .iter()
            .flat_map(|arrow| texts(&arrow["calls"]))
            .collect();
        assert_eq!(drawn.len(), calls.len());
        assert_eq!(drawn.into_iter().collect::<BTreeSet<&str>>(), proven);
    }
}

#[test]
fn a_denied_call_makes_its_arrow_denied() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    let prod = project.read("stacks/prod.yaml");
    project.write(
        "stacks/prod.yaml",
        prod.replace("- kms:Decrypt", "- kms:Encrypt"),
    );
    let run = project.expect("graph", 0);
    assert!(run.stdout.contains("5 decrypt DENIED"), "{}", run.stdout);
    assert!(
        run.stdout.contains("linkStyle 9 stroke:#c62828"),
        "{}",
        run.stdout
    );
    assert!(run.stderr.contains("a denied call: 1"), "{}", run.stderr);
    let graph = json(&project, "");
    let denied: Vec<&Value> = graph["arrows"]
        .as_array()
        .expect("arrows")
        .iter()
        .filter(|arrow| arrow["decision"] == "Denied")
        .collect();
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0]["steps"], serde_json::json!(["decrypt"]));
}

#[test]
fn one_target_represents_all_equal_targets() {
    let project = Project::with(&targets(9));
    let graph = json(&project, "");
    assert_eq!(graph["sides"].as_array().expect("sides").len(), 2);
    assert_eq!(texts(&graph["sides"][1]["alike"]).len(), 8);
    assert_eq!(graph["sides"][1]["instances"], 9);
    let all = json(&project, "--expand");
    assert_eq!(all["sides"].as_array().expect("sides").len(), 10);

    // A different target is drawn separately.
    project.expect("synth", 0);
    let template = project.read("stacks/t5.yaml");
    project.write(
        "stacks/t5.yaml",
        template.replace("- kms:Decrypt", "- kms:Encrypt"),
    );
    let graph = json(&project, "");
    let sides = graph["sides"].as_array().expect("sides");
    assert_eq!(sides.len(), 3);
    assert_eq!(sides[2]["target"], "t5");
    assert_eq!(texts(&sides[1]["alike"]).len(), 7);

    // A target with the same calls, but with excess permissions, is also drawn separately.
    let template = project.read("stacks/t7.yaml");
    let before = "          - Sid: DecryptArtifacts";
    let more = "          - Effect: Allow\n            Action: iam:PassRole\n            Resource: \"*\"\n";
    project.write(
        "stacks/t7.yaml",
        template.replace(before, &format!("{more}{before}")),
    );
    let graph = json(&project, "");
    let sides = graph["sides"].as_array().expect("sides");
    assert_eq!(sides.len(), 4);
    assert_eq!(sides[3]["target"], "t7");
    let svg = project.expect("graph --format svg", 0).stdout;
    assert!(svg.contains("excess permissions"), "{svg}");
}

#[test]
fn a_target_can_be_selected() {
    let project = Project::with(&targets(3));
    let graph = json(&project, "--target t1");
    let sides = graph["sides"].as_array().expect("sides");
    assert_eq!(sides.len(), 2);
    assert_eq!(sides[1]["target"], "t1");
    let run = project.expect("graph --target t", 2);
    assert!(run.stderr.contains("no target `t`"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}

#[test]
fn files_and_standard_output_are_the_same() {
    let project = Project::with(SMALL);
    for format in ["mermaid", "dot", "svg", "json"] {
        let printed = project
            .expect(&format!("graph --format {format}"), 0)
            .stdout;
        project.expect(&format!("graph --format {format} --out diagram"), 0);
        assert_eq!(project.read("diagram"), printed);
    }
}

#[test]
fn templates_without_a_pipeline_cannot_be_drawn() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    let dev = project.read("stacks/dev.yaml");
    let dev = dev.replace("AWS::CodePipeline::Pipeline", "AWS::CodePipeline::Webhook");
    project.write("stacks/dev.yaml", dev);
    let run = project.expect("graph --out diagram", 2);
    assert!(run.stderr.contains("no pipeline"), "{}", run.stderr);
    assert!(!project.exists("diagram"));
}
