//! A topic that goes on in another cluster: the group reads the old one to its end, then the new one;
//! what does not move stays; and nobody goes anywhere before Castle has said so.

use std::sync::Mutex;

use super::fake::Fake;
use super::*;
use crate::client::consumer::{RebalanceListener, SettleError, TopicPartition};
use crate::http::castle::Command;
use crate::http::groups::{ResetTo, Settled, StartAt};

const OTHER: &str = "flights";
const EAST: &str = "http://east:1";

/// Two clusters with the topic: of the old one's records, and as many new ones.
fn clusters(partitions: u32, records: u32) -> (Arc<Fake>, Arc<Fake>) {
    let (old, new) = (Fake::new(partitions, records), Fake::new(0, 0));
    new.add(TOPIC, "new ", partitions, records);
    old.state().others.insert(EAST.to_owned(), new.clone());
    (old, new)
}

/// Castle says that a topic goes on in the new cluster.
fn told(consumer: &Consumer, topic: &str) {
    consumer.steered().moved(topic, "east", &[EAST.to_owned()]);
}

/// Waits until it was asked twice more whether the group is through: it has looked and stayed.
async fn looked(fake: &Fake) {
    let before = fake.state().asked;
    until("it looks", || fake.state().asked >= before + 2).await;
}

async fn settle(records: Vec<ConsumerRecord>) {
    for settling in records.into_iter().map(ConsumerRecord::success).collect::<Vec<_>>() {
        assert_eq!(within(settling).await.unwrap(), Settled::Acked);
    }
}

/// Four records in each of two partitions.
fn fill(fake: &Fake, prefix: &str) {
    for (number, partition) in fake.state().partitions.iter_mut().enumerate() {
        let value = |n| (format!("k{n}"), format!("{prefix}{number}-{n}"));
        partition.values = (0..4).map(value).collect();
    }
}

fn news(partition: u32, range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| format!("new {partition}-{n}")).collect()
}

/// What a listener heard, with the topics.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn note(&self, what: &str, partitions: &[TopicPartition]) {
        let names: Vec<_> = partitions.iter().map(ToString::to_string).collect();
        self.0.lock().unwrap().push(format!("{what} {}", names.join(" ")));
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl RebalanceListener for Heard {
    fn on_assigned(&self, partitions: &[TopicPartition]) {
        self.note("assigned", partitions);
    }

    fn on_revoked(&self, partitions: &[TopicPartition]) {
        self.note("revoked", partitions);
    }

    fn on_lost(&self, partitions: &[TopicPartition]) {
        self.note("lost", partitions);
    }
}

#[tokio::test]
async fn the_new_cluster_is_read_once_all_of_the_old_one_is_settled() {
    let ((old, new), heard) = (clusters(2, 5), Arc::new(Heard::default()));
    let listening = ConsumerOptions { listener: Some(heard.clone()), ..options(Settle::Records) };
    let mut consumer = consumer(&old, listening);
    told(&consumer, TOPIC);
    let mut records = gather(&mut consumer, 10).await;
    let last = records.pop().unwrap();
    settle(records).await;
    looked(&old).await;
    assert_eq!(new.state().polls, [], "it is not sealed, and one record is open");
    old.seal(TOPIC);
    looked(&old).await;
    assert_eq!(new.state().polls, [], "one record is open");
    settle(vec![last]).await;
    let records = gather(&mut consumer, 10).await;
    assert!(values(&records).iter().all(|value| value.starts_with("new ")));
    settle(records).await;
    assert_eq!((old.committed(), new.committed()), (vec![5, 5], vec![5, 5]));
    let first = new.state().polls[0].clone();
    assert_eq!((first.start, first.member.as_str()), (StartAt::Earliest, "me"));
    until("the old group is left", || old.members().is_empty()).await;
    assert_eq!(consumer.assignment(), [0, 1].map(|n| TopicPartition::new(TOPIC, n)));
    let both = "orders/0 orders/1";
    assert_eq!(heard.all(), ["assigned", "revoked", "assigned"].map(|it| format!("{it} {both}")));
    within(consumer.close()).await;
    assert!(new.members().is_empty(), "and so is the new one");
}

