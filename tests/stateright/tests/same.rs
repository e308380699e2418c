//! Two searches of the same steps find the same states.

use wavetank_raft::{Index, RoleName, Term};
use wavetank_sim::explore::{Bounds, DiskModel, Reductions};
use wavetank_stateright::{Claim, SearchResult, ours, theirs};

/// Bounds with three servers, one election, one command and one crash.
fn small() -> Bounds {
    Bounds { terms: 1, entries: 1, ..Bounds::default() }
}

/// Bounds with two servers and two elections.
fn pair() -> Bounds {
    Bounds { nodes: 2, entries: 1, ..Bounds::default() }
}

#[test]
fn both_count_the_same_states() {
    let brief = Bounds { terms: 1, ..pair() };
    for bounds in [
        Bounds { entries: 0, ..small() },
        pair(),
        Bounds { disks: DiskModel::Late, ..pair() },
        Bounds { disks: DiskModel::Quick, ..pair() },
        Bounds { beats: 1, ..brief },
        Bounds { duplicates: 1, drops: 1, ..brief },
        Bounds { entries: 2, window: 2, batch: 2, ..brief },
        Bounds { spares: 1, changes: 1, crashes: 0, ..brief },
    ] {
        for symmetry in [true, false] {
            for on in [true, false] {
                let reductions = Reductions { symmetry, inert: on, disks: on };
                let (ours, theirs) = (ours(bounds, reductions, None), theirs(bounds, reductions, None));
                let within = format!("{bounds}, {:?}, {reductions:?}", bounds.disks);
                // If a bug is planted, both stop at it after the same number of moves.
                assert_eq!(ours.breach_depth, theirs.breach_depth, "moves to a breach, within {within}");
                assert_eq!(ours.breach_depth, None, "nothing is wrong, within {within}");
                assert_eq!(ours.states, theirs.states, "states, within {within}");
            }
        }
    }
}

#[test]
fn both_find_the_same_shortest_way_to_break_something() {
    let claims: [(&str, Claim); 4] = [
        ("no server leads", |server| server.node.role() != RoleName::Leader),
        ("nothing is committed", |server| server.node.commit() < Index(2)),
        ("no server leads term 3", |server| {
            (server.node.role(), server.node.term()) != (RoleName::Leader, Term(3))
        }),
        ("no server has lost an acknowledged entry", |server| {
            server.node.term() < Term(3) || Index(2) <= server.node.log().last().index
        }),
    ];
    for (what, claim) in claims {
        for bounds in [Bounds { terms: 2, ..small() }, Bounds { disks: DiskModel::Late, ..pair() }] {
            let breach_depth = |result: SearchResult| {
                result.breach_depth.unwrap_or_else(|| panic!("{what}, within {bounds}"))
            };
            let ours = breach_depth(ours(bounds, Reductions::ALL, Some(claim)));
            let theirs = breach_depth(theirs(bounds, Reductions::ALL, Some(claim)));
            assert_eq!(ours, theirs, "{what}, within {bounds}");
        }
    }
}
