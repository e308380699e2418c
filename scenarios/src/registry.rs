//! Every scenario by name, and the one way to play one. What happens in them is in their chapters.

use crate::watchers::{Trace, TraceForm};
use crate::words::{Stage, Story};
use crate::{
    crashes, disks, elections, membership, partitions, reads, recovery, replication, snapshots, storms,
    transfers, upheavals,
};
use std::fmt;
use wavetank_raft::Span;
use wavetank_sim::Report;
use wavetank_sim::plan::{Late, Plan};
use wavetank_sim::rng::{Ratio, Spans};
use wavetank_sim::runner::Run;

/// All scenarios, in the order in which they are listed and swept.
pub const ALL: &[Scenario] = &[
    story("three_strangers_elect_a_leader", "Three strangers agree on one leader, and a word said to it is kept by all.", Chapter::Elections, elections::three_strangers_elect_a_leader),
    story("a_single_server_leads_alone", "A server that is its own majority leads alone, and leads again after a crash, in a new term.", Chapter::Elections, elections::a_single_server_leads_alone).with_servers(1),
    story("a_split_vote_is_tried_again", "When all campaign at the same moment nobody wins, and chance parts them in a later round.", Chapter::Elections, elections::a_split_vote_is_tried_again).on(without_pre_vote),
    story("a_stale_candidate_only_raises_the_term", "A server that missed a committed entry may raise the term, but cannot lead in it.", Chapter::Elections, elections::a_stale_candidate_only_raises_the_term).on(without_pre_vote),
    story("a_longer_but_older_log_loses", "A long tail from an old term is worth less than one entry of a newer term.", Chapter::Elections, elections::a_longer_but_older_log_loses),
    story("of_equal_terms_the_longer_log_wins", "Between two logs that end in the same term, the longer one leads.", Chapter::Elections, elections::of_equal_terms_the_longer_log_wins),
    story("a_vote_outlives_its_voter", "A voter that dies after its vote is on disk, and before anybody hears of it, votes no second time.", Chapter::Elections, elections::a_vote_outlives_its_voter),
    story("a_crashed_leader_is_replaced", "A crashed leader is replaced, and finds everything that was acknowledged when it comes back.", Chapter::Elections, elections::a_crashed_leader_is_replaced),
    story("a_paused_leader_wakes_up_deposed", "A leader that stands still for a while is deposed, and says so to whoever asks it on waking.", Chapter::Elections, elections::a_paused_leader_wakes_up_deposed),
    story("a_leader_back_at_once_has_lost_its_term", "A leader that is back before anybody missed it does not lead on in its old term.", Chapter::Elections, elections::a_leader_back_at_once_has_lost_its_term),
    story("a_server_comes_back_without_a_fuss", "With pre-vote, a server that was cut off for long comes back without anybody noticing.", Chapter::Elections, elections::a_server_comes_back_without_a_fuss),
    story("without_pre_vote_a_return_costs_an_election", "Without pre-vote it comes back with a high term, deposes the leader, and nothing is lost.", Chapter::Elections, elections::without_pre_vote_a_return_costs_an_election).on(without_pre_vote),
    story("a_minority_never_leads", "One of three cannot lead, however long it tries; with pre-vote its term does not even grow.", Chapter::Elections, elections::a_minority_never_leads),
    story("two_that_are_parted_have_no_leader", "Of two servers that cannot hear each other neither leads, and the old leader knows it soon.", Chapter::Elections, elections::two_that_are_parted_have_no_leader).with_servers(2),
    story("no_word_is_lost_among_ten_leaders", "A storm of leaders: each is cut off after its first word, and no word is lost.", Chapter::Elections, elections::no_word_is_lost_among_ten_leaders),
    story("a_leader_hands_over", "A leader hands over to the one it was told to, and nobody has to time out first.", Chapter::Elections, elections::a_leader_hands_over),
    story("a_follower_catches_up", "A follower that missed twenty words gets them all when it is back.", Chapter::Replication, replication::a_follower_catches_up),
    story("a_minority_commits_nothing", "What only a minority has is not committed, and gives way to what the majority agrees on.", Chapter::Replication, replication::a_minority_commits_nothing).with_servers(5),
    story("half_of_four_is_no_majority", "Two of four are no majority, neither for a word nor for a leader.", Chapter::Replication, replication::half_of_four_is_no_majority).with_servers(4),
    story("a_follower_names_the_leader", "A word said to a follower is refused with the name of the leader, and is never kept.", Chapter::Replication, replication::a_follower_names_the_leader),
    story("a_long_tail_gives_way", "A long tail that nobody else has is replaced by the little that was committed meanwhile.", Chapter::Replication, replication::a_long_tail_gives_way),
    story("figure_8", "Figure 8 of the Raft paper: an old entry is not committed by being counted on a majority, since a rival with a newer one may still replace it.", Chapter::Replication, replication::figure_8).with_servers(5).on(one_entry_at_a_time),
    story("an_old_entry_is_committed_with_a_newer_one", "An entry of an old term is committed together with the first entry of the new one.", Chapter::Replication, replication::an_old_entry_is_committed_with_a_newer_one),
    story("appends_that_overtake_one_another", "Messages that overtake one another neither lose a word nor turn two around.", Chapter::Replication, replication::appends_that_overtake_one_another).on(overtaking),
    story("everything_arrives_twice", "Where everything arrives twice, everything happens once.", Chapter::Replication, replication::everything_arrives_twice).on(twice),
    story("followers_commit_without_the_leaders_disk", "A leader whose own disk is slow still commits: two followers are a majority without it.", Chapter::Replication, replication::followers_commit_without_the_leaders_disk),
    story("a_snapshot_stands_for_the_log", "A server that is too far behind for the log gets a snapshot in its place.", Chapter::Replication, replication::a_snapshot_stands_for_the_log).on(snapshots_soon),
    story("entries_that_left_memory_are_fetched", "Entries that a leader has no room for in memory are read from its disk, for whoever needs them.", Chapter::Replication, replication::entries_that_left_memory_are_fetched).on(nothing_in_memory),
    story("what_is_read_in_an_older_reign_is_not_sent", "What a leader reads too late, when its entries were overwritten and it leads once more, is sent to nobody.", Chapter::Replication, replication::what_is_read_in_an_older_reign_is_not_sent).with_servers(5).on(nothing_in_memory),
    story("all_restart_at_once", "All stop and start at once; chance finds one that leads, and nothing is lost.", Chapter::Crashes, crashes::all_restart_at_once),
    story("the_power_fails_everywhere", "The power fails everywhere in the middle of a write: what was acknowledged is there afterwards.", Chapter::Crashes, crashes::the_power_fails_everywhere),
    story("a_torn_tail_is_written_again", "A write that was torn by a crash is cut back, and the leader sends it again.", Chapter::Crashes, crashes::a_torn_tail_is_written_again),
    story("a_dead_disk_ends_its_leader", "A leader whose disk is dead stops; what it had sent by then is kept by the others.", Chapter::Crashes, crashes::a_dead_disk_ends_its_leader),
    story("a_stalled_disk_deposes_its_leader", "A leader whose disk has stopped answering gives up, although everybody still hears it.", Chapter::Crashes, crashes::a_stalled_disk_deposes_its_leader),
    story("a_slow_voter_holds_nobody_up", "A voter whose disk takes longer than an election holds nobody up.", Chapter::Crashes, crashes::a_slow_voter_holds_nobody_up).with_servers(5),
    story("a_silent_follower_is_not_missed", "A silent follower is missed by nobody: no election, and words are committed without it.", Chapter::Crashes, crashes::a_silent_follower_is_not_missed),
    story("a_follower_that_keeps_dying_catches_up", "A server that died over and over while words came in has them all in the end.", Chapter::Crashes, crashes::a_follower_that_keeps_dying_catches_up),
    story("a_stalled_disk_is_borne_for_its_time_and_no_longer", "A leader whose disk has stalled gives up within the time that a disk is given, whatever its heartbeats say, and the words that the others have are kept.", Chapter::Crashes, crashes::a_stalled_disk_is_borne_for_its_time_and_no_longer),
    story("a_stalled_disk_makes_no_heir", "A server whose disk has stalled is no heir: it could not even vote for itself.", Chapter::Crashes, crashes::a_stalled_disk_makes_no_heir),
    story("a_rotten_entry_keeps_its_server_out", "A server that finds a synced entry changed does not start, and another one takes its place.", Chapter::Disks, disks::a_rotten_entry_keeps_its_server_out).with_spares(1),
    story("a_rotten_vote_is_not_given_again", "A server that cannot read for whom it voted votes for nobody: it does not start.", Chapter::Disks, disks::a_rotten_vote_is_not_given_again),
    story("a_write_that_landed_elsewhere_is_missed", "An entry that landed in another place is missed where it should be, and its server does not start.", Chapter::Disks, disks::a_write_that_landed_elsewhere_is_missed),
    story("a_sync_that_failed_is_not_tried_again", "Where a sync has failed, the next one is not believed: the server stops, and starts with less.", Chapter::Disks, disks::a_sync_that_failed_is_not_tried_again),
    story("a_read_that_fails_is_no_empty_disk", "A server that cannot read its disk does not start; when it can, nothing was lost.", Chapter::Disks, disks::a_read_that_fails_is_no_empty_disk),
    story("a_full_disk_makes_way", "A leader whose disk is full makes way for another, and comes back when there is room.", Chapter::Disks, disks::a_full_disk_makes_way),
    story("a_rotten_snapshot_deposes_its_leader", "A leader that cannot send its snapshot stops, and one that can brings the newcomer up to date.", Chapter::Disks, disks::a_rotten_snapshot_deposes_its_leader).with_spares(1).on(snapshots_soon),
    story("a_lost_server_is_replaced", "A server that is gone with its disk is removed, and one of another name is put in its place.", Chapter::Disks, disks::a_lost_server_is_replaced).with_spares(1),
    story("flipped_bits_are_never_read", "Messages whose bits flip are dropped by whoever receives them, and sent again.", Chapter::Disks, disks::flipped_bits_are_never_read).on(flipping),
    Scenario {
        name: "storm_beyond_budget",
        moral: "More is harmed for good than a cluster can do without: it may fall silent, but nobody lies.",
        chapter: Chapter::Disks,
        play: Play::Planned { plan: Plan::storm_beyond_budget, run: storms::storm_beyond_budget },
    },
    story("a_lone_leader_loses_what_only_it_has", "A leader cut off from the rest keeps its entry to itself and gives it up when it returns.", Chapter::Partitions, partitions::a_lone_leader_loses_what_only_it_has),
    story("a_leader_that_nobody_hears_is_replaced", "A leader that nobody hears is replaced, and follows the one that it hears.", Chapter::Partitions, partitions::a_leader_that_nobody_hears_is_replaced),
    story("a_leader_that_hears_nobody_steps_down", "A leader that hears nobody steps down, though everybody hears it.", Chapter::Partitions, partitions::a_leader_that_hears_nobody_steps_down),
    story("a_flapping_link_loses_nothing", "A link that comes and goes costs time, but no word and no agreement.", Chapter::Partitions, partitions::a_flapping_link_loses_nothing),
    story("a_bridge_is_not_enough", "A leader that reaches only one of four is replaced by one that reaches a majority.", Chapter::Partitions, partitions::a_bridge_is_not_enough).with_servers(5),
    story("a_chain_is_led_from_its_middle", "In a chain only the middle reaches a majority, and only from there somebody leads.", Chapter::Partitions, partitions::a_chain_is_led_from_its_middle).with_servers(5),
    story("partition_after_partition_loses_nothing", "Partition after partition, each with a word on the larger side: all are kept, in order.", Chapter::Partitions, partitions::partition_after_partition_loses_nothing).with_servers(5),
    story("a_newcomer_catches_up_before_it_counts", "A new server catches up without a vote before it gets one, and then counts.", Chapter::Membership, membership::a_newcomer_catches_up_before_it_counts).with_spares(1),
    story("a_removed_follower_disturbs_nobody", "A follower that was removed is not missed, and disturbs nobody although it is never told.", Chapter::Membership, membership::a_removed_follower_disturbs_nobody),
    story("a_leader_removes_itself", "A leader that removes itself leads until that is committed, and another takes over.", Chapter::Membership, membership::a_leader_removes_itself),
    story("a_change_in_a_minority_is_undone", "A change that reached only a minority is undone by the leader of the others.", Chapter::Membership, membership::a_change_in_a_minority_is_undone).with_spares(1),
    story("changes_come_one_at_a_time", "While a change is not committed there is no other; afterwards there may be.", Chapter::Membership, membership::changes_come_one_at_a_time).with_spares(2),
    story("a_nonvoter_counts_for_nothing", "A server without a vote has every word, and counts for nothing.", Chapter::Membership, membership::a_nonvoter_counts_for_nothing).with_servers(2).with_spares(1),
    story("all_members_are_exchanged", "All members are exchanged at once, through a joint membership, and every word is handed on.", Chapter::Membership, membership::all_members_are_exchanged).with_spares(3),
    story("a_joint_membership_needs_both_majorities", "While the membership is joint, both the old and the new majority are needed.", Chapter::Membership, membership::a_joint_membership_needs_both_majorities).with_spares(3),
    story("a_server_from_the_past_cannot_lead", "A server that was removed while it was away and has come back with its old membership cannot lead: nobody whom it knows would follow.", Chapter::Membership, membership::a_server_from_the_past_cannot_lead).with_spares(1),
    story("a_cluster_grows_to_five_and_shrinks_back", "A cluster grows from one server to five, and shrinks back to the one that it began with.", Chapter::Membership, membership::a_cluster_grows_to_five_and_shrinks_back).with_servers(1).with_spares(4),
    story("every_server_is_swapped_under_load", "Every server is exchanged for another, one after the other, while words go on coming.", Chapter::Membership, membership::every_server_is_swapped_under_load).with_spares(3),
    story("a_removal_without_a_majority_is_not_made", "A removal that only half of the servers hear of is not made until more do.", Chapter::Membership, membership::a_removal_without_a_majority_is_not_made).with_servers(4),
    story("after_a_removal_fewer_are_enough", "With a server that was cut off removed, the loss of one more is borne.", Chapter::Membership, membership::after_a_removal_fewer_are_enough).with_servers(4),
    story("a_voter_that_is_not_there_is_waited_for", "A voter that is added at once and is not there stops a cluster of one, until it comes.", Chapter::Membership, membership::a_voter_that_is_not_there_is_waited_for).with_servers(1).with_spares(1),
    story("a_newcomer_too_slow_gets_no_vote", "A newcomer that does not catch up gets no vote, and stands in nobody's way.", Chapter::Membership, membership::a_newcomer_too_slow_gets_no_vote).with_spares(2),
    story("a_leader_takes_its_own_vote", "A leader that takes its own vote hands over, and listens from then on.", Chapter::Membership, membership::a_leader_takes_its_own_vote).on(living_on),
    story("a_lost_vote_comes_back", "A server without its vote is not missed, and counts again once it has it back.", Chapter::Membership, membership::a_lost_vote_comes_back),
    story("a_removed_leader_sends_its_clients_on", "A leader that was removed and lives on follows nobody, leads nobody, and names its heir.", Chapter::Membership, membership::a_removed_leader_sends_its_clients_on).on(living_on),
    story("a_change_on_an_old_basis_is_not_made", "Of two operators who saw the same membership, the second one is told that it has changed.", Chapter::Membership, membership::a_change_on_an_old_basis_is_not_made),
    story("a_leader_is_named_with_its_new_address", "A leader that has moved is named with its new address by those that follow it.", Chapter::Membership, membership::a_leader_is_named_with_its_new_address),
    story("a_blank_server_waits", "A blank server waits to be taken in, however long it takes, and has nothing to say meanwhile.", Chapter::Membership, membership::a_blank_server_waits).with_spares(1),
    story("of_two_changes_under_way_one_is_made", "Two leaders have a change under way each, and only the one that can be agreed upon is made.", Chapter::Upheavals, upheavals::of_two_changes_under_way_one_is_made).with_servers(5).with_spares(2),
    story("no_change_before_the_first_commit", "A new leader changes nothing before it has committed something: it may not know yet what was changed before.", Chapter::Upheavals, upheavals::no_change_before_the_first_commit).with_spares(1),
    story("the_bug_of_2015", "The bug of 2015: were a new leader allowed to change the membership at once, the old one could come back with a majority of its own, and undo what was committed.", Chapter::Upheavals, upheavals::the_bug_of_2015).with_servers(4).with_spares(1),
    story("a_change_is_inherited", "A change that reached a majority is committed by a leader that was never asked for it.", Chapter::Upheavals, upheavals::a_change_is_inherited).with_spares(1),
    story("only_the_later_of_two_changes_is_undone", "Of two changes that a server does not know to be committed, only the one that was not is undone.", Chapter::Upheavals, upheavals::only_the_later_of_two_changes_is_undone).with_servers(5).with_spares(2),
    story("the_membership_outlives_a_power_failure", "Who belongs is known to all again after the power failed everywhere, with a vote or without.", Chapter::Upheavals, upheavals::the_membership_outlives_a_power_failure).with_spares(2),
    story("a_server_rejoins_with_its_old_disk", "A server that was removed comes back with what was on its disk, and catches up.", Chapter::Upheavals, upheavals::a_server_rejoins_with_its_old_disk),
    story("a_server_rejoins_with_a_blank_disk", "A server that lost its disk is taken out first, and comes back as one that has nothing.", Chapter::Upheavals, upheavals::a_server_rejoins_with_a_blank_disk),
    story("a_listener_never_leads", "One that only listens never leads, though it has everything and is all that is left.", Chapter::Upheavals, upheavals::a_listener_never_leads).with_spares(1),
    story("a_vote_counts_before_its_owner_knows_of_it", "A server that has a vote and does not know it yet gives it all the same, where it is needed.", Chapter::Upheavals, upheavals::a_vote_counts_before_its_owner_knows_of_it).with_servers(2).with_spares(1),
    story("a_promotion_ends_with_its_leader", "A server on its way to a vote does not get it from a new leader, and can be sent on its way again.", Chapter::Upheavals, upheavals::a_promotion_ends_with_its_leader).with_spares(1),
    story("the_first_of_long_ago_finds_no_majority", "The first server of long ago finds nobody to elect it, though those it knows are still there.", Chapter::Upheavals, upheavals::the_first_of_long_ago_finds_no_majority).with_spares(3),
    story("a_joint_membership_is_left_by_the_next_leader", "A joint membership is left by the next leader, if the one that entered it is gone.", Chapter::Upheavals, upheavals::a_joint_membership_is_left_by_the_next_leader).with_spares(2),
    story("a_joint_membership_in_a_minority_is_undone", "A joint membership that only its leader knew of is undone as a whole.", Chapter::Upheavals, upheavals::a_joint_membership_in_a_minority_is_undone).with_spares(2),
    story("the_one_that_is_leaving_is_needed", "One that is leaving and alone knows of it must lead once more, for nobody else can.", Chapter::Upheavals, upheavals::the_one_that_is_leaving_is_needed).with_servers(2),
    story("a_high_term_from_outside_is_taken_in", "A server that was removed while it was away has raised its term in vain: let in again, it costs one election, and no more.", Chapter::Upheavals, upheavals::a_high_term_from_outside_is_taken_in).on(without_pre_vote),
    story("a_crash_while_a_snapshot_comes_in_costs_only_time", "A server that dies while a snapshot comes in has its old state or the new one, wherever it dies.", Chapter::Snapshots, snapshots::a_crash_while_a_snapshot_comes_in_costs_only_time).on(piecemeal),
    story("a_leader_dies_while_it_sends_a_snapshot", "When the leader dies while it sends a snapshot, its heir begins anew with its own.", Chapter::Snapshots, snapshots::a_leader_dies_while_it_sends_a_snapshot).on(piecemeal),
    story("a_transfer_that_was_cut_goes_on", "A transfer that is cut off in the middle goes on when the link is back.", Chapter::Snapshots, snapshots::a_transfer_that_was_cut_goes_on).on(piecemeal),
    story("pieces_that_arrive_twice_make_one_snapshot", "Pieces that arrive twice and out of their order still make one snapshot.", Chapter::Snapshots, snapshots::pieces_that_arrive_twice_make_one_snapshot).on(piecemeal_and_twice),
    story("pieces_of_two_snapshots_do_not_mix", "Where a newer snapshot follows one that was cut off, a late piece of the old one costs time, and gets into nothing.", Chapter::Snapshots, snapshots::pieces_of_two_snapshots_do_not_mix).with_servers(5).on(piecemeal),
    story("a_tail_in_conflict_gives_way_to_a_snapshot", "A long tail that nobody agreed to gives way to a snapshot that is shorter than it.", Chapter::Snapshots, snapshots::a_tail_in_conflict_gives_way_to_a_snapshot).on(without_trailing_logs),
    story("what_follows_a_snapshot_is_kept", "A follower whose answers are lost keeps what it has beyond the end of the snapshot that it is sent.", Chapter::Snapshots, snapshots::what_follows_a_snapshot_is_kept).on(two_entries_at_a_time),
    story("whoever_waits_behind_a_snapshot_is_told", "Words that a snapshot overtakes on their way to a state machine are given up: whoever said them hears so, and is not told another's answer.", Chapter::Snapshots, snapshots::whoever_waits_behind_a_snapshot_is_told).on(four_entries_in_line),
    story("a_snapshot_brings_the_membership_along", "Whoever missed four changes of the membership learns them all from one snapshot.", Chapter::Snapshots, snapshots::a_snapshot_brings_the_membership_along).with_spares(2).on(without_trailing_logs),
    story("a_lost_vote_is_learnt_from_a_snapshot", "A server that lost its vote while it was away learns so from a snapshot, and does not campaign.", Chapter::Snapshots, snapshots::a_lost_vote_is_learnt_from_a_snapshot).on(without_trailing_logs),
    story("a_snapshot_knows_nothing_of_a_change_under_way", "A snapshot knows only of what is agreed: a change under way is not in it, and can be undone.", Chapter::Snapshots, snapshots::a_snapshot_knows_nothing_of_a_change_under_way).with_spares(1).on(without_trailing_logs),
    story("an_idle_leader_brings_a_newcomer_in", "A leader whose log is all in a snapshot, and to whom nobody speaks, still brings a newcomer in.", Chapter::Snapshots, snapshots::an_idle_leader_brings_a_newcomer_in).with_spares(1).on(snapshots_soon),
    story("a_snapshot_that_is_outrun_arrives_in_the_end", "Servers that throw their logs away sooner than a snapshot can be sent still get a straggler home.", Chapter::Snapshots, snapshots::a_snapshot_that_is_outrun_arrives_in_the_end).on(piecemeal),
    story("a_snapshot_is_what_a_server_starts_with", "After a power failure everywhere, what is in the snapshots is there without any log.", Chapter::Snapshots, snapshots::a_snapshot_is_what_a_server_starts_with).on(without_trailing_logs),
    story("a_restored_state_takes_its_place_among_the_words", "A state from outside takes its place among the words: it replaces what was said before it, and nothing that is said after.", Chapter::Snapshots, snapshots::a_restored_state_takes_its_place_among_the_words),
    story("a_restored_state_needs_a_majority", "A state from outside that only a minority heard of is put in nobody's place.", Chapter::Snapshots, snapshots::a_restored_state_needs_a_majority),
    story("an_heir_that_lags_catches_up_first", "An heir that lags is first brought up to date, and nothing that was acknowledged is lost.", Chapter::Transfers, transfers::an_heir_that_lags_catches_up_first),
    story("leadership_goes_only_to_another_voter", "Leadership goes neither to one that only listens, nor to a stranger, nor to whoever has it.", Chapter::Transfers, transfers::leadership_goes_only_to_another_voter).with_spares(2),
    story("a_lonely_leader_has_no_heir", "A leader that is alone has nobody to hand over to, and leads on.", Chapter::Transfers, transfers::a_lonely_leader_has_no_heir).with_servers(1).with_spares(1),
    story("leadership_is_handed_to_one_at_a_time", "While leadership is being handed over to one it is not handed to another, and no change is made.", Chapter::Transfers, transfers::leadership_is_handed_to_one_at_a_time),
    story("a_transfer_that_fails_leaves_all_as_it_was", "A transfer that comes to nothing ends in its time, and words are taken as before.", Chapter::Transfers, transfers::a_transfer_that_fails_leaves_all_as_it_was),
    story("the_best_is_the_heir", "Whoever has the most is the heir, if none is named.", Chapter::Transfers, transfers::the_best_is_the_heir).with_servers(5),
    story("a_late_call_to_campaign_is_ignored", "A call to campaign that comes too late, or from somebody who does not lead, is ignored.", Chapter::Transfers, transfers::a_late_call_to_campaign_is_ignored),
    story("one_that_is_leaving_is_no_heir", "One that is being removed is no heir, although its removal is not agreed yet.", Chapter::Transfers, transfers::one_that_is_leaving_is_no_heir),
    story("a_transfer_does_not_outlive_its_leadership", "A leader deposed while it hands over has nothing of that left when it leads again.", Chapter::Transfers, transfers::a_transfer_does_not_outlive_its_leadership),
    story("there_is_no_lease_after_a_call_to_campaign", "Once a leader has called another to campaign it has no lease any more: the call may be obeyed late. It reads by asking a majority.", Chapter::Transfers, transfers::there_is_no_lease_after_a_call_to_campaign),
    story("an_heir_that_needs_a_snapshot_gets_it_first", "An heir that lacks what is compacted is sent a snapshot before it is told to campaign.", Chapter::Transfers, transfers::an_heir_that_needs_a_snapshot_gets_it_first).on(without_trailing_logs),
    story("a_read_waits_for_a_majority", "A leader answers a read once a majority has said that it still leads.", Chapter::Reads, reads::a_read_waits_for_a_majority),
    story("a_deposed_leader_answers_no_read", "A deposed leader that does not know it yet answers no read.", Chapter::Reads, reads::a_deposed_leader_answers_no_read),
    story("a_lease_does_not_outlast_sleep", "A leader under its lease answers at once; when it has slept, the lease has run out.", Chapter::Reads, reads::a_lease_does_not_outlast_sleep),
    story("a_new_leader_reads_what_the_old_one_kept", "A new leader answers no read before it has committed something of its own, and so knows all.", Chapter::Reads, reads::a_new_leader_reads_what_the_old_one_kept),
    story("a_follower_answers_no_read", "A follower answers no read that must be up to date.", Chapter::Reads, reads::a_follower_answers_no_read),
    story("a_read_waits_for_answers_to_later_calls", "What a server answers later to a call from before the read proves nothing for the read.", Chapter::Reads, reads::a_read_waits_for_answers_to_later_calls),
    story("a_listener_vouches_for_nobody", "One that only listens cannot vouch for a leader.", Chapter::Reads, reads::a_listener_vouches_for_nobody).with_servers(2).with_spares(1),
    story("a_read_while_joint_needs_both_majorities", "While the membership is joint a read needs both majorities.", Chapter::Reads, reads::a_read_while_joint_needs_both_majorities).with_spares(2),
    story("who_reads_without_asking_may_read_what_is_old", "Whoever reads without asking reads what is old, if nobody tells the server anything new.", Chapter::Reads, reads::who_reads_without_asking_may_read_what_is_old),
    story("a_read_waits_for_the_state_machine", "A read is answered when the state machine is there, however far behind it was.", Chapter::Reads, reads::a_read_waits_for_the_state_machine).on(slow_machines),
    story("a_leader_is_verified_by_a_majority", "A leader is sure that it leads once a majority has said so: the two that are left of three do, the one that is left does not.", Chapter::Reads, reads::a_leader_is_verified_by_a_majority),
    story("a_cluster_is_founded_once", "A cluster is founded once: whoever is in it cannot be told to found another.", Chapter::Recovery, recovery::a_cluster_is_founded_once),
    story("a_stranger_founds_nothing", "Who founds a cluster belongs to it: others are refused, and stay as blank as they were.", Chapter::Recovery, recovery::a_stranger_founds_nothing).with_spares(1),
    Scenario {
        name: "storm",
        moral: "Everything goes wrong at once, and nothing that was promised is broken.",
        chapter: Chapter::Storms,
        play: Play::Planned { plan: Plan::storm, run: storms::storm },
    },
];

