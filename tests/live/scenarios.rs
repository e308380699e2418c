//! The scenarios. Each begins with a leader of one kind, and runs once for each kind.

use crate::cluster::Cluster;
use crate::process::{Kind, go_server};
use crate::writers::Writers;
use std::time::{Duration, Instant};
use wavetank_sim::plan::rng::{Domain, Stream};

/// A threshold that no server reaches by itself.
const NO_SNAPSHOT: u32 = 1_000_000;

/// Makes the two tests of a scenario. Without Go they do nothing.
macro_rules! scenarios {
    ($($scenario:ident)*) => {
        $(mod $scenario {
            use super::*;

            #[test]
            fn go_leads_first() {
                run(stringify!($scenario), Kind::Go, super::$scenario);
            }

            #[test]
            fn rust_leads_first() {
                run(stringify!($scenario), Kind::Rust, super::$scenario);
            }
        })*
    };
}

scenarios! {
    servers_join_and_lose_their_vote_and_leave
    leaders_are_killed
    leadership_is_transferred
    a_server_that_is_behind_gets_a_snapshot
    all_servers_are_replaced_and_replaced_back
}

fn run(name: &str, first: Kind, scenario: fn(Kind) -> Cluster) {
    if go_server().is_some() {
        scenario(first).finish(&format!("{name}, {first:?} leads first"));
    }
}

fn servers_join_and_lose_their_vote_and_leave(first: Kind) -> Cluster {
    let mut cluster = Cluster::of(first, NO_SNAPSHOT);
    cluster.write(20);

    let two = cluster.start(first.other());
    cluster.lead(&format!("nonvoter {}", cluster.place(&two)));
    cluster.until_caught_up(&two);
    cluster.until_members_are("n1 (n2)");

    cluster.lead(&format!("voter {}", cluster.place(&two)));
    cluster.add_voter(first.other());
    cluster.until_members_are("n1 n2 n3");
    cluster.write(20);

    cluster.lead("demote n2");
    cluster.until_members_are("n1 (n2) n3");
    cluster.write(20);

    cluster.lead(&format!("voter {}", cluster.place(&two)));
    cluster.lead("remove n3");
    cluster.discard("n3");
    cluster.until_members_are("n1 n2");
    cluster
}

/// Each kind is killed twice while it leads.
fn leaders_are_killed(first: Kind) -> Cluster {
    let mut cluster = Cluster::of_voters(&[first, first.other(), first.other(), first], NO_SNAPSHOT);
    let writers = Writers::start(&cluster, 2);
    for leader in ["n1", "n2", "n4", "n3"] {
        cluster.transfer(leader);
        writers.until_more(&cluster, 10);
        cluster.kill(leader);
        writers.until_more(&cluster, 10);
        cluster.restart(leader);
        cluster.until_caught_up(leader);
    }
    writers.stop(&mut cluster);
    cluster
}

/// Between the two kinds in both directions, and between two servers of one kind.
fn leadership_is_transferred(first: Kind) -> Cluster {
    let mut cluster = Cluster::of_voters(&[first, first.other(), first.other()], NO_SNAPSHOT);
    let writers = Writers::start(&cluster, 2);
    for target in ["n2", "n1", "n3", "n2", "n1"] {
        cluster.transfer(target);
        writers.until_more(&cluster, 10);
    }
    writers.stop(&mut cluster);
    cluster
}

/// All servers have deleted the entries that two servers of the other kind lack: one was down, the other one is
/// new.
fn a_server_that_is_behind_gets_a_snapshot(first: Kind) -> Cluster {
    let mut cluster = Cluster::of_voters(&[first, first.other(), first], NO_SNAPSHOT);
    cluster.kill("n2");
    let writers = Writers::start(&cluster, 2);
    writers.until_more(&cluster, 200);
    writers.stop(&mut cluster);
    for name in ["n1", "n3"] {
        cluster.until_caught_up(name);
        cluster.snapshot(name);
    }

    cluster.restart("n2");
    cluster.until_caught_up("n2");
    let new = cluster.add_voter(first.other());
    for name in ["n2", &new] {
        let [_, _, restored, snapshot] = cluster.stats(name);
        assert!(
            restored == "1" && snapshot != "0",
            "{name} has restored {restored} snapshots, the last at {snapshot}"
        );
    }

    // Such a server starts with the snapshot of the other kind.
    cluster.kill("n2");
    cluster.restart("n2");
    cluster.until_caught_up("n2");
    assert_eq!(cluster.stats("n2")[2], "1");
    cluster
}

fn all_servers_are_replaced_and_replaced_back(first: Kind) -> Cluster {
    let mut cluster = Cluster::of_voters(&[first; 3], NO_SNAPSHOT);
    let writers = Writers::start(&cluster, 2);
    for kind in [first.other(), first] {
        for old in cluster.names() {
            let new = cluster.start(kind);
            cluster.lead(&format!("nonvoter {}", cluster.place(&new)));
            cluster.until_caught_up(&new);
            cluster.lead(&format!("voter {}", cluster.place(&new)));
            cluster.lead(&format!("remove {old}"));
            writers.until_more(&cluster, 10);
            cluster.discard(&old);
        }
        assert!(cluster.names().iter().all(|name| cluster.kind(name) == kind));
    }
    cluster.until_members_are("n7 n8 n9");
    writers.stop(&mut cluster);
    cluster
}

/// Kills up to two of five servers at a time, and sometimes all of them, for thirty seconds.
#[test]
fn servers_are_killed_at_random() {
    const LENGTH: Duration = Duration::from_secs(30);
    if go_server().is_none() {
        return;
    }
    let mut chance = Stream::new(1, Domain::Act, 0, 0);
    let mut cluster = Cluster::of_voters(&[Kind::Go, Kind::Rust, Kind::Go, Kind::Rust, Kind::Rust], 100);
    let writers = Writers::start(&cluster, 4);
    let (begun, mut leaders) = (Instant::now(), [0, 0]);
    while begun.elapsed() < LENGTH {
        let leader = cluster.leader();
        let mut victims = cluster.names();
        if chance.chance(7, 8) {
            let first = chance.below(5);
            victims.rotate_left(usize::try_from(first).unwrap());
            victims.truncate(1);
            if chance.chance(1, 2) && victims[0] != leader {
                victims.push(leader.clone());
            }
        }
        if victims.contains(&leader) {
            leaders[cluster.kind(&leader) as usize] += 1;
        }
        victims.iter().for_each(|name| cluster.kill(name));
        if victims.len() < 3 {
            writers.until_more(&cluster, chance.from_to(1, 100));
        }
        victims.iter().for_each(|name| cluster.restart(name));
        writers.until_more(&cluster, chance.from_to(1, 100));
    }
    writers.stop(&mut cluster);
    let [go, rust] = leaders;
    assert!(0 < go && 0 < rust, "leaders of both kinds are killed: {go} of Go, {rust} of Rust");
    cluster
        .finish(&format!("servers_are_killed_at_random, {go} leaders of Go and {rust} of Rust were killed"));
}
