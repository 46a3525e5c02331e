//! The command-line program: passes the arguments to the library and returns its exit code.

fn main() -> std::process::ExitCode {
    s3ferry::cli::run()
}
