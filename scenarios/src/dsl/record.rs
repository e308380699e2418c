//! Facts of a run that no server can report, such as the commands on disks and in unfinished writes, and the
//! votes on disks. Only stories use these facts.

use std::collections::BTreeMap;
use wavetank_raft::{Action, Entry, Index, LogId, LogOp, Payload, Request, RpcId, StoreJob, Term, Write};
use wavetank_sim::observe::MessageRef;
use wavetank_sim::{Observation, ObservationKind, Observer, ServerIdx, ServerSet, Violation};

/// The facts of a run, for each server.
#[derive(Debug, Default)]
pub(super) struct Record {
    servers: [ServerRecord; ServerIdx::MAX_SERVERS],
    /// The number of waits of the story.
    pub(super) waited: u64,
    /// The number of assertions of the story. A wait for a span of time (`until_passed`) also counts.
    pub(super) checked: u64,
    /// The failed wait or assertion that ended the story, as a violation. `None` if no wait and no assertion
    /// has failed.
    pub(super) ended: Option<Violation>,
}

/// The facts of one server. If a crash erases the server's disk, the facts start again as for a new server.
#[derive(Debug, Default)]
struct ServerRecord {
    /// The commands on the server's disk. The key is the index of the entry.
    stored: BTreeMap<Index, Vec<u8>>,
    /// The writes to the server's disk that have begun, but have not ended.
    writing: Vec<Write>,
    /// The last vote on the server's disk: the candidate and the term. `None` if the disk has no vote.
    vote: Option<(ServerIdx, Term)>,
    has_halted: bool,
    /// The reason for the server's last refusal to start. `None` if the server has never refused to start.
    refusal: Option<String>,
    has_installed: bool,
    is_installing: bool,
    /// The number of snapshot pieces that the server has begun to write since its last start.
    pieces: u64,
    /// The number of times that the server has begun to read entries from its disk.
    reads: u64,
    /// The first snapshot piece that was ever sent to the server: the sender, the id of the RPC and the
    /// request. `None` if no snapshot was sent.
    first_piece: Option<(ServerIdx, RpcId, Request)>,
    /// The last snapshot that was sent to the server: the id of the last entry in the snapshot, and the
    /// number of pieces of this snapshot that were sent. `None` if no snapshot was sent.
    sent: Option<(LogId, u64)>,
}

impl Observer for Record {
    fn on_observation(&mut self, observation: &Observation<'_>) {
        match observation.kind {
            ObservationKind::Stepped { idx, actions, .. } => self.server(idx).wants(actions),
            ObservationKind::Durable { idx, write, torn } => self.server(idx).keep(write, torn),
            ObservationKind::Booted { idx, log, .. } => self.server(idx).boot(log),
            ObservationKind::Crashed { idx, wiped } => {
                let server = self.server(idx);
                server.writing.clear();
                if wiped {
                    *server = ServerRecord::default();
                }
            }
            ObservationKind::Halted(idx) => self.server(idx).has_halted = true,
            ObservationKind::Refused { idx, error } => self.server(idx).refusal = Some(error.to_string()),
            ObservationKind::Restored { idx, .. } => {
                let server = self.server(idx);
                server.has_installed |= server.is_installing;
            }
            ObservationKind::Sent { from, to, rpc, carried: MessageRef::Request(request), .. } => {
                self.server(to).is_sent(from, rpc, request);
            }
            _ => {}
        }
    }
}

