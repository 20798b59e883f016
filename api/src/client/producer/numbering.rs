//! `[pure]` The numbers of one partition's batches: producer id, epoch, sequence. A number that was
//! given to a batch which was not written leaves a gap that nothing can follow. Then the lane lets
//! everything in flight come to its end, and begins anew: at the gap, if nothing that is numbered
//! from there on can still be written; else with the next epoch, whose first batch makes the
//! partition refuse whatever of the last one may still be on its way.

use super::verdict::Renewal;
use crate::http::producers::ProducerIdentity;
use crate::model::problem::Outcome;

/// Number of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Who sends it.
    pub(super) identity: ProducerIdentity,
    /// Sequence of its first record.
    pub(super) sequence: i32,
}

/// What must be there before a batch can be numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// The identity that the producer's lanes share.
    Shared,
    /// The next epoch of this one.
    NextEpoch(ProducerIdentity),
    /// An id of its own.
    OwnId,
}

/// One partition's numbers.
#[derive(Debug)]
pub(super) struct Numbering {
    is_on: bool,
    need: Need,
    next: Option<Place>,
    trouble: Option<Trouble>,
}

/// Something was not written, or nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Trouble {
    mend: Mend,
    /// Something before may still be written: what follows it proves nothing.
    in_doubt: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mend {
    /// Give the numbers from here on again.
    Back(i32),
    Renew(Renewal),
}

impl Numbering {
    /// Numbers, or none at all.
    pub(super) fn new(is_on: bool) -> Self {
        let need = if is_on { Need::Shared } else { Need::Nothing };
        Numbering { is_on, need, next: None, trouble: None }
    }

    /// Whether batches are numbered.
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// What must be there before the next batch.
    pub(super) fn need(&self) -> Need {
        self.need
    }

    /// It is there: its sequences begin at 0.
    pub(super) fn begin(&mut self, identity: ProducerIdentity) {
        self.next = Some(Place { identity, sequence: 0 });
        self.need = Need::Nothing;
    }

    /// Nobody answers here (ack 0), so nobody could say what is missing.
    pub(super) fn switch_off(&mut self) {
        *self = Numbering::new(false);
    }

    /// The number of the next batch, which has so many records.
    pub(super) fn take(&mut self, records: usize) -> Option<Place> {
        let next = self.next.as_mut()?;
        let place = *next;
        next.sequence = plus(place.sequence, records);
        Some(place)
    }

    /// Whether the next batch can follow what is in flight.
    pub(super) fn is_whole(&self) -> bool {
        self.trouble.is_none()
    }

    /// A batch was given up. `outcome`: whether one of its attempts may still be written.
    pub(super) fn gap(&mut self, place: Option<Place>, outcome: Outcome) {
        let Some(place) = place.filter(|_| self.is_on) else {
            return;
        };
        let mend = match outcome {
            Outcome::Unknown => Mend::Renew(Renewal::Epoch),
            Outcome::NotDone => Mend::Back(place.sequence),
        };
        self.note(Trouble { mend, in_doubt: outcome == Outcome::Unknown });
    }

    /// A batch found nothing that it could follow. `outcome`: whether one of its attempts may still be
    /// written, as far as it knows. Gives whether that is so, knowing what it follows: what is
    /// certainly not written may be numbered anew.
    pub(super) fn out_of_place(&mut self, renewal: Renewal, outcome: Outcome) -> Outcome {
        let mend = Mend::Renew(renewal);
        match self.trouble {
            // What it follows was certainly never written: nor was this.
            Some(Trouble { in_doubt: false, .. }) => {
                if outcome == Outcome::Unknown {
                    self.note(Trouble { mend, in_doubt: false });
                }
                Outcome::NotDone
            }
            Some(Trouble { in_doubt: true, .. }) | None => {
                self.note(Trouble { mend, in_doubt: true });
                outcome
            }
        }
    }

    /// Everything in flight has come to its end: what is next follows from the worst that happened.
    pub(super) fn mend(&mut self) {
        let (Some(trouble), Some(next)) = (self.trouble.take(), self.next.as_mut()) else {
            return;
        };
        match trouble.mend {
            Mend::Back(sequence) => next.sequence = sequence,
            Mend::Renew(Renewal::Epoch) => self.need = Need::NextEpoch(next.identity),
            Mend::Renew(Renewal::Id) => self.need = Need::OwnId,
        }
    }

