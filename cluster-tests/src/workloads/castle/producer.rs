//! A producer of the SDK with its Castle session. For each partition somebody sends a record and waits
//! until it is decided what became of it, again and again.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use rampart_api::client::producer::{DeliveryError, ProducerOptions, Record, RecordMetadata};
use rampart_api::client::{Client, Producer};
use rampart_api::model::problem::Outcome;
use rampart_api::model::topic_config::Ack as Level;

use super::super::process::Process;
use super::super::traffic::Traffic;
use super::super::value;
use super::PARTITIONS;
use crate::history::event::Ack;
use crate::history::{Event, Function, Phase};

/// Until then it is decided what became of a record, so that clients end in time.
const DELIVERY: Duration = Duration::from_secs(20);
/// One attempt: a node that stands still is left soon.
const ATTEMPT: Duration = Duration::from_secs(2);

/// What became of a record: offsets where it is known to be, or why it is not.
type End = Result<Option<u64>, (Phase, String)>;

/// Writes until the traffic is closed.
pub(super) async fn write(traffic: Traffic, topic: String, in_flight: usize) {
    let servers: Vec<String> = traffic.nodes().iter().map(|api| api.base().to_owned()).collect();
    let options = ProducerOptions {
        ack: Some(Level::Quorum),
        delivery_timeout: DELIVERY,
        attempt_timeout: ATTEMPT,
        in_flight_max: in_flight,
        client_id: topic.clone(),
        ..ProducerOptions::default()
    };
    let client = Client::new(servers).expect("the addresses of nodes that run are addresses");
    let producer = Producer::new(client, options).expect("these options go together");
    let lanes = (0..PARTITIONS).map(|partition| lane(&traffic, &producer, (&topic, partition)));
    join_all(lanes).await;
    producer.close().await;
}

/// One record after the other to a partition.
async fn lane(traffic: &Traffic, producer: &Producer, (topic, partition): (&str, u32)) {
    let mut process = Process::new(traffic);
    traffic.serves_steered(process.id, 0);
    process.note(Function::Mark, |event| event.kind = Some("steered".to_owned()));
    let mut number = 0;
    while traffic.turn().await {
        number += 1;
        let name = value::name(process.id, number, 0, 0);
        let record = Record::to(topic).partition(partition).value(Bytes::from(value::full(&name)));
        let event = Event::new(process.id, Function::Produce).at(topic, partition);
        let event = Event { ack: Some(Ack::Quorum), values: vec![name], ..event };
        let event = traffic.recorder().invoke(event);
        end(&mut process, event, send(producer, record).await).await;
    }
}

async fn send(producer: &Producer, record: Record) -> End {
    // What was not taken is not sent.
    let delivery = producer.send(record).await.map_err(|error| (Phase::Fail, error.to_string()))?;
    delivery.await.map(|RecordMetadata { offset, .. }| offset).map_err(|error| not_acked(&error))
}

fn not_acked(error: &DeliveryError) -> (Phase, String) {
    let phase = match error.outcome() {
        Outcome::NotDone => Phase::Fail,
        Outcome::Unknown => Phase::Unknown,
    };
    (phase, error.to_string())
}

async fn end(process: &mut Process, mut event: Event, end: End) {
    let phase = match end {
        Ok(offset) => {
            event.offsets = offset.into_iter().collect();
            process.traffic.serves_steered(process.id, event.time);
            Phase::Ok
        }
        Err((phase, error)) => {
            event.error = Some(error);
            phase
        }
    };
    process.end(event, phase).await;
}
