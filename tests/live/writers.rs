//! Clients that write all the time.

use crate::cluster::{Addresses, Cluster, PAUSE};
use crate::process::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

/// Writes with the index that their clients were told.
pub(crate) type Acknowledged = Vec<(u64, String)>;

/// Clients in threads.
pub(crate) struct Writers {
    threads: Vec<JoinHandle<Acknowledged>>,
    shared: Arc<Shared>,
}

struct Shared {
    addresses: Addresses,
    is_over: AtomicBool,
    acknowledged: AtomicU64,
}

impl Writers {
    pub(crate) fn start(cluster: &Cluster, count: usize) -> Self {
        let (is_over, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
        let shared = Arc::new(Shared { addresses: cluster.addresses.clone(), is_over, acknowledged });
        let writer = |number| {
            let shared = shared.clone();
            thread::spawn(move || shared.write(number))
        };
        Self { threads: (0..count).map(writer).collect(), shared }
    }

    /// Waits until this many more writes are acknowledged.
    pub(crate) fn until_more(&self, cluster: &Cluster, count: u64) {
        let wanted = self.shared.acknowledged.load(Ordering::Relaxed) + count;
        cluster.until("acknowledged writes", || {
            (wanted <= self.shared.acknowledged.load(Ordering::Relaxed)).then_some(())
        });
    }

    /// Stops the clients, and tells the cluster what was acknowledged.
    pub(crate) fn stop(self, cluster: &mut Cluster) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            cluster.acknowledged.extend(thread.join().unwrap());
        }
    }
}

impl Shared {
    /// Writes with one server until it refuses, then with the next one.
    fn write(&self, number: usize) -> Acknowledged {
        let (mut acknowledged, mut connection) = (Acknowledged::new(), None);
        let (mut server, mut count) = (number, 0);
        while !self.is_over.load(Ordering::Relaxed) {
            // No data is written twice: a write without an answer may take effect.
            count += 1;
            let data = format!("w{number}-{count}");
            match self.index_of(&data, server, &mut connection) {
                Some(index) => {
                    acknowledged.push((index, data));
                    self.acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                None => {
                    (server, connection) = (server + 1, None);
                    thread::sleep(PAUSE);
                }
            }
        }
        acknowledged
    }

    /// Writes the data, and returns its index if the write is acknowledged.
    fn index_of(&self, data: &str, server: usize, connection: &mut Option<Connection>) -> Option<u64> {
        if connection.is_none() {
            let addresses = self.addresses.read().unwrap().clone();
            let address = addresses.get(server % addresses.len().max(1))?;
            *connection = Some(Connection::open(*address).ok()?);
        }
        let answer = connection.as_mut()?.ask(&format!("apply {data}")).ok()?;
        answer.strip_prefix("ok ")?.parse().ok()
    }
}
