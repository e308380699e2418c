//! Compares changes of the membership with a map of the members.

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use wavetank_raft::{
    Change, Configuration, ConfigurationError, Member, NodeId, Suffrage, UncheckedConfiguration,
};

/// The members, each with its suffrage and address.
type MemberMap = BTreeMap<u8, (bool, u8)>;

/// One change. Names and addresses are numbers; 0 is an empty name or address.
#[derive(Clone, Copy, Debug)]
enum Step {
    AddVoter(u8, u8),
    AddNonvoter(u8, u8),
    Demote(u8),
    Remove(u8),
    Members(u8),
    LeaveJoint,
}

fn steps() -> impl Strategy<Value = Step> {
    let (id, address) = (0_u8..6, 0_u8..6);
    prop_oneof![
        3 => (id.clone(), address.clone()).prop_map(|(id, address)| Step::AddVoter(id, address)),
        2 => (id.clone(), address).prop_map(|(id, address)| Step::AddNonvoter(id, address)),
        1 => id.clone().prop_map(Step::Demote),
        1 => id.prop_map(Step::Remove),
        1 => (0_u8..64).prop_map(Step::Members),
        1 => Just(Step::LeaveJoint),
    ]
}

fn name(number: u8) -> String {
    if number == 0 { String::new() } else { format!("n{number}") }
}

fn address(number: u8) -> String {
    if number == 0 { String::new() } else { format!("a{number}") }
}

fn member(id: u8, (votes, at): (bool, u8)) -> Member {
    if votes { Member::voter(name(id), address(at)) } else { Member::nonvoter(name(id), address(at)) }
}

/// The members whose bits are set, at their first address. The last one is a non-voter.
fn members(bits: u8) -> MemberMap {
    let mut model: MemberMap = (1..6).filter(|id| bits >> id & 1 == 1).map(|id| (id, (true, id))).collect();
    if bits & 1 == 1
        && let Some(mut last) = model.last_entry()
    {
        last.get_mut().0 = false;
    }
    model
}

/// Whether these members form a valid configuration.
fn can_be(model: &MemberMap) -> bool {
    let addresses: BTreeSet<u8> = model.values().map(|(_, at)| *at).collect();
    let has_voter = model.values().any(|(votes, _)| *votes);
    !model.contains_key(&0) && !addresses.contains(&0) && addresses.len() == model.len() && has_voter
}

fn change_of(step: Step) -> Change {
    match step {
        Step::AddVoter(id, at) => Change::AddVoter(name(id).into(), address(at).into()),
        Step::AddNonvoter(id, at) => Change::AddNonvoter(name(id).into(), address(at).into()),
        Step::Demote(id) => Change::DemoteVoter(name(id).into()),
        Step::Remove(id) => Change::RemoveServer(name(id).into()),
        Step::Members(bits) => {
            Change::Members(members(bits).into_iter().map(|(id, as_is)| member(id, as_is)).collect())
        }
        Step::LeaveJoint => Change::LeaveJoint,
    }
}

/// The members after a single step.
fn after(model: &MemberMap, step: Step) -> MemberMap {
    let mut model = model.clone();
    match step {
        Step::AddVoter(id, at) => drop(model.insert(id, (true, at))),
        Step::AddNonvoter(id, at) => {
            let votes = model.get(&id).is_some_and(|(votes, _)| *votes);
            model.insert(id, (votes, at));
        }
        Step::Demote(id) => {
            if let Some((votes, _)) = model.get_mut(&id) {
                *votes = false;
            }
        }
        Step::Remove(id) => drop(model.remove(&id)),
        Step::Members(bits) => model = members(bits),
        Step::LeaveJoint => {}
    }
    model
}

fn is_like(servers: &[Member], model: &MemberMap) -> bool {
    let ids: BTreeSet<_> = servers.iter().map(|server| server.id.as_str().to_owned()).collect();
    ids.len() == servers.len()
        && servers.len() == model.len()
        && model.iter().all(|(&id, &as_is)| servers.contains(&member(id, as_is)))
}

fn voters(model: &MemberMap) -> Vec<NodeId> {
    let mut voters: Vec<_> =
        model.iter().filter(|(_, (votes, _))| *votes).map(|(&id, _)| NodeId::of(&name(id))).collect();
    voters.sort();
    voters
}

