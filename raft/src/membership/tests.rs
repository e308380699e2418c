//! Compares the membership with a list of all configurations in the log.

use super::*;
use crate::configuration::Member;
use alloc::format;
use proptest::prelude::*;

/// A step on the log.
#[derive(Clone, Copy, Debug)]
enum MembershipStep {
    /// Append this many entries, the last of which is a configuration with these voters of five.
    Push(u64, u8),
    /// Keep this many entries after the commit index, and truncate the rest.
    Truncate(u64),
    /// Commit this many more entries.
    Commit(u64),
    /// Install a snapshot that ends this many entries after the commit index. The snapshot has the
    /// configuration of the log, or this configuration, which replaces all other configurations.
    Install(u64, Option<u8>),
}

fn steps() -> impl Strategy<Value = MembershipStep> {
    let voters = 1_u8..32;
    prop_oneof![
        3 => (1_u64..4, voters.clone()).prop_map(|(later, voters)| MembershipStep::Push(later, voters)),
        1 => (0_u64..6).prop_map(MembershipStep::Truncate),
        2 => (0_u64..6).prop_map(MembershipStep::Commit),
        1 => (1_u64..6, prop::option::of(voters)).prop_map(|(more, other)| MembershipStep::Install(more, other)),
    ]
}

fn configuration(voters: u8) -> Arc<Configuration> {
    let named = (0..5).filter(|server| voters >> server & 1 == 1).map(|server| format!("n{server}"));
    let members = named.map(|name| Member::voter(&*name, &*name)).collect();
    Arc::new(Configuration::new(members).expect("names differ"))
}

/// All configurations in the log, and the commit index.
struct MembershipModel {
    all: Vec<(Index, Arc<Configuration>)>,
    last: Index,
    commit: Index,
}

impl MembershipModel {
    fn apply(&mut self, membership: &mut Membership, step: MembershipStep) {
        match step {
            MembershipStep::Push(later, voters) => {
                self.last = self.last.plus(later);
                self.all.push((self.last, configuration(voters)));
                membership.push(self.last, configuration(voters));
            }
            MembershipStep::Truncate(after) => {
                let from = self.commit.plus(after).next();
                let before = self.all.len();
                self.all.retain(|(index, _)| *index < from);
                assert_eq!(membership.truncate(from), self.all.len() < before);
                self.last = self.last.min(from.back());
            }
            MembershipStep::Commit(more) => {
                self.commit = self.last.min(self.commit.plus(more));
                membership.committed(self.commit);
            }
            MembershipStep::Install(more, other) => {
                self.commit = self.commit.plus(more);
                let known = self.all.iter().rfind(|(index, _)| *index <= self.commit).cloned();
                let (at, configuration) = match (known, other) {
                    (Some(known), None) if self.commit <= self.last => known,
                    (_, other) => {
                        membership.truncate(Index::ZERO);
                        self.all.clear();
                        self.last = self.commit;
                        (self.commit, configuration(other.unwrap_or(1)))
                    }
                };
                membership.install(self.commit, at, configuration.clone());
                self.all.retain(|(index, _)| self.commit < *index);
                self.all.insert(0, (at, configuration));
            }
        }
    }

    fn check(&self, membership: &Membership) -> Result<(), TestCaseError> {
        let newest = self.all.iter().rposition(|(index, _)| *index <= self.commit).unwrap_or(0);
        let alive = &self.all[newest..];
        prop_assert_eq!(&membership.stack[..], alive, "those that can come back, and no others");
        prop_assert_eq!(membership.index(), alive.last().map_or(Index::ZERO, |(index, _)| *index));
        prop_assert_eq!(
            membership.latest().map(|(index, latest)| (index, latest.clone())),
            alive.last().cloned()
        );
        let voters = alive.last().map_or_else(Voters::default, |(_, latest)| latest.voters());
        prop_assert_eq!(membership.voters(), &voters);
        for server in 0..5 {
            let node = NodeId::of(&format!("n{server}"));
            let may = alive.iter().any(|(_, configuration)| configuration.voters().contains(node));
            prop_assert_eq!(membership.may_campaign(node, self.commit), may, "{}", node);
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn the_membership_matches_the_log(steps in prop::collection::vec(steps(), 1..30)) {
        let mut model = MembershipModel { all: Vec::new(), last: Index::ZERO, commit: Index::ZERO };
        let mut membership = Membership::new(Vec::new());
        for step in steps {
            model.apply(&mut membership, step);
            model.check(&membership)?;
        }
        prop_assert_eq!(&Membership::new(membership.stack.clone()), &membership);
    }
}
