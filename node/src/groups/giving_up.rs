//! What the coordinator has to know before records are given up: the dead-letter switch of their
//! partitions, and their content, which is copied into the group's state. Read before the coordinator
//! is asked, so that it waits for nobody.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use futures_util::{StreamExt, stream};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::Offset;
use rampart_api::model::limits::PARKED_PER_REQUEST_BYTES_MAX;
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::group::TopicPartition;
use rampart_raft_store::state::group::delivery::RecordCopy;

use super::request::{Said, Settle};
use super::settle::DeadLetters;
use super::switch;
use super::token::{AckToken, Delivery};
use crate::controller::ControllerHandle;
use crate::metadata::MetadataHandle;
use crate::partition::PartitionService;
use crate::partition::page::page;
use crate::partition::request::Fetch;

/// Records that are read at once.
const READS_AT_ONCE_MAX: usize = 16;

/// What is known of the records of one question that are not done.
#[derive(Debug, Default)]
pub(super) struct GivingUp {
    switches: BTreeMap<TopicPartition, Result<Option<DeadLetters>, Problem>>,
    records: BTreeMap<(TopicPartition, Offset), Content>,
}

/// What a record is.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// This.
    Copy(RecordCopy),
    /// Retention or a deletion took it.
    Gone,
    /// It could not be read now.
    Unread(Problem),
}

/// Reads what a coordinator must know.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) partitions: PartitionService,
    pub(super) metadata: MetadataHandle,
    pub(super) controller: ControllerHandle,
}

impl GivingUp {
    /// The dead-letter switch of a partition, if it is on.
    pub(super) fn switch(&self, at: TopicPartition) -> Result<Option<&DeadLetters>, Problem> {
        match self.switches.get(&at) {
            None => Ok(None),
            Some(Ok(switch)) => Ok(switch.as_ref()),
            Some(Err(problem)) => Err(problem.clone()),
        }
    }

    /// What a record is.
    pub(super) fn content(&self, at: TopicPartition, offset: Offset) -> Content {
        self.records.get(&(at, offset)).cloned().unwrap_or_else(no_room)
    }
}

impl Reader {
    /// The dead-letter switch that a partition has for a group, by the metadata alone.
    pub(super) fn is_on(&self, group: &str, at: TopicPartition) -> bool {
        let state = self.metadata.state();
        let topic = state.topics.get(&at.topic);
        topic.is_some_and(|topic| switch::switch(&topic.config, &topic.name, group).is_some())
    }

    /// Everything about the records of a question that are not done.
    pub(super) async fn read(&self, question: &Settle) -> GivingUp {
        let failed = question.verdicts.iter().filter(|settled| is_failure(settled.said));
        let tokens: Vec<AckToken> =
            failed.filter_map(|settled| settled.token.parse().ok()).collect();
        let mut known = GivingUp::default();
        for token in &tokens {
            if let Entry::Vacant(unknown) = known.switches.entry(token.partition) {
                unknown.insert(self.switch(&question.group, token.partition).await);
            }
        }
        let is_on = |at| matches!(known.switches.get(&at), Some(Ok(Some(_))));
        let fresh = tokens.iter().filter(|token| is_on(token.partition));
        let fresh = fresh.filter_map(|token| match token.delivery {
            Delivery::Fresh(offset) => Some((token.partition, offset)),
            Delivery::Parked(_) => None,
        });
        let reads: Vec<_> = fresh.map(|(at, offset)| self.record(at, offset)).collect();
        let mut reads = stream::iter(reads).buffered(READS_AT_ONCE_MAX);
        let mut room = Room::default();
        while let Some((of, content)) = reads.next().await {
            known.records.insert(of, room.take(content));
            if room.is_full {
                break;
            }
        }
        known
    }

    async fn switch(
        &self,
        group: &str,
        at: TopicPartition,
    ) -> Result<Option<DeadLetters>, Problem> {
        let state = self.metadata.state();
        let Some(topic) = state.topics.get(&at.topic) else { return Ok(None) };
        let Some(switch) = switch::switch(&topic.config, &topic.name, group) else {
            return Ok(None);
        };
        let into = self.controller.ensure_dead_letter_topic(at.topic, &switch.topic).await?;
        let partitions = u32::try_from(into.partitions.len()).unwrap_or(u32::MAX).max(1);
        let into = TopicPartition { topic: into.id, partition: at.partition % partitions };
        Ok(Some(DeadLetters { policy: switch.policy, into }))
    }

    async fn record(
        &self,
        at: TopicPartition,
        offset: Offset,
    ) -> ((TopicPartition, Offset), Content) {
        let fetch = Fetch { key: at.into(), offset, max_bytes: 1, wait_ms: 0, linearizable: false };
        let content = match self.partitions.fetch(fetch).await {
            Err(gone) if gone.code == ErrorCode::OffsetOutOfRange => Content::Gone,
            Err(gone) if gone.code == ErrorCode::TopicNotFound => Content::Gone,
            Err(problem) => Content::Unread(problem),
            Ok(fetched) => match page(&fetched.batches, offset, 1, usize::MAX) {
                Err(problem) => Content::Unread(problem),
                Ok(page) => match page.records.into_iter().next() {
                    Some((found, record)) if found == offset => Content::Copy(RecordCopy {
                        timestamp_ms: record.timestamp_ms,
                        key: record.key,
                        value: record.value,
                        headers: record.headers,
                    }),
                    Some(_) | None => Content::Gone,
                },
            },
        };
        ((at, offset), content)
    }
}

fn is_failure(said: Said) -> bool {
    match said {
        Said::Retry(_) | Said::Reject | Said::TimedOut => true,
        Said::Ack | Said::Renew(_) => false,
    }
}

/// What one request may still copy.
#[derive(Debug, Default)]
struct Room {
    taken: usize,
    is_full: bool,
}

impl Room {
    /// Takes a record in if there is room. The first always is, or it could never be given up.
    fn take(&mut self, content: Content) -> Content {
        let Content::Copy(copy) = &content else { return content };
        let bytes = self.taken + copy.bytes();
        self.is_full = self.taken > 0 && bytes > PARKED_PER_REQUEST_BYTES_MAX;
        if self.is_full {
            return no_room();
        }
        self.taken = bytes;
        content
    }
}

/// What is said of a record for which one request has no room left.
fn no_room() -> Content {
    let detail = format!(
        "one request parks {PARKED_PER_REQUEST_BYTES_MAX} bytes of records; this one is still in hand"
    );
    Content::Unread(Problem::new(ErrorCode::NotReady, detail).hint("say it again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sized(bytes: usize) -> Content {
        let value = Some(vec![0; bytes].into());
        Content::Copy(RecordCopy { value, ..RecordCopy::default() })
    }

    fn fits(room: &mut Room, bytes: usize) -> bool {
        matches!(room.take(sized(bytes)), Content::Copy(copy) if copy.bytes() == bytes)
    }

    #[test]
    fn a_request_copies_so_much_and_always_something() {
        let half = PARKED_PER_REQUEST_BYTES_MAX / 2;
        let mut room = Room::default();
        assert!(fits(&mut room, half) && fits(&mut room, half) && !fits(&mut room, 1));
        assert!(room.is_full);
        let mut room = Room::default();
        assert!(matches!(room.take(Content::Gone), Content::Gone));
        assert!(fits(&mut room, 2 * PARKED_PER_REQUEST_BYTES_MAX) && !room.is_full);
        assert!(!fits(&mut room, 1) && room.is_full);
    }
}
