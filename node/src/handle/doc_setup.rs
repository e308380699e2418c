use std::time::Duration;
use wavetank_node::prelude::*;

/// The result of an example.
type Done = Result<(), Box<dyn std::error::Error>>;
/// The value of `prev_index` for a change that accepts any latest configuration.
const ANY: Option<wavetank_node::Index> = None;
const TIMEOUT: Duration = Duration::from_secs(60);

/// A state machine: the sum of all commands. A command is a number in text form.
#[derive(Default)]
struct Sum(i64);

impl Fsm for Sum {
    type Snapshot = Captured;

    fn apply(&mut self, command: &Command<'_>) -> Data {
        let text = str::from_utf8(command.data).unwrap_or_default();
        self.0 += text.parse::<i64>().unwrap_or(0);
        self.0.to_string().into_bytes().into()
    }

    fn snapshot(&mut self) -> Result<Captured, StoreError> {
        Ok(Captured(self.0))
    }

    fn restore(&mut self, source: &mut SnapshotReader<'_>) -> Result<(), StoreError> {
        let mut bytes = [0; 8];
        source.read_exact(&mut bytes)?;
        self.0 = i64::from_be_bytes(bytes);
        Ok(())
    }
}

struct Captured(i64);

impl FsmSnapshot for Captured {
    fn persist(&mut self, sink: &mut SnapshotWriter<'_>) -> Result<(), StoreError> {
        sink.write_all(&self.0.to_be_bytes())
    }
}

/// Runs an example with a server that leads a cluster of one server. The clock is virtual, so a timeout in an
/// example takes no real time.
fn run(example: impl AsyncFnOnce(Raft) -> Done) -> Done {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build()?.block_on(async {
        let config = Config { local_id: "n1".into(), ..Config::default() };
        let raft = Raft::builder(config, Sum::default(), InmemNetwork::new().transport("n1"))
            .log_store(InmemStore::new())
            .stable_store(InmemStore::new())
            .snapshot_store(InmemSnapshotStore::default())
            .fsm_place(wavetank_node::Place::Inline)
            .log_place(wavetank_node::Place::Inline)
            .start()
            .await?;
        raft.bootstrap_cluster(Configuration::new(vec![Member::voter("n1", "n1")])?, TIMEOUT).await?;
        raft.leader_changes().wait_for(|seen| seen.is_self).await?;
        raft.barrier(TIMEOUT).await?;
        example(raft).await
    })
}
