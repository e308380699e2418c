//! A simulated network below the transport: streams in memory with delays, rates, cuts and silence.
//!
//! It runs on one thread under tokio's paused clock. One seed determines each delay, and the trace
//! of two runs with the same seed is the same.

use super::super::layer::{Opening, Stream, StreamLayer};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep};
use wavetank_raft::ServerAddress;

/// The bytes that travel as one packet.
const PACKET: usize = 16 << 10;

/// Draws numbers from a seed (splitmix64).
#[derive(Clone, Debug)]
pub(super) struct Draw(pub(super) u64);

impl Draw {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(super) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What connects one host to another, in one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) delay: Duration,
    /// Bytes a second.
    pub(super) rate: u64,
    /// Bytes that the sender's and the receiver's buffers hold together.
    pub(super) buffer: usize,
    /// Nothing passes for the time being; connections wait.
    pub(super) is_blocked: bool,
}

impl Default for Link {
    fn default() -> Self {
        Self { delay: Duration::from_millis(1), rate: 50_000_000, buffer: 4 << 20, is_blocked: false }
    }
}

/// The network. Clones are the same network.
#[derive(Clone, Debug)]
pub(super) struct Network(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    start: Instant,
    draw: Draw,
    links: BTreeMap<(String, String), Link>,
    listeners: BTreeMap<String, Arc<Listener>>,
    pipes: Vec<(u64, Arc<Mutex<Pipe>>)>,
    connections: u64,
    /// The bytes that each connection has taken.
    carried: BTreeMap<u64, usize>,
    /// Connections that nobody will use and nobody will close.
    forgotten: Vec<Stream>,
    digest: u64,
    events: u64,
}

#[derive(Debug, Default)]
struct Listener {
    waiting: Mutex<VecDeque<(Stream, String)>>,
    arrived: Notify,
}

