//! The AWS configuration files: profile names, and errors with their positions.

use super::{Desk, refused};
use crate::emulator::profiles::SECRET;

#[test]
fn profile_names_are_parsed_as_in_the_aws_cli() {
    for (header, name) in [
        ("profile \"my dev\"", "my dev"),
        ("profile 'my dev'", "my dev"),
        ("profile my\\ dev", "my dev"),
        ("profile dév", "dév"),
        ("profile \"größe 1\"", "größe 1"),
        ("profile \"dev\"", "dev"),
        ("profile it\\'s", "it's"),
        ("profile \"a#b;c\"", "a#b;c"),
        ("profile x=y", "x=y"),
    ] {
        let desk = Desk::new();
        let dev = &desk.accounts.dev;
        // The keys are in the config file first, and in the credentials file after that.
        let keys = format!("aws_access_key_id = {dev}\naws_secret_access_key = {SECRET}\n");
        for (config, credentials) in [
            (format!("[{header}]\n{keys}"), String::new()),
            (
                format!("[{header}]\nregion = us-east-1\n"),
                format!("[{name}]\n{keys}"),
            ),
        ] {
            desk.project.write("aws/config", config);
            desk.project.write("aws/credentials", credentials);
            let arguments = ["--profile", name];
            assert_eq!(desk.aws_cli(&arguments), Ok(dev.clone()), "{header}");
            let ours = desk.caller(&[&["adopt", "--name", "none"][..], &arguments].concat());
            assert_eq!(ours.as_ref(), Some(dev), "{header}");
        }
    }
}

#[test]
fn a_profile_of_the_configuration_can_contain_a_space() {
    let desk = Desk::new();
    let config = desk.project.read("s3ferry.yaml");
    let config = config.replace("dev:\n", "dev:\n  profile: my dev\n");
    desk.project.write("s3ferry.yaml", config);
    for file in ["aws/config", "aws/credentials"] {
        let text = desk.project.read(file);
        let text = text
            .replace("[profile dev]", "[profile \"my dev\"]")
            .replace("[dev]", "[my dev]");
        desk.project.write(file, text);
    }
    let run = desk.run(&["deploy", "--profile", "my dev", "--yes"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn a_profile_that_does_not_exist_names_the_files() {
    let mut desk = Desk::new();
    let run = desk.run(&["adopt", "--name", "none", "--profile", "my dev"]);
    refused(
        &run,
        3,
        &[
            "profile `my dev` does not exist",
            "aws/config",
            "aws/credentials",
            "--profile 'my dev'",
        ],
    );
    desk.project
        .write("aws/config", "[profile my dev]\nregion = us-east-1\n");
    let run = desk.run(&["adopt", "--name", "none", "--profile", "my dev"]);
    refused(
        &run,
        3,
        &["write [profile \"my dev\"]", "aws/config, line 1"],
    );
    desk.project.set("AWS_CONFIG_FILE", "/nowhere/config");
    let run = desk.run(&["adopt", "--name", "none", "--profile", "my dev"]);
    refused(&run, 3, &["/nowhere/config (No such file"]);
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_its_line() {
    let desk = Desk::new();
    for (file, text, line, problem) in [
        (
            "aws/config",
            &b"[profile dev]\n[profile prod\n"[..],
            2,
            "no `]`",
        ),
        ("aws/config", b"region = x\n", 1, "no section header"),
        (
            "aws/credentials",
            b"[dev]\n\naws_access_key_id\n",
            3,
            "name = value",
        ),
        (
            "aws/credentials",
            b"[dev]\nkey = \xff\n",
            2,
            "invalid UTF-8",
        ),
    ] {
        let before = desk.project.read(file);
        desk.project.write(file, text);
        let run = desk.run(&["deploy", "--profile", "dev", "--dry-run"]);
        let variable = match file {
            "aws/config" => "AWS_CONFIG_FILE",
            _ => "AWS_SHARED_CREDENTIALS_FILE",
        };
        refused(
            &run,
            2,
            &[&format!("{file}, line {line}: "), problem, variable],
        );
        assert!(desk.aws_cli(&["--profile", "dev"]).is_err());
        desk.project.write(file, before);
    }
    assert!(
        desk.proxy
            .calls()
            .iter()
            .all(|(call, _)| call.access_key_id.is_empty())
    );
}
