//! Room, refusals, flush, close, callbacks: everything that ends or waits.

use std::sync::mpsc;
use std::time::Duration;

use futures_util::FutureExt;

use super::fake::{Fake, Fate};
use super::*;
use crate::client::producer::{DeliveryError, FailureReason, SendError};
use crate::model::error_code::ErrorCode;
use crate::model::problem::{Outcome, Problem};

#[tokio::test]
async fn whoever_sends_too_much_waits() {
    let fake = Fake::new(1);
    let options = ProducerOptions { buffer_bytes_max: 1_000, linger: HOUR, ..quick() };
    let producer = producer(&fake, options);
    fake.gate.send_replace(false);
    let large = || record(&"x".repeat(300)).partition(0);
    assert!(matches!(producer.try_send(&large()), Err(SendError::TopicNotKnown { .. })));
    let first = within(producer.send(large())).await.unwrap();
    let second = producer.try_send(&large()).unwrap();
    assert!(matches!(producer.try_send(&large()), Err(SendError::Full { bytes: 428, free: 144 })));
    let mut third = Box::pin(producer.send(large()));
    assert!((&mut third).now_or_never().is_none(), "there is no room");
    until("it does not wait for company while others wait for room", || !fake.seen().is_empty())
        .await;
    fake.gate.send_replace(true);
    let third = within(third).await.unwrap();
    assert_eq!(within(first).await.unwrap().offset, Some(0));
    assert_eq!(within(second).await.unwrap().offset, Some(1));
    within(producer.flush()).await;
    assert_eq!(within(third).await.unwrap().offset, Some(2));
    let huge = within(producer.send(record(&"x".repeat(900)))).await.unwrap_err();
    assert!(matches!(huge, SendError::RecordTooLarge { bytes: 900, max: 872 }), "{huge}");
}

#[tokio::test]
async fn a_batch_behind_others_grows_while_somebody_waits_for_room() {
    let fake = Fake::new(2);
    let options = ProducerOptions { buffer_bytes_max: 1_000, in_flight_max: 1, ..quick() };
    let producer = producer(&fake, options);
    fake.gate.send_replace(false);
    fake.script_for("first", [Fate::Held]);
    let first = within(producer.send(record("first").partition(0))).await.unwrap();
    let other = within(producer.send(record(&"x".repeat(300)).partition(1))).await.unwrap();
    until("both are on their way", || fake.seen().len() == 2).await;
    let second = within(producer.send(record("second").partition(0))).await.unwrap();
    let mut third = Box::pin(producer.send(record(&"y".repeat(300)).partition(0)));
    assert!((&mut third).now_or_never().is_none(), "there is no room");
    fake.gate.send_replace(true);
    within(other).await.unwrap();
    let third = within(third).await.unwrap();
    fake.held_gate.send_replace(true);
    assert_eq!(offsets(vec![first, second, third]).await, [0, 1, 2]);
    let records: Vec<i32> = fake.seen().iter().map(|seen| seen.header.record_count).collect();
    assert_eq!(records, [1, 1, 2], "the two that waited for the first go together");
}

#[tokio::test]
async fn a_record_that_waits_for_room_and_is_given_up_was_not_taken() {
    let fake = Fake::new(1);
    let producer = producer(&fake, ProducerOptions { buffer_bytes_max: 500, ..quick() });
    fake.gate.send_replace(false);
    let large = |value: &str| record(&value.repeat(300)).partition(0);
    let first = within(producer.send(large("a"))).await.unwrap();
    assert!(producer.send(large("b")).now_or_never().is_none());
    fake.gate.send_replace(true);
    assert_eq!(within(first).await.unwrap().offset, Some(0));
    within(producer.close()).await;
    assert_eq!(fake.values(0).len(), 1);
}

#[tokio::test]
async fn a_record_that_is_too_large_is_refused_alone() {
    let fake = Fake::new(1);
    let producer = producer(&fake, ProducerOptions { linger: HOUR, ..quick() });
    let refused = within(producer.send(record(&"x".repeat(1_001)))).await.unwrap_err();
    assert!(matches!(refused, SendError::RecordTooLarge { bytes: 1_001, max: 1_000 }));
    // The cluster may know of limits that nobody has told the client.
    let values = ["a", "b", "bad 1", "c", "d", "bad 2", "e"].map(str::to_owned);
    let deliveries = send_all(&producer, &values).await;
    producer.flush().await;
    let mut written = Vec::new();
    for (value, delivery) in values.iter().zip(deliveries) {
        match within(delivery).await {
            Ok(metadata) => written.push((value.as_str(), metadata.offset.unwrap())),
            Err(error) => {
                assert!(value.starts_with("bad"), "{value}: {error}");
                assert_eq!(error.code(), Some(ErrorCode::RecordTooLarge));
                assert_eq!(error.outcome(), Outcome::NotDone);
            }
        }
    }
    assert_eq!(written, [("a", 0), ("b", 1), ("c", 2), ("d", 3), ("e", 4)]);
    assert_eq!(fake.values(0), ["a", "b", "c", "d", "e"]);
    let after = send_all(&producer, &names(0..1)).await;
    producer.flush().await;
    assert_eq!(offsets(after).await, [5]);
}

#[tokio::test]
async fn what_the_cluster_says_of_a_topic_comes_through() {
    let fake = Fake::new(1);
    let producer = producer(&fake, quick());
    fake.refuse_describe(Problem::new(ErrorCode::TopicNotFound, "there is no topic flights"));
    let refused = within(producer.send(record("a"))).await.unwrap_err();
    assert!(refused.to_string().contains("there is no topic"), "{refused}");
    fake.refuse_describe(Problem::new(ErrorCode::NotReady, "starting"));
    let delivery = within(producer.send(record("a"))).await.unwrap();
    assert_eq!(within(delivery).await.unwrap().offset, Some(0));
}

