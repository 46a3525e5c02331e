//! Tests the documentation: README.md and the book in docs/src.
//!
//! Every page has a temporary folder, and its fenced blocks are processed in order:
//!
//! - `console` blocks run. A line that begins with `$ s3ferry` is a command, and the lines after it
//!   are its output. An ellipsis (`…`) omits any text. `console,exit=1` expects another exit code.
//! - In `console,aws` and `sh` blocks, only the options of each command are checked, because the
//!   commands call AWS or need files.
//! - `yaml` blocks that are whole configurations are written to `s3ferry.yaml` and synthesized.
//!   Other blocks with a `Sid` must be part of the checked-in templates. `yaml,fragment` and
//!   `yaml,github` blocks must be valid YAML.
//! - A block with `file=NAME` is written to this file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_yaml::Value as Yaml;

use crate::support::python;

/// The number of lines that README.md may have.
const README_LINES: usize = 180;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page of the documentation.
struct Page {
    /// The path below the root of the repository.
    name: String,
    text: String,
}

/// A fenced block.
#[derive(Debug)]
struct Block {
    /// The number of the line of its opening fence.
    line: usize,
    /// The language.
    language: String,
    /// The other parts of the info string.
    flags: Vec<String>,
    text: String,
}

impl Page {
    fn read(path: &Path) -> Self {
        let name = path.strip_prefix(root()).expect("a file of the repository");
        Self {
            name: name.to_string_lossy().replace('\\', "/"),
            text: fs::read_to_string(path).expect("a page"),
        }
    }

    /// Returns README.md and every page of the book.
    fn all() -> Vec<Self> {
        let mut paths = vec![root().join("README.md")];
        collect(&root().join("docs/src"), &mut paths);
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// Returns the fenced blocks. A block in a list item loses the indentation of its fence.
    fn blocks(&self) -> Vec<Block> {
        let mut found = Vec::new();
        let mut open: Option<(usize, Block)> = None;
        for (index, line) in self.text.lines().enumerate() {
            let trimmed = line.trim_start();
            let indent = line.len() - trimmed.len();
            match (&mut open, trimmed.strip_prefix("```")) {
                (None, Some(info)) => {
                    let mut parts = info.split(',').map(str::to_owned);
                    let block = Block {
                        line: index + 1,
                        language: parts.next().unwrap_or_default(),
                        flags: parts.collect(),
                        text: String::new(),
                    };
                    open = Some((indent, block));
                }
                (Some(_), Some("")) => {
                    let (_, block) = open.take().expect("an open block");
                    found.push(block);
                }
                (Some((indent, block)), _) => {
                    block.text.push_str(line.get(*indent..).unwrap_or(trimmed));
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block has no end", self.name);
        found
    }
}

impl Block {
    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|found| found == flag)
    }

    /// Returns the value of a flag such as `file=NAME`.
    fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.flags.iter().filter_map(|flag| flag.split_once('='));
        values
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    /// Returns whether the block is a complete configuration.
    fn is_configuration(&self) -> bool {
        let has = |key: &str| self.text.lines().any(|line| line.starts_with(key));
        self.language == "yaml" && self.flags.is_empty() && has("dev:") && has("targets:")
    }

    /// Returns the commands of a `console` block with the output that the page shows.
    fn commands(&self) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        for line in self.text.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                found.push((command.to_owned(), String::new()));
            } else if let Some((_, shown)) = found.last_mut() {
                shown.push_str(line);
                shown.push('\n');
            }
        }
        found
    }

    /// Returns the lines that begin with `s3ferry`; a line that ends with a backslash continues.
    fn lines_of_shell(&self) -> Vec<String> {
        let joined = self.text.replace("\\\n", " ");
        let lines = joined
            .lines()
            .map(|line| line.trim_start_matches("$ ").trim());
        lines
            .filter(|line| line.starts_with("s3ferry "))
            .map(str::to_owned)
            .collect()
    }
}

/// Adds the Markdown files below a folder, in order.
fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("a folder of the book");
    let mut entries: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
}

/// Splits a command into words as a shell does, up to a comment, a pipe, or a redirection.
fn words(command: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for character in command.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, ' ') => found.push(std::mem::take(&mut word)),
            _ => word.push(character),
        }
    }
    found.push(word);
    found.retain(|word| !word.is_empty());
    let end = found
        .iter()
        .position(|word| word.starts_with(['#', '|', '>', '&', ';']));
    found.truncate(end.unwrap_or(found.len()));
    found
}

/// Runs the program in a folder with an empty environment.
fn run(folder: &Path, arguments: &[String]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_s3ferry"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .output()
        .expect("the program runs")
}

