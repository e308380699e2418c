//! Reads whole messages from a stream. There are limits on the length of a message, on the time without
//! progress, and on the number of large messages that are read at the same time.

use super::Shared;
use super::pace::{patience, stall};
use crate::wire::{Scan, WireError};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

/// The maximum size of a message that needs no permit for large messages, in bytes.
const SMALL: usize = 1 << 20;
/// The maximum size of a message that needs no permit for huge messages, in bytes.
const LARGE: usize = 64 << 20;
const STEP: usize = 16 << 10;

/// A reader of messages from the connection `io`.
#[derive(Debug)]
pub(super) struct Frames<R> {
    io: R,
    buffer: Vec<u8>,
    /// The offset of the next message in the buffer, in bytes.
    at: usize,
    limit: u64,
    timeout: Duration,
    large: Permits,
    huge: Permits,
}

/// The permits for messages above `above` bytes. All connections of a transport share these permits. `permit`
/// is the permit of the current message; `None` if the message has no permit.
#[derive(Debug)]
struct Permits {
    above: usize,
    shared: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Permits {
    const fn new(above: usize, shared: Arc<Semaphore>) -> Self {
        Self { above, shared, permit: None }
    }

    /// Waits for a permit if a message of this size needs a permit.
    async fn acquire(&mut self, size: usize, deadline: Instant) -> Result<(), FrameError> {
        if self.above < size && self.permit.is_none() {
            let acquiring = self.shared.clone().acquire_owned();
            self.permit = timeout_at(deadline, acquiring).await.map_err(|_| FrameError::Slow)?.ok();
        }
        Ok(())
    }

    /// Gives the permit back if a message of this size needs no permit.
    fn release(&mut self, size: usize) {
        self.permit.take_if(|_| size <= self.above);
    }
}

/// The reason why the next message cannot be read.
#[derive(Debug)]
pub(super) enum FrameError {
    /// The bytes are not a message.
    Wire(WireError),
    /// The connection failed.
    Io(io::Error),
    /// The bytes of a message, or of a snapshot, did not arrive before the timeout.
    Slow,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire(error) => write!(f, "{error}"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Slow => write!(f, "the message did not arrive in time"),
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
            large: Permits::new(SMALL, shared.large.clone()),
            huge: Permits::new(LARGE, shared.huge.clone()),
        }
    }

    /// Reads the next call. The call must begin to arrive within `wait`. Returns `None` if the peer has
    /// closed the connection before the next call.
    pub(super) async fn request(&mut self, wait: Duration) -> Result<Option<&[u8]>, FrameError> {
        self.message(Scan::request(self.limit), wait).await
    }

    /// Reads the next answer. The answer must begin to arrive within `wait`. Returns `None` if the peer has
    /// closed the connection before the answer.
    pub(super) async fn reply(&mut self, wait: Duration) -> Result<Option<&[u8]>, FrameError> {
        self.message(Scan::reply(self.limit), wait).await
    }

    async fn message(&mut self, mut scan: Scan, wait: Duration) -> Result<Option<&[u8]>, FrameError> {
        self.settle();
        let mut until = Instant::now() + wait;
        let mut begun = None;
        loop {
            if let Some(length) = scan.advance(&self.buffer[self.at..])? {
                let begin = self.at;
                self.at += length;
                return Ok(Some(&self.buffer[begin..begin + length]));
            }
            let received = self.buffer.len() - self.at;
            if 0 < received {
                let begun = *begun.get_or_insert_with(Instant::now);
                until = begun + patience(self.timeout, received as u64);
            }
            if self.fill(Some(until)).await? == 0 {
                return if 0 < received { Err(WireError::Truncated.into()) } else { Ok(None) };
            }
        }
    }

    /// Reads exactly `length` bytes of a snapshot. These bytes do not belong to a message.
    pub(super) async fn raw(&mut self, length: usize) -> Result<Vec<u8>, FrameError> {
        let there = length.min(self.buffer.len() - self.at);
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(&self.buffer[self.at..self.at + there]);
        self.at += there;
        while bytes.len() < length {
            let mut rest = (&mut self.io).take((length - bytes.len()) as u64);
            let reading = timeout(stall(self.timeout), rest.read_buf(&mut bytes));
            if reading.await.map_err(|_| FrameError::Slow)?? == 0 {
                return Err(WireError::Truncated.into());
            }
        }
        Ok(bytes)
    }

    /// Waits for bytes while no call waits for an answer. Returns the number of received bytes; zero if the
    /// peer has closed the connection.
    pub(super) async fn idle(&mut self) -> Result<usize, FrameError> {
        if self.at < self.buffer.len() { Ok(self.buffer.len() - self.at) } else { self.fill(None).await }
    }

    async fn fill(&mut self, until: Option<Instant>) -> Result<usize, FrameError> {
        let size = self.buffer.len() - self.at;
        let deadline = until.unwrap_or_else(|| Instant::now() + self.timeout);
        self.large.acquire(size, deadline).await?;
        self.huge.acquire(size, deadline).await?;
        self.buffer.reserve(STEP);
        let reading = self.io.read_buf(&mut self.buffer);
        match until {
            Some(until) => Ok(timeout_at(until, reading).await.map_err(|_| FrameError::Slow)??),
            None => Ok(reading.await?),
        }
    }

    /// Removes the bytes of earlier messages from the buffer. Releases the permits that the rest of the buffer
    /// does not need.
    fn settle(&mut self) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.large.release(self.buffer.len());
        self.huge.release(self.buffer.len());
        if self.buffer.len() <= SMALL {
            self.buffer.shrink_to(SMALL);
        }
    }
}
