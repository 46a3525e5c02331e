//! How long the whole proof of the example takes: templates read, calls, attacks and excess.

#![allow(
    clippy::expect_used,
    missing_docs,
    reason = "a benchmark that cannot go on says so"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use s3ferry::config::{Document, EXAMPLE};
use s3ferry::diagnostic::Source;
use s3ferry::plan::Plan;
use s3ferry::proof::{Inputs, prove};
use s3ferry::stacks::stacks;

fn whole(criterion: &mut Criterion) {
    let document = Document::read(Source::new("s3ferry.yaml", EXAMPLE)).expect("the example");
    let plan = Plan::new(&document.config).expect("a plan");
    let stacks = stacks(&plan);
    let inputs = Inputs::new(&plan, false, |name| {
        let stack = stacks.iter().find(|stack| stack.name == name);
        stack
            .map(|stack| Source::new(format!("{name}.yaml"), stack.template.to_yaml()))
            .ok_or(())
    })
    .expect("inputs");
    criterion.bench_function("proof of the example", |bencher| {
        bencher.iter(|| prove(&inputs).expect("a proof"));
    });
}

criterion_group!(benches, whole);
criterion_main!(benches);
