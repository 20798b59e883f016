//! Two consumer groups on one topic: one has what it can't process again in place, the other gives it
//! up. Their members come, leave, and die without a word; in the end one member of each does what is
//! left, and the dead letters are read.

use std::collections::BTreeSet;
use std::time::Duration;

use rampart_api::model::dead_letter::DeadLetterSwitch;
use rampart_api::model::ids::{Offset, TopicId};
use rampart_cluster_tests::history::{
    Delivery, Event, Function, Held, Phase, Progress as Reached, Said as Says, Settled as Became,
};
use rampart_cluster_tests::workloads::group::{Way, rule, token_says};
use rampart_node::controller::request::NewSwitch;
use rampart_node::groups::dead_letters::default_topic;
use rampart_node::groups::poll::{Poll, Polled};
use rampart_node::groups::request::{
    Described, GroupAnswer, GroupRequest, Said, Settle, Settled, Verdict,
};
use rampart_node::partition::request::{Fetch, OffsetSpec, PartitionKey};
use rampart_node::partition::{Answer, Operation};
use rampart_raft_store::state::group::MemberId;
use rampart_raft_store::state::group::state::MemberAbout;
use tokio::task::JoinSet;

use super::{Client, Target};
use crate::world::Stage;
use crate::world::door::{Ask, Refused, Reply};

/// Deliveries after which a record is given up.
const ATTEMPTS: u32 = 3;
/// Members of a group at a time.
const SEATS: u32 = 2;
/// How long a member keeps a record.
const LOCK_MS: u32 = 1_200;
/// Percent of the records that a member forgets.
const FORGOTTEN: u64 = 5;
/// Percent of the rounds in which it remembers what it forgot: too late, mostly.
const REMEMBERS: u64 = 15;
/// A group that nothing is in the way of is done within this.
const DRAIN: Duration = Duration::from_secs(60);
/// Bytes read at once.
const MAX_BYTES: u32 = 64 << 10;

/// A group.
#[derive(Debug, Clone)]
pub(super) struct Group {
    name: String,
    way: Way,
    /// The partitions of its topic.
    targets: Vec<Target>,
}

impl Group {
    fn topic(&self) -> (&str, TopicId) {
        let first = &self.targets[0];
        (&first.topic, first.key.topic)
    }

    fn event(&self, event: Event) -> Event {
        Event { group: Some(self.name.clone()), ..event }
    }
}

/// Says which groups there are, and switches dead letters on for one of them.
pub(super) async fn prepare(
    client: &mut Client,
    topic: &str,
    targets: &[Target],
) -> Result<Vec<Group>, String> {
    let targets: Vec<Target> = targets.iter().filter(|t| t.topic == topic).cloned().collect();
    let switch = DeadLetterSwitch {
        enabled: true,
        attempts: ATTEMPTS,
        delay_ms: 200,
        backoff: 1.5,
        ..DeadLetterSwitch::default()
    };
    let groups = [("acks", Way::Acks), ("gives-up", Way::GivesUp)];
    let groups =
        groups.map(|(name, way)| Group { name: name.to_owned(), way, targets: targets.clone() });
    for group in &groups {
        let gives_up = group.way == Way::GivesUp;
        if gives_up {
            let (topic, group) = (topic.to_owned(), Some(group.name.clone()));
            let new = NewSwitch { topic, group, switch: switch.clone(), dry_run: false };
            let set = async {
                while client.ask(Ask::Switch(new.clone())).await.is_err() {
                    client.move_on();
                    client.pause(20, 60).await;
                }
            };
            let set = tokio::time::timeout(DRAIN, set).await;
            set.map_err(|_| "the dead-letter switch was not set".to_owned())?;
        }
        let event = group.event(Event::new(client.process, Function::Mark));
        let (kind, spec) = (Some("group".to_owned()), Some("earliest".to_owned()));
        let detail = gives_up.then(|| ATTEMPTS.to_string());
        client.shared.recorder().note(Event { kind, spec, detail, ..event });
    }
    Ok(groups.into())
}