/// Something to play under a seed.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name, as on the command line.
    pub name: &'static str,
    /// What it shows, in one line.
    pub moral: &'static str,
    /// Where it belongs.
    pub chapter: Chapter,
    /// What is played.
    pub play: Play,
}

/// What is played: the same seed gives the same report and the same trace.
#[derive(Clone, Copy, Debug)]
pub enum Play {
    /// A story told by hand.
    Story(Story),
    /// A plan, drawn from the seed, and how it is run.
    Planned {
        /// The plan of a seed.
        plan: fn(u64) -> Plan,
        /// The run of a plan.
        run: fn(Plan, Trace) -> Run<Trace>,
    },
}

/// Where a scenario belongs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Chapter {
    /// Who leads.
    Elections,
    /// What is kept.
    Replication,
    /// What a dead process and its disk leave behind.
    Crashes,
    /// What a medium does to what it carries: disks that lose and change, links that garble.
    Disks,
    /// Who hears whom.
    Partitions,
    /// Who belongs.
    Membership,
    /// Who belongs when everything goes wrong at once.
    Upheavals,
    /// What stands for the log.
    Snapshots,
    /// Who takes over.
    Transfers,
    /// What may be read.
    Reads,
    /// How a cluster comes to be.
    Recovery,
    /// Everything at once, drawn from the seed: worth as many seeds as there is time for.
    Storms,
}

