//! A consumer: polls one partition from its start, and now and then asks where it begins and ends.

use bytes::Bytes;
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::Offset;
use rampart_api::model::record_batch::{BatchHeader, records};
use rampart_cluster_tests::history::{Delivery, Event, Function, Phase};
use rampart_node::partition::request::{Fetch, Fetched, OffsetSpec};
use rampart_node::partition::{Answer, Operation};

use super::{Client, Target};
use crate::world::Stage;
use crate::world::door::Refused;

/// Bytes asked for at once.
const MAX_BYTES: u32 = 16 << 10;

/// Polls until the run settles.
pub(super) async fn run(mut client: Client, target: Target, pace: u64) {
    let mut next = 0;
    while client.shared.stage() < Stage::Settling {
        if client.dice.percent(10) {
            list(&mut client, &target).await;
        } else {
            next = poll(&mut client, &target, next).await;
        }
        client.pause(1, pace).await;
    }
}

/// Reads from an offset on; answers where to go on.
async fn poll(client: &mut Client, target: &Target, offset: u64) -> u64 {
    let linearizable = client.dice.percent(20);
    let event = client.event(Function::Fetch).at(&target.topic, target.partition);
    let isolation = linearizable.then(|| "linearizable".to_owned());
    let event = client.shared.recorder().invoke(Event { offset: Some(offset), isolation, ..event });
    let wait_ms = u32::try_from(client.dice.below(300)).expect("it is small");
    let fetch = Fetch {
        key: target.key,
        offset: Offset(offset),
        max_bytes: MAX_BYTES,
        wait_ms,
        linearizable,
    };
    match client.operate(Operation::Fetch(fetch)).await {
        Ok(Answer::Fetched(fetched)) => {
            let event = read(event, offset, &fetched);
            // A linearizable fetch is a question beside the reading.
            let next = event.next_offset.filter(|_| !linearizable);
            client.shared.recorder().end(event, Phase::Ok);
            next.unwrap_or(offset)
        }
        Ok(other) => panic!("an answer of another kind: {other:?}"),
        Err(refused) => {
            let start = first_valid(&refused).filter(|start| *start > offset);
            client.refused(event, &refused);
            let Some(start) = start else {
                client.pause(5, 40).await;
                return offset;
            };
            let seek = client.event(Function::Seek).at(&target.topic, target.partition);
            client.shared.recorder().note(Event { offset: Some(start), ..seek });
            start
        }
    }
}

/// The log start, where retention has overtaken the reader.
fn first_valid(refused: &Refused) -> Option<u64> {
    match refused {
        Refused::Problem(problem) if problem.code == ErrorCode::OffsetOutOfRange => {
            problem.valid_offsets.map(|(start, _)| start)
        }
        _ => None,
    }
}

async fn list(client: &mut Client, target: &Target) {
    let (spec, name) =
        client.dice.pick(&[(OffsetSpec::Latest, "latest"), (OffsetSpec::Earliest, "earliest")]);
    let event = client.event(Function::ListOffset).at(&target.topic, target.partition);
    let event = client.shared.recorder().invoke(Event { spec: Some(name.to_owned()), ..event });
    match client.operate(Operation::ListOffset(target.key, spec)).await {
        Ok(Answer::Listed(listed)) => {
            let event = Event {
                offset: Some(listed.offset.0),
                high_watermark: Some(listed.high_watermark.0),
                log_start: Some(listed.log_start.0),
                ..event
            };
            client.shared.recorder().end(event, Phase::Ok);
        }
        Ok(other) => panic!("an answer of another kind: {other:?}"),
        Err(refused) => {
            client.refused(event, &refused);
            client.pause(5, 40).await;
        }
    }
}

/// The records of an answer at or above an offset, as the history notes them.
pub(super) fn read(event: Event, offset: u64, fetched: &Fetched) -> Event {
    let all = fetched.batches.iter().flat_map(values);
    let (offsets, values): (Vec<u64>, Vec<String>) = all.filter(|(at, _)| *at >= offset).unzip();
    Event {
        next_offset: Some(offsets.last().map_or(offset, |last| last + 1)),
        offsets,
        values,
        high_watermark: Some(fetched.high_watermark.0),
        log_start: Some(fetched.log_start.0),
        epoch: Some(fetched.leader_epoch),
        ..event
    }
}

/// Offsets and values of a batch; of one that can't be read, a value that nobody wrote.
fn values(batch: &Bytes) -> Vec<(u64, String)> {
    let base = BatchHeader::parse(batch).map_or(0, |header| header.base_offset).unsigned_abs();
    match records(batch) {
        Ok(records) => records
            .into_iter()
            .map(|record| {
                let value = record.value.unwrap_or_default();
                let offset = base + u64::from(record.offset_delta.unsigned_abs());
                (offset, String::from_utf8_lossy(&value).into_owned())
            })
            .collect(),
        Err(error) => vec![(base, format!("corrupt:{error}"))],
    }
}

/// Offsets of the dead records of a batch, and the records of a topic that they were.
pub(super) fn dead(batch: &Bytes, topic: &str) -> Vec<(u64, Delivery)> {
    let base = BatchHeader::parse(batch).map_or(0, |header| header.base_offset).unsigned_abs();
    let records = records(batch).unwrap_or_default().into_iter();
    let dead = records.map(|record| {
        let header = |name: &str| {
            let is_it = |known: &&(String, Option<Bytes>)| known.0 == format!("rampart-dlq-{name}");
            let (_, value) = record.headers.iter().find(is_it)?;
            std::str::from_utf8(value.as_deref()?).ok()?.parse::<u32>().ok()
        };
        let number = |name: &str| header(name).unwrap_or(u32::MAX);
        let value = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default());
        let (partition, offset) = (number("partition"), u64::from(number("offset")));
        let delivery = Delivery::of((topic, partition), offset, &value);
        let at = base + u64::from(record.offset_delta.unsigned_abs());
        (at, Delivery { attempt: number("attempts"), ..delivery })
    });
    dead.collect()
}
