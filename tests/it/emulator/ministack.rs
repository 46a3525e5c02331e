//! The emulator that stacks are deployed to: `tests/emulator`, which makes ministack as strict as
//! AWS. One process serves all tests. Accounts are isolated, and each test uses new accounts.

use std::fs::File;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::{self, Message};
use crate::support::python;

/// A running emulator. It ends when this value is dropped, or at the latest with the test process.
#[derive(Debug)]
pub(crate) struct Emulator {
    process: Child,
    address: SocketAddr,
}

/// A failure that a test injects into the emulator.
#[derive(Debug, Clone)]
pub(crate) struct Failure<'a> {
    /// The resource type.
    pub(crate) resource_type: &'a str,
    /// A part of the resource's logical ID (on creation) or physical ID.
    pub(crate) name: &'a str,
    /// `create`, `update`, or `delete`.
    pub(crate) operation: &'a str,
    /// The reason in the event of the stack.
    pub(crate) reason: &'a str,
    /// How many such operations succeed before the failure.
    pub(crate) after: u32,
}

impl Emulator {
    /// Returns the emulator that all tests share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Emulator> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts a separate emulator, for a test that stops it.
    pub(crate) fn start() -> Self {
        let interpreter = python("python");
        let mut log = String::new();
        // Another process can take the free port before the emulator does.
        for _ in 0..3 {
            match Self::start_once(&interpreter) {
                Ok(emulator) => return emulator,
                Err(its_log) => log = its_log,
            }
        }
        panic!("the emulator does not start:\n{log}");
    }

