//! A minimal HTTP/1.1 client for requests to other servers of this example.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A client that follows redirects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    timeout: Duration,
}

/// The response of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) body: String,
    location: Option<String>,
}

/// A request to a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: &'a str,
}

const REDIRECTS: u8 = 4;
const LONGEST: u64 = 1 << 20;

impl Client {
    /// Creates a client. `timeout` is the time limit for a request and all redirects that follow.
    pub(crate) const fn new(timeout: Duration) -> Self {
        Self { timeout }
    }

    /// Sends a POST request without a body to `path`.
    pub(crate) async fn post(self, address: &str, path: &str) -> io::Result<HttpResponse> {
        self.send(address, HttpRequest { method: "POST", path, body: "" }).await
    }

    /// Sends the request, and follows redirects. Returns an error after the timeout, or after too many redirects.
    pub(crate) async fn send(self, address: &str, request: HttpRequest<'_>) -> io::Result<HttpResponse> {
        timeout(self.timeout, follow(address, request)).await?
    }
}

async fn follow(address: &str, request: HttpRequest<'_>) -> io::Result<HttpResponse> {
    let mut address = address.to_owned();
    for _ in 0..REDIRECTS {
        let answer = send_once(&address, request).await?;
        let there = answer.location.as_deref().filter(|_| answer.status == 307);
        let Some(there) = there.and_then(|location| location.strip_prefix("http://")) else {
            return Ok(answer);
        };
        address = there.split('/').next().unwrap_or(there).to_owned();
    }
    Err(io::Error::other("too many redirects"))
}

async fn send_once(address: &str, request: HttpRequest<'_>) -> io::Result<HttpResponse> {
    let HttpRequest { method, path, body } = request;
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    read_answer(BufReader::new(stream.take(LONGEST))).await
}

async fn read_answer(mut reader: impl AsyncBufReadExt + Unpin) -> io::Result<HttpResponse> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "the server did not send an HTTP response");
    let mut line = String::new();
    reader.read_line(&mut line).await?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
    let (mut length, mut location) = (None, None);
    loop {
        line.clear();
        if reader.read_line(&mut line).await? == 0 {
            return Err(malformed());
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse::<u64>().ok(),
            "location" => location = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = String::new();
    reader.take(length.unwrap_or(LONGEST)).read_to_string(&mut body).await?;
    Ok(HttpResponse { status, body, location })
}
