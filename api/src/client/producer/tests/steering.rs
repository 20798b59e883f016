//! What Castle asks of a producer.

use futures_util::FutureExt;

use super::fake::Fake;
use super::*;
use crate::client::producer::SendError;
use crate::http::castle::{Command, PartitionDispatch, Role, TopicDispatch};

#[tokio::test]
async fn castle_pauses_throttles_and_ends_a_producer() {
    let fake = Fake::new(1);
    let producer = producer(&fake, quick());
    let first = within(producer.send(record("a"))).await.unwrap();
    assert_eq!(within(first).await.unwrap().offset, Some(0));
    let (subscriptions, stats) = producer.steered().report();
    assert_eq!((subscriptions[0].role, subscriptions[0].topic.as_str()), (Role::Producer, TOPIC));
    assert_eq!((stats.records, stats.bytes, stats.in_flight), (1, 1, 0));

    producer.steered().obey(&Command::Pause);
    let mut paused = Box::pin(producer.send(record("b")));
    assert!((&mut paused).now_or_never().is_none());
    assert!(matches!(producer.try_send(&record("c")), Err(SendError::Paused)));
    producer.steered().obey(&Command::Resume);
    assert_eq!(within(within(paused).await.unwrap()).await.unwrap().offset, Some(1));

    // A hundred bytes are worth a third of a second.
    producer.steered().obey(&Command::Throttle { bytes_per_second: 300 });
    let began = crate::client::runtime::now();
    for _ in 0..3 {
        drop(within(producer.send(record(&"x".repeat(100)))).await.unwrap());
    }
    assert!(began.elapsed() >= Duration::from_millis(600), "{:?}", began.elapsed());
    producer.steered().obey(&Command::Pause);
    let waiting = producer.send(record("never"));
    let end = async { producer.steered().obey(&Command::Exit) };
    let (refused, ()) = tokio::join!(waiting, end);
    assert!(matches!(refused, Err(SendError::Ended)), "{refused:?}");
    assert!(matches!(within(producer.send(record("no"))).await, Err(SendError::Ended)));
    within(producer.close()).await;
    assert_eq!(fake.values(0).len(), 5, "what was taken is written");
}

#[tokio::test]
async fn a_hint_of_new_partitions_is_followed() {
    let fake = Fake::new(1);
    let producer = producer(&fake, quick());
    assert_eq!(within(producer.partitions(TOPIC)).await.unwrap(), 1);
    fake.partitions.store(3, std::sync::atomic::Ordering::SeqCst);
    let told = |partition, epoch| PartitionDispatch { partition, epoch, ..Default::default() };
    let hint = TopicDispatch { partitions: vec![told(2, 1)], ..TopicDispatch::default() };
    producer.steered().hint(TOPIC, &hint);
    within(async {
        while producer.partitions(TOPIC).await.unwrap() < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
