//! A group's dead letters: seen, brought back, given up. This node reads the dead-letter topic from
//! its partitions' leaders and sorts what it reads; the group's coordinator says what is resolved,
//! and resolves. Any node does so for any client.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use rampart_api::model::ids::{Offset, PartitionId};
use rampart_api::model::problem::Problem;
use rampart_raft_store::state::group::command::Redriven;
use rampart_raft_store::state::group::delivery::ParkedBody;
use rampart_raft_store::state::group::{OffsetRanges, TopicPartition};
use rampart_raft_store::state::metadata::state::TopicRecord;
use tokio::time::Instant;

use super::dead_slice::{Budget, DeadCursor, DeadRecord, PartitionSlice, Whose, next_cursor};
use super::request::{GroupAnswer, GroupRequest, KeptDeadLetters, Redrive, Redrove, Resolve};
use super::service::{GroupService, odd};
use crate::partition::page::page;
use crate::partition::request::{OffsetSpec, PartitionKey};

/// Records that one request looks at.
const SCANNED_MAX: usize = 10_000;
/// Bytes of records that one request finds, about. Twice so much it may hold.
pub const SLICE_BYTES_MAX: usize = 4 << 20;
/// Bytes that are read of a partition at once.
const READ_BYTES_MAX: usize = 1 << 20;
/// How long one request reads on.
const SLICE_TIME_MAX: Duration = Duration::from_secs(5);
/// Bytes of records that one entry brings back, about.
const REDRIVE_BYTES_MAX: usize = 1 << 20;
/// In a topic of many groups so many records are looked at to count those of one.
const COUNTED_MAX: usize = 1_000;
/// Leaders that are asked at once where their partition ends.
const LEADERS_AT_ONCE: usize = 16;

/// Offsets of a dead-letter partition, each range without its end.
type Ranges = Vec<(Offset, Offset)>;

/// What is asked about a group's dead letters of a topic.
#[derive(Debug, Clone)]
pub struct DeadQuery {
    /// Whose they are.
    pub whose: Whose,
    /// Name of the topic that they came from, for people.
    pub origin: String,
    /// Name of their dead-letter topic.
    pub name: String,
    /// That topic, if it is there.
    pub from: Option<Arc<TopicRecord>>,
    /// The dead-letter topic may have others' records too.
    pub is_shared: bool,
    /// Records at most.
    pub records_max: usize,
    /// Where to go on.
    pub cursor: Option<DeadCursor>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// Partition by partition.
    pub partitions: Vec<PartitionSlice>,
    /// Where to go on.
    pub cursor: Option<DeadCursor>,
}

/// Where dead letters are to go, and whether only to count.
#[derive(Debug, Clone, Default)]
pub struct RedriveHow {
    /// To this topic; else to the group.
    pub topic: Option<Arc<TopicRecord>>,
    /// Nothing is changed.
    pub dry_run: bool,
}

/// What a redrive did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RedriveDone {
    /// Records that were looked at.
    pub scanned: u64,
    /// Those that are meant.
    pub matched: u64,
    /// Those that were brought back.
    pub redriven: u64,
    /// Those that were resolved meanwhile.
    pub already: u64,
    /// Those that could not be brought back.
    pub left: u64,
    /// Why the first of them could not.
    pub left_because: Option<String>,
    /// Where to go on.
    pub cursor: Option<DeadCursor>,
}

/// What a purge did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PurgeDone {
    /// Records that were looked at.
    pub scanned: u64,
    /// Those that are meant.
    pub matched: u64,
    /// Those that were given up.
    pub purged: u64,
    /// Where to go on.
    pub cursor: Option<DeadCursor>,
}

/// What a group has not processed of a topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Records in the dead-letter topic that are not resolved.
    pub depth: u64,
    /// They are the group's, each of them; else there are no more than so many.
    pub is_exact: bool,
    /// Records that wait to be delivered again.
    pub parked: u64,
    /// Records on their way into the dead-letter topic.
    pub dying: u64,
    /// Whether the group has to do with the topic at all.
    pub reads: bool,
}

impl GroupService {
    /// Dead letters, in order within a partition.
    ///
    /// # Errors
    /// `GROUP_NOT_FOUND`; those of the leaders.
    pub async fn peek(&self, query: &DeadQuery) -> Result<Slice, Problem> {
        let kept = self.kept(query).await?;
        let partitions = self.slice(query, &kept, SCANNED_MAX).await?;
        Ok(Slice { cursor: next_cursor(&partitions), partitions })
    }

    /// Brings dead letters back, to the group or to the end of a topic.
    ///
    /// # Errors
    /// As `peek`; those of the coordinator, and of the topic if it takes none of them.
    pub async fn redrive(
        &self,
        query: &DeadQuery,
        how: &RedriveHow,
    ) -> Result<RedriveDone, Problem> {
        let mut slice = self.peek(query).await?;
        let mut done = RedriveDone::default();
        for found in &mut slice.partitions {
            done.scanned += found.scanned;
            done.matched += found.records.len() as u64;
            if how.dry_run {
                continue;
            }
            match &how.topic {
                Some(topic) => self.send_back(query, found, topic, &mut done).await?,
                None => self.bring_back(query, found, &mut done).await?,
            }
        }
        done.cursor = next_cursor(&slice.partitions);
        Ok(done)
    }

