//! The README says what the program does: its commands are run, its excerpts are looked for.

use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn file(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).expect("a file of the repository")
}

/// The fenced blocks of one language.
fn blocks(language: &str) -> Vec<String> {
    let readme = file("README.md");
    let mut found = Vec::new();
    let mut block: Option<String> = None;
    for line in readme.lines() {
        match (&mut block, line.strip_prefix("```")) {
            (None, Some(kind)) if kind == language => block = Some(String::new()),
            (None, Some(kind)) if !kind.is_empty() => block = Some("\0".to_owned()),
            (Some(_), Some("")) => {
                let text = block.take().unwrap_or_default();
                if !text.starts_with('\0') {
                    found.push(text);
                }
            }
            (Some(text), _) => {
                text.push_str(line);
                text.push('\n');
            }
            _ => {}
        }
    }
    found
}

fn run(folder: &Path, command: &str) -> String {
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some("s3ferry"));
    let output = Command::new(env!("CARGO_BIN_EXE_s3ferry"))
        .args(words)
        .current_dir(folder)
        .env_clear()
        .output()
        .expect("the program runs");
    assert!(
        output.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_commands_print_what_the_readme_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut commands = 0;
    for block in blocks("console") {
        for part in block
            .split("$ ")
            .filter(|part| part.starts_with("s3ferry "))
        {
            let (command, shown) = part.split_once('\n').expect("a line");
            let printed = run(folder.path(), command);
            // What follows is left out where the README says so.
            let shown = shown.trim_end().trim_end_matches('…').trim_end();
            assert!(printed.contains(shown), "{command} prints\n{printed}");
            commands += 1;
        }
    }
    assert!(commands >= 2, "the README shows init and synth");
}

#[test]
fn make_synth_prints_the_table_that_the_readme_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    run(folder.path(), "s3ferry synth --example");
    let second = run(folder.path(), "s3ferry synth --example");
    assert!(
        file("README.md").contains(second.trim_end()),
        "the README's table is not\n{second}"
    );
}

#[test]
fn the_excerpts_stand_in_the_templates() {
    let templates = format!("{}{}", file("stacks/dev.yaml"), file("stacks/prod.yaml"));
    let excerpts: Vec<String> = blocks("yaml")
        .into_iter()
        .filter(|block| block.contains("Sid:"))
        .collect();
    assert!(!excerpts.is_empty());
    for excerpt in excerpts {
        assert!(
            templates.contains(excerpt.trim_end()),
            "not in the templates:\n{excerpt}"
        );
    }
}

#[test]
fn the_smallest_configuration_is_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let smallest = blocks("yaml")
        .into_iter()
        .find(|block| block.starts_with("dev:"))
        .expect("the smallest configuration");
    std::fs::write(folder.path().join("s3ferry.yaml"), smallest).expect("written");
    run(folder.path(), "s3ferry synth");
    assert!(folder.path().join("stacks/prod.yaml").exists());
}

#[test]
fn the_error_that_the_readme_shows_is_the_one_that_is_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let text =
        "dev:\n  account: 012345678901\ntargets:\n  - name: prod\n    account: \"222222222222\"\n";
    std::fs::write(folder.path().join("s3ferry.yaml"), text).expect("written");
    let output = Command::new(env!("CARGO_BIN_EXE_s3ferry"))
        .arg("synth")
        .current_dir(folder.path())
        .env_clear()
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(2));
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(file("README.md").contains(printed.trim_end()), "{printed}");
}

#[test]
fn the_checked_in_templates_are_fresh() {
    run(root(), "s3ferry synth --example --check");
}
