//! One node under random bytes. The corpus of the fuzz target `step` is replayed in the tests of the workspace.

use crate::step;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_node_keeps_its_promises_under_any_input(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        step::run(&bytes);
    }
}
