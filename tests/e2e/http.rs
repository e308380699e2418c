//! As much of HTTP/1.1 as clients of `kv` need. A connection is kept for each server.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often a question is sent on.
const REDIRECTS: u8 = 4;

/// Asks servers.
#[derive(Debug, Default)]
pub(crate) struct Http {
    kept: BTreeMap<String, BufReader<TcpStream>>,
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: &'a str,
}

/// What came of a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// An answer.
    Answer(Answer),
    /// Nothing: it did not get as far as a server, so nothing was done.
    Unsent,
    /// Nothing: whether it was heard is not known.
    Silence,
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    location: Option<String>,
}

impl Answer {
    /// What a server says that could do nothing, said for one that could not be asked.
    pub(crate) const REFUSED: Self = Self { status: 503, body: String::new(), location: None };
}

impl Http {
    /// Asks `address`, and whoever it names instead.
    pub(crate) fn ask(&mut self, address: &str, question: Question<'_>) -> Heard {
        let mut address = address.to_owned();
        for _ in 0..REDIRECTS {
            let heard = self.ask_once(&address, question);
            let Heard::Answer(Answer { status: 307, location: Some(there), .. }) = &heard else {
                return heard;
            };
            let there = there.strip_prefix("http://").unwrap();
            address = there.split('/').next().unwrap().to_owned();
        }
        Heard::Unsent
    }

    fn ask_once(&mut self, address: &str, question: Question<'_>) -> Heard {
        let kept = match self.kept.remove(address) {
            Some(kept) => Ok(kept),
            None => connect(address),
        };
        let Ok(mut connection) = kept else { return Heard::Unsent };
        match converse(&mut connection, address, question) {
            Ok(answer) => {
                self.kept.insert(address.to_owned(), connection);
                Heard::Answer(answer)
            }
            Err(_) => Heard::Silence,
        }
    }
}

impl Question<'_> {
    pub(crate) const fn get(path: &str) -> Question<'_> {
        Question { method: "GET", path, body: "" }
    }

    pub(crate) const fn post(path: &str) -> Question<'_> {
        Question { method: "POST", path, body: "" }
    }
}

fn connect(address: &str) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(stream))
}

fn converse(
    connection: &mut BufReader<TcpStream>,
    address: &str,
    question: Question<'_>,
) -> io::Result<Answer> {
    let Question { method, path, body } = question;
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
    Ok(Answer { status, body, location })
}

fn line(connection: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    match connection.read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}
