//! Untrusted text can contain terminal control sequences, bidirectional or invisible characters,
//! and CI commands. No output contains them in any format, even with colors enabled as on a
//! terminal.

use serde_json::Value;

use crate::emulator::{Accounts, Answer, Emulator, Fault, FaultProxy};
use crate::support::{Project, Run, SMALL, finish, python};

/// Sequences for styles, the title, and the clipboard; C1, bidirectional, invisible, and tag
/// characters; and lines that are commands for GitHub Actions and Azure Pipelines.
const HOSTILE: &str = "\u{1b}[31mZZ\u{1b}]0;title\u{7}\u{1b}]52;c;Wlo=\u{7}\u{9b}31m\u{202e}\u{2066}\
    \u{200b}\u{ad}\u{feff}\u{e0041}\u{2028}\u{7f}\r\n::error::injected ##[error]x ##vso[a]b";

/// Returns the same text, escaped for XML.
fn in_xml() -> String {
    let reference = |c: char| match c {
        ' '..='~' if !"&<>".contains(c) => c.to_string(),
        c => format!("&#x{:x};", u32::from(c)),
    };
    HOSTILE.chars().map(reference).collect()
}

/// Replaces the text of an element wherever it occurs in a response.
fn replaced(body: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let mut parts = body.split(&open);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.split_once(&close).map_or("", |(_, rest)| rest);
        out += &format!("{open}{}{close}{rest}", in_xml());
    }
    out
}

/// Runs a command with colors, as on a terminal. Without colors, the program strips all escape
/// sequences.
fn colored(project: &Project, arguments: &str) -> Run {
    project.run(&format!("--color always {arguments}"))
}

/// Asserts that no output contains a raw hidden character or a line that is a command.
#[track_caller]
fn assert_inert(run: &Run, context: &str) {
    for text in [&run.stdout, &run.stderr] {
        assert_inert_text(text, context);
    }
}

#[track_caller]
fn assert_inert_text(text: &str, context: &str) {
    assert!(!text.contains("\u{1b}[31mZZ"), "{context}: {text:?}");
    let plain = without_styles(text);
    let hidden = plain
        .chars()
        .find(|c| s3ferry::escape::is_hidden(*c) && !matches!(c, '\n' | '\t'));
    assert_eq!(hidden, None, "{context}: {plain:?}");
    for line in plain.lines() {
        assert!(!line.trim_start().starts_with("::"), "{context}: {line}");
        assert!(!line.contains("##["), "{context}: {line}");
        assert!(!line.contains("##vso["), "{context}: {line}");
    }
}

/// Returns the text without the styles that this program writes: `ESC [ … m`.
fn without_styles(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('m') {
            Some((style, rest)) if style.bytes().all(|b| b.is_ascii_digit() || b == b';') => {
                out.push_str(rest);
            }
            _ => {
                out.push('\u{1b}');
                out.push_str(part);
            }
        }
    }
    out
}

/// Asserts that a line break in a value is escaped.
#[track_caller]
fn assert_one_line(run: &Run, context: &str) {
    for line in run.stdout.lines().chain(run.stderr.lines()) {
        let forged = line.trim_start().starts_with("\\u{3a}:error");
        assert!(!forged, "{context}: {line}");
    }
}

fn site() -> (Accounts, Project, FaultProxy) {
    let accounts = Accounts::fresh();
    let proxy = FaultProxy::before(Emulator::shared().address());
    let project = accounts.project(&proxy.endpoint());
    (accounts, project, proxy)
}

