//! What is unusual about the plan of a story.

use wavetank_raft::Span;
use wavetank_sim::Plan;
use wavetank_sim::plan::Late;
use wavetank_sim::rng::{Ratio, Spans};

pub(super) fn without_pre_vote(plan: &mut Plan) {
    plan.config.pre_vote_disabled = true;
}

pub(super) fn one_entry_at_a_time(plan: &mut Plan) {
    plan.config.max_append_entries = 1;
    plan.config.max_inflight = 1;
}

pub(super) fn snapshots_soon(plan: &mut Plan) {
    plan.config.snapshot_threshold = 10;
    plan.config.snapshot_interval = Span::ms(50);
    plan.config.trailing_logs = 0;
}

pub(super) fn nothing_in_memory(plan: &mut Plan) {
    plan.config.log_cache_capacity = 1;
}

pub(super) fn without_trailing_logs(plan: &mut Plan) {
    plan.config.trailing_logs = 0;
}

/// So that two servers that lag differently are not told of the same last entry.
pub(super) fn two_entries_at_a_time(plan: &mut Plan) {
    without_trailing_logs(plan);
    plan.config.max_append_entries = 2;
}

/// So that a state machine is handed four entries at most ahead of time.
pub(super) fn four_entries_in_line(plan: &mut Plan) {
    without_trailing_logs(plan);
    one_entry_at_a_time(plan);
}

/// Snapshots when they are asked for, each in many pieces.
pub(super) fn piecemeal(plan: &mut Plan) {
    without_trailing_logs(plan);
    plan.config.snapshot_chunk_bytes = 32;
}

pub(super) fn piecemeal_and_twice(plan: &mut Plan) {
    piecemeal(plan);
    overtaking(plan);
    twice(plan);
}

pub(super) fn living_on(plan: &mut Plan) {
    plan.config.shutdown_on_remove = false;
}

pub(super) fn slow_machines(plan: &mut Plan) {
    plan.machines.apply = Spans::ms(400, 500);
}

pub(super) fn overtaking(plan: &mut Plan) {
    plan.links.reorder = Some(Late { chance: Ratio::new(1, 3), by: Spans::ms(1, 20) });
}

pub(super) fn flipping(plan: &mut Plan) {
    plan.links.corrupt = Some(Ratio::new(1, 3));
}

pub(super) fn twice(plan: &mut Plan) {
    plan.links.duplicate = Some(Late { chance: Ratio::new(1, 1), by: Spans::ms(0, 50) });
}
