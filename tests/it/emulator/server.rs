//! A server on a free port of 127.0.0.1, with one thread for each connection.

use std::io::{self, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::http::{Kind, Message};

/// The reply to a request.
pub(crate) enum Reply {
    /// This message.
    Message(Message),
    /// The connection is closed without a response.
    Dropped,
    /// A successful response that starts with this body, and is then cut off.
    CutOff(Vec<u8>),
}

/// A server that listens until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
}

impl Server {
    /// Starts to listen, and calls `answer` for each request.
    pub(crate) fn start(answer: impl Fn(&Message) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let closed = Arc::new(AtomicBool::new(false));
        let answer = Arc::new(answer);
        let ends = Arc::clone(&closed);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let (answer, Ok(stream)) = (Arc::clone(&answer), stream) else {
                    continue;
                };
                thread::spawn(move || {
                    // An error means that the client closed the connection.
                    let _ = serve(stream, &*answer);
                });
            }
        });
        Self { address, closed }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, answer: &dyn Fn(&Message) -> Reply) -> io::Result<()> {
    let mut out = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    while let Some(request) = Message::read(&mut input, Kind::Request)? {
        let kind = if request.word(0) == "HEAD" {
            Kind::HeadResponse
        } else {
            Kind::Response
        };
        match answer(&request) {
            Reply::Message(mut message) => {
                message.headers.retain(|(name, _)| name != "connection");
                message.write(&mut out, kind)?;
            }
            Reply::CutOff(body) => {
                write!(out, "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\n")?;
                write!(out, "content-length: {}\r\n\r\n", body.len() + 1000)?;
                out.write_all(&body)?;
                return out.shutdown(std::net::Shutdown::Both);
            }
            Reply::Dropped => return out.shutdown(std::net::Shutdown::Both),
        }
    }
    Ok(())
}