impl fmt::Display for Chapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elections => "elections",
            Self::Replication => "replication",
            Self::Crashes => "crashes",
            Self::Disks => "disks",
            Self::Partitions => "partitions",
            Self::Membership => "membership",
            Self::Upheavals => "upheavals",
            Self::Snapshots => "snapshots",
            Self::Transfers => "transfers",
            Self::Reads => "reads",
            Self::Recovery => "recovery",
            Self::Storms => "storms",
        })
    }
}

/// Plays a scenario, and gives the text that is written of the run. A panic in it is its verdict.
#[must_use]
pub fn run(scenario: &Scenario, seed: u64, form: TraceForm) -> (Report, String) {
    let plan = plan_of(scenario, seed);
    let trace = Trace::new(form.text(plan.slots()));
    let Run { report, trace, .. } = run_plan(scenario, plan, trace);
    (report, trace.into_parts().0)
}

/// The plan of a scenario under a seed.
#[must_use]
pub fn plan_of(scenario: &Scenario, seed: u64) -> Plan {
    match scenario.play {
        Play::Story(story) => story.plan(seed),
        Play::Planned { plan, .. } => plan(seed),
    }
}

/// Plays a scenario by a plan, its seed's or another.
#[must_use]
pub fn run_plan(scenario: &Scenario, plan: Plan, trace: Trace) -> Run<Trace> {
    match scenario.play {
        Play::Story(story) => story.run(scenario.name, plan, trace),
        Play::Planned { run, .. } => run(plan, trace),
    }
}

