//! The state machine of the live tests: the commands in order, and a hash chain over them. `go/ledger.go` is
//! the same state machine.

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use wavetank_node::{Command, Data, Fsm, FsmSnapshot, SnapshotReader, SnapshotWriter, StoreError};

/// The state, shared with the connections that read it.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<State>>);

/// The state machine.
pub(crate) struct Ledger(pub(crate) Shared);

/// The commands that were applied.
#[derive(Default)]
pub(crate) struct State {
    lines: Vec<Line>,
    /// The number of restores since the start of the process.
    pub(crate) restored: u32,
}

/// A command, with the chain after the command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub(crate) index: u64,
    pub(crate) term: u64,
    pub(crate) data: String,
    pub(crate) chain: u64,
}

impl Shared {
    pub(crate) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.0.lock().unwrap())
    }
}

impl State {
    fn add(&mut self, index: u64, term: u64, data: &str) {
        let before = self.lines.last().map_or(CHAIN_START, |line| line.chain);
        let chain = chain(before, index, term, data);
        self.lines.push(Line { index, term, data: data.to_owned(), chain });
    }

    /// The index of the last command, and the chain: `7 8a3c…`.
    pub(crate) fn last(&self) -> String {
        let (index, chain) = self.lines.last().map_or((0, CHAIN_START), |line| (line.index, line.chain));
        format!("{index} {chain:016x}")
    }

    /// The number of commands, then a line for each command.
    pub(crate) fn all(&self) -> String {
        let mut text = self.lines.len().to_string();
        for Line { index, term, data, chain } in &self.lines {
            write!(text, "\n{index} {term} {data} {chain:016x}").expect("a text takes everything");
        }
        text
    }
}

const CHAIN_START: u64 = 0xcbf2_9ce4_8422_2325;

/// Continues the chain: FNV-1a with 64 bits over index, term and data, numbers in big-endian order.
fn chain(before: u64, index: u64, term: u64, data: &str) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    let octets = index.to_be_bytes().into_iter().chain(term.to_be_bytes()).chain(data.bytes());
    octets.fold(before, |chain, octet| (chain ^ u64::from(octet)).wrapping_mul(PRIME))
}

impl Line {
    /// Reads a line of [`State::all`].
    pub(crate) fn parse(line: &str) -> Self {
        let words: Vec<_> = line.split_whitespace().collect();
        let [index, term, data, chain] = words[..] else { panic!("not a command: {line}") };
        Self {
            index: index.parse().unwrap(),
            term: term.parse().unwrap(),
            data: data.to_owned(),
            chain: u64::from_str_radix(chain, 16).unwrap(),
        }
    }
}

impl Fsm for Ledger {
    type Snapshot = Captured;

    fn apply(&mut self, command: &Command<'_>) -> Data {
        let data = str::from_utf8(command.data).expect("the tests send text");
        self.0.0.lock().unwrap().add(command.index.0, command.term.0, data);
        Data::from([])
    }

    fn snapshot(&mut self) -> Result<Captured, StoreError> {
        Ok(Captured(self.0.read(|state| state.lines.clone())))
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        let text = String::from_utf8(reader.read_all()?).expect("a snapshot is text");
        let mut state = self.0.0.lock().unwrap();
        state.lines.clear();
        state.restored += 1;
        for line in text.lines() {
            let words: Vec<_> = line.split(' ').collect();
            let [index, term, data] = words[..] else { panic!("not a command: {line}") };
            state.add(index.parse().unwrap(), term.parse().unwrap(), data);
        }
        Ok(())
    }
}

/// A snapshot: a line of index, term and data for each command. A restore computes the chain again.
pub(crate) struct Captured(Vec<Line>);

impl FsmSnapshot for Captured {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        let mut text = String::new();
        for Line { index, term, data, .. } in &self.0 {
            writeln!(text, "{index} {term} {data}").expect("a text takes everything");
        }
        writer.write_all(text.as_bytes())
    }
}
