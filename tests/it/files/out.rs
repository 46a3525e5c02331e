//! The target of `--out`.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::process::{Command, Stdio};
use std::thread;

use super::names;
use crate::support::{Project, SMALL};

/// Commands with `--out`, and the start of their output.
const WRITERS: [(&str, &str); 3] = [
    ("graph --example", "flowchart"),
    ("graph --example --format svg", "<?xml"),
    ("report --example", "<!DOCTYPE html>"),
];

fn mode(project: &Project, name: &str) -> u32 {
    fs::metadata(project.path(name))
        .expect("there")
        .permissions()
        .mode()
        & 0o777
}

#[test]
fn a_fifo_is_written_to() {
    for (command, begin) in WRITERS {
        let project = Project::empty();
        let fifo = project.path("pipe");
        let made = Command::new("mkfifo").arg(&fifo).status().expect("mkfifo");
        assert!(made.success());
        let reader = {
            let fifo = fifo.clone();
            thread::spawn(move || {
                let mut text = String::new();
                let mut file = fs::File::open(fifo).expect("opens");
                file.read_to_string(&mut text).expect("text");
                text
            })
        };
        project.expect(&format!("{command} --out pipe"), 0);
        assert!(reader.join().expect("read").starts_with(begin), "{command}");
        assert!(fs::metadata(&fifo).expect("there").file_type().is_fifo());
        assert_eq!(names(&project, ""), ["pipe"]);
    }
}

#[test]
fn a_device_is_written_to_and_stays_one() {
    let project = Project::empty();
    for (command, _) in WRITERS {
        project.expect(&format!("{command} --out /dev/null"), 0);
        let run = project.expect(&format!("{command} --out /dev/full"), 2);
        assert!(
            run.stderr.contains("no space left on device"),
            "{}",
            run.stderr
        );
    }
    for device in ["/dev/null", "/dev/full"] {
        let kind = fs::symlink_metadata(device).expect("there").file_type();
        assert!(kind.is_char_device(), "{device}");
    }
}

#[test]
fn a_link_to_a_file_and_the_mode_are_kept() {
    for (command, begin) in WRITERS {
        let project = Project::empty();
        project.write("real/keep", "old");
        symlink("real/keep", project.path("link")).expect("a link");
        symlink("link", project.path("second")).expect("a link");
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(project.path("real/keep"), private).expect("set");
        project.expect(&format!("{command} --out second"), 0);
        assert!(
            fs::symlink_metadata(project.path("link"))
                .expect("there")
                .is_symlink()
        );
        assert!(
            fs::symlink_metadata(project.path("second"))
                .expect("there")
                .is_symlink()
        );
        assert!(project.read("real/keep").starts_with(begin), "{command}");
        assert_eq!(mode(&project, "real/keep"), 0o600);
        assert_eq!(names(&project, "real"), ["keep"]);
        // A link to a file that does not exist yet is also kept.
        symlink("real/new", project.path("third")).expect("a link");
        project.expect(&format!("{command} --out third"), 0);
        assert!(project.read("real/new").starts_with(begin), "{command}");
        assert_eq!(mode(&project, "real/new"), 0o644);
    }
}

#[test]
fn a_folder_or_a_link_to_one_is_rejected() {
    let project = Project::empty();
    project.write("d/x", "");
    symlink("d", project.path("link")).expect("a link");
    symlink("loop", project.path("loop")).expect("a link");
    symlink("none/x", project.path("dangling")).expect("a link");
    for (command, _) in WRITERS {
        for (out, said) in [
            ("d", "it is a folder"),
            ("link", "it is a symbolic link to a folder"),
            ("loop", "points to itself"),
            ("dangling", "into the folder `none`, which does not exist"),
            ("d/x/y", "`d/x` is not a folder"),
        ] {
            let run = project.expect(&format!("{command} --out {out}"), 2);
            assert!(run.stderr.contains(said), "{command} {out}: {}", run.stderr);
            assert!(!run.stderr.contains(".s3ferry-"), "{}", run.stderr);
        }
    }
    assert_eq!(names(&project, ""), ["d", "dangling", "link", "loop"]);
    assert_eq!(names(&project, "d"), ["x"]);
}

#[test]
fn a_hyphen_is_standard_output() {
    for (command, begin) in WRITERS.into_iter().chain([
        ("man", ".ie "),
        ("synth --example --no-lint", "# stacks/dev.yaml\n"),
        #[cfg(feature = "deploy")]
        ("sample --force", "PK"),
    ]) {
        let project = Project::empty();
        for out in ["-", "/dev/stdout", "/dev/fd/1"] {
            let mut run = project.command();
            run.args(command.split(' ')).args(["--out", out]);
            let output = run.output().expect("runs");
            assert!(output.status.success(), "{command} {out}");
            assert!(
                output.stdout.starts_with(begin.as_bytes()),
                "{command} {out}"
            );
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!said.contains("Wrote"), "{command} {out}: {said}");
        }
        assert!(names(&project, "").is_empty(), "{command}");
    }
}

/// As with `>> log` in a shell, the file keeps its content.
#[test]
fn an_open_file_keeps_its_content() {
    let project = Project::empty();
    project.write("log", "before\n");
    let log = fs::OpenOptions::new()
        .append(true)
        .open(project.path("log"));
    let status = Command::new(env!("CARGO_BIN_EXE_s3ferry"))
        .args(["graph", "--example", "--out", "/dev/stdout"])
        .current_dir(project.path(""))
        .stdout(log.expect("opens"))
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("runs").success());
    assert!(project.read("log").starts_with("before\nflowchart"));
}

#[test]
fn templates_keep_links_and_modes() {
    let project = Project::with(SMALL);
    project.expect("synth --no-lint", 0);
    fs::rename(project.path("stacks/dev.yaml"), project.path("dev.yaml")).expect("moved");
    symlink("../dev.yaml", project.path("stacks/dev.yaml")).expect("a link");
    fs::set_permissions(
        project.path("stacks/prod.yaml"),
        fs::Permissions::from_mode(0o664),
    )
    .expect("set");
    project.write(
        "s3ferry.yaml",
        SMALL.replace("222222222222", "444444444444"),
    );
    project.expect("synth --no-lint", 0);
    assert!(
        fs::symlink_metadata(project.path("stacks/dev.yaml"))
            .expect("there")
            .is_symlink()
    );
    assert!(project.read("dev.yaml").contains("444444444444"));
    assert_eq!(mode(&project, "stacks/prod.yaml"), 0o664);
}

#[test]
fn a_file_that_the_command_reads_is_never_replaced() {
    let project = Project::with(SMALL);
    project.expect("synth", 0);
    project.write(
        "scp.json",
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#,
    );
    symlink("s3ferry.yaml", project.path("link")).expect("a link");
    for (command, file) in [
        ("report --out s3ferry.yaml", "s3ferry.yaml"),
        ("graph --out ./s3ferry.yaml", "s3ferry.yaml"),
        ("graph --out stacks/dev.yaml", "stacks/dev.yaml"),
        ("report --scp scp.json --out scp.json", "scp.json"),
        ("report --out link", "s3ferry.yaml"),
    ] {
        let before = project.read(file);
        let run = project.expect(command, 2);
        assert!(
            run.stderr.contains("the command reads this file"),
            "{command}: {}",
            run.stderr
        );
        assert_eq!(project.read(file), before, "{command}");
    }
    // Other files are replaced.
    project.write("old.html", "old");
    project.expect("report --out old.html", 0);
    assert_ne!(project.read("old.html"), "old");
}
