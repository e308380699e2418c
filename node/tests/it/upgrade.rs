//! A rolling upgrade: members that send the messages of version 0.1.0, beside members of this version.

use crate::cluster::*;
use crate::tcp::Host;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use wavetank_node::AddressFormat;
use wavetank_node::transport::{
    Arrival, Inbox, Local, LocalCluster, Outgoing, Replier, TcpTransport, Transport,
};
use wavetank_raft::{Configuration, RequestVoteResponse, Response, ServerAddress};

const TIMEOUT: Duration = Duration::from_secs(2);

/// Sends and sees the messages of version 0.1.0: calls do not name the cluster, and refused votes give no
/// reason.
#[derive(Clone)]
struct Old(Arc<TcpTransport>);

impl Transport for Old {
    fn local_addr(&self) -> ServerAddress {
        self.0.local_addr()
    }

    fn max_message_bytes(&self) -> Option<u64> {
        self.0.max_message_bytes()
    }

    fn address_format(&self) -> AddressFormat {
        self.0.address_format()
    }

    fn start(&self, local: Local, inbox: Inbox) {
        let (sender, mut arrivals) = mpsc::channel(64);
        self.0.start(Local { cluster: LocalCluster::default(), ..local }, sender);
        tokio::spawn(async move {
            while let Some(arrival) = arrivals.recv().await {
                if inbox.send(old_arrival(arrival)).await.is_err() {
                    return;
                }
            }
        });
    }

    fn send(&self, call: Outgoing) {
        self.0.send(call);
    }

    fn close(&self) {
        self.0.close();
    }
}

fn old_arrival(arrival: Arrival) -> Arrival {
    match arrival {
        Arrival::Request { mut header, request, replier } => {
            header.cluster = None;
            let replier = Replier::new(move |answer| match answer {
                Ok(response) => replier.reply(old_response(response)),
                Err(why) => replier.refuse(why),
            });
            Arrival::Request { header, request, replier }
        }
        Arrival::Response { from, rpc, response } => {
            Arrival::Response { from, rpc, response: old_response(response) }
        }
        Arrival::Refused { .. } | Arrival::TooLarge { .. } | Arrival::Failed(_) | Arrival::Speaks { .. } => {
            arrival
        }
    }
}

fn old_response(response: Response) -> Response {
    match response {
        Response::RequestVote(vote) => {
            Response::RequestVote(RequestVoteResponse { refused_for_term: false, ..vote })
        }
        other => other,
    }
}

/// Makes one server after the other lead, and applies a command with each.
async fn lead_in_turn(nodes: &[Node], commands: &mut usize) {
    for next in nodes {
        let leader = agreed_leader(nodes).await;
        let id = next.raft.local_id().clone();
        if leader != id.as_str() {
            let leader = nodes.iter().find(|node| node.raft.local_id().as_str() == leader).unwrap();
            within(leader.raft.leadership_transfer_to_server(id, PATIENCE)).await.unwrap();
        }
        next.leads().await;
        *commands += 1;
        assert_eq!(next.apply("line").await, commands.to_string());
    }
    for node in nodes {
        node.holds(|held| held.lines.len() == *commands).await;
    }
}

#[tokio::test]
async fn members_are_upgraded_one_after_the_other() {
    let (mut hosts, mut nodes, mut commands) = (["n1", "n2", "n3"].map(Host::new), Vec::new(), 0);
    for host in &mut hosts {
        let transport = Old(Arc::new(host.bind().await));
        nodes.push(host.start_on(transport).await);
    }
    let members = hosts.iter().map(Host::member).collect();
    nodes[0].raft.bootstrap_cluster(Configuration::new(members).unwrap(), PATIENCE).await.unwrap();
    lead_in_turn(&nodes, &mut commands).await;
    for (upgraded, host) in hosts.iter_mut().enumerate() {
        within(nodes.remove(upgraded).raft.shutdown()).await;
        nodes.insert(upgraded, host.start().await);
        lead_in_turn(&nodes, &mut commands).await;
    }
    // The first one has bootstrapped the cluster, and has shown its identity while it led.
    let mut clusters = Vec::new();
    for node in &nodes {
        clusters.push(within(node.raft.stats()).await.unwrap().cluster);
    }
    assert!(clusters[0].is_some());
    assert_eq!(clusters, [clusters[0]; 3]);
}

#[tokio::test]
async fn a_new_member_of_an_old_cluster_learns_no_identity() {
    let (mut old, mut new) = (Host::new("n1"), Host::new("n2"));
    let transport = Old(Arc::new(old.bind().await));
    let (one, two) = (old.start_on(transport).await, new.start().await);
    one.raft.bootstrap_cluster(Configuration::new(vec![old.member()]).unwrap(), PATIENCE).await.unwrap();
    one.leads().await;
    within(one.raft.barrier(ANY)).await.unwrap();
    within(one.raft.add_voter("n2", new.address.as_str(), None, TIMEOUT)).await.unwrap();
    one.apply("a").await;
    two.holds(|held| held.lines == ["a"]).await;
    assert_eq!(within(two.raft.stats()).await.unwrap().cluster, None);
    let nodes = [one, two];
    lead_in_turn(&nodes, &mut 1).await;
}