#[test]
fn answers_from_aws_are_escaped() {
    let (accounts, project, proxy) = site();
    let longer: fn(String) -> String = |body| {
        body.replace(
            "</LogicalResourceId>",
            &format!("{}</LogicalResourceId>", in_xml()),
        )
    };
    proxy.always("DescribeStackEvents", Fault::Rewritten(longer));
    let deploy = colored(&project, "deploy --all --yes");
    assert_eq!(deploy.code, 0, "{}", deploy.stderr);
    assert!(deploy.stderr.contains("\\u{1b}[31mZZ"), "{}", deploy.stderr);
    assert_inert(&deploy, "deploy");
    assert_one_line(&deploy, "deploy");
    type Change = fn(String) -> String;
    let cases: [(&str, &[&str], Change, &[&str]); 6] = [
        (
            "output values",
            &["DescribeStacks"],
            |body| replaced(&body, "OutputValue"),
            &["status", "doctor"],
        ),
        (
            "states and reasons",
            &["DescribeStacks"],
            |body| replaced(&body, "StackStatus"),
            &["status", "doctor"],
        ),
        (
            "logical IDs",
            &["DescribeStackEvents"],
            |body| replaced(&body, "LogicalResourceId"),
            &["events --profile dev"],
        ),
        (
            "the caller",
            &["GetCallerIdentity"],
            |body| replaced(&body, "Arn"),
            &["doctor", "status"],
        ),
        (
            "physical IDs",
            &["ListStackResources", "DescribeStackResources"],
            |body| replaced(&body, "PhysicalResourceId"),
            &["destroy --all"],
        ),
        (
            "templates",
            &["GetTemplate"],
            |body| body.replace("  # ", &format!("  {}# ", in_xml())),
            &["diff --all", "status"],
        ),
    ];
    for (what, actions, change, commands) in cases {
        proxy.reset();
        for action in actions {
            proxy.always(action, Fault::Rewritten(change));
        }
        for command in commands {
            let context = format!("{what}: {command}");
            let run = colored(&project, command);
            assert_inert(&run, &context);
            // A template contains line breaks.
            if what != "templates" {
                assert_one_line(&run, &context);
            }
            if command.starts_with("destroy") {
                continue;
            }
            let run = colored(&project, &format!("{command} --format json"));
            assert_inert(&run, &context);
            if !run.stdout.is_empty() {
                let json: Result<Value, _> = serde_json::from_str(&run.stdout);
                assert!(json.is_ok(), "{context}: {}", run.stdout);
            }
        }
    }
    proxy.reset();
    let emulator = Emulator::shared();
    emulator.failed_execution(
        &accounts.dev,
        "crossaccountdeploy",
        ("Deploy", "Deploy"),
        HOSTILE,
    );
    for command in ["doctor", "doctor --format json", "status"] {
        let run = colored(&project, command);
        assert_inert(&run, command);
        assert_one_line(&run, command);
    }
    let doctor = colored(&project, "doctor");
    assert!(doctor.stdout.contains("\\u{1b}[31mZZ"), "{}", doctor.stdout);
    proxy.always(
        "DescribeStacks",
        Fault::Answered(Answer::error(400, "ValidationError", HOSTILE)),
    );
    for command in [
        "status",
        "status --profile dev",
        "deploy --all --yes",
        "diff --all",
        "events --profile dev",
        "destroy --all",
        "doctor",
    ] {
        let run = colored(&project, command);
        assert_inert(&run, command);
        assert_one_line(&run, command);
    }
}

/// Runs its arguments on a pseudo-terminal, and copies the output.
const ON_TERMINAL: &str = "import os, pty, sys\n\
    sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

#[test]
fn live_lines_on_a_terminal_are_escaped_too() {
    let (_, project, proxy) = site();
    proxy.always(
        "DescribeStackEvents",
        Fault::Rewritten(|body| {
            body.replace(
                "</LogicalResourceId>",
                &format!("{}</LogicalResourceId>", in_xml()),
            )
        }),
    );
    let mut command = assert_cmd::Command::new(python("python"));
    command
        .args(["-c", ON_TERMINAL, env!("CARGO_BIN_EXE_s3ferry")])
        .args(["deploy", "--profile", "dev", "--yes"])
        .current_dir(project.path(""))
        .env_clear()
        .envs(project.environment())
        .env("TERM", "xterm-256color")
        .timeout(std::time::Duration::from_secs(180));
    let run = finish(command);
    assert!(run.stdout.contains("\\u{1b}[31mZZ"), "{}", run.stdout);
    for raw in [
        "\u{1b}[31mZZ",
        "\u{1b}]",
        "\u{7}",
        "\u{9b}",
        "\u{202e}",
        "\u{200b}",
        "\u{2028}",
    ] {
        assert!(!run.stdout.contains(raw), "{raw:?}: {:?}", run.stdout);
    }
}

/// Returns a JSON template whose names contain the hostile text. JSON can escape each character.
fn hostile_template(template: &str) -> String {
    let quoted = serde_json::to_string(HOSTILE).expect("JSON");
    let text = quoted.trim_matches('"');
    template
        .replace("ReadsSource", &format!("ReadsSource{text}"))
        .replace(
            "crossaccountdeploy-dev",
            &format!("crossaccountdeploy{text}"),
        )
        .replace("\"ServiceRole\"", &format!("\"ServiceRole{text}\""))
        .replace("codepipeline-input-bucket", &format!("in{text}"))
}

