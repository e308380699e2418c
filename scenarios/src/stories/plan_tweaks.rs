//! Functions that change the settings of a plan, for stories that need other settings than `Plan::calm`. Such a
//! plan has no faults before the change.

use std::time::Duration;
use wavetank_sim::Plan;
use wavetank_sim::plan::RandomDelay;
use wavetank_sim::plan::rng::{Ratio, Spans};

pub(super) fn without_pre_vote(plan: &mut Plan) {
    plan.config.pre_vote_disabled = true;
}

pub(super) fn one_entry_at_a_time(plan: &mut Plan) {
    plan.config.max_append_entries = 1;
    plan.config.max_inflight = 1;
}

pub(super) fn snapshots_soon(plan: &mut Plan) {
    plan.config.snapshot_threshold = 10;
    plan.config.snapshot_interval = Duration::from_millis(50);
    plan.config.trailing_logs = 0;
}

pub(super) fn smallest_cache(plan: &mut Plan) {
    plan.config.log_cache_capacity = 1;
}

/// Makes a leader read entries from its disk one by one. Each read takes longer than a heartbeat interval.
pub(super) fn reads_longer_than_a_heartbeat(plan: &mut Plan) {
    smallest_cache(plan);
    plan.config.max_append_entries = 1;
    plan.disks.read = Spans::ms(20, 20);
}

pub(super) fn without_trailing_logs(plan: &mut Plan) {
    plan.config.trailing_logs = 0;
}

/// Makes a leader send at most two entries in one message. Two servers that lag by different numbers of
/// entries then receive messages with different last entries.
pub(super) fn two_entries_at_a_time(plan: &mut Plan) {
    without_trailing_logs(plan);
    plan.config.max_append_entries = 2;
}

/// Makes a leader send one entry in one message, and makes each batch for a state machine contain one entry.
/// At most four batches wait for a state machine.
pub(super) fn four_entries_in_line(plan: &mut Plan) {
    without_trailing_logs(plan);
    one_entry_at_a_time(plan);
}

/// Makes a leader send each snapshot in many pieces.
pub(super) fn small_chunks(plan: &mut Plan) {
    without_trailing_logs(plan);
    plan.config.snapshot_chunk_bytes = 32;
}

pub(super) fn small_chunks_reordered_and_duplicated(plan: &mut Plan) {
    small_chunks(plan);
    reordering(plan);
    duplicating(plan);
}

pub(super) fn no_shutdown_on_remove(plan: &mut Plan) {
    plan.config.shutdown_on_remove = false;
}

pub(super) fn slow_state_machines(plan: &mut Plan) {
    plan.machines.apply = Spans::ms(400, 500);
}

pub(super) fn reordering(plan: &mut Plan) {
    plan.links.reorder = Some(RandomDelay { chance: Ratio::new(1, 3), by: Spans::ms(1, 20) });
}

pub(super) fn corrupting(plan: &mut Plan) {
    plan.links.corrupt = Some(Ratio::new(1, 3));
}

pub(super) fn duplicating(plan: &mut Plan) {
    plan.links.duplicate = Some(RandomDelay { chance: Ratio::new(1, 1), by: Spans::ms(0, 50) });
}
