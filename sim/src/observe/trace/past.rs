//! The causal past of a step: all earlier steps on which the step depends (happened-before, Lamport 1978).
//!
//! A step of a server depends on two earlier steps: the last step that changed the server, and the step that
//! sent the message that the server handles. A step that handles a client's request also depends on the
//! latest beginning or end of an operation of the client. The end of an operation depends on the beginning of
//! the operation and on the last answer to the client. The beginning of an operation depends on the end of
//! the client's previous operation. The text of the trace shows only the steps that changed a server, and the
//! operations if there are few of them.

use super::story::operation;
use super::{CommandText, TextTrace, UNKNOWN, display};
use crate::observe::observer::Observer;
use crate::observe::requests::client_of;
use crate::observe::step_log::NodeState;
use crate::observe::{MessageRef, Observation, ObservationKind, OperationValue};
use crate::plan::server_set::ServerIdx;
use crate::subject::{ActionOf, EventOf, Subject};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, Reversed};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use wavetank_raft::{Action, Event, NodeId, RpcId, StoreJob, Time};

/// A trace of the causal past of one step.
#[derive(Clone, Debug)]
pub struct Causes {
    of: u64,
    commands: CommandText,
    steps: DiGraph<CausalStep, ()>,
    /// For each server, the last step that changed the server, and the last step of any kind. `None`: the
    /// server has taken no step.
    latest: [Option<(NodeIndex, NodeIndex)>; ServerIdx::MAX_SERVERS],
    /// The step that sent each message. The key has four parts: true for a response, the sender, the
    /// receiver, the id of the call.
    sent: BTreeMap<(bool, ServerIdx, ServerIdx, RpcId), NodeIndex>,
    /// For each client, the last beginning or end of an operation.
    clients: BTreeMap<u16, NodeIndex>,
    /// For each client, the last step in which a server answered the client.
    answered: BTreeMap<u16, NodeIndex>,
    /// The state and the vote of the server before the event that the server is handling now. `None`: no
    /// server is handling an event.
    before: Option<(NodeState, Option<NodeId>)>,
    event: (String, Vec<NodeIndex>),
    /// The changes of the network, with the number and the time of the observation. Such changes are not
    /// steps and have no cause.
    network: Vec<(u64, Time, String)>,
}

#[derive(Clone, Debug)]
struct CausalStep {
    step: u64,
    at: Time,
    idx: Option<ServerIdx>,
    /// The server's state after the step, as text.
    state: String,
    what: String,
    changes: bool,
}

/// The maximum number of steps in the text of the trace.
const LINES: usize = 120;

impl Causes {
    /// Creates a trace of the causal past of the step with this number.
    #[must_use]
    pub fn of(step: u64) -> Self {
        Self {
            of: step,
            commands: UNKNOWN,
            steps: DiGraph::new(),
            latest: Default::default(),
            sent: BTreeMap::new(),
            clients: BTreeMap::new(),
            answered: BTreeMap::new(),
            before: None,
            event: Default::default(),
            network: Vec::new(),
        }
    }

    /// Sets the function that formats the commands of the state machine.
    #[must_use]
    pub fn with_commands(self, commands: CommandText) -> Self {
        Self { commands, ..self }
    }

    /// Returns the numbers of the steps that the text shows, oldest first.
    pub(super) fn steps(&self) -> Vec<u64> {
        let Some(last) = self.steps.node_indices().next_back() else { return Vec::new() };
        let shown = self.shown(&self.past(last), last);
        shown[shown.len().saturating_sub(LINES)..].iter().map(|step| step.step).collect()
    }

    /// Returns the step and all steps on which the step depends, oldest first.
    fn past(&self, last: NodeIndex) -> Vec<NodeIndex> {
        let mut search = Dfs::new(Reversed(&self.steps), last);
        let mut past = Vec::new();
        while let Some(node) = search.next(Reversed(&self.steps)) {
            past.push(node);
        }
        past.sort_unstable();
        past
    }

    /// Returns the steps of `past` that changed a server, and also the last step. Adds the beginnings and ends of
    /// operations if there is room for all of them.
    fn shown(&self, past: &[NodeIndex], last: NodeIndex) -> Vec<&CausalStep> {
        let steps = || past.iter().map(|&node| &self.steps[node]);
        let is_shown = |step: &&CausalStep| step.changes || step.step == self.steps[last].step;
        let with_clients: Vec<_> = steps().filter(|step| is_shown(step) || step.idx.is_none()).collect();
        if with_clients.len() <= LINES { with_clients } else { steps().filter(is_shown).collect() }
    }

