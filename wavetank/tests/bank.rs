//! A bank in storms, and banks with a bug.

use serde::{Deserialize, Serialize};
use wavetank::StateMachine;

/// The balances of four accounts.
#[derive(Clone, Serialize, Deserialize)]
pub struct Bank(pub [u64; 4]);

impl StateMachine for Bank {
    type Command = (usize, usize, u64); // from, to, sum
    type Query = usize; // an account
    type Reply = u64; // the balance

    fn apply(&mut self, (from, to, sum): (usize, usize, u64)) -> u64 {
        if sum <= self.0[from] {
            self.0[from] -= sum;
            self.0[to] += sum;
        }
        self.0[from]
    }

    fn query(&self, account: usize) -> u64 {
        self.0[account]
    }
}

#[test]
fn the_bank_survives_storms() {
    let transfers = (0..4_usize, 0..4_usize, 1..50_u64);
    wavetank::Storms::starting_with(|| Bank([100; 4]), transfers, 0..4_usize).run(64);
}

#[test]
fn no_money_is_lost() {
    let kept = |bank: &Bank| match bank.0.iter().sum() {
        400 => Ok(()),
        sum => Err(format!("the sum of all balances is {sum}")),
    };
    let transfers = (0..4_usize, 0..4_usize, 1..50_u64);
    wavetank::Storms::starting_with(|| Bank([100; 4]), transfers, 0..4_usize)
        .invariant("money_is_kept", kept)
        .run(16);
}

#[test]
fn a_leader_that_was_cut_off_gets_the_transfer() {
    let mut story = wavetank::Story::starting_with(5, || Bank([100; 4]));
    let old = story.until_leader();
    story.isolate(old);

    let new = story.until_leader_other_than(old);
    let transfer = story.apply(new, (0, 1, 5));
    assert_eq!(story.until_answered(transfer), Ok(95));
    assert_eq!(story.query(old, 1), Some(100));

    story.heal();
    story.until_converged();
    assert_eq!(story.query(old, 1), Some(105));
    insta::assert_snapshot!(story.text());
}

#[cfg(test)]
mod with_a_bug {
    use serde::{Deserialize, Serialize};
    use wavetank::{StateMachine, Storms};

    /// A bank whose transfers take two commands. The next command completes a transfer.
    #[derive(Clone, Serialize, Deserialize)]
    struct SlowBank {
        balances: [u64; 4],
        /// The bug: the snapshot does not contain this field.
        #[serde(skip)]
        under_way: Option<(usize, u64)>,
    }

    impl StateMachine for SlowBank {
        type Command = (usize, usize, u64);
        type Query = usize;
        type Reply = u64;

        fn apply(&mut self, (from, to, sum): (usize, usize, u64)) -> u64 {
            if let Some((to, sum)) = self.under_way.take() {
                self.balances[to] += sum;
            }
            if sum <= self.balances[from] {
                self.balances[from] -= sum;
                self.under_way = Some((to, sum));
            }
            self.balances[from]
        }

        fn query(&self, account: usize) -> u64 {
            self.balances[account]
        }
    }

    #[test]
    fn a_transfer_that_the_snapshot_forgets_is_found() {
        let transfers = (0..4_usize, 0..4_usize, 1..50_u64);
        let bank = || SlowBank { balances: [100; 4], under_way: None };
        let storms = Storms::starting_with(bank, transfers, 0..4_usize);
        let told = (0..64).find_map(|seed| storms.survives(seed).err()).expect("a storm finds the bug");
        assert!(told.starts_with("snapshot_is_whole (state machine) at "), "{told}");
    }
}
