//! The one integration test binary: a module for each topic.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod authz_cases;
mod authz_properties;
mod guard_rules;
mod matrix;
mod procedure;
mod readme;
mod support;
