//! Checks a plan that was edited by hand: the plan must be runnable, and the run must end in reasonable time.

use super::Plan;
use super::fields::Value;
use crate::observe::network_change::NetworkChange;
use crate::plan::server_set::{ServerIdx, ServerSet};
use crate::schedule::{Choice, Element, EventOrder};
use wavetank_raft::{Config, Settings, Span, Time};

/// The longest span that a plan may contain: one hour.
const SPAN_MAX: Span = Span::s(3_600);
/// The largest number of clients that a plan may have.
const CLIENTS_MAX: u16 = 4_000;

impl Plan {
    /// Checks that a world can be built from the plan.
    ///
    /// # Errors
    /// Returns a message that names the invalid field and its limit.
    pub fn validate(&self) -> Result<(), String> {
        let count = self.server_count();
        if self.servers == 0 || ServerIdx::MAX_SERVERS < count {
            return Err(format!(
                "servers must be at least 1, and servers plus spares at most {}, but they are {} and {}",
                ServerIdx::MAX_SERVERS,
                self.servers,
                self.spares
            ));
        }
        let config = Config { local_id: ServerIdx(0).id(), ..self.config.clone() };
        Settings::new(config).map_err(|error| format!("config.{error}"))?;
        // A schedule may be long, and `validate_order` checks its elements.
        let drawn = Self { order: EventOrder::Drawn, ..self.clone() };
        validate_fields("", &Value::of(&drawn))?;
        self.validate_order()?;
        self.validate_clients()
    }

    /// Checks that the schedule names only servers of the tank, and has no time, jump or drift beyond its limit.
    fn validate_order(&self) -> Result<(), String> {
        let all = ServerSet::first(self.server_count());
        for element in self.order.elements() {
            if let Some(problem) = out_of_bounds(element) {
                return Err(format!("order: `{element}` {problem}"));
            }
            if let Some(idx) =
                servers_of(&element.choice).into_iter().find(|idx| self.server_count() <= idx.at())
            {
                return Err(format!(
                    "order: `{element}` names server {idx}, but the tank has only the servers {all}"
                ));
            }
        }
        Ok(())
    }

    fn validate_clients(&self) -> Result<(), String> {
        let shortest = Span::ms(1);
        let clients = &self.clients;
        if clients.keys == 0 || clients.reads.is_empty() {
            return Err(
                "clients.keys must be at least 1, and clients.reads must name at least one read path"
                    .to_owned(),
            );
        }
        if CLIENTS_MAX < clients.count {
            return Err(format!("clients.count is {}, but must be at most {CLIENTS_MAX}", clients.count));
        }
        if clients.think.max < shortest || clients.patience < shortest {
            return Err("clients.think.max and clients.patience must be at least 1 ms".to_owned());
        }
        let too_frequent = self.nemesis.scheduled.iter().find(|(_, rhythm)| rhythm.every.max < shortest);
        let drift = self.clocks.drift_ppm;
        match too_frequent {
            Some((kind, _)) => {
                Err(format!("nemesis.scheduled: every.max of {} must be at least 1 ms", kind.name()))
            }
            None if 1_000_000 <= drift => {
                Err(format!("clocks.drift_ppm is {drift}, but must be below 1000000"))
            }
            None => Ok(()),
        }
    }
}

/// Returns all servers that a choice names. [`Choice::servers`] returns fewer servers. The shrinker forms
/// groups of elements from those servers. With all servers, a partition would belong to the group of every
/// server.
fn servers_of(choice: &Choice) -> Vec<ServerIdx> {
    match choice {
        Choice::Heal(broken) => broken.iter().collect(),
        Choice::Network(NetworkChange::Cut(one, other) | NetworkChange::Mend(one, other)) => {
            vec![*one, *other]
        }
        Choice::Network(NetworkChange::Partition(one, other) | NetworkChange::CutOneWay(one, other)) => {
            one.iter().chain(other.iter()).collect()
        }
        choice => choice.servers(),
    }
}