#[test]
fn names_in_templates_and_files_are_escaped() {
    let project = Project::with(SMALL);
    project.expect("synth --no-lint --no-prove --format json --out json", 0);
    let hostile = hostile_template(&project.read("json/dev.json"));
    assert!(hostile.contains("\\u001b"), "{hostile}");
    project.write("json/dev.json", &hostile);
    project.write(
        "json/other.yaml",
        format!("Resources: {{A: {{Type: \"{HOSTILE}\"}}}}"),
    );
    let quoted = serde_json::to_string(HOSTILE).expect("JSON");
    project.write(
        "cases.json",
        format!(
            "{{\"id\": {quoted}, {quoted}: 1, \"request\": {{\"principal\": {quoted}, \"action\": \
             {quoted}, \"resource\": {quoted}}}}}"
        ),
    );
    project.write(
        "good.json",
        format!(
            "{{\"id\": {quoted}, \"request\": {{\"principal\": \
             \"arn:aws:iam::222222222222:role/a\", \"action\": \"s3:GetObject\", \"resource\": \
             \"arn:aws:s3:::a/b\", \"resourceAccount\": \"222222222222\"}}, \"identityPolicies\": \
             [{{\"Version\": \"2012-10-17\", \"Statement\": {{\"Sid\": {quoted}, \"Effect\": \
             \"Deny\", \"Action\": \"s3:*\", \"Resource\": \"*\"}}}}]}}"
        ),
    );
    for command in [
        "lint json/dev.json",
        "lint json/other.yaml",
        "lint json/dev.json --format json",
        "lint json/dev.json --format sarif",
        "lint json/dev.json --format junit",
        "prove --dir json -v",
        "prove --dir json --strict",
        "prove --dir json --format json",
        "prove --dir json --format sarif",
        "graph --dir json",
        "graph --dir json --format dot",
        "graph --dir json --format svg",
        "graph --dir json --format json",
        "authorize cases.json",
        "authorize good.json",
        "authorize good.json --format text",
        "synth --check --format json --out json",
    ] {
        let run = colored(&project, command);
        assert!(
            !run.stdout.is_empty() || !run.stderr.is_empty(),
            "{command}: nothing is printed"
        );
        assert_inert(&run, command);
        if !command.contains("--check") {
            assert_one_line(&run, command);
        }
        if command.ends_with("json") && command.contains("--format") && !run.stdout.is_empty() {
            let json: Result<Value, _> = serde_json::from_str(&run.stdout);
            assert!(
                json.is_ok() || command.contains("--check"),
                "{command}: {}",
                run.stdout
            );
        }
    }
    let run = colored(&project, "report --dir json --out page.html");
    assert_inert(&run, "report");
    if project.exists("page.html") {
        assert_inert_text(&project.read("page.html"), "report");
    }
}

#[test]
fn a_file_name_and_an_argument_are_one_line() {
    let project = Project::with(SMALL);
    let name = "x\n::error::injected\u{9b}.yaml";
    project.write(name, "Resources: {A: {Type: AWS::S3::Bucket}}\n");
    for arguments in [
        vec!["lint", name],
        vec!["lint", "missing\n::error::injected"],
        vec!["lint", name, "--format", "junit"],
        vec!["unknown\n::error::injected"],
        vec!["lint", "--unknown\n::error::injected"],
        vec!["synth", "--config", name],
        vec!["report", "--out", name],
        vec!["man", "--out", "man\n::error::injected"],
    ] {
        let mut command = project.command();
        command.args(["--color", "always"]).args(&arguments);
        let run = finish(command);
        assert_inert(&run, &format!("{arguments:?}"));
        assert_one_line(&run, &format!("{arguments:?}"));
        assert!(!run.stderr.contains("\n::error"), "{}", run.stderr);
    }
}

/// Profile names that a shell would split, expand, and execute.
const PROFILES: [&str; 2] = ["dev; touch ./PWNED", "prod team $(id)"];

#[test]
fn a_command_with_a_profile_can_be_copied_to_a_shell() {
    let config = format!(
        "{SMALL}    profile: \"{}\"\n    bucket: my-output-bucket\n",
        PROFILES[1]
    )
    .replace(
        "targets:",
        &format!(
            "  profile: \"{}\"\n  source: {{bucket: my-source-bucket}}\n  artifacts: {{bucket: \
                 my-artifact-bucket}}\ntargets:",
            PROFILES[0]
        ),
    );
    let project = Project::with(&config);
    project.expect("synth --no-lint --no-prove", 0);
    project.write("site/index.html", "<h1>Hello</h1>");
    let mut seen = 0;
    for command in [
        vec!["deploy", "--all", "--dry-run"],
        vec!["deploy", "--profile", PROFILES[1]],
        vec!["status"],
        vec!["doctor"],
        vec!["push", "site"],
        vec!["destroy", "--all"],
        vec!["diff", "--all"],
        vec!["diff", "--profile", PROFILES[1]],
        vec!["events", "--profile", PROFILES[0]],
        vec!["adopt", "--name", "site"],
        vec!["deployer-policy", "--profile", PROFILES[1]],
        vec!["deployer-policy", "--profile", PROFILES[1], "--push"],
    ] {
        let mut binary = project.command();
        binary.args(&command);
        let run = finish(binary);
        for text in [&run.stdout, &run.stderr] {
            for (at, option) in text.match_indices("--profile ") {
                let rest = &text[at + option.len()..];
                if PROFILES.iter().any(|profile| rest.starts_with(profile)) {
                    panic!("{command:?}: {text}");
                }
                seen += usize::from(rest.starts_with('\''));
            }
        }
    }
    assert!(seen >= 7, "only {seen} commands with a profile");
    assert!(!project.exists("PWNED"));
}
