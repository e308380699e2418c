//! The clients of the key-value store: each a small state machine that wants one thing at a time.
//!
//! In the room: what they want and when, where they look for the leader, how they take a refusal
//! or silence. Not in the room: how words travel, and whether the answers are right.

mod client;
mod lines;
mod operation;
mod plan;
mod wish;

pub use lines::Lines;
pub use operation::{Aim, End, Operation, Told};
pub use plan::{ClientPlan, Reads, Verbs};

use crate::observe::What;
use crate::slot::Slots;
use crate::workload::{Reply, Wants, Workload};
use client::{Client, Scene, World};
use wavetank_raft::{RequestId, Time};

/// All clients of a run.
///
/// 1. A client has at most one operation open.
/// 2. An operation that was told [`Ending::Failed`](crate::observe::Ending::Failed) was refused by
///    every server that it was sent to.
/// 3. Exchanges have numbers from 2⁴⁰ on; smaller ones are left to others.
#[derive(Debug)]
pub struct Clients {
    clients: Vec<Client>,
    world: World,
    due: Time,
}

impl Clients {
    /// The clients of a plan, who know these servers.
    ///
    /// # Panics
    /// When there is no server to know, or nothing to contend for.
    #[must_use]
    pub fn new(plan: ClientPlan, servers: Slots, seed: u64) -> Self {
        assert!(!servers.is_empty(), "clients need a server");
        assert!(1 <= plan.keys, "clients need a key");
        assert!(1 <= plan.tries, "clients try at least once");
        let followers = (0..plan.followers).map(|number| Client::follower(number, servers, seed));
        let slots = servers.iter().collect::<Vec<_>>();
        let pinned = (0..plan.pinned)
            .map(|at| Client::pinned(plan.followers + at, slots[usize::from(at) % slots.len()], seed));
        let mut clients = followers.chain(pinned).collect::<Vec<_>>();
        let world = World::new(plan, servers);
        for client in &mut clients {
            client.rest(Time(0), &world);
        }
        let mut all = Self { clients, world, due: Time(0) };
        all.look_ahead();
        all
    }

    /// Every operation so far, by number.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.world.operations
    }

    fn look_ahead(&mut self) {
        self.due = self.clients.iter().map(Client::due).min().unwrap_or(Time::NEVER);
    }
}

impl Workload for Clients {
    fn deadline(&self) -> Time {
        self.due
    }

    fn wake(&mut self, now: Time, wants: &mut Wants) {
        let mut scene = Scene { now, world: &mut self.world, wants };
        for client in self.clients.iter_mut().filter(|client| client.due() <= now) {
            client.wake(&mut scene);
        }
        self.look_ahead();
    }

    fn reply(&mut self, now: Time, request: RequestId, reply: Reply, wants: &mut Wants) {
        let Some(client) = client::asker(request).and_then(|at| self.clients.get_mut(at)) else { return };
        if client.waits_for(request) {
            client.hear(reply, &mut Scene { now, world: &mut self.world, wants });
            self.look_ahead();
        }
    }

    fn stop(&mut self) {
        self.world.stopped = true;
        self.clients.iter_mut().for_each(Client::stop);
        self.look_ahead();
    }

    fn is_idle(&self) -> bool {
        self.clients.iter().all(Client::is_idle)
    }

    fn operation(&self, operation: u64) -> &dyn What {
        self.world.operation(operation)
    }

    fn describe(&self, operation: u64) -> String {
        self.world.operation(operation).to_string()
    }
}