    /// Writes the steps, with the changes of the network between the steps.
    fn write_steps(&self, shown: &[&CausalStep], text: &mut String) {
        let first = shown.first().map_or(0, |step| step.step);
        let mut network = self.network.iter().filter(|change| first <= change.0).peekable();
        for step in shown {
            while let Some((number, at, what)) = network.next_if(|change| change.0 < step.step) {
                let _ = writeln!(text, "{:>12} {number:>7}      {:<23} {what}", time(*at), "");
            }
            let name = step.idx.map_or_else(String::new, |idx| idx.to_string());
            let CausalStep { step: number, at, state, what, .. } = step;
            let line = format!("{:>12} {number:>7} {name:<4} {state:<23} {what}", time(*at));
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }

    /// Adds a step of a server. The cause of the step is the last step that changed the server.
    fn add<S: Subject>(
        &mut self,
        observation: &Observation<'_, S>,
        idx: ServerIdx,
        what: String,
        changes: bool,
    ) -> NodeIndex {
        let step = CausalStep {
            step: observation.step,
            at: observation.at,
            idx: Some(idx),
            state: String::new(),
            what,
            changes,
        };
        let node = self.steps.add_node(step);
        let latest = &mut self.latest[idx.at()];
        if let Some((changed, _)) = latest {
            self.steps.add_edge(*changed, node, ());
        }
        *latest = Some(latest.filter(|_| !changes).map_or((node, node), |(changed, _)| (changed, node)));
        node
    }

    fn on_event<S: Subject>(&mut self, idx: ServerIdx, event: &EventOf<S>, server: &S) {
        let (verb, detail) = display::event::<S>(event, self.commands);
        let sender = |is_response, from, rpc| {
            let from = ServerIdx::of(from)?;
            self.sent.get(&(is_response, from, idx, rpc)).copied()
        };
        let client = |request| self.clients.get(&client_of(request)?).copied();
        let causes = match event {
            Event::Request { from, rpc, .. } => sender(false, *from, *rpc).into_iter().collect(),
            Event::Response { from, rpc, .. } => sender(true, *from, *rpc).into_iter().collect(),
            Event::Call { request, .. } => client(*request).into_iter().collect(),
            Event::ApplyBatch(batch) => batch.iter().filter_map(|(request, _)| client(*request)).collect(),
            _ => Vec::new(),
        };
        self.event = (format!("{verb:<8} {detail}"), causes);
        self.before = Some(state_and_vote(server));
    }

    fn on_step<S: Subject>(
        &mut self,
        observation: &Observation<'_, S>,
        idx: ServerIdx,
        server: &S,
        actions: &[ActionOf<S>],
    ) {
        let wrote = actions.iter().any(|action| matches!(action, Action::Store(StoreJob::Persist(_))));
        let now = state_and_vote(server);
        let changes = wrote || self.before != Some(now);
        let (what, causes) = std::mem::take(&mut self.event);
        let node = self.add(observation, idx, what, changes);
        self.steps[node].state = display::state(&server.view());
        for cause in causes {
            self.steps.add_edge(cause, node, ());
        }
        for action in actions {
            if let Action::Answer { request, .. } = action
                && let Some(client) = client_of(*request)
            {
                self.answered.insert(client, node);
            }
        }
    }

    /// Adds a step that changed a server without an event, for example a crash.
    fn add_change<S: Subject>(&mut self, observation: &Observation<'_, S>, idx: ServerIdx, what: &str) {
        self.add(observation, idx, what.to_owned(), true);
    }

    /// Adds a change of the network.
    fn add_network<S: Subject>(&mut self, observation: &Observation<'_, S>, what: String) {
        self.network.push((observation.step, observation.at, what));
    }

    /// Adds the beginning or the end of a client's operation.
    fn add_operation<S: Subject>(
        &mut self,
        observation: &Observation<'_, S>,
        client: u16,
        verb: &str,
        what: &dyn OperationValue,
    ) -> NodeIndex {
        let what = format!("{verb:<8} {}", operation(client, what));
        let step = CausalStep {
            step: observation.step,
            at: observation.at,
            idx: None,
            state: String::new(),
            what,
            changes: false,
        };
        let node = self.steps.add_node(step);
        if let Some(before) = self.clients.insert(client, node) {
            self.steps.add_edge(before, node, ());
        }
        node
    }

    /// Adds the end of a client's operation. Its cause is the last answer to the client.
    fn add_return<S: Subject>(
        &mut self,
        observation: &Observation<'_, S>,
        client: u16,
        what: &dyn OperationValue,
    ) {
        let node = self.add_operation(observation, client, "told", what);
        if let Some(answered) = self.answered.get(&client) {
            self.steps.add_edge(*answered, node, ());
        }
    }
}

impl TextTrace for Causes {
    fn take(&mut self) -> String {
        let Some(last) = self.steps.node_indices().next_back() else { return String::new() };
        let past = self.past(last);
        let shown = self.shown(&past, last);
        let mut text = format!(
            "step {} depends on {} of the {} earlier steps; {} of these steps changed a server\n\n",
            self.steps[last].step,
            past.len() - 1,
            self.steps.node_count() - 1,
            shown.iter().filter(|step| step.changes && step.step < self.steps[last].step).count(),
        );
        let left_out = shown.len().saturating_sub(LINES);
        if 0 < left_out {
            let _ = writeln!(text, "... {left_out} earlier steps are left out");
        }
        self.write_steps(&shown[left_out..], &mut text);
        text
    }
}

impl<S: Subject> Observer<S> for Causes {
    fn on_observation(&mut self, observation: &Observation<'_, S>) {
        if self.of < observation.step {
            return;
        }
        match observation.kind {
            ObservationKind::Stepping { idx, event, server, .. } => self.on_event(idx, event, server),
            ObservationKind::Stepped { idx, server, actions } => {
                self.on_step(observation, idx, server, actions);
            }
            ObservationKind::Sent { from, to, rpc, carried, .. } => {
                let is_response = matches!(carried, MessageRef::Response(_));
                if let Some((_, node)) = self.latest[from.at()] {
                    self.sent.insert((is_response, from, to, rpc), node);
                }
            }
            ObservationKind::Booted { idx, .. } => self.add_change(observation, idx, "start"),
            ObservationKind::Crashed { idx, wiped: false } => self.add_change(observation, idx, "crash"),
            ObservationKind::Crashed { idx, wiped: true } => {
                self.add_change(observation, idx, "crash    the disk is lost");
            }
            ObservationKind::Halted(idx) => self.add_change(observation, idx, "halt"),
            ObservationKind::Refused { idx, error } => {
                self.add_change(observation, idx, &format!("refused  {error}"));
            }
            ObservationKind::Damaged { idx, damage } => {
                self.add_change(observation, idx, &format!("damaged  {damage}"));
            }
            ObservationKind::Paused(idx) => self.add_change(observation, idx, "pause"),
            ObservationKind::Resumed(idx) => self.add_change(observation, idx, "resume"),
            ObservationKind::Restored { idx, last, .. } => {
                self.add_change(observation, idx, &format!("load     {last}"));
            }
            ObservationKind::Durable { idx, write, torn: Some(kept) } => {
                self.add_change(
                    observation,
                    idx,
                    &format!("torn     {} after {kept}", display::write(write, self.commands)),
                );
            }
            ObservationKind::Applied { idx, batch, .. } => {
                let last = batch.entries.last().map(|entry| entry.id.index).unwrap_or_default();
                self.add(observation, idx, format!("state    {last}"), false);
            }
            ObservationKind::SnapshotTaken { idx, meta, .. } => {
                self.add(observation, idx, format!("state    snapshot {}", meta.last), false);
            }
            ObservationKind::Invoked { client, what, .. } => {
                self.add_operation(observation, client, "ask", what);
            }
            ObservationKind::Returned { client, what, .. } => self.add_return(observation, client, what),
            ObservationKind::Network(change) => {
                let (verb, detail) = display::network(change);
                self.add_network(observation, format!("{verb:<8} {detail}"));
            }
            ObservationKind::Healed { core } => {
                self.add_network(observation, format!("{:<8} {}", "healed", display::set(core)));
            }
            _ => {}
        }
    }
}

fn state_and_vote(server: &impl Subject) -> (NodeState, Option<NodeId>) {
    let view = server.view();
    (NodeState::of(&view), view.vote.flatten())
}

fn time(at: Time) -> String {
    format!("{}.{:03}", at.0 / 1_000, at.0 % 1_000)
}
