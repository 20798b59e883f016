//! A coordinator in memory: it hands out records under locks, assigns partitions to whoever polls, and
//! does with each request what a test has scripted.

mod upstream;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::super::rebalance::TopicPartition;
use super::super::record::Message;
use super::super::through::Progress;
use super::super::upstream::Polled;
use super::TOPIC;
use crate::client::runtime;
use crate::http::groups::{
    AckRequest, AckResponse, AckResult, CommitRequest, CommitResponse, GroupPartitionDescription,
    PollRequest, Settled,
};
use crate::http::topics::PartitionDescription;
use crate::model::error_code::ErrorCode;
use crate::model::problem::Problem;

/// What happens to a request.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    /// It is lost before it arrives.
    Lost,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// It is done.
    Done,
    /// It is refused.
    Refused(Problem),
}

#[derive(Debug)]
pub(super) struct Fake {
    state: Mutex<State>,
    /// While it is false, no request gets through, and there is no answer either.
    pub(super) gate: watch::Sender<bool>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) partitions: Vec<Partition>,
    generation: u64,
    members: BTreeMap<String, Subscriber>,
    pub(super) poll_fates: VecDeque<Fate>,
    pub(super) settle_fates: VecDeque<Fate>,
    pub(super) commit_fates: VecDeque<Fate>,
    pub(super) polls: Vec<PollRequest>,
    pub(super) settles: Vec<AckRequest>,
    pub(super) dead: Vec<String>,
    /// A record can be rejected.
    pub(super) has_dead_letters: bool,
    /// Other clusters, by their server.
    pub(super) others: BTreeMap<String, Arc<Fake>>,
    /// How often somebody asked whether the group is through with a topic.
    pub(super) asked: usize,
}

#[derive(Debug)]
struct Subscriber {
    seen: Instant,
    session: Duration,
    topics: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Partition {
    topic: String,
    number: u32,
    pub(super) sealed_at: Option<u64>,
    pub(super) parked: u64,
    pub(super) values: Vec<(String, String)>,
    pub(super) committed: u64,
    settled: BTreeSet<u64>,
    next: u64,
    locks: BTreeMap<u64, (u32, Instant)>,
    back: BTreeMap<u64, u32>,
    epoch: u64,
    holder: Option<String>,
}

impl Fake {
    /// Partitions with so many records each: `p-n` under the keys `k0` to `k6`.
    pub(super) fn new(partitions: u32, records: u32) -> Arc<Fake> {
        let fake = Fake { state: Mutex::default(), gate: watch::Sender::new(true) };
        fake.add(TOPIC, "", partitions, records);
        Arc::new(fake)
    }

    /// One more topic, whose values begin so.
    pub(super) fn add(&self, topic: &str, prefix: &str, partitions: u32, records: u32) {
        for number in 0..partitions {
            let value = |n| (format!("k{}", n % 7), format!("{prefix}{number}-{n}"));
            let (topic, values) = (topic.to_owned(), (0..records).map(value).collect());
            let partition = Partition { topic, number, values, ..Partition::default() };
            self.state().partitions.push(partition);
        }
    }

