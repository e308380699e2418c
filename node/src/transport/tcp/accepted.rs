//! The accepted connections of a transport. The number of connections is limited. If all places are taken, a
//! silent connection is closed, and the new connection gets the free place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// The accepted connections. At most `most` connections are open at the same time.
#[derive(Debug)]
pub(super) struct Accepted {
    most: usize,
    /// The time without a call after which a connection may be closed for a new connection.
    rest: Duration,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    serial: u64,
    connections: BTreeMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    host: String,
    /// The time of the last call, or of the last piece of a snapshot; `None` before the first call.
    called: Option<Instant>,
    /// The connection closes when this sender is dropped.
    _keep: oneshot::Sender<()>,
}

/// The place of one connection. The place becomes free when this value is dropped.
#[derive(Debug)]
pub(super) struct Place {
    accepted: Arc<Accepted>,
    number: u64,
}

impl Accepted {
    pub(super) fn new(most: usize, rest: Duration) -> Arc<Self> {
        Arc::new(Self { most, rest, open: Mutex::default() })
    }

    /// Reserves a place for a new connection from this host. Returns the place and a receiver. The new
    /// connection must close when the sender for this receiver is dropped. If all places are taken, another
    /// connection must close. The first choice is the oldest connection without any call. The second choice
    /// is the connection whose last call is the oldest, if this call is older than the time `rest`. The third
    /// choice is a connection of the host with the most connections, if that host afterwards still has at
    /// least as many connections as the host of the new connection. If no connection can close, returns
    /// `None`.
    pub(super) fn admit(self: &Arc<Self>, host: &str) -> Option<(Place, oneshot::Receiver<()>)> {
        let mut open = self.lock();
        if self.most <= open.connections.len() {
            let number = open.at_rest(self.rest).or_else(|| open.of_largest_host(host))?;
            open.connections.remove(&number);
        }
        let (keep, closing) = oneshot::channel();
        open.serial += 1;
        let number = open.serial;
        open.connections.insert(number, Connection { host: host.to_owned(), called: None, _keep: keep });
        Some((Place { accepted: self.clone(), number }, closing))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().expect("no code panics while the connections are locked")
    }
}

impl Open {
    /// Returns the number of the connection with the longest silence. Returns `None` if there is no
    /// connection, or if the silence is shorter than `rest`.
    fn at_rest(&self, rest: Duration) -> Option<u64> {
        // The map is in the order of the serial numbers, so the oldest connection comes first. `None` is less
        // than any time.
        let (number, one) = self.connections.iter().min_by_key(|(_, one)| one.called)?;
        one.called.is_none_or(|called| rest <= called.elapsed()).then_some(*number)
    }

    /// Returns the number of a connection of the host that has the most connections: the connection with the
    /// longest silence. Returns `None` if that host does not have at least two more connections than the host
    /// `newcomer`.
    fn of_largest_host(&self, newcomer: &str) -> Option<u64> {
        let mut shares: BTreeMap<&str, usize> = BTreeMap::new();
        for one in self.connections.values() {
            *shares.entry(&one.host).or_default() += 1;
        }
        let own = shares.get(newcomer).copied().unwrap_or(0);
        let (largest, _) =
            shares.into_iter().max_by_key(|(_, share)| *share).filter(|(_, share)| own + 1 < *share)?;
        let of_host = self.connections.iter().filter(|(_, one)| one.host == largest);
        of_host.min_by_key(|(_, one)| one.called).map(|(number, _)| *number)
    }
}

impl Place {
    /// Records that the peer has sent a call or a piece of a snapshot.
    pub(super) fn on_call(&self) {
        if let Some(connection) = self.accepted.lock().connections.get_mut(&self.number) {
            connection.called = Some(Instant::now());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.accepted.lock().connections.remove(&self.number);
    }
}
