//! One member of a group: polls, does what the rule says, settles; forgets some records, so that their
//! locks run out. One that commits ends its life where it does not know what it was given, or whether
//! an offset was committed: a late commit must not undo one that came after it.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::{Value, json};

use super::super::process::{Process, Reply, exchange, request};
use super::super::value;
use super::{Group, PATIENCE, Way, rule};
use crate::history::{Delivery, Event, Function, Held, Phase, Said, Settled};

/// Milliseconds that a poll waits for a record.
const WAIT_MS: u64 = 300;
/// Milliseconds that a member keeps a record.
const LOCK_MS: u64 = 2_500;
/// Percent of the records that a member forgets.
const FORGOTTEN: u32 = 4;
/// Percent of the rounds in which it remembers what it forgot: too late, mostly.
const REMEMBERS: u32 = 10;
/// Percent of the rounds in which it does nothing.
const IDLE: u32 = 10;

/// A member, and what it has in hand.
#[derive(Debug)]
pub(super) struct Member {
    group: Group,
    name: String,
    session_ms: u64,
    generation: u64,
    hand: Vec<(Delivery, String)>,
    forgotten: Vec<(Delivery, String)>,
    /// Of one that commits: behind the last record that it was given, by partition.
    next: BTreeMap<u32, u64>,
}

impl Member {
    pub(super) fn new(group: Group, name: String, session_ms: u64) -> Member {
        let (hand, forgotten, next) = (Vec::new(), Vec::new(), BTreeMap::new());
        Member { group, name, session_ms, generation: 0, hand, forgotten, next }
    }

    /// Forgets some of what it has in hand, and now and then remembers what it forgot.
    fn forget(&mut self, rng: &mut StdRng) {
        let mut is = |percent| rng.random_range(0..100) < percent;
        let late = if is(REMEMBERS) { std::mem::take(&mut self.forgotten) } else { Vec::new() };
        let hand = std::mem::take(&mut self.hand).into_iter();
        let (forgotten, kept): (Vec<_>, Vec<_>) = hand.partition(|_| is(FORGOTTEN));
        self.forgotten.extend(forgotten);
        self.hand = kept.into_iter().chain(late).collect();
    }

    /// So many rounds, or until the traffic is closed; whether it must leave, not knowing what is its.
    pub(super) async fn live(
        &mut self,
        process: &mut Process,
        rng: &mut StdRng,
        rounds: u32,
    ) -> bool {
        for _ in 0..rounds {
            if !process.traffic.turn().await {
                return false;
            }
            let polled = self.poll(process, rng.random_range(1..40)).await;
            if polled == Phase::Unknown && self.group.way == Way::Commits {
                return true;
            }
            if rng.random_range(0..100) < IDLE {
                continue;
            }
            self.forget(rng);
            if !process.traffic.turn().await {
                return false;
            }
            if self.settle(process).await == Phase::Unknown && self.group.way == Way::Commits {
                return true;
            }
        }
        false
    }

    fn event(&self, process: &Process, f: Function) -> (Event, crate::harness::client::Api) {
        let (node, api) = process.node();
        let mut event = self.group.event(process.event(f, node));
        event.member = Some(self.name.clone());
        (event, api)
    }

    /// Asks for records.
    pub(super) async fn poll(&mut self, process: &mut Process, records_max: u64) -> Phase {
        let (event, api) = self.event(process, Function::Poll);
        let mut event = process.traffic.recorder().invoke(event);
        let body = json!({
            "member": self.name, "topics": [self.group.topic], "start": "earliest",
            "wait_ms": WAIT_MS, "max_records": records_max, "lock_ms": LOCK_MS,
            "session_ms": self.session_ms, "encoding": "string",
        });
        let path = format!("/v1/groups/{}/poll", self.group.name);
        let patience = PATIENCE + Duration::from_millis(WAIT_MS);
        let reply = exchange(&api, request(&api, Method::POST, &path, &body), patience).await;
        event.error = reply.error();
        let phase = reply.phase();
        if let Reply::Done(body) = reply {
            self.is_given(&body, &mut event);
        }
        process.end(event, phase).await;
        phase
    }

    fn is_given(&mut self, body: &Value, event: &mut Event) {
        event.generation = body["generation"].as_u64();
        self.generation = event.generation.unwrap_or(0);
        let each = |name: &str| body[name].as_array().cloned().unwrap_or_default();
        event.assignment = each("assignment").iter().filter_map(held).collect();
        for record in each("records") {
            let Some((delivery, token)) = delivery(&record) else { continue };
            event.deliveries.push(delivery.clone());
            let next = self.next.entry(delivery.partition).or_default();
            *next = (*next).max(delivery.offset + 1);
            self.hand.push((delivery, token));
        }
    }

    /// Says what it did with all that it has in hand.
    pub(super) async fn settle(&mut self, process: &mut Process) -> Phase {
        let hand = std::mem::take(&mut self.hand);
        match self.group.way {
            Way::Commits => self.commit(process).await,
            _ if hand.is_empty() => Phase::Ok,
            Way::Acks | Way::GivesUp => self.say(process, hand).await,
        }
    }

