//! Limits, slow links, and connections that nobody uses, on the simulated network.

use super::super::layer::{Opening, Stream, StreamLayer};
use super::network::{Link, Network};
use super::simulated::*;
use super::*;
use crate::CallError;
use crate::error::StartError;
use tokio::time::{Instant, sleep, timeout};
use wavetank_raft::store::inmem::{InmemSnapshotStore, InmemStore};

const MIB: usize = 1 << 20;

/// Waits until the condition holds, for a virtual hour at most.
async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(3600), waiting).await.expect("within an hour");
}

fn slow(network: &Network, rate: u64) {
    for (from, to) in NAMES.iter().flat_map(|from| NAMES.map(|to| (*from, to))) {
        network.set_link(from, to, |link| *link = Link { rate, ..*link });
    }
}

#[test]
fn a_command_above_the_limit_is_refused_and_the_cluster_goes_on() {
    simulate(async {
        let cluster = Cluster::start(1, Shape::default(), 3).await;
        let leader = cluster.until_led().await;
        let words = "the command or state has 33554433 bytes, but max_command_bytes is 33554432";
        let large = vec![7; 32 * MIB + 1];
        let error = leader.apply(large.clone(), Duration::ZERO).await.unwrap_err();
        assert_eq!(error.to_string(), words);
        assert!(!error.is_unknown());
        let error = leader.restore(large.clone(), Duration::ZERO).await.unwrap_err();
        assert_eq!(error.to_string(), words);
        let error = leader.apply_log(vec![1], large, Duration::ZERO).await.unwrap_err();
        assert!(matches!(error, CallError::Refused(Refusal::TooLarge { .. })), "{error}");
        leader.apply(vec![7; 32 * MIB], Duration::ZERO).await.unwrap();
        leader.restore(vec![0; 32 * MIB], Duration::ZERO).await.unwrap();
        leader.apply(*b"on", Duration::ZERO).await.unwrap();
    });
}

#[test]
fn limits_that_do_not_fit_each_other_are_refused_at_the_start() {
    simulate(async {
        let limits = Limits { message_bytes: 32 << 20, ..Limits::default() };
        let transport = transport(Network::new(1).host("n1"), "n1", TIMEOUT, limits);
        let config = Config { local_id: "n1".into(), ..Config::default() };
        let error = crate::Raft::builder(config, Ledger::default(), transport)
            .log_store(InmemStore::new())
            .stable_store(InmemStore::new())
            .snapshot_store(InmemSnapshotStore::default())
            .start()
            .await
            .unwrap_err();
        assert!(matches!(error, StartError::Limits { .. }));
        let words = "max_command_bytes is 33554432, but must not be above message_bytes of the transport \
                     minus 512 KiB, which is 33030144";
        assert_eq!(error.to_string(), words);
    });
}

#[test]
fn a_message_above_the_limit_does_not_hold_up_the_others() {
    simulate(async {
        let network = Network::new(1);
        let limits = Limits { message_bytes: 1 << 10, ..Limits::default() };
        let on = |name| Server::on(transport(network.host(name), name, TIMEOUT, limits), name);
        let (one, mut two) = (on("n1"), on("n2"));
        one.call(&two, 1, append(2..40));
        one.call(&two, 2, append(40..41));
        assert_eq!(two.request().await.1, append(40..41));
        assert_eq!(network.connections(), 1);
    });
}

