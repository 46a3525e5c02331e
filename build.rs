//! Embeds the rule files `guard-rules/<service>/<rule>.guard` as a generated table.

use std::path::{Path, PathBuf};
use std::{env, fmt::Write as _, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=guard-rules");

    let mut files = Vec::new();
    for service in sorted(&root.join("guard-rules"))? {
        if service.is_dir() {
            files.extend(
                sorted(&service)?
                    .into_iter()
                    .filter(|file| file.extension().is_some_and(|ext| ext == "guard")),
            );
        }
    }

    let mut table = String::from("&[\n");
    for file in &files {
        let name: Vec<_> = file
            .strip_prefix(&root)
            .unwrap_or(file)
            .iter()
            .map(|part| part.to_string_lossy())
            .collect();
        // Writing to a string cannot fail.
        let _ = writeln!(table, "    ({:?}, include_str!({file:?})),", name.join("/"));
    }
    table.push_str("]\n");
    fs::write(out.join("guard_rules.rs"), table)
}

fn sorted(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(dir)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