/// A story with three servers on a calm sea.
const fn story(name: &'static str, moral: &'static str, chapter: Chapter, tell: fn(&mut Stage)) -> Scenario {
    Scenario { name, moral, chapter, play: Play::Story(Story { servers: 3, spares: 0, sea: |_| {}, tell }) }
}

impl Scenario {
    const fn with_servers(mut self, count: u8) -> Self {
        if let Play::Story(story) = &mut self.play {
            story.servers = count;
        }
        self
    }

    const fn with_spares(mut self, count: u8) -> Self {
        if let Play::Story(story) = &mut self.play {
            story.spares = count;
        }
        self
    }

    const fn on(mut self, sea: fn(&mut Plan)) -> Self {
        if let Play::Story(story) = &mut self.play {
            story.sea = sea;
        }
        self
    }
}

fn without_pre_vote(plan: &mut Plan) {
    plan.config.pre_vote_disabled = true;
}

fn one_entry_at_a_time(plan: &mut Plan) {
    plan.config.max_append_entries = 1;
    plan.config.max_inflight = 1;
}

fn snapshots_soon(plan: &mut Plan) {
    plan.config.snapshot_threshold = 10;
    plan.config.snapshot_interval = Span::ms(50);
    plan.config.trailing_logs = 0;
}

fn nothing_in_memory(plan: &mut Plan) {
    plan.config.log_cache_capacity = 1;
}

