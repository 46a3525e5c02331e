//! Whether a deploy starts depends on the result of the proof and on `--strict`.

use super::Site;

/// Runs a dry run, asserts the exit codes without and with `--strict`, and asserts that AWS is
/// called only on success.
fn codes(site: &Site, lenient: i32, strict: i32) {
    for (arguments, code) in [("", lenient), (" --strict", strict)] {
        site.proxy.reset();
        let run = site.deploy(&format!("--profile dev --dry-run{arguments}"), code);
        let refused = run.stderr.contains("nothing was deployed: ");
        assert_eq!(refused, code == 1, "{}", run.stderr);
        assert_eq!(site.proxy.calls().is_empty(), code != 0);
    }
}

#[test]
fn a_proven_configuration_is_deployed() {
    codes(&Site::new(), 0, 0);
}

#[test]
fn excess_is_rejected_with_strict() {
    let site = Site::with(|config| format!("{config}permissions: article\n"));
    codes(&site, 0, 1);
}

#[test]
fn unproven_calls_are_rejected_with_strict() {
    let site = Site::with(|config| format!("{config}    create: false\n"));
    codes(&site, 0, 1);
}

#[test]
fn an_allowed_attack_is_rejected() {
    let site = Site::new();
    let bucket = format!("artifacts-{}", site.accounts.dev);
    let everybody = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": "*",
            "Action": "s3:GetObject", "Resource": "arn:aws:s3:::{bucket}/*"}}]}}"#
    );
    site.project.write("current.json", everybody);
    site.reconfigure(
        "  artifacts:\n",
        "  artifacts:\n    create: false\n    existing_policy: current.json\n",
    );
    codes(&site, 1, 1);
    site.project.write("current.json", "{");
    codes(&site, 2, 2);
}