impl Record {
    /// Returns the votes on all disks. Each vote is a tuple of the voter, the candidate and the term.
    pub(super) fn votes(&self) -> impl Iterator<Item = (ServerIdx, ServerIdx, Term)> + '_ {
        let vote = |(server, idx): (&ServerRecord, ServerIdx)| server.vote.map(|(to, term)| (idx, to, term));
        self.servers.iter().zip(ServerSet::first(ServerIdx::MAX_SERVERS).iter()).filter_map(vote)
    }

    /// Returns the servers that have a vote for this candidate on disk. If these votes are of different terms,
    /// only the votes of the highest term count.
    pub(super) fn voters_of(&self, candidate: ServerIdx) -> ServerSet {
        let term = self.votes().filter(|vote| vote.1 == candidate).map(|vote| vote.2).max();
        self.votes().filter(|vote| vote.1 == candidate && Some(vote.2) == term).map(|vote| vote.0).collect()
    }

    /// True if the command is on the server's disk.
    pub(super) fn has_stored(&self, idx: ServerIdx, command: &str) -> bool {
        self.index_of(idx, command).is_some()
    }

    /// Returns the index of the entry with this command on the server's disk. Returns `None` if the disk has no
    /// such entry.
    pub(super) fn index_of(&self, idx: ServerIdx, command: &str) -> Option<Index> {
        let stored = &self.servers[idx.at()].stored;
        stored.iter().find(|(_, stored)| *stored == command.as_bytes()).map(|(&index, _)| index)
    }

    /// True if the server has begun to write the command, and the write has not ended.
    pub(super) fn is_writing(&self, idx: ServerIdx, command: &str) -> bool {
        let commands = self.servers[idx.at()]
            .writing
            .iter()
            .flat_map(|write| entries(&write.log))
            .filter_map(command_of);
        commands.into_iter().any(|stored| stored == command.as_bytes())
    }

    /// Returns the reason for the server's last refusal to start. Returns `None` if the server has never refused
    /// to start.
    pub(super) fn refusal(&self, idx: ServerIdx) -> Option<&str> {
        self.servers[idx.at()].refusal.as_deref()
    }

    /// True if the server has stopped because of its own decision.
    pub(super) fn has_halted(&self, idx: ServerIdx) -> bool {
        self.servers[idx.at()].has_halted
    }

    /// True if the server has loaded a leader's snapshot.
    pub(super) fn has_installed(&self, idx: ServerIdx) -> bool {
        self.servers[idx.at()].has_installed
    }

    /// Returns the number of snapshot pieces that the server has begun to write since its last start.
    pub(super) fn pieces(&self, idx: ServerIdx) -> u64 {
        self.servers[idx.at()].pieces
    }

    /// Returns the number of times that the server has begun to read entries from its disk.
    pub(super) fn reads(&self, idx: ServerIdx) -> u64 {
        self.servers[idx.at()].reads
    }

    /// Returns the first snapshot piece that was ever sent to the server: the sender, the id of the RPC and the
    /// request. Returns `None` if no snapshot was sent.
    pub(super) fn first_piece(&self, idx: ServerIdx) -> Option<&(ServerIdx, RpcId, Request)> {
        self.servers[idx.at()].first_piece.as_ref()
    }

    /// Returns the number of pieces of a snapshot that were sent to the server. Returns zero if another snapshot
    /// was sent later. `snapshot` is the id of the last entry in the snapshot.
    pub(super) fn sent_of(&self, idx: ServerIdx, snapshot: LogId) -> u64 {
        self.servers[idx.at()].sent.filter(|(last, _)| *last == snapshot).map_or(0, |(_, pieces)| pieces)
    }

    fn server(&mut self, idx: ServerIdx) -> &mut ServerRecord {
        &mut self.servers[idx.at()]
    }
}

impl ServerRecord {
    fn wants(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Store(StoreJob::Persist(write)) => self.writing.push(write.clone()),
                Action::Restore(_) => self.is_installing = true,
                Action::Store(StoreJob::WriteSnapshot { .. }) => self.pieces += 1,
                Action::Store(StoreJob::Fetch { .. }) => self.reads += 1,
                _ => {}
            }
        }
    }

    fn is_sent(&mut self, from: ServerIdx, rpc: RpcId, request: &Request) {
        if let Request::InstallSnapshot(piece) = request {
            self.first_piece.get_or_insert_with(|| (from, rpc, request.clone()));
            let before = self.sent.filter(|_| 0 < piece.offset).map_or(0, |(_, pieces)| pieces);
            self.sent = Some((piece.meta.last, before + 1));
        }
    }

    fn keep(&mut self, write: &Write, torn: Option<usize>) {
        self.writing.retain(|other| other.token != write.token);
        if let Some(record) = &write.hard_state {
            self.vote = record.vote.and_then(ServerIdx::of).map(|to| (to, record.term));
        }
        let first = |entries: &[Entry]| entries.first().map(|entry| entry.id.index);
        match &write.log {
            LogOp::Replace(entries) => {
                if let Some(first) = first(entries) {
                    self.stored.split_off(&first);
                }
            }
            LogOp::Discard(_) => self.stored.clear(),
            _ => {}
        }
        let entries = entries(&write.log);
        self.store(&entries[..torn.unwrap_or(entries.len())]);
    }

    fn boot(&mut self, log: &[Entry]) {
        self.writing.clear();
        self.stored.clear();
        self.store(log);
        self.is_installing = false;
        self.pieces = 0;
    }

    fn store(&mut self, entries: &[Entry]) {
        let commands = entries.iter().filter_map(|entry| Some((entry.id.index, command_of(entry)?.to_vec())));
        self.stored.extend(commands);
    }
}

fn entries(op: &LogOp) -> &[Entry] {
    match op {
        LogOp::Append(entries) | LogOp::Replace(entries) => entries,
        _ => &[],
    }
}

/// Returns the command of an entry; `None` if the entry has no command.
fn command_of(entry: &Entry) -> Option<&[u8]> {
    match &entry.payload {
        Payload::Command(command) => Some(command),
        _ => None,
    }
}