/// An entry that was accepted with higher limits does not fit into a message any more.
#[test]
fn an_entry_that_is_too_large_for_a_message_is_reported_until_the_limit_is_raised() {
    simulate(async {
        let (high, small) = (Shape::default(), Limits { message_bytes: 2 << 20, ..Limits::default() });
        let low = Shape {
            config: Config { max_command_bytes: 1 << 20, ..Config::default() },
            limits: small,
            ..Shape::default()
        };
        let mut cluster = Cluster::start(3, high.clone(), 1).await;
        let large = cluster.until_led().await.apply(vec![7; 3 * MIB], Duration::ZERO).await.unwrap();
        cluster.shape = low;
        for name in NAMES {
            cluster.raft(name).shutdown().await;
            cluster.restart(name).await;
        }
        let leader = cluster.until_led().await;
        let mut observer = leader.register_observer(64, |_| true).await.unwrap();
        leader.add_nonvoter("n2", "n2:1", None, Duration::ZERO).await.unwrap();
        let mut reports = Vec::new();
        sleep(Duration::from_secs(600)).await;
        while let Some(observed) = observer.try_recv() {
            if let Observed::EntryTooLarge { peer, entry, bytes, limit } = observed {
                reports.push((peer, entry.index, limit));
                assert!(limit < bytes);
            }
        }
        assert_eq!(reports, [(NodeId::of("n2"), large.index, 2 << 20)], "once, in ten minutes");
        assert_eq!(cluster.applied()[1], 0);

        cluster.shape = high;
        for name in ["n2", "n1"] {
            cluster.raft(name).shutdown().await;
            cluster.restart(name).await;
        }
        until(|| cluster.applied()[1] == 1).await;
    });
}

/// A snapshot replaces an entry that no message can carry.
#[test]
fn a_snapshot_delivers_what_is_too_large_for_a_message() {
    simulate(async {
        let mut cluster = Cluster::start(4, Shape::default(), 1).await;
        cluster.until_led().await.apply(vec![7; 3 * MIB], Duration::ZERO).await.unwrap();
        cluster.shape = Shape {
            config: Config { max_command_bytes: 1 << 20, trailing_logs: 0, ..Config::default() },
            limits: Limits { message_bytes: 2 << 20, ..Limits::default() },
            ..Shape::default()
        };
        for name in NAMES {
            cluster.raft(name).shutdown().await;
            cluster.restart(name).await;
        }
        let leader = cluster.until_led().await;
        leader.barrier(Duration::ZERO).await.unwrap();
        leader.add_nonvoter("n2", "n2:1", None, Duration::ZERO).await.unwrap();
        sleep(Duration::from_secs(60)).await;
        assert_eq!(cluster.applied()[1], 0);
        leader.snapshot(Duration::ZERO).await.unwrap();
        until(|| cluster.applied()[1] == 1).await;
    });
}

/// Strangers that begin large messages and stop take all places for large messages, but not for ever.
#[test]
fn large_messages_that_do_not_end_hold_up_no_member_for_long() {
    simulate(async {
        let shape = Shape { timeout: Duration::from_secs(1), ..Shape::default() };
        let cluster = Cluster::start(6, shape, 3).await;
        let leader = cluster.until_led().await;
        for follower in NAMES.iter().filter(|name| **name != leader.local_id().as_str()) {
            for _ in 0..8 {
                let dialing = cluster.network.layer("stranger");
                let address = (*follower).into();
                let mut stream = dialing.dial(&address).await.unwrap();
                // An AppendEntries with a command of 32 MiB, of which a part arrives.
                let entry = Entry::new(Term(1), Index(1), Payload::Command(vec![7; 32 * MIB].into()));
                let append = AppendEntries {
                    term: Term(1),
                    prev: LogId::ZERO,
                    entries: Arc::from([entry]),
                    leader_commit: Index(0),
                };
                let mut bytes = Vec::new();
                wire::encode_request(&header(3), &Request::AppendEntries(append), &mut bytes);
                stream.write_all(&bytes[..2 * MIB]).await.unwrap();
                cluster.network.forget(stream);
            }
        }
        let began = Instant::now();
        leader.apply(vec![7; 4 * MIB], Duration::ZERO).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    });
}

/// A follower whose limit is lower than that of the leader gets nothing, and holds up nobody.
#[test]
fn a_follower_with_a_lower_limit_holds_up_nobody() {
    simulate(async {
        let mut cluster = Cluster::start(7, Shape::default(), 3).await;
        let leader = cluster.until_led().await;
        let low = *NAMES.iter().find(|name| **name != leader.local_id().as_str()).unwrap();
        let high = cluster.shape.clone();
        cluster.shape.config.max_command_bytes = 1 << 20;
        cluster.shape.limits.message_bytes = 2 << 20;
        cluster.raft(low).shutdown().await;
        cluster.restart(low).await;
        leader.apply(vec![7; 3 * MIB], Duration::ZERO).await.unwrap();
        for _ in 0..10 {
            leader.apply(vec![7; 10], Duration::ZERO).await.unwrap();
            sleep(Duration::from_secs(3)).await;
        }
        assert_eq!(cluster.leader().map(|leader| leader.local_id().clone()), Some(leader.local_id().clone()));
        let at = NAMES.iter().position(|name| *name == low).unwrap();
        assert_eq!(cluster.applied()[at], 0);
        cluster.shape = high;
        cluster.raft(low).shutdown().await;
        cluster.restart(low).await;
        until(|| cluster.applied()[at] == 11).await;
    });
}

