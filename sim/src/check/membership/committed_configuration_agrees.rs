//! All servers that have committed up to the same index use the same committed configuration (thesis §4.1).
//!
//! The check runs whenever a server commits a configuration or begins to use another configuration.

use crate::check::ghost::{Facts, Ghost};
use crate::check::{Check, violated};
use crate::plan::judge_level::JudgeLevel;
use crate::subject::Parts;

const WATCHES: Facts = Facts::COMMIT.or(Facts::CONFIGURED);

const NEEDS: Parts = Parts::TERM.or(Parts::COMMIT).or(Parts::LOG).or(Parts::CONFIGURATION);

pub(crate) const CHECK: Check =
    Check::new("committed_configuration_agrees", "thesis §4.1", JudgeLevel::Steps, WATCHES, judge)
        .needing(NEEDS);

fn judge(ghost: &Ghost, facts: Facts, witnessed: &mut u64) -> Option<String> {
    let step = &ghost.step;
    let in_force = step.now_conf?;
    // Most commits contain no configuration. Then the previous judgement still holds.
    let passed = step.was.commit < in_force.index && in_force.index <= step.now.commit;
    if !passed && !facts.touches(Facts::CONFIGURED) {
        return None;
    }
    *witnessed += 1;
    let (idx, commit) = (step.idx, step.now.commit);
    let committed = ghost.history.conf_at(commit);
    if commit < in_force.index || committed == Some(in_force) {
        return None;
    }
    let there = match committed {
        Some(conf) => format!("the committed configuration is {conf}"),
        None => "no configuration is committed".to_owned(),
    };
    violated(format_args!("{idx} has committed up to {commit} and uses {in_force}, but {there}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fixture::{Fixture, N1, N2, N3, voters};
    use wavetank_raft::{Index, Payload};

    #[test]
    fn equal_committed_configurations_are_legal() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        fixture.replicate(N1, N2, 2);
        fixture.commit(N1, 3);
        fixture.commit(N2, 3);
        fixture.expect_holds();
    }

    #[test]
    fn a_different_committed_configuration_is_not() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.set_view(N3, |scripted| scripted.configuration = Some((Index(1), voters(&[N2, N3]))));
        fixture.expect_violation(
            "n3 has committed up to i2 and uses n2 n3 at i1, but the committed configuration is n1 n2 n3 at i1",
        );
    }

    #[test]
    fn an_outdated_configuration_is_not() {
        let mut fixture = Fixture::three(&CHECK);
        fixture.settle(N1, 2);
        fixture.append(N1, vec![Payload::Configuration(voters(&[N1, N2]))]);
        fixture.replicate(N1, N2, 2);
        fixture.commit(N1, 3);
        fixture.commit(N2, 3);
        fixture.set_view(N2, |scripted| scripted.configuration = Some((Index(1), voters(&[N1, N2, N3]))));
        fixture.expect_violation(
            "n2 has committed up to i3 and uses n1 n2 n3 at i1, but the committed configuration is n1 n2 at i3",
        );
    }
}
