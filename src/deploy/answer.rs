//! Checks whether an HTTP response comes from AWS. A proxy, a captive portal, or an incorrect
//! endpoint returns other content. The SDK would report such content as an error without a code, or
//! read it as a response without content. Therefore, the HTTP client that all AWS clients share
//! checks each response before the SDK reads it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::TlsContext;
use aws_smithy_http_client::{Builder, ConnectorBuilder, tls};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::retry::ErrorKind;
use serde::de::IgnoredAny;

use crate::escape::shown;

/// Maximum length of a response body, in bytes. s3ferry does not download objects.
const LONGEST: usize = 64 * 1024 * 1024;
/// Time limit for a response body after its headers arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum length of the excerpt in an error message, in characters.
const EXCERPT: usize = 120;
/// Headers in which AWS services return the request ID.
const REQUEST_IDS: [&str; 3] = ["x-amzn-requestid", "x-amz-request-id", "x-amz-id-2"];

/// A response that is incomplete or does not come from AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotAws {
    status: u16,
    /// Content type without its parameters. May be empty.
    content_type: String,
    problem: Problem,
    /// First line of the response text. May be empty.
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    /// The response does not come from the called service.
    Foreign,
    Empty,
    /// The response starts like an AWS response but is truncated.
    CutOff,
    /// The response is a redirect to this location.
    Redirect(String),
    /// The response is longer than any AWS response.
    TooLong,
}

impl NotAws {
    /// Returns the error for a complete AWS response whose content the SDK cannot read.
    pub(super) fn unreadable(response: &HttpResponse) -> Self {
        let body = response.body().bytes().unwrap_or_default();
        Self::new(response, Problem::Foreign, body)
    }

    fn new(response: &HttpResponse, problem: Problem, body: &[u8]) -> Self {
        let kind = header(response, "content-type");
        let kind = kind.split(';').next().unwrap_or_default().trim();
        Self {
            status: response.status().as_u16(),
            content_type: kind.to_owned(),
            problem,
            text: first_line(&String::from_utf8_lossy(body)),
        }
    }

    /// Returns whether a retry of the call may succeed.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self.status, 429 | 500..=599) || self.problem == Problem::CutOff
    }

    /// Returns the suggested fix.
    pub(super) fn help(&self) -> &'static str {
        match (self.status, &self.problem) {
            (407, _) => {
                "the proxy requires a user name and a password: set them in HTTPS_PROXY, or \
                 exclude AWS with NO_PROXY"
            }
            (_, Problem::CutOff) => {
                "run the same command again; if the error persists, check the proxy (HTTPS_PROXY) \
                 and the endpoint URL (--endpoint-url, AWS_ENDPOINT_URL)"
            }
            _ => {
                "check the proxy (HTTPS_PROXY), the network's login page, and the endpoint URL \
                 (--endpoint-url, AWS_ENDPOINT_URL)"
            }
        }
    }
}

impl fmt::Display for NotAws {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "HTTP {}", self.status)?;
        if !self.content_type.is_empty() {
            write!(out, " ({})", printable(&self.content_type))?;
        }
        match &self.problem {
            Problem::Empty => write!(out, " without a body, which is not an AWS response"),
            Problem::CutOff => write!(out, ", but the response is truncated"),
            Problem::TooLong => write!(out, " with more data than any AWS response"),
            Problem::Redirect(to) => {
                write!(out, ", which is not an AWS response: a redirect")?;
                if to.is_empty() {
                    return Ok(());
                }
                write!(out, " to {}", printable(to))
            }
            Problem::Foreign => write!(out, ", which is not an AWS response"),
        }?;
        if self.text.is_empty() {
            return Ok(());
        }
        write!(out, ": \"{}\"", printable(&self.text))
    }
}

impl Error for NotAws {}

/// Returns a one-line excerpt of untrusted text with nonprintable characters escaped.
fn printable(text: &str) -> String {
    let short: String = text.chars().take(EXCERPT).collect();
    shown(&short).into_owned()
}