/// One direction of a connection.
#[derive(Debug)]
struct Pipe {
    network: std::sync::Weak<Mutex<State>>,
    connection: u64,
    from: String,
    to: String,
    packets: VecDeque<(Instant, Vec<u8>)>,
    held: usize,
    /// The time at which the link has sent all packets.
    free_at: Instant,
    is_full: bool,
    is_closed: bool,
    end: PipeEnd,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum PipeEnd {
    Works,
    /// Bytes vanish, and the other end is not told.
    Silent,
    Reset,
}

/// One end of a connection.
#[derive(Debug)]
struct End {
    incoming: Arc<Mutex<Pipe>>,
    outgoing: Arc<Mutex<Pipe>>,
    alarm: Pin<Box<Sleep>>,
}

/// A host of the network.
#[derive(Clone, Debug)]
pub(super) struct HostLayer {
    network: Network,
    host: String,
}

impl Network {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            start: Instant::now(),
            draw: Draw(seed),
            links: BTreeMap::new(),
            listeners: BTreeMap::new(),
            pipes: Vec::new(),
            connections: 0,
            carried: BTreeMap::new(),
            forgotten: Vec::new(),
            digest: 0xcbf2_9ce4_8422_2325,
            events: 0,
        })))
    }

    /// Makes a host that listens at its name.
    pub(super) fn host(&self, host: &str) -> HostLayer {
        self.lock().listeners.insert(host.to_owned(), Arc::default());
        self.layer(host)
    }

    /// The network as a host sees it that listens already, or that only calls.
    pub(super) fn layer(&self, host: &str) -> HostLayer {
        HostLayer { network: self.clone(), host: host.to_owned() }
    }

    /// Changes the link from one host to another.
    pub(super) fn set_link(&self, from: &str, to: &str, change: impl FnOnce(&mut Link)) {
        let mut state = self.lock();
        let link = state.links.entry((from.to_owned(), to.to_owned())).or_default();
        change(link);
        let waiting = state.pipes_between(from, to);
        drop(state);
        for pipe in waiting {
            lock(&pipe).wake();
        }
    }

    /// Ends all connections between two hosts, in both directions, with a reset.
    pub(super) fn reset(&self, one: &str, other: &str) {
        self.end(one, other, PipeEnd::Reset);
    }

    /// Makes all connections between two hosts silent for ever. Neither end is told.
    pub(super) fn silence(&self, one: &str, other: &str) {
        self.end(one, other, PipeEnd::Silent);
    }

    fn end(&self, one: &str, other: &str, end: PipeEnd) {
        let mut state = self.lock();
        let mut pipes = state.pipes_between(one, other);
        pipes.extend(state.pipes_between(other, one));
        state.note(&format!("{end:?} {one} {other}"), pipes.len() as u64);
        drop(state);
        for pipe in pipes {
            let mut pipe = lock(&pipe);
            if pipe.end == PipeEnd::Works {
                pipe.end = end;
            }
            pipe.wake();
        }
    }

    /// Keeps a connection open that nobody uses.
    pub(super) fn forget(&self, stream: Stream) {
        self.lock().forgotten.push(stream);
    }

    /// The number of connections that were opened so far.
    pub(super) fn connections(&self) -> u64 {
        self.lock().connections
    }

    /// The number of connections that have taken at least this many bytes.
    pub(super) fn carriers(&self, bytes: usize) -> usize {
        self.lock().carried.values().filter(|carried| bytes <= **carried).count()
    }

    /// The digest of all events so far, and their number.
    pub(super) fn digest(&self) -> (u64, u64) {
        let state = self.lock();
        (state.digest, state.events)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn link(&self, from: &str, to: &str) -> Link {
        self.links.get(&(from.to_owned(), to.to_owned())).copied().unwrap_or_default()
    }

    fn note(&mut self, what: &str, number: u64) {
        let at = u64::try_from(self.start.elapsed().as_micros()).unwrap();
        let bytes = what.bytes().chain(at.to_be_bytes()).chain(number.to_be_bytes());
        for byte in bytes {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.events += 1;
    }

    fn pipes_between(&mut self, from: &str, to: &str) -> Vec<Arc<Mutex<Pipe>>> {
        self.pipes.retain(|(_, pipe)| 1 < Arc::strong_count(pipe));
        let pipes = self.pipes.iter().map(|(_, pipe)| pipe.clone());
        pipes
            .filter(|pipe| {
                let pipe = lock(pipe);
                pipe.from == from && pipe.to == to
            })
            .collect()
    }

    fn pipe(&mut self, network: &Network, from: &str, to: &str) -> Arc<Mutex<Pipe>> {
        let pipe = Arc::new(Mutex::new(Pipe {
            network: Arc::downgrade(&network.0),
            connection: self.connections,
            from: from.to_owned(),
            to: to.to_owned(),
            packets: VecDeque::new(),
            held: 0,
            free_at: Instant::now(),
            is_full: false,
            is_closed: false,
            end: PipeEnd::Works,
            reader: None,
            writer: None,
        }));
        self.pipes.push((self.connections, pipe.clone()));
        pipe
    }
}

fn lock(pipe: &Mutex<Pipe>) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap()
}

impl StreamLayer for HostLayer {
    fn accept(&self) -> Opening<'_, (Stream, String)> {
        Box::pin(async {
            let listener = self.network.lock().listeners.get(&self.host).cloned();
            let listener = listener.ok_or(io::ErrorKind::NotConnected)?;
            loop {
                if let Some(accepted) = listener.waiting.lock().unwrap().pop_front() {
                    return Ok(accepted);
                }
                listener.arrived.notified().await;
            }
        })
    }

    fn dial<'a>(&'a self, address: &'a ServerAddress) -> Opening<'a, Stream> {
        Box::pin(self.open(address.as_str().trim_end_matches(":1")))
    }

    fn close(&self) {
        self.network.lock().listeners.remove(&self.host);
    }
}

impl HostLayer {
    async fn open(&self, to: &str) -> io::Result<Stream> {
        sleep(self.round_trip(to)).await;
        match self.connect(to) {
            Some(connected) => connected,
            // No packet comes back: the caller's timeout ends this.
            None => std::future::pending().await,
        }
    }

    fn round_trip(&self, to: &str) -> Duration {
        let mut state = self.network.lock();
        let jitter = Duration::from_micros(state.draw.below(500));
        state.link(&self.host, to).delay + state.link(to, &self.host).delay + jitter
    }

