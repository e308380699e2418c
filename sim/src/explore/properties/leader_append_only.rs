//! A leader never overwrites or drops an entry of its log.

use super::ServerStep;
use crate::explore::stimulus::Stimulus;
use wavetank_raft::{Index, RoleName};

pub(crate) fn breach(step: &ServerStep<'_>) -> Option<String> {
    let (before, after) = (&step.before.node, &step.after.node);
    let led = before.role() == RoleName::Leader && before.term() == after.term();
    if !led || matches!(step.stimulus, Stimulus::Crash) {
        return None;
    }
    let mut all = (1..=before.log().last().index.0).map(Index);
    let lost = all.find(|&at| before.log().id_at(at) != after.log().id_at(at))?;
    Some(format!("{} leads {} and dropped entry {lost}", step.after.idx, before.term()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::scripted_cluster::{N1, ScriptedCluster, expect_rows};
    use crate::explore::server_state::ServerState;

    #[test]
    fn a_leader_only_appends() {
        let short = ScriptedCluster::led();
        let mut long = short.clone();
        long.does(N1, &Stimulus::Propose);
        let mut deposed = short.clone();
        deposed.does(N1, &Stimulus::Resign);
        deposed.does(N1, &Stimulus::TimeOut);
        let of = |before: &ServerState, stimulus: Stimulus<'_>, after: &ServerState| {
            breach(&ServerStep { before, stimulus: &stimulus, after })
        };
        let follower = ScriptedCluster::founded();
        let (short, long, deposed) = (short.at(N1), long.at(N1), deposed.at(N1));
        expect_rows(&[
            ("it appends", of(short, Stimulus::Propose, long), None),
            ("it drops", of(long, Stimulus::Beat, short), Some("n1 leads t2 and dropped entry i3")),
            ("a crash drops an entry", of(long, Stimulus::Crash, short), None),
            ("it no longer leads", of(long, Stimulus::Beat, deposed), None),
            ("it never led", of(follower.at(N1), Stimulus::Beat, short), None),
        ]);
    }
}
