//! Tests for responses from AWS and from other servers.

use super::*;

fn response(status: u16, kind: &str, more: &[(&'static str, &'static str)]) -> HttpResponse {
    let status = status.try_into().expect("a status");
    let mut response = HttpResponse::new(status, SdkBody::empty());
    let headers = response.headers_mut();
    if !kind.is_empty() {
        headers.insert("content-type", kind.to_owned());
    }
    for (name, value) in more {
        headers.insert(*name, *value);
    }
    response
}

const S3: Protocol = Protocol::S3 { head: false };
const HEAD: Protocol = Protocol::S3 { head: true };
const ID: [(&str, &str); 1] = [("x-amzn-requestid", "1")];

#[test]
fn aws_responses_are_accepted() {
    for (protocol, status, kind, more, body) in [
        (
            Protocol::Query,
            200,
            "text/xml",
            &[][..],
            "<AResponse><A>1</A></AResponse>\n",
        ),
        (
            Protocol::Query,
            400,
            "text/xml",
            &[],
            "<?xml version=\"1.0\"?>\n<!-- x --><ns:ErrorResponse a=\"b\"><Error/></ns:ErrorResponse >",
        ),
        (Protocol::Query, 200, "text/xml", &[], "<DeleteResponse/>"),
        (Protocol::Json, 200, "application/x-amz-json-1.1", &[], "{}"),
        (Protocol::Json, 200, "application/x-amz-json-1.1", &ID, ""),
        (
            Protocol::Json,
            400,
            "",
            &[],
            "{\"__type\":\"ValidationException\"}",
        ),
        (
            S3,
            200,
            "application/xml",
            &[],
            "<Versioning><Status>Enabled</Status></Versioning>",
        ),
        (S3, 204, "", &[("x-amz-request-id", "1")], ""),
        (S3, 200, "application/json", &[], "{\"Statement\":[]}"),
        (
            S3,
            301,
            "application/xml",
            &[],
            "<Error><Code>PermanentRedirect</Code></Error>",
        ),
        (HEAD, 404, "", &ID, ""),
        (HEAD, 200, "text/plain", &ID, ""),
        (Protocol::Other, 200, "text/plain", &[], "my-role"),
    ] {
        let response = response(status, kind, more);
        let problem = protocol.problem(&response, body.as_bytes());
        assert_eq!(problem, None, "{protocol:?} {status} {body}");
    }
}

#[test]
fn other_responses_are_described() {
    const PAGE: &str = "<!DOCTYPE html><html><head><title></title><script>x()</script></head>\
                        <body><h1>Please <b>log in</b></h1><p>now</body></html>";
    const SHOWN: &str = ", which is not an AWS response: \"Please log in\"";
    let to = [("location", "https://login.example/in")];
    for (protocol, status, kind, more, body, shown) in [
        (
            Protocol::Query,
            407,
            "text/html; charset=utf-8",
            &[][..],
            PAGE,
            SHOWN,
        ),
        (Protocol::Json, 503, "text/html", &[], PAGE, SHOWN),
        (S3, 200, "", &[], PAGE, SHOWN),
        (Protocol::Other, 200, "text/html", &[], PAGE, SHOWN),
        (
            Protocol::Query,
            200,
            "text/xml",
            &[],
            " ",
            " without a body",
        ),
        (Protocol::Query, 200, "text/xml", &ID, "", " without a body"),
        (Protocol::Json, 200, "", &[], "", " without a body"),
        (S3, 200, "", &[], "", " without a body"),
        (HEAD, 200, "", &[], "", " without a body"),
        (
            Protocol::Query,
            302,
            "text/html",
            &to,
            "",
            "a redirect to https://login.example/in",
        ),
        (HEAD, 302, "", &to, "", "a redirect"),
        (
            Protocol::Query,
            200,
            "text/xml",
            &[],
            "<AResponse><B>half",
            ", but the response is truncated: \"half\"",
        ),
        (
            Protocol::Query,
            200,
            "text/xml",
            &[],
            "<AResponse><AResponse/>",
            "truncated",
        ),
        (Protocol::Json, 200, "", &[], "{\"a\": [1, ", "truncated"),
        (
            S3,
            200,
            "application/xml",
            &[],
            "<ListBucketResult><Name>b</Na",
            "truncated",
        ),
        (
            Protocol::Query,
            200,
            "text/plain",
            &[],
            "it works!\r\n\u{1b}[31m",
            ": \"it works!\"",
        ),
        (Protocol::Json, 200, "", &[], "\u{7}ok", ": \"\\u{7}ok\""),
        (
            Protocol::Query,
            200,
            "text/xml",
            &[],
            "<rss><a/></rss>",
            "not an AWS response",
        ),
    ] {
        let response = response(status, kind, more);
        let problem = protocol.problem(&response, body.as_bytes());
        let problem = problem.unwrap_or_else(|| panic!("{protocol:?} {status} {body}"));
        let text = NotAws::new(&response, problem, body.as_bytes()).to_string();
        assert!(text.starts_with(&format!("HTTP {status}")), "{text}");
        assert!(text.contains(shown), "{text}");
        assert!(!text.contains("; charset"), "{text}");
    }
}
