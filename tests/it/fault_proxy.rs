//! Tests the fault proxy and the scripted server: how they treat calls, and how they record them.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::emulator::http::Message;
use crate::emulator::{Answer, Call, Fault, FaultProxy, Outcome, Script};

/// Simulates an emulator that supports one Query operation.
fn upstream() -> Script {
    Script::start([(
        "DescribeStacks",
        vec![
            Answer::query("<Stacks/>"),
            Answer::query("<Stacks>2</Stacks>"),
        ],
    )])
}

fn address(endpoint: &str) -> SocketAddr {
    endpoint
        .strip_prefix("http://")
        .and_then(|address| address.parse().ok())
        .expect("an address")
}

fn request(start: &str, service: &str, headers: &[(&str, &str)], body: &str) -> Message {
    let scope = format!(
        "AWS4-HMAC-SHA256 Credential=111111111111/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=00"
    );
    let mut all = vec![("authorization".to_owned(), scope)];
    all.extend(
        headers
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
    );
    Message {
        start: format!("{start} HTTP/1.1"),
        headers: all,
        body: body.as_bytes().to_vec(),
    }
}

fn query(action: &str) -> Message {
    let body = format!("Action={action}&Version=2010-05-15&StackName=a%2Fb+c");
    request("POST /", "cloudformation", &[], &body)
}

fn send(proxy: &FaultProxy, request: &Message) -> std::io::Result<Message> {
    request.send(address(&proxy.endpoint()))
}

fn proxy_before(upstream: &Script) -> FaultProxy {
    FaultProxy::before(address(&upstream.endpoint()))
}

#[test]
fn it_records_what_it_passes_on() {
    let upstream = upstream();
    let proxy = proxy_before(&upstream);
    for expected in ["<Stacks/>", "<Stacks>2</Stacks>", "<Stacks>2</Stacks>"] {
        let response = send(&proxy, &query("DescribeStacks")).expect("an answer");
        assert_eq!(response.status(), 200);
        assert!(response.text().contains(expected), "{}", response.text());
    }
    let (call, outcome) = proxy.calls().remove(0);
    assert_eq!(outcome, Outcome::Answered(200));
    assert_eq!(call.iam_name(), "cloudformation:DescribeStacks");
    assert_eq!(call.parameter("StackName"), Some("a/b c"));
    assert_eq!(
        (call.region.as_str(), call.access_key_id.as_str()),
        ("us-east-1", "111111111111")
    );
    assert_eq!(upstream.calls().len(), 3);
    assert_eq!(proxy.done("DescribeStacks"), 3);
}

#[test]
fn the_protocols_are_distinguished() {
    for (request, service, action) in [
        (
            query("CreateChangeSet"),
            "cloudformation",
            "CreateChangeSet",
        ),
        (
            request(
                "POST /",
                "codepipeline",
                &[("x-amz-target", "CodePipeline_20150709.GetPipeline")],
                "{}",
            ),
            "codepipeline",
            "GetPipeline",
        ),
        (
            request("GET /bucket?policy", "s3", &[], ""),
            "s3",
            "GetBucketPolicy",
        ),
        (
            request("PUT /bucket/?policy=", "s3", &[], "{}"),
            "s3",
            "PutBucketPolicy",
        ),
        (request("HEAD /bucket", "s3", &[], ""), "s3", "HeadBucket"),
        (
            request("PUT /bucket/a/key?x-id=PutObject", "s3", &[], "a=b"),
            "s3",
            "PutObject",
        ),
        (
            request("GET /bucket?versioning", "s3", &[], ""),
            "s3",
            "GetBucketVersioning",
        ),
    ] {
        let (call, _) = Call::of(&request);
        assert_eq!(
            (call.service.as_str(), call.action.as_str()),
            (service, action)
        );
    }
}

#[test]
fn only_the_nth_call_fails() {
    let upstream = upstream();
    let proxy = proxy_before(&upstream);
    proxy.nth("DescribeStacks", 2, Fault::Throttled);
    let statuses: Vec<u16> = (0..3)
        .map(|_| {
            send(&proxy, &query("DescribeStacks"))
                .expect("an answer")
                .status()
        })
        .collect();
    assert_eq!(statuses, [200, 400, 200]);
    assert_eq!(proxy.calls()[1].1, Outcome::Refused);
    assert_eq!(
        upstream.calls().len(),
        2,
        "the emulator did not receive the call"
    );
}

