//! The tests that `minimal.rs` prints.

#[test]
#[should_panic(expected = "persist_before_send")]
fn persist_before_send_of_bug_0() {
    use wavetank_sim::shrink::prelude::*;

    let mut plan = Plan::calm(1, 3);
    plan.config.pre_vote_disabled = true;
    plan.clients.count = 0;
    plan.clients.keys = 1;
    plan.clients.writes = Ratio::new(1, 1);
    plan.order = EventOrder::scheduled(&[
        "182.338 fire n2 election",
        "182.338 finish n2 write 1",
        "188.432 fire n3 election",
        "188.432 finish n3 write 1",
        "188.432 deliver n2>n1 t2 vote 1",
        "188.432 deliver n3>n1 t2 vote 1",
        "188.432 finish n1 write 1",
    ]);
    let verdict = super::run::<0>(plan).report.verdict;
    assert_eq!(Failure::of(&verdict), None, "{verdict}");
}

#[test]
#[should_panic(expected = "persist_before_send")]
fn persist_before_send_of_bug_1() {
    use wavetank_sim::shrink::prelude::*;

    let mut plan = Plan::calm(0, 2);
    plan.config.pre_vote_disabled = true;
    plan.clients.count = 0;
    plan.clients.keys = 1;
    plan.clients.writes = Ratio::new(1, 1);
    plan.order = EventOrder::scheduled(&[
        "198.641 fire n2 election",
    ]);
    let verdict = super::run::<1>(plan).report.verdict;
    assert_eq!(Failure::of(&verdict), None, "{verdict}");
}

#[test]
#[should_panic(expected = "persist_before_send")]
fn persist_before_send_of_bug_2() {
    use wavetank_sim::shrink::prelude::*;

    let mut plan = Plan::calm(0, 2);
    plan.config.pre_vote_disabled = true;
    plan.clients.count = 0;
    plan.clients.keys = 1;
    plan.clients.writes = Ratio::new(1, 1);
    plan.order = EventOrder::scheduled(&[
        "275.085 fire n1 election",
        "275.085 finish n1 write 1",
        "275.085 deliver n1>n2 t2 vote 1",
        "275.085 finish n2 write 1",
        "275.085 deliver n1>n2 t2 vote 1 answer 1",
        "290.085 fire n1 heartbeat",
        "290.085 deliver n1>n2 t2 heartbeat 1",
        "290.085 deliver n1>n2 t2 heartbeat 1 answer 1",
        "305.085 fire n1 heartbeat",
        "305.085 deliver n1>n2 t2 heartbeat 2",
    ]);
    let verdict = super::run::<2>(plan).report.verdict;
    assert_eq!(Failure::of(&verdict), None, "{verdict}");
}

#[test]
#[should_panic(expected = "lease_rests_on_promises")]
fn lease_rests_on_promises_of_bug_3() {
    use wavetank_sim::shrink::prelude::*;

    let mut plan = Plan::calm(0, 2);
    plan.clients.count = 0;
    plan.clients.keys = 1;
    plan.clients.writes = Ratio::new(1, 1);
    plan.clients.reads = [ReadPath::Lease].into();
    plan.order = EventOrder::scheduled(&[
        "35.070 ask c6 1",
    ]);
    let verdict = super::run::<3>(plan).report.verdict;
    assert_eq!(Failure::of(&verdict), None, "{verdict}");
}

#[test]
#[should_panic(expected = "vote_is_justified")]
fn vote_is_justified_of_bug_4() {
    use wavetank_sim::shrink::prelude::*;

    let mut plan = Plan::calm(0, 2);
    plan.config.pre_vote_disabled = true;
    plan.clients.count = 0;
    plan.clients.keys = 1;
    plan.clients.writes = Ratio::new(1, 1);
    plan.order = EventOrder::scheduled(&[
        "198.641 fire n2 election",
        "198.641 finish n2 write 1",
        "198.641 deliver n2>n1 t2 vote 1",
        "198.641 finish n1 write 1",
        "198.641 deliver n2>n1 t2 vote 1 answer 1",
        "198.641 deliver n2>n1 t2 append 1",
    ]);
    let verdict = super::run::<4>(plan).report.verdict;
    assert_eq!(Failure::of(&verdict), None, "{verdict}");
}

#[test]
#[should_panic(expected = "committed_configuration_agrees")]
fn committed_configuration_agrees_of_bug_5() {
    use wavetank_sim::shrink::prelude::*;

    let mut plan = Plan::calm(0, 1);
    plan.clients.count = 0;
    plan.clients.keys = 1;
    plan.clients.writes = Ratio::new(1, 1);
    plan.order = EventOrder::scheduled(&[]);
    plan.chaos = Span::us(0);
    let verdict = super::run::<5>(plan).report.verdict;
    assert_eq!(Failure::of(&verdict), None, "{verdict}");
}

#[test]
#[should_panic(expected = "leaders_send_heartbeats")]
fn leaders_send_heartbeats_of_bug_6() {
    use wavetank_sim::shrink::prelude::*;

    let mut plan = Plan::calm(0, 2);
    plan.config.snapshot_interval = Duration::from_millis(100);
    plan.clients.count = 0;
    plan.clients.keys = 1;
    plan.clients.writes = Ratio::new(1, 1);
    plan.order = EventOrder::scheduled(&[
        "156.411 fire n1 snapshot",
        "305.187 fire n1 election",
        "425.471 fire n1 snapshot",
    ]);
    let verdict = super::run::<6>(plan).report.verdict;
    assert_eq!(Failure::of(&verdict), None, "{verdict}");
}

#[test]
#[should_panic(expected = "acked_writes")]
fn acked_writes_of_bug_7() {
    use wavetank_sim::shrink::prelude::*;

    let mut plan = Plan::calm(1, 1);
    plan.clients.keys = 1;
    plan.clients.writes = Ratio::new(1, 1);
    plan.order = EventOrder::scheduled(&[
        "132.466 ask c2 1",
        "132.466 reply c2 1",
    ]);
    let verdict = super::run::<7>(plan).report.verdict;
    assert_eq!(Failure::of(&verdict), None, "{verdict}");
}

#[test]
#[should_panic(expected = "applied_not_beyond_commit")]
fn applied_not_beyond_commit_of_bug_8() {
    use wavetank_sim::shrink::prelude::*;

    let mut plan = Plan::calm(0, 1);
    plan.clients.count = 2;
    plan.clients.keys = 1;
    plan.clients.writes = Ratio::new(1, 1);
    plan.order = EventOrder::scheduled(&[
        "275.085 fire n1 election",
        "275.085 finish n1 write 1",
        "275.085 finish n1 write 2",
        "275.085 ask c1 1",
        "275.085 finish n1 write 3",
    ]);
    let verdict = super::run::<8>(plan).report.verdict;
    assert_eq!(Failure::of(&verdict), None, "{verdict}");
}

#[test]
#[should_panic(expected = "progress")]
fn progress_of_bug_10() {
    use wavetank_sim::shrink::prelude::*;

    let mut plan = Plan::calm(0, 2);
    plan.clients.count = 0;
    plan.clients.keys = 1;
    plan.clients.writes = Ratio::new(1, 1);
    plan.order = EventOrder::healed_after(&[]);
    let verdict = super::run::<10>(plan).report.verdict;
    assert_eq!(Failure::of(&verdict), None, "{verdict}");
}
