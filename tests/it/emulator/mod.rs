//! What stands in for AWS in the tests, all of it on 127.0.0.1:
//!
//! - [`Emulator`]: ministack, made as strict as AWS, that stacks are really deployed to;
//! - [`FaultProxy`]: in front of it, makes calls fail and records them;
//! - [`Script`]: answers from a list, for states that no emulator reaches.

#![allow(
    dead_code,
    unused_imports,
    reason = "shared by two test binaries, neither of which uses all of it"
)]

pub(crate) mod answer;
pub(crate) mod call;
pub(crate) mod fault_proxy;
pub(crate) mod http;
pub(crate) mod ministack;
pub(crate) mod profiles;
pub(crate) mod script;
pub(crate) mod server;
pub(crate) mod stack_sets;

pub(crate) use answer::Answer;
pub(crate) use call::Call;
pub(crate) use fault_proxy::{Fault, FaultProxy, Outcome};
pub(crate) use ministack::{Emulator, Failure};
pub(crate) use profiles::Accounts;
pub(crate) use script::Script;