#[tokio::test]
async fn a_flush_waits_for_all_that_was_sent() {
    let fake = Fake::new(2);
    let producer = producer(&fake, ProducerOptions { linger: HOUR, ..quick() });
    within(producer.flush()).await;
    fake.gate.send_replace(false);
    let a = within(producer.send(record("a").partition(0))).await.unwrap();
    let b = within(producer.send(record("b").partition(1))).await.unwrap();
    let mut flush = Box::pin(producer.flush());
    assert!((&mut flush).now_or_never().is_none());
    let later = within(producer.send(record("later").partition(0))).await.unwrap();
    fake.gate.send_replace(true);
    within(flush).await;
    assert!(a.now_or_never().is_some() && b.now_or_never().is_some());
    assert!(later.now_or_never().is_none(), "it waits for company");
}

#[tokio::test]
async fn a_closed_producer_has_sent_everything_and_takes_nothing() {
    let fake = Fake::new(1);
    let producer = producer(&fake, ProducerOptions { linger: HOUR, ..quick() });
    let deliveries = send_all(&producer, &names(0..10)).await;
    let other = producer.clone();
    within(producer.close()).await;
    for delivery in deliveries {
        delivery.now_or_never().expect("it is decided").unwrap();
    }
    assert!(matches!(within(other.send(record("a"))).await, Err(SendError::Closed)));
    assert!(matches!(other.try_send(&record("a")), Err(SendError::Closed)));
    within(other.close()).await;
    assert_eq!(fake.values(0), names(0..10));
}

#[tokio::test]
async fn whoever_waits_for_room_hears_of_the_end() {
    let fake = Fake::new(1);
    let producer = producer(&fake, ProducerOptions { buffer_bytes_max: 500, ..quick() });
    fake.gate.send_replace(false);
    let large = || record(&"x".repeat(300)).partition(0);
    let first = within(producer.send(large())).await.unwrap();
    let mut waiting = Box::pin(producer.send(large()));
    assert!((&mut waiting).now_or_never().is_none());
    let closing = producer.close();
    fake.gate.send_replace(true);
    within(closing).await;
    // It had its turn before the end, or was turned away: it is never forgotten.
    match within(waiting).await {
        Ok(delivery) => assert_eq!(within(delivery).await.unwrap().offset, Some(1)),
        Err(error) => assert!(matches!(error, SendError::Closed), "{error}"),
    }
    assert_eq!(within(first).await.unwrap().offset, Some(0));
}

#[tokio::test]
async fn a_dropped_producer_sends_what_it_has_taken() {
    let fake = Fake::new(1);
    let producer = producer(&fake, ProducerOptions { linger: HOUR, ..quick() });
    let deliveries = send_all(&producer, &names(0..3)).await;
    drop(producer);
    assert_eq!(offsets(deliveries).await, [0, 1, 2]);
}

#[test]
fn a_runtime_that_ends_leaves_nobody_waiting() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut sent = None;
    runtime.block_on(async {
        let fake = Fake::new(1);
        fake.gate.send_replace(false);
        let producer = producer(&fake, quick());
        sent = Some(within(producer.send(record("a"))).await.unwrap());
    });
    drop(runtime);
    let end = sent.unwrap().now_or_never();
    let error = end.expect("it is decided").unwrap_err();
    assert!(matches!(error, DeliveryError::Unknown { reason: FailureReason::Abandoned, .. }));
}

#[tokio::test]
async fn callbacks_hear_what_futures_hear() {
    let fake = Fake::new(1);
    let producer = producer(&fake, quick());
    let (sender, results) = mpsc::channel();
    for value in ["a", "bad", "b"] {
        let sender = sender.clone();
        let record = record(value).partition(0);
        let callback = move |result| sender.send((value, result)).unwrap();
        within(producer.send_with(record, callback)).await.unwrap();
        within(producer.flush()).await;
    }
    let results: Vec<_> = results.try_iter().collect();
    assert_eq!(results.len(), 3);
    assert_eq!(results[0].1.as_ref().unwrap().offset, Some(0));
    assert_eq!(results[1].1.as_ref().unwrap_err().outcome(), Outcome::NotDone);
    assert_eq!(results[2].1.as_ref().unwrap().offset, Some(1));
}

#[tokio::test]
async fn times_are_the_records_own_unless_the_log_gives_them() {
    let fake = Fake::new(1);
    let producer = producer(&fake, ProducerOptions { linger: HOUR, ..quick() });
    let at = |ms| record("a").partition(0).timestamp_ms(ms);
    let first = within(producer.send(at(5_000))).await.unwrap();
    let second = within(producer.send(at(9_000))).await.unwrap();
    within(producer.flush()).await;
    assert_eq!(within(first).await.unwrap().timestamp_ms, 5_000);
    assert_eq!(within(second).await.unwrap().timestamp_ms, 9_000);
}

#[tokio::test]
async fn a_record_that_never_had_a_chance_is_certainly_not_written() {
    let fake = Fake::new(1);
    // The cluster asks for pauses of 200 ms.
    let delivery_timeout = Duration::from_secs(2);
    let producer = producer(&fake, ProducerOptions { delivery_timeout, ..quick() });
    fake.script([Fate::NotLeader; 100]);
    let delivery = send_all(&producer, &names(0..1)).await.remove(0);
    let error = within(delivery).await.unwrap_err();
    assert_eq!((error.outcome(), error.code()), (Outcome::NotDone, Some(ErrorCode::NotLeader)));
    assert!(fake.seen().len() > 1, "it was tried again");
    assert!(fake.seen().windows(2).all(|pair| pair[0].failures < pair[1].failures));
}