/// Returns the SDK's HTTPS client, which uses the given TLS context and checks each response.
pub(super) fn https_client(tls_context: TlsContext) -> SharedHttpClient {
    let client = Builder::new().build_with_connector_fn(move |settings, components| {
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
        let mut builder = ConnectorBuilder::default()
            .tls_provider(provider)
            .tls_context(tls_context.clone());
        builder.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            builder.set_sleep_impl(components.sleep_impl());
        }
        builder.set_proxy_config(Some(ProxyConfig::from_env()));
        builder.build()
    });
    checked(client)
}

/// Wraps a client so that its responses are checked.
pub(super) fn checked(client: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(Checked(client))
}

/// A client or connector that checks its responses.
#[derive(Debug)]
struct Checked<C>(C);

impl HttpClient for Checked<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Checked(self.0.http_connector(settings, components)))
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

impl HttpConnector for Checked<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let protocol = Protocol::of(&request);
        let response = self.0.call(request);
        HttpConnectorFuture::new(async move { check(protocol, response.await?).await })
    }
}

/// Reads a complete response and checks it.
async fn check(
    protocol: Protocol,
    mut response: HttpResponse,
) -> Result<HttpResponse, ConnectorError> {
    let body = std::mem::replace(response.body_mut(), SdkBody::taken());
    let read = tokio::time::timeout(BODY_TIMEOUT, read(body)).await;
    let (body, problem) = read.map_err(|error| ConnectorError::timeout(error.into()))?;
    let problem = problem.or_else(|| protocol.problem(&response, &body));
    if let Some(problem) = problem {
        let error = NotAws::new(&response, problem, &body);
        let retry = error.is_transient().then_some(ErrorKind::TransientError);
        return Err(ConnectorError::other(error.into(), retry));
    }
    *response.body_mut() = SdkBody::from(body);
    Ok(response)
}

/// Reads a body. Returns the bytes, and the problem if the body is incomplete.
async fn read(body: SdkBody) -> (Vec<u8>, Option<Problem>) {
    let mut stream = ByteStream::new(body);
    let mut bytes = Vec::new();
    loop {
        match stream.next().await {
            None => return (bytes, None),
            Some(Ok(piece)) if bytes.len() + piece.len() <= LONGEST => bytes.extend(&piece[..]),
            Some(Ok(_)) => return (bytes, Some(Problem::TooLong)),
            Some(Err(_)) => return (bytes, Some(Problem::CutOff)),
        }
    }
}

/// The response format of a service, derived from the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// AWS Query: XML, always with a body.
    Query,
    Json,
    /// Amazon S3: XML, and bodies in other formats.
    S3 {
        /// Whether the response has no body.
        head: bool,
    },
    /// Any other service that the SDK calls, such as the instance metadata service.
    Other,
}

impl Protocol {
    fn of(request: &HttpRequest) -> Self {
        let headers = request.headers();
        let kind = headers.get("content-type").unwrap_or_default();
        if headers.get("x-amz-target").is_some() {
            Self::Json
        } else if kind.starts_with("application/x-www-form-urlencoded") {
            Self::Query
        } else if headers.get("x-amz-content-sha256").is_some() {
            let head = request.method() == "HEAD";
            Self::S3 { head }
        } else {
            Self::Other
        }
    }

    /// Returns the problem with a response, or `None` if the response might come from AWS.
    fn problem(self, response: &HttpResponse, body: &[u8]) -> Option<Problem> {
        let status = response.status().as_u16();
        let text = String::from_utf8_lossy(body);
        let text = text.trim_start_matches('\u{feff}').trim();
        let named = REQUEST_IDS
            .iter()
            .any(|id| !header(response, id).is_empty());
        let foreign = if matches!(status, 300..=399) {
            Problem::Redirect(header(response, "location").to_owned())
        } else if text.is_empty() {
            Problem::Empty
        } else {
            Problem::Foreign
        };
        if status == 407 || is_html(response, text) && !(named && self == Self::Other) {
            return Some(foreign);
        }
        match self {
            Self::Other => None,
            // Responses to HEAD requests and some other responses have no body.
            Self::S3 { head } if head || text.is_empty() => (!named).then_some(foreign),
            Self::Json if text.is_empty() => (!named).then_some(foreign),
            Self::Query => match Xml::of(text) {
                Some(xml) if xml.root.ends_with("Response") => xml.cut_off(),
                _ => Some(foreign),
            },
            Self::S3 { .. } if text.starts_with('<') => Xml::of(text)?.cut_off(),
            // For example, a bucket policy.
            Self::S3 { .. } if named => None,
            Self::S3 { .. } | Self::Json => match serde_json::from_str::<IgnoredAny>(text) {
                Ok(_) => None,
                Err(error) if error.is_eof() && text.starts_with('{') => Some(Problem::CutOff),
                Err(_) => Some(foreign),
            },
        }
    }
}

