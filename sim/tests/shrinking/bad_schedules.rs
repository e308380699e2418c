//! A schedule that cannot be followed is named.

use crate::{run, shrunk};
use wavetank_sim::Plan;
use wavetank_sim::schedule::{EventOrder, Fit};

/// Runs a schedule of the bug with lines that `edit` changes. Returns the reason why it does not fail.
fn without_failure(edit: impl Fn(&mut Vec<String>)) -> String {
    let mut plan = shrunk::<2>().plan;
    let mut lines: Vec<String> = plan.order.elements().iter().map(ToString::to_string).collect();
    edit(&mut lines);
    let elements = lines.iter().map(|line| line.parse().expect("the line is an element")).collect();
    plan.order = EventOrder::Scheduled(Fit::Exact, elements);
    assert_eq!(plan.validate(), Ok(()));
    run::<2>(plan.clone()).without_failure(&plan.order).expect("the edited schedule does not fail")
}

#[test]
fn a_schedule_that_is_cut_short_says_where_it_ends() {
    let why = without_failure(|lines| lines.truncate(2));
    assert!(why.contains("the schedule ends with `") && why.contains("is missing"), "{why}");
}

#[test]
fn an_object_that_does_not_exist_is_named() {
    let why = without_failure(|lines| {
        lines.truncate(2);
        lines.push("900.000 deliver n1>n2 t9 vote 7".to_owned());
    });
    assert!(why.contains("The first one is `900.000 deliver n1>n2 t9 vote 7`"), "{why}");
    assert!(why.ends_with("the object of the element does not exist"), "{why}");
}

#[test]
fn a_message_of_another_protocol_is_named() {
    let why = without_failure(|lines| {
        lines.truncate(2);
        lines.push("900.000 deliver n1>n2 t9 =MsgVote 7".to_owned());
    });
    assert!(why.contains("=MsgVote 7`: the message of the element belongs to another protocol"), "{why}");
}

#[test]
fn a_server_that_the_tank_does_not_have_is_named() {
    let order = EventOrder::scheduled(&["1.000 crash n3", "2.000 deliver n1>n9 t2 vote 1"]);
    let why = Plan { order, ..Plan::calm(1, 3) }.validate().expect_err("there is no n9");
    assert_eq!(
        why,
        "order: `2.000 deliver n1>n9 t2 vote 1` names server n9, but the tank has only the servers n1 n2 n3"
    );
}
