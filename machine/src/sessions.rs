//! Sessions: a command that is sent twice takes effect once.

use crate::StateMachine;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A state machine whose clients have sessions (thesis §6.3). A client numbers its commands and sends a
/// command again if the outcome is unknown. The command takes effect once and is answered twice.
///
/// 1. A client has one command open at a time.
/// 2. The commands of a client take effect in the order of their numbers, each at most once.
/// 3. The state keeps the last reply of every client, so the number of clients bounds the memory.
///
/// The reply is `None` if the client has already sent a later command.
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
    /// For each client: the number of its last command, and the reply.
    last: BTreeMap<u64, (u64, T::Reply)>,
}

/// A command with the identity of its request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Request<C> {
    /// The client. No two clients have the same number.
    pub client: u64,
    /// The number of the command among the commands of this client.
    pub sequence: u64,
    /// The command.
    pub command: C,
}

/// Makes a request whose identity is not known yet. See [`StateMachine::identify`].
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

    /// Returns the state machine inside.
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
