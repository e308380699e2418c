//! Sessions: a command that a client sends twice takes effect once.

use crate::StateMachine;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A state machine whose clients have sessions (thesis §6.3). A client numbers its commands, and sends a
/// command again if the outcome is unknown. The repeated command takes effect only once. Each copy of the
/// command gets the same reply, until a later command of the client takes effect.
///
/// The client must keep rule 1. The state machine keeps the other rules:
///
/// 1. A client waits for the reply to a command before it sends the next command.
/// 2. The commands of a client take effect in the order of their numbers. Each command takes effect at most
///    once.
/// 3. The state keeps the last reply to every client and forgets no client. So the memory grows with the number
///    of clients.
///
/// The reply to a command is `None` if a command of the same client with a higher number has already taken
/// effect. The reply to a query is always `Some`.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// use wavetank_machine::{Request, Sessions, StateMachine};
/// # #[derive(Clone, Default, Serialize, Deserialize)]
/// # struct Counter(u64);
/// # impl StateMachine for Counter {
/// #     type Command = u64;
/// #     type Query = ();
/// #     type Reply = u64;
/// #     fn apply(&mut self, amount: u64) -> u64 {
/// #         self.0 += amount;
/// #         self.0
/// #     }
/// #     fn query(&self, (): ()) -> u64 {
/// #         self.0
/// #     }
/// # }
///
/// let mut counter = Sessions::<Counter>::default();
/// let deposit = Request { client: 7, sequence: 1, command: 40 };
/// assert_eq!(counter.apply(deposit.clone()), Some(40));
/// assert_eq!(counter.apply(deposit), Some(40));
/// assert_eq!(counter.query(()), Some(40));
/// ```
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Sessions<T: StateMachine> {
    machine: T,
    /// The last command of each client, by the number of the client. Each pair has the number of the command
    /// and the reply.
    last: BTreeMap<u64, (u64, T::Reply)>,
}

/// A command with the identity of its request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Request<C> {
    /// The number of the client. No two clients have the same number.
    pub client: u64,
    /// The number of the command among the commands of this client.
    pub sequence: u64,
    /// The command.
    pub command: C,
}

/// Makes a request without an identity: `client` and `sequence` are zero. [`StateMachine::identify`] sets the
/// identity. All requests without an identity count as copies of one request.
impl<C> From<C> for Request<C> {
    fn from(command: C) -> Self {
        Self { client: 0, sequence: 0, command }
    }
}

impl<T: StateMachine> Sessions<T> {
    /// Adds sessions to a state machine.
    pub const fn new(machine: T) -> Self {
        Self { machine, last: BTreeMap::new() }
    }

    /// Returns the state machine without the sessions.
    pub const fn machine(&self) -> &T {
        &self.machine
    }
}

impl<T: StateMachine> StateMachine for Sessions<T> {
    type Command = Request<T::Command>;
    type Query = T::Query;
    type Reply = Option<T::Reply>;

    fn apply(&mut self, request: Self::Command) -> Self::Reply {
        let Request { client, sequence, command } = request;
        if let Some((last, reply)) = self.last.get(&client)
            && sequence <= *last
        {
            return (sequence == *last).then(|| reply.clone());
        }
        let reply = self.machine.apply(command);
        self.last.insert(client, (sequence, reply.clone()));
        Some(reply)
    }

    fn query(&self, query: T::Query) -> Self::Reply {
        Some(self.machine.query(query))
    }

    fn identify(request: Self::Command, client: u64, sequence: u64) -> Self::Command {
        Request { client, sequence, ..request }
    }
}
