//! `[pure]` What a dead record is in its dead-letter topic: the record as it was, with headers that
//! tell where it came from and why it is here. Every byte follows from the replicated state, so that
//! whichever coordinator writes it writes the same, under the same sequence, and the partition takes
//! it once. And the way back, for a redrive.

use bytes::Bytes;
use rampart_api::model::ids::{Offset, TopicId};
use rampart_api::model::limits::TOPIC_NAME_BYTES_MAX;
use rampart_api::model::murmur2::murmur2;
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};
use rampart_raft_store::planted::{self, Bug};
use rampart_raft_store::state::group::TopicPartition;
use rampart_raft_store::state::group::delivery::{DEAD_LETTER_EPOCH, Dying, Parked, RecordCopy};

/// Headers of a dead record begin so, the last ones it has; a client's own are kept before them.
const PREFIX: &str = "rampart-dlq-";

/// Where a dead record came from, as its headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The group that gave it up.
    pub group: String,
    /// The partition it was in. By identity: the topic's name may be another's by now.
    pub partition: TopicPartition,
    /// Its offset there.
    pub offset: Offset,
    /// How often it was delivered.
    pub attempts: u32,
    /// What went wrong.
    pub error: String,
}

/// The batch of a dying record, alone in it.
pub fn batch(
    (group, topic_name): (&str, &str),
    parked: &Parked,
    copy: &RecordCopy,
    dying: &Dying,
) -> Bytes {
    let text = |text: String| Some(Bytes::from(text));
    let mut headers = copy.headers.clone();
    let added = [
        ("topic", topic_name.to_owned()),
        ("topic-id", parked.origin.topic.to_string()),
        ("partition", parked.origin.partition.to_string()),
        ("offset", parked.offset.to_string()),
        ("group", group.to_owned()),
        ("attempts", parked.attempts.to_string()),
        ("error", parked.error.clone()),
        ("timestamp", copy.timestamp_ms.to_string()),
    ];
    headers.extend(added.map(|(name, value)| (format!("{PREFIX}{name}"), text(value))));
    let sequence = i32::try_from(dying.sequence).expect("sequences wrap where an i32 does");
    let mut batch = match planted::is(Bug::DeadLetterUnnumbered) {
        true => BatchBuilder::new(),
        false => BatchBuilder::new().producer(dying.producer_id, DEAD_LETTER_EPOCH, sequence),
    };
    batch.push(NewRecord {
        key: copy.key.as_deref(),
        value: copy.value.as_deref(),
        timestamp_ms: dying.dying_ms,
        headers: &headers,
    });
    batch.build()
}

/// A record as it is read from a dead-letter topic, taken apart: where it came from, and what it was
/// there. Nothing for one that no coordinator wrote.
pub fn parse(record: RecordCopy) -> Option<(Origin, RecordCopy)> {
    let RecordCopy { key, value, mut headers, .. } = record;
    let own = headers.split_off(headers.len().checked_sub(ADDED)?);
    let find = |name: &str| {
        let found = own.iter().find(|(known, _)| known.strip_prefix(PREFIX) == Some(name))?;
        std::str::from_utf8(found.1.as_deref()?).ok()
    };
    let topic = TopicId(uuid::Uuid::try_parse(find("topic-id")?).ok()?);
    let origin = Origin {
        group: find("group")?.to_owned(),
        partition: TopicPartition { topic, partition: find("partition")?.parse().ok()? },
        offset: find("offset")?.parse().ok()?,
        attempts: find("attempts")?.parse().ok()?,
        error: find("error")?.to_owned(),
    };
    let timestamp_ms = find("timestamp")?.parse().ok()?;
    Some((origin, RecordCopy { timestamp_ms, key, value, headers }))
}

/// Headers that `batch` adds, behind those of the record.
const ADDED: usize = 8;

