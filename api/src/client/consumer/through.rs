//! `[pure]` When a group is through with a topic that moves to another cluster: every partition ends,
//! the group has settled all below its end, and nothing is parked. That stays so, for behind a seal
//! comes nothing: so every member finds out by itself, and none reads the new partition while another
//! one still has records of the old one.

use crate::client::moves::{Destination, Reached, Side, consumer_side};
use crate::http::groups::GroupPartitionDescription;
use crate::http::topics::PartitionDescription;

/// How it stands with a topic, and how far a group is in it and in others.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    pub(super) topic: Vec<PartitionDescription>,
    pub(super) group: Vec<GroupPartitionDescription>,
}

impl Progress {
    pub(super) fn is_through(&self, topic: &str, to: &Destination) -> bool {
        let is_through = |partition: &PartitionDescription| {
            let reached = self.reached(topic, partition);
            matches!(consumer_side(partition.sealed_at, reached, Some(to)), Side::New(_))
        };
        !self.topic.is_empty() && self.topic.iter().all(is_through)
    }

    /// A group that never began to read a partition is at its start: it is through only where there is
    /// nothing to be read.
    fn reached(&self, topic: &str, partition: &PartitionDescription) -> Reached {
        let is_it = |known: &&GroupPartitionDescription| {
            known.topic == topic && known.partition == partition.partition
        };
        let known = self.group.iter().find(is_it);
        let committed = known.and_then(|known| known.committed);
        Reached {
            offset: committed.or(partition.log_start_offset).unwrap_or(0),
            parked: known.map_or(0, |known| known.parked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(partition: u32, start: u64, sealed_at: Option<u64>) -> PartitionDescription {
        let log_start_offset = Some(start);
        PartitionDescription { partition, log_start_offset, sealed_at, ..Default::default() }
    }

    fn group(partition: u32, committed: Option<u64>, parked: u64) -> GroupPartitionDescription {
        let topic = "t".to_owned();
        GroupPartitionDescription { topic, partition, committed, parked, ..Default::default() }
    }

    #[test]
    fn a_group_is_through_when_all_of_every_partition_is_settled() {
        let sealed = || vec![partition(0, 0, Some(9)), partition(1, 0, Some(0))];
        let cases = [
            ("all", sealed(), vec![group(0, Some(9), 0), group(1, Some(0), 0)], true),
            ("an empty one that nobody read", sealed(), vec![group(0, Some(9), 0)], true),
            (
                "one record is open",
                sealed(),
                vec![group(0, Some(8), 0), group(1, Some(0), 0)],
                false,
            ),
            ("one is parked", sealed(), vec![group(0, Some(9), 1)], false),
            ("one that nobody read", sealed(), vec![group(1, Some(0), 0)], false),
            ("it is held and not begun", sealed(), vec![group(0, None, 0)], false),
            ("no end", vec![partition(0, 0, None)], vec![group(0, Some(9), 0)], false),
            ("all was deleted", vec![partition(0, 9, Some(9))], vec![], true),
            ("no partition is known", vec![], vec![group(0, Some(9), 0)], false),
        ];
        let to = Destination { cluster: "east".into(), servers: vec!["http://a:1".into()] };
        for (case, topic, group, expected) in cases {
            let other = GroupPartitionDescription { topic: "other".into(), ..Default::default() };
            let group = group.into_iter().chain([other]).collect();
            assert_eq!(Progress { topic, group }.is_through("t", &to), expected, "{case}");
        }
    }
}