fn without_trailing_logs(plan: &mut Plan) {
    plan.config.trailing_logs = 0;
}

/// So that two servers that lag differently are not told of the same last entry.
fn two_entries_at_a_time(plan: &mut Plan) {
    without_trailing_logs(plan);
    plan.config.max_append_entries = 2;
}

/// So that a state machine is handed four entries at most ahead of time.
fn four_entries_in_line(plan: &mut Plan) {
    without_trailing_logs(plan);
    one_entry_at_a_time(plan);
}

/// Snapshots when they are asked for, each in many pieces.
fn piecemeal(plan: &mut Plan) {
    without_trailing_logs(plan);
    plan.config.snapshot_chunk_bytes = 32;
}

fn piecemeal_and_twice(plan: &mut Plan) {
    piecemeal(plan);
    overtaking(plan);
    twice(plan);
}

fn living_on(plan: &mut Plan) {
    plan.config.shutdown_on_remove = false;
}

fn slow_machines(plan: &mut Plan) {
    plan.machines.apply = Spans::ms(400, 500);
}

fn overtaking(plan: &mut Plan) {
    plan.links.reorder = Some(Late { chance: Ratio::new(1, 3), by: Spans::ms(1, 20) });
}

fn flipping(plan: &mut Plan) {
    plan.links.corrupt = Some(Ratio::new(1, 3));
}

fn twice(plan: &mut Plan) {
    plan.links.duplicate = Some(Late { chance: Ratio::new(1, 1), by: Spans::ms(0, 50) });
}
