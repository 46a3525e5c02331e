//! Tests of the real binary, and of the library as a whole.

mod cli;
mod cli_config;
mod cli_init;
mod cli_lint;
mod cli_synth;
mod existing_policy;
mod matrix;
mod procedure;
mod properties;
mod support;
