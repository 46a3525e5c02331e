//! Measures the complete proof of the example: reading templates, calls, attacks, and excess.

#![allow(clippy::expect_used, missing_docs, reason = "a benchmark can panic")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use s3ferry::checked::{Synthesis, TemplateFormat};
use s3ferry::config::{Document, EXAMPLE};
use s3ferry::diagnostic::Source;
use s3ferry::plan::Plan;
use s3ferry::proof::prove;

fn whole(criterion: &mut Criterion) {
    let document = Document::read(Source::new("s3ferry.yaml", EXAMPLE)).expect("the example");
    let plan = Plan::new(&document.config).expect("a plan");
    // Each proof parses the templates again.
    let inputs = || Synthesis::new(&plan, TemplateFormat::Yaml, str::to_owned).inputs(&plan, false);
    criterion.bench_function("proof of the example", |bencher| {
        bencher.iter_batched(
            inputs,
            |inputs| prove(&inputs).expect("a proof"),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, whole);
criterion_main!(benches);
