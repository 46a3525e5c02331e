//! Limits on the size of inputs and on the length of errors.

use std::fs;
use std::process::Command;

use crate::support::{Project, SMALL};

/// The sources of inputs. `FILE` represents the path.
const INPUTS: [&str; 8] = [
    "synth --config FILE",
    "lint FILE",
    "lint --rules FILE",
    "prove --scp FILE",
    "prove --policy codepipeline-output-bucket=FILE",
    "authorize FILE",
    "init --from FILE --config new.yaml",
    "report --identity prods3role=FILE",
];

#[cfg(unix)]
#[test]
fn an_infinite_input_is_too_large() {
    let project = Project::with(SMALL);
    for arguments in INPUTS {
        let run = project.expect(&arguments.replace("FILE", "/dev/zero"), 2);
        assert!(
            run.stderr.contains("`/dev/zero` is too large"),
            "{arguments}: {}",
            run.stderr
        );
        assert!(run.stderr.contains(" MiB"), "{}", run.stderr);
    }
    for settings in ["accounts_file: /dev/zero", "account: \"222222222222\""] {
        let project = Project::with(&format!(
            "dev:\n  account: \"111111111111\"\n  artifacts: {{create: false, existing_policy: \
             /dev/zero}}\ntargets:\n  - name: prod\n    {settings}\n"
        ));
        let run = project.expect("synth", 2);
        assert!(
            run.stderr.contains("`/dev/zero` is too large"),
            "{}",
            run.stderr
        );
    }
    // Standard input can also be infinite.
    let zero = fs::File::open("/dev/zero").expect("opens");
    let output = Command::new(env!("CARGO_BIN_EXE_s3ferry"))
        .args(["authorize", "-"])
        .stdin(zero)
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("too large"));
}

#[test]
fn a_folder_as_input_is_reported_as_a_folder() {
    let project = Project::with(SMALL);
    project.write("d/x", "");
    for arguments in INPUTS {
        // These also accept a folder.
        if arguments.contains("--rules") || arguments == "lint FILE" {
            continue;
        }
        let run = project.expect(&arguments.replace("FILE", "d"), 2);
        assert!(
            run.stderr.contains("`d`: it is a folder"),
            "{arguments}: {}",
            run.stderr
        );
    }
}

#[test]
fn many_errors_are_counted_and_not_all_shown() {
    let many = |count: usize| {
        let targets: String = (0..count)
            .map(|number| format!("  - name: t{number}\n    account: \"x\"\n"))
            .collect();
        format!("dev:\n  account: \"111111111111\"\ntargets:\n{targets}")
    };
    let shown = |count: usize| {
        let run = Project::with(&many(count)).expect("targets", 2);
        let errors = run.stderr.matches("error: ").count();
        (errors, run.stderr)
    };
    let (errors, text) = shown(20);
    assert!(errors == 20 && !text.contains("more error"), "{text}");
    let (errors, text) = shown(21);
    assert!(
        errors == 20 && text.ends_with("… and 1 more error\n"),
        "{text}"
    );
    let (errors, text) = shown(5_000);
    assert!(
        errors == 20 && text.ends_with("… and 4980 more errors\n"),
        "{text}"
    );
    // The same applies to accounts files, and to several files together.
    let project = Project::with(
        "dev:\n  account: \"111111111111\"\ntargets:\n  - name: prod\n    accounts_file: a.csv\n    \
         bucket: out-{account}\n",
    );
    project.write("a.csv", format!("account\n{}", "1\n".repeat(100_000)));
    let run = project.expect("targets", 2);
    assert!(
        run.stderr.ends_with("… and 99980 more errors\n"),
        "{}",
        run.stderr
    );
    let case = "{\"request\": 1}\n";
    project.write("one.jsonl", case.repeat(15));
    project.write("two.jsonl", case.repeat(15));
    let run = project.expect("authorize one.jsonl two.jsonl", 2);
    assert_eq!(run.stderr.matches("error: ").count(), 20, "{}", run.stderr);
}

