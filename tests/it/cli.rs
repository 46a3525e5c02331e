//! What all commands share, and the small ones: help, colours, pipes, schema, completions, man.

use std::io::Read as _;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use crate::support::{Project, SMALL, finish};

const COMMANDS: [&str; 6] = ["init", "synth", "lint", "schema", "completions", "man"];

#[test]
fn the_help_of_every_command_has_an_example() {
    let project = Project::empty();
    let whole = project.expect("--help", 0).stdout;
    assert!(whole.contains("Exit codes:"), "{whole}");
    for command in COMMANDS {
        assert!(whole.contains(&format!("\n  {command} ")), "{whole}");
        for arguments in [format!("{command} --help"), format!("help {command}")] {
            let run = project.expect(&arguments, 0);
            assert!(run.stdout.contains("Example"), "{}", run.stdout);
            assert!(
                run.stdout.contains(&format!("\n  s3ferry {command}")),
                "{}",
                run.stdout
            );
            assert!(run.stdout.contains("Global options:"), "{}", run.stdout);
            assert_eq!(run.stderr, "");
        }
    }
}

#[test]
fn the_version() {
    let run = Project::empty().expect("--version", 0);
    assert_eq!(
        run.stdout,
        format!("s3ferry {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let project = Project::empty();
    for (arguments, said) in [
        ("", "Usage: s3ferry"),
        ("synht", "synth"),
        ("synth --chekc", "--check"),
        ("synth --color sometimes", "always"),
        ("synth -q -v", "cannot be used with"),
        ("completions tcsh", "possible values"),
        ("completions", "SHELL"),
    ] {
        let run = project.expect(arguments, 2);
        assert!(run.stderr.contains(said), "{arguments}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{arguments}");
    }
}

const ESCAPE: char = '\u{1b}';

#[test]
fn colours_come_only_when_asked_for() {
    let project = Project::with("dev: 1\n");
    let error = |arguments: &str, variable: Option<&str>| {
        let mut command = project.command();
        command.args(arguments.split(' '));
        if let Some(name) = variable {
            command.env(name, "1");
        }
        finish(command).stderr
    };
    assert!(
        !error("synth", None).contains(ESCAPE),
        "no terminal, no colour"
    );
    assert!(error("synth --color always", None).contains(ESCAPE));
    assert!(!error("synth --color never", Some("CLICOLOR_FORCE")).contains(ESCAPE));
    assert!(error("synth", Some("CLICOLOR_FORCE")).contains(ESCAPE));
    assert!(!error("synth", Some("NO_COLOR")).contains(ESCAPE));
    let mut both = project.command();
    both.arg("synth")
        .env("NO_COLOR", "1")
        .env("CLICOLOR_FORCE", "1");
    assert!(
        finish(both).stderr.starts_with("error"),
        "NO_COLOR is respected"
    );
}

#[test]
fn quiet_leaves_results_and_errors() {
    let project = Project::empty();
    let run = project.expect("synth --no-lint -q", 0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    assert!(project.exists("stacks/dev.yaml"));
    let run = project.expect("synth --no-lint --stdout --quiet", 0);
    assert!(run.stdout.contains("AWSTemplateFormatVersion") && run.stderr.is_empty());
    project.write("s3ferry.yaml", SMALL);
    project.write("stacks/dev.yaml", "stale\n");
    let run = project.expect("synth --no-lint --check -q", 1);
    assert!(run.stdout.contains("-stale") && run.stderr.is_empty());
    project.write("s3ferry.yaml", "dev: 1\n");
    assert!(project.expect("synth -q", 2).stderr.starts_with("error: "));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let project = Project::with(SMALL);
    for arguments in [
        &["synth", "--no-lint", "--stdout"][..],
        &["schema"],
        &["man"],
        &["--help"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_s3ferry"))
            .args(arguments)
            .current_dir(project.path(""))
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        drop(child.stdout.take());
        let status = child.wait().expect("it ends");
        let mut said = String::new();
        let mut stderr = child.stderr.take().expect("piped");
        stderr.read_to_string(&mut said).expect("text");
        assert!(status.success(), "{arguments:?}: {status} {said}");
        assert_eq!(said, "", "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full");
    let output = Command::new(env!("CARGO_BIN_EXE_s3ferry"))
        .arg("schema")
        .env_clear()
        .stdout(full.expect("the device"))
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write to standard output"));
}

#[test]
fn the_environment_of_aws_changes_nothing() {
    let project = Project::with(SMALL);
    let plain = project.expect("synth --no-lint --stdout", 0).stdout;
    let mut command = project.command();
    command
        .args(["synth", "--no-lint", "--stdout"])
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_PROFILE", "other")
        .env("LANG", "tr_TR.UTF-8")
        .env("TZ", "Asia/Tokyo");
    assert_eq!(finish(command).stdout, plain);
}

fn validator() -> jsonschema::Validator {
    let run = Project::empty().expect("schema", 0);
    let schema: Json = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    jsonschema::draft202012::meta::validate(&schema).expect("a valid schema");
    jsonschema::validator_for(&schema).expect("a schema")
}

fn yaml(text: &str) -> Json {
    serde_yaml::from_str(text).expect("YAML")
}

#[test]
fn the_schema_takes_what_synth_takes() {
    let validator = validator();
    let project = Project::empty();
    project.expect(
        "init --dev-account 111111111111 --prod-account 222222222222",
        0,
    );
    for text in [
        SMALL,
        include_str!("../../s3ferry.yaml"),
        &project.read("s3ferry.yaml"),
        &format!("{SMALL}permissions: article\norganization: null\ntags: {{a: b}}\n"),
    ] {
        let config = yaml(text);
        let errors: Vec<String> = validator
            .iter_errors(&config)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:#?}\n{text}");
    }
}

#[test]
fn the_schema_refuses_what_synth_refuses() {
    let validator = validator();
    for (text, changed) in [
        ("an unknown key", SMALL.replace("account:", "acount:")),
        (
            "a number as account",
            SMALL.replace("\"111111111111\"", "111111111111"),
        ),
        (
            "no targets",
            "dev: {account: \"111111111111\"}\n".to_owned(),
        ),
        (
            "an empty list of targets",
            "dev: {account: \"1\"}\ntargets: []\n".to_owned(),
        ),
        (
            "a value of no enumeration",
            format!("{SMALL}permissions: most\n"),
        ),
        (
            "a number out of range",
            SMALL.replace("targets:", "  key: {deletion_window_days: 6}\ntargets:"),
        ),
    ] {
        assert!(!validator.is_valid(&yaml(&changed)), "{text}");
        Project::with(&changed).expect("synth --no-lint", 2);
    }
}

#[test]
fn the_schema_describes_every_key() {
    fn undescribed(path: &str, schema: &Json, found: &mut Vec<String>) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if property["description"].as_str().is_none_or(str::is_empty) {
                found.push(format!("{path}.{name}"));
            }
        }
    }
    let run = Project::empty().expect("schema", 0);
    let schema: Json = serde_json::from_str(&run.stdout).expect("JSON");
    let mut found = Vec::new();
    undescribed("", &schema, &mut found);
    for (name, definition) in schema["$defs"].as_object().expect("definitions") {
        undescribed(name, definition, &mut found);
    }
    assert_eq!(found, [] as [String; 0]);
    assert!(run.stdout.contains("\"examples\""));
    assert_eq!(schema["additionalProperties"], json!(false));
}

#[test]
fn the_manual_page_has_every_command_and_option() {
    let run = Project::empty().expect("man", 0);
    assert!(run.stdout.contains(".TH s3ferry"), "{:.300}", run.stdout);
    for command in COMMANDS {
        let titled = format!(".TH s3ferry-{command}");
        assert!(run.stdout.contains(&titled), "{titled}");
    }
    for option in [
        "no\\-lint",
        "dev\\-account",
        "no\\-default\\-rules",
        "config",
    ] {
        assert!(run.stdout.contains(option), "{option}");
    }
}

#[test]
fn a_manual_page_can_be_called_as_it_stands() {
    let project = Project::empty();
    let page = project.expect("man synth", 0).stdout;
    let synopsis = page.split(".SH SYNOPSIS").nth(1).expect("a synopsis");
    let synopsis = synopsis.split(".SH").next().expect("its text");
    assert!(synopsis.contains("\\fBs3ferry synth\\fR"), "{synopsis}");
    assert!(synopsis.contains("\\fB\\-\\-out\\fR\\ \\fI"), "{synopsis}");
    for code in ["0", "1", "2", "3", "130"] {
        assert!(page.contains(&format!(".TP\n{code}\n")), "{code}");
    }
    // Each example on a line of its own.
    let examples = page.split(".SH EXAMPLES\n").nth(1).expect("examples");
    assert!(examples.starts_with(".nf\n  s3ferry synth"), "{examples}");
    assert!(!page.contains(".SH EXTRA"));
    let first = project.expect("man", 0).stdout;
    assert_eq!(
        first.matches("EXIT STATUS").count(),
        first.matches(".TH ").count()
    );
    assert!(!first.contains("Exit codes:\n"));
}

#[test]
fn one_manual_page_or_all_of_them_as_files() {
    let project = Project::empty();
    let one = project.expect("man synth", 0).stdout;
    assert!(one.contains(".TH s3ferry-synth"), "{one:.300}");
    assert!(!one.contains(".TH s3ferry-lint"));
    let wrong = project.expect("man synht", 2);
    assert!(
        wrong.stderr.contains("did you mean `synth`?"),
        "{}",
        wrong.stderr
    );
    project.expect("man --out share/man1", 0);
    assert_eq!(project.read("share/man1/s3ferry-synth.1"), one);
    assert!(project.read("share/man1/s3ferry.1").contains(".TH s3ferry"));
}
