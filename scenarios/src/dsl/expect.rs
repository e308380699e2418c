//! Assertions about facts that a client can see, and about the inner state that a story examines.

use super::until::{decision, is_applied, node, voters_of};
use super::{Cluster, ElectionTimeouts, PendingCall, TRUE};
use wavetank_raft::{Node, RoleName, Suffrage, Term};
use wavetank_sim::{Class, ServerIdx, ServerSet};

impl Cluster {
    /// Asserts that `is_so` is true. `what` is the expected condition as a sentence, for the text of a violation.
    pub fn expect(&mut self, is_so: bool, what: &str) {
        self.tank.observer_mut().custom.checked += 1;
        if !is_so {
            self.end(Class::Safety, TRUE, format!("the story expected that {what}"));
        }
    }

    /// Asserts that every running member has applied exactly these commands, in this order.
    pub fn expect_committed(&mut self, commands: &[&str]) {
        for (idx, has) in self.committed() {
            self.expect(
                has == commands,
                &format!(
                    "{idx} has applied exactly {}, but {idx} has applied {}",
                    list(commands),
                    list(&has)
                ),
            );
        }
    }

    /// Asserts that a server has applied exactly these commands, in this order.
    pub fn expect_committed_on(&mut self, idx: ServerIdx, commands: &[&str]) {
        let applied = self.committed_on(idx);
        let is_so = applied.as_ref().is_some_and(|has| has == commands);
        let has = applied.map_or_else(|| "stopped".to_owned(), |has| format!("applied {}", list(&has)));
        self.expect(is_so, &format!("{idx} has applied exactly {}, but {idx} has {has}", list(commands)));
    }

    /// Asserts that every running member has applied these commands first, in this order.
    pub fn expect_committed_first(&mut self, commands: &[&str]) {
        for (idx, has) in self.committed() {
            let begins =
                has.iter().zip(commands).filter(|(has, command)| has == command).count() == commands.len();
            self.expect(
                begins,
                &format!("{idx} has applied {} first, but {idx} has applied {}", list(commands), list(&has)),
            );
        }
    }

    /// Asserts that no server has applied the command.
    pub fn expect_not_committed(&mut self, command: &str) {
        let is_applied = is_applied(&self.tank, command);
        self.expect(!is_applied, &format!("`{command}` is not committed"));
    }

    /// Asserts that the command is not on a server's disk.
    pub fn expect_not_stored(&mut self, idx: ServerIdx, command: &str) {
        let is_stored = self.tank.observer().custom.has_stored(idx, command);
        self.expect(!is_stored, &format!("{idx} has not stored `{command}`"));
    }

    /// Asserts that a server is the leader with the highest term.
    pub fn expect_leads(&mut self, idx: ServerIdx) {
        let leader = self.tank.leader();
        let known = leader.map_or_else(|| "no server".to_owned(), |leader| leader.to_string());
        self.expect(leader == Some(idx), &format!("{idx} leads, but {known} leads"));
    }

    /// Asserts that the current term of a server is `term`.
    ///
    /// # Panics
    /// Panics if the server is down.
    pub fn expect_term(&mut self, idx: ServerIdx, term: Term) {
        let now = self.term_of(idx);
        self.expect(now == term, &format!("{idx} is in {term}, but {idx} is in {now}"));
    }

    /// Asserts that a server is in a later term than `term`.
    ///
    /// # Panics
    /// Panics if the server is down.
    pub fn expect_later_term(&mut self, idx: ServerIdx, term: Term) {
        let now = self.term_of(idx);
        self.expect(term < now, &format!("{idx} is in a later term than {term}, but it is in {now}"));
    }

    /// Asserts that a call has not been answered yet.
    pub fn expect_pending(&mut self, PendingCall(request): PendingCall) {
        let outcome = self.tank.outcome(request).map(decision);
        let is_pending = outcome.is_none();
        let outcome = outcome.unwrap_or_default();
        self.expect(is_pending, &format!("the call was pending, but the call was {outcome}"));
    }

