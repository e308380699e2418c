//! Our servers and servers that behave like HashiCorp's, in one cluster.

use super::run;
use wavetank_raft::Server;
use wavetank_sim::observe::report::Verdict;
use wavetank_sim::subject::HashiCorp;
use wavetank_sim::{Either, Plan};

type Mixed<const SWITCHES: u8> = Either<Server, HashiCorp<SWITCHES>>;

/// Returns the digests of storms with these switches. All storms must hold.
fn digests<const SWITCHES: u8>(seeds: std::ops::Range<u64>) -> Vec<u64> {
    let digest = |seed| {
        let report = run::<Mixed<SWITCHES>, ()>(Plan::storm(seed), ()).report;
        assert!(matches!(report.verdict, Verdict::Held | Verdict::Vacuous(_)), "{seed}: {}", report.verdict);
        assert!(report.off.is_empty(), "{seed}: {:?}", report.off);
        report.digest
    };
    seeds.map(digest).collect()
}

#[test]
fn mixed_clusters_hold_in_storms_with_each_difference_alone_and_with_all() {
    let none = digests::<0>(0..60);
    let differ = |with: &[u64]| none.iter().zip(with).filter(|(one, other)| one != other).count();
    let alone = [
        digests::<{ HashiCorp::BUSY }>(0..60),
        digests::<{ HashiCorp::ECHO }>(0..60),
        digests::<{ HashiCorp::NO_PROMISE }>(0..60),
        digests::<{ HashiCorp::BARE_MESSAGES }>(0..60),
    ];
    for (switch, with) in alone.iter().enumerate() {
        assert!(3 < differ(with), "the switch {switch} must change runs, but it changes {}", differ(with));
    }
    let plain = digests::<{ HashiCorp::PLAIN_ENTRIES }>(0..60);
    assert_eq!(none, plain, "no server sends an entry that a server of HashiCorp Raft cannot take");
    digests::<{ HashiCorp::ALL }>(0..300);
}