    /// Gives dead letters up for good.
    ///
    /// # Errors
    /// As `peek`; those of the coordinator.
    pub async fn purge(&self, query: &DeadQuery, dry_run: bool) -> Result<PurgeDone, Problem> {
        let slice = self.peek(query).await?;
        let mut done = PurgeDone { cursor: slice.cursor, ..PurgeDone::default() };
        for found in slice.partitions {
            done.scanned += found.scanned;
            done.matched += found.records.len() as u64;
            if !dry_run {
                let purged = found.offsets();
                done.purged += self.resolve(query, found, (purged, Vec::new())).await?;
            }
        }
        Ok(done)
    }

    /// How much waits.
    ///
    /// # Errors
    /// As `peek`.
    pub async fn backlog(&self, query: &DeadQuery) -> Result<Backlog, Problem> {
        let kept = self.kept(query).await?;
        let mut backlog = Backlog {
            is_exact: true,
            parked: kept.parked,
            dying: kept.dying,
            reads: kept.reads,
            depth: 0,
        };
        let Some(from) = &query.from else { return Ok(backlog) };
        let spans = self.spans(from).await?;
        let open = spans.iter().map(|(partition, (start, end))| {
            let resolved = kept.resolved.get(partition);
            let resolved = resolved.map_or(0, |ranges| ranges.count_within(*start, *end));
            end.0.saturating_sub(start.0).saturating_sub(resolved)
        });
        backlog.depth = open.sum();
        if query.is_shared && backlog.depth > 0 {
            let all = DeadQuery { records_max: COUNTED_MAX, cursor: None, ..query.clone() };
            let found = self.slice(&all, &kept, COUNTED_MAX).await?;
            backlog.is_exact = next_cursor(&found).is_none();
            if backlog.is_exact {
                backlog.depth = found.iter().map(|found| found.records.len() as u64).sum();
            }
        }
        Ok(backlog)
    }

    async fn kept(&self, query: &DeadQuery) -> Result<KeptDeadLetters, Problem> {
        let (group, origin) = (query.whose.group.clone(), query.whose.origin);
        let from = query.from.as_ref().map(|topic| topic.id);
        match self.ask(GroupRequest::DeadLetters { group, origin, from }).await? {
            GroupAnswer::DeadLetters(kept) => Ok(kept),
            other => Err(odd(&other)),
        }
    }

    /// Reads on from where the request says, as far as one request goes.
    async fn slice(
        &self,
        query: &DeadQuery,
        kept: &KeptDeadLetters,
        scanned_max: usize,
    ) -> Result<Vec<PartitionSlice>, Problem> {
        let Some(from) = &query.from else { return Ok(Vec::new()) };
        let spans = match &query.cursor {
            Some(cursor) => cursor.spans.clone(),
            None => self.spans(from).await?,
        };
        let until = self.inner.clock.instant() + SLICE_TIME_MAX;
        let (records, bytes) = (query.records_max, SLICE_BYTES_MAX);
        let mut budget = Budget { records, bytes, scanned: scanned_max };
        let mut slices = Vec::with_capacity(spans.len());
        for (partition, (next, end)) in spans {
            let mut slice = PartitionSlice::new(partition, next, end);
            let at = TopicPartition { topic: from.id, partition };
            let resolved = kept.resolved.get(&partition);
            self.read_on((at, resolved), &mut slice, &query.whose, (&mut budget, until)).await?;
            slices.push(slice);
        }
        Ok(slices)
    }

    async fn read_on(
        &self,
        (at, resolved): (TopicPartition, Option<&OffsetRanges>),
        slice: &mut PartitionSlice,
        whose: &Whose,
        (budget, until): (&mut Budget, Instant),
    ) -> Result<(), Problem> {
        while !budget.is_spent() && self.inner.clock.instant() < until {
            let Some(offset) = slice.seek(resolved) else { return Ok(()) };
            let fetched = self.fetch(at, offset, READ_BYTES_MAX).await?;
            // What retention took is gone, from here as from anywhere.
            let start = offset.max(fetched.log_start);
            let page = page(&fetched.batches, start, budget.scanned, READ_BYTES_MAX)?;
            slice.add((page.records, page.next), resolved, whose, budget);
            if slice.next <= offset {
                // A new leader that does not yet know how much is committed: later.
                return Ok(());
            }
        }
        Ok(())
    }

    /// Where each partition of a topic begins and ends.
    async fn spans(
        &self,
        topic: &TopicRecord,
    ) -> Result<BTreeMap<PartitionId, (Offset, Offset)>, Problem> {
        let asked = (0u32..).zip(&topic.partitions).map(|(partition, _)| async move {
            let key = PartitionKey { topic: topic.id, partition };
            let listed = self.inner.partitions.list_offset(key, OffsetSpec::Latest).await?;
            Ok((partition, (listed.log_start, listed.high_watermark)))
        });
        let asked: Vec<_> = asked.collect();
        stream::iter(asked).buffered(LEADERS_AT_ONCE).try_collect().await
    }

