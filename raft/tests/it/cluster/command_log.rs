//! A state machine that keeps every command and responds with the number of commands.

use wavetank_raft::store::{
    Command, Fsm, FsmSnapshot, SnapshotReader, SnapshotWriter, StoreError, StoreErrorKind,
};
use wavetank_raft::{Data, Index};

/// The commands, with their indexes.
#[derive(Clone, Default)]
pub(super) struct CommandLog(pub(super) Vec<(Index, Data)>);

impl Fsm for CommandLog {
    type Snapshot = Self;

    fn apply(&mut self, command: &Command<'_>) -> Data {
        self.0.push((command.index, command.data.clone()));
        self.0.len().to_be_bytes()[..].into()
    }

    fn snapshot(&mut self) -> Result<Self, StoreError> {
        Ok(self.clone())
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        let bytes = reader.read_all()?;
        let decode = |record: &[u8]| {
            let (index, command) = record.split_first_chunk().expect("eight bytes and eight more");
            (Index(u64::from_be_bytes(*index)), command.into())
        };
        let records = bytes.chunks(16);
        if bytes.len() % 16 != 0 {
            return Err(StoreError::new(StoreErrorKind::Corrupt, "half a record"));
        }
        self.0 = records.map(decode).collect();
        Ok(())
    }
}

impl FsmSnapshot for CommandLog {
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        self.0.iter().try_for_each(|(index, command)| {
            writer.write_all(&index.0.to_be_bytes())?;
            writer.write_all(command)
        })
    }
}