#[tokio::test]
async fn nobody_goes_over_before_it_is_sealed_nor_with_something_parked_nor_without_a_word() {
    let (old, new) = clusters(1, 3);
    let mut consumer = consumer(&old, options(Settle::Records));
    settle(gather(&mut consumer, 3).await).await;
    old.seal(TOPIC);
    assert!(within(consumer.poll(8 * BEAT)).await.unwrap().is_empty());
    assert_eq!((old.state().asked, new.state().polls.len()), (0, 0), "nobody told it");
    old.state().partitions[0].sealed_at = None;
    told(&consumer, TOPIC);
    looked(&old).await;
    old.state().partitions[0].parked = 1;
    old.seal(TOPIC);
    looked(&old).await;
    consumer.steered().obey(&Command::Pause);
    old.state().partitions[0].parked = 0;
    assert!(within(consumer.poll(8 * BEAT)).await.unwrap().is_empty());
    assert_eq!(new.state().polls, [], "an operator has paused it");
    consumer.steered().obey(&Command::Resume);
    assert_eq!(values(&gather(&mut consumer, 3).await), news(0, 0..3));
}

#[tokio::test]
async fn every_member_waits_for_the_whole_group() {
    let (old, new) = clusters(2, 0);
    let one = ConsumerOptions { instance_id: Some("one".to_owned()), ..options(Settle::Records) };
    let two = ConsumerOptions { instance_id: Some("two".to_owned()), ..options(Settle::Records) };
    let (mut one, mut two) = (consumer(&old, one), consumer(&old, two));
    until("both are in", || old.members().len() == 2).await;
    let is_shared = || one.assignment().len() == 1 && two.assignment().len() == 1;
    until("each has its own", is_shared).await;
    fill(&old, "");
    fill(&new, "new ");
    old.seal(TOPIC);
    told(&one, TOPIC);
    told(&two, TOPIC);
    let (mine, others) = (gather(&mut one, 4).await, gather(&mut two, 4).await);
    settle(mine).await;
    assert!(within(one.poll(8 * BEAT)).await.unwrap().is_empty(), "the other one is not through");
    assert_eq!(new.state().polls, []);
    settle(others).await;
    let mut seen = BTreeMap::new();
    while seen.len() < 8 {
        for consumer in [&mut one, &mut two] {
            let records = within(consumer.poll(BEAT)).await.unwrap();
            count(&mut seen, &records);
            settle(records).await;
        }
    }
    let all: Vec<_> = news(0, 0..4).into_iter().chain(news(1, 0..4)).collect();
    assert_eq!(seen.into_keys().collect::<Vec<_>>(), all);
}

#[tokio::test]
async fn a_topic_that_stays_is_read_where_it_is_and_one_way_serves_all_that_go_there() {
    let (old, new) = clusters(1, 3);
    old.add(OTHER, "other ", 1, 3);
    new.add(OTHER, "new other ", 1, 2);
    let topics = vec![TOPIC.to_owned(), OTHER.to_owned()];
    let both = ConsumerOptions { topics, ..options(Settle::Records) };
    let mut consumer = consumer(&old, both);
    old.seal(TOPIC);
    told(&consumer, TOPIC);
    settle(gather(&mut consumer, 6).await).await;
    let moved = gather(&mut consumer, 3).await;
    assert_eq!(values(&moved), news(0, 0..3));
    assert_eq!(old.members(), ["me"], "it reads the other topic there");
    let held = [OTHER, TOPIC].map(|topic| TopicPartition::new(topic, 0));
    assert_eq!(consumer.assignment(), held);
    old.state().partitions[1].values.push(("k".to_owned(), "late".to_owned()));
    let late = gather(&mut consumer, 1).await;
    assert_eq!(values(&late), ["late"]);

    // Pauses are kept, and a seek finds its cluster.
    consumer.pause(&held[..1]);
    within(consumer.seek(&held[1], ResetTo::Offset(2))).await.unwrap();
    let again = gather(&mut consumer, 1).await;
    assert_eq!(values(&again), ["new 0-2"]);
    let lost = within(moved.into_iter().next().unwrap().success()).await;
    assert!(matches!(lost, Err(SettleError::Lost)), "{lost:?}");
    settle(late).await;
    old.seal(OTHER);
    told(&consumer, OTHER);
    until("it goes over too", || new.state().polls.iter().any(|poll| poll.topics.len() == 2)).await;
    assert!(within(consumer.poll(8 * BEAT)).await.unwrap().is_empty(), "it is paused");
    consumer.resume(&held[..1]);
    assert_eq!(values(&gather(&mut consumer, 2).await), ["new other 0-0", "new other 0-1"]);
    assert_eq!(new.members(), ["me"]);
    until("nothing is left to read", || old.members().is_empty()).await;
}

