//! A queue in storms whose clients send a command again if its outcome is unknown.

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use wavetank::{Request, Sessions, StateMachine, Storms};

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Order {
    Push(u8),
    Pop,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Queue(VecDeque<u8>);

impl StateMachine for Queue {
    type Command = Order;
    type Query = (); // the first element
    type Reply = Option<u8>;

    fn apply(&mut self, order: Order) -> Option<u8> {
        match order {
            Order::Push(element) => self.0.push_back(element),
            Order::Pop => return self.0.pop_front(),
        }
        None
    }

    fn query(&self, (): ()) -> Option<u8> {
        self.0.front().copied()
    }
}

fn orders() -> impl Strategy<Value = Order> {
    prop_oneof![3 => any::<u8>().prop_map(Order::Push), 2 => Just(Order::Pop)]
}

#[test]
fn a_queue_with_sessions_survives_storms() {
    let requests = orders().prop_map(Request::from);
    Storms::<Sessions<Queue>>::new(requests, Just(())).exactly_once().run(64);
}

/// The bug: without sessions, a command that is sent twice takes effect twice.
#[test]
fn an_element_that_is_popped_twice_is_found() {
    let storms = Storms::<Queue>::new(orders(), Just(())).exactly_once();
    let told = (0..64).find_map(|seed| storms.survives(seed).err()).expect("a storm finds the bug");
    assert!(told.starts_with("applied_once (state machine) at "), "{told}");
}
