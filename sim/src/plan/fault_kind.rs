//! The kinds of faults that a nemesis injects. What each of them does is said in
//! [`nemesis`](crate::nemesis).

use crate::plan::named::named;
use serde::{Deserialize, Serialize};

named! {
    /// Something that goes wrong by the clock. The order is part of every seed's meaning.
    #[derive(Hash, Serialize, Deserialize)]
    Scheduled {
        /// A server crashes and comes back after a while.
        Crash = "crash",
        /// A server crashes and comes back at once.
        Blink = "blink",
        /// The leader crashes.
        CrashLeader = "crash_leader",
        /// A server stands still.
        Pause = "pause",
        /// Two groups cannot reach each other.
        Partition = "partition",
        /// One server reaches nobody.
        Isolate = "isolate",
        /// The leader reaches nobody.
        IsolateLeader = "isolate_leader",
        /// A group is not heard by the others, but hears them.
        OneWay = "one_way",
        /// A single link fails, in both directions: who reaches whom is not transitive any more.
        Link = "link",
        /// Two groups reach each other only over one server.
        Bridge = "bridge",
        /// A link fails and works in turn.
        Flap = "flap",
        /// The leader is told to hand over.
        Transfer = "transfer",
        /// One server is added, promoted, demoted or removed.
        Change = "change",
        /// The membership goes over to another list, jointly.
        Joint = "joint",
        /// A snapshot is asked for.
        Snapshot = "snapshot",
        /// The knobs that may be turned are turned.
        Reload = "reload",
        /// A clock jumps forward, over more than an election timeout. Breaks what leases assume.
        Jump = "jump",
        /// The oldest message that is held is let go.
        LetGo = "let_go",
        /// Bits flip on a disk, in what was synced.
        Rot = "rot",
        /// A write lands in another place than it should.
        Misdirect = "misdirect",
        /// A sync fails and drops its pages; the next one says that all is well.
        DropPages = "drop_pages",
        /// A read fails, once.
        FailRead = "fail_read",
        /// A disk is full for a while.
        Fill = "fill",
        /// A server and its disk are lost for good, or an operator does the next thing to put another
        /// one in the place of such a server: removes it, or adds one that was not there before.
        Replace = "replace",
        /// A clock stands still for a while, and its server goes on. Breaks what leases assume.
        Freeze = "freeze",
        /// A voter is exchanged for a stranger, jointly.
        Exchange = "exchange",
        /// A stranger is let in: with a vote, to listen, or to have a vote once it has caught up.
        Add = "add",
        /// One that listens is given a vote, at once or once it has caught up.
        Promote = "promote",
        /// A voter loses its vote.
        Demote = "demote",
        /// A member is left out.
        Remove = "remove",
    }
}

impl Scheduled {
    /// Whether leases assume that it does not happen.
    #[must_use]
    pub const fn breaks_leases(self) -> bool {
        matches!(self, Self::Jump | Self::Freeze)
    }

    /// Whether a server may never come back from it: of such harm there is a budget.
    #[must_use]
    pub const fn is_for_good(self) -> bool {
        matches!(self, Self::Rot | Self::Misdirect | Self::Replace)
    }

    /// Whether it befalls disks.
    #[must_use]
    pub const fn is_disk_fault(self) -> bool {
        self.is_for_good() || matches!(self, Self::DropPages | Self::FailRead | Self::Fill)
    }
}

named! {
    /// Something that goes wrong because of what has just happened. The order is part of every seed's
    /// meaning.
    #[derive(Hash, Serialize, Deserialize)]
    Reactive {
        /// A server has handed entries to its disk: it crashes.
        CrashWriter = "crash_writer",
        /// A follower has said that it has entries: it crashes.
        CrashAcker = "crash_acker",
        /// A follower has said that it has entries, or heard its leader: it restarts at once.
        BlinkFollower = "blink_follower",
        /// A server has given its vote: it restarts at once.
        BlinkVoter = "blink_voter",
        /// A server has asked for votes: it restarts at once.
        BlinkCandidate = "blink_candidate",
        /// A server leads: it crashes.
        CrashElected = "crash_elected",
        /// A server leads: only a minority hears it.
        StrandElected = "strand_elected",
        /// A leader has sent entries: it reaches nobody.
        IsolateSender = "isolate_sender",
        /// A leader has sent entries: it stands still.
        PauseSender = "pause_sender",
        /// A leader has sent entries: only a minority hears it from here on.
        StrandSender = "strand_sender",
        /// A leader has answered a client: it crashes.
        CrashAnswerer = "crash_answerer",
        /// A leader has answered a client: it reaches nobody.
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
        /// A server has come to a new term: the oldest held message is let go.
        LetGoOfOld = "let_go_of_old",
        /// A leader has sent entries: the oldest held message is let go.
        LetGoAmong = "let_go_among",
        /// Writes pile up before a server's disk: it crashes.
        CrashPiled = "crash_piled",
        /// A leader has committed something: it crashes.
        CrashCommitter = "crash_committer",
        /// A leader has committed something: it reaches nobody.
        IsolateCommitter = "isolate_committer",
        /// A leader has committed something: only a minority hears it.
        StrandCommitter = "strand_committer",
        /// A leader has committed for the first time: it crashes.
        CrashAtFirstCommit = "crash_at_first_commit",
        /// A leader has committed for the first time: only a minority hears it.
        StrandAtFirstCommit = "strand_at_first_commit",
        /// A leader has let a client read: only a minority hears it.
        StrandReader = "strand_reader",
        /// A leader has let a client read: it stands still.
        PauseReader = "pause_reader",
        /// A server would be elected: nobody hears the leader any more, and as many of the others as
        /// may be restart at once, as if they had promised nothing.
        Usurp = "usurp",
        /// A leader has sent the last piece of a snapshot: everything that is held comes before it.
        LetGoBeforeLastPiece = "let_go_before_last_piece",
        /// A server throws its log away for a snapshot of the leader's: it crashes.
        CrashDiscarder = "crash_discarder",
        /// A leader has committed for the first time: it takes a snapshot.
        SnapshotNewcomer = "snapshot_newcomer",
        /// A leader has dropped what its snapshot stands for: all links work again.
        MendCompacter = "mend_compacter",
        /// A leader has called another to campaign: it reaches nobody.
        IsolateCaller = "isolate_caller",
        /// A leader has let a client read: only a minority hears it, its clock goes as slowly as it may
        /// and all others' as fast.
        OutpaceReader = "outpace_reader",
        /// A leader has committed something: its state machine stands still.
        StallCommitter = "stall_committer",
        /// A leader has committed something: it hands over.
        TransferCommitter = "transfer_committer",
    }
}
