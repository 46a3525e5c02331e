//! The command-line program: arguments in, exit code out, nothing else.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
