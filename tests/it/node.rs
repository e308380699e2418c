//! One node with arbitrary input. The node keeps its invariants, whatever its peers send.

use proptest::prelude::*;
use wavetank_tests::step;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_node_keeps_its_promises_for_any_input(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        step::run(&bytes);
    }
}
