//! Bytes become the text of a capsule, or changes to a valid capsule. Either the text is refused with a
//! one-line error, or its content can be run.

use crate::decisions::Decisions;
use std::sync::LazyLock;
use wavetank_raft::{Server, Span};
use wavetank_scenarios::Trace;
use wavetank_scenarios::stories::storms;
use wavetank_sim::capsule::{Capsule, Content};
use wavetank_sim::observe::step_log::StepLog;
use wavetank_sim::runner::catch_panic::catch_panic;
use wavetank_sim::subject::OURS;
use wavetank_sim::{Plan, Verdict};

/// Replacements for a number or a word of a capsule.
const WORDS: [&str; 20] = [
    "0",
    "1",
    "2",
    "-1",
    "255",
    "256",
    "65535",
    "4294967295",
    "4294967296",
    "1000000",
    "3600000000",
    "9223372036854775808",
    "18446744073709551615",
    "1e300",
    "null",
    "true",
    "\"\"",
    "\"Lease\"",
    "[]",
    "{}",
];

/// Reads the text that the bytes give.
///
/// # Panics
/// Panics when reading panics, when the capsule cannot be written and read again, or when its plan cannot
/// be run.
pub fn run(bytes: &[u8]) {
    let Some((&first, rest)) = bytes.split_first() else { return };
    if first % 2 == 0 {
        read(&String::from_utf8_lossy(rest));
    } else {
        read(&changed(&mut Decisions::new(rest)));
    }
}

fn read(text: &str) {
    match Capsule::parse(text) {
        Ok(capsule) => {
            assert_eq!(Capsule::parse(&capsule.text()).as_ref(), Ok(&capsule));
            match capsule.content {
                Content::Plan { plan, .. } => {
                    assert_eq!(plan.validate(), Ok(()));
                    set_out(plan);
                }
                Content::Schedule(schedule) => assert_eq!(schedule.bounds.sound(), Ok(())),
            }
        }
        Err(why) => assert_eq!(why.to_string().lines().count(), 1, "{why:?}"),
    }
}

/// Runs a valid plan for a short time.
fn set_out(mut plan: Plan) {
    const MOMENT: Span = Span::ms(20);
    plan.chaos = plan.chaos.min(MOMENT);
    plan.heal.settle = plan.heal.settle.min(MOMENT);
    let crowd = u64::from(plan.clients.count);
    let hurry = plan.clients.think.max.0.max(1);
    let rushes =
        plan.liveness_limit().0 / Span::from_duration(plan.config.heartbeat_timeout).part(10).0.max(1);
    if crowd < 64 && crowd * 1_000 < hurry * 64 && rushes < 100_000 {
        let heard = catch_panic(|| storms::storm::<Server>(plan.clone(), Trace::default()));
        let verdict = heard.map(|run| run.report.verdict);
        let Ok(Verdict::Held | Verdict::Vacuous(_) | Verdict::Violated(_)) = verdict else {
            panic!("the verdict is {verdict:?} for {plan:?}")
        };
    }
}

/// The text of a storm's capsule with some words changed.
fn changed(d: &mut Decisions<'_>) -> String {
    static CAPSULES: LazyLock<[Vec<String>; 2]> = LazyLock::new(|| [split(3), split(11)]);
    let mut words = CAPSULES[usize::from(d.coin())].clone();
    let places: Vec<usize> = (0..words.len()).filter(|&at| is_value(&words[at])).collect();
    while !d.is_over() {
        let at = places[usize::try_from(d.wide()).expect("the number fits into two bytes") % places.len()];
        words[at] = match d.pick(32) {
            31 => String::new(),
            30 => words
                [places[usize::try_from(d.wide()).expect("the number fits into two bytes") % places.len()]]
            .clone(),
            number => WORDS
                .get(usize::try_from(number).expect("the number fits into a byte"))
                .map_or_else(|| d.wide().to_string(), |&word| word.to_owned()),
        };
    }
    words.concat()
}

/// The text of a capsule, split at the boundaries of words.
fn split(seed: u64) -> Vec<String> {
    let plan = Plan::storm(seed);
    let capsule = Capsule {
        subject: OURS.to_owned(),
        content: Content::Plan { scenario: "storm".to_owned(), plan },
        build: "a build".to_owned(),
        verdict: Verdict::Held,
        digest: 7,
        step_log: StepLog::parse(&["a1+1~0F1,0,0.0 b2+3~4*2".to_owned()]).expect("the text is a step log"),
    };
    let mut words = vec![String::new()];
    for envelope in capsule.text().chars() {
        let goes_on = |word: &String| {
            word.chars().next_back().is_none_or(|last| is_of_a_word(last) == is_of_a_word(envelope))
        };
        if !words.last().is_some_and(goes_on) {
            words.push(String::new());
        }
        words.last_mut().expect("the list has a first word").push(envelope);
    }
    words
}

const fn is_of_a_word(envelope: char) -> bool {
    envelope.is_ascii_alphanumeric() || matches!(envelope, '"' | '_' | '-' | '+' | '~' | '*' | ',' | '.')
}

/// Whether a piece is a value: neither the name of a field nor space between words.
fn is_value(word: &str) -> bool {
    word.chars().next().is_some_and(is_of_a_word)
}