/// Returns what a run printed: standard output, then standard error.
fn printed(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

/// Returns whether a page shows the printed text. An ellipsis omits any text.
fn shows(shown: &str, printed: &str) -> bool {
    let pieces: Vec<&str> = shown.split('…').map(str::trim).collect();
    let mut rest = printed.trim();
    let Some((first, others)) = pieces.split_first() else {
        return false;
    };
    let Some((last, middle)) = others.split_last() else {
        return rest == *first;
    };
    match rest.strip_prefix(first) {
        Some(after) => rest = after,
        None => return false,
    }
    for piece in middle {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Returns why a command does not do what its block shows.
fn problem(folder: &Path, block: &Block, command: &str, shown: &str) -> Option<String> {
    let words = words(command);
    if words.first().map(String::as_str) != Some("s3ferry") {
        return Some(format!("`{command}` is not a command of s3ferry"));
    }
    let expected: i32 = block.value("exit").map_or(0, |code| {
        code.parse().expect("the exit code of the info string")
    });
    let output = run(folder, &words[1..]);
    let printed = printed(&output);
    if output.status.code() != Some(expected) {
        return Some(format!(
            "`{command}` exits with {:?} instead of {expected}:\n{printed}",
            output.status.code()
        ));
    }
    if shows(shown, &printed) {
        return None;
    }
    Some(format!(
        "`{command}` does not print what the page shows. The page shows:\n{shown}\nThe program \
         prints:\n{printed}"
    ))
}

/// Returns why the program does not accept the options of a command.
fn option_problem(folder: &Path, arguments: &[String]) -> Option<String> {
    let mut arguments = arguments.to_vec();
    arguments.push("--help".to_owned());
    let output = run(folder, &arguments);
    let shown = arguments.join(" ");
    (!output.status.success())
        .then(|| format!("`s3ferry {shown}` is rejected:\n{}", printed(&output)))
}

/// Returns the arguments of the steps of a workflow that use the action.
fn action_commands(workflow: &Yaml, found: &mut Vec<Vec<String>>) {
    match workflow {
        Yaml::Mapping(members) => {
            let text = |name: &str| members.get(name).and_then(Yaml::as_str);
            if text("uses").is_some_and(|uses| uses.contains("/s3ferry@")) {
                let inputs = members.get("with");
                let input = |name: &str| inputs.and_then(|inputs| inputs.get(name)?.as_str());
                if let Some(command) = input("command").filter(|command| *command != "check") {
                    let rest = input("args").unwrap_or_default();
                    let all = std::iter::once(command).chain(rest.split_whitespace());
                    found.push(all.map(str::to_owned).collect());
                }
            }
            for (_, member) in members {
                action_commands(member, found);
            }
        }
        Yaml::Sequence(items) => {
            for item in items {
                action_commands(item, found);
            }
        }
        _ => {}
    }
}

/// Checks a page, and returns its problems and the number of commands that ran.
fn check(page: &Page, templates: &str) -> (Vec<String>, usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    let mut problems = Vec::new();
    let mut commands = 0;
    for block in page.blocks() {
        let at = format!("{}:{}", page.name, block.line);
        let mut report = |problem: String| problems.push(format!("{at}: {problem}"));
        if let Some(name) = block.value("file") {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, &block.text).expect("a file of the page");
        }
        match block.language.as_str() {
            "console" if block.has("aws") => {
                for line in block.lines_of_shell() {
                    if let Some(found) = option_problem(folder, &words(&line)[1..]) {
                        report(found);
                    }
                }
            }
            "console" => {
                for (command, shown) in block.commands() {
                    commands += 1;
                    if let Some(found) = problem(folder, &block, &command, &shown) {
                        report(found);
                    }
                }
            }
            "sh" => {
                for line in block.lines_of_shell() {
                    if let Some(found) = option_problem(folder, &words(&line)[1..]) {
                        report(found);
                    }
                }
            }
            "yaml" if block.is_configuration() => {
                fs::write(folder.join("s3ferry.yaml"), &block.text).expect("the configuration");
                let output = run(folder, &["synth".to_owned()]);
                if !output.status.success() {
                    report(format!(
                        "the configuration is rejected:\n{}",
                        printed(&output)
                    ));
                }
            }
            "yaml" if block.has("fragment") || block.has("github") => {
                match serde_yaml::from_str::<Yaml>(&block.text) {
                    Ok(value) => {
                        let mut found = Vec::new();
                        action_commands(&value, &mut found);
                        for arguments in found {
                            if let Some(found) = option_problem(folder, &arguments) {
                                report(found);
                            }
                        }
                    }
                    Err(error) => report(format!("the YAML is not valid: {error}")),
                }
            }
            "yaml" if block.text.contains("Sid:") => {
                if !templates.contains(block.text.trim_end()) {
                    report("the excerpt is not in the templates in stacks/".to_owned());
                }
            }
            "yaml" => report(
                "the YAML is neither a configuration nor an excerpt; mark a part with \
                 `yaml,fragment`"
                    .to_owned(),
            ),
            "text" | "json" | "csv" => {}
            other => report(format!("unknown language `{other}` of a block")),
        }
    }
    (problems, commands)
}

#[test]
fn the_documentation_shows_what_the_program_does() {
    let read = |name: &str| fs::read_to_string(root().join(name)).expect("a template");
    let templates = format!("{}{}", read("stacks/dev.yaml"), read("stacks/prod.yaml"));
    let mut problems = Vec::new();
    let mut commands = 0;
    for page in Page::all() {
        let (found, ran) = check(&page, &templates);
        problems.extend(found);
        commands += ran;
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
    assert!(commands >= 12, "only {commands} commands ran");
}

#[test]
fn a_wrong_page_is_reported() {
    let page = |text: &str| Page {
        name: "page.md".to_owned(),
        text: text.to_owned(),
    };
    let wrong = [
        "```console\n$ s3ferry --version\nanother 1.0\n```\n",
        "```console\n$ s3ferry --no-such-option\n…\n```\n",
        "```console,exit=1\n$ s3ferry --version\n…\n```\n",
        "```console,aws\n$ s3ferry deploy --no-such-option\n```\n",
        "1. Text\n\n   ```sh\n   s3ferry lint \\\n     --no-such-option\n   ```\n",
        "```yaml\ndev:\n  account: \"1\"\ntargets: []\n```\n",
        "```yaml\n- Sid: NoSuchStatement\n```\n",
        "```yaml\nkey: value\n```\n",
        "```yaml,fragment\nkey: [\n```\n",
        "```yaml,github\n- uses: a/s3ferry@main\n  with: {command: no-such-command}\n```\n",
        "```\ntext\n```\n",
    ];
    for text in wrong {
        let (problems, _) = check(&page(text), "");
        assert_eq!(problems.len(), 1, "{text}{problems:?}");
    }
    let right = "```console\n$ s3ferry --version\ns3ferry …\n```\n";
    let (problems, commands) = check(&page(right), "");
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(commands, 1);
}

#[test]
fn an_ellipsis_omits_text() {
    for (shown, printed) in [
        ("a\nb\n", "a\nb\n"),
        ("a …\nc", "a b\nc"),
        ("…\nc", "a\nb\nc\n"),
        ("a\n…\n", "a\nb"),
        ("…", ""),
        ("", ""),
    ] {
        assert!(shows(shown, printed), "{shown:?} {printed:?}");
    }
    for (shown, printed) in [
        ("a\n", "a\nb\n"),
        ("", "a"),
        ("b\n…\n", "a\nb\n"),
        ("…\na", "a\nb"),
        ("a…c…b", "abc"),
    ] {
        assert!(!shows(shown, printed), "{shown:?} {printed:?}");
    }
}

#[test]
fn the_readme_is_short() {
    let lines = Page::read(&root().join("README.md")).text.lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines");
}

#[test]
fn the_repository_has_one_address() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let address = manifest
        .lines()
        .find_map(|line| line.strip_prefix("repository = \"")?.strip_suffix('"'))
        .expect("`repository` in Cargo.toml");
    let slug = address
        .strip_prefix("https://github.com/")
        .expect("an address on GitHub");
    let mut pages = Page::all();
    for name in ["ARCHITECTURE.md", "CHANGELOG.md", "docs/book.toml"] {
        pages.push(Page::read(&root().join(name)));
    }
    let mut found = 0;
    for page in &pages {
        for (before, after) in splits(&page.text, "/s3ferry") {
            let Some(owner) = owner_before(before) else {
                continue;
            };
            // A longer name belongs to another repository.
            if after.starts_with(|next: char| next.is_alphanumeric() || "-_".contains(next)) {
                continue;
            }
            found += 1;
            assert_eq!(format!("{owner}/s3ferry"), slug, "{}", page.name);
        }
    }
    assert!(found >= 5, "only {found} addresses");
}

/// Returns the text before and after each occurrence of a part.
fn splits<'t>(text: &'t str, part: &'t str) -> impl Iterator<Item = (&'t str, &'t str)> {
    text.match_indices(part)
        .map(move |(at, _)| (&text[..at], &text[at + part.len()..]))
}

/// Returns the owner if the text ends with the start of a repository's or an action's address.
fn owner_before(text: &str) -> Option<&str> {
    ["https://github.com/", "uses: "].iter().find_map(|start| {
        let (_, owner) = text.rsplit_once(*start)?;
        let is_name = !owner.is_empty() && owner.chars().all(|c| c.is_alphanumeric() || c == '-');
        is_name.then_some(owner)
    })
}

#[test]
fn the_generated_pages_are_current() {
    let output = Command::new(python("python"))
        .arg("-B")
        .arg(root().join("docs/reference.py"))
        .arg(env!("CARGO_BIN_EXE_s3ferry"))
        .arg("--check")
        .output()
        .expect("Python runs");
    assert!(
        output.status.success(),
        "{}python3 docs/reference.py target/debug/s3ferry writes them",
        printed(&output)
    );
}

#[test]
fn the_checked_in_templates_are_current() {
    let arguments = ["synth", "--example", "--check"].map(str::to_owned);
    let output = run(root(), &arguments);
    assert!(output.status.success(), "{}", printed(&output));
}
