//! A client without the SDK that follows Castle to the letter: it asks where to go, writes to the
//! leaders that were named and to nobody else, and asks again when its time has come or one of them
//! does not do it.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::super::process::{Process, exchange, request};
use super::super::traffic::Traffic;
use super::super::value;
use super::super::writer::{Batch, Target, produce_at};
use super::PARTITIONS;
use super::answer::{Known, read};
use crate::harness::client::Api;
use crate::harness::clock::Stopwatch;
use crate::history::event::Ack;
use crate::history::{Function, Phase};

/// How long it waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two writes.
const PAUSE: Duration = Duration::from_millis(50);
/// Before it asks again when there was no answer, or it was of no use.
const AGAIN: Duration = Duration::from_millis(300);

/// Whom it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asks {
    /// The best one of those that Castle named; the next one when that does not answer.
    TheNamed,
    /// All in turn: any node must know.
    Everybody,
}

struct Follower {
    process: Process,
    topic: String,
    asks: Asks,
    known: Known,
    /// Questions, and those since the last answer.
    questions: usize,
    unanswered: usize,
    /// Writes.
    number: u64,
}

/// Asks and writes until the traffic is closed.
pub(super) async fn follow(traffic: Traffic, topic: String, asks: Asks) {
    let (process, known) = (Process::new(&traffic), Known::default());
    traffic.serves_steered(process.id, 0);
    let mut follower =
        Follower { process, topic, asks, known, questions: 0, unanswered: 0, number: 0 };
    while traffic.turn().await {
        let is_served = follower.ask().await && follower.write().await;
        if !is_served && !traffic.rest(AGAIN).await {
            return;
        }
    }
}

impl Follower {
    /// A heartbeat; whether it was answered.
    async fn ask(&mut self) -> bool {
        let (node, api) = self.castle();
        self.questions += 1;
        let mut event = self.process.event(Function::Heartbeat, node);
        event.detail = Some(self.name());
        let mut event = self.process.traffic.recorder().invoke(event);
        let asked = request(&api, Method::POST, "/v1/castle/heartbeat", &self.body());
        let reply = exchange(&api, asked, PATIENCE).await;
        event.error = reply.error();
        let phase = reply.phase();
        if phase == Phase::Ok {
            let dispatch = read(&reply.into_body(), &self.topic, &self.process.traffic);
            self.known.learn(&dispatch);
            event.dispatch = Some(dispatch);
        }
        self.process.end(event, phase).await;
        self.unanswered = if phase == Phase::Ok { 0 } else { self.unanswered + 1 };
        phase == Phase::Ok
    }

    /// The node whose Castle it asks now.
    fn castle(&self) -> (u32, Api) {
        let named = match self.asks {
            Asks::TheNamed => self.known.brokers.get(self.unanswered),
            Asks::Everybody => None,
        };
        named.and_then(|node| self.node(*node)).unwrap_or_else(|| {
            let turn = self.process.id as usize + self.questions;
            self.process.traffic.node(turn)
        })
    }

    fn node(&self, index: u32) -> Option<(u32, Api)> {
        let api = self.process.traffic.nodes().into_iter().nth(index as usize)?;
        Some((index, api))
    }

    fn name(&self) -> String {
        format!("{}-{}", self.topic, self.process.id)
    }

    fn body(&self) -> Value {
        json!({
            "client_id": self.topic,
            "instance_id": self.name(),
            "session": "the only one",
            "known_version": self.known.version,
            "subscriptions": [{ "role": "producer", "topic": self.topic }],
        })
    }

    /// Writes to the leaders that were named until it is time to ask again; false once one of them
    /// did not do it, or where none is named.
    async fn write(&mut self) -> bool {
        let (watch, mut is_served) = (Stopwatch::start(), false);
        while watch.elapsed() < self.known.interval {
            for partition in 0..PARTITIONS {
                let leader = self.known.leaders.get(&partition);
                let Some(node) = leader.and_then(|node| self.node(*node)) else { continue };
                if !self.process.traffic.turn().await {
                    return true;
                }
                if !self.write_to(node, partition).await {
                    return false;
                }
                is_served = true;
            }
            if !is_served || !self.process.traffic.rest(PAUSE).await {
                break;
            }
        }
        is_served
    }

    async fn write_to(&mut self, node: (u32, Api), partition: u32) -> bool {
        self.number += 1;
        let names = vec![value::name(self.process.id, self.number, 0, 0)];
        let target = Target::new(&self.topic, partition, Ack::Quorum);
        let begun = self.process.traffic.recorder().now();
        let is_acked = produce_at(&mut self.process, node, &target, Batch::keyless(names)).await;
        if is_acked {
            self.process.traffic.serves_steered(self.process.id, begun);
        }
        is_acked
    }
}
