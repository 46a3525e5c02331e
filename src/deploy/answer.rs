//! Whether an HTTP response comes from AWS. A proxy, a captive portal or a wrong endpoint answers
//! with something else, which the SDK would report as a refusal without a code, or would even read
//! as an answer without content. So the HTTP client that all AWS clients share checks each response
//! before the SDK reads it.

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

/// No answer that s3ferry reads is longer: it downloads no objects.
const LONGEST: usize = 64 * 1024 * 1024;
/// How long a body may take once its headers have arrived.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Length of the excerpt that a message shows, in characters.
const EXCERPT: usize = 120;
/// The headers in which AWS services name the request.
const REQUEST_IDS: [&str; 3] = ["x-amzn-requestid", "x-amz-request-id", "x-amz-id-2"];

/// A response that is not from AWS, or not a complete one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotAws {
    status: u16,
    /// Content type without its parameters; may be empty.
    content_type: String,
    problem: Problem,
    /// The first line of its text; may be empty.
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Problem {
    /// It is something else than an answer of the called service.
    Foreign,
    Empty,
    /// It begins as an answer of AWS and ends too early.
    CutOff,
    /// It sends the client to another place.
    Redirect(String),
    /// It is longer than any answer.
    TooLong,
}

impl NotAws {
    /// A complete answer of AWS in form, with content that the SDK cannot read.
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

    /// Whether the same call may succeed a moment later.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self.status, 429 | 500..=599) || self.problem == Problem::CutOff
    }

    /// What to do about it.
    pub(super) fn help(&self) -> &'static str {
        match (self.status, &self.problem) {
            (407, _) => {
                "the proxy asks for a user name and a password: set them in HTTPS_PROXY, or \
                 exclude AWS with NO_PROXY"
            }
            (_, Problem::CutOff) => {
                "run the same command again; if it happens again, check the proxy (HTTPS_PROXY) \
                 and the endpoint URL (--endpoint-url, AWS_ENDPOINT_URL)"
            }
            _ => {
                "check the proxy (HTTPS_PROXY), the login page of the network, and the endpoint \
                 URL (--endpoint-url, AWS_ENDPOINT_URL)"
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
            Problem::CutOff => write!(out, ", and the response is cut off"),
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

/// Text of a stranger in one line: all that is not printable is escaped.
fn printable(text: &str) -> String {
    let short: String = text.chars().take(EXCERPT).collect();
    shown(&short).into_owned()
}

/// The SDK's own HTTPS client, with these authorities and with a check of each response.
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

/// A client whose responses are checked.
pub(super) fn checked(client: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(Checked(client))
}

/// A client, or one of its connectors, whose responses are checked.
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

/// Reads a response to its end and checks it.
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

/// A body as far as it can be read, and why not to its end.
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

/// How a service answers, told from the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// AWS Query: XML, always with a body.
    Query,
    Json,
    /// Amazon S3: XML, and bodies of their own kind.
    S3 {
        /// Whether the response has no body.
        head: bool,
    },
    /// Anything else that the SDK calls, such as the metadata service.
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

    /// What is wrong with a response; `None` when it may be from AWS.
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
            // The answer to HEAD, and some others, are headers only.
            Self::S3 { head } if head || text.is_empty() => (!named).then_some(foreign),
            Self::Json if text.is_empty() => (!named).then_some(foreign),
            Self::Query => match Xml::of(text) {
                Some(xml) if xml.root.ends_with("Response") => xml.cut_off(),
                _ => Some(foreign),
            },
            Self::S3 { .. } if text.starts_with('<') => Xml::of(text)?.cut_off(),
            // Such as the bucket policy itself.
            Self::S3 { .. } if named => None,
            Self::S3 { .. } | Self::Json => match serde_json::from_str::<IgnoredAny>(text) {
                Ok(_) => None,
                Err(error) if error.is_eof() && text.starts_with('{') => Some(Problem::CutOff),
                Err(_) => Some(foreign),
            },
        }
    }
}

/// A header, empty where there is none.
fn header<'r>(response: &'r HttpResponse, name: &str) -> &'r str {
    response.headers().get(name).unwrap_or_default()
}

/// Whether a response is a web page. AWS's APIs answer with none.
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
    /// Its name, without a prefix.
    root: &'t str,
    /// Its name as the document has it.
    full: &'t str,
}

impl<'t> Xml<'t> {
    /// The document's root; `None` where it is no XML.
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

    /// Whether the document ends before its root does.
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

/// The first line of text of a page or document, without its tags.
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
