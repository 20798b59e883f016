//! What is sent again is written once, in its order; what nobody knows is called unknown.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::fake::{Fake, Fate};
use super::*;
use crate::client::producer::SendError;
use crate::model::error_code::ErrorCode;
use crate::model::problem::Outcome;
use crate::model::topic_config::Ack;

/// Long enough for what is answered, also on a machine that does other things.
const SOON: Duration = Duration::from_secs(1);

/// One record a batch, and so many on their way.
fn singly(in_flight_max: usize) -> ProducerOptions {
    ProducerOptions { batch_bytes_max: 1, in_flight_max, ..quick() }
}

#[tokio::test]
async fn retries_keep_the_order_and_write_once() {
    for in_flight_max in [1, 5] {
        let fake = Fake::new(1);
        let producer = producer(&fake, singly(in_flight_max));
        use Fate::{AnswerLost, Done, Lost, NotLeader};
        fake.script([AnswerLost, NotLeader, Lost, Done, AnswerLost, AnswerLost, Lost, NotLeader]);
        let deliveries = send_all(&producer, &names(0..20)).await;
        assert_eq!(offsets(deliveries).await, (0..20).collect::<Vec<_>>());
        assert_eq!(fake.values(0), names(0..20));
        assert_eq!(fake.identities.load(Ordering::SeqCst), 1, "one id does for all of it");
    }
}

#[tokio::test]
async fn a_repetition_has_the_same_bytes_and_numbers_and_the_same_answer() {
    let fake = Fake::new(1);
    let producer = producer(&fake, quick());
    fake.script([Fate::AnswerLost]);
    let first = send_all(&producer, &names(0..1)).await;
    assert_eq!(offsets(first).await, [0]);
    let seen = fake.seen();
    assert_eq!((seen.len(), seen[0].header, seen[0].failures), (2, seen[1].header, 0));
    assert_eq!(seen[1].failures, 1, "somebody else is asked");
}

#[tokio::test]
async fn so_many_are_on_their_way_and_no_more() {
    for (in_flight_max, records) in [(1, 6), (3, 9)] {
        let fake = Fake::new(1);
        let producer = producer(&fake, singly(in_flight_max));
        fake.gate.send_replace(false);
        let deliveries = send_all(&producer, &names(0..records)).await;
        until("as many as may are sent", || fake.seen().len() == in_flight_max).await;
        fake.gate.send_replace(true);
        assert_eq!(offsets(deliveries).await.len(), records as usize);
        assert_eq!(fake.in_flight_seen_max.load(Ordering::SeqCst), in_flight_max);
        assert_eq!(fake.values(0), names(0..records));
    }
}

#[tokio::test]
async fn those_that_overtake_are_sent_again_in_order() {
    let fake = Fake::new(1);
    let producer = producer(&fake, singly(5));
    fake.gate.send_replace(false);
    fake.script([Fate::Overtaken]);
    let deliveries = send_all(&producer, &names(0..5)).await;
    until("all five are sent", || fake.seen().len() == 5).await;
    fake.gate.send_replace(true);
    assert_eq!(offsets(deliveries).await, [0, 1, 2, 3, 4]);
    assert_eq!(fake.values(0), names(0..5));
    assert!(fake.seen().len() > 5, "the others came too early");
    assert!(fake.seen().iter().all(|seen| seen.header.producer_epoch == 0));
}

#[tokio::test]
async fn nothing_new_is_sent_before_what_overtook_is_sent_again() {
    let fake = Fake::new(1);
    let producer = producer(&fake, singly(3));
    fake.gate.send_replace(false);
    fake.script([Fate::Overtaken]);
    let deliveries = send_all(&producer, &names(0..6)).await;
    until("three are sent", || fake.seen().len() == 3).await;
    fake.gate.send_replace(true);
    assert_eq!(offsets(deliveries).await, [0, 1, 2, 3, 4, 5]);
    let sequences: Vec<i32> = fake.seen().iter().map(|seen| seen.header.base_sequence).collect();
    assert_eq!(sequences[..3], [0, 1, 2]);
    let again = sequences.len() - 6;
    assert!((1..=2).contains(&again) && sequences.ends_with(&[3, 4, 5]), "{sequences:?}");
}

#[tokio::test]
async fn what_has_no_answer_in_time_is_unknown_and_never_comes_after_what_follows() {
    let fake = Fake::new(1);
    let producer = producer(&fake, ProducerOptions { delivery_timeout: SOON, ..singly(1) });
    fake.script([Fate::Done, Fate::Stray(1_000), Fate::Silence]);
    let mut deliveries = send_all(&producer, &names(0..2)).await;
    let error = within(deliveries.remove(1)).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown, "{error}");
    let after = send_all(&producer, &names(2..4)).await;
    assert_eq!(offsets(after).await, [1, 2]);
    fake.let_strays_in();
    assert_eq!(fake.values(0), ["v0", "v2", "v3"]);
    let last = fake.seen().last().unwrap().header;
    assert_eq!((last.producer_epoch, last.base_sequence), (1, 1));
}

