//! What lies between servers: each is reached through a harbour of its own, and what passes from
//! one server to another can be held up, in one direction or both.
//!
//! A harbour finds out who calls by reading the first call, which says so.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

/// A call that has not said who calls by then is not passed on.
const UNNAMED: usize = 1 << 20;

/// The links of a cluster. Clones are the same sea.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sea(Arc<Water>);

#[derive(Debug, Default)]
struct Water {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// From whom to whom nothing passes.
    cut: BTreeSet<(String, String)>,
    links: Vec<Arc<Link>>,
}

/// One connection, from who made it to whom it was made.
#[derive(Debug)]
struct Link {
    from: String,
    to: String,
    near: TcpStream,
    far: TcpStream,
}

/// A direction of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    There,
    Back,
}

/// Where one server is reached.
#[derive(Debug)]
pub(crate) struct Harbour {
    pub(crate) address: SocketAddr,
    quay: Arc<Mutex<Option<String>>>,
}

impl Sea {
    /// A harbour for a server of that name.
    pub(crate) fn harbour(&self, name: &str) -> Harbour {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let quay = Arc::new(Mutex::new(None::<String>));
        let (sea, name, to) = (self.clone(), name.to_owned(), quay.clone());
        thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let berth = to.lock().unwrap().clone();
                let (sea, name) = (sea.clone(), name.clone());
                // Whatever fails here is a connection that failed.
                thread::spawn(move || berth.map(|berth| sea.ferry(caller, &berth, name)));
            }
        });
        Harbour { address, quay }
    }

    /// Holds up what passes from one to the other.
    pub(crate) fn cut(&self, from: &str, to: &str) {
        self.lock().cut.insert((from.to_owned(), to.to_owned()));
    }

    /// Lets everything pass again: what was held up arrives late, or is lost with its connection.
    pub(crate) fn heal(&self, is_lost: bool) {
        let mut state = self.lock();
        let State { cut, links } = &mut *state;
        if is_lost {
            links.iter().filter(|link| link.is_cut(cut)).for_each(|link| link.close());
        }
        cut.clear();
        drop(state);
        self.0.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    fn ferry(&self, near: TcpStream, berth: &str, to: String) -> io::Result<()> {
        let far = TcpStream::connect(berth)?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let (from, first) = read_caller(&near)?;
        let link = Arc::new(Link { from, to, near, far });
        self.lock().links.push(link.clone());
        let (sea, back) = (self.clone(), link.clone());
        thread::spawn(move || sea.pass(&back, Way::Back, Vec::new()));
        self.pass(&link, Way::There, first);
        Ok(())
    }

    /// Passes bytes on, when the way is free, until one end hangs up.
    fn pass(&self, link: &Arc<Link>, way: Way, first: Vec<u8>) {
        let (mut from, mut to, ends) = match way {
            Way::There => (&link.near, &link.far, (link.from.clone(), link.to.clone())),
            Way::Back => (&link.far, &link.near, (link.to.clone(), link.from.clone())),
        };
        let mut bytes = first;
        loop {
            let is_cut = |state: &mut State| state.cut.contains(&ends);
            drop(self.0.changed.wait_while(self.lock(), is_cut).unwrap());
            if to.write_all(&bytes).is_err() {
                break;
            }
            bytes.resize(64 << 10, 0);
            match from.read(&mut bytes) {
                Ok(0) | Err(_) => break,
                Ok(length) => bytes.truncate(length),
            }
        }
        link.close();
        self.lock().links.retain(|other| !Arc::ptr_eq(other, link));
    }
}

impl Link {
    fn close(&self) {
        for socket in [&self.near, &self.far] {
            // It may be closed already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    fn is_cut(&self, cut: &BTreeSet<(String, String)>) -> bool {
        let Self { from, to, .. } = self;
        cut.contains(&(from.clone(), to.clone())) || cut.contains(&(to.clone(), from.clone()))
    }
}

impl Harbour {
    /// Ships go there from now on; nowhere while the server is down.
    pub(crate) fn leads_to(&self, berth: Option<String>) {
        *self.quay.lock().unwrap() = berth;
    }
}

/// Reads until the caller has said its name.
fn read_caller(mut near: &TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    while bytes.len() < UNNAMED {
        let mut more = [0; 4096];
        let length = near.read(&mut more)?;
        bytes.extend_from_slice(&more[..length]);
        if let Some(name) = name_in(&bytes) {
            return Ok((name, bytes));
        }
        if length == 0 {
            break;
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

/// The field `ID` of a call: a short text behind its key. Commands are ASCII, so that nothing in
/// them looks like it.
fn name_in(bytes: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\xa2ID";
    let at = bytes.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let length = usize::from(bytes.get(at)? & 0x1f);
    let name = bytes.get(at + 1..at + 1 + length)?;
    String::from_utf8(name.to_vec()).ok()
}
