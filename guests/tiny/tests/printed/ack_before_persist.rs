fn committed_is_durable_on_quorum_in_storm_1() {
    use wavetank_sim::shrink::prelude::*;

    let mut plan = Plan::calm(1, 2);
    plan.clients.count = 0;
    plan.clients.keys = 1;
    plan.clients.writes = Ratio::new(1, 1);
    plan.order = EventOrder::scheduled(&[
        "259.065 fire n2 election",
        "259.065 finish n2 write 1",
        "259.065 deliver n2>n1 t2 vote 1",
        "259.065 finish n1 write 1",
        "259.065 finish n1 write 2",
        "259.065 deliver n2>n1 t2 vote 1 answer 1",
        "259.065 finish n2 write 2",
        "259.065 deliver n2>n1 t2 append 1",
        "259.065 deliver n2>n1 t2 append 1 answer 1",
    ]);
    let verdict = {
        tiny::switch_on(tiny::Bug::AckBeforePersist);
        wavetank_scenarios::stories::storms::storm::<tiny::Tiny>(plan, wavetank_scenarios::Trace::default())
    }
    .report.verdict;
    assert_eq!(Failure::of(&verdict), None, "{verdict}");
}