#[test]
fn long_values_are_shortened() {
    let long = "a".repeat(200_000);
    for config in [
        SMALL.replace(
            "targets:",
            &format!("  source: {{bucket: {long}}}\ntargets:"),
        ),
        SMALL.replace("targets:", &format!("  {}: 1\ntargets:", &long[..1_000])),
        SMALL.replace("111111111111", &long),
        SMALL.replace("prod", &long),
        format!("{SMALL}tags: {{? {long} : x}}\n"),
        format!("{SMALL}permissions: {long}\n"),
    ] {
        let run = Project::with(&config).expect("targets", 2);
        assert!(run.stderr.len() < 3_000, "{}", run.stderr.len());
        assert!(run.stderr.contains("aaa…aaa"), "{}", run.stderr);
        assert!(run.stderr.contains("--> s3ferry.yaml:"), "{}", run.stderr);
    }
    let project = Project::with(SMALL);
    project.write(
        "p.json",
        format!("{{\"Statement\": [{{\"{long}\": 1, \"Action\": \"s3:{long}\"}}]}}"),
    );
    let run = project.expect("prove --scp p.json", 2);
    assert!(run.stderr.len() < 6_000, "{}", run.stderr.len());
}

#[test]
fn documents_that_are_nested_too_deeply_are_rejected() {
    let depth = 20_000;
    let project = Project::with(SMALL);
    for text in [
        format!("dev: {}", "[".repeat(depth)),
        format!("dev:\n{}", "- ".repeat(depth)),
        format!("{{\"dev\": {}", "{\"a\":".repeat(depth)),
        format!("Resources: {}", "[".repeat(depth)),
        format!("{{\"Resources\": {}", "{\"a\":".repeat(depth)),
        format!("{{\"Statement\": {}", "[".repeat(depth)),
        format!("[{{\"request\": {}", "[".repeat(depth)),
        format!("{{\"pipeline\": {{\"stages\": {}", "[".repeat(depth)),
        format!("rule x {{\n{}", " when a exists {".repeat(depth)),
        format!("rule x {{\n{}", "(".repeat(depth)),
    ] {
        project.write("deep", &text);
        for arguments in INPUTS {
            let run = project.expect(&arguments.replace("FILE", "deep"), 2);
            assert!(
                run.stderr.len() < 3_000,
                "{arguments}: {}",
                run.stderr.len()
            );
        }
    }
    let mut bomb = "dev: 1\na: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (one, next) in ('a'..'y').zip('b'..'z') {
        bomb.push_str(&format!(
            "{next}: &{next} [{}]\n",
            format!("*{one}, ").repeat(9)
        ));
    }
    project.write("bomb.yaml", &bomb);
    let run = project.expect("targets --config bomb.yaml", 2);
    assert!(run.stderr.contains("anchors and aliases"), "{}", run.stderr);
}

/// The text output shows the worst findings, and the other formats contain all of them.
#[test]
fn a_template_with_thousands_of_findings() {
    let buckets: String = (0..600)
        .map(|number| format!("  B{number}:\n    Type: AWS::S3::Bucket\n"))
        .collect();
    let project = Project::with(SMALL);
    project.write("many.yaml", format!("Resources:\n{buckets}"));
    let run = project.expect("lint many.yaml", 1);
    let shown = run.stdout.matches("\n --> ").count()
        + run.stdout.matches("\n  --> ").count()
        + run.stdout.matches("\n   --> ").count()
        + run.stdout.matches("\n    --> ").count();
    assert_eq!(shown, 50, "{shown}");
    assert!(
        run.stdout.contains(" more findings: --verbose shows all"),
        "{}",
        run.stdout
    );
    let all: serde_json::Value =
        serde_json::from_str(&project.expect("lint many.yaml --format json", 1).stdout)
            .expect("JSON");
    let all = all["findings"].as_array().expect("a list").len();
    assert!(all >= 600, "{all}");
    assert!(
        run.stdout.contains(&format!("… and {} more", all - 50)),
        "{all}"
    );
    let sarif = project.expect("lint many.yaml --format sarif", 1).stdout;
    let sarif: serde_json::Value = serde_json::from_str(&sarif).expect("JSON");
    assert_eq!(
        sarif["runs"][0]["results"]
            .as_array()
            .expect("a list")
            .len(),
        all
    );
    let verbose = project.expect("lint many.yaml --verbose", 1).stdout;
    assert!(!verbose.contains("more findings"));
}
