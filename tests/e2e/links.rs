//! The links between servers. A proxy in front of each server can hold back the bytes from another
//! server, in one direction or in both.
//!
//! A proxy learns the name of the calling server from its first call.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

/// The largest number of bytes that a proxy reads to find the caller's name.
const MAX_FIRST_CALL: usize = 1 << 20;

/// The links of a cluster. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The links that are cut, as pairs of sender and receiver.
    cut: BTreeSet<(String, String)>,
    connections: Vec<Arc<Connection>>,
}

/// A connection through a proxy, by the names of its caller and its receiver.
#[derive(Debug)]
struct Connection {
    from: String,
    to: String,
    near: TcpStream,
    far: TcpStream,
}

/// A direction of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Direction {
    Forward,
    Back,
}

/// The proxy of one server.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    target: Arc<Mutex<Option<String>>>,
}

impl Links {
    /// Starts a proxy for the server with this name.
    pub(crate) fn proxy(&self, name: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(Mutex::new(None::<String>));
        let (links, name, to) = (self.clone(), name.to_owned(), target.clone());
        thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let target_address = to.lock().unwrap().clone();
                let (links, name) = (links.clone(), name.clone());
                // An error ends only this connection.
                thread::spawn(move || {
                    target_address.map(|target_address| links.forward(caller, &target_address, name))
                });
            }
        });
        Proxy { address, target }
    }

    /// Holds back all bytes from one server to another.
    pub(crate) fn cut(&self, from: &str, to: &str) {
        self.lock().cut.insert((from.to_owned(), to.to_owned()));
    }

    /// Restores all links. The bytes that were held back arrive late. If `is_lost` is true, they are lost
    /// with their connection.
    pub(crate) fn heal(&self, is_lost: bool) {
        let mut state = self.lock();
        let State { cut, connections } = &mut *state;
        if is_lost {
            connections
                .iter()
                .filter(|connection| connection.is_cut(cut))
                .for_each(|connection| connection.close());
        }
        cut.clear();
        drop(state);
        self.0.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    fn forward(&self, near: TcpStream, target_address: &str, to: String) -> io::Result<()> {
        let far = TcpStream::connect(target_address)?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let (from, first) = read_caller(&near)?;
        let connection = Arc::new(Connection { from, to, near, far });
        self.lock().connections.push(connection.clone());
        let (links, back) = (self.clone(), connection.clone());
        thread::spawn(move || links.pass(&back, Direction::Back, Vec::new()));
        self.pass(&connection, Direction::Forward, first);
        Ok(())
    }

    /// Forwards bytes while the link is not cut, until one end closes.
    fn pass(&self, connection: &Arc<Connection>, way: Direction, first: Vec<u8>) {
        let (mut from, mut to, ends) = match way {
            Direction::Forward => {
                (&connection.near, &connection.far, (connection.from.clone(), connection.to.clone()))
            }
            Direction::Back => {
                (&connection.far, &connection.near, (connection.to.clone(), connection.from.clone()))
            }
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
        connection.close();
        self.lock().connections.retain(|other| !Arc::ptr_eq(other, connection));
    }
}

impl Connection {
    fn close(&self) {
        for socket in [&self.near, &self.far] {
            // The socket may be closed already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    fn is_cut(&self, cut: &BTreeSet<(String, String)>) -> bool {
        let Self { from, to, .. } = self;
        cut.contains(&(from.clone(), to.clone())) || cut.contains(&(to.clone(), from.clone()))
    }
}

impl Proxy {
    /// Forwards connections to this address from now on. Without an address it closes them: then the
    /// server is down.
    pub(crate) fn forward_to(&self, target_address: Option<String>) {
        *self.target.lock().unwrap() = target_address;
    }
}

/// Reads until the caller's name is known.
fn read_caller(mut near: &TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_FIRST_CALL {
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

/// The field `ID` of a call: a short text after its key. Commands are ASCII, so they contain no bytes
/// that look like this field.
fn name_in(bytes: &[u8]) -> Option<String> {
    const KEY: &[u8] = b"\xa2ID";
    let at = bytes.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let length = usize::from(bytes.get(at)? & 0x1f);
    let name = bytes.get(at + 1..at + 1 + length)?;
    String::from_utf8(name.to_vec()).ok()
}
