//! A lock service with leases and fencing tokens in storms, and a lock service with a bug.
//!
//! A lease ends by the time in the commands. The fencing token grows with every grant, so a resource can refuse
//! the holder of an old lease.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;
use wavetank::{StateMachine, Storms};

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Order {
    /// A client asks for the lock at this time, for this span, in milliseconds.
    Acquire {
        client: u8,
        at: u64,
        span: u64,
    },
    Release {
        client: u8,
    },
    /// A client writes to the resource with the token of its lease.
    Write {
        token: u64,
        value: u8,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Reply {
    Granted {
        token: u64,
        until: u64,
    },
    Held {
        by: u8,
    },
    Done,
    /// The token is old, or the client does not hold the lock.
    Refused,
    Value(u8),
}

/// A lock service. With `WALL_CLOCK`, a lease ends by the clock of the server that applies the command: the bug.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Lock<const WALL_CLOCK: bool> {
    /// The latest time in a command.
    time: u64,
    /// The client that holds the lock, and the end of its lease.
    holder: Option<(u8, u64)>,
    /// The token of the last lease.
    token: u64,
    value: u8,
}

impl<const WALL_CLOCK: bool> Lock<WALL_CLOCK> {
    fn acquire(&mut self, client: u8, at: u64, span: u64) -> Reply {
        self.time = if WALL_CLOCK {
            SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_micros() as u64)
        } else {
            self.time.max(at)
        };
        match self.holder {
            Some((by, until)) if by != client && self.time < until => Reply::Held { by },
            _ => {
                self.token += 1;
                let until = self.time + span;
                self.holder = Some((client, until));
                Reply::Granted { token: self.token, until }
            }
        }
    }
}

impl<const WALL_CLOCK: bool> StateMachine for Lock<WALL_CLOCK> {
    type Command = Order;
    type Query = ();
    type Reply = Reply;

    fn apply(&mut self, order: Order) -> Reply {
        match order {
            Order::Acquire { client, at, span } => self.acquire(client, at, span),
            Order::Release { client } => match self.holder.take_if(|(holder, _)| *holder == client) {
                Some(_) => Reply::Done,
                None => Reply::Refused,
            },
            Order::Write { token, .. } if token < self.token => Reply::Refused,
            Order::Write { value, .. } => {
                self.value = value;
                Reply::Done
            }
        }
    }

    fn query(&self, (): ()) -> Reply {
        Reply::Value(self.value)
    }
}

fn orders() -> impl Strategy<Value = Order> {
    prop_oneof![
        3 => (0..3_u8, 0..1_000_u64, 1..300_u64).prop_map(|(client, at, span)| Order::Acquire { client, at, span }),
        1 => (0..3_u8).prop_map(|client| Order::Release { client }),
        3 => (0..20_u64, any::<u8>()).prop_map(|(token, value)| Order::Write { token, value }),
    ]
}

#[test]
fn the_lock_service_survives_storms() {
    Storms::<Lock<false>>::new(orders(), Just(())).run(64);
}

#[test]
fn a_lease_that_ends_by_the_clock_of_a_server_is_found() {
    let storms = Storms::<Lock<true>>::new(orders(), Just(()));
    let told = (0..64).find_map(|seed| storms.survives(seed).err()).expect("a storm finds the bug");
    assert!(told.starts_with("deterministic (state machine) at "), "{told}");
}
