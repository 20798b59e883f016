//! A record is in one pair of hands at a time, comes back when its lock runs out, and none is
//! forgotten.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rampart_raft_store::state::group::OffsetRanges;

use super::*;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn from(committed: u64, in_flight_max: usize) -> Deliveries {
    let progress = Progress { committed: Offset(committed), ..Progress::default() };
    Deliveries::new(3, &progress, in_flight_max)
}

#[test]
fn a_lock_that_runs_out_brings_the_record_back_and_counts() {
    let mut deliveries = from(10, 100);
    assert_eq!(deliveries.next(2), Next { again: vec![], from: Offset(10), fresh: 2 });
    assert_eq!(deliveries.hand_out(Offset(10), secs(30)), 1);
    assert_eq!(deliveries.hand_out(Offset(12), secs(30)), 1);
    assert!(deliveries.renew(Delivery::Fresh(Offset(12)), secs(60)));
    assert_eq!(deliveries.next_end(), Some(secs(30)));
    assert!(deliveries.overdue(secs(29)).is_empty());
    assert_eq!(deliveries.overdue(secs(30)), [(Delivery::Fresh(Offset(10)), 1)]);
    deliveries.came_back(Delivery::Fresh(Offset(10)));
    assert!(!deliveries.renew(Delivery::Fresh(Offset(10)), secs(90)), "it has it no more");
    let next = Next { again: vec![(Offset(10), 2)], from: Offset(13), fresh: 4 };
    assert_eq!(deliveries.next(5), next);
    assert_eq!(deliveries.hand_out(Offset(10), secs(60)), 2);
    deliveries.settled(Delivery::Fresh(Offset(10)));
    deliveries.settled(Delivery::Fresh(Offset(12)));
    assert!(deliveries.is_idle());
}

#[test]
fn records_in_flight_are_bounded_and_parked_ones_count() {
    let mut deliveries = from(0, 3);
    deliveries.hand_out(Offset(0), secs(1));
    deliveries.hand_out(Offset(1), secs(1));
    assert_eq!(deliveries.hand_out_parked(ParkedId(7), 4, secs(1)), Some(5));
    assert_eq!(deliveries.hand_out_parked(ParkedId(7), 4, secs(1)), None, "in flight");
    assert_eq!(deliveries.hand_out_parked(ParkedId(8), 0, secs(1)), None, "no room");
    assert_eq!(deliveries.next(10).fresh, 0);
    deliveries.came_back(Delivery::Parked(ParkedId(7)));
    assert_eq!(deliveries.next(10), Next { again: vec![], from: Offset(2), fresh: 1 });
    assert_eq!(deliveries.attempt(Delivery::Fresh(Offset(1))), Some(1));
}

#[test]
fn a_commit_settles_all_below() {
    let mut deliveries = from(0, 10);
    for offset in 0..4 {
        deliveries.hand_out(Offset(offset), secs(1));
    }
    deliveries.came_back(Delivery::Fresh(Offset(1)));
    deliveries.hand_out_parked(ParkedId(0), 0, secs(1));
    deliveries.settled_below(Offset(3));
    assert_eq!(deliveries.in_flight(), 2, "offset 3 and the parked one");
    assert_eq!(deliveries.next(10).again, []);
    deliveries.settled_below(Offset(9));
    assert_eq!(deliveries.next(10).from, Offset(9));
}

#[derive(Debug, Clone)]
enum Step {
    Poll(usize),
    Ack(usize),
    Nack(usize),
    Tick,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..8usize).prop_map(Step::Poll),
        4 => (0..8usize).prop_map(Step::Ack),
        1 => (0..8usize).prop_map(Step::Nack),
        2 => Just(Step::Tick),
    ];
    prop::collection::vec(step, 0..80)
}

const END: u64 = 40;

/// A holder that polls, acknowledges, forgets, and a state that notes what is settled.
struct Play {
    deliveries: Deliveries,
    settled: OffsetRanges,
    in_hand: BTreeSet<u64>,
    now: u64,
}

impl Play {
    fn poll(&mut self, records_max: usize) -> usize {
        let next = self.deliveries.next(records_max);
        let mut given: Vec<u64> = next.again.iter().map(|(at, _)| at.0).collect();
        let unsettled = (next.from.0..END).filter(|at| !self.settled.contains(Offset(*at)));
        given.extend(unsettled.take(next.fresh));
        for offset in &given {
            assert!(self.in_hand.insert(*offset), "{offset} is in two pairs of hands");
            assert!(!self.settled.contains(Offset(*offset)), "{offset} was settled");
            self.deliveries.hand_out(Offset(*offset), secs(self.now + 3));
        }
        assert!(self.deliveries.in_flight() <= 6);
        given.len()
    }

    fn ack(&mut self, offset: u64) {
        self.in_hand.remove(&offset);
        self.settled.insert(Offset(offset), Offset(offset + 1));
        self.deliveries.settled(Delivery::Fresh(Offset(offset)));
    }

    fn back(&mut self, offset: u64) {
        self.in_hand.remove(&offset);
        self.deliveries.came_back(Delivery::Fresh(Offset(offset)));
    }

    fn take(&mut self, step: &Step) {
        let nth = |at: &usize| self.in_hand.iter().nth(*at).copied();
        match step {
            Step::Poll(records_max) => drop(self.poll(*records_max)),
            Step::Ack(at) => nth(at).into_iter().for_each(|offset| self.ack(offset)),
            Step::Nack(at) => nth(at).into_iter().for_each(|offset| self.back(offset)),
            Step::Tick => {
                self.now += 1;
                for (delivery, _) in self.deliveries.overdue(secs(self.now)) {
                    let Delivery::Fresh(offset) = delivery else { panic!("{delivery:?}") };
                    self.back(offset.0);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn every_record_is_settled_in_the_end(steps in steps()) {
        let (deliveries, settled) = (from(0, 6), OffsetRanges::default());
        let mut play = Play { deliveries, settled, in_hand: BTreeSet::new(), now: 0 };
        steps.iter().for_each(|step| play.take(step));
        for offset in play.in_hand.clone() {
            play.ack(offset);
        }
        while play.poll(5) > 0 {
            for offset in play.in_hand.clone() {
                play.ack(offset);
            }
        }
        prop_assert_eq!(play.settled.first_gap(Offset(0)), Offset(END));
        prop_assert!(play.deliveries.is_idle());
    }
}
