//! Raises the probability of several faults together. Some bugs need several rare faults in one order. When a
//! storm draws the first fault, the other faults become more likely. No fault becomes certain.

use super::Topic;
use crate::plan::fault_kind::{Reactive, Scheduled};
use crate::plan::rng::{Ratio, Spans, Stream};
use crate::plan::{Plan, RandomDelay, Recurrence};
use std::time::Duration;
use wavetank_raft::{ReadPath, Span};

impl Plan {
    pub(super) fn bias(&mut self, on: &impl Fn(Topic) -> Stream) {
        if self.clients.read_under_leases_alone() {
            self.bias_to_leases(&mut on(Topic::Leases));
        }
        let mut listeners = on(Topic::Listeners);
        if listeners.chance(1, 10) && !self.clients.read_under_leases_alone() {
            self.bias_to_listeners(&mut listeners);
        }
        let mut installs = on(Topic::Installs);
        if installs.chance(1, 8) {
            self.bias_to_installs(&mut installs);
        }
        let mut outruns = on(Topic::Outruns);
        if outruns.chance(1, 10) {
            self.bias_to_outrunning_reads(&mut outruns);
        } else if self.disks.late_read.is_some_and(|late| late.chance.d == 2) {
            // In these storms, every second read is late.
            self.bias_to_late_reads();
        }
        if self.nemesis.scheduled.contains_key(&Scheduled::Transfer) && on(Topic::Calls).chance(1, 2) {
            self.enable(&[Reactive::IsolateCaller]);
        }
    }

    /// Draws several non-voters, and faults that leave a leader alone with the non-voters. Also draws operators
    /// that add spare servers, demote voters and transfer leadership. Some reads use the path on which
    /// heartbeats confirm the leader.
    fn bias_to_listeners(&mut self, stream: &mut Stream) {
        let timeout = Span::from_duration(self.config.heartbeat_timeout);
        let mut often = |slowest| Recurrence {
            every: Spans::new(timeout, timeout.times(stream.from_to(4, slowest))),
            lasts: Spans::new(timeout, timeout.times(2)),
        };
        let rhythms =
            [(Scheduled::Add, often(8)), (Scheduled::Demote, often(24)), (Scheduled::Transfer, often(12))];
        self.nemesis.scheduled.extend(rhythms);
        self.nemesis.scheduled.remove(&Scheduled::Promote);
        self.spares = self.spares.max(stream.one_of(&[2, 3, 4]));
        if !self.clients.reads.contains(&ReadPath::Index) {
            self.clients.reads.push(ReadPath::Index);
        }
        self.enable(&[Reactive::StrandCaller, Reactive::StrandReader]);
    }

    fn enable(&mut self, reactive: &[Reactive]) {
        self.nemesis.reactive.extend(reactive.iter().map(|&reactive| (reactive, reactive.default_chance())));
    }

    fn enable_often(&mut self, reactive: &[Reactive]) {
        self.nemesis.reactive.extend(reactive.iter().map(|&reactive| (reactive, Ratio::new(1, 20))));
    }

    /// Draws leases as long as possible, clocks that may drift far apart, and faults that isolate a leader
    /// during its lease. Then a server that trusts its lease for too long has enough time to give a wrong
    /// answer.
    fn bias_to_leases(&mut self, stream: &mut Stream) {
        self.config.leader_lease_timeout = self.config.heartbeat_timeout;
        self.config.lease_clock_drift_ppm = u64::from(stream.one_of(&[100_000_u32, 300_000, 600_000]));
        self.enable(&[Reactive::StrandReader, Reactive::Usurp, Reactive::OutpaceReader]);
    }

    /// Draws frequent snapshots in many pieces, and no trailing entries. If one batch of entries overtakes
    /// another batch, the follower sees a gap. The leader has already compacted the missing entries, so the
    /// leader sends a snapshot. Late messages arrive between the pieces, and held messages arrive before the
    /// last piece. On slow links with larger batches, the follower's log may be longer than the snapshot when
    /// the last piece arrives.
    fn bias_to_installs(&mut self, stream: &mut Stream) {
        let timeout = Span::from_duration(self.config.heartbeat_timeout);
        let late = |each, min, max| RandomDelay { chance: Ratio::new(1, each), by: Spans::new(min, max) };
        let (config, links) = (&mut self.config, &mut self.links);
        let batch = config.max_append_entries.min(3);
        (config.trailing_logs, config.snapshot_threshold) = (0, 2);
        (config.snapshot_interval, config.snapshot_chunk_bytes) = (Duration::from_millis(100), 64);
        (config.max_append_entries, config.max_inflight) = (1, 16);
        links.reorder.get_or_insert_with(|| late(5, Span::ms(1), timeout.part(4)));
        links.duplicate.get_or_insert_with(|| late(10, Span::ms(1), timeout));
        links.hold.get_or_insert_with(|| late(40, timeout, timeout.times(30)));
        if stream.chance(1, 2) {
            config.max_append_entries = batch;
            // A round trip must take less than the leader's lease timeout, or every leader would
            // step down.
            let far = Span::from_duration(config.leader_lease_timeout).part(4);
            links.far = Some(late(3, far.part(2), far));
        }
        self.enable(&[Reactive::LetGoBeforeLastPiece]);
    }

    /// Draws faults that isolate a leader with appended entries that are not applied yet. The next leader
    /// takes a snapshot and keeps no trailing entries. Then the old leader is reconnected and must discard
    /// its entries. The old leader may crash before the discard.
    fn bias_to_outrunning_reads(&mut self, stream: &mut Stream) {
        let timeout = Span::from_duration(self.config.heartbeat_timeout);
        let (config, clients) = (&mut self.config, &mut self.clients);
        (config.trailing_logs, config.max_append_entries) = (0, 1);
        (config.snapshot_interval, config.snapshot_threshold) = (Duration::from_millis(100), 2);
        (clients.count, clients.writes) = (clients.count.max(4), Ratio::new(4, 5));
        clients.patience = timeout.times(3);
        if stream.chance(1, 2) {
            config.log_cache_capacity = 1;
            let by = Spans::new(timeout, timeout.times(8));
            self.disks.late_read = Some(RandomDelay { chance: Ratio::new(1, 6), by });
        }
        self.enable(&[Reactive::SnapshotNewcomer, Reactive::MendCompacter, Reactive::CrashDiscarder]);
        self.enable_often(&[Reactive::IsolateSender, Reactive::IsolateCommitter, Reactive::StallCommitter]);
    }

    /// Draws very late disk reads and a small cache of the log. A leader may then lose and regain
    /// leadership before the results of its reads arrive.
    fn bias_to_late_reads(&mut self) {
        let timeout = Span::from_duration(self.config.heartbeat_timeout);
        let config = &mut self.config;
        (config.log_cache_capacity, config.trailing_logs, config.snapshot_threshold) = (1, 10_240, 8_192);
        (config.max_append_entries, config.max_append_bytes) = (64, 1 << 20);
        let by = Spans::new(timeout.part(10), timeout.times(3));
        self.disks.late_read = Some(RandomDelay { chance: Ratio::new(1, 1), by });
        self.enable_often(&[Reactive::IsolateSender, Reactive::StrandSender, Reactive::TransferCommitter]);
    }
}
