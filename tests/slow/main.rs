//! Tests against fakecloud, which takes long to build: `make test-all` builds it once and says
//! where it is. What ministack can do is tested with it, in `tests/it`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

#[path = "../it/emulator/mod.rs"]
mod emulator;
mod fakecloud;
mod fleet_of_stack_sets;
mod stack_sets;
#[allow(dead_code, reason = "shared with the other test binary")]
#[path = "../it/support.rs"]
mod support;
