//! The replacements of AWS in the tests, all of them on 127.0.0.1:
//!
//! - [`Emulator`]: ministack, made as strict as AWS, to which stacks are deployed
//! - [`FaultProxy`]: records calls in front of the emulator, and makes them fail
//! - [`Script`]: returns responses from a list, for states that no emulator reaches

#![allow(
    dead_code,
    unused_imports,
    reason = "two test binaries share this module, and neither uses all of it"
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
