//! A separate project folder for each test, in which the real binary runs without the developer's
//! environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::emulator::profiles;

/// The smallest configuration.
pub(crate) const SMALL: &str = "\
dev:
  account: \"111111111111\"
targets:
  - name: prod
    account: \"222222222222\"
";

/// A folder that the binary runs in.
pub(crate) struct Project {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

/// The result of a run of the binary.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The parts of one printed problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) message: String,
    /// `file:line:column`
    pub(crate) place: String,
    pub(crate) underlined: String,
    pub(crate) help: String,
}

impl Project {
    /// Creates an empty folder.
    pub(crate) fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            environment: Vec::new(),
        }
    }

    /// Creates a folder with this `s3ferry.yaml`.
    pub(crate) fn with(config: &str) -> Self {
        let project = Self::empty();
        project.write("s3ferry.yaml", config);
        project
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("written");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Sets an environment variable for every run.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(found, _)| found != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Returns the environment of every run.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        self.environment.clone()
    }

    /// Removes an environment variable.
    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.retain(|(found, _)| found != name);
    }

    /// Returns the command of the binary in this folder, without arguments.
    pub(crate) fn command(&self) -> assert_cmd::Command {
        let mut command = command_in(self.folder.path());
        command.envs(self.environment());
        command
    }

    /// Starts the binary, and does not wait for it. Splits `arguments` at spaces.
    pub(crate) fn spawn(&self, arguments: &str) -> Child {
        process::Command::new(env!("CARGO_BIN_EXE_s3ferry"))
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .env_clear()
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs")
    }

    /// Runs the binary. Splits `arguments` at spaces.
    pub(crate) fn run(&self, arguments: &str) -> Run {
        let mut command = self.command();
        command.args(arguments.split_whitespace());
        finish(command)
    }

    /// Runs the binary, and asserts its exit code.
    pub(crate) fn expect(&self, arguments: &str, code: i32) -> Run {
        let run = self.run(arguments);
        assert_eq!(
            run.code, code,
            "s3ferry {arguments}\n{}\n{}",
            run.stdout, run.stderr
        );
        run
    }

    /// Runs `prove` with these arguments, and asserts that it fails and reports `part`.
    pub(crate) fn fails_proof(&self, arguments: &str, part: &str) {
        let run = self.expect(arguments, 1);
        let text = format!("{}{}", run.stdout, run.stderr);
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// Returns a template in which the first `from` is replaced. `from` must exist.
pub(crate) fn changed_once(template: &str, from: &str, to: &str) -> String {
    assert!(template.contains(from), "{from}");
    template.replacen(from, to, 1)
}

/// Returns the command of the binary in a folder, with a clean environment.
pub(crate) fn command_in(folder: &Path) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_s3ferry"));
    command
        .current_dir(folder)
        .env_clear()
        .timeout(std::time::Duration::from_secs(180));
    command
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: assert_cmd::Command) -> Run {
    let output = command.output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    let Some(code) = output.status.code() else {
        panic!("a signal or the time limit ended the run:\n{stdout}\n{stderr}");
    };
    let run = Run {
        code,
        stdout,
        stderr,
    };
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    for secret in [profiles::SECRET, profiles::TOKEN] {
        let seen = run.stdout.contains(secret) || run.stderr.contains(secret);
        assert!(!seen, "a secret of the credentials was printed");
    }
    run
}

impl Run {
    /// Returns the problems on standard error, in order.
    pub(crate) fn problems(&self) -> Vec<Shown> {
        shown(&self.stderr)
    }
}

/// Parses printed problems: message, position, underlined text, and help.
pub(crate) fn shown(text: &str) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    let mut line_above = "";
    for line in text.lines() {
        let titled = ["error", "warning", "note"].iter().find_map(|level| {
            let rest = line.strip_prefix(level)?;
            rest.starts_with([':', '[']).then_some(rest)
        });
        if let Some(message) = titled {
            found.push(Shown {
                message: message.trim_start_matches([':', ' ']).to_owned(),
                place: String::new(),
                underlined: String::new(),
                help: String::new(),
            });
        } else if let Some(last) = found.last_mut() {
            let trimmed = line.trim_start();
            if let Some(place) = trimmed.strip_prefix("--> ") {
                place.clone_into(&mut last.place);
            } else if let Some(help) = trimmed.strip_prefix("= help: ") {
                help.clone_into(&mut last.help);
            } else if trimmed.starts_with('|') && trimmed.contains('^') {
                let start = line.chars().take_while(|c| *c != '^').count();
                let length = line.chars().skip(start).take_while(|c| *c == '^').count();
                last.underlined = line_above.chars().skip(start).take(length).collect();
            }
        }
        line_above = line;
    }
    found
}

/// Returns a program in the Python virtual environment of the tests, which is created when it is
/// missing.
pub(crate) fn python(program: &str) -> PathBuf {
    static READY: OnceLock<()> = OnceLock::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    READY.get_or_init(|| {
        let made = process::Command::new("sh")
            .arg(root.join("tests/python/venv.sh"))
            .output()
            .expect("sh runs");
        assert!(
            made.status.success(),
            "cannot create the virtual environment:\n{}",
            String::from_utf8_lossy(&made.stderr)
        );
    });
    root.join(".venv/bin").join(program)
}

/// Returns whether this process ignores SIGHUP, as under `nohup`. The binary then ignores it, too.
#[cfg(unix)]
pub(crate) fn ignores_hangups() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // SIGHUP is the first signal.
    mask.unwrap_or(0) & 1 == 1
}

/// Runs `synth` with a configuration that it must reject, and returns the problem with this message.
/// Nothing is written, and the problem suggests a fix.
pub(crate) fn rejected(config: &str, message: &str) -> Shown {
    let project = Project::with(config);
    let run = project.expect("synth", 2);
    let mut problems = run.problems().into_iter();
    let found = problems.find(|problem| problem.message.contains(message));
    let found = found.unwrap_or_else(|| panic!("{message}\n{}", run.stderr));
    assert!(!found.help.is_empty(), "{message}");
    assert!(!project.exists("stacks"));
    found
}
