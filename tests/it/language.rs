//! Keeps known bad wordings out of everything that people read: code comments, messages, help, and
//! documentation. `tests/language.txt` lists them.

use std::path::{Path, PathBuf};

use regex::{Regex, RegexBuilder};

/// The folders and files that are checked.
const CHECKED: [&str; 22] = [
    ".github",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.toml",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "action",
    "action.yml",
    "benches",
    "build.rs",
    "demo",
    "data",
    "deny.toml",
    "docs",
    "fuzz/fuzz_targets",
    "guard-rules",
    "schemas",
    "src",
    "stacks",
    "tests",
];

/// Text from AWS and other programs, generated files, and the examples in this file.
const LEFT_OUT: [&str; 6] = [
    "tests/fixtures",
    "tests/it/language.rs",
    "tests/language.txt",
    "tests/it/snapshots",
    "tests/emulator/failures.json",
    // The names of AWS's actions and resource types.
    "data/service-reference.json",
];

struct Wording {
    pattern: Regex,
    /// Matches that are allowed.
    except: Option<Regex>,
    instead: String,
}

fn regex(pattern: &str) -> Regex {
    RegexBuilder::new(pattern)
        .case_insensitive(true)
        .build()
        .expect("a regular expression")
}

fn wordings() -> Vec<Wording> {
    include_str!("../language.txt")
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let parts: Vec<&str> = line.split('\t').collect();
            let [pattern, except, instead] = parts[..] else {
                panic!("not three parts: {line}");
            };
            Wording {
                pattern: regex(pattern),
                except: (except != "-").then(|| regex(except)),
                instead: instead.to_owned(),
            }
        })
        .collect()
}

/// Returns the first bad wording in a line, and what to write instead.
fn bad<'w>(wordings: &'w [Wording], line: &str) -> Option<(String, &'w str)> {
    wordings.iter().find_map(|wording| {
        let right: Vec<_> = (wording.except.iter())
            .flat_map(|except| except.find_iter(line))
            .map(|found| found.range())
            .collect();
        let found = wording.pattern.find_iter(line).find(|found| {
            !right
                .iter()
                .any(|right| right.start < found.end() && found.start() < right.end)
        })?;
        Some((found.as_str().to_owned(), wording.instead.as_str()))
    })
}

fn files(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("a folder") {
            files(&entry.expect("an entry").path(), found);
        }
    } else {
        found.push(path.to_owned());
    }
}

#[test]
fn no_text_has_a_wording_that_a_native_writer_would_not_use() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wordings = wordings();
    let mut paths = Vec::new();
    for name in CHECKED {
        files(&root.join(name), &mut paths);
    }
    paths.sort();
    let mut problems = Vec::new();
    let mut checked = 0;
    for path in paths {
        let name = path
            .strip_prefix(root)
            .expect("below the root")
            .display()
            .to_string();
        // Binary files, such as images.
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        if LEFT_OUT.iter().any(|left_out| name.starts_with(left_out))
            || name.contains("__pycache__")
        {
            continue;
        }
        checked += 1;
        for (number, line) in text.lines().enumerate() {
            if let Some((wording, instead)) = bad(&wordings, line) {
                problems.push(format!("{name}:{}: `{wording}`: {instead}", number + 1));
            }
        }
    }
    assert!(checked > 500, "{checked} files");
    assert!(
        problems.is_empty(),
        "write instead:\n{}",
        problems.join("\n")
    );
}

#[test]
fn the_wordings_are_found_and_their_exceptions_are_not() {
    let wordings = wordings();
    for line in [
        "this file is no template",
        "what stands in the account",
        "it is told",
    ] {
        assert!(bad(&wordings, line).is_some(), "{line}");
    }
    for line in [
        "there is no template",
        "SCP stands for service control policy",
        "the role exists",
    ] {
        assert!(bad(&wordings, line).is_none(), "{line}");
    }
}
