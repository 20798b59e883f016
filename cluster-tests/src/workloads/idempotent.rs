//! Writers whose batches are written once however often they are sent: numbered by a producer, or
//! under a key. Each sends a batch, through whichever node, until it is acknowledged, and then now and
//! then once more. Each time is an operation of the history.

use std::time::Duration;

use rand::RngExt;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::process::{Process, Reply, exchange, request};
use super::traffic::Traffic;
use super::value;
use super::writer::{self, Batch, PATIENCE, Target};
use crate::harness::client::Api;
use crate::history::event::Ack;
use crate::history::{Event, Function, Phase};

/// Percent of the acknowledged batches that are sent again.
const AGAIN: u32 = 20;
/// Records in a batch, at most.
const RECORDS_MAX: usize = 3;

/// What makes a batch the same when it is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Once {
    /// A producer's number.
    Number,
    /// A key of its own.
    Key,
}

/// A numbering producer.
#[derive(Debug, Clone, Copy)]
struct Producer {
    id: u64,
    epoch: u64,
    /// What its next record gets.
    next: u64,
}

/// Writes to a partition until the traffic is closed.
pub async fn write(traffic: Traffic, topic: String, partition: u32, once: Once) {
    let mut process = Process::new(&traffic);
    let mut rng = traffic.rng(process.id);
    let target = Target::new(&topic, partition, Ack::Quorum);
    let mut producer = match once {
        Once::Key => None,
        Once::Number => match new_producer(&mut process).await {
            Some(producer) => Some(producer),
            None => return,
        },
    };
    let mut number = 0;
    while traffic.turn().await {
        number += 1;
        let count = rng.random_range(1..=RECORDS_MAX);
        let names = (0..count).map(|place| value::name(process.id, number, place, 0)).collect();
        let batch = Numbered { names, producer, key: format!("{}-{number}", process.id) };
        if !until_acked(&mut process, &target, &batch).await {
            return;
        }
        if rng.random_range(0..100) < AGAIN {
            until_acked(&mut process, &target, &batch).await;
        }
        if let Some(producer) = &mut producer {
            producer.next += count as u64;
        }
    }
}

/// Asks for a producer's id until there is one, or the traffic is closed.
async fn new_producer(process: &mut Process) -> Option<Producer> {
    while process.traffic.turn().await {
        let (node, api) = process.node();
        let mut event = process.event(Function::Admin, node);
        event.kind = Some("create_producer".to_owned());
        let mut event = process.traffic.recorder().invoke(event);
        let asked = request(&api, Method::POST, "/v1/producers", &json!({}));
        let reply = exchange(&api, asked, PATIENCE).await;
        event.error = reply.error();
        let phase = reply.phase();
        process.end(event, phase).await;
        if let Reply::Done(body) = reply
            && let (Some(id), Some(epoch)) = (body["producer_id"].as_u64(), body["epoch"].as_u64())
        {
            return Some(Producer { id, epoch, next: 0 });
        }
    }
    None
}

/// A batch, with what makes it the same each time.
struct Numbered {
    names: Vec<String>,
    producer: Option<Producer>,
    key: String,
}

impl Numbered {
    fn event(&self, event: Event) -> Event {
        let values = self.names.clone();
        let event = Event { ack: Some(Ack::Quorum), values, ..event };
        match self.producer {
            Some(Producer { id, next, .. }) => {
                let sequence = i64::try_from(next).ok();
                Event { producer_id: Some(id), sequence, ..event }
            }
            None => Event { idempotency_key: Some(self.key.clone()), ..event },
        }
    }

    fn request(&self, api: &Api, target: &Target) -> RequestBuilder {
        let body = writer::body(&Batch::keyless(self.names.clone()));
        let request = request(api, Method::POST, &writer::path(target, true), &body);
        match self.producer {
            Some(Producer { id, epoch, next }) => request
                .header("X-Producer-Id", id)
                .header("X-Producer-Epoch", epoch)
                .header("X-Producer-Sequence", next),
            None => request.header("Idempotency-Key", &self.key),
        }
    }
}

/// Sends a batch until it is acknowledged; false if the traffic was closed before.
async fn until_acked(process: &mut Process, target: &Target, batch: &Numbered) -> bool {
    loop {
        if send(process, target, batch).await {
            return true;
        }
        if !process.traffic.rest(Duration::from_millis(20)).await {
            return false;
        }
    }
}

async fn send(process: &mut Process, target: &Target, batch: &Numbered) -> bool {
    let (node, api) = process.node();
    let event = process.event(Function::Produce, node).at(&target.label, target.partition);
    let event = process.traffic.recorder().invoke(batch.event(event));
    let reply = exchange(&api, batch.request(&api, target), PATIENCE).await;
    let (event, phase) = writer::ended(event, &reply);
    process.end(event, phase).await;
    phase == Phase::Ok
}
