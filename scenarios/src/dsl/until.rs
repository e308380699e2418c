//! The conditions that a story waits for.

use super::{Cluster, ElectionTimeouts, PendingCall, Tank};
use wavetank_raft::{Answer, Index, Node, Outcome, RequestError, RoleName, Server, Term};
use wavetank_sim::{ServerIdx, ServerSet};

impl Cluster {
    /// Waits until the leader with the highest term has committed an entry of this term. Returns the leader.
    pub fn until_leader(&mut self) -> ServerIdx {
        self.until_leader_that("a server leads", |_| true)
    }

    /// Waits like [`until_leader`](Self::until_leader), but until a server other than `old` leads.
    pub fn until_leader_other_than(&mut self, old: ServerIdx) -> ServerIdx {
        self.until_leader_that("another server leads", |idx| idx != old)
    }

    /// Waits like [`until_leader`](Self::until_leader), but until this server leads.
    pub fn until_leads(&mut self, idx: ServerIdx) -> &mut Self {
        self.until_leader_that(&format!("{idx} leads"), |leader| leader == idx);
        self
    }

    /// Waits like [`until_leader`](Self::until_leader), but until one of these servers leads.
    pub fn until_leader_among(&mut self, these: &[ServerIdx]) -> ServerIdx {
        self.until_leader_that("the leader is one of the servers that the story names", |idx| {
            these.contains(&idx)
        })
    }

    /// Waits until a server leads. The other servers need not know this leader yet. Returns the leader with the
    /// highest term.
    pub fn until_elected(&mut self) -> ServerIdx {
        self.until(|_| "a server is elected".to_owned(), |tank| tank.leader().is_some());
        self.tank.leader().expect("an elected server exists when the wait ends")
    }

    /// Waits like [`until_elected`](Self::until_elected), but until one of these servers leads.
    pub fn until_elected_among(&mut self, these: &[ServerIdx]) -> ServerIdx {
        let elected = |tank: &Tank| tank.leader().filter(|leader| these.contains(leader));
        self.until(
            |_| "the elected server is one of the servers that the story names".to_owned(),
            |tank| elected(tank).is_some(),
        );
        elected(&self.tank).expect("one of these servers leads when the wait ends")
    }

    fn until_leader_that(&mut self, what: &str, is_meant: impl Fn(ServerIdx) -> bool) -> ServerIdx {
        let found = |tank: &Tank| tank.leader().filter(|&idx| is_settled(tank, idx) && is_meant(idx));
        self.until(|_| what.to_owned(), |tank| found(tank).is_some());
        found(&self.tank).expect("a leader exists when the wait ends")
    }

    /// Waits until a server does not lead.
    pub fn until_steps_down(&mut self, idx: ServerIdx) -> &mut Self {
        self.until(|_| format!("{idx} steps down"), |tank| role(tank, idx) != Some(RoleName::Leader))
    }

    /// Waits until a server is in a later term than `term`.
    pub fn until_term_above(&mut self, idx: ServerIdx, term: Term) -> &mut Self {
        let is_above = |node: &Node| term < node.term();
        self.until(
            |_| format!("{idx} is in a later term than {term}"),
            |tank| node(tank, idx).is_some_and(is_above),
        )
    }

    /// Waits until the server `idx` follows the server `leader`.
    pub fn until_follows(&mut self, idx: ServerIdx, leader: ServerIdx) -> &mut Self {
        let follows = |node: &Node| node.leader() == Some(leader.node());
        self.until(|_| format!("{idx} follows {leader}"), |tank| node(tank, idx).is_some_and(follows))
    }

    /// Waits until all servers are candidates at the same moment.
    pub fn until_all_are_candidates(&mut self) -> &mut Self {
        let is_candidate = |tank: &Tank, idx| role(tank, idx) == Some(RoleName::Candidate);
        self.until(
            |_| "all servers are candidates".to_owned(),
            |tank| tank.all().iter().all(|idx| is_candidate(tank, idx)),
        )
    }

