//! A producer: appends values that are unique over the whole run to one partition, one request at a
//! time, and never sends a value twice.

use std::time::Duration;

use bytes::Bytes;
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};
use rampart_api::model::topic_config::Ack;
use rampart_cluster_tests::history::event::Ack as Noted;
use rampart_cluster_tests::history::{Event, Function, Phase};
use rampart_node::partition::request::{Produce, Produced};
use rampart_node::partition::{Answer, Operation};

use super::{Client, Target};
use crate::world::{Stage, wall_ms};

/// How a producer works.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    /// What it asks for.
    pub(super) ack: Ack,
    /// Milliseconds between two requests, at most.
    pub(super) pace: u64,
    /// How long a node tries.
    pub(super) timeout: Duration,
}

/// Appends until the run settles.
pub(super) async fn run(mut client: Client, target: Target, how: How) {
    let mut number = 0_u32;
    while client.shared.stage() < Stage::Settling {
        append(&mut client, &target, how, number).await;
        number += 1;
        client.pause(1, how.pace).await;
    }
}

async fn append(client: &mut Client, target: &Target, how: How, number: u32) {
    let count = 1 + client.dice.below(4);
    let process = client.process;
    let values: Vec<String> = (0..count).map(|i| format!("p{process}-{number}-{i}")).collect();
    let event = client.event(Function::Produce).at(&target.topic, target.partition);
    let event = Event { ack: noted(how.ack), values: values.clone(), ..event };
    let event = client.shared.recorder().invoke(event);
    let produce = Produce {
        key: target.key,
        ack: Some(how.ack),
        timeout: how.timeout,
        batches: batch(&values),
        records: u32::try_from(count).expect("a handful"),
        once: None,
    };
    match client.operate(Operation::Produce(produce)).await {
        Ok(Answer::Produced(produced)) => {
            client.progress.note(target, event.time);
            client.shared.recorder().end(landed(event, &produced), Phase::Ok);
        }
        Ok(other) => panic!("an answer of another kind: {other:?}"),
        Err(refused) => {
            client.refused(event, &refused);
            client.pause(5, 40).await;
        }
    }
}

pub(super) fn landed(event: Event, produced: &Produced) -> Event {
    let count = event.values.len() as u64;
    let offsets = match produced.base_offset {
        Some(base) => (base.0..base.0 + count).collect(),
        None => Vec::new(),
    };
    Event {
        offsets,
        epoch: Some(produced.leader_epoch),
        log_start: Some(produced.log_start.0),
        ..event
    }
}

fn batch(values: &[String]) -> Bytes {
    let mut batch = BatchBuilder::new();
    for value in values {
        batch.push(NewRecord {
            key: None,
            value: Some(value.as_bytes()),
            timestamp_ms: wall_ms(),
            headers: &[],
        });
    }
    batch.build()
}

fn noted(ack: Ack) -> Option<Noted> {
    Some(match ack {
        Ack::All => Noted::All,
        Ack::Quorum => Noted::Quorum,
        Ack::Leader => Noted::Leader,
        Ack::None => Noted::Zero,
    })
}
