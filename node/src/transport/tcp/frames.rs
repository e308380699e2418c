//! Reads whole messages from a stream, with limits on their length, on the time that one may take,
//! and on the number of large ones at a time.

use super::Shared;
use crate::wire::{Scan, WireError};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// The size up to which a message needs no permit for large messages.
const SMALL: usize = 1 << 20;
const STEP: usize = 16 << 10;

/// Reads messages from `io`.
#[derive(Debug)]
pub(super) struct Frames<R> {
    io: R,
    buffer: Vec<u8>,
    /// The offset of the next message.
    at: usize,
    limit: u64,
    timeout: Duration,
    large: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

/// The reason why there is no next message.
#[derive(Debug)]
pub(super) enum FrameError {
    /// The bytes are no message.
    Wire(WireError),
    /// The connection failed.
    Io(io::Error),
    /// A message began and did not end in time.
    Slow,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire(error) => write!(f, "{error}"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Slow => write!(f, "message did not come in time"),
        }
    }
}

impl From<WireError> for FrameError {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) fn new(io: R, shared: &Shared) -> Self {
        Self {
            io,
            buffer: Vec::new(),
            at: 0,
            limit: shared.limits.message_bytes,
            timeout: shared.timeout,
            large: shared.large.clone(),
            permit: None,
        }
    }

    /// The next call; `None` if the peer has hung up after the last one. The first must come
    /// within `first`, if that is given; later ones at any time.
    pub(super) async fn request(&mut self, first: Option<Duration>) -> Result<Option<&[u8]>, FrameError> {
        let until = first.map(|first| Instant::now() + first);
        self.message(Scan::request(self.limit), until).await
    }

    /// The next answer; `None` if the peer has hung up before it.
    pub(super) async fn reply(&mut self, until: Instant) -> Result<Option<&[u8]>, FrameError> {
        self.message(Scan::reply(self.limit), Some(until)).await
    }

    async fn message(&mut self, mut scan: Scan, until: Option<Instant>) -> Result<Option<&[u8]>, FrameError> {
        self.settle();
        let mut until = until;
        loop {
            if let Some(length) = scan.advance(&self.buffer[self.at..])? {
                let begin = self.at;
                self.at += length;
                return Ok(Some(&self.buffer[begin..begin + length]));
            }
            let has_begun = self.at < self.buffer.len();
            if has_begun && until.is_none() {
                until = Some(Instant::now() + self.timeout);
            }
            if self.fill(until).await? == 0 {
                return if has_begun { Err(WireError::Truncated.into()) } else { Ok(None) };
            }
        }
    }

    /// Reads exactly `length` bytes that belong to no message.
    pub(super) async fn raw(&mut self, length: usize) -> Result<Vec<u8>, FrameError> {
        let there = length.min(self.buffer.len() - self.at);
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(&self.buffer[self.at..self.at + there]);
        self.at += there;
        let until = Instant::now() + self.timeout;
        bytes.resize(length, 0);
        let reading = self.io.read_exact(&mut bytes[there..]);
        timeout_at(until, reading).await.map_err(|_| FrameError::Slow)??;
        Ok(bytes)
    }

    /// Returns when bytes arrive although none are expected, or the peer hangs up (zero).
    pub(super) async fn idle(&mut self) -> Result<usize, FrameError> {
        if self.at < self.buffer.len() { Ok(self.buffer.len() - self.at) } else { self.fill(None).await }
    }

    async fn fill(&mut self, until: Option<Instant>) -> Result<usize, FrameError> {
        if SMALL < self.buffer.len() - self.at && self.permit.is_none() {
            let acquiring = self.large.clone().acquire_owned();
            let deadline = until.unwrap_or_else(|| Instant::now() + self.timeout);
            let permit = timeout_at(deadline, acquiring).await.map_err(|_| FrameError::Slow)?;
            self.permit = permit.ok();
        }
        self.buffer.reserve(STEP);
        let reading = self.io.read_buf(&mut self.buffer);
        match until {
            Some(until) => Ok(timeout_at(until, reading).await.map_err(|_| FrameError::Slow)??),
            None => Ok(reading.await?),
        }
    }

    /// Drops the bytes that were read, and the permit of a large message.
    fn settle(&mut self) {
        self.buffer.drain(..self.at);
        self.at = 0;
        if self.buffer.len() <= SMALL {
            self.permit = None;
            self.buffer.shrink_to(SMALL);
        }
    }
}