    /// Waits until a server has a vote for another server on its disk. Returns the voter, the candidate and the
    /// term of the vote.
    pub fn until_a_vote_is_on_disk(&mut self) -> (ServerIdx, ServerIdx, Term) {
        let first = |tank: &Tank| tank.observer().custom.votes().find(|(voter, one, _)| voter != one);
        self.until(|_| "a vote is on a disk".to_owned(), |tank| first(tank).is_some());
        first(&self.tank).expect("such a vote exists when the wait ends")
    }

    /// Waits until all these servers have on disk a vote for the same candidate in the same term. The candidate
    /// is one of these servers. Returns the candidate.
    pub fn until_all_vote_for_one_of(&mut self, these: &[ServerIdx]) -> ServerIdx {
        let these: ServerSet = these.iter().copied().collect();
        let chosen =
            |tank: &Tank| these.iter().find(|&one| tank.observer().custom.voters_of(one).and(these) == these);
        self.until(|_| format!("{these} all vote for the same server"), |tank| chosen(tank).is_some());
        chosen(&self.tank).expect("such a server exists when the wait ends")
    }

    /// Waits until the command is committed: at least one server has applied it.
    pub fn until_committed(&mut self, command: &str) -> &mut Self {
        self.until(|_| format!("`{command}` is committed"), |tank| is_applied(tank, command))
    }

    /// Waits until a local read on a server finds the command.
    pub fn until_readable(&mut self, idx: ServerIdx, command: &str) -> &mut Self {
        let has = |tank: &Tank| tank.fsm(idx).is_some_and(|command_log| command_log.has(command));
        self.until(|_| format!("a read of {idx} finds `{command}`"), has)
    }

    /// Waits until the command is on a server's disk.
    pub fn until_stored(&mut self, idx: ServerIdx, command: &str) -> &mut Self {
        self.until(
            |_| format!("{idx} has stored `{command}`"),
            |tank| tank.observer().custom.has_stored(idx, command),
        )
    }

    /// Waits until a server has begun to write the command and the write has not ended.
    pub fn until_being_written(&mut self, idx: ServerIdx, command: &str) -> &mut Self {
        self.until(
            |_| format!("{idx} writes `{command}`"),
            |tank| tank.observer().custom.is_writing(idx, command),
        )
    }

    /// Waits until a server begins to read entries from its disk. A read that began before this call does not
    /// count.
    pub fn until_reads(&mut self, idx: ServerIdx) -> &mut Self {
        let before = self.tank.observer().custom.reads(idx);
        self.until(
            |_| format!("{idx} reads entries from its disk"),
            |tank| before < tank.observer().custom.reads(idx),
        )
    }

    /// Waits until a leader knows that another server has stored the command.
    pub fn until_knows_stored(&mut self, leader: ServerIdx, other: ServerIdx, command: &str) -> &mut Self {
        let knows = |tank: &Tank| {
            let at = tank.observer().custom.index_of(other, command)?;
            let (_, progress) = node(tank, leader)?.followers().find(|(id, _)| *id == other.node())?;
            Some(at <= progress.matched())
        };
        self.until(
            |_| format!("{leader} knows that {other} has stored `{command}`"),
            |tank| knows(tank).unwrap_or(false),
        )
    }

    /// Waits until the caller of the command learns that the command is committed.
    ///
    /// # Panics
    /// Panics if the story has not proposed the command.
    pub fn until_acknowledged(&mut self, command: &str) -> &mut Self {
        self.until_answered(command, "acknowledged", |outcome| matches!(outcome, Ok(Answer::Applied { .. })))
    }

    /// Waits until the caller of the command gets an error.
    ///
    /// # Panics
    /// Panics if the story has not proposed the command.
    pub fn until_failed(&mut self, command: &str) -> &mut Self {
        self.until_answered(command, "answered with an error", Result::is_err)
    }

