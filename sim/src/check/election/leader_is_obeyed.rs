//! A server that hears from the leader of its term follows it.

use crate::check::ghost::{Facts, Ledger, Took};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;
use wavetank_raft::RoleName;

/// Leader contact is obeyed (T9).
pub(crate) const CHECK: Check =
    Check::new("leader_is_obeyed", "thesis §3.4", Column::Ghosts, Facts::CONTACT, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ledger.step;
    let (Took::Append { from: leader, .. } | Took::Snapshot { from: leader, .. }) = step.took else {
        return None;
    };
    let slot = step.slot;
    if !ledger.subject().is_up() || leader == slot.node() {
        return None;
    }
    *witnessed += 1;
    let (term, role, follows) = (step.now.term, step.now.role, step.now.leader);
    if role == RoleName::Follower && follows == Some(leader) {
        return None;
    }
    let follows = follows.map_or_else(|| "nobody".to_owned(), |leader| leader.to_string());
    say(format_args!("{slot} heard from {leader}, the leader of {term}, and is a {role:?} of {follows}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, Tale};
    use crate::plan::server_set::Slot;
    use wavetank_raft::{AppendEntries, Event, Index, LogId, Request, RpcId, Term};

    fn heartbeat(from: Slot, term: u64) -> Event {
        let append = AppendEntries {
            term: Term(term),
            prev: LogId::ZERO,
            entries: [].into(),
            leader_commit: Index(0),
        };
        Event::Request { from: from.node(), rpc: RpcId(3), request: Request::AppendEntries(append) }
    }

    #[test]
    fn a_follower_follows() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.is_quiet();
    }

    #[test]
    fn a_candidate_gives_way_to_the_winner() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.pose(N2, |posed| posed.glimpse.role = RoleName::Candidate);
        tale.step(N2, &heartbeat(N1, 2), |_| {}, Vec::new());
        tale.speaks("n2 heard from n1, the leader of t2, and is a Candidate of nobody");
    }

    #[test]
    fn an_older_leader_need_not_be_obeyed() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.settle(N2, 3);
        tale.step(N3, &heartbeat(N1, 2), |_| {}, Vec::new());
        tale.is_quiet();
    }
}
