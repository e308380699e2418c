//! Tests the arithmetic of the basic types at its limits, and the numbers of server ids.

use super::*;

#[test]
fn positions_count_forward_and_never_below_zero() {
    assert_eq!(Term(7).next(), Term(8));
    assert_eq!(Token(7).next(), Token(8));
    assert_eq!(Index(7).next(), Index(8));
    assert_eq!((Index(7).back(), Index(1).back(), Index::ZERO.back()), (Index(6), Index::ZERO, Index::ZERO));
    assert_eq!(Index(7).plus(3), Index(10));
    assert_eq!((Index(7).since(Index(3)), Index(3).since(Index(7))), (4, 0));
    assert_eq!(LogId::new(Term(2), Index(5)), LogId { term: Term(2), index: Index(5) });
    assert_eq!(LogId::ZERO, LogId::new(Term(0), Index::ZERO));
}

#[test]
fn time_is_in_microseconds_and_saturates() {
    assert_eq!((Span::us(3), Span::ms(3), Span::s(3)), (Span(3), Span(3_000), Span(3_000_000)));
    assert_eq!((Span(9).times(4), Span(9).part(4), Span(9) + Span(4)), (Span(36), Span(2), Span(13)));
    assert_eq!((Time(9) + Span(4), Time(9) - Span(4), Time(4) - Span(9)), (Time(13), Time(5), Time(0)));
    assert_eq!(Time::NEVER + Span(1), Time::NEVER);
    assert_eq!((Time(9).since(Time(4)), Time(4).since(Time(9))), (Span(5), Span::ZERO));
}

#[test]
fn a_span_is_the_whole_microseconds_of_a_duration() {
    assert_eq!(Duration::from(Span(1_500_001)), Duration::from_nanos(1_500_001_000));
    assert_eq!(Span::from_duration(Duration::from_nanos(1_500_001_999)), Span(1_500_001));
    assert_eq!(Duration::from(Span(u64::MAX)), Duration::from_micros(u64::MAX));
    assert_eq!(Span::from_duration(Duration::from_micros(u64::MAX)), Span(u64::MAX));
    assert_eq!(Span::from_duration(Duration::MAX), Span(u64::MAX));
}

/// Long ids are hashed with FNV-1a and have the top bit set. The values are from its published
/// tables.
#[test]
fn names_become_the_same_numbers_everywhere() {
    let numbers = [
        ("", 0),
        ("n1", 0x6e31_0000_0000_0002),
        ("1234567", 0x3132_3334_3536_3707),
        ("12345678", 0x9739_32c4_1a90_a42d),
        ("chongo was here!\n", 0xc681_0940_eff5_f915),
        ("server-one", 0x8a40_1150_ebce_9247),
        ("é", 0x8ac2_1707_b718_1e01),
    ];
    for (name, number) in numbers {
        assert_eq!(NodeId::of(name), NodeId(number), "{name}");
        assert_eq!(ServerId::from(name).node(), NodeId(number), "{name}");
    }
    assert!(NodeId::of("n1") < NodeId::of("n2") && NodeId::of("n") < NodeId::of("n1"));
}

#[test]
fn names_are_the_text_that_was_given() {
    assert_eq!(ServerId::from("n1").as_str(), "n1");
    assert_eq!(ServerAddress::from(String::from("a1")).as_str(), "a1");
}