/// Returns the limit that an element exceeds, as the end of a sentence. Returns `None` if the element exceeds
/// no limit.
fn out_of_bounds(element: &Element) -> Option<String> {
    /// A run may continue for a while after the longest chaos phase.
    const END: Time = Time(4 * SPAN_MAX.0);
    match element.choice {
        _ if END < element.at => {
            Some(format!("is at a time after {}, the latest time that a schedule may contain", Span(END.0)))
        }
        Choice::Jump(_, by) | Choice::Freeze(_, by) if SPAN_MAX < by => {
            Some(format!("has a span of {by}, but a span must be at most {SPAN_MAX}"))
        }
        Choice::Drift(_, ppm) if 1_000_000 <= ppm.unsigned_abs() => {
            Some(format!("has a drift of {ppm} ppm, but a drift must be from -999999 to 999999 ppm"))
        }
        _ => None,
    }
}

/// Checks all spans, ranges and probabilities in a tree of values.
fn validate_fields(path: &str, value: &Value) -> Result<(), String> {
    let within = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Number(_) | Value::Plain(_) => Ok(()),
        Value::Span(span) | Value::Duration(span) if SPAN_MAX < *span => {
            Err(format!("{path} is {span}, but a span must be at most {SPAN_MAX}"))
        }
        Value::Span(_) | Value::Duration(_) => Ok(()),
        Value::Named(_, parts) | Value::List(parts) => match &parts[..] {
            // This field is an entry of a map. The key of the entry is a name and belongs to the path.
            [Value::Named(name, parts), value] if parts.is_empty() => validate_fields(&within(name), value),
            parts => parts.iter().try_for_each(|part| validate_fields(path, part)),
        },
        Value::Struct(name, fields) => match (*name, &fields[..]) {
            ("Spans", [(_, Value::Span(min)), (_, Value::Span(max))]) if max < min || SPAN_MAX < *max => {
                Err(format!(
                    "{path} is the range {min} to {max}, but a range must not end before its start or after {SPAN_MAX}"
                ))
            }
            ("Ratio", [(_, Value::Number(n)), (_, Value::Number(d))]) if *d == 0 || d < n => {
                Err(format!("{path} is {n}/{d}, but a probability must be between 0 and 1"))
            }
            _ => fields.iter().try_for_each(|(name, value)| validate_fields(&within(name), value)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Recurrence;
    use crate::plan::fault_kind::Scheduled;
    use crate::plan::rng::{Ratio, Spans};
    use crate::schedule::Fit;

    #[test]
    fn every_storm_is_valid() {
        for seed in 0..500 {
            assert_eq!(Plan::storm(seed).validate(), Ok(()), "seed {seed}");
        }
    }

    #[test]
    fn an_impossible_element_is_named() {
        for text in [
            "18446744073709551.615 rest",
            "0.000 freeze n1 18446744073709551615",
            "0.000 drift n1 -1000000",
            "0.000 heal 128",
            "0.000 network {\"Cut\":[200,201]}",
        ] {
            let element: Element = text.parse().unwrap_or_else(|error| panic!("{text}: {error:?}"));
            let order = EventOrder::Scheduled(Fit::Exact, vec![element]);
            let refused = Plan { order, ..Plan::calm(0, 3) }.validate().expect_err(text);
            assert!(refused.starts_with("order: `"), "{refused}");
        }
    }

    #[test]
    fn an_invalid_field_is_named() {
        let broken = |edit: fn(&mut Plan)| {
            let mut plan = Plan::storm(1);
            edit(&mut plan);
            plan.validate().unwrap_err()
        };
        assert!(broken(|plan| plan.servers = 0).contains("servers must be at least 1"));
        assert!(broken(|plan| plan.spares = 200).contains("spares at most 16"));
        assert!(broken(|plan| plan.config.max_inflight = 0).contains("max_inflight"));
        assert!(broken(|plan| plan.chaos = Span(u64::MAX)).contains("chaos"));
        assert!(broken(|plan| plan.links.loss = Some(Ratio { n: 1, d: 0 })).contains("links.loss"));
        assert!(broken(|plan| plan.disks.sync.max = Span::ZERO).contains("disks.sync"));
        assert!(broken(|plan| plan.clients.keys = 0).contains("key"));
        assert!(broken(|plan| plan.supervised = Some(Span::s(3_601))).contains("supervised"));
        assert!(broken(|plan| plan.clients.count = 60_000).contains("clients.count"));
        const NEVER: Recurrence =
            Recurrence { every: Spans::us(1, 2), lasts: Spans { min: Span::us(2), max: Span::us(1) } };
        let broken = broken(|plan| {
            plan.nemesis.scheduled.insert(Scheduled::Crash, NEVER);
        });
        assert!(broken.contains("nemesis.scheduled.Scheduled::Crash.lasts"), "{broken}");
    }
}
