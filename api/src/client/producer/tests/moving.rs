//! A topic goes on in another cluster: what the old one has stays there, everything else follows, in
//! its order and once.

use std::sync::atomic::Ordering;

use super::fake::{Fake, Fate};
use super::log::OTHER_SERVERS;
use super::*;
use crate::client::producer::{DeliveryError, FailureReason};

/// One record a batch, and so many on their way.
fn singly(in_flight_max: usize) -> ProducerOptions {
    ProducerOptions { batch_bytes_max: 1, in_flight_max, ..quick() }
}

fn castle_tells(producer: &Producer) {
    producer.steered().moved(TOPIC, "east", &OTHER_SERVERS.map(str::to_owned));
}

#[tokio::test]
async fn a_producer_goes_on_where_the_refusal_says_under_an_identity_of_that_cluster() {
    for in_flight_max in [1, 5] {
        let new = Fake::new(1);
        let old = Fake::before(1, &new);
        let producer = producer(&old, singly(in_flight_max));
        assert_eq!(offsets(send_all(&producer, &names(0..10)).await).await.len(), 10);
        old.seal([0]);
        let deliveries = send_all(&producer, &names(10..30)).await;
        assert_eq!(offsets(deliveries).await, (0..20).collect::<Vec<_>>());
        assert_eq!((old.values(0), new.values(0)), (names(0..10), names(10..30)));
        assert_eq!(new.identities.load(Ordering::SeqCst), 1);
        let asked = old.seen().len();
        assert_eq!(offsets(send_all(&producer, &names(30..31)).await).await, [20]);
        assert_eq!(old.seen().len(), asked, "the old cluster is not asked any more");
    }
}

#[tokio::test]
async fn what_was_written_before_the_seal_is_found_there_and_not_written_again() {
    use Fate::{AnswerLost, Done, Lost, NotLeader};
    let fates = [
        vec![AnswerLost],
        vec![Lost, AnswerLost],
        vec![AnswerLost, NotLeader, AnswerLost, Done, Lost],
        vec![Done, AnswerLost, AnswerLost, Lost, NotLeader, AnswerLost],
    ];
    for fates in fates {
        let new = Fake::new(1);
        let old = Fake::before(1, &new);
        let producer = producer(&old, singly(5));
        old.gate.send_replace(false);
        old.script(fates.clone());
        let deliveries = send_all(&producer, &names(0..12)).await;
        until("they are on their way", || old.seen().len() == 5).await;
        old.gate.send_replace(true);
        until("some are written", || !old.values(0).is_empty()).await;
        old.seal([0]);
        let answered = offsets(deliveries).await;
        let (before, after) = (old.values(0), new.values(0));
        assert_eq!([before.clone(), after].concat(), names(0..12), "{fates:?}");
        let expected: Vec<u64> =
            (0..before.len() as u64).chain(0..12 - before.len() as u64).collect();
        assert_eq!(answered, expected, "{fates:?}");
    }
}

#[tokio::test]
async fn each_partition_goes_over_when_it_is_sealed_and_both_know_one_identity_there() {
    let new = Fake::new(2);
    let old = Fake::before(2, &new);
    let producer = producer(&old, quick());
    let send = async |value: &str, partition| {
        let sent = within(producer.send(record(value).partition(partition))).await.unwrap();
        within(sent).await.unwrap().offset
    };
    old.seal([1]);
    assert_eq!(send("a", 0).await, Some(0));
    assert_eq!(send("b", 1).await, Some(0));
    assert_eq!(send("c", 0).await, Some(1));
    old.seal([0]);
    assert_eq!(send("d", 0).await, Some(0));
    assert_eq!((old.values(0), old.values(1)), (vec!["a".into(), "c".into()], vec![]));
    assert_eq!((new.values(0), new.values(1)), (vec!["d".to_owned()], vec!["b".to_owned()]));
    assert_eq!(new.identities.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn castle_leads_over_once_everything_that_was_sent_is_decided() {
    let new = Fake::new(1);
    let old = Fake::before(1, &new);
    let producer = producer(&old, singly(1));
    old.gate.send_replace(false);
    let deliveries = send_all(&producer, &names(0..3)).await;
    until("one is on its way", || old.seen().len() == 1).await;
    producer.steered().moved(TOPIC, "east", &["nonsense".to_owned()]);
    castle_tells(&producer);
    castle_tells(&producer);
    assert!(new.seen().is_empty(), "the first one is not decided");
    old.gate.send_replace(true);
    assert_eq!(offsets(deliveries).await, [0, 0, 1]);
    assert_eq!((old.values(0), new.values(0)), (names(0..1), names(1..3)));
}

#[tokio::test]
async fn without_answers_castle_alone_can_lead_over() {
    let new = Arc::new(Fake::silent(1, true));
    let old = Fake::before(1, &new);
    let producer = producer(&old, ProducerOptions { idempotent: false, ..quick() });
    offsets(send_all(&producer, &names(0..1)).await).await;
    castle_tells(&producer);
    let sent = send_all(&producer, &names(1..2)).await;
    for delivery in sent {
        assert_eq!(within(delivery).await.unwrap().offset, None);
    }
    assert_eq!(new.values(0), names(1..2));
}

#[tokio::test]
async fn a_node_that_knows_no_destination_yet_is_asked_again() {
    let new = Fake::new(1);
    let old = Fake::before(1, &new);
    let producer = producer(&old, quick());
    old.seal([0]);
    old.script([Fate::SealedSomewhere, Fate::SealedSomewhere]);
    assert_eq!(offsets(send_all(&producer, &names(0..1)).await).await, [0]);
    assert_eq!((old.seen().len(), new.values(0)), (3, names(0..1)));
}

#[tokio::test]
async fn what_is_not_decided_in_time_stays_unknown() {
    let new = Fake::new(1);
    let old = Fake::before(1, &new);
    let soon = Duration::from_millis(300);
    let producer = producer(&old, ProducerOptions { delivery_timeout: soon, ..singly(1) });
    old.script([Fate::Silence]);
    let first = send_all(&producer, &names(0..1)).await.remove(0);
    until("it is on its way", || old.seen().len() == 1).await;
    old.seal([0]);
    let error = within(first).await.unwrap_err();
    assert!(matches!(&error, DeliveryError::Unknown { .. }), "{error}");
    assert!(matches!(error.reason(), FailureReason::Expired { .. }), "{error}");
    assert_eq!(offsets(send_all(&producer, &names(1..2)).await).await, [0]);
    assert_eq!(new.values(0), names(1..2));
}
