//! A producer that numbers its batches and sends one until it is acknowledged, and now and then once
//! more: each is there once.

use bytes::Bytes;
use rampart_api::model::once::OnceTag;
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};
use rampart_cluster_tests::history::event::Ack as Noted;
use rampart_cluster_tests::history::{Event, Function, Phase};
use rampart_node::partition::request::Produce;
use rampart_node::partition::{Answer, Operation};

use super::producer::{How, landed};
use super::{Client, Target};
use crate::world::{Stage, wall_ms};

/// Ids of producers begin here: far from those that the cluster gives out.
const IDS: u32 = 1 << 20;
/// Percent of the acknowledged batches that are sent again.
const AGAIN: u64 = 20;

/// One batch, the same each time it is sent.
struct Numbered {
    values: Vec<String>,
    sequence: i32,
    stamp_ms: i64,
    batch: Bytes,
}

/// Writes until the run settles.
pub(super) async fn run(mut client: Client, target: Target, how: How) {
    let (mut number, mut sequence) = (0_u32, 0_i32);
    while client.shared.stage() < Stage::Settling {
        let count = 1 + client.dice.position(3);
        let process = client.process;
        let values = (0..count).map(|i| format!("p{process}-{number}-{i}")).collect();
        let numbered = numbered(&client, values, sequence);
        if !until_acked(&mut client, &target, how, &numbered).await {
            return;
        }
        if client.dice.percent(AGAIN) {
            until_acked(&mut client, &target, how, &numbered).await;
        }
        number += 1;
        sequence += i32::try_from(count).expect("a handful");
        client.pause(1, how.pace).await;
    }
}

fn id(client: &Client) -> u32 {
    IDS + client.process
}

fn numbered(client: &Client, values: Vec<String>, sequence: i32) -> Numbered {
    let stamp_ms = wall_ms();
    let mut batch = BatchBuilder::new().producer(i64::from(id(client)), 0, sequence);
    for value in &values {
        batch.push(NewRecord {
            key: None,
            value: Some(value.as_bytes()),
            timestamp_ms: stamp_ms,
            headers: &[],
        });
    }
    Numbered { values, sequence, stamp_ms, batch: batch.build() }
}

/// Sends a batch until it is acknowledged; false if the run settles before.
async fn until_acked(client: &mut Client, target: &Target, how: How, numbered: &Numbered) -> bool {
    while client.shared.stage() < Stage::Settling {
        if send(client, target, how, numbered).await {
            return true;
        }
        client.pause(5, 40).await;
    }
    false
}

async fn send(client: &mut Client, target: &Target, how: How, numbered: &Numbered) -> bool {
    let event = client.event(Function::Produce).at(&target.topic, target.partition);
    let event = client.shared.recorder().invoke(Event {
        ack: Some(Noted::Quorum),
        values: numbered.values.clone(),
        producer_id: Some(u64::from(id(client))),
        sequence: Some(i64::from(numbered.sequence)),
        ..event
    });
    let produce = Produce {
        key: target.key,
        ack: Some(how.ack),
        timeout: how.timeout,
        batches: numbered.batch.clone(),
        records: u32::try_from(numbered.values.len()).expect("a handful"),
        once: Some(OnceTag { stamp_ms: numbered.stamp_ms, key: None }),
    };
    match client.operate(Operation::Produce(produce)).await {
        Ok(Answer::Produced(produced)) => {
            client.progress.note(target, event.time);
            client.shared.recorder().end(landed(event, &produced), Phase::Ok);
            true
        }
        Ok(other) => panic!("an answer of another kind: {other:?}"),
        Err(refused) => {
            client.refused(event, &refused);
            false
        }
    }
}
