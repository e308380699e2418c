//! A leader commits an entry by counting replicas only if the entry has the leader's own term. Entries of
//! earlier terms are committed together with such an entry.

use super::ServerStep;
use wavetank_raft::RoleName;

pub(crate) fn breach(step: &ServerStep<'_>) -> Option<String> {
    let (before, after) = (&step.before.node, &step.after.node);
    let leads = before.role() == RoleName::Leader && after.role() == RoleName::Leader;
    if !leads || after.commit() <= before.commit() {
        return None;
    }
    let newest = after.log().id_at(after.commit())?;
    let (idx, term) = (step.after.idx, after.term());
    (newest.term < term).then(|| {
        format!("{idx} leads {term} and counted replicas to commit {newest}, an entry of an earlier term")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::scripted_cluster::{N1, ScriptedCluster, expect_rows};
    use crate::explore::server_state::ServerState;
    use crate::explore::stimulus::Stimulus;

    /// `n1` leads again in the next term, and has committed nothing of that term.
    fn led_again(mut scripted_cluster: ScriptedCluster) -> ScriptedCluster {
        scripted_cluster.does(N1, &Stimulus::Resign);
        scripted_cluster.elects(N1);
        scripted_cluster
    }

    #[test]
    fn older_entries_are_not_counted() {
        let (led, settled) = (ScriptedCluster::led(), ScriptedCluster::settled());
        let (none, old) = (led_again(led.clone()), led_again(settled.clone()));
        let mut own = none.clone();
        own.delivers(|_| true);
        let of = |before: &ServerState, after: &ServerState| {
            breach(&ServerStep { before, stimulus: &Stimulus::Beat, after })
        };
        let (led, settled) = (led.at(N1), settled.at(N1));
        let (none, old, own) = (none.at(N1), old.at(N1), own.at(N1));
        expect_rows(&[
            ("its own entry", of(led, settled), None),
            ("an old entry, by committing its own", of(none, own), None),
            (
                "an old entry",
                of(none, old),
                Some("n1 leads t3 and counted replicas to commit t2.i2, an entry of an earlier term"),
            ),
            ("nothing", of(old, old), None),
            ("an old entry, while a follower", of(ScriptedCluster::founded().at(N1), old), None),
        ]);
    }
}
