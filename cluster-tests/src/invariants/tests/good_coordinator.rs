//! A coordinator of one group, as simple as can be: it knows of each record where it is.

use std::collections::BTreeMap;

use super::{PARTITIONS, TOPIC};
use crate::history::group::{Delivery, Said, Settled};

/// Where a record is that was delivered once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// To be delivered, after so many times.
    Open(u32),
    /// In the holder's hands.
    Hand(u32),
    /// Waiting until a time, after so many deliveries.
    Parked(u32, u64),
    /// Parked, and in the holder's hands.
    ParkedHand(u32),
    Done,
    Dead(u32),
}

/// One group.
pub(super) struct Coordinator {
    pub(super) name: &'static str,
    pub(super) attempts_max: Option<u32>,
    generation: u64,
    members: Vec<String>,
    /// Who holds a partition, and since which generation.
    holders: BTreeMap<u32, (String, u64)>,
    records: Vec<Vec<Place>>,
}

/// What a poll is told.
pub(super) struct Hand {
    pub(super) generation: u64,
    pub(super) assignment: Vec<u32>,
    pub(super) deliveries: Vec<Delivery>,
}

impl Coordinator {
    pub(super) fn new(name: &'static str, attempts_max: Option<u32>) -> Coordinator {
        let (members, holders) = (Vec::new(), BTreeMap::new());
        let records = vec![Vec::new(); PARTITIONS as usize];
        Coordinator { name, attempts_max, generation: 0, members, holders, records }
    }

    pub(super) fn join(&mut self, member: &str) {
        self.members.push(member.to_owned());
        self.assign();
    }

    pub(super) fn leave(&mut self, member: &str) {
        self.members.retain(|known| known != member);
        self.assign();
    }

    /// A partition changes hands at once; what was in the old ones is to be delivered again.
    fn assign(&mut self) {
        self.generation += 1;
        for partition in 0..PARTITIONS {
            let count = self.members.len().max(1);
            let Some(member) = self.members.get(partition as usize % count).cloned() else {
                self.holders.remove(&partition);
                self.take_back(partition);
                continue;
            };
            if self.holders.get(&partition).is_none_or(|(holder, _)| *holder != member) {
                self.holders.insert(partition, (member, self.generation));
                self.take_back(partition);
            }
        }
    }

    fn take_back(&mut self, partition: u32) {
        for place in &mut self.records[partition as usize] {
            *place = match *place {
                Place::Hand(attempts) => Place::Open(attempts),
                Place::ParkedHand(attempts) => Place::Parked(attempts, 0),
                other => other,
            };
        }
    }

    /// Another node: what was in hand is forgotten, and how often it was.
    pub(super) fn fail_over(&mut self) {
        for partition in 0..PARTITIONS {
            self.take_back(partition);
            for place in &mut self.records[partition as usize] {
                if let Place::Open(_) = place {
                    *place = Place::Open(0);
                }
            }
        }
    }

    /// The lock of one of the records in hand runs out.
    pub(super) fn lock_ends(&mut self, number: usize, time: u64) {
        let in_hand = |place: &&mut Place| matches!(place, Place::Hand(_) | Place::ParkedHand(_));
        let attempts_max = self.attempts_max;
        let place = self.records.iter_mut().flatten().filter(in_hand).nth(number);
        if let Some(place) = place {
            *place = failed(*place, attempts_max, time);
        }
    }

    pub(super) fn poll(
        &mut self,
        member: &str,
        (time, most): (u64, usize),
        logs: &[Vec<String>],
    ) -> Option<Hand> {
        if !self.members.iter().any(|known| known == member) {
            return None;
        }
        let held = self.holders.iter().filter(|(_, (holder, _))| holder == member);
        let held: Vec<(u32, u64)> =
            held.map(|(partition, (_, epoch))| (*partition, *epoch)).collect();
        let mut deliveries = Vec::new();
        for (partition, epoch) in &held {
            let (log, places) =
                (&logs[*partition as usize], &mut self.records[*partition as usize]);
            places.resize(log.len(), Place::Open(0));
            for (offset, place) in places.iter_mut().enumerate() {
                let (attempt, is_parked, then) = match *place {
                    Place::Open(attempts) => (attempts + 1, false, Place::Hand(attempts + 1)),
                    Place::Parked(attempts, due) if due <= time => {
                        (attempts + 1, true, Place::ParkedHand(attempts + 1))
                    }
                    _ => continue,
                };
                if deliveries.len() >= most {
                    break;
                }
                *place = then;
                let delivery = Delivery::of((TOPIC, *partition), offset as u64, &log[offset]);
                deliveries.push(Delivery { epoch: Some(*epoch), attempt, is_parked, ..delivery });
            }
        }
        let assignment = held.iter().map(|(partition, _)| *partition).collect();
        Some(Hand { generation: self.generation, assignment, deliveries })
    }

