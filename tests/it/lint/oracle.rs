//! Random templates in random spellings, checked by an oracle that shares no code with the lint:
//! `tests/python/lint_oracle.py`.

use std::path::Path;
use std::process::Command;

use crate::support::python;

#[test]
fn random_templates_give_what_the_oracle_expects() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let oracle = Command::new(python("python"))
        .arg("-B")
        .arg(root.join("tests/python/lint_oracle.py"))
        .args(["--binary", env!("CARGO_BIN_EXE_s3ferry"), "500", "0"])
        .output()
        .expect("Python runs");
    let said = String::from_utf8_lossy(&oracle.stdout);
    let problem = String::from_utf8_lossy(&oracle.stderr);
    assert!(oracle.status.success(), "{said}\n{problem}");
}
