//! How records become batches, and which partition they go to.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;

use super::fake::Fake;
use super::*;
use crate::client::producer::SendError;
use crate::model::murmur2::partition_for_key;
use crate::model::record_batch::Compression;

#[tokio::test]
async fn full_batches_go_and_the_last_one_waits_for_more() {
    let fake = Fake::new(1);
    let options = ProducerOptions { linger: HOUR, batch_bytes_max: 700, ..quick() };
    let producer = producer(&fake, options);
    let value = |n: u32| format!("{n:0>100}");
    let values: Vec<_> = (0..12).map(value).collect();
    let mut deliveries = send_all(&producer, &values).await;
    let mut last = deliveries.split_off(10);
    assert_eq!(offsets(deliveries).await, (0..10).collect::<Vec<_>>());
    assert!((&mut last[0]).now_or_never().is_none(), "nothing but the linger is over");
    within(producer.flush()).await;
    assert_eq!(offsets(last).await, [10, 11]);
    let counts: Vec<_> = fake.seen().iter().map(|seen| seen.header.record_count).collect();
    assert_eq!(counts, [5, 5, 2]);
    assert_eq!(fake.values(0), values);
}

#[tokio::test]
async fn a_batch_goes_when_its_linger_is_over() {
    let fake = Fake::new(1);
    let linger = Duration::from_millis(30);
    let producer = producer(&fake, ProducerOptions { linger, ..quick() });
    let deliveries = send_all(&producer, &names(0..20)).await;
    assert_eq!(offsets(deliveries).await, (0..20).collect::<Vec<_>>());
    assert!(fake.seen().len() < 20, "those that were sent together went together");
}

#[tokio::test]
async fn while_a_batch_is_on_its_way_the_next_one_grows() {
    let fake = Fake::new(1);
    let producer = producer(&fake, ProducerOptions { in_flight_max: 1, ..quick() });
    fake.gate.send_replace(false);
    let mut deliveries = send_all(&producer, &names(0..1)).await;
    until("the first batch is sent", || fake.seen().len() == 1).await;
    deliveries.extend(send_all(&producer, &names(1..50)).await);
    fake.gate.send_replace(true);
    assert_eq!(offsets(deliveries).await, (0..50).collect::<Vec<_>>());
    assert_eq!(fake.seen()[1].header.record_count, 49);
}

#[tokio::test]
async fn batches_are_compressed_and_read_back() {
    for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd]
    {
        let fake = Fake::new(1);
        let producer = producer(&fake, ProducerOptions { compression, linger: HOUR, ..quick() });
        let values: Vec<_> = names(0..30).iter().map(|name| name.repeat(20)).collect();
        let deliveries = send_all(&producer, &values).await;
        within(producer.flush()).await;
        assert_eq!(offsets(deliveries).await.len(), 30);
        assert_eq!(fake.seen()[0].header.compression(), Ok(compression));
        assert_eq!(fake.values(0), values);
    }
}

#[tokio::test]
async fn an_explicit_partition_wins_then_the_key() {
    let fake = Fake::new(4);
    let producer = producer(&fake, quick());
    for key in ["SFO", "JFK", "AMS", "abc"] {
        let by_key = partition_for_key(key.as_bytes(), 4);
        let keyed = within(producer.send(record("a").key(key))).await.unwrap();
        assert_eq!(keyed.partition(), by_key);
        let other = (by_key + 1) % 4;
        let named = within(producer.send(record("b").key(key).partition(other))).await.unwrap();
        assert_eq!(within(named).await.unwrap().partition, other);
    }
    let refused = within(producer.send(record("c").partition(4))).await.unwrap_err();
    let SendError::InvalidPartition { partition: 4, partitions: 4, .. } = refused else {
        panic!("{refused}");
    };
}

#[tokio::test]
async fn records_without_a_key_go_round_batch_by_batch() {
    let run = async |seed| {
        let fake = Fake::new(4);
        let seed = Some(seed);
        let options = ProducerOptions { linger: HOUR, batch_bytes_max: 700, seed, ..quick() };
        let producer = producer(&fake, options);
        let mut chosen = Vec::new();
        for n in 0..160 {
            let delivery = within(producer.send(record(&format!("{n:0>100}")))).await.unwrap();
            chosen.push(delivery.partition());
        }
        within(producer.close()).await;
        chosen
    };
    let chosen = run(1).await;
    let mut counts = BTreeMap::new();
    for partition in &chosen {
        *counts.entry(*partition).or_insert(0) += 1;
    }
    assert_eq!(counts.values().sum::<i32>(), 160);
    assert!(counts.len() == 4 && counts.values().all(|count| *count >= 20), "{counts:?}");
    let changes = chosen.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes <= 45, "batches of five stay together: {changes} changes");
    assert_eq!(run(1).await[0], chosen[0], "the same seed begins at the same partition");
}

#[tokio::test]
async fn a_partition_that_is_behind_is_passed_over() {
    let fake = Fake::new(2);
    let (batch_bytes_max, in_flight_max) = (700, 1);
    let options = ProducerOptions { batch_bytes_max, in_flight_max, linger: HOUR, ..quick() };
    let producer = producer(&fake, options);
    fake.gate.send_replace(false);
    let filler = |n: u32| record(&format!("{n:0>100}"));
    // One batch is on its way, three wait, and one is begun.
    for n in 0..21 {
        drop(within(producer.send(filler(n).partition(0))).await.unwrap());
    }
    until("the first batch is sent", || fake.seen().len() == 1).await;
    for n in 0..15 {
        let delivery = within(producer.send(filler(n))).await.unwrap();
        assert_eq!(delivery.partition(), 1, "record {n}");
    }
    fake.gate.send_replace(true);
    within(producer.close()).await;
}

#[tokio::test]
async fn new_partitions_are_found() {
    let fake = Fake::new(1);
    let producer = producer(&fake, quick());
    assert_eq!(within(producer.partitions(TOPIC)).await.unwrap(), 1);
    fake.partitions.store(3, Ordering::SeqCst);
    let delivery = within(producer.send(record("a").partition(2))).await.unwrap();
    assert_eq!(within(delivery).await.unwrap().offset, Some(0));
    assert_eq!(within(producer.partitions(TOPIC)).await.unwrap(), 3);
}
