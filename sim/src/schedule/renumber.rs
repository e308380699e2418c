//! Removes a server from the elements of a schedule, and renumbers the remaining servers as in a smaller
//! cluster.

use super::{CallId, Choice, Element, MessageId};
use crate::observe::network_change::NetworkChange;
use crate::plan::server_set::{ServerIdx, ServerSet};
use serde_json::Value;
use wavetank_raft::Call;

impl Element {
    /// Returns the element for a cluster without the server `gone`. Each server after `gone` gets the next
    /// lower number. A set of servers loses the server `gone`. Returns `None` if the element names `gone`
    /// outside a set, or if a set in a network change becomes empty.
    pub(crate) fn without_server(&self, gone: ServerIdx) -> Option<Self> {
        Some(Self { at: self.at, choice: self.choice.without_server(gone)? })
    }
}

impl Choice {
    fn without_server(&self, gone: ServerIdx) -> Option<Self> {
        let of = |idx: &ServerIdx| lower(*idx, gone);
        Some(match self {
            Self::Deliver { message, flips } => {
                let MessageId { call, answer } = *message;
                let call = CallId { from: of(&call.from)?, to: of(&call.to)?, ..call };
                Self::Deliver { message: MessageId { call, answer }, flips: *flips }
            }
            Self::Fire(idx, reason) => Self::Fire(of(idx)?, *reason),
            Self::Finish(idx, job) => Self::Finish(of(idx)?, *job),
            Self::Hear(idx, ticket) => Self::Hear(of(idx)?, *ticket),
            Self::Work(idx, work) => Self::Work(of(idx)?, *work),
            Self::Batch(idx) => Self::Batch(of(idx)?),
            Self::Ask(ask) => Self::Ask(*ask),
            Self::Reply(ask) => Self::Reply(*ask),
            Self::Call(idx, call) => Self::Call(of(idx)?, Box::new(renamed(call, gone)?)),
            Self::Interrupt(idx, carried) => Self::Interrupt(of(idx)?, *carried),
            Self::Crash(idx) => Self::Crash(of(idx)?),
            Self::Wipe(idx) => Self::Wipe(of(idx)?),
            Self::Lose(idx) => Self::Lose(of(idx)?),
            Self::Start(idx) => Self::Start(of(idx)?),
            Self::Pause(idx) => Self::Pause(of(idx)?),
            Self::Resume(idx) => Self::Resume(of(idx)?),
            Self::Damage(idx, fault, draw) => Self::Damage(of(idx)?, *fault, *draw),
            Self::NewDisk(idx) => Self::NewDisk(of(idx)?),
            Self::BreakMachine(idx, fault) => Self::BreakMachine(of(idx)?, *fault),
            Self::Move(idx) => Self::Move(of(idx)?),
            Self::ExchangeAddresses(one, other) => Self::ExchangeAddresses(of(one)?, of(other)?),
            Self::FreeSpace(idx) => Self::FreeSpace(of(idx)?),
            Self::Network(change) => Self::Network(without(change, gone)?),
            Self::Jump(idx, by) => Self::Jump(of(idx)?, *by),
            Self::Freeze(idx, by) => Self::Freeze(of(idx)?, *by),
            Self::Drift(idx, ppm) => Self::Drift(of(idx)?, *ppm),
            Self::Heal(broken) => Self::Heal(lower_all(*broken, gone)),
            Self::Rest => Self::Rest,
        })
    }
}

const fn lower(idx: ServerIdx, gone: ServerIdx) -> Option<ServerIdx> {
    match idx.0 {
        same if same == gone.0 => None,
        above if gone.0 < above => Some(ServerIdx(above - 1)),
        _ => Some(idx),
    }
}

fn lower_all(set: ServerSet, gone: ServerIdx) -> ServerSet {
    set.iter().filter_map(|idx| lower(idx, gone)).fold(ServerSet::NONE, ServerSet::with)
}

fn without(change: &NetworkChange, gone: ServerIdx) -> Option<NetworkChange> {
    let set = |set: &ServerSet| Some(lower_all(*set, gone)).filter(|set| !set.is_empty());
    Some(match change {
        NetworkChange::Partition(one, other) => NetworkChange::Partition(set(one)?, set(other)?),
        NetworkChange::CutOneWay(from, to) => NetworkChange::CutOneWay(set(from)?, set(to)?),
        NetworkChange::Cut(from, to) => NetworkChange::Cut(lower(*from, gone)?, lower(*to, gone)?),
        NetworkChange::Mend(from, to) => NetworkChange::Mend(lower(*from, gone)?, lower(*to, gone)?),
        NetworkChange::HealAll => NetworkChange::HealAll,
    })
}

/// Renumbers the servers in the ids and the addresses of a call. Returns `None` if the call names the removed
/// server `gone`.
fn renamed(call: &Call, gone: ServerIdx) -> Option<Call> {
    let mut value = serde_json::to_value(call).ok()?;
    rename(&mut value, gone)?;
    serde_json::from_value(value).ok()
}

fn rename(value: &mut Value, gone: ServerIdx) -> Option<()> {
    match value {
        Value::String(text) => {
            let named = ServerSet::first(ServerIdx::MAX_SERVERS).iter().find_map(|idx| {
                let is_id = *text == idx.to_string();
                (is_id || *text == idx.address().to_string()).then_some((idx, is_id))
            });
            if let Some((idx, is_id)) = named {
                let idx = lower(idx, gone)?;
                *text = if is_id { idx.to_string() } else { idx.address().to_string() };
            }
        }
        Value::Array(values) => values.iter_mut().try_for_each(|value| rename(value, gone))?,
        Value::Object(fields) => fields.values_mut().try_for_each(|value| rename(value, gone))?,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_after_the_missing_one_move_down() {
        let without_n2 = |line: &str| {
            let element: Element = line.parse().expect(line);
            element.without_server(ServerIdx(1)).map(|element| element.to_string())
        };
        for (line, expected) in [
            ("1.000 deliver n1>n3 t2 vote 1", "1.000 deliver n1>n2 t2 vote 1"),
            ("1.000 fire n1 election", "1.000 fire n1 election"),
            ("1.000 heal 6", "1.000 heal 2"),
            (
                r#"1.000 call n3 {"Transfer":{"target":"n4"}}"#,
                r#"1.000 call n2 {"Transfer":{"target":"n3"}}"#,
            ),
            (
                r#"1.000 call n1 {"AddVoterStaged":{"id":"n5","address":"tank:5","prev_index":null}}"#,
                r#"1.000 call n1 {"AddVoterStaged":{"id":"n4","address":"tank:4","prev_index":null}}"#,
            ),
            (r#"1.000 network {"Partition":[3,4]}"#, r#"1.000 network {"Partition":[1,2]}"#),
        ] {
            assert_eq!(without_n2(line).as_deref(), Some(expected));
        }
        for line in [
            "1.000 deliver n1>n2 t2 vote 1",
            "1.000 crash n2",
            r#"1.000 call n3 {"Transfer":{"target":"n2"}}"#,
            r#"1.000 network {"Partition":[2,4]}"#,
        ] {
            assert_eq!(without_n2(line), None);
        }
    }
}
