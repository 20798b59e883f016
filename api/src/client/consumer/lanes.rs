//! `[pure]` Which worker has a record: all records of a key, and all without a key of a partition,
//! have the same one, so that they are worked on in their order.

use super::record::Message;
use crate::model::murmur2::murmur2;

/// The lane of a record, of so many.
pub(super) fn lane_of(message: &Message, lanes: usize) -> usize {
    let hash = match &message.key {
        Some(key) => murmur2(key),
        None => murmur2(&message.partition.to_be_bytes()),
    };
    // Bits that are not those by which keys were spread over partitions.
    let spread = u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    usize::try_from(spread % lanes.max(1) as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(key: Option<String>, partition: u32) -> Message {
        Message {
            topic: "t".into(),
            partition,
            offset: 0,
            timestamp_ms: 0,
            key: key.map(Into::into),
            value: None,
            headers: Vec::new(),
            attempt: 1,
            error: None,
        }
    }

    #[test]
    fn a_key_has_one_lane_and_keys_spread_over_all() {
        let mut hits = [0; 4];
        for number in 0..1_000 {
            let of = |partition| lane_of(&message(Some(format!("k{number}")), partition), 4);
            assert_eq!(of(0), of(7), "whatever the partition");
            hits[of(0)] += 1;
        }
        assert!(hits.iter().all(|hits| (180..320).contains(hits)), "{hits:?}");
        let keyless = |partition| lane_of(&message(None, partition), 4);
        assert_eq!(keyless(3), keyless(3));
        let all: std::collections::BTreeSet<_> = (0..50).map(keyless).collect();
        assert_eq!(all.len(), 4);
    }
}