/// Starts the members of all groups, and who looks how far they are; processes from `first` on.
pub(super) fn load(of: &Client, groups: &[Group], first: u32, working: &mut JoinSet<()>) {
    let mut process = first;
    for group in groups {
        for _ in 0..SEATS {
            working.spawn_local(seat(of.like(process), group.clone()));
            process += 1;
        }
        working.spawn_local(looks(of.like(process), group.clone()));
        process += 1;
    }
}

/// One member after another, until the run settles.
async fn seat(mut client: Client, group: Group) {
    let mut life = 0;
    while client.shared.stage() < Stage::Settling {
        life += 1;
        let mut member = Member::new(&client, &group, life);
        for _ in 0..3 + client.dice.below(30) {
            if client.shared.stage() >= Stage::Settling {
                return;
            }
            let most = 1 + client.dice.position(20);
            member.poll(&mut client, most).await;
            member.forget(&client);
            member.settle(&mut client).await;
            client.pause(1, 80).await;
        }
        if client.dice.percent(50) {
            member.leave(&mut client).await;
        }
    }
}

/// Asks how far a group is, until the run settles.
async fn looks(mut client: Client, group: Group) {
    while client.shared.stage() < Stage::Settling {
        client.pause(100, 800).await;
        look(&mut client, &group).await;
    }
}

/// One member.
struct Member<'a> {
    group: &'a Group,
    name: MemberId,
    session_ms: u32,
    /// Records and their tokens.
    hand: Vec<(Delivery, String)>,
    forgotten: Vec<(Delivery, String)>,
}

