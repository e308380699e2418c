//! Two searches of the same steps come to the same.

use wavetank_raft::{Index, RoleName, Term};
use wavetank_sim::explore::{Bounds, Disks, Reductions};
use wavetank_stateright::{Came, Claim, ours, theirs};

const SMALL: Bounds = Bounds {
    nodes: 3,
    spares: 0,
    terms: 1,
    entries: 1,
    crashes: 1,
    changes: 0,
    beats: 0,
    duplicates: 0,
    drops: 0,
    batch: 1,
    window: 1,
    disks: Disks::Hang,
    judged: wavetank_sim::Column::Steps,
};

/// Two servers and two terms.
const PAIR: Bounds = Bounds { nodes: 2, terms: 2, ..SMALL };

#[test]
fn both_count_the_same_states() {
    let brief = Bounds { terms: 1, ..PAIR };
    for bounds in [
        Bounds { entries: 0, ..SMALL },
        PAIR,
        Bounds { disks: Disks::Late, ..PAIR },
        Bounds { disks: Disks::Quick, ..PAIR },
        Bounds { beats: 1, ..brief },
        Bounds { duplicates: 1, drops: 1, ..brief },
        Bounds { entries: 2, window: 2, batch: 2, ..brief },
        Bounds { spares: 1, changes: 1, crashes: 0, ..brief },
    ] {
        for symmetry in [true, false] {
            for on in [true, false] {
                let reductions = Reductions { symmetry, inert: on, disks: on };
                let (ours, theirs) = (ours(bounds, reductions, None), theirs(bounds, reductions, None));
                assert_eq!(ours, theirs, "{bounds}, {:?}, {reductions:?}", bounds.disks);
                assert_eq!(ours.broken_in, None, "{bounds}");
            }
        }
    }
}

#[test]
fn both_find_the_same_shortest_way_to_break_something() {
    let claims: [(&str, Claim); 4] = [
        ("nobody leads", |server| server.node.role() != RoleName::Leader),
        ("nothing is committed", |server| server.node.commit() < Index(2)),
        ("nobody leads the third term", |server| {
            (server.node.role(), server.node.term()) != (RoleName::Leader, Term(3))
        }),
        ("nobody has lost what it acknowledged", |server| {
            server.node.term() < Term(3) || Index(2) <= server.node.log().last().index
        }),
    ];
    for (what, claim) in claims {
        for bounds in [Bounds { terms: 2, ..SMALL }, Bounds { disks: Disks::Late, ..PAIR }] {
            let broken_in = |came: Came| came.broken_in.unwrap_or_else(|| panic!("{what}, within {bounds}"));
            let ours = broken_in(ours(bounds, Reductions::ALL, Some(claim)));
            let theirs = broken_in(theirs(bounds, Reductions::ALL, Some(claim)));
            assert_eq!(ours, theirs, "{what}, within {bounds}");
        }
    }
}
