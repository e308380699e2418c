//! Short text for events, actions and messages. The text is the same on every machine: the text contains no
//! memory addresses and no floats, and does not depend on the order of a hash map.

use super::CommandText;
use crate::observe::{MessageRef, NetworkChange, requests};
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::subject::{EventOf, Protocol, Subject, View};
use std::fmt::Write as _;
use wavetank_raft::{
    Action, Answer, Call, Change, Entry, Event, Index, LogOp, Member, NodeId, Observed, Outcome, Payload,
    Request, Response, RoleName, SnapshotMeta, Span, StoreJob, Suffrage, Write,
};

/// Returns the name of a role in four letters.
pub(super) const fn role(role: RoleName) -> &'static str {
    match role {
        RoleName::Follower => "FOLL",
        RoleName::PreCandidate => "PREC",
        RoleName::Candidate => "CAND",
        RoleName::Leader => "LEAD",
    }
}

/// Formats the role, the term, the commit index and the last index of a server in columns. A `?` stands for a
/// part that the server does not show.
pub(super) fn state(view: &View) -> String {
    let role = view.role.map_or("?", role);
    let (commit, last) = (shown(view.commit), shown(view.last.map(|last| last.index)));
    format!("{role:<4} {:<4} {commit}/{last}", shown(view.term))
}

pub(super) fn shown(part: Option<impl ToString>) -> String {
    part.map_or_else(|| "?".to_owned(), |part| part.to_string())
}

pub(super) fn event<S: Subject>(event: &EventOf<S>, text: CommandText) -> (&'static str, String) {
    match event {
        Event::Timer => ("timer", String::new()),
        Event::Request { from, rpc, request } => {
            ("recv", arrived::<S::Protocol>(*from, rpc.0, MessageRef::Request(request), text))
        }
        Event::Response { from, rpc, response } => {
            ("recv", arrived::<S::Protocol>(*from, rpc.0, MessageRef::Response(response), text))
        }
        Event::Call { request, call } => {
            ("call", format!("{} {}", requests::name(*request), self::call(call, text)))
        }
        Event::ApplyBatch(batch) => ("call", format!("{} commands", batch.len())),
        Event::Persisted(token) => ("written", token.to_string()),
        Event::Fetched { ticket, entries } => {
            ("fetched", format!("{ticket} {}", self::entries(entries, text)))
        }
        Event::SnapshotRead { ticket, piece } => {
            let piece = piece.as_ref();
            let what = piece.map(|piece| format!("{}+{}", piece.offset, piece.data.len()));
            ("read", format!("{ticket} {}", what.as_deref().unwrap_or("nothing")))
        }
        Event::SnapshotWritten { ticket, ok } => ("kept", format!("{ticket} ok={ok}")),
        Event::Applied { upto, .. } => ("applied", upto.to_string()),
        Event::SnapshotTaken(taken) => ("snapped", result(taken.as_ref().map(|meta| self::meta(meta)))),
        Event::Restored(restored) => ("loaded", result(restored.as_ref().map(ToString::to_string))),
        Event::PeerSpeaks { peer, dialect } => ("speaks", format!("{peer} {dialect:?}")),
        Event::StoreFailed(error) => ("failed", error.to_string()),
    }
}

/// Formats an action. Returns `None` for a message, because a trace shows the message when it is sent.
pub(super) fn action<Q, R>(action: &Action<Q, R>, text: CommandText) -> Option<(&'static str, String)> {
    Some(match action {
        Action::Send { .. } | Action::Reply { .. } => return None,
        Action::Store(StoreJob::Persist(write)) => ("write", self::write(write, text)),
        Action::Store(StoreJob::Fetch { ticket, first, last }) => {
            ("fetch", format!("{ticket} {first}..{last}"))
        }
        Action::Store(StoreJob::ReadSnapshot { ticket, offset, limit, .. }) => {
            ("read", format!("{ticket} {offset}+{limit}"))
        }
        Action::Store(StoreJob::WriteSnapshot { ticket, meta, offset, data, done }) => {
            ("keep", format!("{ticket} {} {offset}+{} done={done}", self::meta(meta), data.len()))
        }
        Action::Apply(batch) => ("apply", entries(&batch.entries, text)),
        Action::TakeSnapshot(meta) => ("snap", self::meta(meta)),
        Action::Restore(meta) => ("load", self::meta(meta)),
        Action::Answer { request, outcome } => {
            ("answer", format!("{} {}", requests::name(*request), self::outcome(outcome)))
        }
        Action::Observe(observed) => ("note", self::observed(observed)),
        Action::Halt(halt) => ("halt", format!("{halt:?}")),
    })
}

