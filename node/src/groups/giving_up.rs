//! What the coordinator has to know before records are given up: the dead-letter switch of their
//! partitions, and their content, which is copied into the group's state. Read before the coordinator
//! is asked, so that it waits for nobody.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use futures_util::{StreamExt, stream};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::Offset;
use rampart_api::model::limits::PARKED_RECORD_BYTES_MAX;
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
    /// Larger than what is copied into a state.
    TooLarge,
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
        let unread = || {
            let detail = "the record was not read before it was given up";
            Content::Unread(Problem::new(ErrorCode::NotReady, detail).hint("say it again"))
        };
        self.records.get(&(at, offset)).cloned().unwrap_or_else(unread)
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
        known.records = stream::iter(reads).buffered(READS_AT_ONCE_MAX).collect().await;
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
                    Some((found, record)) if found == offset => content_of(RecordCopy {
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

fn content_of(copy: RecordCopy) -> Content {
    if copy.bytes() > PARKED_RECORD_BYTES_MAX { Content::TooLarge } else { Content::Copy(copy) }
}
