//! `[pure]` From records to batches: who goes where. An explicit partition wins, then the key's
//! murmur2 as Kafka's default partitioner has it, then spreading. One batch per partition.

use std::collections::HashMap;

use bytes::Bytes;
use rampart_api::http::produce::InputRecord;
use rampart_api::model::ids::PartitionId;
use rampart_api::model::murmur2::partition_for_key;
use rampart_api::model::once::OnceTag;
use rampart_api::model::record_batch::BatchBuilder;

use super::once::Sequence;

/// Where each record of a request goes.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// One batch per partition, in order of first use.
    pub(super) parts: Vec<Part>,
    /// By record.
    pub(super) places: Vec<RecordPlace>,
    /// What records without a timestamp were given.
    pub(super) now_ms: i64,
}

/// The records of one partition.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) partition: PartitionId,
    pub(super) batch: Bytes,
    pub(super) records: u32,
    /// It is to be written once.
    pub(super) once: Option<OnceTag>,
}

/// Where one record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordPlace {
    /// Index into `parts`.
    pub(super) part: usize,
    /// Position inside the batch.
    pub(super) delta: u32,
    /// Milliseconds since 1970, as stored.
    pub(super) timestamp_ms: i64,
    /// That is the time of this node, not the sender's.
    pub(super) is_stamped: bool,
}

/// What the plan depends on besides the records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Number of partitions; records name only these.
    pub(super) partitions: u32,
    /// For records that name none.
    pub(super) default: Option<PartitionId>,
    /// For records without a timestamp, and for all unless `keeps_timestamps`.
    pub(super) now_ms: i64,
    /// The sender's timestamps count.
    pub(super) keeps_timestamps: bool,
    /// The producer that counts its records.
    pub(super) sequence: Option<Sequence>,
}

/// Makes the plan. `spread` divides so many keyless records into runs of one partition each.
pub(super) fn plan(
    records: &[InputRecord<'_>],
    rules: &Rules,
    spread: impl FnOnce(usize) -> Vec<(PartitionId, usize)>,
) -> Plan {
    let chosen: Vec<_> = records.iter().map(|record| choose(record, rules)).collect();
    let keyless = chosen.iter().filter(|partition| partition.is_none()).count();
    let runs = if keyless > 0 { spread(keyless) } else { Vec::new() };
    let mut keyless = runs.into_iter().flat_map(|(p, n)| std::iter::repeat_n(p, n));
    let mut building = Building::default();
    for (record, chosen) in records.iter().zip(chosen) {
        let partition = chosen.unwrap_or_else(|| {
            keyless.next().expect("spreading gives a partition to each keyless record")
        });
        building.push(partition, record, rules);
    }
    Plan { now_ms: rules.now_ms, ..building.finish() }
}

fn builder(rules: &Rules) -> BatchBuilder {
    match rules.sequence {
        Some(s) => BatchBuilder::new().producer(s.producer_id, s.epoch, s.base_sequence),
        None => BatchBuilder::new(),
    }
}

fn choose(record: &InputRecord<'_>, rules: &Rules) -> Option<PartitionId> {
    let by_key = || record.key.as_deref().map(|key| partition_for_key(key, rules.partitions));
    record.partition.or(rules.default).or_else(by_key)
}

#[derive(Default)]
struct Building {
    by_partition: HashMap<PartitionId, usize>,
    builders: Vec<(PartitionId, BatchBuilder)>,
    places: Vec<RecordPlace>,
}

impl Building {
    fn push(&mut self, partition: PartitionId, record: &InputRecord<'_>, rules: &Rules) {
        let builders = &mut self.builders;
        let part = *self.by_partition.entry(partition).or_insert_with(|| {
            builders.push((partition, builder(rules)));
            builders.len() - 1
        });
        let builder = &mut self.builders[part].1;
        let mut new = record.to_new_record(rules.now_ms);
        let is_stamped = !rules.keeps_timestamps || record.timestamp.is_none();
        if is_stamped {
            new.timestamp_ms = rules.now_ms;
        }
        let delta =
            u32::try_from(builder.len()).expect("a request has far fewer than 2^32 records");
        self.places.push(RecordPlace { part, delta, timestamp_ms: new.timestamp_ms, is_stamped });
        builder.push(new);
    }

    fn finish(self) -> Plan {
        let parts = self.builders.into_iter().map(|(partition, builder)| Part {
            partition,
            records: u32::try_from(builder.len()).expect("counted in u32 above"),
            batch: builder.build(),
            once: None,
        });
        Plan { parts: parts.collect(), places: self.places, now_ms: 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use rampart_api::model::record_batch::{records, validate};

    use super::*;

    const RULES: Rules =
        Rules { partitions: 4, default: None, now_ms: 77, keeps_timestamps: true, sequence: None };

    fn record(key: Option<&'static str>, partition: Option<u32>) -> InputRecord<'static> {
        InputRecord {
            key: key.map(|key| Cow::Borrowed(key.as_bytes())),
            value: Some(Cow::Borrowed(b"v")),
            partition,
            ..InputRecord::default()
        }
    }

    #[test]
    fn explicit_partition_wins_then_the_request_then_the_key() {
        let by_key = partition_for_key(b"SFO", 4);
        let cases = [
            (record(Some("SFO"), Some(3)), Some(1), 3),
            (record(Some("SFO"), None), Some(1), 1),
            (record(Some("SFO"), None), None, by_key),
            (record(None, None), None, 2),
        ];
        for (record, default, expected) in cases {
            let rules = Rules { default, ..RULES };
            let plan = plan(&[record], &rules, |n| vec![(2, n)]);
            assert_eq!(plan.parts[0].partition, expected);
        }
    }

    #[test]
    fn records_keep_their_order_inside_one_batch_per_partition() {
        let mut stamped = record(None, Some(1));
        stamped.timestamp = Some(5);
        let all = [record(None, None), record(None, Some(1)), record(None, None), stamped];
        let plan = plan(&all, &RULES, |n| {
            assert_eq!(n, 2);
            vec![(0, 1), (1, 1)]
        });
        let place = |part, delta, timestamp_ms| {
            let is_stamped = timestamp_ms == 77;
            RecordPlace { part, delta, timestamp_ms, is_stamped }
        };
        assert_eq!(
            plan.places,
            [place(0, 0, 77), place(1, 0, 77), place(1, 1, 77), place(1, 2, 5)]
        );
        assert_eq!(plan.parts.iter().map(|p| p.records).collect::<Vec<_>>(), [1, 3]);
        for part in &plan.parts {
            let header = validate(&part.batch).unwrap();
            assert_eq!(header.record_count as u32, part.records);
        }
        assert_eq!(records(&plan.parts[1].batch).unwrap()[2].timestamp_ms, 5);
    }

    #[test]
    fn the_topic_may_insist_on_its_own_time() {
        let mut stamped = record(None, Some(0));
        stamped.timestamp = Some(5);
        let rules = Rules { keeps_timestamps: false, ..RULES };
        let plan = plan(&[stamped], &rules, |_| unreachable!());
        assert_eq!(plan.places[0].timestamp_ms, 77);
    }
}
