//! `[pure]` Which partition keyless records go to. Each node keeps per topic the number of keyless
//! records it sent to each partition; the next block of at most 250 goes to the least-filled
//! available one, the lowest number among equals. So records that come in any number through one
//! node, in sizes that divide, end evenly spread to the record.

use std::cmp::Reverse;

use rampart_api::model::ids::PartitionId;
use rampart_api::model::limits::KEYLESS_BLOCK_RECORDS_MAX;

/// How far a partition may be behind the fullest one: one that was away for an hour, is new, or has
/// been slow is not given all the traffic until it has caught up.
const BEHIND_RECORDS_MAX: u64 = 100_000;

/// One node's counts of one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spread {
    sent: Vec<u64>,
}

/// The block that a request is filling. A request of several parts keeps it between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    partition: PartitionId,
    left: usize,
}

impl Spread {
    /// Divides `records` keyless records, in order, into runs of one partition each.
    /// `available` are the partitions that can take records now, ascending and not empty.
    pub(super) fn assign(
        &mut self,
        block: &mut Option<Block>,
        mut records: usize,
        available: &[PartitionId],
    ) -> Vec<(PartitionId, usize)> {
        let mut runs = Vec::with_capacity(records / KEYLESS_BLOCK_RECORDS_MAX + 1);
        while records > 0 {
            let open = block.filter(|b| b.left > 0 && available.contains(&b.partition));
            let mut current = match open {
                Some(open) => open,
                None => Block {
                    partition: self.least_filled(available),
                    left: KEYLESS_BLOCK_RECORDS_MAX,
                },
            };
            let taken = records.min(current.left);
            current.left -= taken;
            records -= taken;
            *self.count(current.partition) += taken as u64;
            runs.push((current.partition, taken));
            *block = Some(current);
        }
        runs
    }

    /// A topic has grown to `partitions`: the new ones start level with the least filled.
    pub(super) fn grow(&mut self, partitions: usize) {
        let level = self.sent.iter().copied().min().unwrap_or(0);
        if partitions > self.sent.len() {
            self.sent.resize(partitions, level);
        }
    }

    fn least_filled(&mut self, available: &[PartitionId]) -> PartitionId {
        let fullest = self.sent.iter().copied().max().unwrap_or(0);
        let floor = fullest.saturating_sub(BEHIND_RECORDS_MAX);
        let chosen = available
            .iter()
            .copied()
            .max_by_key(|&partition| {
                let sent = self.sent.get(partition as usize).copied().unwrap_or(0);
                (Reverse(sent.max(floor)), Reverse(partition))
            })
            .expect("callers name at least one partition");
        let count = self.count(chosen);
        *count = (*count).max(floor);
        chosen
    }

    fn count(&mut self, partition: PartitionId) -> &mut u64 {
        self.grow(partition as usize + 1);
        &mut self.sent[partition as usize]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FOUR: [PartitionId; 4] = [0, 1, 2, 3];

    fn spread(sent: &[u64]) -> Spread {
        Spread { sent: sent.to_vec() }
    }

    #[test]
    fn blocks_go_to_the_least_filled_and_ties_to_the_lowest() {
        /// Sent before, records, available partitions, expected runs.
        type Case<'a> = (&'a [u64], usize, &'a [PartitionId], &'a [(PartitionId, usize)]);
        let cases: &[Case<'_>] = &[
            (&[0, 0, 0, 0], 1, &FOUR, &[(0, 1)]),
            (&[1, 0, 0, 0], 1, &FOUR, &[(1, 1)]),
            (&[1, 1, 0, 0], 600, &FOUR, &[(2, 250), (3, 250), (0, 100)]),
            (&[0, 0, 0, 0], 250, &[2], &[(2, 250)]),
            (&[0, 0, 9, 5], 300, &[2, 3], &[(3, 250), (2, 50)]),
            (&[], 251, &FOUR, &[(0, 250), (1, 1)]),
        ];
        for (sent, records, available, expected) in cases {
            let mut spread = spread(sent);
            spread.grow(4);
            let runs = spread.assign(&mut None, *records, available);
            assert_eq!(runs, *expected, "{sent:?} {records} {available:?}");
        }
    }

    #[test]
    fn a_block_goes_on_where_the_request_left_it() {
        let mut spread = spread(&[0, 0]);
        let mut block = None;
        assert_eq!(spread.assign(&mut block, 100, &[0, 1]), [(0, 100)]);
        assert_eq!(spread.assign(&mut block, 200, &[0, 1]), [(0, 150), (1, 50)]);
        // Its partition is gone: the rest of the block is not waited for.
        assert_eq!(spread.assign(&mut block, 10, &[0]), [(0, 10)]);
    }

    #[test]
    fn one_request_of_ten_thousand_is_four_times_2500() {
        let mut spread = spread(&[0; 4]);
        spread.assign(&mut None, 10_000, &FOUR);
        assert_eq!(spread.sent, [2_500; 4]);
        spread.assign(&mut None, 10_000, &FOUR);
        assert_eq!(spread.sent, [5_000; 4]);
    }

    #[test]
    fn new_partitions_and_long_absences_do_not_take_everything() {
        let mut grown = spread(&[900, 800]);
        grown.grow(3);
        assert_eq!(grown.sent, [900, 800, 800]);
        let mut away = spread(&[1_000_000, 0]);
        assert_eq!(away.assign(&mut None, 1, &[0, 1]), [(1, 1)]);
        assert_eq!(away.sent, [1_000_000, 1_000_000 - BEHIND_RECORDS_MAX + 1]);
    }

    proptest! {
        #[test]
        fn sizes_that_divide_end_even(size in prop::sample::select(
            vec![1usize, 2, 5, 10, 20, 25, 50, 100, 125, 250, 500, 1_000, 2_500, 5_000, 10_000]
        )) {
            let mut spread = spread(&[0; 4]);
            for _ in 0..10_000 / size {
                spread.assign(&mut None, size, &FOUR);
            }
            prop_assert_eq!(&spread.sent, &[2_500u64; 4]);
        }

        #[test]
        fn cutting_one_request_into_parts_changes_nothing(cuts in prop::collection::vec(1usize..400, 1..40)) {
            let total = cuts.iter().sum();
            let (mut whole, mut parts, mut block) = (spread(&[7, 0, 3]), spread(&[7, 0, 3]), None);
            whole.assign(&mut None, total, &[0, 1, 2]);
            for cut in cuts {
                parts.assign(&mut block, cut, &[0, 1, 2]);
            }
            prop_assert_eq!(whole, parts);
        }

        #[test]
        fn nothing_is_lost_and_the_difference_stays_within_a_block(
            sizes in prop::collection::vec(0usize..2_000, 0..40)
        ) {
            let mut spread = spread(&[0; 4]);
            for &size in &sizes {
                let runs = spread.assign(&mut None, size, &FOUR);
                prop_assert_eq!(runs.iter().map(|run| run.1).sum::<usize>(), size);
            }
            let (min, max) = (spread.sent.iter().min().unwrap(), spread.sent.iter().max().unwrap());
            prop_assert!(max - min <= KEYLESS_BLOCK_RECORDS_MAX as u64);
        }
    }
}
