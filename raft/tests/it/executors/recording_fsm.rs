//! A state machine that records its calls.

use wavetank_raft::store::{
    Command, Fsm, FsmSnapshot, SnapshotReader, SnapshotWriter, StoreError, StoreErrorKind,
};
use wavetank_raft::{Configuration, Data, Index};

/// The state machine, with one text for each call.
#[derive(Default)]
pub(super) struct RecordingFsm {
    pub(super) calls: Vec<String>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The recorded calls as one text.
pub(super) struct FsmCopy(String);

impl Fsm for RecordingFsm {
    type Snapshot = FsmCopy;

    /// Responds with the command in capitals.
    fn apply(&mut self, command: &Command<'_>) -> Data {
        text(command.data).to_uppercase().as_bytes().into()
    }

    fn apply_batch(&mut self, commands: &[Command<'_>]) -> Vec<Data> {
        let describe = |command: &Command<'_>| {
            let plus = if command.extensions.is_empty() { "" } else { "+" };
            format!("{} {}{plus}{}", command.index, text(command.data), text(command.extensions))
        };
        let described: Vec<_> = commands.iter().map(describe).collect();
        self.calls.push(format!("apply {}", described.join(", ")));
        commands.iter().map(|command| self.apply(command)).collect()
    }

    fn configured(&mut self, index: Index, _: &Configuration) {
        self.calls.push(format!("members {index}"));
    }

    fn snapshot(&mut self) -> Result<FsmCopy, StoreError> {
        Ok(FsmCopy(self.calls.concat()))
    }

    /// Refuses the state "bad".
    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        let bytes = reader.read_all()?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        self.calls.push(format!("load {text}"));
        if text == "bad" { Err(StoreError::new(StoreErrorKind::Corrupt, "torn page")) } else { Ok(()) }
    }
}

impl FsmSnapshot for FsmCopy {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        writer.write_all(self.0.as_bytes())
    }
}
