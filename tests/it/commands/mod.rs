//! The commands other than `deploy`, with the real binary, the emulator, and profiles for two
//! accounts.

mod deployer_policy;
mod destroy;
mod diff;
mod events;
mod status;

use serde_json::Value;

use crate::support::{Project, Run};

/// Parses the JSON output of a run.
fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout))
}

/// Changes the configuration, and writes the templates.
fn configure(project: &Project, old: &str, new: &str) {
    let config = project.read("s3ferry.yaml");
    assert!(config.contains(old), "{config}");
    project.write("s3ferry.yaml", config.replace(old, new));
    project.expect("synth --no-lint", 0);
}
