//! The outputs file saves a request to the dev account. If the file is unusable, a command makes
//! the request instead.

use std::fs;

use super::{Desk, refused};

const FILE: &str = ".s3ferry/outputs.json";

/// Returns the contents of unusable files, each with its message.
fn unusable(good: &str) -> [(String, &'static str); 4] {
    let newer = good.replace("\"version\": 1", "\"version\": 2");
    [
        (
            format!("<<<<<<< HEAD\n{good}=======\n{good}>>>>>>> other\n"),
            "it has a merge conflict at line 1",
        ),
        (newer, "it was written by a newer version of s3ferry"),
        (
            "{\"version\": 9, \"accounts\": {}}".to_owned(),
            "it was written by a newer version of s3ferry",
        ),
        ("\"text\"".to_owned(), "invalid type"),
    ]
}

#[test]
fn an_unusable_file_is_ignored_and_not_changed() {
    let desk = Desk::deployed();
    for (text, why) in unusable(&desk.project.read(FILE)) {
        for command in [
            "status",
            "diff --all",
            "deploy --all --yes",
            "events --profile dev",
        ] {
            desk.project.write(FILE, &text);
            let run = desk.project.expect(command, 0);
            assert!(run.stderr.contains("warning"), "{command}\n{}", run.stderr);
            assert!(run.stderr.contains(why), "{command}: {why}\n{}", run.stderr);
            assert_eq!(run.stderr.matches(why).count(), 1, "{}", run.stderr);
            assert_eq!(
                desk.project.read(FILE),
                text,
                "{command}: the file was changed"
            );
        }
    }
    fs::write(desk.project.path(FILE), [0xff, 0xfe]).expect("written");
    desk.project.expect("status", 0);
    fs::remove_file(desk.project.path(FILE)).expect("removed");
    fs::create_dir(desk.project.path(FILE)).expect("a folder");
    desk.project.expect("deploy --all --yes", 0);
}

#[test]
fn a_target_without_access_to_dev_says_why_the_file_does_not_help() {
    let desk = Desk::new();
    desk.project.expect("deploy --profile dev --yes", 0);
    for file in ["aws/config", "aws/credentials"] {
        let text = desk.project.read(file).replace("dev]", "another]");
        desk.project.write(file, text);
    }
    for (text, why) in unusable(&desk.project.read(FILE)) {
        desk.project.write(FILE, &text);
        let run = desk.run(&["deploy", "--profile", "prod", "--yes"]);
        let unknown = "the ID of the dev account's key is unknown";
        refused(&run, 2, &[unknown, why, "--parameter DeployKeyId="]);
        assert_eq!(desk.project.read(FILE), text);
    }
}

#[test]
fn an_unwritable_folder_does_not_prevent_a_deployment() {
    let desk = Desk::new();
    // A file in place of the folder also fails for root, who can write to every folder.
    desk.project.write(".s3ferry", "");
    let run = desk.project.expect("deploy --all --yes", 0);
    let said = format!("cannot write `{FILE}`");
    assert_eq!(
        run.stderr.matches(&said).count(),
        1,
        "one warning:\n{}",
        run.stderr
    );
    let run = desk.project.expect("status", 0);
    assert!(!run.stdout.contains("not deployed"), "{}", run.stdout);
    let run = desk.project.expect("diff --all", 0);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
}
