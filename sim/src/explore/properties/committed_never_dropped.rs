//! If a server knows that an entry is committed, the entry stays in the log of this server. The commit index
//! of a server decreases only at a crash.

use super::ServerStep;
use crate::explore::stimulus::Stimulus;
use wavetank_raft::Index;

pub(crate) fn breach(step: &ServerStep<'_>) -> Option<String> {
    if matches!(step.stimulus, Stimulus::Crash) {
        return None;
    }
    let (before, after) = (&step.before.node, &step.after.node);
    let idx = step.after.idx;
    if after.commit() < before.commit() {
        return Some(format!(
            "{idx} lowered its commit index from {} to {}",
            before.commit(),
            after.commit()
        ));
    }
    let lost = (1..=before.commit().0).map(Index).find(|&at| before.log().id_at(at) != after.log().id_at(at));
    lost.map(|at| format!("{idx} committed the entry at {at}, but no longer has this entry"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::scripted_cluster::{N1, ScriptedCluster, expect_rows};
    use crate::explore::server_state::ServerState;

    /// `n1` steps down, leads the next term, and commits.
    fn next_term(mut scripted_cluster: ScriptedCluster) -> ScriptedCluster {
        scripted_cluster.does(N1, &Stimulus::Resign);
        scripted_cluster.elects(N1);
        scripted_cluster.delivers(|_| true);
        scripted_cluster
    }

    #[test]
    fn what_is_committed_stays() {
        let (led, settled) = (ScriptedCluster::led(), ScriptedCluster::settled());
        let longer = next_term(settled.clone());
        let mut crashed = ScriptedCluster::founded();
        crashed.does(N1, &Stimulus::TimeOut);
        let other = next_term(crashed);
        let of = |before: &ServerState, stimulus: Stimulus<'_>, after: &ServerState| {
            breach(&ServerStep { before, stimulus: &stimulus, after })
        };
        let (led, settled, longer, other) = (led.at(N1), settled.at(N1), longer.at(N1), other.at(N1));
        expect_rows(&[
            ("more is", of(led, Stimulus::Beat, settled), None),
            ("more follows", of(settled, Stimulus::Beat, longer), None),
            ("less is", of(settled, Stimulus::Beat, led), Some("n1 lowered its commit index from i2 to i0")),
            ("less is known after a crash", of(settled, Stimulus::Crash, led), None),
            (
                "another is",
                of(settled, Stimulus::Beat, other),
                Some("n1 committed the entry at i2, but no longer has this entry"),
            ),
        ]);
    }
}
