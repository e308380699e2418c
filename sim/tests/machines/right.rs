//! State machines that look wrong and are right.

use super::{adding, expect_survival};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use wavetank_machine::{Request, Sessions, StateMachine};
use wavetank_raft::Span;
use wavetank_sim::harness::storms::Storms;

#[derive(Clone, Default, Serialize, Deserialize)]
struct HoldsAHashMap(HashMap<u8, u64>);

impl StateMachine for HoldsAHashMap {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = HashMap<u8, u64>;

    fn apply(&mut self, (key, amount): (u8, u64)) -> HashMap<u8, u64> {
        *self.0.entry(key).or_default() += amount;
        self.0.clone()
    }

    fn query(&self, _: u8) -> HashMap<u8, u64> {
        self.0.clone()
    }
}

#[test]
fn a_hash_map_in_the_state_and_in_replies_is_right() {
    expect_survival(&adding::<HoldsAHashMap>(), 32);
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct RepliesWithAFloat(BTreeMap<u8, f64>);

impl StateMachine for RepliesWithAFloat {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = f64;

    #[expect(
        clippy::cast_precision_loss,
        clippy::float_arithmetic,
        reason = "the state machine of a user may use floats"
    )]
    fn apply(&mut self, (key, amount): (u8, u64)) -> f64 {
        let quotient = self.0.entry(key).or_default();
        *quotient /= amount as f64 - 4.0;
        *quotient += 0.1;
        *quotient
    }

    fn query(&self, key: u8) -> f64 {
        self.0.get(&key).copied().unwrap_or(f64::NAN)
    }
}

#[test]
fn a_reply_with_a_float_is_right() {
    expect_survival(&adding::<RepliesWithAFloat>(), 32);
}

#[derive(Clone, Serialize, Deserialize)]
struct Large(Vec<u8>);

const LARGE: usize = 100 << 20;

impl Default for Large {
    fn default() -> Self {
        Self(vec![0; LARGE])
    }
}

impl StateMachine for Large {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = u8;

    fn apply(&mut self, (key, amount): (u8, u64)) -> u8 {
        let byte = &mut self.0[usize::from(key) * (LARGE / 4)];
        *byte = byte.wrapping_add(amount.to_le_bytes()[0]);
        *byte
    }

    fn query(&self, key: u8) -> u8 {
        self.0[usize::from(key) * (LARGE / 4)]
    }
}

#[test]
fn a_state_of_100_mib_is_right() {
    let storms = adding::<Large>().plan(|plan| {
        plan.config.snapshot_chunk_bytes = 1 << 30;
        plan.config.snapshot_threshold = 16;
        plan.config.trailing_logs = 4;
        plan.chaos = Span::s(4);
    });
    expect_survival(&storms, 2);
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Adds(BTreeMap<u8, u64>);

impl StateMachine for Adds {
    type Command = (u8, u64);
    type Query = u8;
    type Reply = u64;

    fn apply(&mut self, (key, amount): (u8, u64)) -> u64 {
        let sum = self.0.entry(key).or_default();
        *sum += amount;
        *sum
    }

    fn query(&self, key: u8) -> u64 {
        self.0.get(&key).copied().unwrap_or(0)
    }
}

#[test]
fn a_state_machine_with_sessions_executes_repeated_commands_once() {
    let commands = (0..4_u8, 1..9_u64).prop_map(Request::from);
    expect_survival(&Storms::<Sessions<Adds>>::new(commands, 0..4_u8).nodes(3).exactly_once(), 100);
}

#[test]
fn a_state_machine_is_its_own_specification() {
    expect_survival(&adding::<Adds>(), 100);
}