    /// Parks what was found again, entry by entry, until there is no more room.
    async fn bring_back(
        &self,
        query: &DeadQuery,
        found: &mut PartitionSlice,
        done: &mut RedriveDone,
    ) -> Result<(), Problem> {
        let mut foreign = std::mem::take(&mut found.foreign);
        let records = std::mem::take(&mut found.records);
        let mut left = records.len();
        for records in entries(records) {
            let place = |found: &DeadRecord| (found.offset, found.origin.partition.partition);
            let places: Vec<_> = records.iter().map(place).collect();
            let foreign = std::mem::take(&mut foreign);
            let redrove = self.park_again(query, found.partition, (records, foreign)).await?;
            done.redriven += redrove.redriven;
            done.already += redrove.resolved;
            let gone = usize::try_from(redrove.redriven + redrove.resolved).unwrap_or(usize::MAX);
            left = left.saturating_sub(gone);
            if let Some((first, origin)) = places.get(gone) {
                found.next = *first;
                done.left += left as u64;
                let why = redrove.why.unwrap_or_default();
                note(done, format!("partition {origin} of {}: {why}", query.origin));
                return Ok(());
            }
        }
        if !foreign.is_empty() {
            self.park_again(query, found.partition, (Vec::new(), foreign)).await?;
        }
        Ok(())
    }

    async fn park_again(
        &self,
        query: &DeadQuery,
        partition: PartitionId,
        (records, foreign): (Vec<DeadRecord>, Ranges),
    ) -> Result<Redrove, Problem> {
        let Some(topic) = &query.from else { return Ok(Redrove::default()) };
        let records = records.into_iter().map(|found| Redriven {
            offset: found.offset,
            origin: found.origin.partition,
            origin_offset: found.origin.offset,
            body: ParkedBody::Copied(found.record),
        });
        let redrive = Redrive {
            group: query.whose.group.clone(),
            from: TopicPartition { topic: topic.id, partition },
            records: records.collect(),
            foreign,
        };
        match self.ask(GroupRequest::Redrive(redrive)).await? {
            GroupAnswer::Redriven(redrove) => Ok(redrove),
            other => Err(odd(&other)),
        }
    }

    /// Resolves what was purged, or sent elsewhere, and what was found to be none of the group's.
    /// Answers how many were given up.
    pub(super) async fn resolve(
        &self,
        query: &DeadQuery,
        found: PartitionSlice,
        (purged, sent): (Ranges, Ranges),
    ) -> Result<u64, Problem> {
        let Some(topic) = &query.from else { return Ok(0) };
        let foreign = found.foreign;
        if purged.is_empty() && sent.is_empty() && foreign.is_empty() {
            return Ok(0);
        }
        let group = query.whose.group.clone();
        let from = TopicPartition { topic: topic.id, partition: found.partition };
        let resolve = Resolve { group, from, purged, sent, foreign };
        match self.ask(GroupRequest::Resolve(resolve)).await? {
            GroupAnswer::Resolved(purged) => Ok(purged),
            other => Err(odd(&other)),
        }
    }
}

/// The first reason stays.
pub(super) fn note(done: &mut RedriveDone, why: String) {
    done.left_because.get_or_insert(why);
}

/// Records in as few pieces as entries want.
fn entries(records: Vec<DeadRecord>) -> Vec<Vec<DeadRecord>> {
    let (mut entries, mut bytes) = (Vec::<Vec<DeadRecord>>::new(), 0);
    for record in records {
        let size = record.record.bytes();
        match entries.last_mut() {
            Some(entry) if bytes + size <= REDRIVE_BYTES_MAX => {
                bytes += size;
                entry.push(record);
            }
            _ => {
                bytes = size;
                entries.push(vec![record]);
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rampart_api::model::ids::TopicId;
    use rampart_raft_store::state::group::delivery::RecordCopy;

    use super::super::dead_letters::Origin;
    use super::*;

    fn sized(offset: u64, size: usize) -> DeadRecord {
        let origin = Origin {
            group: "g".to_owned(),
            partition: TopicPartition { topic: TopicId::default(), partition: 0 },
            offset: Offset(offset),
            attempts: 1,
            error: String::new(),
        };
        let value = Some(Bytes::from(vec![0; size]));
        let record = RecordCopy { value, ..RecordCopy::default() };
        DeadRecord { offset: Offset(offset), timestamp_ms: 0, origin, record }
    }

    #[test]
    fn entries_are_few_and_bounded_and_keep_the_order() {
        let half = REDRIVE_BYTES_MAX / 2;
        let sizes = [half, half, 1, half, REDRIVE_BYTES_MAX + 1, 1];
        let records: Vec<_> = (0..).zip(sizes).map(|(offset, size)| sized(offset, size)).collect();
        let entries = entries(records);
        let lengths: Vec<usize> = entries.iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 2, 1, 1]);
        let offsets: Vec<u64> = entries.iter().flatten().map(|record| record.offset.0).collect();
        assert_eq!(offsets, [0, 1, 2, 3, 4, 5]);
        assert!(super::entries(Vec::new()).is_empty());
    }
}
