//! Checks the file names of a site: whether the S3 deploy action accepts them, and which object
//! keys it creates from them.
//!
//! The behavior of the action was observed in a real pipeline: the action replaces `\` with `/`,
//! keeps a leading slash, fails on `../`, and uploads the entries in order.

use std::collections::BTreeSet;
use std::path::Path;

use crate::escape::shown;
use crate::plan::TargetPlan;

use super::content::{Text, Types};
use super::limits;
use super::warning::{self, Code, Names, Warning, quoted};

/// The files of an artifact.
pub(super) struct Site<'p> {
    /// The folder or zip file.
    path: &'p Path,
    targets: &'p [TargetPlan],
    /// The first target that extracts the artifact.
    target: Option<&'p TargetPlan>,
    files: u64,
    /// Object keys, without the deployment path.
    keys: BTreeSet<String>,
    /// The object keys in lowercase.
    lowercase: BTreeSet<String>,
    /// Folders with a separate entry, without the trailing `/`.
    folders: BTreeSet<String>,
    /// The top-level folders.
    tops: BTreeSet<String>,
    /// Whether a file is at the top level.
    is_at_top: bool,
    has_pages: bool,
    backslashes: Names,
    leading: Names,
    unusual: Names,
    duplicates: Names,
    case: Names,
    links: Names,
    desktop: Names,
    types: Types,
}

impl<'p> Site<'p> {
    pub(super) fn new(path: &'p Path, targets: &'p [TargetPlan]) -> Self {
        Self {
            path,
            targets,
            target: targets.iter().find(|target| target.object_key.is_none()),
            files: 0,
            keys: BTreeSet::new(),
            lowercase: BTreeSet::new(),
            folders: BTreeSet::new(),
            tops: BTreeSet::new(),
            is_at_top: false,
            has_pages: false,
            backslashes: Names::default(),
            leading: Names::default(),
            unusual: Names::default(),
            duplicates: Names::default(),
            case: Names::default(),
            links: Names::default(),
            desktop: Names::default(),
            types: Types::default(),
        }
    }

    /// Returns whether any target extracts the artifact. If not, the names do not matter.
    pub(super) fn is_extracted(&self) -> bool {
        self.target.is_some()
    }

    /// Adds a file.
    pub(super) fn file(&mut self, name: &str, is_link: bool) -> Result<(), String> {
        self.files += 1;
        if !self.is_extracted() {
            return Ok(());
        }
        let key = name.replace('\\', "/");
        if key.split('/').all(|part| part.is_empty() || part == ".") {
            return Err(format!("{} is not a valid file name", quoted(name)));
        }
        if climbs(&key) {
            return Err(format!(
                "{} contains `../`: the S3 deploy action uploads the files before it and then \
                 fails (ConfigurationError)",
                quoted(name)
            ));
        }
        if has_drive(&key) {
            return Err(format!("{} is an absolute path", quoted(name)));
        }
        if let Some(problem) = limits::key_problem(&key, self.targets) {
            return Err(format!("{} cannot be deployed: {problem}", quoted(name)));
        }
        if is_of_desktop(&key) {
            self.desktop.add(name);
        } else {
            self.place(&key);
            if is_link {
                self.links.add(name);
            } else {
                self.types.file(&key);
            }
        }
        if key != name {
            self.backslashes.add(name);
        }
        if key.starts_with('/') {
            self.leading.add(name);
        }
        let path = key.trim_start_matches('/');
        if path.split('/').any(|part| part.is_empty() || part == ".") {
            self.unusual.add(name);
        }
        if self.keys.contains(&key) {
            self.duplicates.add(name);
            return Ok(());
        }
        if !self.lowercase.insert(key.to_lowercase()) {
            self.case.add(name);
        }
        self.keys.insert(key);
        Ok(())
    }

    /// Adds an entry with a repeated name.
    pub(super) fn again(&mut self, name: &str) {
        self.files += 1;
        if self.is_extracted() {
            self.duplicates.add(name);
        }
    }

    /// Adds the entry of a folder. The action does not create an object for it.
    pub(super) fn folder(&mut self, name: &str) {
        let key = name.replace('\\', "/");
        self.folders.insert(key.trim_end_matches('/').to_owned());
    }

    /// Adds the inspected text of a file.
    pub(super) fn text(&mut self, name: &str, text: &Text) {
        if self.is_extracted() && !is_of_desktop(name) {
            self.types.text(name, text);
        }
    }

    fn place(&mut self, key: &str) {
        match key.split_once('/') {
            Some(("" | ".", _)) | None => self.is_at_top = true,
            Some((top, _)) => {
                self.tops.insert(top.to_owned());
            }
        }
        let lowercase = key.to_lowercase();
        self.has_pages |= lowercase.ends_with(".html") || lowercase.ends_with(".htm");
    }

    /// Returns the number of files.
    pub(super) fn files(&self) -> u64 {
        self.files
    }

