//! Nothing is promised that a crash at this instant would undo: votes, acknowledged entries and
//! acknowledged snapshots are on the disk before anybody hears of them.

use crate::check::ghost::{Exposure, Facts, Ledger, Shadow};
use crate::check::{Check, say};
use crate::plan::judge_level::Column;
use crate::plan::server_set::Slot;
use wavetank_raft::{HardState, NodeId, Term};

/// A message left that binds its sender.
pub(crate) const PROMISES: Facts =
    Facts::SENT_GRANT.or(Facts::SENT_CANDIDACY).or(Facts::SENT_ACK).or(Facts::SENT_SNAPSHOT_ACK);

/// Persist before send (P1).
pub(crate) const CHECK: Check =
    Check::new("persist_before_send", "thesis §3.8", Column::Ghosts, PROMISES, judge);

fn judge(ledger: &Ledger, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (slot, shadow) = (ledger.step.slot, ledger.subject());
    *witnessed += 1;
    let promise = ledger.step.exposures.iter().find(|promise| !is_borne_out(slot, promise, shadow))?;
    early(slot, promise, shadow)
}

fn votes(hard: HardState, term: Term, candidate: NodeId) -> bool {
    term < hard.term || hard == HardState { term, vote: Some(candidate) }
}

/// Whether a disk bears a promise out.
fn is_borne_out(slot: Slot, promise: &Exposure, shadow: &Shadow) -> bool {
    let hard = shadow.disk.hard;
    match *promise {
        Exposure::Grant { term, to } => votes(hard, term, to),
        Exposure::Candidacy { term, .. } => votes(hard, term, slot.node()),
        Exposure::Ack { term, upto } => term < hard.term || term == hard.term && shadow.disk_has(upto),
        Exposure::SnapshotAck { term, upto } => {
            term <= hard.term && (shadow.disk_covers(upto.index) || shadow.disk_has(upto))
        }
        // Binds nobody.
        Exposure::PreGrant { .. } | Exposure::TimeoutNow { .. } => true,
    }
}

#[cold]
fn early(slot: Slot, promise: &Exposure, shadow: &Shadow) -> Option<String> {
    let what = match promise {
        Exposure::Grant { term, to } => format!("gave {to} its vote of {term}"),
        Exposure::PreGrant { to } => format!("would vote for {to}"),
        Exposure::Candidacy { term, .. } => format!("asked for votes in {term}"),
        Exposure::Ack { term, upto } => format!("acknowledged {upto} in {term}"),
        Exposure::SnapshotAck { term, upto } => format!("acknowledged the snapshot of {upto} in {term}"),
        Exposure::TimeoutNow { to } => format!("called {to} to campaign"),
    };
    let HardState { term, vote } = shadow.disk.hard;
    let vote = vote.map_or_else(String::new, |vote| format!(" with a vote for {vote}"));
    let (last, snapshot) = (shadow.disk.log.last(), shadow.disk.snapshot);
    say(format_args!(
        "{slot} {what}; its disk has {term}{vote}, a log up to {last}, a snapshot of {snapshot}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{N1, N2, N3, Tale};
    use wavetank_raft::{Event, LogId, LogOp, Request, RequestVote, RpcId, Token};

    #[test]
    fn after_the_disk_everything_may_leave() {
        let mut tale = Tale::three(&CHECK);
        tale.settle(N1, 2);
        tale.settle(N3, 3);
        tale.is_quiet();
    }

    #[test]
    fn a_vote_waits_for_the_disk() {
        let mut tale = Tale::three(&CHECK);
        let hard = HardState { term: Term(2), vote: Some(N1.node()) };
        let write = tale.write(Some(hard), LogOp::Keep);
        let grant = tale.granting(N1, RpcId(1), 2);
        tale.step(N2, &Event::Timer, |_| {}, vec![write, grant]);
        tale.speaks("n2 gave n1 its vote of t2; its disk has t1, a log up to t1.i1");
    }

    #[test]
    fn so_does_asking_for_votes() {
        let mut tale = Tale::three(&CHECK);
        let last_log = tale.posed(N1).glimpse.last;
        let request =
            Request::RequestVote(RequestVote { term: Term(2), last_log, leadership_transfer: false });
        let send = wavetank_raft::Action::Send { to: N2.node(), rpc: RpcId(1), request };
        tale.step(N1, &Event::Timer, |posed| posed.glimpse.term = Term(2), vec![send]);
        tale.speaks("n1 asked for votes in t2; its disk has t1");
    }

    #[test]
    fn so_do_entries() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        let rpc = tale.deliver(N1, N2, 0);
        let yes = tale.yes(N1, N2, rpc);
        tale.step(N2, &Event::Persisted(Token(0)), |_| {}, vec![yes]);
        tale.speaks("n2 acknowledged t2.i2 in t2; its disk has t2 with a vote for n1, a log up to t1.i1");
    }

    #[test]
    fn a_term_must_be_on_the_disk_for_an_acknowledgement() {
        let mut tale = Tale::three(&CHECK);
        tale.elect(N1, 2);
        tale.crash(N2);
        tale.boot_with_vote(N2, 1, None);
        tale.pose(N2, |posed| posed.glimpse.term = Term(2));
        let rpc = tale.deliver(N1, N2, 2);
        let yes = tale.yes(N1, N2, rpc);
        tale.step(N2, &Event::Persisted(Token(0)), |_| {}, vec![yes]);
        tale.speaks("n2 acknowledged t2.i2 in t2; its disk has t1");
    }

    #[test]
    fn who_is_on_a_newer_term_promises_nothing_about_the_old_one() {
        let mut shadow = Shadow::default();
        shadow.disk.hard = HardState { term: Term(5), vote: None };
        let upto = LogId::new(Term(3), wavetank_raft::Index(8));
        assert!(is_borne_out(N1, &Exposure::Ack { term: Term(4), upto }, &shadow));
        assert!(!is_borne_out(N1, &Exposure::Ack { term: Term(5), upto }, &shadow));
        assert!(!is_borne_out(N1, &Exposure::SnapshotAck { term: Term(4), upto }, &shadow));
        shadow.disk.snapshot = upto;
        assert!(is_borne_out(N1, &Exposure::SnapshotAck { term: Term(4), upto }, &shadow));
        assert!(is_borne_out(N1, &Exposure::Ack { term: Term(5), upto }, &shadow));
    }
}
