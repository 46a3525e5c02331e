//! A failed read is never treated as a missing stack.

use super::{Desk, refused};
use crate::emulator::{Answer, Fault};

#[test]
fn a_stack_that_cannot_be_read_is_an_error_of_status() {
    let desk = Desk::deployed();
    let denied = || {
        Fault::Answered(Answer::error(
            403,
            "AccessDenied",
            "User is not authorized to perform: cloudformation:GetTemplate",
        ))
    };
    // One of the two reads fails.
    desk.proxy.nth("GetTemplate", 1, denied());
    let run = desk.run(&["status"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(
        run.stderr.contains("1 of 2 stacks could not be read"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains("cannot be read: "), "{}", run.stdout);
    assert!(!run.stdout.contains("not deployed"), "{}", run.stdout);
    desk.proxy.reset();
    desk.proxy.nth("GetTemplate", 1, denied());
    let run = desk.run(&["status", "--format", "json"]);
    assert_eq!(run.code, 3, "{}", run.stderr);
    assert!(
        run.stdout.contains("\"state\": \"unreadable\""),
        "{}",
        run.stdout
    );
    // Both reads fail.
    desk.proxy.reset();
    desk.proxy.always("DescribeStacks", denied());
    refused(&desk.run(&["status"]), 3, &["AccessDenied"]);
}
