//! The screen of a real terminal: the binary runs on a pseudo-terminal, and a terminal emulator
//! interprets its output.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::emulator::{Accounts, Emulator};
use crate::support::Project;

/// The time limit of a run. Only a failure takes that long.
const PATIENCE: Duration = Duration::from_secs(180);
/// The number of lines that are kept above the screen.
const HISTORY: usize = 1000;

/// A program on a terminal: its screen, and its complete output.
struct Terminal {
    parser: vt100::Parser,
    raw: Vec<u8>,
    code: Option<i32>,
}

impl Terminal {
    /// Runs the binary on a terminal of this size. Each of the `answers` is a text and an answer,
    /// which is typed when the text appears on the screen.
    fn run(
        project: &Project,
        arguments: &str,
        (columns, rows): (u16, u16),
        term: &str,
        answers: &[(&str, &str)],
    ) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&controller).expect("granted");
        unlockpt(&controller).expect("unlocked");
        let name = ptsname(&controller, Vec::new()).expect("a name");
        let name = name.to_str().expect("UTF-8");
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&controller, size).expect("a size");
        let open = || {
            let side = OpenOptions::new().read(true).write(true).open(name);
            Stdio::from(side.expect("its other side"))
        };
        let mut child = Command::new(env!("CARGO_BIN_EXE_s3ferry"))
            .args(arguments.split_whitespace())
            .current_dir(project.path(""))
            .env_clear()
            .envs(project.environment())
            .env("TERM", term)
            .stdin(open())
            .stdout(open())
            .stderr(open())
            .spawn()
            .expect("the binary runs");
        let mut controller = File::from(controller);
        let mut reader = controller.try_clone().expect("a second handle");
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Linux reports the end of a terminal as an error.
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let mut terminal = Self {
            parser: vt100::Parser::new(rows, columns, HISTORY),
            raw: Vec::new(),
            code: None,
        };
        let mut answers = answers.iter();
        let mut next = answers.next();
        let until = Instant::now() + PATIENCE;
        loop {
            match receiver.recv_timeout(Duration::from_millis(50)) {
                Ok(bytes) => {
                    terminal.parser.process(&bytes);
                    terminal.raw.extend(bytes);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if let Some((question, answer)) = next {
                let (row, _) = terminal.parser.screen().cursor_position();
                let lines: Vec<String> = terminal.parser.screen().rows(0, columns).collect();
                if lines[usize::from(row)].contains(question) {
                    controller.write_all(answer.as_bytes()).expect("typed");
                    next = answers.next();
                }
            }
            assert!(Instant::now() < until, "{}", terminal.text());
        }
        terminal.code = child.wait().expect("ended").code();
        assert!(
            next.is_none(),
            "the question {next:?} did not appear:\n{}",
            terminal.text()
        );
        terminal
    }

    /// Returns all lines, including those above the screen.
    fn lines(&mut self) -> Vec<String> {
        let (rows, columns) = self.parser.screen().size();
        self.parser.screen_mut().set_scrollback(HISTORY);
        let above = self.parser.screen().scrollback();
        let mut found = Vec::new();
        for at in (1..=above).rev() {
            self.parser.screen_mut().set_scrollback(at);
            found.extend(self.parser.screen().rows(0, columns).next());
        }
        self.parser.screen_mut().set_scrollback(0);
        found.extend(
            self.parser
                .screen()
                .rows(0, columns)
                .take(usize::from(rows)),
        );
        found
            .iter()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    fn text(&mut self) -> String {
        self.lines().join("\n")
    }
}

/// Returns a project with two accounts, in which each resource takes a moment.
fn site() -> Project {
    let accounts = Accounts::fresh();
    let project = accounts.project(&Emulator::shared().endpoint());
    for account in [&accounts.dev, &accounts.prod] {
        Emulator::shared().slow(account, Duration::from_millis(60));
    }
    project
}

/// The texts that a first deployment of everything leaves on the screen, with their counts.
const WANTED: [(&str, usize); 12] = [
    ("dev: stack crossaccountdeploy-dev in account", 2),
    ("prod: stack crossaccountdeploy-prod in account", 1),
    ("Stack crossaccountdeploy-dev was created.", 1),
    ("Stack crossaccountdeploy-prod was created.", 1),
    ("Stack crossaccountdeploy-dev was updated.", 1),
    ("  DeployKeyId  ", 2),
    ("  OutputBucketName  ", 1),
    ("✓ CREATE_COMPLETE    KMS::Key               DeployKey ", 1),
    ("✓ CREATE_COMPLETE    IAM::Role              DeployRole ", 1),
    (
        "✓ CREATE_COMPLETE    S3::Bucket             OutputBucket ",
        1,
    ),
    // The second step of dev.
    ("CodePipeline::Pipeline Pipeline ", 1),
    ("Next: run `s3ferry push", 1),
];

fn check(terminal: &mut Terminal, columns: u16) {
    let lines = terminal.lines();
    let text = lines.join("\n");
    assert_eq!(terminal.code, Some(0), "{text}");
    for (wanted, times) in WANTED {
        assert_eq!(text.matches(wanted).count(), times, "{wanted}\n{text}");
    }
    // No animation remains on the screen, and no event is wider than the terminal.
    for moving in ["⠋", "⠙", "Waiting for", "_IN_PROGRESS"] {
        assert!(!text.contains(moving), "{moving}\n{text}");
    }
    for line in lines.iter().filter(|line| line.contains("✓")) {
        assert!(line.ends_with('s'), "{line}");
        assert!(line.chars().count() <= usize::from(columns), "{line}");
    }
    // The lines are in the order of the steps.
    let at = |text: &str| lines.iter().position(|line| line.contains(text));
    let order = [
        "dev: stack",
        " DeployKey ",
        "dev was created.",
        "prod: stack",
        " DeployRole ",
        "prod was created.",
        "dev was updated.",
        "Next: ",
    ];
    let places: Vec<Option<usize>> = order.iter().map(|text| at(text)).collect();
    assert!(
        places.is_sorted() && places[0].is_some(),
        "{places:?}\n{text}"
    );
}

#[test]
fn the_lines_of_two_stacks_remain_once_and_in_order() {
    thread::scope(|scope| {
        for size in [(80, 24), (120, 40), (120, 10)] {
            scope.spawn(move || {
                let project = site();
                let run = "deploy --all --yes";
                let mut terminal = Terminal::run(&project, run, size, "xterm-256color", &[]);
                let raw = String::from_utf8_lossy(&terminal.raw).into_owned();
                assert!(
                    raw.contains("Waiting for the stack"),
                    "no animation was shown"
                );
                check(&mut terminal, size.0);
            });
        }
    });
}

#[test]
fn the_lines_above_a_question_remain() {
    thread::scope(|scope| {
        for size in [(80, 24), (120, 40)] {
            scope.spawn(move || {
                let project = site();
                let dev = ("changes to stack crossaccountdeploy-dev? [y/N]", "y\n");
                let prod = ("changes to stack crossaccountdeploy-prod? [y/N]", "y\n");
                let answers = [dev, prod, dev];
                let run = "deploy --all";
                let mut terminal = Terminal::run(&project, run, size, "xterm", &answers);
                check(&mut terminal, size.0);
                let text = terminal.text();
                assert_eq!(text.matches("? [y/N] y").count(), 3, "{text}");
            });
        }
    });
}

#[test]
fn init_asks_again_after_an_invalid_answer() {
    let project = Project::empty();
    // The cursor is on the line of the prompt, which appears again.
    let dev = "Dev account ID (12 digits): ";
    let prod = "Prod account ID (12 digits): ";
    let region = "Region [us-east-1]: ";
    let answers = [
        (dev, "12345\n"),
        (dev, "1111-1111-1111\n"),
        (prod, "\n"),
        (prod, "2222 2222 2222\n"),
        (region, "us-wset-2\n"),
        (region, "us-west-2\n"),
    ];
    let mut terminal = Terminal::run(&project, "init", (80, 24), "xterm", &answers);
    let text = terminal.text();
    assert_eq!(terminal.code, Some(0), "{text}");
    assert_eq!(
        text.matches("Dev account ID (12 digits): ").count(),
        2,
        "{text}"
    );
    for part in [
        "it has 5 digits, not 12",
        "the account ID is empty",
        "has no region `us-wset-2`",
        "Next: ",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let config = project.read("s3ferry.yaml");
    for part in ["\"111111111111\"", "\"222222222222\"", "region: us-west-2"] {
        assert!(config.contains(part), "{config}");
    }
}

#[test]
fn a_terminal_that_cannot_move_its_cursor_gets_plain_lines() {
    for term in ["dumb", ""] {
        let project = site();
        let run = "deploy --profile dev --yes";
        let mut terminal = Terminal::run(&project, run, (80, 24), term, &[]);
        assert_eq!(terminal.code, Some(0));
        assert!(!terminal.raw.contains(&0x1b), "an escape sequence");
        let text = terminal.text();
        assert!(
            text.contains("  CREATE_COMPLETE    KMS::Key               DeployKey\n"),
            "{text}"
        );
        assert!(text.contains("was created."), "{text}");
    }
}

#[test]
fn the_time_limit_removes_the_animation() {
    let accounts = Accounts::fresh();
    let project = accounts.project(&Emulator::shared().endpoint());
    Emulator::shared().slow(&accounts.dev, Duration::from_secs(60));
    // The terminal has no foreground process, so Ctrl-C has no effect. The time limit ends the
    // wait.
    let run = "deploy --profile dev --yes --wait-timeout 2s";
    let mut terminal = Terminal::run(&project, run, (80, 24), "xterm", &[]);
    let text = terminal.text();
    assert_eq!(terminal.code, Some(1), "{text}");
    assert!(text.contains("is not complete after 2s"), "{text}");
    assert!(
        !text.contains("Waiting for") && !text.contains("⠋"),
        "{text}"
    );
    Emulator::shared().slow(&accounts.dev, Duration::ZERO);
}
