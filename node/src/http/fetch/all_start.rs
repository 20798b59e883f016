//! Where a read over all partitions starts: the cursor for those it names, the start of the request
//! for the others; and how an answer's room is divided among them.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt};
use rampart_api::http::fetch::Cursor;
use rampart_api::model::ids::{Offset, PartitionId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::metadata::state::TopicRecord;

use super::{Start, locate};
use crate::http::edge::{Edge, partition_of};
use crate::http::error::invalid;
use crate::partition::request::OffsetSpec;

/// Partitions that are asked at a time.
const AT_ONCE: usize = 64;

/// The offset of every partition. A partition that a cursor does not name was added after it.
pub(super) async fn starts(
    edge: &Edge,
    topic: &TopicRecord,
    cursor: Option<&Cursor>,
    start: Start,
) -> Result<BTreeMap<PartitionId, Offset>, Problem> {
    let known = cursor.map(|cursor| &cursor.0);
    if let Some(unknown) = known.and_then(|known| known.keys().next_back())
        && *unknown as usize >= topic.partitions.len()
    {
        let topic = &topic.name;
        return Err(invalid(format!("cursor: topic {topic} has no partition {unknown}")));
    }
    let others = match known {
        Some(_) => Start::By(OffsetSpec::Earliest),
        None => start,
    };
    let starts = (0u32..).zip(&topic.partitions).map(|(partition, _)| async move {
        let start = known.and_then(|known| known.get(&partition)).copied().map(Start::At);
        let (key, _) = partition_of(topic, partition)?;
        Ok((partition, locate(edge, key, start.unwrap_or(others)).await?))
    });
    let starts: Vec<_> = starts.map(Box::pin).collect();
    futures_util::stream::iter(starts).buffer_unordered(AT_ONCE).try_collect().await
}

/// The partitions in the order they are asked: it turns as the reader advances, so that none is
/// always the last.
pub(super) fn turn(offsets: &BTreeMap<PartitionId, Offset>) -> Vec<(PartitionId, Offset)> {
    let mut order: Vec<_> =
        offsets.iter().map(|(partition, offset)| (*partition, *offset)).collect();
    let advanced = order.iter().fold(0u64, |sum, (_, offset)| sum.wrapping_add(offset.0));
    let by = advanced % (order.len().max(1) as u64);
    order.rotate_left(usize::try_from(by).expect("smaller than the number of partitions"));
    order
}

/// How many records each partition may give: everybody the same, what one lacks goes to the others.
pub(super) fn fair_shares(available: &[usize], mut room: usize) -> Vec<usize> {
    let mut shares = vec![0; available.len()];
    loop {
        let hungry: Vec<_> = (0..shares.len()).filter(|&i| shares[i] < available[i]).collect();
        if hungry.is_empty() || room == 0 {
            return shares;
        }
        let each = (room / hungry.len()).max(1);
        for index in hungry {
            let more = each.min(available[index] - shares[index]).min(room);
            shares[index] += more;
            room -= more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_shared_fairly() {
        let cases: &[(&[usize], usize, &[usize])] = &[
            (&[100, 100], 10, &[5, 5]),
            (&[2, 100], 10, &[2, 8]),
            (&[0, 1, 100], 10, &[0, 1, 9]),
            (&[5, 5, 5], 2, &[1, 1, 0]),
            (&[5, 5], 100, &[5, 5]),
            (&[], 10, &[]),
            (&[7, 3, 9], 11, &[4, 3, 4]),
        ];
        for (available, room, expected) in cases {
            assert_eq!(fair_shares(available, *room), *expected, "{available:?} {room}");
        }
    }

    #[test]
    fn the_order_turns_with_the_offsets() {
        let order = |offsets: [u64; 3]| -> Vec<_> {
            let offsets = (0u32..).zip(offsets.map(Offset)).collect();
            turn(&offsets).into_iter().map(|(partition, _)| partition).collect()
        };
        assert_eq!(order([0, 0, 0]), [0, 1, 2]);
        assert_eq!(order([1, 0, 0]), [1, 2, 0]);
        assert_eq!(order([1, 0, 4]), [2, 0, 1]);
    }
}
