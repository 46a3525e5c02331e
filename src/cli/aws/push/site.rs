//! The files of a site by their names: which the S3 deploy action takes, and the object keys that
//! it makes of them.
//!
//! What the action does with names is known from runs of a real CodePipeline: it writes `/` for
//! `\`, keeps a leading slash, fails at `../`, and puts every entry in its order.

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
    /// The same in lowercase.
    lowercase: BTreeSet<String>,
    /// Folders that have entries, without the last `/`.
    folders: BTreeSet<String>,
    /// The first parts of the keys.
    tops: BTreeSet<String>,
    /// Whether a file is at the top itself.
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

    /// Whether any target extracts the artifact. Otherwise its names do not matter.
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
            return Err(format!(
                "{} is the name of a file, and names none",
                quoted(name)
            ));
        }
        if climbs(&key) {
            return Err(format!(
                "{} contains `../`: the S3 deploy action fails there (ConfigurationError) after \
                 it has put the files before it",
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

    /// Adds an entry whose name was there before.
    pub(super) fn again(&mut self, name: &str) {
        self.files += 1;
        if self.is_extracted() {
            self.duplicates.add(name);
        }
    }

    /// Adds the entry of a folder. The action makes no object of it.
    pub(super) fn folder(&mut self, name: &str) {
        let key = name.replace('\\', "/");
        self.folders.insert(key.trim_end_matches('/').to_owned());
    }

    /// Adds what was read of a text file.
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

    /// The number of files.
    pub(super) fn files(&self) -> u64 {
        self.files
    }

    /// Why the files cannot be extracted together.
    pub(super) fn conflict(&self) -> Option<String> {
        let above = self.keys.iter().flat_map(|key| {
            let slashes = key.match_indices('/');
            slashes.map(|(at, _)| &key[..at])
        });
        let mut folders = above.chain(self.folders.iter().map(String::as_str));
        let name = folders.find(|folder| self.keys.contains(*folder))?;
        Some(format!(
            "{} is a file and a folder, and cannot be extracted as both",
            quoted(name)
        ))
    }

    /// Everything that is unexpected about the files.
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
            "the S3 deploy action writes `/` for every `\\` in the name of {}",
            "rename the files, or make the zip file with `/` between folders",
        );
        add(
            Code::LeadingSlash,
            self.leading,
            "the S3 deploy action keeps the `/` at the beginning of {}, so that a browser finds \
             the object only under `//`",
            "make the zip file without a leading `/`, or push the folder itself",
        );
        add(
            Code::UnusualPath,
            self.unusual,
            "`./` or `//` in the name of {} becomes part of the object key, and no browser asks \
             for such a key",
            "make the zip file again, or push the folder itself",
        );
        add(
            Code::DuplicateName,
            self.duplicates,
            "the name of {} occurs more than once: the S3 deploy action puts a version of the \
             object for each, and the last one stays",
            "make the zip file with one entry for each name",
        );
        add(
            Code::SymbolicLink,
            self.links,
            "the S3 deploy action puts a small object with the path of the target in place of \
             the symbolic link {}",
            "put the file itself into the zip file, or push the folder itself",
        );
        add(
            Code::DesktopFile,
            self.desktop,
            "the S3 deploy action also puts what the desktop has added: {}",
            "make the zip file without these files, or push the folder itself",
        );
        add(
            Code::Case,
            self.case,
            "{} differs from another name only in upper and lower case: S3 keeps both objects",
            "",
        );
        found.extend(self.types.warnings());
        found
    }

    /// Whether the site is where a browser looks for it.
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
                    "everything in {} is below `{}/`, so the site is deployed to s3://{}/{path}{}/",
                    quoted(&self.path.to_string_lossy()),
                    shown(top),
                    target.names.bucket,
                    shown(top)
                ),
                format!(
                    "push the folder {} itself to have it one level up",
                    quoted(top)
                ),
            ));
        }
        // The others are reported by themselves.
        let mut names = ["index.html", "./index.html", "/index.html"].iter();
        let has_index = names.any(|name| self.keys.contains(*name));
        (self.has_pages && !has_index).then(|| {
            Warning::new(
                Code::NoIndex,
                Names::default(),
                format!(
                    "there is no `index.html` at the top of {}",
                    quoted(&self.path.to_string_lossy())
                ),
                "push the folder that contains the start page",
            )
        })
    }
}

/// Whether a key contains `../`, or ends with such a part.
fn climbs(key: &str) -> bool {
    key.contains("../") || key == ".." || key.ends_with("/..")
}

/// Whether a name is an absolute path of Windows.
fn has_drive(key: &str) -> bool {
    key.get(1..3) == Some(":/") && key.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Whether a desktop adds such files by itself.
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
