//! What is on its way into dead-letter topics: written one after the other in each lane, under the
//! sequence that the state gave it, until it is known to be there. Whoever is the coordinator writes
//! the same; the partition takes it once.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::once::OnceTag;
use rampart_api::model::problem::Problem;
use rampart_api::model::topic_config::Ack;
use rampart_raft_store::planted::{self, Bug};
use rampart_raft_store::state::group::delivery::{ParkedBody, Place};
use rampart_raft_store::state::group::{GroupState, TopicPartition};
use rampart_raft_store::state::metadata::state::MetadataState;

use super::dead_letters;
use crate::partition::PartitionService;
use crate::partition::request::Produce;

/// How long one write may take before it is looked at anew.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after a write that failed.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// What the coordinator remembers of its writes. A new one begins with nothing, and writes again.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// Under way, or not to be tried again before.
    busy: BTreeMap<TopicPartition, Option<Duration>>,
}

/// A record to be written.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) into: TopicPartition,
    pub(super) sequence: u32,
    batch: Bytes,
    stamp_ms: i64,
}

impl Lanes {
    /// The writes that are due; they count as under way from now on.
    pub(super) fn due(
        &mut self,
        groups: &GroupState,
        metadata: &MetadataState,
        now: Duration,
    ) -> Vec<Write> {
        self.busy.retain(|_, until| until.is_none_or(|until| until > now));
        let mut writes = Vec::new();
        for (into, lane) in &groups.lanes.by_partition {
            if self.busy.contains_key(into) || !metadata.topics.contains_key(&into.topic) {
                continue;
            }
            let first = lane.dying.front();
            let Some(write) = first.and_then(|first| write(groups, metadata, *into, first)) else {
                continue;
            };
            self.busy.insert(*into, None);
            writes.push(write);
        }
        writes
    }

    /// A write has ended.
    pub(super) fn ended(&mut self, into: TopicPartition, is_written: bool, now: Duration) {
        match is_written {
            true => drop(self.busy.remove(&into)),
            false => drop(self.busy.insert(into, Some(now + RETRY_PAUSE))),
        }
    }

    /// When a write is to be tried again.
    pub(super) fn next_end(&self) -> Option<Duration> {
        self.busy.values().filter_map(|until| *until).min()
    }
}

fn write(
    groups: &GroupState,
    metadata: &MetadataState,
    into: TopicPartition,
    first: &rampart_raft_store::state::group::delivery::DyingRecord,
) -> Option<Write> {
    let parked = groups.groups.get(&first.group)?.parked.get(&first.id)?;
    let (ParkedBody::Copied(copy), Place::Dying(dying)) = (&parked.body, &parked.place) else {
        return None;
    };
    let origin = metadata.topics.get(&parked.origin.topic);
    let name = origin.map_or_else(|| parked.origin.topic.to_string(), |topic| topic.name.clone());
    let batch = dead_letters::batch((&first.group, &name), parked, copy, dying);
    Some(Write { into, sequence: first.sequence, batch, stamp_ms: dying.dying_ms })
}

impl Write {
    /// Writes it, and waits until a majority has it.
    pub(super) async fn run(self, partitions: &PartitionService) -> Result<(), Problem> {
        let produce = Produce {
            key: self.into.into(),
            ack: Some(Ack::Quorum),
            timeout: WRITE_TIMEOUT,
            batches: self.batch,
            records: 1,
            once: (!planted::is(Bug::DeadLetterUnnumbered))
                .then_some(OnceTag { stamp_ms: self.stamp_ms, key: None }),
        };
        match partitions.produce(produce).await {
            Ok(_) => Ok(()),
            // Written so long ago that its offset is not known any more.
            Err(problem) if problem.code == ErrorCode::DuplicateSequence => Ok(()),
            Err(problem) => Err(problem),
        }
    }
}
