//! A network of servers in one process. Messages are not encoded. Links can be cut.

use super::{Arrival, Inbox, Local, Outgoing, Replier, Transport};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use wavetank_raft::{Dialect, NodeId, ServerAddress, ServerId};

/// The network that connects in-memory transports. All clones refer to the same network.
#[derive(Clone, Debug, Default)]
pub struct InmemNetwork {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    servers: BTreeMap<ServerAddress, (ServerId, Inbox)>,
    cut: BTreeSet<(ServerAddress, ServerAddress)>,
}

/// The transport of one server on an [`InmemNetwork`].
#[derive(Clone, Debug)]
pub struct InmemTransport {
    network: InmemNetwork,
    address: ServerAddress,
    local: Arc<Mutex<Option<Local>>>,
    /// The peers whose dialect this transport has reported to the server since the server started.
    introduced: Arc<Mutex<BTreeSet<NodeId>>>,
}

impl InmemNetwork {
    /// Makes a network without servers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the transport of a server at this address.
    #[must_use]
    pub fn transport(&self, address: impl Into<ServerAddress>) -> InmemTransport {
        let (local, introduced) = (Arc::default(), Arc::default());
        InmemTransport { network: self.clone(), address: address.into(), local, introduced }
    }

    /// Cuts the link between the servers at two addresses. All messages between these servers are lost, in
    /// both directions, until [`InmemNetwork::heal`] is called.
    pub fn cut(&self, one: impl Into<ServerAddress>, other: impl Into<ServerAddress>) {
        let (one, other) = (one.into(), other.into());
        let mut state = self.lock();
        state.cut.insert((one.clone(), other.clone()));
        state.cut.insert((other, one));
    }

    /// Isolates the server at `address`: cuts the links to all servers that are on the network now. Links to
    /// servers that start later are not cut.
    pub fn isolate(&self, address: impl Into<ServerAddress>) {
        let address = address.into();
        let others: Vec<_> = self.lock().servers.keys().filter(|other| **other != address).cloned().collect();
        for other in others {
            self.cut(address.clone(), other);
        }
    }

    /// Restores every link that was cut.
    pub fn heal(&self) {
        self.lock().cut.clear();
    }

    fn inbox(&self, from: &ServerAddress, to: &ServerAddress) -> Option<(ServerId, Inbox)> {
        let state = self.lock();
        let is_cut = state.cut.contains(&(from.clone(), to.clone()));
        if is_cut { None } else { state.servers.get(to).cloned() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds the lock of the network")
    }
}

impl InmemTransport {
    fn local(&self) -> Option<Local> {
        self.local.lock().expect("no code panics while it holds this lock").clone()
    }

    fn set_local(&self, local: Option<Local>) {
        *self.local.lock().expect("no code panics while it holds this lock") = local;
    }
}

/// Reports the dialect of a peer to the server, before the first answer of the peer. Has no effect if the
/// dialect was reported earlier.
fn introduce(peer: NodeId, inbox: &Inbox, introduced: &Mutex<BTreeSet<NodeId>>) {
    let mut introduced = locked(introduced);
    if !introduced.contains(&peer)
        && inbox.try_send(Arrival::Speaks { peer, dialect: Dialect::Wavetank }).is_ok()
    {
        introduced.insert(peer);
    }
}

fn locked(introduced: &Mutex<BTreeSet<NodeId>>) -> MutexGuard<'_, BTreeSet<NodeId>> {
    introduced.lock().expect("no code panics while it holds the lock of the peers")
}

impl Transport for InmemTransport {
    fn local_addr(&self) -> ServerAddress {
        self.address.clone()
    }

    fn start(&self, local: Local, inbox: Inbox) {
        self.network.lock().servers.insert(self.address.clone(), (local.id.clone(), inbox));
        self.set_local(Some(local));
        locked(&self.introduced).clear();
    }

    fn send(&self, call: Outgoing) {
        let Some(local) = self.local() else { return };
        let Some((id, inbox)) = self.network.inbox(&self.address, &call.address) else { return };
        if id != call.to {
            return;
        }
        let (network, caller, introduced) =
            (self.network.clone(), self.address.clone(), self.introduced.clone());
        let from = call.to.node();
        let replier = Replier::new(move |answer| {
            if let Some((_, inbox)) = network.inbox(&call.address, &caller) {
                // If the inbox is full, the message is lost.
                let _ = inbox.try_send(match answer {
                    Ok(response) => {
                        introduce(from, &inbox, &introduced);
                        Arrival::Response { from, rpc: call.rpc, response }
                    }
                    Err(why) => Arrival::Refused { from, why },
                });
            }
        });
        let header = local.header(Dialect::Wavetank);
        let _ = inbox.try_send(Arrival::Request { header, request: call.request, replier });
    }

    fn close(&self) {
        let mut state = self.network.lock();
        // In the meantime, another server may have taken the address.
        if let Some(local) = self.local()
            && state.servers.get(&self.address).is_some_and(|(id, _)| *id == local.id)
        {
            state.servers.remove(&self.address);
        }
        drop(state);
        self.set_local(None);
    }
}

#[cfg(test)]
mod tests {
    use super::super::LocalCluster;
    use super::*;
    use tokio::sync::mpsc;
    use wavetank_raft::{Request, Response, RpcId, Term, TimeoutNow, TimeoutNowResponse};

    fn start(network: &InmemNetwork, name: &str) -> (InmemTransport, mpsc::Receiver<Arrival>) {
        let transport = network.transport(name);
        let (inbox, arrivals) = mpsc::channel(4);
        let local = Local {
            id: name.into(),
            address: name.into(),
            protocol_version: 3,
            heartbeat_timeout: std::time::Duration::from_secs(1),
            cluster: LocalCluster::default(),
        };
        transport.start(local, inbox);
        (transport, arrivals)
    }

    fn call(to: &str) -> Outgoing {
        let request = Request::TimeoutNow(TimeoutNow { term: Some(Term(3)) });
        Outgoing { to: to.into(), address: to.into(), rpc: RpcId(7), request }
    }

    #[test]
    fn a_call_and_its_answer_arrive_unless_the_link_is_cut() {
        let network = InmemNetwork::new();
        let (one, mut to_one) = start(&network, "n1");
        let (_two, mut to_two) = start(&network, "n2");
        one.send(call("n2"));
        let Ok(Arrival::Request { header, replier, .. }) = to_two.try_recv() else { panic!() };
        assert_eq!(header.id, Some("n1".into()));
        replier.reply(Response::TimeoutNow(TimeoutNowResponse { accepted: true }));
        assert!(matches!(to_one.try_recv(), Ok(Arrival::Speaks { dialect: Dialect::Wavetank, .. })));
        assert!(matches!(to_one.try_recv(), Ok(Arrival::Response { rpc: RpcId(7), .. })));

        one.send(call("n2"));
        let Ok(Arrival::Request { replier, .. }) = to_two.try_recv() else { panic!() };
        replier.reply(Response::TimeoutNow(TimeoutNowResponse { accepted: true }));
        assert!(matches!(to_one.try_recv(), Ok(Arrival::Response { .. })), "n2 is known already");

        one.send(call("n3"));
        network.isolate("n2");
        one.send(call("n2"));
        assert!(to_two.try_recv().is_err());
        network.heal();
        one.send(call("n2"));
        let Ok(Arrival::Request { replier, .. }) = to_two.try_recv() else { panic!() };
        one.close();
        replier.reply(Response::TimeoutNow(TimeoutNowResponse { accepted: true }));
        assert!(to_one.try_recv().is_err());
    }
}