/// A follower that joins gets a snapshot of this size over links with this rate. Returns the number of
/// connections that carried some of it, and the time that it took.
fn snapshot_arrives(size: usize, rate: u64) -> (usize, Duration) {
    simulate(async {
        let config = Config { trailing_logs: 0, ..Config::default() };
        let cluster = Cluster::start(5, Shape { config, ..Shape::default() }, 2).await;
        let leader = cluster.until_led().await;
        for _ in 0..size / MIB {
            leader.apply(vec![7; MIB], Duration::ZERO).await.unwrap();
        }
        leader.snapshot(Duration::ZERO).await.unwrap();
        slow(&cluster.network, rate);
        let began = Instant::now();
        let before = cluster.network.carriers(MIB);
        leader.add_nonvoter("n3", "n3:1", None, Duration::ZERO).await.unwrap();
        until(|| cluster.applied()[2] == size / MIB).await;
        let took = began.elapsed();
        (cluster.network.carriers(MIB) - before, took)
    })
}

#[test]
fn a_snapshot_arrives_over_a_slow_link_on_one_connection() {
    for rate in [150_000, 1_000_000, 50_000_000] {
        let (connections, took) = snapshot_arrives(64 * MIB, rate);
        assert_eq!(connections, 1);
        let least = (64 * MIB) as u64 / rate;
        assert!((least..least + 5 + least / 10).contains(&took.as_secs()), "{took:?}");
    }
}

#[test]
fn a_large_command_arrives_over_a_slow_link() {
    simulate(async {
        let cluster = Cluster::start(2, Shape::default(), 3).await;
        let leader = cluster.until_led().await;
        slow(&cluster.network, 1_000_000);
        let began = Instant::now();
        leader.apply(vec![7; 24 * MIB], Duration::ZERO).await.unwrap();
        leader.apply(*b"small", Duration::ZERO).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
    });
}

#[test]
fn connections_that_nobody_uses_do_not_keep_a_member_out() {
    for says_something in [false, true] {
        simulate(async {
            let network = Network::new(3);
            let limits = Limits { connections: 4, ..Limits::default() };
            let on = |name| Server::on(transport(network.host(name), name, TIMEOUT, limits), name);
            let (mut one, two) = (on("n1"), on("n2"));
            for _ in 0..8 {
                let mut stranger = network.layer("stranger").dial(&"n1".into()).await.unwrap();
                if says_something {
                    let mut bytes = Vec::new();
                    wire::encode_request(&header(3), &vote(5), &mut bytes);
                    stranger.write_all(&bytes).await.unwrap();
                    drop(one.request().await);
                    sleep(TIMEOUT * 2).await;
                }
                network.forget(stranger);
            }
            two.call(&one, 1, vote(6));
            assert_eq!(one.request().await.1, vote(6));
        });
    }
}

/// Strangers that send a call byte by byte have sent no call, so they give their places to a member.
#[test]
fn calls_that_arrive_byte_by_byte_do_not_keep_a_member_out() {
    simulate(async {
        let network = Network::new(3);
        let limits = Limits { connections: 4, ..Limits::default() };
        let on = |name| Server::on(transport(network.host(name), name, TIMEOUT, limits), name);
        let (mut one, two) = (on("n1"), on("n2"));
        for _ in 0..8 {
            let mut stranger = network.layer("stranger").dial(&"n1".into()).await.unwrap();
            let mut bytes = Vec::new();
            wire::encode_request(&header(3), &append(2..40), &mut bytes);
            tokio::spawn(async move {
                for byte in bytes {
                    if stranger.write_all(&[byte]).await.is_err() {
                        return;
                    }
                    sleep(TIMEOUT / 2).await;
                }
            });
        }
        sleep(TIMEOUT).await;
        two.call(&one, 1, vote(6));
        assert_eq!(one.request().await.1, vote(6));
    });
}

