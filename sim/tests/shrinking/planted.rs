//! Servers with a planted bug: our server, with one change of the events that it takes, of the actions that it
//! hands out, or of the state that it shows.

use std::sync::Arc;
use wavetank_raft::store::StoreError;
use wavetank_raft::{
    Action, Answer, Call, Configuration, Deadline, Effects, Event, Index, LogId, Request, Response, RoleName,
    Server, StoreJob, Term, Time, Token,
};
use wavetank_sim::subject::Wavetank;
use wavetank_sim::{ServerIdx, Start, Subject, View};

/// A planted bug.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bug {
    /// Every vote is granted.
    VotesForAll,
    /// A write counts as durable as soon as it is handed out.
    CountsUnsyncedWrites,
    /// A follower says that it has all entries of the leader.
    ClaimsAllEntries,
    /// A read is allowed at once on any server.
    AllowsEveryRead,
    /// The term goes back when a leader is followed.
    TermGoesBack,
    /// The commit index covers the whole log.
    CommitsAtOnce,
    /// Every server leads in odd terms.
    AllLead,
    /// A command is answered as applied although nothing happened.
    AnswersWithoutWork,
    /// The last entry of a batch is not applied.
    SkipsAnEntry,
    /// The messages of a leader have the term before.
    SendsOldTerm,
    /// Every vote and every pre-vote is refused.
    RefusesAllVotes,
    /// The leader sends nothing to the server n3.
    ForgetsOneServer,
    /// A leader sends no entries.
    SendsNoEntries,
    /// There is no bug.
    None,
}

impl Bug {
    const ALL: [Self; 14] = [
        Self::VotesForAll,
        Self::CountsUnsyncedWrites,
        Self::ClaimsAllEntries,
        Self::AllowsEveryRead,
        Self::TermGoesBack,
        Self::CommitsAtOnce,
        Self::AllLead,
        Self::AnswersWithoutWork,
        Self::SkipsAnEntry,
        Self::SendsOldTerm,
        Self::RefusesAllVotes,
        Self::ForgetsOneServer,
        Self::SendsNoEntries,
        Self::None,
    ];
}

/// Our server with the bug of this number.
#[derive(Debug)]
pub(crate) struct Planted<const BUG: u8>(Server);

impl<const BUG: u8> Planted<BUG> {
    const BUG: Bug = Bug::ALL[BUG as usize];

    /// Returns the event that the server takes, or the answers to an event that it does not take.
    fn event(event: Event) -> Result<Event, Vec<Action>> {
        match (Self::BUG, event) {
            (Bug::AllowsEveryRead, Event::Call { request, call: Call::Read(_) }) => {
                Err(vec![Action::Answer { request, outcome: Ok(Answer::Readable { index: Index::ZERO }) }])
            }
            (Bug::AnswersWithoutWork, Event::Call { request, call: Call::Apply(data) }) => {
                let answer = Answer::Applied { index: Index(1), response: data };
                Err(vec![Action::Answer { request, outcome: Ok(answer) }])
            }
            (_, event) => Ok(event),
        }
    }

    /// Changes an action. Returns `None` if the action is not handed out.
    fn action(&self, mut action: Action) -> Option<Action> {
        match (Self::BUG, &mut action) {
            (Bug::VotesForAll, Action::Reply { response: Response::RequestVote(vote), .. }) => {
                vote.granted = true;
            }
            (Bug::RefusesAllVotes, Action::Reply { response: Response::RequestVote(vote), .. }) => {
                vote.granted = false;
            }
            (Bug::RefusesAllVotes, Action::Reply { response: Response::RequestPreVote(vote), .. }) => {
                // A response that grants repeats the term of the request. A response that refuses has the own term.
                (vote.granted, vote.term) = (false, self.view().term.expect("it has a term"));
            }
            (Bug::ClaimsAllEntries, Action::Reply { response: Response::AppendEntries(append), .. }) => {
                append.success = true;
            }
            (Bug::SkipsAnEntry, Action::Apply(batch)) if 1 < batch.entries.len() => {
                batch.entries.pop();
            }
            (Bug::SendsOldTerm, Action::Send { request: Request::AppendEntries(append), .. }) => {
                append.term = Term(append.term.0.saturating_sub(1));
            }
            (Bug::ForgetsOneServer, Action::Send { to, request: Request::AppendEntries(append), .. })
                if *to == ServerIdx(2).node() && !append.entries.is_empty() =>
            {
                return None;
            }
            (Bug::SendsNoEntries, Action::Send { request: Request::AppendEntries(append), .. })
                if !append.entries.is_empty() =>
            {
                return None;
            }
            _ => {}
        }
        Some(action)
    }
}

impl<const BUG: u8> Subject for Planted<BUG> {
    type Protocol = Wavetank;
    type Scratch = Effects;

    fn name(&self) -> &'static str {
        "planted"
    }

    fn start(start: Start<'_>) -> Result<Self, StoreError> {
        <Server as Subject>::start(start).map(Self)
    }

    fn step(&mut self, now: Time, event: Event, scratch: &mut Effects, actions: &mut Vec<Action>) {
        let event = match Self::event(event) {
            Ok(event) => event,
            Err(answers) => return actions.extend(answers),
        };
        let mut taken = Vec::new();
        self.0.step_with(now, event, scratch, &mut taken);
        if Self::BUG == Bug::CountsUnsyncedWrites {
            let writes: Vec<Token> = taken
                .iter()
                .filter_map(|action| match action {
                    Action::Store(StoreJob::Persist(write)) => Some(write.token),
                    _ => None,
                })
                .collect();
            for token in writes {
                self.0.step_with(now, Event::Persisted(token), scratch, &mut taken);
            }
        }
        actions.extend(taken.into_iter().filter_map(|action| self.action(action)));
    }

    fn deadline(&self) -> Deadline {
        self.0.deadline()
    }

    fn view(&self) -> View {
        let mut view = self.0.view();
        let leader = view.leader.flatten();
        match Self::BUG {
            Bug::TermGoesBack if leader.is_some() && view.role == Some(RoleName::Follower) => {
                view.term = view.term.map(|term| Term(term.0 - 1));
            }
            Bug::CommitsAtOnce => view.commit = view.last.map(|LogId { index, .. }| index),
            Bug::AllLead if view.term.is_some_and(|term| term.0 % 2 == 1) => {
                view.role = Some(RoleName::Leader);
            }
            _ => {}
        }
        view
    }

    fn configuration(&self) -> Option<Option<(Index, &Arc<Configuration>)>> {
        Subject::configuration(&self.0)
    }

    fn server(&self) -> Option<&Server> {
        Some(&self.0)
    }
}
