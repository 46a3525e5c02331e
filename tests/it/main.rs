//! The integration test binary, with one module for each topic.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot continue has failed"
)]

mod action;
mod authorize;
mod authz_cases;
mod authz_properties;
mod aws_facts;
mod buckets;
mod build;
mod cli;
mod cli_adopt;
mod cli_config;
mod cli_deploy;
mod cli_doctor;
mod cli_doctor_failures;
mod cli_init;
mod cli_lint;
mod cli_push;
mod cli_push_failures;
mod cli_push_files;
mod cli_synth;
mod commands;
mod completions;
mod derived_names;
mod diagram;
mod differential;
mod docs;
mod doctor_deployed;
mod documents;
mod emulator;
mod emulator_strictness;
mod encryption;
mod environment;
mod existing_policy;
mod fault_proxy;
mod files;
mod fleet;
mod given;
mod graph;
mod guard_rules;
mod hostile;
mod init_from;
mod invalidation;
mod language;
mod lint;
mod matrix;
mod mutations;
mod outcomes;
mod parameters;
mod played_pipeline;
mod policy_documents;
mod policy_values;
mod procedure;
mod properties;
mod prove;
mod repeated_keys;
mod report;
mod repository;
mod repository_push;
mod run_mutations;
mod safety;
mod schemas;
mod snapshots;
mod stack_set_config;
mod stack_set_deploy;
mod stack_set_killed;
mod stack_set_roles;
mod stack_set_trouble;
mod strangers;
mod support;
#[cfg(unix)]
mod terminal;
mod transition;
mod unresolved;
mod yaml;