    /// Waits until the call that proposed the command is refused, and the refusal names this leader.
    ///
    /// # Panics
    /// Panics if the story has not proposed the command.
    pub fn until_refused_in_favour_of(&mut self, command: &str, leader: ServerIdx) -> &mut Self {
        self.until_answered(command, &format!("refused, and {leader} is named as the leader"), |outcome| {
            match outcome {
                Err(RequestError::NotLeader(Some(known))) => known.id == leader.id(),
                _ => false,
            }
        })
    }

    fn until_answered(&mut self, command: &str, how: &str, is_so: impl Fn(&Outcome) -> bool) -> &mut Self {
        let PendingCall(request) =
            *self.proposed.get(command).unwrap_or_else(|| panic!("the story has not proposed `{command}`"));
        self.until(|_| format!("`{command}` is {how}"), |tank| tank.outcome(request).is_some_and(&is_so))
    }

    /// Waits until a call ends, and asserts that the call was granted.
    pub fn until_granted(&mut self, asked: PendingCall) -> &mut Self {
        self.until_decided(asked, "granted", Result::is_ok)
    }

    /// Waits until a call ends, and asserts that the outcome is an error.
    pub fn until_refused(&mut self, asked: PendingCall) -> &mut Self {
        self.until_decided(asked, "refused", Result::is_err)
    }

    fn until_decided(
        &mut self,
        asked: PendingCall,
        how: &str,
        is_so: impl Fn(&Outcome) -> bool,
    ) -> &mut Self {
        let PendingCall(request) = asked;
        self.until(|_| format!("the call is {how}"), |tank| tank.outcome(request).is_some());
        let outcome = self.tank.outcome(request).expect("the outcome is known when the wait ends");
        let (is_so, what) =
            (is_so(outcome), format!("the call was {how}, but the call was {}", decision(outcome)));
        self.expect(is_so, &what);
        self
    }

    /// Waits until a call ends, and asserts that the call was refused for this reason.
    pub fn until_refused_because(&mut self, asked: PendingCall, why: &RequestError) -> &mut Self {
        self.until_decided(asked, &format!("refused because {why}"), |outcome| outcome.as_ref() == Err(why))
    }

    /// Waits until the voters in a server's configuration are exactly these servers.
    pub fn until_voters(&mut self, idx: ServerIdx, voters: &[ServerIdx]) -> &mut Self {
        let voters: ServerSet = voters.iter().copied().collect();
        self.until(
            |_| format!("the voters in {idx}'s configuration are {voters}"),
            |tank| voters_of(tank, idx) == voters,
        )
    }

    /// Waits until a server's configuration is joint.
    pub fn until_joint(&mut self, idx: ServerIdx) -> &mut Self {
        let is_joint =
            |node: &Node| node.configuration().is_some_and(|(_, configuration)| configuration.is_joint());
        self.until(
            |_| format!("the configuration of {idx} is joint"),
            |tank| node(tank, idx).is_some_and(is_joint),
        )
    }

    /// Waits until a server has begun to write at least `pieces` snapshot pieces since its last start.
    pub fn until_receives(&mut self, idx: ServerIdx, pieces: u64) -> &mut Self {
        self.until(
            |_| format!("{idx} receives {pieces} pieces of a snapshot"),
            |tank| pieces <= tank.observer().custom.pieces(idx),
        )
    }

    /// Waits until a leader has sent at least `pieces` pieces of the leader's newest snapshot to the server `to`.
    pub fn until_sent(&mut self, leader: ServerIdx, to: ServerIdx, pieces: u64) -> &mut Self {
        let sent =
            |tank: &Tank| node(tank, leader).map(|node| tank.observer().custom.sent_of(to, node.snapshot()));
        self.until(
            |_| format!("{leader} has sent {pieces} pieces of its newest snapshot to {to}"),
            |tank| sent(tank).is_some_and(|sent| pieces <= sent),
        )
    }

