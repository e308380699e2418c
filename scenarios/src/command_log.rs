//! The state machine of the stories. The state machine keeps every committed command, in order.

use wavetank_raft::Data;
use wavetank_raft::store::{
    Command, Fsm, FsmSnapshot, SnapshotReader, SnapshotWriter, StoreError, StoreErrorKind,
};
use wavetank_sim::engine::workload::TankFsm;

/// A state machine whose state is the list of the committed commands, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CommandLog {
    commands: Vec<Data>,
    digest: u64,
}

impl CommandLog {
    /// Returns the committed commands, in order.
    pub fn commands(&self) -> impl Iterator<Item = &[u8]> {
        self.commands.iter().map(|command| &command[..])
    }

    /// True if the list of the committed commands contains `command`.
    #[must_use]
    pub fn has(&self, command: &str) -> bool {
        self.commands().any(|other| other == command.as_bytes())
    }

    fn push(&mut self, command: Data) {
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        let length = command.len() as u64;
        let bytes =
            command.iter().fold(self.digest, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(PRIME));
        self.digest = (bytes ^ length).wrapping_mul(PRIME).rotate_left(17);
        self.commands.push(command);
    }
}

impl Fsm for CommandLog {
    type Snapshot = Self;

    /// Responds to each command with the position of the command in the list: a number from 1 on, 8 bytes,
    /// big-endian.
    fn apply(&mut self, command: &Command<'_>) -> Data {
        self.push(command.data.clone());
        Data::from((self.commands.len() as u64).to_be_bytes())
    }

    fn snapshot(&mut self) -> Result<Self, StoreError> {
        Ok(self.clone())
    }

    fn restore(&mut self, reader: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        let bytes = reader.read_all()?;
        let mut restored = Self::default();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (command, behind) = split(rest).ok_or_else(|| {
                StoreError::new(StoreErrorKind::Corrupt, "the snapshot ends in the middle of a command")
            })?;
            restored.push(command.into());
            rest = behind;
        }
        *self = restored;
        Ok(())
    }
}

impl FsmSnapshot for CommandLog {
    /// Writes the commands in order. Before each command, writes the length of the command in bytes: 4 bytes,
    /// big-endian.
    fn persist(&mut self, writer: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        for command in &self.commands {
            writer.write_all(&length_of(command))?;
            writer.write_all(command)?;
        }
        Ok(())
    }
}

impl TankFsm for CommandLog {
    /// Responds to any query with the number of commands: 8 bytes, big-endian.
    fn query(&self, _: &[u8]) -> Data {
        Data::from((self.commands.len() as u64).to_be_bytes())
    }

    fn digest(&self) -> u64 {
        self.digest
    }
}

/// Returns the bytes of a snapshot that contains exactly these commands, in this order.
#[must_use]
pub fn image_of(commands: &[&str]) -> Data {
    let image =
        commands.iter().flat_map(|command| [&length_of(command.as_bytes()), command.as_bytes()].concat());
    Data::from(image.collect::<Vec<u8>>())
}

fn length_of(command: &[u8]) -> [u8; 4] {
    u32::try_from(command.len()).expect("the length of a command fits into 4 bytes").to_be_bytes()
}

/// Splits the bytes of a snapshot into the first command and the bytes after this command. Returns `None` if
/// the first command is incomplete.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wavetank_raft::store::SnapshotSink;
    use wavetank_raft::store::inmem::InmemSource;
    use wavetank_raft::{Index, Term};

    #[test]
    fn a_snapshot_holds_every_word() {
        let mut command_log = CommandLog::default();
        apply_all(&mut command_log, &["one", "", "three"]);
        let mut kept = Kept(Vec::new());
        command_log.persist(&mut SnapshotWriter::new(&mut kept)).unwrap();
        assert_eq!(kept.0[..], image_of(&["one", "", "three"])[..]);
        let mut restored = CommandLog::default();
        apply_all(&mut restored, &["something else"]);
        restore(&mut restored, &kept.0).unwrap();
        assert_eq!(restored, command_log);
        kept.0.pop();
        assert!(restore(&mut restored, &kept.0).is_err());
        assert_eq!(restored, command_log);
    }

    #[test]
    fn the_digest_tells_where_words_end() {
        let digest = |commands: &[&str]| {
            let mut command_log = CommandLog::default();
            apply_all(&mut command_log, commands);
            command_log.digest()
        };
        assert_ne!(digest(&["a", "bc"]), digest(&["ab", "c"]));
        assert_ne!(digest(&["a"]), digest(&["a", ""]));
    }

    fn apply_all(command_log: &mut CommandLog, commands: &[&str]) {
        for command in commands {
            let data = Data::from(command.as_bytes());
            let command = Command { index: Index(1), term: Term(1), data: &data, extensions: &[] };
            command_log.apply(&command);
        }
    }

    fn restore(command_log: &mut CommandLog, image: &[u8]) -> Result<(), StoreError> {
        command_log.restore(&mut SnapshotReader::new(&mut InmemSource::new(image.into())))
    }

    struct Kept(Vec<u8>);

    impl SnapshotSink for Kept {
        fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
    }
}
