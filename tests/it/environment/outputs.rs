//! The outputs file saves asking the dev account, and stops nothing that can ask.

use std::fs;

use super::{Desk, refused};

const FILE: &str = ".s3ferry/outputs.json";

/// Files that cannot be used, and what is said of each.
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
fn a_file_that_cannot_be_used_stops_nothing_and_stays() {
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
            assert_eq!(desk.project.read(FILE), text, "{command}: the file is left");
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
fn a_folder_that_cannot_be_written_stops_no_deployment() {
    let desk = Desk::new();
    // Also root, which may write into every folder, cannot make a folder of a file.
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