    /// Opens a connection, or returns its failure; `None` if the other host cannot be reached.
    fn connect(&self, to: &str) -> Option<io::Result<Stream>> {
        let from = self.host.as_str();
        let mut state = self.network.lock();
        if state.link(from, to).is_blocked || state.link(to, from).is_blocked {
            state.note("unreachable", 0);
            return None;
        }
        let Some(listener) = state.listeners.get(to).cloned() else {
            return Some(Err(io::ErrorKind::ConnectionRefused.into()));
        };
        state.connections += 1;
        let (there, back) = (state.pipe(&self.network, from, to), state.pipe(&self.network, to, from));
        let connection = state.connections;
        state.note(&format!("open {from} {to}"), connection);
        drop(state);
        listener.waiting.lock().unwrap().push_back((end(there.clone(), back.clone()), from.to_owned()));
        listener.arrived.notify_one();
        Some(Ok(end(back, there)))
    }
}

fn end(incoming: Arc<Mutex<Pipe>>, outgoing: Arc<Mutex<Pipe>>) -> Stream {
    Box::new(End { incoming, outgoing, alarm: Box::pin(sleep(Duration::ZERO)) })
}

impl Pipe {
    fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }

    /// Takes packets from the writer. `None` if the buffers are full.
    fn accept(&mut self, bytes: &[u8]) -> Option<usize> {
        let network = self.network.upgrade().map(Network)?;
        let mut state = network.lock();
        let link = state.link(&self.from, &self.to);
        // As operating systems do: once full, there is no room before a third of it is free.
        self.is_full = if self.is_full { link.buffer / 3 * 2 < self.held } else { link.buffer <= self.held };
        if self.is_full {
            return None;
        }
        let mut taken = 0;
        for packet in bytes.chunks(PACKET) {
            if link.buffer <= self.held {
                break;
            }
            let time = Duration::from_micros(packet.len() as u64 * 1_000_000 / link.rate);
            self.free_at = self.free_at.max(Instant::now()) + time;
            let jitter = Duration::from_micros(state.draw.below(200));
            self.packets.push_back((self.free_at + link.delay + jitter, packet.to_vec()));
            self.held += packet.len();
            taken += packet.len();
        }
        *state.carried.entry(self.connection).or_default() += taken;
        state.note("write", self.connection << 32 | taken as u64);
        Some(taken)
    }

    /// Moves arrived bytes to the reader. Returns the time of the next arrival if no bytes have arrived yet.
    fn take(&mut self, into: &mut ReadBuf<'_>) -> Result<usize, Option<Instant>> {
        let Some(network) = self.network.upgrade().map(Network) else { return Ok(0) };
        let is_blocked = network.lock().link(&self.from, &self.to).is_blocked;
        if is_blocked {
            return Err(None);
        }
        let mut taken = 0;
        while let Some((at, packet)) = self.packets.front_mut() {
            if Instant::now() < *at {
                return if taken == 0 { Err(Some(*at)) } else { Ok(taken) };
            }
            let count = packet.len().min(into.remaining());
            if count == 0 {
                break;
            }
            into.put_slice(&packet[..count]);
            (taken, self.held) = (taken + count, self.held - count);
            if count == packet.len() {
                self.packets.pop_front();
            } else {
                packet.drain(..count);
            }
        }
        if 0 < taken {
            network.lock().note("read", self.connection << 32 | taken as u64);
            self.writer.take().into_iter().for_each(Waker::wake);
        }
        if 0 < taken || self.is_closed { Ok(taken) } else { Err(None) }
    }
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let incoming = self.incoming.clone();
            let mut pipe = lock(&incoming);
            match pipe.end {
                PipeEnd::Reset => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                PipeEnd::Silent => {
                    pipe.reader = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                PipeEnd::Works => {}
            }
            let Err(next) = pipe.take(into) else { return Poll::Ready(Ok(())) };
            pipe.reader = Some(cx.waker().clone());
            drop(pipe);
            let Some(at) = next else { return Poll::Pending };
            self.alarm.as_mut().reset(at);
            if self.alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.outgoing);
        match pipe.end {
            PipeEnd::Reset => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            PipeEnd::Silent | PipeEnd::Works => {}
        }
        if pipe.is_closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if let Some(taken) = pipe.accept(bytes) {
            pipe.reader.take().into_iter().for_each(Waker::wake);
            return Poll::Ready(Ok(taken));
        }
        pipe.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = lock(&self.outgoing);
        pipe.is_closed = true;
        pipe.wake();
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        for pipe in [&self.outgoing, &self.incoming] {
            let mut pipe = lock(pipe);
            pipe.is_closed = true;
            pipe.wake();
        }
    }
}
