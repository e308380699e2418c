//! The kinds of faults that the [`nemesis`](crate::nemesis) injects.

use crate::plan::named::named;
use serde::{Deserialize, Serialize};

named! {
    /// A fault that recurs at drawn times. The order of the variants determines the random draws of
    /// every seed.
    #[derive(Hash, Serialize, Deserialize)]
    Scheduled {
        /// A server crashes and restarts after a while.
        Crash = "crash",
        /// A server crashes and restarts immediately.
        Blink = "blink",
        /// The leader crashes.
        CrashLeader = "crash_leader",
        /// A server is paused.
        Pause = "pause",
        /// Two groups of servers cannot reach each other.
        Partition = "partition",
        /// One server is isolated from all other servers.
        Isolate = "isolate",
        /// The leader is isolated from all other servers.
        IsolateLeader = "isolate_leader",
        /// The messages from a group of servers to the other servers do not arrive. Messages to this group
        /// still arrive.
        OneWay = "one_way",
        /// A single link fails in both directions, so that reachability is not transitive.
        Link = "link",
        /// Two groups of servers cannot reach each other. One more server reaches both groups.
        Bridge = "bridge",
        /// A link fails and recovers several times.
        Flap = "flap",
        /// A server, in most cases the leader, is asked to transfer leadership.
        Transfer = "transfer",
        /// One server is added, promoted, demoted or removed.
        Change = "change",
        /// The configuration changes to another list of members by joint consensus.
        Joint = "joint",
        /// A server is asked to take a snapshot.
        Snapshot = "snapshot",
        /// The reloadable part of the configuration is changed.
        Reload = "reload",
        /// A clock jumps forward by more than an election timeout. Leases assume that clocks do not jump.
        Jump = "jump",
        /// The oldest message that the network holds back is delivered.
        LetGo = "let_go",
        /// Bits that were already synced flip on a disk.
        Rot = "rot",
        /// A write goes to a wrong location on the disk.
        Misdirect = "misdirect",
        /// A sync fails and loses the pages that it should have written. The next sync reports success.
        DropPages = "drop_pages",
        /// The next read of a disk fails.
        FailRead = "fail_read",
        /// A disk is full for a while.
        Fill = "fill",
        /// A server and its disk are lost permanently. If a server is already lost, the operator takes the
        /// next step to replace this server: remove the lost server, or add a new server.
        Replace = "replace",
        /// A clock stops for a while, and the server of this clock continues. Leases assume that clocks do
        /// not stop.
        Freeze = "freeze",
        /// A server that is not a member replaces a voter, by joint consensus.
        Exchange = "exchange",
        /// A server that is not a member is added: as a voter, as a non-voter, or as a voter after the server
        /// has caught up.
        Add = "add",
        /// A non-voter becomes a voter, either immediately or after the non-voter has caught up.
        Promote = "promote",
        /// A voter becomes a non-voter.
        Demote = "demote",
        /// A member is removed.
        Remove = "remove",
        /// The next load of a snapshot into a state machine fails.
        FailLoad = "fail_load",
        /// Every later load of a snapshot into a state machine fails.
        NeverLoad = "never_load",
        /// The next attempt to take a snapshot of a state machine fails.
        FailSnapshot = "fail_snapshot",
        /// Every later attempt to take a snapshot of a state machine fails.
        NeverSnapshot = "never_snapshot",
        /// An operator calls `Barrier` on a server.
        Barrier = "barrier",
        /// A server is asked to confirm its leadership.
        VerifyLeader = "verify_leader",
        /// The state of a server's state machine is backed up. Then the server is asked to restore the
        /// cluster from this backup.
        Restore = "restore",
        /// A server that already has a configuration or has already voted is asked to bootstrap.
        Bootstrap = "bootstrap",
        /// A server is asked to change the membership on a false condition: the condition names the index of
        /// an old configuration as the latest.
        StaleChange = "stale_change",
        /// A change of membership that changes no suffrage: a voter is added as a non-voter, a non-voter is
        /// demoted, a voter is added again, or a server that is not a member is removed.
        NullChange = "null_change",
        /// The leader is asked to change the membership during a transfer of leadership.
        TransferAndChange = "transfer_and_change",
        /// A server is shut down.
        Shutdown = "shutdown",
        /// A server that was removed gets a new disk and is added again under its old name. Each time this
        /// fault is due, the operator takes the next step: remove a voter, give this server a new disk, or
        /// add the server.
        NewDisk = "new_disk",
        /// The vote record, the log or all snapshots of a server vanish.
        Vanish = "vanish",
        /// A member moves to a new address, while the member runs or with a restart, and the operator changes
        /// the member's address in the configuration. If an address in the configuration is wrong already, no
        /// member moves: the operator corrects that address.
        Move = "move",
        /// Two members exchange their addresses, and the operator changes both addresses in the
        /// configuration.
        ExchangeAddresses = "exchange_addresses",
    }
}

impl Scheduled {
    /// True if leases assume that this fault does not happen.
    #[must_use]
    pub const fn breaks_leases(self) -> bool {
        matches!(self, Self::Jump | Self::Freeze)
    }

    /// True if it is possible that a server never recovers from this fault. The budget of the plan limits such faults.
    #[must_use]
    pub const fn is_permanent(self) -> bool {
        matches!(self, Self::Rot | Self::Misdirect | Self::Replace | Self::NeverLoad | Self::Vanish)
    }

