//! Parses any text as a policy of each kind. Every problem has a position in the text, and nothing
//! panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use s3ferry::policy::document::{Policy, PolicyKind};
use s3ferry::diagnostic::{Source, read};

const KINDS: [PolicyKind; 6] = [
    PolicyKind::Identity,
    PolicyKind::Resource,
    PolicyKind::Key,
    PolicyKind::Trust,
    PolicyKind::ServiceControl,
    PolicyKind::ResourceControl,
];

fuzz_target!(|text: &str| {
    let source = Source::new("policy", text);
    let Ok(node) = read(&source) else { return };
    for kind in KINDS {
        match Policy::parse(&node, kind) {
            Ok(policy) => assert!(!policy.statements.is_empty()),
            Err(problems) => {
                assert!(!problems.is_empty());
                for problem in problems {
                    assert!(text.get(problem.span.start..problem.span.end).is_some());
                }
            }
        }
    }
});