/// Strangers on one host that call all the time have no more places than their share.
#[test]
fn calls_of_one_host_do_not_keep_a_member_out() {
    simulate(async {
        let network = Network::new(3);
        let limits = Limits { connections: 4, ..Limits::default() };
        let on = |name| Server::on(transport(network.host(name), name, TIMEOUT, limits), name);
        let (mut one, two) = (on("n1"), on("n2"));
        for _ in 0..4 {
            let mut stranger = network.layer("stranger").dial(&"n1".into()).await.unwrap();
            let mut bytes = Vec::new();
            wire::encode_request(&header(3), &vote(5), &mut bytes);
            tokio::spawn(async move {
                while stranger.write_all(&bytes).await.is_ok() {
                    sleep(TIMEOUT / 4).await;
                }
            });
        }
        sleep(TIMEOUT).await;
        two.call(&one, 1, vote(6));
        while one.request().await.1 != vote(6) {}
    });
}

/// Something listens at the address of a member, accepts every connection, and reads nothing.
#[test]
fn a_listener_that_never_answers_holds_up_nobody() {
    simulate(async {
        let cluster = Cluster::start(8, Shape::default(), 3).await;
        let leader = cluster.until_led().await;
        let mute = *NAMES.iter().find(|name| **name != leader.local_id().as_str()).unwrap();
        cluster.raft(mute).shutdown().await;
        let listener = cluster.network.host(mute);
        tokio::spawn(async move {
            let mut streams = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                streams.push(stream);
            }
        });
        let before = cluster.network.connections();
        for _ in 0..60 {
            leader.apply(vec![7; MIB], Duration::ZERO).await.unwrap();
            sleep(Duration::from_secs(10)).await;
        }
        assert!(cluster.network.connections() - before < 600, "{}", cluster.network.connections() - before);
    });
}

#[test]
fn an_idle_connection_is_closed() {
    simulate(async {
        let network = Network::new(3);
        let mut one = Server::on(transport(network.host("n1"), "n1", TIMEOUT, Limits::default()), "n1");
        let mut stranger = network.layer("stranger").dial(&"n1".into()).await.unwrap();
        let mut bytes = Vec::new();
        wire::encode_request(&header(3), &vote(5), &mut bytes);
        stranger.write_all(&bytes).await.unwrap();
        drop(one.request().await);
        let began = Instant::now();
        stranger.read_to_end(&mut Vec::new()).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 150);
    });
}

/// A network that panics when it is asked for a connection.
#[derive(Debug)]
struct Broken;

impl StreamLayer for Broken {
    fn accept(&self) -> Opening<'_, (Stream, String)> {
        panic!("told to")
    }

    fn dial<'a>(&'a self, _: &'a ServerAddress) -> Opening<'a, Stream> {
        panic!("told to")
    }

    fn close(&self) {}
}

#[test]
fn a_panic_in_a_task_of_the_transport_is_the_reason_of_the_stop() {
    simulate(async {
        let bound = SocketAddr::from(([127, 0, 0, 1], 1));
        let broken =
            TcpTransport::over(Box::new(Broken), bound, "n1:1".into(), 3, TIMEOUT, Limits::default());
        let config = Config { local_id: "n1".into(), ..Config::default() };
        let raft = crate::Raft::builder(config, Ledger::default(), broken.clone())
            .log_store(InmemStore::new())
            .stable_store(InmemStore::new())
            .snapshot_store(InmemSnapshotStore::default())
            .start()
            .await
            .unwrap();
        let Some(Halt::Store(why)) = raft.stopped().await else { panic!() };
        assert_eq!(why.what, "a task of the transport panicked: told to");
        assert!(broken.shared.is_closing());
        assert_eq!(raft.apply(*b"a", Duration::ZERO).await.unwrap_err(), CallError::Shutdown);
    });
}
