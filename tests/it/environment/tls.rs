//! TLS connections to a server whose certificate is signed by a private CA.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use super::{Desk, refused};
use crate::emulator::Emulator;
use crate::support::{Project, python};

/// A TLS server in front of the emulator.
struct Tls {
    process: Child,
    endpoint: String,
}

impl Tls {
    fn before(emulator: SocketAddr, project: &Project) -> Self {
        for (name, arguments) in [
            ("ca", "-x509 -subj /CN=inspection -days 9"),
            ("other", "-x509 -subj /CN=other -days 9"),
            ("server", "-subj /CN=127.0.0.1"),
        ] {
            let out = if name == "server" {
                "server.csr"
            } else {
                &format!("{name}.pem")
            };
            let common =
                format!("req -newkey rsa:2048 -nodes -keyout {name}.key -out {out} {arguments}");
            openssl(project, &common);
        }
        project.write("extensions", "subjectAltName=IP:127.0.0.1\n");
        openssl(
            project,
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem \
             -days 9 -extfile extensions",
        );
        let mut process = Command::new(python("python"))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/tls.py"))
            .args(["server.pem", "server.key", &emulator.port().to_string()])
            .current_dir(project.path(""))
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python runs");
        let mut port = String::new();
        let stdout = process.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut port).expect("a port");
        let endpoint = format!("https://127.0.0.1:{}", port.trim());
        Self { process, endpoint }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn openssl(project: &Project, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(project.path(""))
        .output()
        .expect("openssl runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}:\n{errors}");
}

#[test]
fn a_ca_bundle_replaces_the_authorities_of_the_machine() {
    let mut desk = Desk::new();
    let tls = Tls::before(Emulator::shared().address(), &desk.project);
    desk.project.set("AWS_ENDPOINT_URL", &tls.endpoint);
    let path = |name: &str, desk: &Desk| desk.project.path(name).display().to_string();
    let status = ["status", "--profile", "dev"];

    let run = desk.run(&status);
    refused(&run, 3, &["invalid peer certificate", "set AWS_CA_BUNDLE"]);

    // The variable sets the bundle.
    desk.project.set("AWS_CA_BUNDLE", &path("ca.pem", &desk));
    desk.project.expect("status", 0);
    assert_eq!(
        desk.aws_cli(&["--profile", "dev"]),
        Ok(desk.accounts.dev.clone())
    );
    // The bundle belongs to another authority. A certificate that does not belong to a CA is
    // ignored.
    desk.project.set("AWS_CA_BUNDLE", &path("other.pem", &desk));
    let run = desk.run(&status);
    refused(
        &run,
        3,
        &["invalid peer certificate", "other.pem` (AWS_CA_BUNDLE)"],
    );
    assert!(desk.aws_cli(&["--profile", "dev"]).is_err());
    let both = desk.project.read("other.pem") + &desk.project.read("ca.pem");
    desk.project
        .write("both.pem", format!("# a comment\n{both}"));
    desk.project.set("AWS_CA_BUNDLE", &path("both.pem", &desk));
    desk.project.expect("status", 0);

    // The profile sets the bundle. The variable takes precedence over it.
    let config = desk.project.read("aws/config");
    let bundle = |name: &str, desk: &Desk| {
        config.replace(
            "region",
            &format!("ca_bundle = {}\nregion", path(name, desk)),
        )
    };
    desk.project.write("aws/config", bundle("other.pem", &desk));
    desk.project.expect("status", 0);
    desk.project.set("AWS_CA_BUNDLE", "");
    let run = desk.run(&status);
    refused(
        &run,
        3,
        &[
            "invalid peer certificate",
            "`ca_bundle` in",
            "aws/config, line 2",
        ],
    );
    desk.project.write("aws/config", bundle("ca.pem", &desk));
    desk.project.expect("status", 0);
    // The AWS CLI rejects an empty variable.
    desk.project.unset("AWS_CA_BUNDLE");
    assert_eq!(
        desk.aws_cli(&["--profile", "dev"]),
        Ok(desk.accounts.dev.clone())
    );
}

#[test]
fn an_unusable_ca_bundle_is_named() {
    let mut desk = Desk::new();
    let begin = "-----BEGIN CERTIFICATE-----\n";
    let end = "-----END CERTIFICATE-----\n";
    for (text, problem) in [
        (None, "No such file"),
        (Some(String::new()), "contains no certificate in PEM format"),
        (
            Some("\0\x01\x02".to_owned()),
            "contains no certificate in PEM format",
        ),
        (Some(format!("{begin}AAAA\n")), "certificate 1 is truncated"),
        (
            Some(format!("{begin}!!\n{end}")),
            "certificate 1 is not valid PEM",
        ),
        (
            Some(format!("{begin}AAAA\n{end}")),
            "certificate 1 is invalid",
        ),
    ] {
        if let Some(text) = text {
            desk.project.write("ca.pem", text);
        }
        let path = desk.project.path("ca.pem").display().to_string();
        desk.project.set("AWS_CA_BUNDLE", &path);
        let run = desk.run(&["deploy", "--profile", "dev", "--yes"]);
        refused(
            &run,
            2,
            &["cannot use the CA bundle", &path, "AWS_CA_BUNDLE", problem],
        );
    }
    let folder = desk.project.path("").display().to_string();
    desk.project.set("AWS_CA_BUNDLE", &folder);
    let run = desk.run(&["status", "--profile", "dev"]);
    refused(&run, 2, &["cannot use the CA bundle", "directory"]);
    desk.project.set("AWS_CA_BUNDLE", "/dev/zero");
    let run = desk.run(&["status", "--profile", "dev"]);
    refused(&run, 2, &["larger than 10 MiB"]);
    assert!(desk.proxy.calls().is_empty());
}
