//! Files that are read and written: which configuration is used, what `synth` replaces, where
//! `--out` leads, what an error may quote, and how much is read.

mod bounds;
mod example;
#[cfg(unix)]
mod out;
mod quotes;
mod synth;

use std::fs;

use crate::support::Project;

/// The names in a folder.
fn names(project: &Project, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(project.path(folder)).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("text"))
        .collect();
    names.sort();
    names
}