pub(crate) fn message<P: Protocol>(carried: MessageRef<'_, P>, text: CommandText) -> String {
    match carried.ours() {
        Some(MessageRef::Request(request)) => self::request(request, text),
        Some(MessageRef::Response(response)) => self::response(response),
        None => P::text(carried),
    }
}

pub(super) fn write(write: &Write, command: CommandText) -> String {
    let mut text = write.token.to_string();
    if let Some(hard_state) = write.hard_state {
        let vote = hard_state.vote.map_or_else(|| "-".to_owned(), |vote| vote.to_string());
        let _ = write!(text, " {} vote={vote}", hard_state.term);
    }
    match &write.log {
        LogOp::Keep => {}
        LogOp::Append(added) => text += &format!(" append {}", entries(added, command)),
        LogOp::Replace(added) => text += &format!(" replace {}", entries(added, command)),
        LogOp::Compact(upto) => text += &format!(" compact ..{upto}"),
        LogOp::Discard(_) => text += " discard",
        LogOp::CatchUp(upto) => text += &format!(" catch up to {upto}"),
    }
    text
}

pub(super) fn network(change: &NetworkChange) -> (&'static str, String) {
    match change {
        NetworkChange::Partition(ours, theirs) => ("cut", format!("{} | {}", set(*ours), set(*theirs))),
        NetworkChange::CutOneWay(from, to) => ("cut", format!("{} > {}", set(*from), set(*to))),
        NetworkChange::Cut(from, to) => ("cut", format!("{from} > {to}")),
        NetworkChange::Mend(from, to) => ("mend", format!("{from} > {to}")),
        NetworkChange::HealAll => ("heal", String::new()),
    }
}

pub(super) fn set(servers: ServerSet) -> String {
    if servers.is_empty() { "nobody".to_owned() } else { servers.to_string() }
}

/// Formats the payload of an entry.
pub(super) fn payload(payload: &Payload, text: CommandText) -> String {
    match payload {
        Payload::Noop => "noop".to_owned(),
        Payload::Barrier => "barrier".to_owned(),
        Payload::Command(command) => data(command, text),
        Payload::Extended(both) => data(&both.data, text),
        Payload::Restore(state) => format!("state of {} bytes", state.len()),
        Payload::Configuration(configuration) => format!("members {configuration}"),
    }
}

/// Formats a command. Printable UTF-8 is shown as quoted text. For other bytes, the function `text` formats
/// the command. If `text` returns `None`, the bytes are shown as hexadecimal digits.
fn data(bytes: &[u8], text: CommandText) -> String {
    const LONGEST: usize = 24;
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().all(|envelope| !envelope.is_control()) => format!("{text:?}"),
        Ok(_) | Err(_) => text(bytes).unwrap_or_else(|| {
            let hex: String = bytes.iter().take(LONGEST).map(|byte| format!("{byte:02x}")).collect();
            format!("0x{hex}{}", if LONGEST < bytes.len() { ".." } else { "" })
        }),
    }
}

fn arrived<P: Protocol>(from: NodeId, rpc: u64, carried: MessageRef<'_, P>, text: CommandText) -> String {
    let from = ServerIdx::of(from).map_or_else(|| from.to_string(), |idx| idx.to_string());
    format!("{from} q{rpc:x} {}", message(carried, text))
}

fn request(request: &Request, text: CommandText) -> String {
    match request {
        Request::AppendEntries(it) => format!(
            "Append {} prev={} {} commit={}",
            it.term,
            it.prev,
            entries(&it.entries, text),
            it.leader_commit
        ),
        Request::RequestVote(it) => {
            let transfer = if it.leadership_transfer { " transfer" } else { "" };
            format!("Vote {} last={}{transfer}", it.term, it.last_log)
        }
        Request::RequestPreVote(it) => format!("PreVote {} last={}", it.term, it.last_log),
        Request::InstallSnapshot(it) => {
            format!("Install {} {} {}+{} done={}", it.term, meta(&it.meta), it.offset, it.data.len(), it.done)
        }
        Request::TimeoutNow(it) => {
            format!("TimeoutNow {}", it.term.map_or_else(|| "-".to_owned(), |term| term.to_string()))
        }
    }
}

fn response(response: &Response) -> String {
    match response {
        Response::AppendEntries(it) => {
            let hint = it.hint.map_or_else(String::new, |hint| format!(" hint={hint}"));
            format!("AppendReply {} ok={} last={}{hint}", it.term, it.success, it.last_log)
        }
        Response::RequestVote(it) if it.refused_for_term => format!("VoteReply {} yes=false term", it.term),
        Response::RequestVote(it) => format!("VoteReply {} yes={}", it.term, it.granted),
        Response::RequestPreVote(it) => format!("PreVoteReply {} yes={}", it.term, it.granted),
        Response::InstallSnapshot(it) => {
            format!("InstallReply {} ok={} next={}", it.term, it.success, it.next_offset)
        }
        Response::TimeoutNow(it) => format!("TimeoutNowReply yes={}", it.accepted),
    }
}

