//! Tests with fakecloud, which takes a long time to build. `make test-all` builds it once and
//! passes its path. The tests in `tests/it` use ministack where it supports the required calls.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test can panic"
)]

#[path = "../it/emulator/mod.rs"]
mod emulator;
mod fakecloud;
mod fleet_of_stack_sets;
mod stack_sets;
#[allow(dead_code, reason = "shared with the other test binary")]
#[path = "../it/support.rs"]
mod support;
