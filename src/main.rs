//! The command-line program: arguments in, exit code out, nothing else.

fn main() -> std::process::ExitCode {
    s3ferry::cli::run()
}