    /// Asserts that a local read on a server finds the command.
    pub fn expect_readable(&mut self, idx: ServerIdx, command: &str) {
        let is_there = self.tank.fsm(idx).is_some_and(|command_log| command_log.has(command));
        self.expect(is_there, &format!("a read of {idx} finds `{command}`"));
    }

    /// Asserts that the voters in a server's configuration are exactly these servers.
    pub fn expect_voters(&mut self, idx: ServerIdx, voters: &[ServerIdx]) {
        let (have, wanted): (ServerSet, ServerSet) =
            (voters_of(&self.tank, idx), voters.iter().copied().collect());
        self.expect(
            have == wanted,
            &format!("{idx} knows the voters {wanted}, but {idx} knows the voters {have}"),
        );
    }

    /// Asserts that the nonvoters in a server's configuration are exactly these servers.
    pub fn expect_nonvoters(&mut self, idx: ServerIdx, nonvoters: &[ServerIdx]) {
        let known = node(&self.tank, idx).and_then(Node::configuration).map(|(_, known)| known);
        let members = known.into_iter().flat_map(|known| known.members());
        let without = members.filter(|member| member.suffrage == Suffrage::Nonvoter);
        let have: ServerSet = without.filter_map(|member| ServerIdx::of(member.id.node())).collect();
        let wanted: ServerSet = nonvoters.iter().copied().collect();
        self.expect(
            have == wanted,
            &format!("{idx} knows the nonvoters {wanted}, but {idx} knows the nonvoters {have}"),
        );
    }

    /// Asserts that a server has installed a leader's snapshot.
    pub fn expect_installed(&mut self, idx: ServerIdx) {
        let has_installed = self.tank.observer().custom.has_installed(idx);
        self.expect(has_installed, &format!("{idx} has installed a snapshot"));
    }

    /// Asserts that a local read on a server does not find the command.
    pub fn expect_unreadable(&mut self, idx: ServerIdx, command: &str) {
        let is_there = self.tank.fsm(idx).is_some_and(|command_log| command_log.has(command));
        self.expect(!is_there, &format!("`{command}` cannot be read from {idx}"));
    }

    /// Asserts that a server does not lead while the time `timeouts` passes.
    pub fn expect_not_led_by(&mut self, idx: ServerIdx, timeouts: ElectionTimeouts) {
        self.while_passes(timeouts, &format!("{idx} does not lead"), |tank| {
            node(tank, idx).map(Node::role) != Some(RoleName::Leader)
        });
    }

    /// Asserts that no server leads while the time `timeouts` passes. A paused server does not count.
    pub fn expect_no_leader_for(&mut self, timeouts: ElectionTimeouts) {
        self.while_passes(timeouts, "no server leads", |tank| {
            let leads = |idx| node(tank, idx).map(Node::role) == Some(RoleName::Leader);
            !tank.awake().iter().any(leads)
        });
    }

    /// Returns each running member, and the commands that this member has applied.
    fn committed(&self) -> Vec<(ServerIdx, Vec<String>)> {
        let leader = self.tank.leader().and_then(|leader| node(&self.tank, leader));
        let members = leader.and_then(Node::configuration);
        let is_member = |idx: &ServerIdx| members.is_none_or(|(_, all)| all.server(idx.node()).is_some());
        let of = |idx| Some((idx, self.committed_on(idx)?));
        self.tank.all().iter().filter(is_member).filter_map(of).collect()
    }

    /// Returns the commands that a server has applied. Returns `None` if the server is down.
    fn committed_on(&self, idx: ServerIdx) -> Option<Vec<String>> {
        let text = |command: &[u8]| String::from_utf8_lossy(command).into_owned();
        Some(self.tank.fsm(idx)?.commands().map(text).collect())
    }
}

/// Returns the commands in one line, for the text of a violation.
fn list<C: AsRef<str>>(commands: &[C]) -> String {
    let quoted: Vec<String> = commands.iter().map(|command| format!("`{}`", command.as_ref())).collect();
    if quoted.is_empty() { "no command".to_owned() } else { quoted.join(" ") }
}
