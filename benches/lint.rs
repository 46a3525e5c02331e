//! Measures the lint: the first and later runs in a process, all rules and each rule, and Guard's
//! own evaluation of the same rules and templates for comparison.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark prints and can panic"
)]

use std::io::Cursor;
use std::time::{Duration, Instant};

use cfn_guard::commands::Executable;
use cfn_guard::commands::validate::{OutputFormatType, ShowSummaryType};
use cfn_guard::utils::reader::{ReadBuffer, Reader};
use cfn_guard::utils::writer::{WriteBuffer, Writer};
use cfn_guard::{CommandBuilder, ValidateBuilder};
use criterion::Criterion;
use s3ferry::diagnostic::{Node, Source, read};
use s3ferry::lint::{Rule, check, embedded};

const DEV: &str = include_str!("../tests/fixtures/dev.yaml");
const PROD: &str = include_str!("../tests/fixtures/prod.yaml");

fn lint(rules: &[Rule], templates: &[(&Source, &Node)]) -> usize {
    check(rules, templates)
        .expect("checked")
        .iter()
        .map(|report| report.findings.len())
        .sum()
}

/// Runs plain Guard on the complete templates, with each rule file as a separate text or with one
/// text for all.
fn bare(texts: &[String], templates: &[String]) -> usize {
    let payload = serde_json::json!({ "rules": texts, "data": templates }).to_string();
    let command = ValidateBuilder::default()
        .payload(true)
        .structured(true)
        .output_format(OutputFormatType::JSON)
        .show_summary(vec![ShowSummaryType::None])
        .try_build()
        .expect("a command");
    let mut reader = Reader::new(ReadBuffer::Cursor(Cursor::new(payload.into_bytes())));
    let mut writer =
        Writer::new_with_err(WriteBuffer::Vec(vec![]), WriteBuffer::Vec(vec![])).expect("a writer");
    command
        .execute(&mut writer, &mut reader)
        .expect("a response");
    writer.into_string().expect("text").len()
}

fn main() {
    let start = Instant::now();
    let rules = embedded();
    let (dev, prod) = (Source::new("dev", DEV), Source::new("prod", PROD));
    let (dev_node, prod_node) = (read(&dev).expect("YAML"), read(&prod).expect("YAML"));
    let both = [(&dev, &dev_node), (&prod, &prod_node)];
    let prepared = start.elapsed();
    lint(&rules, &both);
    println!(
        "{} rules, two templates: read in {prepared:.1?}, first lint in {:.1?}",
        rules.len(),
        start.elapsed() - prepared
    );

    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    criterion.bench_function("lint", |b| b.iter(|| lint(&rules, &both)));
    let joined = [rules
        .iter()
        .map(|rule| rule.text.as_str())
        .collect::<Vec<_>>()
        .join("\n")];
    let single: Vec<_> = rules.iter().map(|rule| rule.text.clone()).collect();
    let json = [
        dev_node.to_json().to_string(),
        prod_node.to_json().to_string(),
    ];
    criterion.bench_function("guard, one text", |b| b.iter(|| bare(&joined, &json)));
    criterion.bench_function("guard, one text per rule", |b| {
        b.iter(|| bare(&single, &json))
    });

    let mut group = criterion.benchmark_group("rule");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(200));
    for rule in &rules {
        group.bench_function(&rule.name, |b| {
            b.iter(|| lint(std::slice::from_ref(rule), &both));
        });
    }
    group.finish();
    criterion.final_summary();
}
