//! Dead letters to the end of a topic. Each is written under a key that only it has, and marked as
//! resolved after a majority has it: a request that is repeated, for its answer or its mark was lost,
//! finds what was written and writes nothing twice.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::PartitionId;
use rampart_api::model::murmur2::partition_for_key;
use rampart_api::model::once::{KeyTag, OnceTag};
use rampart_api::model::problem::Problem;
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};
use rampart_api::model::topic_config::{Ack, TimestampType, TopicConfig};
use rampart_raft_store::state::group::TopicPartition;
use rampart_raft_store::state::metadata::state::TopicRecord;

use super::dead_box::{DeadQuery, RedriveDone, note};
use super::dead_slice::{DeadRecord, PartitionSlice, add_offset};
use super::service::GroupService;
use crate::partition::once_hash::once_hash;
use crate::partition::request::{PartitionKey, Produce};

/// Records that are written at once.
const SENT_AT_ONCE_MAX: usize = 500;
/// How long one of them may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Stands before a key's parts, where a client's has who it is.
const PRINCIPAL: &[u8] = b"rampart redrive";

/// Where records go, and what they must be there.
struct Target<'a> {
    topic: &'a TopicRecord,
    config: TopicConfig,
    now_ms: i64,
}

impl GroupService {
    /// Writes what was found to the end of a topic, and marks what was written.
    pub(super) async fn send_back(
        &self,
        query: &DeadQuery,
        found: &mut PartitionSlice,
        topic: &TopicRecord,
        done: &mut RedriveDone,
    ) -> Result<(), Problem> {
        let Some(dead) = &query.from else { return Ok(()) };
        let target = Target {
            topic,
            config: TopicConfig::from_stored(&topic.config).0,
            now_ms: self.inner.clock.now_ms(),
        };
        let at = TopicPartition { topic: dead.id, partition: found.partition };
        let records = std::mem::take(&mut found.records);
        // Boxed, for the future of a whole append is large and there are many.
        let sends = records.iter().map(|record| Box::pin(self.send(&target, at, record)));
        let sends: Vec<_> = sends.collect();
        let results: Vec<_> = stream::iter(sends).buffered(SENT_AT_ONCE_MAX).collect().await;
        let (mut sent, mut refused) = (Vec::new(), None);
        for (record, result) in records.iter().zip(results) {
            match result {
                Ok(()) => {
                    done.redriven += 1;
                    add_offset(&mut sent, record.offset);
                }
                Err(problem) => {
                    done.left += 1;
                    refused.get_or_insert((record.offset, problem));
                }
            }
        }
        self.resolve(query, found.clone(), (Vec::new(), sent)).await?;
        let Some((first, problem)) = refused else { return Ok(()) };
        if done.redriven == 0 {
            return Err(problem);
        }
        found.next = first;
        note(done, problem.to_string());
        Ok(())
    }

    async fn send(
        &self,
        target: &Target<'_>,
        at: TopicPartition,
        dead: &DeadRecord,
    ) -> Result<(), Problem> {
        let (partition, batch, once) = target.batch(at, dead)?;
        let produce = Produce {
            key: PartitionKey { topic: target.topic.id, partition },
            ack: Some(match target.config.ack {
                Ack::All => Ack::All,
                Ack::Quorum | Ack::Leader | Ack::None => Ack::Quorum,
            }),
            timeout: SEND_TIMEOUT,
            batches: batch,
            records: 1,
            once: Some(once),
        };
        self.inner.partitions.produce(produce).await.map(drop)
    }
}

impl Target<'_> {
    /// The record as it was, for its partition of the topic, and what it is known by there.
    fn batch(
        &self,
        at: TopicPartition,
        dead: &DeadRecord,
    ) -> Result<(PartitionId, Bytes, OnceTag), Problem> {
        let record = &dead.record;
        let (size, max) = (record.bytes(), self.config.max_message_bytes);
        if size > max {
            let topic = &self.topic.name;
            let detail = format!("a record has {size} bytes, topic {topic} takes {max}");
            return Err(Problem::new(ErrorCode::RecordTooLarge, detail).hint(
                "raise max.message.bytes of the topic, or leave the record out by a filter",
            ));
        }
        let timestamp_ms = match self.config.message_timestamp_type {
            TimestampType::CreateTime => record.timestamp_ms,
            TimestampType::LogAppendTime => self.now_ms,
        };
        let mut batch = BatchBuilder::new();
        batch.push(NewRecord {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            timestamp_ms,
            headers: &record.headers,
        });
        let key = key(at, dead);
        let partitions = u32::try_from(self.topic.partitions.len()).unwrap_or(u32::MAX).max(1);
        // One without a key of its own is found again by the key of this writing.
        let partition = partition_for_key(record.key.as_deref().unwrap_or(&key.key), partitions);
        Ok((partition, batch.build(), OnceTag { stamp_ms: self.now_ms, key: Some(key) }))
    }
}