    fn start_once(interpreter: &Path) -> Result<Self, String> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let log_path = folder.join(format!("emulator-{port}.log"));
        let log = File::create(&log_path).expect("a log file");
        let mut process = Command::new(interpreter)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulator"))
            .arg(port.to_string())
            .env_clear()
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("TMPDIR", &folder)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log)
            .spawn()
            .expect("Python runs");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until && process.try_wait().is_ok_and(|ended| ended.is_none()) {
            if is_healthy(address) {
                return Ok(Self { process, address });
            }
            thread::sleep(Duration::from_millis(50));
        }
        let _ = process.kill();
        let _ = process.wait();
        let mut text = String::new();
        let _ = File::open(log_path).and_then(|mut log| log.read_to_string(&mut text));
        Err(text)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes each creation, update, or deletion of a resource in an account take this time.
    pub(crate) fn slow(&self, account: &str, each: Duration) {
        let asked = json!({"account": account, "seconds": each.as_secs_f64()});
        http::post(self.address, "/_test/pace", &asked);
    }

    /// Makes one resource of an account fail once.
    pub(crate) fn fail(&self, account: &str, failure: &Failure<'_>) {
        let asked = json!({
            "account": account,
            "type": failure.resource_type,
            "name": failure.name,
            "operation": failure.operation,
            "reason": failure.reason,
            "after": failure.after,
        });
        http::post(self.address, "/_test/failures", &asked);
    }

    /// Hides a new role from CodePipeline for the next `times` saves of pipelines in the account.
    pub(crate) fn hide_role(&self, account: &str, role: &str, times: u32) {
        let asked = json!({"account": account, "role": role, "times": times});
        http::post(self.address, "/_test/propagation", &asked);
    }

    /// Adds an execution with this status to the pipeline.
    pub(crate) fn execution(&self, account: &str, pipeline: &str, status: &str) {
        let asked = json!({
            "account": account,
            "region": "us-east-1",
            "pipeline": pipeline,
            "status": status,
        });
        http::post(self.address, "/_test/executions", &asked);
    }

    /// Adds a failed execution to the pipeline, with the stage and the action of the failure, and a
    /// message.
    pub(crate) fn failed_execution(
        &self,
        account: &str,
        pipeline: &str,
        (stage, action): (&str, &str),
        message: &str,
    ) {
        let asked = json!({
            "account": account,
            "region": "us-east-1",
            "pipeline": pipeline,
            "status": "Failed",
            "stage": stage,
            "action": action,
            "message": message,
        });
        http::post(self.address, "/_test/executions", &asked);
    }

    /// Adds a failure of the source action to the pipeline, without an execution.
    pub(crate) fn failed_source(&self, account: &str, pipeline: &str, code: &str, message: &str) {
        let asked = json!({
            "account": account,
            "region": "us-east-1",
            "pipeline": pipeline,
            "stage": "Source",
            "action": "Source",
            "code": code,
            "message": message,
        });
        http::post(self.address, "/_test/executions", &asked);
    }

    /// Adds a failed execution to the pipeline, with the stage and the action of the failure, and
    /// an AWS error from `tests/emulator/failures.json`.
    pub(crate) fn known_failure(
        &self,
        account: &str,
        pipeline: &str,
        (stage, action): (&str, &str),
        failure: &str,
    ) {
        let asked = json!({
            "account": account,
            "region": "us-east-1",
            "pipeline": pipeline,
            "status": "Failed",
            "stage": stage,
            "action": action,
            "failure": failure,
        });
        http::post(self.address, "/_test/executions", &asked);
    }

    /// Shares a key with AWS RAM, which gives it a second policy.
    pub(crate) fn share_key(&self, account: &str, key: &str, policy: &Value) {
        let asked = json!({
            "account": account,
            "region": "us-east-1",
            "key": key,
            "policy": policy,
        });
        http::post(self.address, "/_test/shares", &asked);
    }

    /// Calls a Query operation without an SDK, which is fast, and returns the XML of the response.
    pub(crate) fn query(&self, account: &str, service: &str, fields: &[(&str, &str)]) -> String {
        self.try_query(account, service, fields)
            .unwrap_or_else(|refusal| panic!("{fields:?}: {refusal}"))
    }

    /// Calls a Query operation without an SDK. Returns the XML of the response or of the error.
    pub(crate) fn try_query(
        &self,
        account: &str,
        service: &str,
        fields: &[(&str, &str)],
    ) -> Result<String, String> {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=00"
        );
        let form: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", http::encoded(value)))
            .collect();
        let request = Message {
            start: "POST / HTTP/1.1".to_owned(),
            headers: vec![
                ("host".to_owned(), self.address.to_string()),
                ("authorization".to_owned(), scope),
                (
                    "content-type".to_owned(),
                    "application/x-www-form-urlencoded".to_owned(),
                ),
            ],
            body: form.join("&").into_bytes(),
        };
        let response = request.send(self.address).expect("an answer");
        if response.status() == 200 {
            Ok(response.text())
        } else {
            Err(response.text())
        }
    }

    /// Runs the AWS CLI in an account of the emulator. Splits `arguments` at spaces.
    pub(crate) fn aws(&self, account: &str, arguments: &str) -> Value {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        self.aws_with(account, &arguments)
            .unwrap_or_else(|error| panic!("aws {arguments:?}: {error}"))
    }

    /// Runs the AWS CLI with these arguments. If it fails, returns what it printed.
    pub(crate) fn aws_with(&self, account: &str, arguments: &[&str]) -> Result<Value, String> {
        aws(&self.endpoint(), (account, "any"), arguments)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs the AWS CLI with an access key and an endpoint.
pub(crate) fn aws(
    endpoint: &str,
    (access_key_id, secret): (&str, &str),
    arguments: &[&str],
) -> Result<Value, String> {
    let output = Command::new(python("aws"))
        .args(arguments)
        .args(["--output", "json"])
        .env_clear()
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", secret)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .output()
        .expect("the AWS CLI runs");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    Ok(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

fn is_healthy(address: SocketAddr) -> bool {
    let request = Message {
        start: "GET /_ministack/health HTTP/1.1".to_owned(),
        headers: vec![("host".to_owned(), address.to_string())],
        body: Vec::new(),
    };
    request
        .send(address)
        .is_ok_and(|response| response.status() == 200)
}
