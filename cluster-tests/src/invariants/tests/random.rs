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

    #[test]
    fn nonsense_is_judged_too(
        shape in shapes(),
        spoiled in prop::collection::vec((any::<prop::sample::Index>(), any::<u64>(), 0..7_u8), 1..50),
    ) {
        let mut events = history(shape);
        for (place, number, field) in spoiled {
            let i = place.index(events.len());
            let event = &mut events[i];
            match field {
                0 => event.offset = Some(number),
                1 => event.offsets.push(number),
                2 => event.next_offset = Some(number),
                3 => event.high_watermark = Some(number),
                4 => event.log_start = Some(number),
                5 => event.time = number,
                _ => event.op = number,
            }
        }
        let verdict = judge(&events);
        prop_assert_eq!(verdict.counts.events, events.len() as u64);
    }
}