/// Returns a header, or an empty string if it is absent.
fn header<'r>(response: &'r HttpResponse, name: &str) -> &'r str {
    response.headers().get(name).unwrap_or_default()
}

/// Returns whether a response is a web page. No AWS API returns one.
fn is_html(response: &HttpResponse, text: &str) -> bool {
    let begins = |mark: &str| {
        let start = text.get(..mark.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(mark))
    };
    header(response, "content-type").starts_with("text/html")
        || begins("<!doctype html")
        || begins("<html")
}

/// The root element of an XML document.
struct Xml<'t> {
    text: &'t str,
    /// Name of the element without its prefix.
    root: &'t str,
    /// Name of the element as written in the document.
    full: &'t str,
}

impl<'t> Xml<'t> {
    /// Returns the root of a document, or `None` if the text is not XML.
    fn of(text: &'t str) -> Option<Self> {
        let mut rest = text;
        loop {
            rest = rest.trim_start().strip_prefix('<')?;
            let skipped = match rest {
                _ if rest.starts_with('?') => rest.split_once("?>"),
                _ if rest.starts_with("!--") => rest.split_once("-->"),
                _ if rest.starts_with('!') => rest.split_once('>'),
                _ => break,
            };
            rest = skipped?.1;
        }
        let end = |c: char| c.is_whitespace() || c == '>' || c == '/';
        let full = rest.split(end).next().filter(|name| !name.is_empty())?;
        let root = full.rsplit(':').next().unwrap_or(full);
        Some(Self { text, root, full })
    }

    /// Returns a problem if the document ends before the end of its root element.
    fn cut_off(&self) -> Option<Problem> {
        let inside = self.text.strip_suffix('>').unwrap_or_default().trim_end();
        let start = self.text.rfind('<').unwrap_or_default();
        let root = self.text.find(&format!("<{}", self.full));
        let alone = inside.ends_with('/') && root == Some(start);
        let closed = inside
            .strip_suffix(self.full)
            .is_some_and(|before| before.ends_with("</"));
        (!closed && !alone).then_some(Problem::CutOff)
    }
}

/// Returns the first line of text in a page or document, without tags.
fn first_line(body: &str) -> String {
    /// Elements that do not end a line.
    const INLINE: [&str; 9] = ["a", "b", "code", "em", "font", "i", "span", "strong", "tt"];
    let mut text = String::new();
    let mut rest = body;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        let name = tag.trim_start_matches('/');
        let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next();
        let name = name.unwrap_or_default().to_ascii_lowercase();
        let skipped = match name.as_str() {
            "script" | "style" if !tag.starts_with('/') => tag.split_once(&format!("</{name}")),
            _ if tag.starts_with("!--") => tag.split_once("-->"),
            _ => Some(("", tag)),
        };
        let after = skipped.and_then(|(_, after)| match tag.starts_with("!--") {
            true => Some(after),
            false => after.split_once('>').map(|(_, after)| after),
        });
        text.push(if INLINE.contains(&name.as_str()) {
            ' '
        } else {
            '\n'
        });
        rest = after.unwrap_or_default();
    }
    text.push_str(rest);
    let line = text.lines().find(|line| !line.trim().is_empty());
    let words: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(EXCERPT) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests;