proptest! {
    #[test]
    fn changes_match_a_map_of_members(steps in prop::collection::vec(steps(), 1..40)) {
        let (mut model, mut old) = (members(0b0010), MemberMap::new());
        let mut configuration = Configuration::new(vec![Member::voter("n1", "a1")]).unwrap();
        for step in steps {
            let next = configuration.next(&change_of(step));
            let to = after(&model, step);
            let expected = match step {
                Step::LeaveJoint if old.is_empty() => Err(Some(ConfigurationError::NotJoint)),
                Step::LeaveJoint => Ok((model.clone(), MemberMap::new())),
                Step::AddVoter(..) | Step::AddNonvoter(..) | Step::Demote(_) | Step::Remove(_) | Step::Members(_)
                    if !old.is_empty() => Err(Some(ConfigurationError::Joint)),
                Step::Members(_) => Ok((to, model.clone())),
                Step::AddVoter(..) | Step::AddNonvoter(..) | Step::Demote(_) | Step::Remove(_) => {
                    Ok((to, MemberMap::new()))
                }
            };
            let expected = expected.and_then(|lists| if can_be(&lists.0) { Ok(lists) } else { Err(None) });
            match (next, expected) {
                (Ok(next), Ok(lists)) => {
                    configuration = next;
                    (model, old) = lists;
                }
                (Err(error), Err(Some(expected))) => prop_assert_eq!(error, expected),
                (Err(_), Err(None)) => {}
                (next, expected) => prop_assert!(false, "{step:?}: {next:?}, not {expected:?}"),
            }
            check(&configuration, &model, &old)?;
        }
    }
}

fn check(configuration: &Configuration, model: &MemberMap, old: &MemberMap) -> Result<(), TestCaseError> {
    prop_assert!(is_like(configuration.servers(), model));
    prop_assert!(is_like(configuration.outgoing(), old));
    prop_assert_eq!(configuration.is_joint(), !old.is_empty());
    let counted = configuration.voters();
    prop_assert_eq!(counted.incoming(), voters(model));
    prop_assert_eq!(counted.outgoing(), voters(old));
    prop_assert_eq!(counted.is_joint(), !old.is_empty());
    for id in 1..7 {
        let node = NodeId::of(&name(id));
        let known = model.get(&id).or_else(|| old.get(&id)).map(|&as_is| member(id, as_is));
        prop_assert_eq!(configuration.server(node), known.as_ref());
        let votes = [model, old].iter().any(|list| list.get(&id).is_some_and(|(votes, _)| *votes));
        prop_assert_eq!(counted.contains(node), votes);
    }
    let everybody: BTreeSet<_> = model.keys().chain(old.keys()).collect();
    prop_assert_eq!(configuration.members().count(), everybody.len());
    let without =
        configuration.servers().iter().filter(|server| server.suffrage == Suffrage::Nonvoter).count();
    prop_assert_eq!(without, model.values().filter(|(votes, _)| !votes).count());
    Ok(())
}

#[test]
fn an_invalid_list_names_its_error() {
    use ConfigurationError::{DuplicateAddress, DuplicateId, EmptyAddress, EmptyId, NoVoter};
    let good = || Member::voter("n1", "a1");
    for (member, error) in [
        (Member::voter("", "a2"), EmptyId),
        (Member::voter("n2", ""), EmptyAddress("n2".into())),
        (Member::voter("n1", "a2"), DuplicateId("n1".into())),
        (Member::nonvoter("n2", "a1"), DuplicateAddress("a1".into())),
    ] {
        assert_eq!(Configuration::new(vec![good(), member.clone()]), Err(error.clone()));
        // Both lists of a joint configuration are checked.
        let joint = UncheckedConfiguration { servers: vec![good()], outgoing: vec![good(), member] };
        assert_eq!(Configuration::try_from(joint), Err(error));
    }
    assert_eq!(Configuration::new(vec![Member::nonvoter("n1", "a1")]), Err(NoVoter));
    assert_eq!(Configuration::new(Vec::new()), Err(NoVoter));
}

#[test]
fn a_configuration_round_trips_through_its_lists() {
    let single = Configuration::new(vec![Member::voter("n1", "a1")]).expect("one voter");
    let members = vec![Member::voter("n2", "a2"), Member::nonvoter("n1", "a1")];
    let joint = single.next(&Change::Members(members.clone())).expect("two names, two addresses");
    let lists = UncheckedConfiguration::from(joint.clone());
    assert_eq!((&lists.servers[..], lists.outgoing.len()), (&members[..], 1));
    assert_eq!(Configuration::try_from(lists), Ok(joint));
    assert_eq!(Configuration::try_from(UncheckedConfiguration::from(single.clone())), Ok(single));
}
