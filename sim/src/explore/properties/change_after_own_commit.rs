//! A leader changes the membership only after the leader has committed an entry of its own term (Ongaro on
//! raft-dev, 2015). If the leader changed the membership earlier, an earlier leader's change could still be
//! uncommitted. Then two quorums without a common server could exist.

use super::ServerStep;
use crate::explore::stimulus::Stimulus;

pub(crate) fn breach(step: &ServerStep<'_>) -> Option<String> {
    let (before, after) = (&step.before.node, &step.after.node);
    let changes = matches!(step.stimulus, Stimulus::Add(_) | Stimulus::Remove(_));
    if !changes || after.log().last() == before.log().last() {
        return None;
    }
    let (idx, term, commit) = (step.after.idx, before.term(), before.commit());
    if before.log().id_at(commit).is_some_and(|id| term <= id.term) {
        return None;
    }
    Some(format!(
        "{idx} leads {term} and changed the membership before it committed an entry of {term}: its commit index is {commit}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::scripted_cluster::{N1, N3, ScriptedCluster, expect_rows};
    use crate::explore::server_state::ServerState;

    #[test]
    fn a_change_waits_for_a_commit_of_the_term() {
        let (early, ready) = (ScriptedCluster::led(), ScriptedCluster::settled());
        let mut unready = early.clone();
        unready.does(N1, &Stimulus::Propose);
        let mut changed = ready.clone();
        changed.does(N1, &Stimulus::Remove(N3));
        let of = |before: &ServerState, stimulus: Stimulus<'_>, after: &ServerState| {
            breach(&ServerStep { before, stimulus: &stimulus, after })
        };
        let (early, unready) = (early.at(N1), unready.at(N1));
        let (ready, changed) = (ready.at(N1), changed.at(N1));
        let too_early = Some(
            "n1 leads t2 and changed the membership before it committed an entry of t2: its commit index is i0",
        );
        expect_rows(&[
            ("after it", of(ready, Stimulus::Remove(N3), changed), None),
            ("before it", of(early, Stimulus::Remove(N3), unready), too_early),
            ("an addition before it", of(early, Stimulus::Add(N3), unready), too_early),
            ("a refusal before it", of(early, Stimulus::Remove(N3), early), None),
            ("a command before it", of(early, Stimulus::Propose, unready), None),
        ]);
    }
}
