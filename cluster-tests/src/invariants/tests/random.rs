//! Whatever good histories may look like: they are clean, and break off without a false alarm.

use proptest::prelude::*;

use super::good::{Shape, history};
use crate::history::event::Event;
use crate::invariants::{Judge, Outcome, Verdict};

fn judge(events: &[Event]) -> Verdict {
    let mut judge = Judge::new();
    for event in events {
        judge.event(event);
    }
    judge.finish()
}

fn shapes() -> impl Strategy<Value = Shape> {
    let faults = prop_oneof![Just(0_u32), 80..400_u32];
    (any::<u64>(), 400..1_500_u32, faults, any::<bool>()).prop_map(
        |(seed, steps, fault_every, is_lossy)| Shape { seed, steps, fault_every, is_lossy },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn good_histories_are_clean(shape in shapes()) {
        let verdict = judge(&history(shape));
        prop_assert_eq!(verdict.outcome, Outcome::Clean, "{}", verdict);
    }

    #[test]
    fn a_good_history_that_breaks_off_violates_nothing(shape in shapes(), part in 0.0..1.0) {
        let events = history(shape);
        let verdict = judge(&events[..(events.len() as f64 * part) as usize]);
        prop_assert!(verdict.violated().is_empty(), "{}", verdict);
    }
}