    fn note(&mut self, new: Trouble) {
        let mend = match (self.trouble.map(|trouble| trouble.mend), new.mend) {
            (None, mend) => mend,
            (Some(Mend::Renew(Renewal::Id)), _) | (_, Mend::Renew(Renewal::Id)) => {
                Mend::Renew(Renewal::Id)
            }
            (Some(_), _) => Mend::Renew(Renewal::Epoch),
        };
        let in_doubt = new.in_doubt || self.trouble.is_some_and(|trouble| trouble.in_doubt);
        self.trouble = Some(Trouble { mend, in_doubt });
    }
}

/// The sequence so many after this one. After 2^31 - 1 comes 0, as in Kafka.
fn plus(sequence: i32, records: usize) -> i32 {
    let sum = (u64::from(sequence.unsigned_abs()) + records as u64) & i32::MAX as u64;
    i32::try_from(sum).expect("masked to 31 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: ProducerIdentity = ProducerIdentity { producer_id: 4_000, epoch: 2 };

    fn begun() -> Numbering {
        let mut numbering = Numbering::new(true);
        assert_eq!(numbering.need(), Need::Shared);
        numbering.begin(ME);
        numbering
    }

    fn next(numbering: &mut Numbering) -> i32 {
        numbering.take(1).unwrap().sequence
    }

    #[test]
    fn numbers_count_records_and_go_round() {
        let mut numbering = begun();
        assert_eq!(numbering.take(10), Some(Place { identity: ME, sequence: 0 }));
        assert_eq!(numbering.take(5), Some(Place { identity: ME, sequence: 10 }));
        assert_eq!(next(&mut numbering), 15);
        assert_eq!(plus(i32::MAX, 1), 0);
        assert_eq!(plus(i32::MAX - 1, 5), 3);
    }

    #[test]
    fn what_was_certainly_not_written_gives_its_number_to_the_next() {
        let mut numbering = begun();
        let (_, place) = (numbering.take(3), numbering.take(2));
        numbering.gap(place, Outcome::NotDone);
        assert!(!numbering.is_whole());
        let follower = numbering.out_of_place(Renewal::Epoch, Outcome::NotDone);
        assert_eq!(follower, Outcome::NotDone);
        numbering.mend();
        assert!(numbering.is_whole());
        assert_eq!((numbering.need(), next(&mut numbering)), (Need::Nothing, 3));
    }

    #[test]
    fn what_may_still_be_written_ends_the_epoch() {
        let mut numbering = begun();
        let place = numbering.take(3);
        numbering.gap(place, Outcome::Unknown);
        // Each attempt of the next was refused; one of the last had no answer, and may follow it.
        for outcome in [Outcome::NotDone, Outcome::Unknown] {
            assert_eq!(numbering.out_of_place(Renewal::Epoch, outcome), outcome);
        }
        numbering.mend();
        assert_eq!(numbering.need(), Need::NextEpoch(ME));
        numbering.begin(ProducerIdentity { epoch: 3, ..ME });
        assert_eq!(next(&mut numbering), 0);
    }

    #[test]
    fn behind_a_certain_gap_a_doubtful_batch_was_not_written_but_its_number_is_spent() {
        let mut numbering = begun();
        let place = numbering.take(3);
        numbering.gap(place, Outcome::NotDone);
        let follower = numbering.out_of_place(Renewal::Epoch, Outcome::Unknown);
        assert_eq!(follower, Outcome::NotDone);
        numbering.mend();
        assert_eq!(numbering.need(), Need::NextEpoch(ME));
    }

    #[test]
    fn two_gaps_end_the_epoch_and_a_stolen_id_is_given_up() {
        let mut numbering = begun();
        let (a, b) = (numbering.take(3), numbering.take(3));
        numbering.gap(b, Outcome::NotDone);
        numbering.gap(a, Outcome::NotDone);
        numbering.mend();
        assert_eq!(numbering.need(), Need::NextEpoch(ME));
        numbering.begin(ME);
        let refused = numbering.out_of_place(Renewal::Id, Outcome::NotDone);
        assert_eq!(refused, Outcome::NotDone, "it goes out under another id");
        let place = numbering.take(1);
        numbering.gap(place, Outcome::Unknown);
        numbering.mend();
        assert_eq!(numbering.need(), Need::OwnId);
    }

    #[test]
    fn without_numbers_nothing_is_ever_wrong() {
        let mut numbering = begun();
        let place = numbering.take(1);
        numbering.switch_off();
        numbering.gap(place, Outcome::Unknown);
        assert!(numbering.is_whole());
        assert_eq!((numbering.need(), numbering.take(1)), (Need::Nothing, None));
    }
}