#[tokio::test]
async fn what_follows_the_unknown_is_not_written_twice() {
    let fake = Fake::new(1);
    let options = ProducerOptions { delivery_timeout: SOON, ..singly(3) };
    let producer = producer(&fake, options);
    // Of the first two an attempt is on its way for ever, and may come in the one after the other.
    fake.script_for("v0", [Fate::Stray(1_000), Fate::Silence]);
    fake.script_for("v1", [Fate::Stray(1_000)]);
    let deliveries = send_all(&producer, &names(0..3)).await;
    let mut ends = Vec::new();
    for delivery in deliveries {
        ends.push(within(delivery).await.map_err(|error| error.outcome()).map(|m| m.offset));
    }
    fake.let_strays_in();
    let values = fake.values(0);
    for (n, end) in ends.iter().enumerate() {
        let copies = values.iter().filter(|value| **value == format!("v{n}")).count();
        match end {
            Ok(offset) => {
                assert_eq!(copies, 1);
                assert_eq!(values[offset.unwrap() as usize], format!("v{n}"));
            }
            Err(Outcome::NotDone) => assert_eq!(copies, 0),
            Err(Outcome::Unknown) => assert!(copies <= 1),
        }
    }
    assert_eq!(ends[0], Err(Outcome::Unknown));
}

#[tokio::test]
async fn a_certain_refusal_leaves_no_gap() {
    let fake = Fake::new(1);
    let producer = producer(&fake, singly(5));
    fake.gate.send_replace(false);
    let values = ["a", "bad", "b", "c"].map(str::to_owned);
    let mut deliveries = send_all(&producer, &values).await;
    until("all are sent", || fake.seen().len() == 4).await;
    fake.gate.send_replace(true);
    let error = within(deliveries.remove(1)).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::RecordTooLarge));
    assert_eq!(offsets(deliveries).await, [0, 1, 2]);
    assert_eq!(fake.values(0), ["a", "b", "c"]);
    assert_eq!(fake.identities.load(Ordering::SeqCst), 1, "its number was given to the next");
}

#[tokio::test]
async fn a_producer_that_was_forgotten_begins_anew() {
    let fake = Fake::new(1);
    let producer = producer(&fake, quick());
    assert_eq!(offsets(send_all(&producer, &names(0..1)).await).await, [0]);
    fake.forget();
    assert_eq!(offsets(send_all(&producer, &names(1..3)).await).await, [1, 2]);
    let last = fake.seen().last().unwrap().header;
    assert_eq!((last.producer_id, last.producer_epoch), (1_000, 1));
}

#[tokio::test]
async fn without_numbers_only_what_was_certainly_not_written_is_sent_again() {
    let fake = Fake::new(1);
    let producer = producer(&fake, ProducerOptions { idempotent: false, ..quick() });
    fake.script([Fate::NotLeader, Fate::Done, Fate::Lost]);
    assert_eq!(offsets(send_all(&producer, &names(0..1)).await).await, [0]);
    let delivery = send_all(&producer, &names(1..2)).await.remove(0);
    assert_eq!(within(delivery).await.unwrap_err().outcome(), Outcome::Unknown);
    assert_eq!(offsets(send_all(&producer, &names(2..3)).await).await, [1]);
    assert!(fake.seen().iter().all(|seen| seen.header.producer_id == -1));
    assert_eq!((fake.seen().len(), fake.identities.load(Ordering::SeqCst)), (4, 0));
}

#[tokio::test]
async fn where_nobody_acknowledges_there_are_no_offsets_and_no_numbers() {
    let fake = Arc::new(Fake::silent(1, true));
    let options = ProducerOptions { ack: Some(Ack::Leader), ..quick() };
    let producer = Producer::over(fake.clone(), options).unwrap();
    for n in 0..3 {
        let delivery = send_all(&producer, &names(n..n + 1)).await.remove(0);
        assert_eq!(within(delivery).await.unwrap().offset, None);
    }
    let ids: Vec<_> = fake.seen().iter().map(|seen| seen.header.producer_id).collect();
    assert_eq!(ids, [1_000, -1, -1]);
    assert_eq!(fake.seen()[0].ack, Some(Ack::Leader));
}

#[tokio::test]
async fn partitions_have_numbers_of_their_own_under_one_id() {
    let fake = Fake::new(3);
    let producer = producer(&fake, quick());
    for n in 0..6 {
        let sent: Result<_, SendError> = producer.send(record("a").partition(n % 3)).await;
        within(sent.unwrap()).await.unwrap();
    }
    for seen in fake.seen() {
        assert_eq!((seen.header.producer_id, seen.header.producer_epoch), (1_000, 0));
    }
    let seen = fake.seen();
    let sequences = seen.iter().map(|seen| (seen.partition, seen.header.base_sequence));
    let expected = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)];
    assert_eq!(sequences.collect::<Vec<_>>(), expected);
}
