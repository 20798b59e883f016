//! Pause, seek, commit, bounds, refusals, the end; and what Castle asks for.

use futures_util::StreamExt;

use super::fake::{Fake, Fate};
use super::*;
use crate::client::consumer::{ConsumerError, SettleError, TopicPartition};
use crate::client::runtime;
use crate::http::castle::{Command, Role};
use crate::http::groups::{ResetTo, Settled};
use crate::model::error_code::ErrorCode;
use crate::model::problem::Problem;

fn place(partition: u32) -> TopicPartition {
    TopicPartition::new(TOPIC, partition)
}

#[tokio::test]
async fn a_paused_partition_waits_and_goes_on_where_it_was() {
    let fake = Fake::new(2, 4);
    let mut consumer = consumer(&fake, options(Settle::Records));
    consumer.pause(&[place(0)]);
    let of_one = gather(&mut consumer, 4).await;
    assert_eq!(values(&of_one), names(1, 0..4));
    assert!(within(consumer.poll(8 * BEAT)).await.unwrap().is_empty());
    consumer.resume(&[place(0)]);
    let of_zero = gather(&mut consumer, 4).await;
    assert_eq!(values(&of_zero), names(0, 0..4));
    assert!(of_zero.iter().all(|record| record.attempt == 1), "their locks were kept");
}

#[tokio::test]
async fn seek_moves_the_group_and_what_was_in_hand_settles_nothing() {
    let fake = Fake::new(2, 5);
    let mut consumer = consumer(&fake, options(Settle::Records));
    let mut records = gather(&mut consumer, 10).await;
    within(consumer.seek(&place(0), ResetTo::Offset(3))).await.unwrap();
    let again = gather(&mut consumer, 2).await;
    assert_eq!(values(&again), names(0, 3..5));
    for record in records.drain(..) {
        let is_moved = record.partition == 0;
        let settled = within(record.success()).await;
        match is_moved {
            true => assert!(matches!(settled, Err(SettleError::Lost)), "{settled:?}"),
            false => assert_eq!(settled.unwrap(), Settled::Acked),
        }
    }
    assert_eq!(fake.committed(), [3, 5]);
    let stranger = within(consumer.seek(&place(7), ResetTo::Earliest)).await.unwrap_err();
    assert!(matches!(stranger, ConsumerError::NotHeld(_)), "{stranger}");
}

#[tokio::test]
async fn positions_are_committed_though_the_generation_has_gone_on() {
    let fake = Fake::new(1, 10);
    let by_two = ConsumerOptions { records_max: 2, ..options(Settle::Positions) };
    let mut consumer = consumer(&fake, by_two);
    let records = within(consumer.poll(PATIENCE)).await.unwrap();
    let stale = Problem::new(ErrorCode::StaleGeneration, "it has gone on");
    fake.state().commit_fates.extend([Fate::Refused(stale), Fate::AnswerLost]);
    let committed = within(consumer.commit()).await.unwrap();
    assert_eq!(committed, [(place(0), 2)].into());
    assert_eq!(fake.committed(), [2]);
    let other_way = within(records.into_iter().next().unwrap().success()).await.unwrap_err();
    assert!(matches!(other_way, SettleError::OtherWay), "{other_way}");
    let records = within(consumer.poll(PATIENCE)).await.unwrap();
    assert_eq!(values(&records), names(0, 2..4));
    assert!(within(consumer.poll(8 * BEAT)).await.unwrap().len() == 2, "and their locks hold");
    within(consumer.close()).await;
    assert_eq!(fake.committed(), [2], "positions are committed by nobody else");
}

#[tokio::test]
async fn an_application_that_settles_nothing_gets_no_more_than_it_may_hold() {
    let fake = Fake::new(1, 500);
    let bounded = ConsumerOptions { records_max: 10, in_hand_max: 30, ..options(Settle::Records) };
    let mut consumer = consumer(&fake, bounded);
    let mut records = gather(&mut consumer, 30).await;
    assert!(within(consumer.poll(8 * BEAT)).await.unwrap().is_empty());
    assert_eq!(fake.in_flight(), 30);
    for record in records.drain(..10) {
        drop(within(record.success()).await);
    }
    assert_eq!(values(&gather(&mut consumer, 10).await), names(0, 30..40));
    // Bytes are bounded as well: keys and values of 5 and 6 bytes.
    let tight =
        ConsumerOptions { records_max: 10, buffer_bytes_max: 1, ..options(Settle::Records) };
    let fake = Fake::new(1, 500);
    let _consumer = super::consumer(&fake, tight);
    until("something is fetched", || fake.in_flight() > 0).await;
    tokio::time::sleep(8 * BEAT).await;
    assert_eq!(fake.in_flight(), 10, "one answer beyond the bound");
}