fn entries(entries: &[Entry], text: CommandText) -> String {
    match entries {
        [] => "n=0".to_owned(),
        [only] => format!("{} {}", only.id, payload(&only.payload, text)),
        [first, .., last] => format!("n={} {}..{}", entries.len(), first.id, last.id),
    }
}

fn meta(meta: &SnapshotMeta) -> String {
    format!("snapshot {} of {} bytes", meta.last, meta.size)
}

/// Formats a member as the id of the member. The id of a non-voter is in parentheses.
fn member(member: &Member) -> String {
    match member.suffrage {
        Suffrage::Voter => member.id.to_string(),
        Suffrage::Nonvoter => format!("({})", member.id),
    }
}

fn prev(index: Option<Index>) -> String {
    index.map_or_else(String::new, |index| format!(" prev={index}"))
}

pub(super) fn call(call: &Call, text: CommandText) -> String {
    match call {
        Call::Apply(command) => format!("apply {}", data(command, text)),
        Call::ApplyLog { data: command, .. } => format!("apply {}", data(command, text)),
        Call::Barrier => "barrier".to_owned(),
        Call::VerifyLeader => "verify".to_owned(),
        Call::Read(path) => format!("read by {path:?}"),
        Call::Bootstrap(_) => "bootstrap".to_owned(),
        Call::Change { change: Change::Members(members), prev_index } => {
            let members: Vec<String> = members.iter().map(member).collect();
            format!("Members {}{}", members.join(" "), prev(*prev_index))
        }
        Call::Change { change, prev_index } => format!("{change:?}{}", prev(*prev_index)),
        Call::AddVoterStaged { id, prev_index, .. } => format!("stage {id}{}", prev(*prev_index)),
        Call::Transfer { target } => {
            format!(
                "transfer to {}",
                target.as_ref().map_or_else(|| "anybody".to_owned(), ToString::to_string)
            )
        }
        Call::Snapshot => "snapshot".to_owned(),
        Call::Restore(state) => format!("restore {} bytes", state.len()),
        Call::Reload(_) => "reload".to_owned(),
        Call::Shutdown => "shutdown".to_owned(),
    }
}

pub(super) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Ok(Answer::Applied { index, .. }) => format!("applied {index}"),
        Ok(Answer::Committed { index }) => format!("committed {index}"),
        Ok(Answer::Readable { index }) => format!("readable {index}"),
        Ok(Answer::Snapshotted(meta)) => self::meta(meta),
        Ok(Answer::Done) => "done".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn observed(observed: &Observed) -> String {
    match observed {
        Observed::State { role, term } => format!("{} {term}", self::role(*role)),
        Observed::Leader(Some(leader)) => format!("{} leads", leader.id),
        Observed::Leader(None) => "nobody leads".to_owned(),
        Observed::Peer { removed, peer } => {
            format!("{} {}", peer.id, if *removed { "left" } else { "is a member" })
        }
        Observed::FailedHeartbeat { peer, silent } => {
            format!("{peer} is silent for {}", Span::from_duration(*silent))
        }
        Observed::ResumedHeartbeat { peer } => format!("{peer} answers again"),
        Observed::LostEntries { peer, acknowledged, last } => {
            format!("{peer} lost entries: {peer} had acknowledged {acknowledged}, but its log ends at {last}")
        }
        Observed::Truncated { after } => format!("the log is truncated after {after}"),
        Observed::OtherCluster { peer, other, .. } => format!("{peer} is in another cluster, {other}"),
        Observed::CallsRefused { peer, why } => format!("{peer} refuses calls: {why}"),
        Observed::EntryTooLarge { peer, entry, bytes, limit } => {
            format!(
                "entry {entry} is not sent to {peer}: it has {bytes} bytes, but the limit is {limit} bytes"
            )
        }
        Observed::NeedsSnapshot { peer, past } => {
            format!("{peer} does not understand entry {past}, and needs a snapshot")
        }
        Observed::NoQuorum(reason) => reason.to_string(),
        Observed::QuorumAgain => "a quorum answers again".to_owned(),
        Observed::Ignored(why) => format!("ignored: {why}"),
    }
}

fn result<E: ToString>(result: Result<String, E>) -> String {
    result.unwrap_or_else(|error| error.to_string())
}