impl<'a> Member<'a> {
    fn new(client: &Client, group: &'a Group, life: u32) -> Member<'a> {
        let name = MemberId(format!("{}-{life}", client.process));
        let session_ms = 1_000 + u32::try_from(client.dice.below(2_000)).expect("it is small");
        let (hand, forgotten) = (Vec::new(), Vec::new());
        Member { group, name, session_ms, hand, forgotten }
    }

    /// Forgets some of what it has in hand, and now and then remembers what it forgot.
    fn forget(&mut self, client: &Client) {
        let dice = &client.dice;
        let late =
            if dice.percent(REMEMBERS) { std::mem::take(&mut self.forgotten) } else { Vec::new() };
        let hand = std::mem::take(&mut self.hand).into_iter();
        let (forgotten, kept): (Vec<_>, Vec<_>) = hand.partition(|_| dice.percent(FORGOTTEN));
        self.forgotten.extend(forgotten);
        self.hand = kept.into_iter().chain(late).collect();
    }

    fn event(&self, client: &Client, f: Function) -> Event {
        Event { member: Some(self.name.0.clone()), ..self.group.event(client.event(f)) }
    }

    async fn poll(&mut self, client: &mut Client, records_max: usize) -> bool {
        let event = client.shared.recorder().invoke(self.event(client, Function::Poll));
        let poll = Poll {
            group: self.group.name.clone(),
            member: self.name.clone(),
            about: MemberAbout { session_ms: self.session_ms, ..MemberAbout::default() },
            topics: BTreeSet::from([self.group.topic().1]),
            start: OffsetSpec::Earliest,
            records_max,
            bytes_max: 1 << 20,
            wait: client.dice.millis(0, 200),
            lock_ms: LOCK_MS,
        };
        match client.ask(Ask::Poll(poll)).await {
            Ok(Reply::Polled(polled)) => {
                let event = self.is_given(event, &polled);
                client.shared.recorder().end(event, Phase::Ok);
                true
            }
            Ok(other) => panic!("an answer of another kind: {other:?}"),
            Err(refused) => {
                client.refused(event, &refused);
                client.pause(5, 40).await;
                false
            }
        }
    }

    fn is_given(&mut self, event: Event, polled: &Polled) -> Event {
        let topic = self.group.topic().0;
        let held = polled
            .assignment
            .iter()
            .map(|at| Held { topic: topic.to_owned(), partition: at.partition });
        let mut deliveries = Vec::with_capacity(polled.records.len());
        for record in &polled.records {
            let value = record.record.value.as_deref().unwrap_or_default();
            let value = String::from_utf8_lossy(value);
            let (epoch, is_parked) = token_says(&record.token).expect("a token says so");
            let at = (topic, record.partition.partition);
            let delivery = Delivery::of(at, record.offset.0, &value);
            let (epoch, attempt) = (Some(epoch), record.attempt);
            let delivery = Delivery { epoch, attempt, is_parked, ..delivery };
            deliveries.push(delivery.clone());
            self.hand.push((delivery, record.token.clone()));
        }
        let (generation, assignment) = (Some(polled.generation), held.collect());
        Event { generation, assignment, deliveries, ..event }
    }

    /// Says what the rule says of all that it has in hand.
    async fn settle(&mut self, client: &mut Client) -> bool {
        let (mut deliveries, mut verdicts) = (Vec::new(), Vec::new());
        for (delivery, token) in self.hand.drain(..) {
            let says = rule::said(self.group.way, &delivery.value, delivery.attempt);
            let is_delayed = says == Says::Retry && self.group.way == Way::GivesUp;
            let delay_ms = is_delayed.then_some(150 + delivery.offset % 4 * 100);
            let said = match says {
                Says::Ack => Said::Ack,
                Says::Retry => Said::Retry(delay_ms),
                Says::Reject => Said::Reject,
            };
            deliveries.push(Delivery { said: Some(says), delay_ms, ..delivery });
            verdicts.push(Settled { token, said, error: "as the rule says".to_owned() });
        }
        if deliveries.is_empty() {
            return true;
        }
        let event = self.event(client, Function::Settle);
        let mut event = client.shared.recorder().invoke(Event { deliveries, ..event });
        let (group, member) = (self.group.name.clone(), self.name.clone());
        let settle = GroupRequest::Settle(Settle { group, member, verdicts });
        match client.ask(Ask::Group(settle)).await {
            Ok(Reply::Group(GroupAnswer::Settled(answers))) => {
                for (delivery, answer) in event.deliveries.iter_mut().zip(answers) {
                    match answer {
                        Ok(verdict) => delivery.result = became(verdict),
                        Err(problem) => delivery.refused = Some(problem.to_string()),
                    }
                }
                client.shared.recorder().end(event, Phase::Ok);
                true
            }
            Ok(other) => panic!("an answer of another kind: {other:?}"),
            Err(refused) => {
                client.refused(event, &refused);
                client.pause(5, 40).await;
                false
            }
        }
    }

    async fn leave(&self, client: &mut Client) {
        let event = client.shared.recorder().invoke(self.event(client, Function::Leave));
        let (group, member) = (self.group.name.clone(), self.name.clone());
        match client.ask(Ask::Group(GroupRequest::Leave { group, member })).await {
            Ok(_) => client.shared.recorder().end(event, Phase::Ok),
            Err(refused) => client.refused(event, &refused),
        }
    }
}

fn became(verdict: Verdict) -> Option<Became> {
    match verdict {
        Verdict::Acked => Some(Became::Acked),
        Verdict::AlreadySettled => Some(Became::AlreadySettled),
        Verdict::Parked { .. } => Some(Became::Parked),
        Verdict::Dying => Some(Became::Dying),
        Verdict::InPlace => Some(Became::InPlace),
        Verdict::Gone => Some(Became::Gone),
        Verdict::Renewed => None,
    }
}

/// One look at how far a group is.
async fn look(client: &mut Client, group: &Group) -> Option<Box<Described>> {
    let event = client.shared.recorder().invoke(group.event(client.event(Function::Progress)));
    let describe = GroupRequest::Describe { group: group.name.clone() };
    match client.ask(Ask::Group(describe)).await {
        Ok(Reply::Group(GroupAnswer::Described(described))) => {
            let progress = described.partitions.iter().map(|known| Reached {
                topic: group.topic().0.to_owned(),
                partition: known.partition.partition,
                committed: known.committed.map(|committed| committed.0),
                lag: None,
            });
            let progress = progress.collect();
            client.shared.recorder().end(Event { progress, ..event }, Phase::Ok);
            Some(described)
        }
        Ok(other) => panic!("an answer of another kind: {other:?}"),
        Err(refused) => {
            client.refused(event, &refused);
            None
        }
    }
}

/// Lets a last member do what is left, and reads what the group gave up.
pub(super) async fn drain(client: &mut Client, group: &Group) -> Result<(), String> {
    let mut found = String::new();
    let drained = async {
        let mut member = Member::new(client, group, 0);
        loop {
            member.poll(client, 500).await;
            member.settle(client).await;
            match left(client, group).await {
                None => break,
                Some(what) => found = what,
            }
        }
        member.leave(client).await;
    };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        return Err(format!("P18: the group {} is not done {DRAIN:?}: {found}", group.name));
    }
    let event = group.event(Event::new(client.process, Function::Mark));
    client.shared.recorder().note(Event { kind: Some("drained".to_owned()), ..event });
    if group.way != Way::GivesUp {
        return Ok(());
    }
    let read = tokio::time::timeout(DRAIN, read_dead_letters(client, group)).await;
    read.map_err(|_| format!("P18: the dead letters of {} can't be read", group.name))
}

