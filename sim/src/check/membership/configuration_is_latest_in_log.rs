//! A server uses the latest configuration in its log, even if this configuration is not committed. If the log
//! has no configuration, the server uses the configuration of its snapshot (thesis §4.1).
//!
//! The check runs whenever the log or the configuration of a server changes.

use crate::check::ghost::{Facts, Ghost, IndexedConf};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const WATCHES: Facts = Facts::CONFIGURED
    .or(Facts::APPENDED)
    .or(Facts::CUT)
    .or(Facts::COMPACTED)
    .or(Facts::INSTALLED)
    .or(Facts::BOOTED);

pub(crate) const CHECK: Check =
    Check::new("configuration_is_latest_in_log", "thesis §4.1", JudgeLevel::History, WATCHES, judge)
        .needing(Parts::LOG.or(Parts::CONFIGURATION));

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    *witnessed += 1;
    let (in_force, latest) = (ghost.step.now_conf, ghost.subject().log.conf());
    if in_force == latest {
        return None;
    }
    let sentence = |placed: Option<IndexedConf>| {
        placed.map_or_else(|| "no configuration".to_owned(), |it| it.to_string())
    };
    let (idx, in_force, latest) = (ghost.step.idx, sentence(in_force), sentence(latest));
    violated(format_args!("{idx} uses {in_force}, but the latest configuration in its log is {latest}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, voters};
    use wavetank_raft::{Index, Payload};

    #[test]
    fn a_configuration_is_in_force_from_its_append_until_it_is_cut() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        fixture.elect(N2, 3);
        fixture.replicate(N2, N1, 2);
        fixture.expect_holds();
    }

    #[test]
    fn a_cut_configuration_must_be_rolled_back() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        fixture.elect(N2, 3);
        let rpc = fixture.rpc();
        let entry = fixture.scripted(N2).entries[2].clone();
        let write = fixture.write(None, wavetank_raft::LogOp::Replace([entry].into()));
        let stuck = |scripted: &mut crate::check::fixture::ScriptedServer| {
            scripted.configuration = Some((Index(3), voters(&[N1, N2])));
        };
        fixture.step(N1, &wavetank_raft::Event::Persisted(wavetank_raft::Token(rpc.0)), stuck, vec![write]);
        fixture.expect_violation(
            "n1 uses n1 n2 at i3, but the latest configuration in its log is n1 n2 n3 at i1",
        );
    }

    #[test]
    fn an_uncommitted_configuration_is_in_force() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        let entry = wavetank_raft::Entry::new(
            wavetank_raft::Term(2),
            Index(3),
            Payload::Configuration(voters(&[N1, N2])),
        );
        let write = fixture.write(None, wavetank_raft::LogOp::Append([entry].into()));
        let late = |scripted: &mut crate::check::fixture::ScriptedServer| {
            scripted.configuration = Some((Index(1), voters(&[N1, N2, N3])));
        };
        fixture.step(N1, &wavetank_raft::Event::Timer, late, vec![write]);
        fixture.expect_violation(
            "n1 uses n1 n2 n3 at i1, but the latest configuration in its log is n1 n2 at i3",
        );
    }
}
