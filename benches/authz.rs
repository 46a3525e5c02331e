//! Measures decisions per second on one core.

#![allow(
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark can panic"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use s3ferry::diagnostic::Source;
use s3ferry::policy::evaluation::{Case, evaluate, explain, read_cases};
use std::hint::black_box;

/// A cross-account read with two policies and ten statements in total, like the call that reads an
/// artifact.
fn typical() -> Case {
    let mut statements = vec![
        (r#""s3:Put*""#, r#""arn:aws:s3:::output-bucket/*""#),
        (r#""s3:ListBucket""#, r#""arn:aws:s3:::output-bucket""#),
        (
            r#"["kms:DescribeKey", "kms:GenerateDataKey*", "kms:Encrypt", "kms:ReEncrypt*", "kms:Decrypt"]"#,
            r#""arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555""#,
        ),
        (r#""s3:ListBucket""#, r#""arn:aws:s3:::artifact-bucket""#),
        (
            r#"["s3:Get*", "s3:List*"]"#,
            r#""arn:aws:s3:::artifact-bucket/*""#,
        ),
    ];
    let identity: Vec<String> = statements
        .drain(..)
        .map(|(action, resource)| {
            format!(r#"{{"Effect": "Allow", "Action": {action}, "Resource": {resource}}}"#)
        })
        .collect();
    let text = format!(
        r#"{{
        "id": "typical",
        "request": {{
            "principal": "arn:aws:sts::222222222222:assumed-role/prods3role/1587534327984",
            "action": "s3:GetObject",
            "resource": "arn:aws:s3:::artifact-bucket/pipeline/SourceArti/abcdefg",
            "resourceAccount": "111111111111",
            "context": {{
                "aws:PrincipalArn": "arn:aws:iam::222222222222:role/prods3role",
                "aws:PrincipalOrgID": "o-exampleorg1",
                "aws:SecureTransport": "true",
                "aws:RequestedRegion": "us-east-1",
                "aws:CurrentTime": "2026-11-23T12:00:00Z"
            }}
        }},
        "identityPolicies": [{{"Version": "2012-10-17", "Statement": [{identity}]}}],
        "resourcePolicy": {{"Version": "2012-10-17", "Statement": [
            {{"Effect": "Deny", "Principal": "*", "Action": "s3:*",
              "Resource": ["arn:aws:s3:::artifact-bucket", "arn:aws:s3:::artifact-bucket/*"],
              "Condition": {{"Bool": {{"aws:SecureTransport": "false"}}}}}},
            {{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
              "Resource": "arn:aws:s3:::artifact-bucket/*",
              "Condition": {{"StringNotEquals": {{"s3:x-amz-server-side-encryption": "aws:kms"}}}}}},
            {{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
              "Resource": "arn:aws:s3:::artifact-bucket/*",
              "Condition": {{"Null": {{"s3:x-amz-server-side-encryption": "true"}}}}}},
            {{"Effect": "Allow", "Principal": {{"AWS": "arn:aws:iam::222222222222:root"}},
              "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::artifact-bucket"}},
            {{"Effect": "Allow", "Principal": {{"AWS": "arn:aws:iam::222222222222:root"}},
              "Action": ["s3:Get*", "s3:Put*"], "Resource": "arn:aws:s3:::artifact-bucket/*",
              "Condition": {{"ArnEquals": {{"aws:PrincipalArn": "arn:aws:iam::222222222222:role/prods3role"}}}}}}
        ]}}
    }}"#,
        identity = identity.join(", ")
    );
    let mut cases = read_cases(&Source::new("typical", text));
    match cases.pop().map(|read| read.case) {
        Some(Ok(case)) => case,
        other => panic!("cannot read the case: {other:?}"),
    }
}

fn decisions(criterion: &mut Criterion) {
    let case = typical();
    let policies = case.policies();
    let mut group = criterion.benchmark_group("authz");
    group.throughput(Throughput::Elements(1));
    group.bench_function("evaluate", |bencher| {
        bencher.iter(|| evaluate(black_box(&case.request), black_box(&policies)));
    });
    group.bench_function("explain", |bencher| {
        bencher.iter(|| explain(black_box(&case.request), black_box(&policies)));
    });
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
