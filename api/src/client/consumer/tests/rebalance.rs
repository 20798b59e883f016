//! Partitions that come and go, and a member that does not get through to its group.

use std::sync::{Arc, Mutex};

use super::fake::Fake;
use super::*;
use crate::client::consumer::{RebalanceListener, SettleError, TopicPartition};
use crate::client::runtime;
use crate::http::groups::Settled;

/// What a listener heard.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Heard {
    fn note(&self, what: &str, partitions: &[TopicPartition]) {
        let numbers: Vec<_> = partitions.iter().map(|place| place.partition).collect();
        self.0.lock().unwrap().push(format!("{what} {numbers:?}"));
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

fn listening(heard: &Arc<Heard>) -> ConsumerOptions {
    ConsumerOptions { listener: Some(heard.clone()), ..options(Settle::Records) }
}

#[tokio::test]
async fn a_partition_that_is_revoked_is_finished_first() {
    let (fake, heard) = (Fake::new(2, 3), Arc::new(Heard::default()));
    let mut consumer = consumer(&fake, listening(&heard));
    let mut records = gather(&mut consumer, 6).await;
    assert_eq!(heard.all(), ["assigned [0, 1]"]);
    // "me" comes before "zoe": partition 1 is hers.
    fake.join("zoe", 1_000 * BEAT);
    until("it hears of it", || heard.all().len() == 2).await;
    assert_eq!(heard.all()[1], "revoked [1]");
    assert_eq!(consumer.assignment(), [TopicPartition::new(TOPIC, 0)]);
    let settled: Vec<_> = records.drain(..).map(ConsumerRecord::success).collect();
    for settling in settled {
        assert_eq!(within(settling).await.unwrap(), Settled::Acked);
    }
    assert_eq!(fake.committed(), [3, 3]);
    fake.expel("zoe");
    until("it gets it back", || heard.all().len() == 3).await;
    assert_eq!(heard.all()[2], "assigned [1]");
}

#[tokio::test]
async fn a_member_in_silence_delivers_nothing_and_then_has_lost_what_it_had() {
    let (fake, heard) = (Fake::new(1, 20), Arc::new(Heard::default()));
    let mut consumer = consumer(&fake, ConsumerOptions { records_max: 5, ..listening(&heard) });
    let mut records = gather(&mut consumer, 5).await;
    until("more are fetched", || fake.in_flight() >= 10).await;
    let silent = runtime::now();
    fake.gate.send_replace(false);
    tokio::time::sleep_until(silent + 6 * BEAT).await;
    let none = within(consumer.poll(BEAT)).await.unwrap();
    assert!(none.is_empty(), "two thirds of the session are over: {:?}", values(&none));
    until("it has lost them", || heard.all().len() == 2).await;
    assert_eq!(heard.all()[1], "lost [0]");
    let lost = within(records.remove(0).success()).await.unwrap_err();
    assert!(matches!(lost, SettleError::Lost), "{lost}");
    fake.gate.send_replace(true);
    let again = gather(&mut consumer, 5).await;
    assert_eq!(values(&again), names(0, 0..5), "they are delivered anew");
    assert_eq!(heard.all()[2], "assigned [0]");
}

#[tokio::test]
async fn a_member_that_was_taken_out_joins_anew() {
    let (fake, heard) = (Fake::new(1, 5), Arc::new(Heard::default()));
    let mut consumer = consumer(&fake, listening(&heard));
    let mut records = gather(&mut consumer, 5).await;
    fake.expel("me");
    let lost = within(records.remove(0).success()).await;
    assert!(!matches!(lost, Ok(Settled::Acked)), "{lost:?}");
    drop(records);
    let again = gather(&mut consumer, 5).await;
    for record in again {
        assert_eq!(within(record.success()).await.unwrap(), Settled::Acked);
    }
    assert_eq!(fake.committed(), [5]);
}

#[tokio::test]
async fn an_application_that_stays_away_is_taken_for_dead_and_comes_back() {
    let (fake, heard) = (Fake::new(1, 5), Arc::new(Heard::default()));
    let away = ConsumerOptions { processing_max: 8 * BEAT, ..listening(&heard) };
    let mut consumer = consumer(&fake, away);
    until("they are fetched", || fake.in_flight() == 5).await;
    until("it is out", || heard.all().len() == 2).await;
    assert_eq!(heard.all(), ["assigned [0]", "lost [0]"]);
    let records = gather(&mut consumer, 5).await;
    assert_eq!(values(&records), names(0, 0..5));
}
