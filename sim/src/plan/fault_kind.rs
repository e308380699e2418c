//! The kinds of faults that a nemesis injects. What each of them does is said in
//! [`nemesis`](crate::nemesis).

use crate::plan::named::named;
use serde::{Deserialize, Serialize};

named! {
    /// A fault that recurs at drawn times. The order is part of every seed's meaning.
    #[derive(Hash, Serialize, Deserialize)]
    Scheduled {
        /// A server crashes and comes back after a while.
        Crash = "crash",
        /// A server crashes and comes back at once.
        Blink = "blink",
        /// The leader crashes.
        CrashLeader = "crash_leader",
        /// A server is paused.
        Pause = "pause",
        /// Two groups cannot reach each other.
        Partition = "partition",
        /// One server is isolated from all others.
        Isolate = "isolate",
        /// The leader is isolated from all others.
        IsolateLeader = "isolate_leader",
        /// A group is not heard by the others, but hears them.
        OneWay = "one_way",
        /// A single link fails in both directions, so that reachability is not transitive.
        Link = "link",
        /// Two groups reach each other only over one server.
        Bridge = "bridge",
        /// A link fails and works in turn.
        Flap = "flap",
        /// The leader is asked to transfer leadership.
        Transfer = "transfer",
        /// One server is added, promoted, demoted or removed.
        Change = "change",
        /// The configuration changes to another list of members, by joint consensus.
        Joint = "joint",
        /// A snapshot is asked for.
        Snapshot = "snapshot",
        /// The reloadable part of the configuration is changed.
        Reload = "reload",
        /// A clock jumps forward, over more than an election timeout. Breaks what leases assume.
        Jump = "jump",
        /// The oldest held message is delivered.
        LetGo = "let_go",
        /// Bits flip on a disk, in what was synced.
        Rot = "rot",
        /// A write lands at another location than it should.
        Misdirect = "misdirect",
        /// A sync fails and drops its pages; the next one reports success.
        DropPages = "drop_pages",
        /// A read fails, once.
        FailRead = "fail_read",
        /// A disk is full for a while.
        Fill = "fill",
        /// A server and its disk are lost permanently, or an operator takes the next step to replace such
        /// a server: removes it, or adds a new one.
        Replace = "replace",
        /// A clock is frozen for a while, and its server continues. Breaks what leases assume.
        Freeze = "freeze",
        /// A voter is replaced by a non-member, by joint consensus.
        Exchange = "exchange",
        /// A non-member is added: as a voter, as a non-voter, or as a voter once it has caught up.
        Add = "add",
        /// A non-voter is promoted, at once or once it has caught up.
        Promote = "promote",
        /// A voter is demoted to a non-voter.
        Demote = "demote",
        /// A member is removed.
        Remove = "remove",
    }
}

impl Scheduled {
    /// Whether leases assume that it does not happen.
    #[must_use]
    pub const fn breaks_leases(self) -> bool {
        matches!(self, Self::Jump | Self::Freeze)
    }

    /// Whether a server may never recover from it. The plan's budget limits such faults.
    #[must_use]
    pub const fn is_permanent(self) -> bool {
        matches!(self, Self::Rot | Self::Misdirect | Self::Replace)
    }

    /// Whether it is a fault of a disk.
    #[must_use]
    pub const fn is_disk_fault(self) -> bool {
        self.is_permanent() || matches!(self, Self::DropPages | Self::FailRead | Self::Fill)
    }
}

named! {
    /// A fault that answers a step of a server. The order is part of every seed's meaning.
    #[derive(Hash, Serialize, Deserialize)]
    Reactive {
        /// A server has handed entries to its disk: it crashes.
        CrashWriter = "crash_writer",
        /// A follower has acknowledged entries: it crashes.
        CrashAcker = "crash_acker",
        /// A follower has acknowledged entries or a heartbeat: it restarts at once.
        BlinkFollower = "blink_follower",
        /// A server has given its vote: it restarts at once.
        BlinkVoter = "blink_voter",
        /// A server has asked for votes: it restarts at once.
        BlinkCandidate = "blink_candidate",
        /// A server was elected: it crashes.
        CrashElected = "crash_elected",
        /// A server was elected: only a minority hears it.
        StrandElected = "strand_elected",
        /// A leader has sent entries: it is isolated.
        IsolateSender = "isolate_sender",
        /// A leader has sent entries: it is paused.
        PauseSender = "pause_sender",
        /// A leader has sent entries: only a minority hears it from here on.
        StrandSender = "strand_sender",
        /// A leader has answered a client: it crashes.
        CrashAnswerer = "crash_answerer",
        /// A leader has answered a client: it is isolated.
        IsolateAnswerer = "isolate_answerer",
        /// A leader has appended another membership: it crashes.
        CrashReconfigurer = "crash_reconfigurer",
        /// A leader has appended another membership: only a minority hears it.
        StrandReconfigurer = "strand_reconfigurer",
        /// A server has cut its log back: it crashes.
        CrashTruncater = "crash_truncater",
        /// A server has kept a piece of a snapshot, or a snapshot: it crashes.
        CrashInstaller = "crash_installer",
        /// A server has taken a snapshot: it crashes.
        CrashSnapshotter = "crash_snapshotter",
        /// A server has entered a new term: the oldest held message is delivered.
        LetGoOfOld = "let_go_of_old",
        /// A leader has sent entries: the oldest held message is delivered.
        LetGoAmong = "let_go_among",
        /// Writes pile up before a server's disk: it crashes.
        CrashPiled = "crash_piled",
        /// A leader has committed something: it crashes.
        CrashCommitter = "crash_committer",
        /// A leader has committed something: it is isolated.
        IsolateCommitter = "isolate_committer",
        /// A leader has committed something: only a minority hears it.
        StrandCommitter = "strand_committer",
        /// A leader has committed for the first time: it crashes.
        CrashAtFirstCommit = "crash_at_first_commit",
        /// A leader has committed for the first time: only a minority hears it.
        StrandAtFirstCommit = "strand_at_first_commit",
        /// A leader has allowed a client to read: only a minority hears it.
        StrandReader = "strand_reader",
        /// A leader has allowed a client to read: it is paused.
        PauseReader = "pause_reader",
        /// A server asks for votes: the leader is isolated, and as many of the other servers as allowed
        /// restart at once, so that they might forget their promise to the leader.
        Usurp = "usurp",
        /// A leader has sent the last piece of a snapshot: all held messages are delivered before it.
        LetGoBeforeLastPiece = "let_go_before_last_piece",
        /// A server discards its log for a snapshot of the leader's: it crashes.
        CrashDiscarder = "crash_discarder",
        /// A leader has committed for the first time: it takes a snapshot.
        SnapshotNewcomer = "snapshot_newcomer",
        /// A leader has compacted its log: all links work again.
        MendCompacter = "mend_compacter",
        /// A leader has sent `TimeoutNow`: it is isolated.
        IsolateCaller = "isolate_caller",
        /// A leader has allowed a client to read: only a minority hears it, its clock runs as slowly as the
        /// plan allows and all others as fast.
        OutpaceReader = "outpace_reader",
        /// A leader has committed something: its state machine stalls.
        StallCommitter = "stall_committer",
        /// A leader has committed something: it is asked to transfer leadership.
        TransferCommitter = "transfer_committer",
    }
}