    /// True if the fault is a call that seldom changes the leader or the membership. Fewer storms make such
    /// calls.
    #[must_use]
    pub const fn is_call_for_answer(self) -> bool {
        matches!(
            self,
            Self::Barrier
                | Self::VerifyLeader
                | Self::Restore
                | Self::Bootstrap
                | Self::StaleChange
                | Self::NullChange
                | Self::TransferAndChange
                | Self::Shutdown
        )
    }

    /// True if this is a fault of a disk. False for `Vanish`, which storms treat like a fault of a server.
    #[must_use]
    pub const fn is_disk_fault(self) -> bool {
        matches!(
            self,
            Self::Rot | Self::Misdirect | Self::Replace | Self::DropPages | Self::FailRead | Self::Fill
        )
    }

    /// True if this fault never ends by itself, although the server may still be useful.
    #[must_use]
    pub const fn never_ends(self) -> bool {
        matches!(self, Self::NeverLoad | Self::NeverSnapshot)
    }

    /// True if this is a fault of a state machine.
    #[must_use]
    pub const fn is_machine_fault(self) -> bool {
        self.never_ends() || matches!(self, Self::FailLoad | Self::FailSnapshot)
    }
}

named! {
    /// A fault that follows a step of a server. The order of the variants determines the random draws
    /// of every seed.
    #[derive(Hash, Serialize, Deserialize)]
    Reactive {
        /// A server crashes after it has submitted entries to its disk.
        CrashWriter = "crash_writer",
        /// A follower crashes after it has acknowledged entries or a heartbeat.
        CrashAcker = "crash_acker",
        /// A follower restarts immediately after it has acknowledged entries or a heartbeat.
        BlinkFollower = "blink_follower",
        /// A server restarts immediately after it has granted its vote.
        BlinkVoter = "blink_voter",
        /// A server restarts immediately after it has sent `RequestVote`.
        BlinkCandidate = "blink_candidate",
        /// A server crashes after it was elected.
        CrashElected = "crash_elected",
        /// After a server was elected, the network delivers its messages only to a minority of the servers.
        StrandElected = "strand_elected",
        /// A leader is isolated after it has sent entries.
        IsolateSender = "isolate_sender",
        /// A leader is paused after it has sent entries.
        PauseSender = "pause_sender",
        /// After a leader has sent entries, the network delivers its messages only to a minority of the servers.
        StrandSender = "strand_sender",
        /// A leader crashes after it has answered a client.
        CrashAnswerer = "crash_answerer",
        /// A leader is isolated after it has answered a client.
        IsolateAnswerer = "isolate_answerer",
        /// A server crashes after it has appended a new configuration.
        CrashReconfigurer = "crash_reconfigurer",
        /// Only a minority can receive a server's messages after the server has appended a new configuration.
        StrandReconfigurer = "strand_reconfigurer",
        /// A server crashes after it has truncated its log.
        CrashTruncater = "crash_truncater",
        /// A server crashes after it has stored a piece of a snapshot or restored a snapshot.
        CrashInstaller = "crash_installer",
        /// A server crashes after it has taken a snapshot and compacted its log.
        CrashSnapshotter = "crash_snapshotter",
        /// The oldest message that the network holds back is delivered after a server has entered a new term.
        LetGoOfOld = "let_go_of_old",
        /// When a leader has sent entries, the network delivers the oldest message that it holds back.
        LetGoAmong = "let_go_among",
        /// A server crashes while several writes wait for its disk.
        CrashPiled = "crash_piled",
        /// A leader crashes after it has committed an entry.
        CrashCommitter = "crash_committer",
        /// A leader is isolated after it has committed an entry.
        IsolateCommitter = "isolate_committer",
        /// Only a minority can receive a leader's messages after the leader has committed an entry.
        StrandCommitter = "strand_committer",
        /// A leader crashes after its first commit in its term.
        CrashAtFirstCommit = "crash_at_first_commit",
        /// Only a minority can receive a leader's messages after the leader's first commit in its term.
        StrandAtFirstCommit = "strand_at_first_commit",
        /// Only a minority can receive a leader's messages after the leader has allowed a client to read.
        StrandReader = "strand_reader",
        /// A leader is paused after it has allowed a client to read.
        PauseReader = "pause_reader",
        /// After a server asks for votes, the leader is isolated, and as many other servers as the plan
        /// allows restart immediately. The restarted servers no longer know that they heard from the leader
        /// recently, so they may grant their votes.
        Usurp = "usurp",
        /// After a leader has sent the last piece of a snapshot, all messages that the network holds back are
        /// delivered. The last piece arrives later than these messages.
        LetGoBeforeLastPiece = "let_go_before_last_piece",
        /// A server crashes after it has discarded its log for a snapshot of the leader.
        CrashDiscarder = "crash_discarder",
        /// A leader takes a snapshot after its first commit in its term.
        SnapshotNewcomer = "snapshot_newcomer",
        /// All links are restored after the leader has compacted its log.
        MendCompacter = "mend_compacter",
        /// A leader is isolated after it has sent `TimeoutNow`.
        IsolateCaller = "isolate_caller",
        /// Only a minority can receive a leader's messages after the leader has allowed a client to read. The
        /// leader's clock then runs as slowly as the plan allows, and all other clocks run as fast as the
        /// plan allows.
        OutpaceReader = "outpace_reader",
        /// The state machine of a leader stalls after the leader has committed an entry.
        StallCommitter = "stall_committer",
        /// A leader is asked to transfer leadership after it has committed an entry.
        TransferCommitter = "transfer_committer",
        /// Only a minority can receive a leader's messages after the leader has sent `TimeoutNow`.
        StrandCaller = "strand_caller",
    }
}