    async fn say(&self, process: &mut Process, hand: Vec<(Delivery, String)>) -> Phase {
        let mut hand: Vec<(Delivery, String)> = hand.into_iter().map(|h| self.decided(h)).collect();
        // As the answer has them.
        hand.sort_by_key(|(delivery, _)| match delivery.said {
            Some(Said::Ack) | None => 0,
            Some(Said::Retry) => 1,
            Some(Said::Reject) => 2,
        });
        let (event, api) = self.event(process, Function::Settle);
        let deliveries = hand.iter().map(|(delivery, _)| delivery.clone()).collect();
        let mut event = process.traffic.recorder().invoke(Event { deliveries, ..event });
        let path = format!("/v1/groups/{}/ack", self.group.name);
        let body = said(&self.name, &hand);
        let reply = exchange(&api, request(&api, Method::POST, &path, &body), PATIENCE).await;
        event.error = reply.error();
        let phase = reply.phase();
        let results = reply.into_body()["results"].as_array().cloned().unwrap_or_default();
        for (delivery, result) in event.deliveries.iter_mut().zip(&results) {
            delivery.result = result["result"].as_str().and_then(Settled::named);
            delivery.refused = result["code"].as_str().map(str::to_owned);
        }
        process.end(event, phase).await;
        phase
    }

    fn decided(&self, (delivery, token): (Delivery, String)) -> (Delivery, String) {
        let said = rule::said(self.group.way, &delivery.value, delivery.attempt);
        let is_delayed = said == Said::Retry && self.group.way == Way::GivesUp;
        // Not the same for each, so that they come again in another order.
        let delay_ms = is_delayed.then_some(200 + delivery.offset % 5 * 100);
        (Delivery { said: Some(said), delay_ms, ..delivery }, token)
    }

    /// Commits, partition by partition, all that it was given.
    async fn commit(&mut self, process: &mut Process) -> Phase {
        for (partition, next) in std::mem::take(&mut self.next) {
            let (event, api) = self.event(process, Function::Commit);
            let mut event = event.at(&self.group.topic, partition);
            (event.generation, event.offset) = (Some(self.generation), Some(next));
            let mut event = process.traffic.recorder().invoke(event);
            let path = format!("/v1/groups/{}/commit", self.group.name);
            let offset = json!({
                "topic": self.group.topic, "partition": partition, "offset": next,
            });
            let body = json!({
                "member": self.name, "generation": self.generation, "offsets": [offset],
            });
            let reply = exchange(&api, request(&api, Method::POST, &path, &body), PATIENCE).await;
            event.error = reply.error();
            let phase = reply.phase();
            process.end(event, phase).await;
            if phase == Phase::Unknown {
                return phase;
            }
        }
        Phase::Ok
    }

    pub(super) async fn leave(&self, process: &mut Process) {
        let (event, api) = self.event(process, Function::Leave);
        let mut event = process.traffic.recorder().invoke(event);
        let path = format!("/v1/groups/{}/members/{}", self.group.name, self.name);
        let asked = request(&api, Method::DELETE, &path, &Value::Null);
        let reply = exchange(&api, asked, PATIENCE).await;
        event.error = reply.error();
        let phase = reply.phase();
        process.end(event, phase).await;
    }
}

fn held(at: &Value) -> Option<Held> {
    let partition = u32::try_from(at["partition"].as_u64()?).ok()?;
    Some(Held { topic: at["topic"].as_str()?.to_owned(), partition })
}

/// A record as a poll has it, and its token.
fn delivery(record: &Value) -> Option<(Delivery, String)> {
    let Held { topic, partition } = held(record)?;
    let token = record["ack_token"].as_str()?.to_owned();
    let (epoch, is_parked) = token_says(&token)?;
    let text = record["value"].as_str().map_or_else(|| record["value"].to_string(), value::read);
    let delivery = Delivery::of((&topic, partition), record["offset"].as_u64()?, &text);
    let attempt = u32::try_from(record["attempt"].as_u64()?).ok()?;
    Some((Delivery { epoch: Some(epoch), attempt, is_parked, ..delivery }, token))
}

/// Since when the member holds the record's partition, and whether it was parked, as its token says.
pub fn token_says(token: &str) -> Option<(u64, bool)> {
    let mut parts = token.split('.').skip(2);
    let epoch = u64::from_str_radix(parts.next()?, 16).ok()?;
    Some((epoch, parts.next()?.starts_with('p')))
}

fn said(member: &str, hand: &[(Delivery, String)]) -> Value {
    let of = |said: Said| hand.iter().filter(move |(delivery, _)| delivery.said == Some(said));
    let ack: Vec<&str> = of(Said::Ack).map(|(_, token)| token.as_str()).collect();
    let retry: Vec<Value> = of(Said::Retry)
        .map(|(delivery, token)| match delivery.delay_ms {
            Some(delay_ms) => json!({ "token": token, "delay_ms": delay_ms, "error": "not yet" }),
            None => json!({ "token": token }),
        })
        .collect();
    let reject: Vec<Value> =
        of(Said::Reject).map(|(_, token)| json!({ "token": token, "error": "never" })).collect();
    json!({ "member": member, "ack": ack, "retry": retry, "reject": reject })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_and_its_token_say_what_the_history_has() {
        let record = json!({
            "topic": "t", "partition": 2, "offset": 7, "value": "3.1.0", "attempt": 2,
            "ack_token": "0000000000000000000000000000000a.2.1f.p7.2",
        });
        let (found, token) = delivery(&record).unwrap();
        let expected = Delivery::of(("t", 2), 7, "3.1.0");
        let epoch = Some(31);
        assert_eq!(found, Delivery { epoch, attempt: 2, is_parked: true, ..expected });
        let retry = Delivery { said: Some(Said::Retry), delay_ms: Some(300), ..found };
        let body = said("m", &[(retry, token.clone())]);
        assert_eq!(body["retry"][0]["token"], token.as_str());
        assert_eq!((&body["ack"], &body["retry"][0]["delay_ms"]), (&json!([]), &json!(300)));
        assert_eq!(token_says("no token"), None);
    }
}
