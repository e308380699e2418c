//! A server's term never decreases, except at a crash. A crash resets the term to the durable term.

use super::ServerStep;
use crate::explore::stimulus::Stimulus;

pub(crate) fn breach(step: &ServerStep<'_>) -> Option<String> {
    let least = match step.stimulus {
        Stimulus::Crash => step.before.disk.record.term,
        _ => step.before.node.term(),
    };
    let now = step.after.node.term();
    (now < least).then(|| format!("{} lowered its term from {least} to {now}", step.after.idx))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::properties::scripted_cluster::{N1, ScriptedCluster, expect_rows};
    use crate::explore::server_state::ServerState;

    #[test]
    fn a_term_falls_only_to_what_is_on_disk() {
        let (t1, t2) = (ScriptedCluster::founded(), ScriptedCluster::led());
        let mut unwritten = ScriptedCluster::founded();
        unwritten.begins(N1, &Stimulus::TimeOut);
        let of = |before: &ServerState, stimulus: Stimulus<'_>, after: &ServerState| {
            breach(&ServerStep { before, stimulus: &stimulus, after })
        };
        let (t1, t2, unwritten) = (t1.at(N1), t2.at(N1), unwritten.at(N1));
        let falls = Some("n1 lowered its term from t2 to t1");
        expect_rows(&[
            ("it stays", of(t2, Stimulus::Beat, t2), None),
            ("it rises", of(t1, Stimulus::TimeOut, t2), None),
            ("it falls", of(t2, Stimulus::Beat, t1), falls),
            ("it falls in a crash below the durable term", of(t2, Stimulus::Crash, t1), falls),
            ("it falls in a crash to the durable term", of(unwritten, Stimulus::Crash, t1), None),
            ("it falls to the durable term without a crash", of(unwritten, Stimulus::Beat, t1), falls),
        ]);
    }
}