    pub(super) fn settle(&mut self, member: &str, deliveries: &mut [Delivery], time: u64) {
        for delivery in deliveries {
            let holder = self.holders.get(&delivery.partition);
            let holds = holder
                .is_some_and(|(holder, epoch)| holder == member && Some(*epoch) == delivery.epoch);
            if !holds {
                delivery.refused = Some("NOT_HELD".to_owned());
                continue;
            }
            let place = &mut self.records[delivery.partition as usize][delivery.offset as usize];
            let (then, result) = settled(*place, delivery, self.attempts_max, time);
            (*place, delivery.result) = (then, Some(result));
        }
    }

    pub(super) fn committed(&self, partition: u32) -> u64 {
        let is_open = |place: &Place| matches!(place, Place::Open(_) | Place::Hand(_));
        let places = &self.records[partition as usize];
        places.iter().position(is_open).unwrap_or(places.len()) as u64
    }

    pub(super) fn is_done(&self, logs: &[Vec<String>]) -> bool {
        let is_done = |place: &Place| matches!(place, Place::Done | Place::Dead(_));
        let mut all = self.records.iter().zip(logs);
        all.all(|(places, log)| places.len() == log.len() && places.iter().all(is_done))
    }

    /// What died, as its topic has it.
    pub(super) fn dead(&self, logs: &[Vec<String>]) -> Vec<Delivery> {
        let mut dead = Vec::new();
        for (partition, places) in (0..).zip(&self.records) {
            for (offset, place) in places.iter().enumerate() {
                if let Place::Dead(attempt) = *place {
                    let value = &logs[partition as usize][offset];
                    let delivery = Delivery::of((TOPIC, partition), offset as u64, value);
                    dead.push(Delivery { attempt, ..delivery });
                }
            }
        }
        dead
    }
}

/// Where a record is after a member has said something of it, and what the member is told. It may
/// have come back meanwhile, and be done all the same.
fn settled(
    place: Place,
    delivery: &Delivery,
    attempts_max: Option<u32>,
    time: u64,
) -> (Place, Settled) {
    let is_fresh = !delivery.is_parked;
    let is_known = match place {
        Place::Open(_) | Place::Hand(_) => is_fresh,
        Place::Parked(..) | Place::ParkedHand(_) => !is_fresh,
        Place::Done | Place::Dead(_) => false,
    };
    if !is_known {
        return (place, Settled::AlreadySettled);
    }
    let due = time + delivery.delay_ms.unwrap_or(0) * 1_000_000;
    match (delivery.said, attempts_max) {
        (Some(Said::Ack), _) => (Place::Done, Settled::Acked),
        (Some(Said::Reject), Some(_)) => (Place::Dead(delivery.attempt), Settled::Dying),
        (_, Some(most)) if delivery.attempt >= most => {
            (Place::Dead(delivery.attempt), Settled::Dying)
        }
        (_, Some(_)) => (Place::Parked(delivery.attempt, due), Settled::Parked),
        (_, None) => (Place::Open(delivery.attempt), Settled::InPlace),
    }
}

/// Where a record is after its lock ran out.
fn failed(place: Place, attempts_max: Option<u32>, time: u64) -> Place {
    match (place, attempts_max) {
        (Place::Hand(attempts), None) => Place::Open(attempts),
        (Place::Hand(attempts) | Place::ParkedHand(attempts), Some(most)) if attempts >= most => {
            Place::Dead(attempts)
        }
        (Place::Hand(attempts) | Place::ParkedHand(attempts), _) => Place::Parked(attempts, time),
        (other, _) => other,
    }
}