    /// Nothing is written to a topic any more.
    pub(super) fn seal(&self, topic: &str) {
        for partition in self.state().partitions.iter_mut().filter(|it| it.topic == topic) {
            partition.sealed_at = Some(partition.values.len() as u64);
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Where the group is, by partition.
    pub(super) fn committed(&self) -> Vec<u64> {
        self.state().partitions.iter().map(|partition| partition.committed).collect()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.state().partitions.iter().map(|partition| partition.locks.len()).sum()
    }

    /// A new coordinator: nothing is in anybody's hands.
    pub(super) fn fail_over(&self) {
        for partition in &mut self.state().partitions {
            partition.begin_anew();
        }
    }

    /// Somebody else joins, and says nothing more.
    pub(super) fn join(&self, member: &str, session: Duration) {
        let mut state = self.state();
        let topics = state.partitions.iter().map(|partition| partition.topic.clone()).collect();
        let subscriber = Subscriber { seen: runtime::now(), session, topics };
        state.members.insert(member.to_owned(), subscriber);
    }

    /// An operator takes a member out.
    pub(super) fn expel(&self, member: &str) {
        self.state().expel(member);
    }

    pub(super) fn members(&self) -> Vec<String> {
        self.state().members.keys().cloned().collect()
    }

    async fn pass(&self) {
        self.gate.subscribe().wait_for(|is_open| *is_open).await.unwrap();
    }
}

impl Partition {
    fn begin_anew(&mut self) {
        self.locks.clear();
        self.back.clear();
        self.next = self.committed;
    }

    fn settle(&mut self, offset: u64) {
        self.locks.remove(&offset);
        self.back.remove(&offset);
        self.settled.insert(offset);
        while self.settled.remove(&self.committed) {
            self.committed += 1;
        }
    }

    fn is_settled(&self, offset: u64) -> bool {
        offset < self.committed || self.settled.contains(&offset)
    }

    fn expire(&mut self, now: Instant) {
        let over = self.locks.iter().filter(|(_, (_, until))| *until <= now);
        let over: Vec<_> = over.map(|(offset, (attempt, _))| (*offset, *attempt)).collect();
        for (offset, attempt) in over {
            self.locks.remove(&offset);
            self.back.insert(offset, attempt);
        }
    }

    fn hand_out(&mut self, max: usize, until: Instant) -> Vec<(u64, u32)> {
        let mut given = Vec::new();
        while given.len() < max
            && let Some((offset, attempt)) = self.back.pop_first()
        {
            given.push((offset, attempt + 1));
        }
        while given.len() < max && (self.next as usize) < self.values.len() {
            if !self.is_settled(self.next) {
                given.push((self.next, 1));
            }
            self.next += 1;
        }
        for (offset, attempt) in &given {
            self.locks.insert(*offset, (*attempt, until));
        }
        given
    }
}

impl State {
    fn expel(&mut self, member: &str) {
        self.members.remove(member);
        for partition in &mut self.partitions {
            if partition.holder.as_deref() == Some(member) {
                partition.holder = None;
            }
        }
    }

    /// What time brings: ends of sessions and locks, and partitions for others.
    fn look_after(&mut self) {
        let now = runtime::now();
        let over = self.members.iter().filter(|(_, by)| by.seen + by.session <= now);
        let over: Vec<String> = over.map(|(member, _)| member.clone()).collect();
        over.iter().for_each(|member| self.expel(member));
        for number in 0..self.partitions.len() {
            let target = self.target(number);
            let partition = &mut self.partitions[number];
            partition.expire(now);
            let is_free = partition.holder.is_none() || partition.locks.is_empty();
            if partition.holder != target && is_free {
                self.generation += 1;
                (partition.holder, partition.epoch) = (target, self.generation);
                partition.begin_anew();
            }
        }
    }

    /// Who shall have a partition, of those who read its topic.
    fn target(&self, number: usize) -> Option<String> {
        let Partition { topic, number, .. } = &self.partitions[number];
        let readers = self.members.iter().filter(|(_, by)| by.topics.contains(topic));
        let readers: Vec<&String> = readers.map(|(member, _)| member).collect();
        readers.get(*number as usize % readers.len().max(1)).map(|member| (*member).clone())
    }

    fn find(&mut self, topic: &str, number: u32) -> &mut Partition {
        let is_it = |it: &&mut Partition| it.topic == topic && it.number == number;
        self.partitions.iter_mut().find(is_it).expect("it is there")
    }

    fn hold(&self, member: &str, number: usize) -> bool {
        self.partitions[number].holder.as_deref() == Some(member)
    }

    fn poll(&mut self, ask: &PollRequest) -> Polled {
        let session = Duration::from_millis(ask.session_ms.unwrap());
        let topics = ask.topics.clone();
        let subscriber = Subscriber { seen: runtime::now(), session, topics };
        self.members.insert(ask.member.clone(), subscriber);
        self.look_after();
        let until = runtime::now() + Duration::from_millis(ask.lock_ms.unwrap());
        let (mut polled, mut left) = (Polled::default(), ask.max_records.unwrap() as usize);
        polled.generation = self.generation;
        for number in 0..self.partitions.len() {
            if !self.hold(&ask.member, number) || self.target(number).as_ref() != Some(&ask.member)
            {
                continue;
            }
            let partition = &mut self.partitions[number];
            let place = TopicPartition::new(partition.topic.as_str(), partition.number);
            polled.assignment.insert(place.clone());
            let given = partition.hand_out(left, until);
            left -= given.len();
            for (offset, attempt) in given {
                let token = format!("{number}.{}.{offset}.{attempt}", partition.epoch);
                let (key, value) = &partition.values[offset as usize];
                let message = Message {
                    topic: place.topic.clone(),
                    partition: place.partition,
                    offset,
                    timestamp_ms: 0,
                    key: Some(key.clone().into()),
                    value: Some(value.clone().into()),
                    headers: Vec::new(),
                    attempt,
                    error: None,
                };
                polled.records.push((message, token));
            }
        }
        polled
    }

    fn settle(&mut self, ask: &AckRequest) -> AckResponse {
        self.look_after();
        if let Some(by) = self.members.get_mut(&ask.member) {
            by.seen = runtime::now();
        }
        let acks = ask.ack.iter().map(|token| (token, Said::Ack));
        let retries = ask.retry.iter().map(|item| (&item.token, Said::Retry));
        let rejects = ask.reject.iter().map(|item| (&item.token, Said::Reject));
        let renewals = ask.renew.iter().map(|item| (&item.token, Said::Renew(item.lock_ms)));
        let all: Vec<_> = acks.chain(retries).chain(rejects).chain(renewals).collect();
        let results = all.into_iter().map(|(token, said)| {
            let (result, code) = match self.judge(&ask.member, token, said) {
                Ok(settled) => (Some(settled), None),
                Err(code) => (None, Some(code)),
            };
            AckResult { token: token.clone(), result, due_ms: None, code, detail: None }
        });
        AckResponse { results: results.collect() }
    }

    fn judge(&mut self, member: &str, token: &str, said: Said) -> Result<Settled, ErrorCode> {
        if !self.members.contains_key(member) {
            return Err(ErrorCode::UnknownMember);
        }
        let parts: Vec<u64> = token.split('.').map(|part| part.parse().unwrap()).collect();
        let (number, epoch, offset) = (parts[0] as usize, parts[1], parts[2]);
        let partition = &mut self.partitions[number];
        if partition.holder.as_deref() != Some(member) || partition.epoch != epoch {
            return Err(ErrorCode::NotHeld);
        }
        match said {
            Said::Renew(lock_ms) => match partition.locks.get_mut(&offset) {
                Some((_, until)) => {
                    *until = runtime::now() + Duration::from_millis(lock_ms.unwrap());
                    Ok(Settled::Renewed)
                }
                None => Err(ErrorCode::NotHeld),
            },
            _ if partition.is_settled(offset) => Ok(Settled::AlreadySettled),
            Said::Ack => {
                partition.settle(offset);
                Ok(Settled::Acked)
            }
            Said::Retry => {
                let lock = partition.locks.remove(&offset);
                let attempt = lock.map_or(1, |(attempt, _)| attempt);
                partition.back.insert(offset, attempt);
                Ok(Settled::InPlace)
            }
            Said::Reject if self.has_dead_letters => {
                partition.settle(offset);
                self.dead.push(partition.values[offset as usize].1.clone());
                Ok(Settled::Dying)
            }
            Said::Reject => Err(ErrorCode::DeadLettersOff),
        }
    }

    fn commit(&mut self, ask: &CommitRequest) -> Result<CommitResponse, Problem> {
        self.look_after();
        if ask.generation != self.generation {
            return Err(Problem::new(ErrorCode::StaleGeneration, "it has gone on"));
        }
        for commit in &ask.offsets {
            let partition = self.find(&commit.topic, commit.partition);
            if partition.holder != ask.member {
                return Err(Problem::new(ErrorCode::NotHeld, "somebody else has it"));
            }
            partition.committed = commit.offset;
            partition.locks.retain(|offset, _| *offset >= commit.offset);
            partition.back.retain(|offset, _| *offset >= commit.offset);
        }
        Ok(CommitResponse::default())
    }

    fn progress(&self, topic: &str) -> Progress {
        let mut progress = Progress::default();
        for it in self.partitions.iter().filter(|it| it.topic == topic) {
            progress.topic.push(PartitionDescription {
                partition: it.number,
                log_start_offset: Some(0),
                sealed_at: it.sealed_at,
                ..PartitionDescription::default()
            });
            progress.group.push(GroupPartitionDescription {
                topic: topic.to_owned(),
                partition: it.number,
                committed: Some(it.committed),
                parked: it.parked,
                ..GroupPartitionDescription::default()
            });
        }
        progress
    }
}

/// What a member says of a record.
#[derive(Debug, Clone, Copy)]
enum Said {
    Ack,
    Retry,
    Reject,
    Renew(Option<u64>),
}
