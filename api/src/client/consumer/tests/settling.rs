//! What is said of records arrives once, whatever is lost on the way; what is not said comes again.

use std::collections::BTreeMap;

use super::fake::{Fake, Fate};
use super::*;
use crate::client::consumer::SettleError;
use crate::http::groups::Settled;
use crate::model::error_code::ErrorCode;
use crate::model::problem::Problem;

#[tokio::test]
async fn success_moves_the_group_and_is_answered_though_answers_are_lost() {
    let fake = Fake::new(1, 3);
    let mut consumer = consumer(&fake, options(Settle::Records));
    let mut records = gather(&mut consumer, 3).await;
    assert_eq!(values(&records), names(0, 0..3));
    fake.state().settle_fates.extend([Fate::AnswerLost, Fate::Lost]);
    let first = records.remove(0).success();
    assert_eq!(within(first).await.unwrap(), Settled::AlreadySettled, "the answer was lost");
    let rest: Vec<_> = records.into_iter().map(ConsumerRecord::success).collect();
    for settling in rest {
        assert_eq!(within(settling).await.unwrap(), Settled::Acked);
    }
    assert_eq!(fake.committed(), [3]);
    within(consumer.close()).await;
    assert!(fake.members().is_empty());
}

#[tokio::test]
async fn retry_comes_again_and_reject_needs_somewhere_to_go() {
    let fake = Fake::new(1, 3);
    let mut consumer = consumer(&fake, options(Settle::Records));
    let mut records = gather(&mut consumer, 3).await;
    let (third, second, first) =
        (records.pop().unwrap(), records.pop().unwrap(), records.pop().unwrap());
    assert_eq!(within(first.retry(None, "later")).await.unwrap(), Settled::InPlace);
    let refused = within(second.reject("never")).await.unwrap_err();
    let code = ErrorCode::DeadLettersOff;
    assert!(matches!(refused, SettleError::Refused { code: given, .. } if given == code));
    fake.state().has_dead_letters = true;
    assert_eq!(within(third.reject("never")).await.unwrap(), Settled::Dying);
    assert_eq!(fake.state().dead, ["0-2"]);
    let again = gather(&mut consumer, 2).await;
    assert_eq!(values(&again), names(0, 0..2), "the refused one when its lock was over");
    assert!(again.iter().all(|record| record.attempt == 2));
}

#[tokio::test]
async fn automatic_settling_is_done_with_the_next_poll_and_with_close() {
    let fake = Fake::new(1, 6);
    let every = BEAT;
    let one_by_one = ConsumerOptions { records_max: 2, ..options(Settle::Automatic { every }) };
    let mut consumer = consumer(&fake, one_by_one.clone());
    let records = within(consumer.poll(PATIENCE)).await.unwrap();
    assert_eq!(values(&records), names(0, 0..2));
    drop(records);
    tokio::time::sleep(5 * BEAT).await;
    assert_eq!(fake.committed(), [0], "the application has not come back from them");
    let mut records = within(consumer.poll(PATIENCE)).await.unwrap();
    until("the first two are told", || fake.committed() == [2]).await;
    // A word of its own counts more than that the next poll came.
    let settling = records.remove(0).retry(None, "later");
    assert_eq!(within(settling).await.unwrap(), Settled::InPlace);
    within(consumer.close()).await;
    assert_eq!(fake.committed(), [2], "the fourth is done, the third is not");
    let mut after = super::consumer(&fake, one_by_one);
    let records = gather(&mut after, 2).await;
    assert_eq!(values(&records), ["0-2", "0-4"]);
    drop(after);
    until("it has left", || fake.members().is_empty()).await;
    assert_eq!(fake.committed(), [2], "what was not closed was not done");
}

#[tokio::test]
async fn locks_are_kept_while_it_is_worked_on_and_a_dropped_record_comes_again() {
    let fake = Fake::new(1, 2);
    let short = ConsumerOptions { processing_max: 24 * BEAT, ..options(Settle::Records) };
    let mut consumer = consumer(&fake, short);
    let mut records = gather(&mut consumer, 2).await;
    assert!(within(consumer.poll(8 * BEAT)).await.unwrap().is_empty(), "it is still in hand");
    drop(records.pop());
    let again = gather(&mut consumer, 1).await;
    assert_eq!((value(&again[0]), again[0].attempt), ("0-1".to_owned(), 2));
    drop(within(again.into_iter().next().unwrap().success()).await);
    // Longer than a record may be worked on.
    let late = gather(&mut consumer, 1).await;
    assert_eq!((value(&late[0]), late[0].attempt), ("0-0".to_owned(), 2));
    let too_late = within(records.remove(0).success()).await.unwrap_err();
    assert!(matches!(too_late, SettleError::TooLate), "{too_late}");
}

#[tokio::test]
async fn a_new_coordinator_delivers_again_what_is_in_hand_and_the_application_sees_it_once() {
    let fake = Fake::new(2, 20);
    let mut consumer = consumer(&fake, options(Settle::Records));
    let records = gather(&mut consumer, 40).await;
    fake.fail_over();
    until("they are handed out again", || fake.in_flight() == 40).await;
    assert!(within(consumer.poll(6 * BEAT)).await.unwrap().is_empty());
    let settlings: Vec<_> = records.into_iter().map(ConsumerRecord::success).collect();
    for settling in settlings {
        assert_eq!(within(settling).await.unwrap(), Settled::Acked);
    }
    assert_eq!(fake.committed(), [20, 20]);
}

#[tokio::test]
async fn a_lost_answer_to_a_poll_costs_a_lock_and_no_record() {
    let fake = Fake::new(2, 50);
    fake.state().poll_fates.extend([Fate::AnswerLost, Fate::Lost, Fate::Done, Fate::AnswerLost]);
    let mut consumer =
        consumer(&fake, ConsumerOptions { records_max: 10, ..options(Settle::Records) });
    let mut seen = BTreeMap::new();
    while seen.len() < 100 {
        let records = within(consumer.poll(PATIENCE)).await.unwrap();
        count(&mut seen, &records);
        for record in records {
            within(record.success()).await.unwrap();
        }
    }
    assert!(seen.values().all(|times| *times == 1), "what was acknowledged came again: {seen:?}");
    assert_eq!(fake.committed(), [50, 50]);
}

#[tokio::test]
async fn what_can_not_be_settled_is_unknown_in_the_end() {
    let fake = Fake::new(1, 1);
    let patience = ConsumerOptions { settle_timeout: BEAT, ..options(Settle::Records) };
    let mut consumer = consumer(&fake, patience);
    let record = gather(&mut consumer, 1).await.remove(0);
    let overloaded = || Fate::Refused(Problem::new(ErrorCode::Overloaded, "not now"));
    fake.state().settle_fates.extend((0..1_000).map(|_| overloaded()));
    let unknown = within(record.success()).await.unwrap_err();
    assert!(matches!(unknown, SettleError::Unknown(Some(_))), "{unknown}");
    within(consumer.close()).await;
}
