//! A bank as a replicated state machine in storms. The total amount of money never changes.
//!
//! `cargo run --release -p wavetank-sim --example ledger` succeeds. With `-- --bug`, the bank's
//! snapshots forget transfers that are not completed. A storm finds this bug. The failure is shrunk,
//! printed and saved in a file, with the command that replays it.

use std::collections::BTreeMap;
use wavetank_raft::store::{
    Command, Fsm, FsmSnapshot, SnapshotReader, SnapshotWriter, StoreError, StoreErrorKind,
};
use wavetank_raft::{Data, ReadPath};
use wavetank_sim::clients::callers::{Callers, Script};
use wavetank_sim::engine::workload::{TankFsm, Want};
use wavetank_sim::plan::rng::Stream;
use wavetank_sim::{Plan, Storm, run_storms};

const ACCOUNTS: u8 = 4;
const AT_FIRST: u64 = 100;

/// The accounts, and the transfers that are not completed: the money has left one account and has not
/// reached the other.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    accounts: BTreeMap<u8, u64>,
    under_way: Vec<(u8, u64)>,
    digest: u64,
    forgets: bool,
}

impl Ledger {
    /// Creates a ledger in which every account has the same balance. `forgets` enables the bug.
    pub(crate) fn new(forgets: bool) -> Self {
        let accounts = (0..ACCOUNTS).map(|account| (account, AT_FIRST)).collect();
        Self { accounts, under_way: Vec::new(), digest: 0, forgets }
    }

    /// Verifies the invariant: the total amount of money never changes.
    pub(crate) fn money_is_kept(&self) -> Result<(), String> {
        let under_way: u64 = self.under_way.iter().map(|(_, sum)| sum).sum();
        let total = self.accounts.values().sum::<u64>() + under_way;
        let expected = u64::from(ACCOUNTS) * AT_FIRST;
        if total == expected { Ok(()) } else { Err(format!("the total is {total}, but must be {expected}")) }
    }

    /// Executes a command. `[from, to, sum]` withdraws money from the first account. The next command
    /// of any kind deposits it in the second.
    fn obey(&mut self, command: &[u8]) -> Data {
        for (to, sum) in std::mem::take(&mut self.under_way) {
            *self.accounts.entry(to).or_default() += sum;
        }
        let &[from, to, sum] = command else { return Data::from(&b"what?"[..]) };
        let Some(balance) = self.accounts.get_mut(&from).filter(|balance| u64::from(sum) <= **balance) else {
            return Data::from(&b"too little"[..]);
        };
        *balance -= u64::from(sum);
        self.under_way.push((to, u64::from(sum)));
        Data::from(&b"done"[..])
    }
}

impl Fsm for Ledger {
    type Snapshot = Self;

    fn apply(&mut self, command: &Command<'_>) -> Data {
        self.digest = command.data.iter().fold(self.digest, |sum, &byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(9)
        });
        self.obey(command.data)
    }

    fn snapshot(&mut self) -> Result<Self, StoreError> {
        Ok(self.clone())
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        let bytes = reader.read_all()?;
        let (digest, rest) = bytes.split_first_chunk::<8>().ok_or_else(cut_short)?;
        self.digest = u64::from_be_bytes(*digest);
        (self.accounts, self.under_way) = (BTreeMap::new(), Vec::new());
        for record in rest.chunks(10) {
            let &[kind, account, ref sum @ ..] = record else { return Err(cut_short()) };
            let sum = u64::from_be_bytes(sum.try_into().map_err(|_| cut_short())?);
            if kind == 0 {
                self.accounts.insert(account, sum);
            } else {
                self.under_way.push((account, sum));
            }
        }
        Ok(())
    }
}

fn cut_short() -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "the ledger's snapshot is too short")
}

impl FsmSnapshot for Ledger {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        writer.write_all(&self.digest.to_be_bytes())?;
        let accounts = self.accounts.iter().map(|(&account, &sum)| (0, account, sum));
        let under_way = self.under_way.iter().map(|&(account, sum)| (1, account, sum));
        let kept = if self.forgets { 0 } else { self.under_way.len() };
        for (kind, account, sum) in accounts.chain(under_way.take(kept)) {
            writer.write_all(&[kind, account])?;
            writer.write_all(&sum.to_be_bytes())?;
        }
        Ok(())
    }
}

impl TankFsm for Ledger {
    fn query(&self, query: &[u8]) -> Data {
        let account = query.first().copied().unwrap_or(0);
        Data::from(&self.accounts.get(&account).copied().unwrap_or(0).to_be_bytes()[..])
    }

    fn digest(&self) -> u64 {
        self.digest
    }
}

/// Clients that transfer money and read balances.
#[derive(Debug)]
pub(crate) struct Transfers;

impl Transfers {
    /// Creates the clients of a plan.
    pub(crate) fn callers(plan: &Plan) -> Callers<Self> {
        Callers::trying_once(plan, Self)
    }
}

impl Script for Transfers {
    type Wanted = Want;

    fn next(&mut self, _: u16, _: u64, rng: &mut Stream) -> Want {
        let mut account = || u8::try_from(rng.below(u64::from(ACCOUNTS))).expect("there are few accounts");
        let (from, to) = (account(), account());
        let sum = u8::try_from(rng.from_to(1, 50)).expect("at most 50");
        if rng.chance(1, 4) {
            Want::Read(ReadPath::Index, Data::from(&[from][..]))
        } else {
            Want::Apply(Data::from(&[from, to, sum][..]))
        }
    }
}

/// Runs the ledger in storms.
pub(crate) fn storms(forgets: bool) {
    run_storms(0..64, |seed| {
        Storm::from_seed(seed)
            .nodes(3)
            .fsm(move || Ledger::new(forgets))
            .invariant("money_is_kept", Ledger::money_is_kept)
            .workload(Transfers::callers)
    });
}

fn main() {
    storms(std::env::args_os().any(|argument| argument == "--bug"));
}