    /// Waits until a server has installed a leader's snapshot.
    pub fn until_installed(&mut self, idx: ServerIdx) -> &mut Self {
        self.until(|_| format!("{idx} installs a snapshot"), |tank| tank.observer().custom.has_installed(idx))
    }

    /// Waits until a server has stopped because of its own decision.
    pub fn until_halted(&mut self, idx: ServerIdx) -> &mut Self {
        self.until(|_| format!("{idx} halts"), |tank| tank.observer().custom.has_halted(idx))
    }

    /// Waits until a server has refused to start, for a reason that begins with this text.
    pub fn until_refused_to_start(&mut self, idx: ServerIdx, why: &str) -> &mut Self {
        self.until(
            |_| format!("{idx} refuses to start: {why}"),
            |tank| tank.observer().custom.refusal(idx).is_some_and(|said| said.starts_with(why)),
        )
    }

    /// Waits until the server `idx` has removed from its log at least one entry that the server `other` does
    /// not have.
    pub fn until_compacted_beyond(&mut self, idx: ServerIdx, other: ServerIdx) -> &mut Self {
        let is_beyond = |tank: &Tank| {
            let (base, last) = (node(tank, idx)?.log().base(), node(tank, other)?.log().last());
            Some(last.index < base.index)
        };
        self.until(
            |_| format!("{idx} has removed from its log at least one entry that {other} does not have"),
            |tank| is_beyond(tank).unwrap_or(false),
        )
    }

    /// Waits until a server has a snapshot. The server took the snapshot, or received the snapshot from a
    /// leader.
    pub fn until_snapshotted(&mut self, idx: ServerIdx) -> &mut Self {
        let is_there = |node: &Node| Index::ZERO < node.snapshot().index;
        self.until(|_| format!("{idx} has a snapshot"), |tank| node(tank, idx).is_some_and(is_there))
    }

    /// Waits until the servers that run and are not paused agree: one of them leads and has committed its last
    /// entry, every member among them has applied this entry, and no call to any of them is open.
    pub fn until_converged(&mut self) -> &mut Self {
        let unsettled = |tank: &Tank| tank.unsettled(tank.awake());
        let what = |tank: &Tank| {
            let why = unsettled(tank).map(|why| format!(", but {why}")).unwrap_or_default();
            format!("all running servers have applied the same entries{why}")
        };
        self.until(what, |tank| unsettled(tank).is_none())
    }

    /// Waits until the time `timeouts` has passed.
    pub fn until_passed(&mut self, timeouts: ElectionTimeouts) {
        self.while_passes(timeouts, "", |_| true);
    }
}

pub(super) fn node(tank: &Tank, idx: ServerIdx) -> Option<&Node> {
    tank.server(idx).map(Server::node)
}

/// Describes the outcome of a call in words, for the text of a violation.
pub(super) fn decision(outcome: &Outcome) -> String {
    outcome.as_ref().map_or_else(|why| format!("refused because {why}"), |_| "granted".to_owned())
}

/// Returns the voters in a server's configuration. The voters of a joint configuration are the old voters and
/// the new voters.
pub(super) fn voters_of(tank: &Tank, idx: ServerIdx) -> ServerSet {
    let known = node(tank, idx).map(Node::voters);
    let has_vote = |voter: &ServerIdx| known.is_some_and(|known| known.contains(voter.node()));
    tank.all().iter().filter(has_vote).collect()
}

fn role(tank: &Tank, idx: ServerIdx) -> Option<RoleName> {
    node(tank, idx).map(Node::role)
}

pub(super) fn is_applied(tank: &Tank, command: &str) -> bool {
    tank.all().iter().any(|idx| tank.fsm(idx).is_some_and(|command_log| command_log.has(command)))
}

/// True if a leader has committed an entry of its own term.
fn is_settled(tank: &Tank, leader: ServerIdx) -> bool {
    node(tank, leader).is_some_and(|node| node.log().term_at(node.commit()) == Some(node.term()))
}