#[tokio::test]
async fn a_refusal_is_told_and_does_not_end_the_consumer() {
    let fake = Fake::new(1, 1);
    let no_topic = Problem::new(ErrorCode::TopicNotFound, "no topic `orders`");
    fake.state().poll_fates.push_back(Fate::Refused(no_topic));
    let mut consumer = consumer(&fake, options(Settle::Records));
    let refused = within(consumer.poll(PATIENCE)).await.unwrap_err();
    assert!(refused.to_string().contains("no topic `orders`"), "{refused}");
    assert_eq!(gather(&mut consumer, 1).await.len(), 1, "somebody has made it");
    let not_leader = || Fate::Refused(Problem::new(ErrorCode::NotLeader, "moving"));
    fake.state().poll_fates.extend((0..5).map(|_| not_leader()));
    assert!(within(consumer.poll(BEAT)).await.unwrap().is_empty(), "that is nobody's business");
    within(consumer.close()).await;
    assert!(fake.members().is_empty());
}

#[tokio::test]
async fn a_stream_gives_record_by_record_and_settles_behind_itself() {
    let fake = Fake::new(1, 10);
    let every = Duration::from_millis(100);
    let mut consumer = consumer(&fake, options(Settle::Automatic { every }));
    let taken: Vec<_> = within(consumer.stream().take(4).collect()).await;
    let taken: Vec<_> = taken.into_iter().map(|record| value(&record.unwrap())).collect();
    assert_eq!(taken, names(0, 0..4));
    until("all but the last are done", || fake.committed() == [3]).await;
    within(consumer.close()).await;
    assert_eq!(fake.committed(), [4]);
}

#[tokio::test]
async fn castle_pauses_throttles_resets_and_ends_a_consumer() {
    let fake = Fake::new(1, 300);
    let by_ten = ConsumerOptions { records_max: 10, ..options(Settle::Records) };
    let mut consumer = consumer(&fake, by_ten);
    let records = gather(&mut consumer, 10).await;
    let (subscriptions, stats) = consumer.steered().report();
    assert_eq!(
        (subscriptions[0].role, subscriptions[0].held.as_slice()),
        (Role::Consumer, &[0][..])
    );
    assert!(stats.records >= 10 && stats.in_flight >= 10, "{stats:?}");

    consumer.steered().obey(&Command::Pause);
    assert!(within(consumer.poll(12 * BEAT)).await.unwrap().is_empty());
    assert_eq!(fake.members(), ["me"], "it stays in its group");
    drop(records);
    consumer.steered().obey(&Command::Resume);

    // A record has about six bytes.
    consumer.steered().obey(&Command::Throttle { bytes_per_second: 200 });
    let began = runtime::now();
    let mut slowly = 0;
    while slowly < 40 {
        for record in within(consumer.poll(PATIENCE)).await.unwrap() {
            slowly += 1;
            drop(record.success());
        }
    }
    let took = runtime::now() - began;
    assert!(took > Duration::from_millis(500), "{took:?}");
    consumer.steered().obey(&Command::Throttle { bytes_per_second: 0 });

    let records = within(consumer.poll(PATIENCE)).await.unwrap();
    consumer.steered().obey(&Command::Reset { topic: TOPIC.to_owned() });
    for record in records {
        let lost = within(record.success()).await;
        assert!(matches!(lost, Err(SettleError::Lost)), "{lost:?}");
    }

    let in_hand = within(consumer.poll(PATIENCE)).await.unwrap();
    consumer.steered().obey(&Command::Exit);
    let ended = within(consumer.poll(PATIENCE)).await.unwrap_err();
    assert!(matches!(ended, ConsumerError::Ended), "{ended}");
    for record in in_hand {
        assert_eq!(within(record.success()).await.unwrap(), Settled::Acked);
    }
    until("it has left by itself", || fake.members().is_empty()).await;
}