/// The dead-letter topic of a topic in a group, if the switch names none: hashed where the two names
/// together are longer than a topic's may be.
pub fn default_topic(topic: &str, group: &str) -> String {
    let plain = format!("{topic}.{}.dlq", in_a_topic_name(group));
    if plain.len() <= TOPIC_NAME_BYTES_MAX && in_a_topic_name(group) == group {
        return plain;
    }
    let hash = murmur2(format!("{topic}\n{group}").as_bytes());
    let end = format!(".{hash:08x}.dlq");
    let kept: String = plain.chars().take(TOPIC_NAME_BYTES_MAX - end.len()).collect();
    format!("{}{end}", kept.trim_end_matches(".dlq"))
}

/// Groups may be called what topics may not.
fn in_a_topic_name(group: &str) -> String {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    group.chars().map(|c| if is_fine(c) { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use rampart_api::model::record_batch;
    use rampart_api::model::topic_config::validate_topic_name;
    use rampart_raft_store::state::group::delivery::{ParkedBody, Place};

    use super::*;

    fn copy() -> RecordCopy {
        RecordCopy {
            timestamp_ms: 77,
            key: Some(Bytes::from_static(b"k")),
            value: None,
            headers: vec![
                ("own".to_owned(), None),
                // A record that died once before, and was sent back by hand.
                ("rampart-dlq-group".to_owned(), Some(Bytes::from_static(b"old"))),
            ],
        }
    }

    fn dying() -> (Parked, Dying) {
        let into = TopicPartition { topic: TopicId(uuid::Uuid::from_u128(9)), partition: 0 };
        let dying = Dying { into, producer_id: 1 << 62, sequence: 5, dying_ms: 99 };
        let parked = Parked {
            origin: TopicPartition { topic: TopicId(uuid::Uuid::from_u128(1)), partition: 3 },
            offset: Offset(42),
            attempts: 5,
            error: "no such flight".to_owned(),
            parked_ms: 80,
            body: ParkedBody::Copied(copy()),
            place: Place::Dying(dying),
        };
        (parked, dying)
    }

    #[test]
    fn a_dead_record_tells_where_it_came_from_and_can_go_back() {
        let (parked, dying) = dying();
        let batch = batch(("g", "flights"), &parked, &copy(), &dying);
        let header = record_batch::validate(&batch).unwrap();
        assert_eq!((header.producer_id, header.producer_epoch), (1 << 62, 0));
        assert_eq!((header.base_sequence, header.record_count), (5, 1));
        let record = record_batch::records(&batch).unwrap().remove(0);
        assert_eq!(record.timestamp_ms, 99);
        let (timestamp_ms, headers) = (record.timestamp_ms, record.headers);
        let read = RecordCopy { timestamp_ms, key: record.key, value: record.value, headers };
        let named = |name: &str| {
            let found = read.headers.iter().find(|(known, _)| known == name);
            String::from_utf8(found.unwrap().1.clone().unwrap().to_vec()).unwrap()
        };
        assert_eq!(named("rampart-dlq-topic"), "flights");
        assert_eq!(named("rampart-dlq-error"), "no such flight");
        let (origin, back) = parse(read).unwrap();
        let expected = Origin {
            group: "g".to_owned(),
            partition: parked.origin,
            offset: Offset(42),
            attempts: 5,
            error: "no such flight".to_owned(),
        };
        assert_eq!(origin, expected);
        assert_eq!(back, copy(), "as it was");
    }

    #[test]
    fn whoever_writes_it_writes_the_same() {
        let (parked, dying) = dying();
        let write = || batch(("g", "flights"), &parked, &copy(), &dying);
        assert_eq!(write(), write());
    }

    #[test]
    fn what_no_coordinator_wrote_is_not_taken_apart() {
        assert_eq!(parse(copy()), None);
        assert_eq!(parse(RecordCopy::default()), None);
    }

    #[test]
    fn dead_letter_topics_have_names_that_topics_may_have() {
        assert_eq!(default_topic("flights", "billing"), "flights.billing.dlq");
        let long = "g".repeat(249);
        let names = [
            default_topic("flights", &long),
            default_topic("flights", &format!("{long}h")),
            default_topic(&long, "billing"),
            default_topic("flights", "a b"),
            default_topic("flights", "a/b"),
            default_topic("flights", "günther"),
        ];
        for name in &names {
            validate_topic_name(name).unwrap();
            assert!(name.ends_with(".dlq"), "{name}");
        }
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }
}