/// What a dead letter is known by wherever it is sent: where it lies. What it is follows from that.
fn key(at: TopicPartition, dead: &DeadRecord) -> KeyTag {
    let place = format!("{at}/{}", dead.offset);
    let key = once_hash(&[PRINCIPAL, place.as_bytes()]);
    KeyTag { key, body: key }
}

#[cfg(test)]
mod tests {
    use rampart_api::model::ids::{Offset, TopicId};
    use rampart_api::model::record_batch;
    use rampart_raft_store::state::group::delivery::RecordCopy;

    use super::super::dead_letters::Origin;
    use super::*;
    use crate::controller::testing::Sample;

    fn topic() -> TopicRecord {
        let sample = Sample::nodes(1).topic("orders", 1, &[&[1][..]; 4]);
        sample.state.topic_by_name("orders").unwrap().as_ref().clone()
    }

    fn dead(offset: u64, key: Option<&'static [u8]>) -> DeadRecord {
        let origin = Origin {
            group: "g".to_owned(),
            partition: TopicPartition { topic: TopicId(uuid::Uuid::from_u128(1)), partition: 0 },
            offset: Offset(9),
            attempts: 1,
            error: String::new(),
        };
        let record = RecordCopy {
            timestamp_ms: 7,
            key: key.map(Bytes::from_static),
            value: Some(Bytes::from_static(b"v")),
            headers: vec![("own".to_owned(), None)],
        };
        DeadRecord { offset: Offset(offset), timestamp_ms: 99, origin, record }
    }

    fn at() -> TopicPartition {
        TopicPartition { topic: TopicId(uuid::Uuid::from_u128(9)), partition: 0 }
    }

    #[test]
    fn a_dead_letter_is_the_same_however_often_it_is_sent() {
        let topic = topic();
        let target = |now_ms| Target { topic: &topic, config: TopicConfig::default(), now_ms };
        for key in [None, Some(&b"k"[..])] {
            let (partition, batch, once) = target(1).batch(at(), &dead(3, key)).unwrap();
            let (again, same, later) = target(2).batch(at(), &dead(3, key)).unwrap();
            assert_eq!((partition, &batch, once.key), (again, &same, later.key));
            let record = record_batch::records(&batch).unwrap().remove(0);
            assert_eq!((record.timestamp_ms, record.headers.len()), (7, 1), "as it was");
            let (_, _, other) = target(1).batch(at(), &dead(4, key)).unwrap();
            assert_ne!(other.key, once.key, "another record is another one");
        }
        let (partition, ..) = target(1).batch(at(), &dead(3, Some(b"k"))).unwrap();
        assert_eq!(partition, partition_for_key(b"k", 4), "where its key belongs");
    }

    #[test]
    fn the_topic_it_goes_to_has_its_rules() {
        let (topic, config) = (topic(), TopicConfig::default());
        let small = TopicConfig { max_message_bytes: 2, ..config.clone() };
        let target = Target { topic: &topic, config: small, now_ms: 1 };
        let refused = target.batch(at(), &dead(3, Some(b"k"))).unwrap_err();
        assert_eq!(refused.code, ErrorCode::RecordTooLarge);
        let message_timestamp_type = TimestampType::LogAppendTime;
        let stamped = TopicConfig { message_timestamp_type, ..config };
        let target = Target { topic: &topic, config: stamped, now_ms: 55 };
        let (_, batch, _) = target.batch(at(), &dead(3, None)).unwrap();
        assert_eq!(record_batch::records(&batch).unwrap()[0].timestamp_ms, 55);
    }
}