#[tokio::test]
async fn positions_are_committed_in_the_cluster_that_they_are_of() {
    let (old, new) = clusters(1, 4);
    let by_two = ConsumerOptions { records_max: 2, ..options(Settle::Positions) };
    let mut consumer = consumer(&old, by_two);
    old.seal(TOPIC);
    told(&consumer, TOPIC);
    gather(&mut consumer, 4).await;
    let place = TopicPartition::new(TOPIC, 0);
    let of_old = within(consumer.commit()).await.unwrap();
    assert_eq!(of_old, [(place.clone(), 4)].into());
    let records = within(consumer.poll(PATIENCE)).await.unwrap();
    assert_eq!(values(&records), news(0, 0..2));
    // What is of the old cluster does not skip anything in the new one.
    assert_eq!(within(consumer.commit_positions(of_old.clone())).await.unwrap(), of_old);
    assert_eq!((old.committed(), new.committed()), (vec![4], vec![0]));
    assert_eq!(within(consumer.commit()).await.unwrap(), [(place, 2)].into());
    assert_eq!((old.committed(), new.committed()), (vec![4], vec![2]));
}

#[tokio::test]
async fn automatic_settling_goes_on_over_there_and_the_end_is_that_of_all() {
    let (old, new) = clusters(1, 3);
    old.add(OTHER, "other ", 1, 1);
    let topics = vec![TOPIC.to_owned(), OTHER.to_owned()];
    let every = BEAT;
    let both = ConsumerOptions { topics, ..options(Settle::Automatic { every }) };
    let mut consumer = consumer(&old, both);
    old.seal(TOPIC);
    told(&consumer, TOPIC);
    gather(&mut consumer, 4).await;
    // The next poll is under way while the topic goes over.
    let records = gather(&mut consumer, 3).await;
    assert_eq!(values(&records), news(0, 0..3));
    drop(records);
    tokio::time::sleep(5 * BEAT).await;
    assert_eq!(new.committed(), [0], "the application has not come back from them");
    consumer.steered().obey(&Command::Exit);
    let ended = within(consumer.poll(PATIENCE)).await;
    assert!(ended.is_err(), "{ended:?}");
    until("both groups are left", || old.members().is_empty() && new.members().is_empty()).await;
    assert_eq!(new.committed(), [3]);
}

#[tokio::test]
async fn a_consumer_that_is_dropped_leaves_both_groups_and_follows_no_more() {
    let (old, new) = clusters(1, 3);
    old.add(OTHER, "other ", 1, 1);
    new.add(OTHER, "new other ", 1, 1);
    let topics = vec![TOPIC.to_owned(), OTHER.to_owned()];
    let mut consumer = consumer(&old, ConsumerOptions { topics, ..options(Settle::Records) });
    old.seal(TOPIC);
    told(&consumer, TOPIC);
    settle(gather(&mut consumer, 4).await).await;
    settle(gather(&mut consumer, 3).await).await;
    drop(consumer);
    until("both are left", || old.members().is_empty() && new.members().is_empty()).await;
}
