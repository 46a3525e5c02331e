//! No credentials are printed or written. Every run of every test checks the output for the secret
//! key and the session token. This test enables as much output as possible.

use std::fs;
use std::path::{Path, PathBuf};

use super::Site;
use crate::emulator::profiles::{SECRET, TOKEN};
use crate::emulator::{Answer, Fault};

/// Returns all files in a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn no_secret_is_shown_even_with_all_output_enabled() {
    let mut site = Site::new();
    site.project.set("RUST_LOG", "trace");
    site.project.set("RUST_BACKTRACE", "full");
    site.project.set("AWS_SDK_LOG", "trace");
    site.deploy("--verbose --all --yes", 0);
    site.deploy("--verbose --all --yes --format json", 0);
    for (code, status) in [
        ("SignatureDoesNotMatch", 403),
        ("InternalFailure", 500),
        ("AccessDenied", 403),
    ] {
        site.proxy.reset();
        // Error texts of AWS sometimes quote the request.
        let said = "The canonical string for this request should have been …";
        let answer = Fault::Answered(Answer::error(status, code, said));
        site.proxy.always("ValidateTemplate", answer);
        site.deploy("--verbose --all --yes", 3);
    }
    let written = files(&site.project.path(""));
    let ours = |path: &&PathBuf| !path.ends_with("aws/credentials");
    for path in written.iter().filter(ours) {
        let text = String::from_utf8_lossy(&fs::read(path).expect("read")).into_owned();
        assert!(
            !text.contains(SECRET) && !text.contains(TOKEN),
            "{}",
            path.display()
        );
    }
    assert!(
        written
            .iter()
            .any(|path| path.ends_with(".s3ferry/outputs.json"))
    );
}