/// What a group still has to do.
async fn left(client: &mut Client, group: &Group) -> Option<String> {
    let Some(described) = look(client, group).await else {
        return Some("nobody answers".to_owned());
    };
    for target in &group.targets {
        let latest = Operation::ListOffset(target.key, OffsetSpec::Latest);
        let Ok(Answer::Listed(end)) = client.operate(latest).await else {
            client.move_on();
            return Some(format!("{}/{} has no leader", target.topic, target.partition));
        };
        let known =
            described.partitions.iter().find(|known| known.partition.partition == target.partition);
        let is_done = known.is_some_and(|known| {
            known.committed >= Some(end.offset) && known.parked == 0 && known.dying == 0
        });
        if !is_done {
            return Some(format!("{known:?}, and its end is {}", end.offset));
        }
    }
    None
}

/// Notes what is in a group's dead-letter topic, if there is one.
async fn read_dead_letters(client: &mut Client, group: &Group) {
    let name = default_topic(group.topic().0, &group.name);
    let topic = loop {
        match client.ask(Ask::View).await {
            Ok(Reply::View(view)) => {
                let mut topics = view.state.topics.values();
                break topics.find(|topic| topic.name == name).cloned();
            }
            _ => client.move_on(),
        }
        client.pause(20, 60).await;
    };
    let Some(topic) = topic else {
        client.shared.recorder().note(group.event(client.event(Function::DeadLetters)));
        return;
    };
    for partition in (0..).take(topic.partitions.len()) {
        let key = PartitionKey { topic: topic.id, partition };
        let mut next = Some(0);
        while let Some(from) = next {
            next = match read_piece(client, group, (&name, key), from).await {
                Ok(next) => next,
                Err(_) => {
                    client.move_on();
                    client.pause(20, 60).await;
                    Some(from)
                }
            };
        }
    }
}

/// Reads on; `None` at the end.
async fn read_piece(
    client: &Client,
    group: &Group,
    (name, key): (&str, PartitionKey),
    from: u64,
) -> Result<Option<u64>, Refused> {
    let event = group.event(client.event(Function::DeadLetters)).at(name, key.partition);
    let event = client.shared.recorder().invoke(Event { offset: Some(from), ..event });
    let (offset, max_bytes) = (Offset(from), MAX_BYTES);
    let fetch = Fetch { key, offset, max_bytes, wait_ms: 0, linearizable: true };
    match client.operate(Operation::Fetch(fetch)).await {
        Ok(Answer::Fetched(fetched)) => {
            let dead = fetched
                .batches
                .iter()
                .flat_map(|batch| super::consumer::dead(batch, group.topic().0));
            let (offsets, deliveries): (Vec<u64>, Vec<Delivery>) =
                dead.filter(|(at, _)| *at >= from).unzip();
            let next = offsets.last().map_or(from, |last| last + 1);
            client.shared.recorder().end(Event { offsets, deliveries, ..event }, Phase::Ok);
            Ok(Some(next).filter(|next| *next < fetched.high_watermark.0))
        }
        Ok(other) => panic!("an answer of another kind: {other:?}"),
        Err(refused) => {
            let error = Some(refused.text());
            client.shared.recorder().end(Event { error, ..event }, Phase::Fail);
            Err(refused)
        }
    }
}
