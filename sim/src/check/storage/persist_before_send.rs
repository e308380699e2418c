//! Before a server sends a vote or an acknowledgement, the vote, the acknowledged entries or the acknowledged
//! snapshot are on the disk (thesis §3.8).
//!
//! The check runs whenever a server sends a vote, a vote request or an acknowledgement.

use crate::check::ghost::{Facts, Ghost, GhostServer, Promise};
use crate::check::{Check, violated, vote_record};
use crate::plan::judge_level::JudgeLevel;
use crate::plan::server_set::ServerIdx;
use crate::subject::Parts;
use wavetank_raft::{HardState, NodeId, Term};

/// The facts that tell that a server sent a promise. A promise is a message that the server must still honour
/// after a crash.
pub(crate) const PROMISES: Facts =
    Facts::SENT_GRANT.or(Facts::SENT_CANDIDACY).or(Facts::SENT_ACK).or(Facts::SENT_SNAPSHOT_ACK);

const NEEDS: Parts = Parts::MESSAGES.or(Parts::TERM).or(Parts::VOTE).or(Parts::LOG);

pub(crate) const CHECK: Check =
    Check::new("persist_before_send", "thesis §3.8", JudgeLevel::History, PROMISES, judge).needing(NEEDS);

fn judge(ghost: &Ghost, _: Facts, witnessed: &mut u64) -> Option<String> {
    let (idx, ghost_server) = (ghost.step.idx, ghost.subject());
    *witnessed += 1;
    let promise = ghost.step.promises.iter().find(|promise| !is_borne_out(idx, promise, ghost_server))?;
    early(idx, promise, ghost_server)
}

fn votes(hard: HardState, term: Term, candidate: NodeId) -> bool {
    term < hard.term || hard == HardState { term, vote: Some(candidate) }
}

/// True if the disk has the data that the server promised to have.
fn is_borne_out(idx: ServerIdx, promise: &Promise, ghost_server: &GhostServer) -> bool {
    let hard = ghost_server.disk.hard;
    match *promise {
        Promise::Grant { term, to } => votes(hard, term, to),
        Promise::Candidacy { term, .. } => votes(hard, term, idx.node()),
        Promise::Ack { term, upto } => term < hard.term || term == hard.term && ghost_server.disk_has(upto),
        Promise::SnapshotAck { term, upto } => {
            term <= hard.term && (ghost_server.disk_covers(upto.index) || ghost_server.disk_has(upto))
        }
        // The sender of such a message may forget the message in a crash.
        Promise::PreGrant { .. } | Promise::TimeoutNow { .. } => true,
    }
}

#[cold]
fn early(idx: ServerIdx, promise: &Promise, ghost_server: &GhostServer) -> Option<String> {
    let record = vote_record(ghost_server.disk.hard);
    let (last, snapshot) = (ghost_server.disk.log.last(), ghost_server.disk.snapshot);
    violated(format_args!(
        "{idx} {promise}, but the disk of {idx} has {record}, a log up to {last}, and a snapshot up to {snapshot}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3};
    use wavetank_raft::{Event, LogId, LogOp, Request, RequestVote, RpcId, Token};

    #[test]
    fn after_the_write_everything_may_be_sent() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.settle(N3, 3);
        fixture.expect_holds();
    }

    #[test]
    fn a_vote_waits_for_the_disk() {
        let mut fixture = Fixture::three(&CHECK);
        let hard = HardState { term: Term(2), vote: Some(N1.node()) };
        let write = fixture.write(Some(hard), LogOp::Keep);
        let grant = fixture.granting(N1, RpcId(1), 2);
        fixture.step(N2, &Event::Timer, |_| {}, vec![write, grant]);
        fixture.expect_violation("n2 voted for n1 in t2, but the disk of n2 has t1 without a vote");
    }

    #[test]
    fn a_vote_request_waits_for_the_disk() {
        let mut fixture = Fixture::three(&CHECK);
        let last_log = fixture.scripted(N1).view.last;
        let request =
            Request::RequestVote(RequestVote { term: Term(2), last_log, leadership_transfer: false });
        let send = wavetank_raft::Action::Send { to: N2.node(), rpc: RpcId(1), request };
        fixture.step(N1, &Event::Timer, |scripted| scripted.view.term = Term(2), vec![send]);
        fixture.expect_violation("n1 asked for votes in t2, but the disk of n1 has t1");
    }

    #[test]
    fn an_acknowledgement_waits_for_the_disk() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        let rpc = fixture.deliver(N1, N2, 0);
        let yes = fixture.acknowledgement(N1, N2, rpc);
        fixture.step(N2, &Event::Persisted(Token(0)), |_| {}, vec![yes]);
        fixture.expect_violation(
            "n2 acknowledged t2.i2 in t2, but the disk of n2 has t2 with a vote for n1, a log up to t1.i1",
        );
    }

    #[test]
    fn an_acknowledgement_needs_its_term_on_the_disk() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.elect(N1, 2);
        fixture.crash(N2);
        fixture.boot_with_vote(N2, 1, None);
        fixture.set_view(N2, |scripted| scripted.view.term = Term(2));
        let rpc = fixture.deliver(N1, N2, 2);
        let yes = fixture.acknowledgement(N1, N2, rpc);
        fixture.step(N2, &Event::Persisted(Token(0)), |_| {}, vec![yes]);
        fixture.expect_violation("n2 acknowledged t2.i2 in t2, but the disk of n2 has t1");
    }

    #[test]
    fn an_acknowledgement_of_an_older_term_binds_no_disk() {
        let mut ghost_server = GhostServer::default();
        ghost_server.disk.hard = HardState { term: Term(5), vote: None };
        let upto = LogId::new(Term(3), wavetank_raft::Index(8));
        assert!(is_borne_out(N1, &Promise::Ack { term: Term(4), upto }, &ghost_server));
        assert!(!is_borne_out(N1, &Promise::Ack { term: Term(5), upto }, &ghost_server));
        assert!(!is_borne_out(N1, &Promise::SnapshotAck { term: Term(4), upto }, &ghost_server));
        ghost_server.disk.snapshot = upto;
        assert!(is_borne_out(N1, &Promise::SnapshotAck { term: Term(4), upto }, &ghost_server));
        assert!(is_borne_out(N1, &Promise::Ack { term: Term(5), upto }, &ghost_server));
    }
}
