//! HTTP/1.1 as SDKs, the AWS CLI, and the emulators use it: reads and writes messages.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A request or a response: its first line, its headers with lowercase names, and its body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    pub(crate) start: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns one word of the first line.
    pub(crate) fn word(&self, index: usize) -> &str {
        self.start.split(' ').nth(index).unwrap_or_default()
    }

    /// Returns the status of a response.
    pub(crate) fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or(0)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Reads the next message of a connection, or returns `None` at its end. `has_body` says
    /// whether a message without a length continues until the connection ends.
    pub(crate) fn read(
        stream: &mut BufReader<TcpStream>,
        kind: Kind,
    ) -> io::Result<Option<Message>> {
        let mut start = String::new();
        if stream.read_line(&mut start)? == 0 {
            return Ok(None);
        }
        let mut message = Message {
            start: start.trim_end().to_owned(),
            ..Message::default()
        };
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':') {
                let header = (name.to_ascii_lowercase(), value.trim().to_owned());
                message.headers.push(header);
            }
        }
        if message.header("expect").is_some() {
            stream
                .get_mut()
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        if kind == Kind::HeadResponse || matches!(message.status(), 204 | 304) {
            return Ok(Some(message));
        }
        let length = message.header("content-length").map(str::parse::<usize>);
        if let Some(Ok(length)) = length {
            message.body.resize(length, 0);
            stream.read_exact(&mut message.body)?;
        } else if message.header("transfer-encoding") == Some("chunked") {
            message.body = read_chunks(stream)?;
        } else if kind == Kind::Response {
            stream.read_to_end(&mut message.body)?;
        }
        Ok(Some(message))
    }

    /// Writes the message with the length of its body.
    pub(crate) fn write(&self, stream: &mut TcpStream, kind: Kind) -> io::Result<()> {
        let mut bytes = format!("{}\r\n", self.start).into_bytes();
        for (name, value) in &self.headers {
            if name != "transfer-encoding" && name != "content-length" && name != "expect" {
                bytes.extend(format!("{name}: {value}\r\n").into_bytes());
            }
        }
        let length = match self.header("content-length") {
            Some(length) if kind == Kind::HeadResponse => length.to_owned(),
            _ => self.body.len().to_string(),
        };
        bytes.extend(format!("content-length: {length}\r\n\r\n").into_bytes());
        if kind != Kind::HeadResponse {
            bytes.extend(&self.body);
        }
        stream.write_all(&bytes)?;
        stream.flush()
    }

    /// Sends this request to a server over a new connection, and reads the response.
    pub(crate) fn send(&self, to: SocketAddr) -> io::Result<Message> {
        let mut stream = TcpStream::connect(to)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut request = self.clone();
        request.headers.retain(|(name, _)| name != "connection");
        request
            .headers
            .push(("connection".to_owned(), "close".to_owned()));
        request.write(&mut stream, Kind::Request)?;
        let kind = if self.word(0) == "HEAD" {
            Kind::HeadResponse
        } else {
            Kind::Response
        };
        Message::read(&mut BufReader::new(stream), kind)?
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// The kind of a message determines how its body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    Response,
    /// The response to a HEAD request has a length, but no body.
    HeadResponse,
}

fn read_chunks(stream: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = line.trim_end().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
        if size == 0 {
            // Trailers and the empty line.
            while stream.read_line(&mut line)? > 2 {}
            return Ok(body);
        }
        let begin = body.len();
        body.resize(begin + size, 0);
        stream.read_exact(&mut body[begin..])?;
        let mut end = [0; 2];
        stream.read_exact(&mut end)?;
    }
}

/// Encodes text for a form field.
pub(crate) fn encoded(text: &str) -> String {
    let mut result = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => result.push(char::from(byte)),
            _ => result.push_str(&format!("%{byte:02X}")),
        }
    }
    result
}

/// Posts JSON, and asserts that the request succeeds.
pub(crate) fn post(to: SocketAddr, path: &str, value: &serde_json::Value) -> String {
    let request = Message {
        start: format!("POST {path} HTTP/1.1"),
        headers: vec![
            ("host".to_owned(), to.to_string()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ],
        body: value.to_string().into_bytes(),
    };
    let response = request
        .send(to)
        .unwrap_or_else(|error| panic!("POST {path}: {error}"));
    assert_eq!(
        response.status(),
        200,
        "POST {path} {value}: {}",
        response.text()
    );
    response.text()
}
