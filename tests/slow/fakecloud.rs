//! A running fakecloud, which supports accounts with separate access keys, stack sets, and an
//! organization.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::emulator::{http, ministack};

/// The emulator, which stops when this value is dropped.
#[derive(Debug)]
pub(crate) struct Fakecloud {
    process: Child,
    address: SocketAddr,
}

/// The access keys of an account's administrator.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) access_key_id: String,
    pub(crate) secret: String,
}

impl Fakecloud {
    /// Starts the emulator.
    pub(crate) fn start() -> Self {
        let binary = std::env::var_os("S3FERRY_FAKECLOUD")
            .expect("S3FERRY_FAKECLOUD is the path of the binary: run `make test-all`");
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let log_path =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("fakecloud-{port}.log"));
        let log = File::create(&log_path).expect("a log file");
        let mut process = Command::new(&binary)
            .args(["--addr", &address.to_string(), "--log-level", "warn"])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until && process.try_wait().is_ok_and(|ended| ended.is_none()) {
            if TcpStream::connect(address).is_ok() {
                return Self { process, address };
            }
            thread::sleep(Duration::from_millis(50));
        }
        let _ = process.kill();
        let log = std::fs::read_to_string(log_path).unwrap_or_default();
        panic!("fakecloud did not start:\n{log}");
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Creates an administrator in an account.
    pub(crate) fn administrator(&self, account: &str) -> Keys {
        let asked = json!({"accountId": account, "userName": "admin"});
        let answer = http::post(self.address, "/_fakecloud/iam/create-admin", &asked);
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let field = |name: &str| answer[name].as_str().expect("a string").to_owned();
        Keys {
            access_key_id: field("accessKeyId"),
            secret: field("secretAccessKey"),
        }
    }

    /// Runs the AWS CLI. `arguments` are split at spaces.
    pub(crate) fn aws(&self, keys: &Keys, arguments: &str) -> Value {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let keys = (keys.access_key_id.as_str(), keys.secret.as_str());
        ministack::aws(&self.endpoint(), keys, &arguments)
            .unwrap_or_else(|error| panic!("aws {arguments:?}: {error}"))
    }

    /// Runs the AWS CLI and ignores errors.
    pub(crate) fn try_aws(&self, keys: &Keys, arguments: &str) {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let keys = (keys.access_key_id.as_str(), keys.secret.as_str());
        let _ = ministack::aws(&self.endpoint(), keys, &arguments);
    }
}

impl Drop for Fakecloud {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
