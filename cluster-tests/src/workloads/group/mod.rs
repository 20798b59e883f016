//! Consumer groups: one that has what it can't process again in place, one that gives it up, and one
//! that commits offsets. Their members come, leave, and die without a word; what they do with a
//! record follows from its value, so that the end of each is known. Afterwards a last member does
//! what is left, and the dead letters are read.

pub mod finish;
mod member;
pub mod rule;

use std::time::Duration;

use anyhow::Result;
use rand::RngExt;
use reqwest::Method;
use serde_json::{Value, json};

pub use self::member::token_says;

use self::member::Member;
use super::process::{Process, exchange, request};
use super::traffic::Traffic;
use crate::harness::client::Api;
use crate::history::{Event, Function, Phase, Progress};

/// Partitions of their topic.
pub const PARTITIONS: u32 = 3;
/// Members of each group at a time.
const SEATS: u32 = 3;
/// Between two looks at how far a group is.
const LOOK: Duration = Duration::from_millis(700);
/// How long a client waits for any answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// A group that gives records up does so after so many deliveries.
const ATTEMPTS: u32 = 3;

/// How a group's members say what they did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Record by record; one that fails comes again in place.
    Acks,
    /// Record by record; one that fails is parked, and dies in the end.
    GivesUp,
    /// By offsets.
    Commits,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What it reads.
    pub topic: String,
    /// How its members settle records.
    pub way: Way,
}

/// The groups that read a topic. Their names begin as the topic's.
pub fn all(topic: &str) -> [Group; 3] {
    let ways = [("acks", Way::Acks), ("gives-up", Way::GivesUp), ("commits", Way::Commits)];
    ways.map(|(name, way)| Group { name: format!("{topic}-{name}"), topic: topic.to_owned(), way })
}

impl Group {
    /// The topic that takes what is given up.
    pub fn dead_letters(&self) -> String {
        format!("{}.{}.dlq", self.topic, self.name)
    }

    /// Switches dead letters on where the group gives records up, and says in the history what the
    /// judge must know.
    pub async fn prepare(&self, api: &Api, traffic: &Traffic) -> Result<()> {
        let gives_up = self.way == Way::GivesUp;
        if gives_up {
            let switch = json!({
                "enabled": true, "attempts": ATTEMPTS, "delay_ms": 300, "backoff": 1.5,
            });
            let path = format!("/v1/topics/{}/dead-letter?group={}", self.topic, self.name);
            api.with_json(Method::PUT, &path, &switch).await?.ok()?;
        }
        let mut event = self.event(Event::new(0, Function::Mark));
        (event.kind, event.spec) = (Some("group".to_owned()), Some("earliest".to_owned()));
        event.detail = gives_up.then(|| ATTEMPTS.to_string());
        traffic.recorder().note(event);
        Ok(())
    }

    fn event(&self, event: Event) -> Event {
        Event { group: Some(self.name.clone()), ..event }
    }
}

/// The clients of a group until the traffic is closed: members, and who looks how far it is.
pub fn clients(traffic: &Traffic, group: &Group) -> Vec<impl Future<Output = ()> + Send + use<>> {
    let seats = (0..SEATS).map(|_| (traffic.clone(), group.clone(), Client::Seat));
    let looker = (traffic.clone(), group.clone(), Client::Looker);
    let all = seats.chain([looker]);
    all.map(|(traffic, group, client)| async move {
        match client {
            Client::Seat => seat(traffic, group).await,
            Client::Looker => looks(traffic, group).await,
        }
    })
    .collect()
}

#[derive(Debug, Clone, Copy)]
enum Client {
    Seat,
    Looker,
}

/// One member after another.
async fn seat(traffic: Traffic, group: Group) {
    let mut process = Process::new(&traffic);
    let mut rng = traffic.rng(process.id);
    let mut life = 0;
    while traffic.turn().await {
        life += 1;
        let name = format!("{}-{life}", process.id);
        let mut member = Member::new(group.clone(), name, rng.random_range(1_500..4_000));
        let rounds = rng.random_range(3..60);
        let is_left = member.live(&mut process, &mut rng, rounds).await;
        // Half of them die without a word: their sessions run out.
        if is_left || rng.random() {
            member.leave(&mut process).await;
        }
    }
}

/// Asks how far a group is.
async fn looks(traffic: Traffic, group: Group) {
    let mut process = Process::new(&traffic);
    while traffic.rest(LOOK).await && traffic.turn().await {
        look(&mut process, &group).await;
    }
}

/// One look at how far a group is; what was answered.
async fn look(process: &mut Process, group: &Group) -> Option<Value> {
    let (node, api) = process.node();
    let event = group.event(process.event(Function::Progress, node));
    let mut event = process.traffic.recorder().invoke(event);
    let path = format!("/v1/groups/{}/lag", group.name);
    let reply = exchange(&api, request(&api, Method::GET, &path, &Value::Null), PATIENCE).await;
    event.error = reply.error();
    let (phase, body) = (reply.phase(), reply.into_body());
    if phase == Phase::Ok {
        event.progress = body["partitions"]
            .as_array()
            .map_or(Vec::new(), |all| all.iter().filter_map(progress).collect());
    }
    process.end(event, phase).await;
    (phase == Phase::Ok).then_some(body)
}

fn progress(partition: &Value) -> Option<Progress> {
    Some(Progress {
        topic: partition["topic"].as_str()?.to_owned(),
        partition: u32::try_from(partition["partition"].as_u64()?).ok()?,
        committed: partition["committed"].as_u64(),
        lag: partition["lag"].as_u64(),
    })
}
