//! The part of HTTP/1.1 that clients of `kv` need, with one persistent connection to each server.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a client waits for a response.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The largest number of redirects that a client follows.
const REDIRECTS: u8 = 4;

/// An HTTP client.
#[derive(Debug, Default)]
pub(crate) struct Http {
    kept: BTreeMap<String, BufReader<TcpStream>>,
}

/// A request to the HTTP interface of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpRequest<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: &'a str,
}

/// The result of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reply {
    /// A server responded.
    Response(Response),
    /// The request reached no server, so it had no effect.
    Unsent,
    /// There was no response, and it is unknown whether the request had an effect.
    Silence,
}

/// The response of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: String,
    location: Option<String>,
}

impl Response {
    /// The response of an unavailable server. It stands for a server that could not be reached.
    pub(crate) const REFUSED: Self = Self { status: 503, body: String::new(), location: None };
}

impl Http {
    /// Sends a request to `address`, and follows redirects.
    pub(crate) fn ask(&mut self, address: &str, http_request: HttpRequest<'_>) -> Reply {
        let mut address = address.to_owned();
        for _ in 0..REDIRECTS {
            let reply = self.ask_once(&address, http_request);
            let Reply::Response(Response { status: 307, location: Some(there), .. }) = &reply else {
                return reply;
            };
            let there = there.strip_prefix("http://").unwrap();
            address = there.split('/').next().unwrap().to_owned();
        }
        Reply::Unsent
    }

    fn ask_once(&mut self, address: &str, http_request: HttpRequest<'_>) -> Reply {
        let kept = match self.kept.remove(address) {
            Some(kept) => Ok(kept),
            None => connect(address),
        };
        let Ok(mut connection) = kept else { return Reply::Unsent };
        match converse(&mut connection, address, http_request) {
            Ok(response) => {
                self.kept.insert(address.to_owned(), connection);
                Reply::Response(response)
            }
            Err(_) => Reply::Silence,
        }
    }
}

impl HttpRequest<'_> {
    pub(crate) const fn get(path: &str) -> HttpRequest<'_> {
        HttpRequest { method: "GET", path, body: "" }
    }

    pub(crate) const fn post(path: &str) -> HttpRequest<'_> {
        HttpRequest { method: "POST", path, body: "" }
    }
}

fn connect(address: &str) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(BufReader::new(stream))
}

fn converse(
    connection: &mut BufReader<TcpStream>,
    address: &str,
    http_request: HttpRequest<'_>,
) -> io::Result<Response> {
    let HttpRequest { method, path, body } = http_request;
    let length = body.len();
    let text =
        format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n\r\n{body}");
    connection.get_mut().write_all(text.as_bytes())?;
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let status = line(connection)?;
    let status = status.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
    let (mut length, mut location) = (0, None);
    while let Some((name, value)) = line(connection)?.split_once(": ") {
        match name {
            "content-length" => length = value.parse().map_err(|_| malformed())?,
            "location" => location = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    let body = String::from_utf8(body).map_err(|_| malformed())?;
    Ok(Response { status, body, location })
}

fn line(connection: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    match connection.read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}