#[test]
fn a_throttle_and_a_failure_have_the_shape_of_their_protocol() {
    let upstream = upstream();
    let proxy = proxy_before(&upstream);
    let json_call = request(
        "POST /",
        "codepipeline",
        &[("x-amz-target", "CodePipeline_20150709.GetPipeline")],
        "{}",
    );
    let s3_call = request("GET /bucket?policy", "s3", &[], "");
    for (fault, request, status, part) in [
        (Fault::Throttled, query("A"), 400, "<Code>Throttling</Code>"),
        (
            Fault::Throttled,
            json_call.clone(),
            400,
            "\"__type\":\"ThrottlingException\"",
        ),
        (
            Fault::Throttled,
            s3_call.clone(),
            503,
            "<Code>SlowDown</Code>",
        ),
        (
            Fault::Failed,
            query("A"),
            500,
            "<Code>InternalFailure</Code>",
        ),
        (Fault::Failed, json_call, 500, "InternalFailure"),
        (Fault::Failed, s3_call, 500, "<Code>InternalError</Code>"),
    ] {
        proxy.reset();
        proxy.each_operation_once(fault);
        let response = send(&proxy, &request).expect("an answer");
        assert_eq!(response.status(), status);
        assert!(response.text().contains(part), "{}", response.text());
    }
}

#[test]
fn a_connection_breaks_before_the_call_or_after_it() {
    let upstream = upstream();
    let proxy = proxy_before(&upstream);
    proxy.nth("DescribeStacks", 1, Fault::Dropped);
    proxy.nth("DescribeStacks", 2, Fault::AnswerLost);
    assert!(send(&proxy, &query("DescribeStacks")).is_err());
    assert_eq!(upstream.calls().len(), 0);
    assert!(send(&proxy, &query("DescribeStacks")).is_err());
    assert_eq!(upstream.calls().len(), 1, "the emulator executed the call");
    let outcomes: Vec<Outcome> = proxy.calls().iter().map(|(_, outcome)| *outcome).collect();
    assert_eq!(outcomes, [Outcome::Refused, Outcome::Lost]);
    assert_eq!(proxy.done("DescribeStacks"), 1);
}

#[test]
fn canned_answers_replace_the_emulator() {
    let upstream = upstream();
    let proxy = proxy_before(&upstream);
    let canned = Answer::json(json!({"pipelineExecutionSummaries": []}));
    proxy.always("ListPipelineExecutions", Fault::Answered(canned));
    proxy.always(
        "B",
        Fault::Answered(Answer::error(403, "AccessDenied", "a < b & c")),
    );
    let list = request(
        "POST /",
        "codepipeline",
        &[(
            "x-amz-target",
            "CodePipeline_20150709.ListPipelineExecutions",
        )],
        "{}",
    );
    let response = send(&proxy, &list).expect("an answer");
    assert_eq!(response.text(), "{\"pipelineExecutionSummaries\":[]}");
    let refused = send(&proxy, &query("B")).expect("an answer");
    assert_eq!(refused.status(), 403);
    assert!(
        refused
            .text()
            .contains("<Message>a &lt; b &amp; c</Message>")
    );
    assert!(upstream.calls().is_empty());
}

#[test]
fn a_held_call_and_all_later_ones_get_no_answer() {
    for (forwarded, seen) in [(false, 1), (true, 2)] {
        let upstream = upstream();
        let proxy = proxy_before(&upstream);
        proxy.hold(2, forwarded);
        send(&proxy, &query("DescribeStacks")).expect("the first is answered");
        let held = query("DescribeStacks");
        let to = address(&proxy.endpoint());
        let clients: Vec<_> = (0..2)
            .map(|_| {
                let held = held.clone();
                thread::spawn(move || held.send(to))
            })
            .collect();
        assert!(proxy.wait_until_held(Duration::from_secs(20)));
        while proxy.calls().len() < 3 {
            thread::yield_now();
        }
        assert_eq!(upstream.calls().len(), seen, "forwarded: {forwarded}");
        proxy.reset();
        for client in clients {
            assert!(client.join().expect("no panic").is_err());
        }
    }
}

#[test]
fn a_script_names_an_unknown_operation() {
    let script = upstream();
    let response = query("DeleteStack")
        .send(address(&script.endpoint()))
        .expect("an answer");
    assert_eq!(response.status(), 400);
    assert_eq!(script.unscripted(), ["DeleteStack"]);
    assert_eq!(script.actions(), ["DeleteStack"]);
}
