//! The state itself. A pure function of the log prefix: replicas that applied the same entry are
//! equal (INV-04), and the offsets that `append` gave out are checked against it (INV-02).

use rampart_api::model::ids::{LeaderEpoch, Offset};
use serde::{Deserialize, Serialize};

use super::epochs::EpochTable;
use super::seal::Sealed;

/// An entry that this state cannot follow: the replica must stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartitionStateError {
    /// The offset given out at append is not the next one.
    #[error("INV-02: records were appended at offset {found}, but the next one is {expected}")]
    OffsetMismatch {
        /// The next offset by the applied prefix.
        expected: Offset,
        /// What the entry says.
        found: Offset,
    },
    /// Records behind the seal.
    #[error("INV-21: records behind the seal at offset {at}")]
    Sealed {
        /// Where the partition ends.
        at: Offset,
    },
}

/// A partition's replicated state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionState {
    /// First offset that can be read.
    pub log_start: Offset,
    /// Offset of the next record; as state of the applied prefix, the high watermark.
    pub next_offset: Offset,
    /// Where each leader epoch began.
    pub epochs: EpochTable,
    /// Where it ends for good, if it does. Stored beside the other fields, and only where it is set:
    /// a program that knows no seals reads what has none.
    #[serde(skip)]
    pub sealed: Option<Sealed>,
}

impl PartitionState {
    /// Any entry of this term was applied.
    pub fn apply_term(&mut self, term: LeaderEpoch) {
        self.epochs.observe(term, self.next_offset);
    }

    /// Records were applied.
    pub fn apply_records(&mut self, base: Offset, records: u32) -> Result<(), PartitionStateError> {
        if base != self.next_offset {
            return Err(PartitionStateError::OffsetMismatch {
                expected: self.next_offset,
                found: base,
            });
        }
        if let Some(sealed) = self.sealed.filter(|_| records > 0) {
            return Err(PartitionStateError::Sealed { at: sealed.at });
        }
        self.next_offset = Offset(base.0 + u64::from(records));
        Ok(())
    }

    /// A seal was applied; answers where the partition ends. The first one counts.
    pub fn apply_seal(&mut self, index: u64) -> Offset {
        self.sealed.get_or_insert(Sealed { index, at: self.next_offset }).at
    }

    /// A trim was applied; answers the log start after it. It never goes back, and never beyond
    /// the high watermark.
    pub fn apply_trim(&mut self, offset: Offset) -> Offset {
        self.log_start = self.log_start.max(offset.min(self.next_offset));
        self.epochs.trim(self.log_start);
        self.log_start
    }

    /// The state that a snapshot at an earlier cut carries: offsets go on counting where the cut
    /// ends, while trims decided later hold already, since their records are not behind the cut.
    pub fn at_cut(
        &self,
        (cut_term, cut_index): (LeaderEpoch, u64),
        next_offset: Offset,
    ) -> PartitionState {
        PartitionState {
            log_start: self.log_start.max(next_offset),
            next_offset,
            epochs: self.epochs.up_to(cut_term),
            sealed: self.sealed.filter(|sealed| sealed.index <= cut_index),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_gap_is_refused() {
        let mut state = PartitionState::default();
        state.apply_records(Offset(0), 3).unwrap();
        assert_eq!(
            state.apply_records(Offset(4), 1),
            Err(PartitionStateError::OffsetMismatch { expected: Offset(3), found: Offset(4) })
        );
    }

    #[test]
    fn a_trim_stays_within_what_is_applied_and_never_goes_back() {
        let mut state = PartitionState::default();
        state.apply_records(Offset(0), 10).unwrap();
        assert_eq!(state.apply_trim(Offset(4)), Offset(4));
        assert_eq!(state.apply_trim(Offset(2)), Offset(4));
        assert_eq!(state.apply_trim(Offset(99)), Offset(10));
    }

    #[test]
    fn behind_a_seal_there_are_no_records() {
        let mut state = PartitionState::default();
        state.apply_records(Offset(0), 3).unwrap();
        assert_eq!(state.apply_seal(8), Offset(3));
        assert_eq!(state.apply_seal(9), Offset(3), "the first one counts");
        assert_eq!(state.apply_records(Offset(3), 0), Ok(()), "what was refused is kept empty");
        let refused = Err(PartitionStateError::Sealed { at: Offset(3) });
        assert_eq!(state.apply_records(Offset(3), 1), refused);
        assert_eq!(state.apply_trim(Offset(2)), Offset(2), "retention goes on");
        let sealed = |index| state.at_cut((1, index), Offset(3)).sealed;
        assert_eq!((sealed(7), sealed(8)), (None, Some(Sealed { index: 8, at: Offset(3) })));
    }

    proptest! {
        /// A replica that starts from a snapshot at a cut ends equal to one that applied all.
        #[test]
        fn a_cut_and_the_rest_equal_the_whole(
            entries in prop::collection::vec((0..3u64, 0..20u32), 1..40),
            at: prop::sample::Index,
        ) {
            let at = at.index(entries.len());
            let mut whole = PartitionState::default();
            let mut cut = None;
            let mut term = 1;
            let mut rest = Vec::new();
            for (position, (term_step, records)) in entries.into_iter().enumerate() {
                term += term_step;
                whole.apply_term(term);
                whole.apply_records(whole.next_offset, records).unwrap();
                if position == at {
                    cut = Some((term, whole.next_offset));
                } else if position > at {
                    rest.push((term, records));
                }
            }
            let (cut_term, cut_offset) = cut.unwrap();
            whole.apply_trim(cut_offset);
            let mut late = whole.at_cut((cut_term, 0), cut_offset);
            for (term, records) in rest {
                late.apply_term(term);
                late.apply_records(late.next_offset, records).unwrap();
            }
            late.apply_trim(cut_offset);
            prop_assert_eq!(late, whole);
        }
    }
}
