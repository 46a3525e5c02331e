//! Parses any text as cases and decides the valid ones. The decision and the reason agree, the
//! reason can be formatted, and an added identity policy that denies everything never allows a
//! request.

#![no_main]

use libfuzzer_sys::fuzz_target;
use s3ferry::policy::evaluation::{Decision, evaluate, explain, read_cases};
use s3ferry::policy::document::{Policy, PolicyKind};
use s3ferry::diagnostic::{Source, read};
use std::sync::LazyLock;

static DENY: LazyLock<Policy> = LazyLock::new(|| {
    let text = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#;
    let node = read(&Source::new("deny", text)).expect("JSON");
    Policy::parse(&node, PolicyKind::Identity).expect("a policy")
});

fuzz_target!(|text: &str| {
    for read in read_cases(&Source::new("cases", text)) {
        let case = match read.case {
            Ok(case) => case,
            Err(problems) => {
                for problem in problems {
                    assert!(text.get(problem.span.start..problem.span.end).is_some());
                }
                continue;
            }
        };
        let mut policies = case.policies();
        let decision = evaluate(&case.request, &policies);
        let reason = explain(&case.request, &policies);
        assert_eq!(reason.decision, decision);
        assert!(!reason.to_string().is_empty());
        policies.identity.push(&DENY);
        let denied = evaluate(&case.request, &policies);
        assert!(denied != Decision::Allowed || decision == Decision::Allowed);
    }
});
