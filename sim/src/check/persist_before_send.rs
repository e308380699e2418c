//! Nothing is promised that a crash at this instant would undo: votes, acknowledged entries and
//! acknowledged snapshots are on the disk before anybody hears of them.

use super::{Check, Column};
use crate::ledger::{Exposure, Facts, Ledger, Shadow};
use crate::slot::Slot;
use std::fmt;
use wavetank_raft::{HardState, LogId, NodeId, Term};

/// Persist before send (P1).
#[derive(Debug, Default)]
pub struct PersistBeforeSend(u64);

/// A promise without a disk behind it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Airy {
    /// Whose.
    pub slot: Slot,
    /// The promise.
    pub promise: Exposure,
    /// The vote record on its disk.
    pub hard: HardState,
    /// Where the log on its disk ends.
    pub last: LogId,
    /// The newest snapshot on its disk.
    pub snapshot: LogId,
}

impl fmt::Display for Airy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, promise, hard, last, snapshot } = self;
        match promise {
            Exposure::Grant { term, to } => write!(f, "{slot} gave {to} its vote of {term}")?,
            Exposure::PreGrant { to } => write!(f, "{slot} would vote for {to}")?,
            Exposure::Candidacy { term, .. } => write!(f, "{slot} asked for votes in {term}")?,
            Exposure::Ack { term, upto } => write!(f, "{slot} acknowledged {upto} in {term}")?,
            Exposure::SnapshotAck { term, upto } => {
                write!(f, "{slot} acknowledged the snapshot of {upto} in {term}")?;
            }
            Exposure::TimeoutNow { to } => write!(f, "{slot} called {to} to campaign")?,
        }
        write!(f, "; its disk has {}", hard.term)?;
        if let Some(vote) = hard.vote {
            write!(f, " with a vote for {vote}")?;
        }
        write!(f, ", a log up to {last}, a snapshot of {snapshot}")
    }
}

fn votes(hard: HardState, term: Term, candidate: NodeId) -> bool {
    term < hard.term || hard == HardState { term, vote: Some(candidate) }
}

/// Whether a disk bears a promise out.
#[must_use]
pub fn is_borne_out(slot: Slot, promise: &Exposure, shadow: &Shadow) -> bool {
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

impl Check for PersistBeforeSend {
    const NAME: &'static str = "persist_before_send";
    const SECTION: &'static str = "thesis §3.8";
    const COLUMN: Column = Column::Ghosts;
    const WATCHES: Facts = Facts::SENT_GRANT
        .or(Facts::SENT_CANDIDACY)
        .or(Facts::SENT_ACK)
        .or(Facts::SENT_SNAPSHOT_ACK);
    type Breach = Airy;

    fn judge(&mut self, ledger: &Ledger, _: Facts) -> Option<Airy> {
        let (slot, shadow) = (ledger.step.slot, ledger.subject());
        self.0 += 1;
        let promises = &ledger.step.exposures;
        let promise = *promises.iter().find(|promise| !is_borne_out(slot, promise, shadow))?;
        let disk = &shadow.disk;
        Some(Airy { slot, promise, hard: disk.hard, last: disk.log.last(), snapshot: disk.snapshot })
    }

    fn witnessed(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tale::{N1, N2, N3, Tale};
    use wavetank_raft::{Event, LogOp, Request, RequestVote, RpcId, Token};

    #[test]
    fn after_the_disk_everything_may_leave() {
        let mut tale = Tale::<PersistBeforeSend>::three();
        tale.settle(N1, 2);
        tale.settle(N3, 3);
        tale.is_quiet();
    }

    #[test]
    fn a_vote_waits_for_the_disk() {
        let mut tale = Tale::<PersistBeforeSend>::three();
        let hard = HardState { term: Term(2), vote: Some(N1.node()) };
        let write = tale.write(Some(hard), LogOp::Keep);
        let grant = tale.granting(N1, RpcId(1), 2);
        tale.step(N2, &Event::Timer, |_| {}, vec![write, grant]);
        tale.speaks("n2 gave n1 its vote of t2; its disk has t1, a log up to t1.i1");
    }

    #[test]
    fn so_does_asking_for_votes() {
        let mut tale = Tale::<PersistBeforeSend>::three();
        let last_log = tale.posed(N1).glimpse.last;
        let request = Request::RequestVote(RequestVote { term: Term(2), last_log, leadership_transfer: false });
        let send = wavetank_raft::Action::Send { to: N2.node(), rpc: RpcId(1), request };
        tale.step(N1, &Event::Timer, |posed| posed.glimpse.term = Term(2), vec![send]);
        tale.speaks("n1 asked for votes in t2; its disk has t1");
    }

    #[test]
    fn so_do_entries() {
        let mut tale = Tale::<PersistBeforeSend>::three();
        tale.elect(N1, 2);
        let rpc = tale.deliver(N1, N2, 0);
        let yes = tale.yes(N1, N2, rpc);
        tale.step(N2, &Event::Persisted(Token(0)), |_| {}, vec![yes]);
        tale.speaks("n2 acknowledged t2.i2 in t2; its disk has t2 with a vote for n1, a log up to t1.i1");
    }

    #[test]
    fn a_term_must_be_on_the_disk_for_an_acknowledgement() {
        let mut tale = Tale::<PersistBeforeSend>::three();
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