    /// Returns the reason why the files cannot be extracted together, if any.
    pub(super) fn conflict(&self) -> Option<String> {
        let above = self.keys.iter().flat_map(|key| {
            let slashes = key.match_indices('/');
            slashes.map(|(at, _)| &key[..at])
        });
        let mut folders = above.chain(self.folders.iter().map(String::as_str));
        let name = folders.find(|folder| self.keys.contains(*folder))?;
        Some(format!(
            "{} is both a file and a folder, which cannot be extracted together",
            quoted(name)
        ))
    }

    /// Returns the warnings about the files.
    pub(super) fn warnings(self) -> Vec<Warning> {
        let mut found = Vec::new();
        let Some(target) = self.target else {
            return found;
        };
        found.extend(self.at_the_top(target));
        let mut add = |code, names, message: &str, help: &str| {
            warning::add(&mut found, code, names, message, help);
        };
        add(
            Code::Backslash,
            self.backslashes,
            "the S3 deploy action replaces every `\\` with `/` in these names: {}",
            "rename the files, or create the zip file with `/` as the separator",
        );
        add(
            Code::LeadingSlash,
            self.leading,
            "the S3 deploy action keeps the leading `/` of these names, so browsers find the \
             objects only under `//`: {}",
            "create the zip file without a leading `/`, or push the folder itself",
        );
        add(
            Code::UnusualPath,
            self.unusual,
            "`./` and `//` in these names become part of the object keys, and browsers do not \
             request such keys: {}",
            "recreate the zip file, or push the folder itself",
        );
        add(
            Code::DuplicateName,
            self.duplicates,
            "the S3 deploy action uploads every copy of these duplicate names, and the last copy \
             becomes the current version: {}",
            "create the zip file with one entry for each name",
        );
        add(
            Code::SymbolicLink,
            self.links,
            "the S3 deploy action uploads each symbolic link as a small object that contains \
             only the path of its target: {}",
            "add the files themselves to the zip file, or push the folder itself",
        );
        add(
            Code::DesktopFile,
            self.desktop,
            "the S3 deploy action also uploads files created by the operating system: {}",
            "create the zip file without these files, or push the folder itself",
        );
        add(
            Code::Case,
            self.case,
            "these names differ from other names only in case, and S3 keeps all of the objects: {}",
            "",
        );
        found.extend(self.types.warnings());
        found
    }

    /// Checks whether the site is at the top level, where browsers expect it.
    fn at_the_top(&self, target: &TargetPlan) -> Option<Warning> {
        let mut tops = self.tops.iter();
        if let (Some(top), None, false) = (tops.next(), tops.next(), self.is_at_top) {
            let mut names = Names::default();
            names.add(top);
            let path = match target.path.as_str() {
                "" => String::new(),
                path => format!("{path}/"),
            };
            return Some(Warning::new(
                Code::SingleFolder,
                names,
                format!(
                    "all files in {} are in `{}/`, so the site is deployed to s3://{}/{path}{}/",
                    quoted(&self.path.to_string_lossy()),
                    shown(top),
                    output_bucket(target),
                    shown(top)
                ),
                format!(
                    "to deploy the site one level up, push the folder {} itself",
                    quoted(top)
                ),
            ));
        }
        // The other spellings are reported separately.
        let mut names = ["index.html", "./index.html", "/index.html"].iter();
        let has_index = names.any(|name| self.keys.contains(*name));
        (self.has_pages && !has_index).then(|| {
            Warning::new(
                Code::NoIndex,
                Names::default(),
                format!(
                    "no `index.html` at the top level of {}",
                    quoted(&self.path.to_string_lossy())
                ),
                "push the folder that contains the start page",
            )
        })
    }
}

/// Returns the name of the output bucket, with placeholders if the target has several buckets.
fn output_bucket(target: &TargetPlan) -> &str {
    match target.instances.as_slice() {
        [only] => &only.bucket.name,
        _ => &target.names.bucket,
    }
}

/// Returns whether a key contains `../`, or ends with `..` as its last part.
fn climbs(key: &str) -> bool {
    key.contains("../") || key == ".." || key.ends_with("/..")
}

/// Returns whether a name is an absolute Windows path.
fn has_drive(key: &str) -> bool {
    key.get(1..3) == Some(":/") && key.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Returns whether an operating system creates files with this name automatically.
fn is_of_desktop(key: &str) -> bool {
    let last = key.rsplit('/').next().unwrap_or_default();
    key.starts_with("__MACOSX/")
        || last.starts_with("._")
        || matches!(last, ".DS_Store" | "Thumbs.db" | "desktop.ini")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_climb_or_are_absolute_are_known() {
        for name in ["../a", "a/../b", "..", "a/..", "v1../a"] {
            assert!(climbs(name), "{name}");
        }
        for name in ["a..b", "..a", "a/..b", "a.."] {
            assert!(!climbs(name), "{name}");
        }
        assert!(has_drive("C:/a") && !has_drive("C:a") && !has_drive("1:/a"));
    }

    #[test]
    fn files_of_a_desktop_are_known() {
        for name in ["__MACOSX/a", "a/.DS_Store", "a/._b.html", "Thumbs.db"] {
            assert!(is_of_desktop(name), "{name}");
        }
        for name in ["a/__MACOSX", "DS_Store", "a._b"] {
            assert!(!is_of_desktop(name), "{name}");
        }
    }
}
