//! Files that are read and written: the configuration that is used, the files that `synth`
//! replaces, the targets of `--out`, the quotes in errors, and the size of inputs.

mod bounds;
mod example;
#[cfg(unix)]
mod out;
mod quotes;
mod synth;

use std::fs;

use crate::support::Project;

/// Returns the names in a folder.
fn names(project: &Project, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(project.path(folder)).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("text"))
        .collect();
    names.sort();
    names
}
