//! Records come, come again, are settled, renewed and lost.

use futures_util::FutureExt;

use super::*;
use crate::model::problem::Problem;

const NOW: Duration = Duration::from_secs(10);
const PATIENCE: (Duration, Duration) = (NOW, Duration::from_secs(60));
const LOCK: Duration = Duration::from_secs(30);

fn place() -> TopicPartition {
    TopicPartition::new("t", 0)
}

fn arrival(offset: u64, attempt: u32, token: &str) -> Arrival {
    let locked_until = NOW + LOCK;
    Arrival { place: place(), offset, attempt, token: token.to_owned(), locked_until }
}

/// A record in the application's hands.
fn out(hand: &mut Hand, offset: u64, token: &str) -> Serial {
    let serial = hand.take_in(arrival(offset, 1, token)).unwrap();
    hand.delivered(serial, NOW);
    serial
}

fn say(hand: &mut Hand, serial: Serial, verdict: Verdict) -> oneshot::Receiver<SettleResult> {
    let (reply, answer) = oneshot::channel();
    hand.say(serial, verdict, Some(reply), NOW);
    answer
}

fn retry() -> Verdict {
    Verdict::Retry { delay: Some(Duration::from_secs(2)), error: "later".to_owned() }
}

fn answer(result: Option<Settled>, code: Option<ErrorCode>) -> AckResult {
    AckResult { token: String::new(), result, due_ms: None, code, detail: None }
}

fn heard(answer: oneshot::Receiver<SettleResult>) -> Option<SettleResult> {
    answer.now_or_never().map(|heard| heard.unwrap_or(Err(SettleError::Closed)))
}

#[test]
fn what_is_said_goes_together_and_each_hears_its_own_answer() {
    let mut hand = Hand::default();
    let serials: Vec<Serial> =
        (0..4).map(|offset| out(&mut hand, offset, &format!("t{offset}"))).collect();
    let rejected = say(&mut hand, serials[0], Verdict::Reject { error: "é".repeat(1_000) });
    let retried = say(&mut hand, serials[1], retry());
    let done = say(&mut hand, serials[2], Verdict::Success);
    let twice = say(&mut hand, serials[2], retry());
    assert!(matches!(heard(twice), Some(Ok(Settled::AlreadySettled))));
    let (request, asked) = hand.next_said(100).unwrap();
    assert_eq!(request.ack, ["t2"]);
    assert_eq!((request.retry[0].token.as_str(), request.retry[0].delay_ms), ("t1", Some(2_000)));
    assert!(request.reject[0].error.len() <= PARKED_ERROR_BYTES_MAX);
    assert_eq!(asked, [serials[2], serials[1], serials[0]]);
    assert!(hand.next_said(100).is_none());
    let answers = vec![
        answer(Some(Settled::Acked), None),
        answer(Some(Settled::InPlace), None),
        answer(None, Some(ErrorCode::DeadLettersOff)),
    ];
    assert_eq!(hand.settled(&asked, answers, PATIENCE), Told::default());
    assert!(matches!(heard(done), Some(Ok(Settled::Acked))));
    assert!(matches!(heard(retried), Some(Ok(Settled::InPlace))));
    let refused = heard(rejected).unwrap().unwrap_err();
    assert!(matches!(refused, SettleError::Refused { code: ErrorCode::DeadLettersOff, .. }));
    assert_eq!(hand.len(), 1);
}

#[test]
fn a_record_that_comes_again_in_hand_has_its_newer_token_and_is_not_delivered_twice() {
    let mut hand = Hand::default();
    let serial = out(&mut hand, 5, "old");
    assert_eq!(hand.take_in(arrival(5, 2, "new")), None);
    let _answer = say(&mut hand, serial, Verdict::Success);
    assert_eq!(hand.next_said(9).unwrap().0.ack, ["new"]);
    // And once more, while that is on its way, which then is refused.
    assert_eq!(hand.take_in(arrival(5, 3, "newest")), None);
    let told = hand.settled(&[serial], vec![answer(None, Some(ErrorCode::NotHeld))], PATIENCE);
    assert_eq!(told, Told::default());
    assert_eq!(hand.next_said(9).unwrap().0.ack, ["newest"]);
    hand.settled(&[serial], vec![answer(Some(Settled::Acked), None)], PATIENCE);
    assert_eq!(hand.len(), 0);
}

#[test]
fn a_record_that_was_to_come_again_is_delivered_though_its_answer_is_late() {
    let mut hand = Hand::default();
    let serial = out(&mut hand, 5, "old");
    let retried = say(&mut hand, serial, retry());
    let (_, asked) = hand.next_said(9).unwrap();
    let again = hand.take_in(arrival(5, 2, "new")).unwrap();
    hand.settled(&asked, vec![answer(Some(Settled::InPlace), None)], PATIENCE);
    assert!(matches!(heard(retried), Some(Ok(Settled::InPlace))));
    assert_eq!(hand.take_in(arrival(5, 3, "newer")), None, "the second delivery is in hand");
    let _answer = say(&mut hand, again, Verdict::Success);
    assert_eq!(hand.next_said(9).unwrap().0.ack, ["newer"]);
}

#[test]
fn a_poll_that_was_under_way_does_not_bring_back_what_was_done_meanwhile() {
    let mut hand = Hand::default();
    hand.forget_done();
    let serial = out(&mut hand, 5, "old");
    let _answer = say(&mut hand, serial, Verdict::Success);
    let (_, asked) = hand.next_said(9).unwrap();
    hand.settled(&asked, vec![answer(Some(Settled::Acked), None)], PATIENCE);
    assert_eq!(hand.take_in(arrival(5, 1, "old")), None);
    hand.forget_done();
    assert!(hand.take_in(arrival(5, 1, "moved back")).is_some(), "the group was moved");
}

#[test]
fn lost_answers_are_asked_for_again_until_patience_ends() {
    let mut hand = Hand::default();
    let serials = [out(&mut hand, 1, "a"), out(&mut hand, 2, "b")];
    let mut answers: Vec<_> =
        serials.iter().map(|serial| say(&mut hand, *serial, Verdict::Success)).collect();
    let (_, asked) = hand.next_said(9).unwrap();
    let lost = Arc::new(ClientError::Unreachable { tried: Vec::new() });
    hand.unsettled(&asked, &lost, PATIENCE);
    let (request, asked) = hand.next_said(9).unwrap();
    assert_eq!(request.ack, ["a", "b"], "in their old order");
    hand.unsettled(&asked, &lost, (NOW + Duration::from_secs(60), Duration::from_secs(60)));
    assert!(matches!(heard(answers.remove(0)), Some(Err(SettleError::Unknown(Some(_))))));
    let refused = Arc::new(ClientError::from(Problem::new(ErrorCode::InvalidRequest, "no")));
    let serial = out(&mut hand, 3, "c");
    let answer = say(&mut hand, serial, Verdict::Success);
    let (_, asked) = hand.next_said(9).unwrap();
    hand.unsettled(&asked, &refused, PATIENCE);
    assert!(heard(answer).unwrap().is_err(), "the same would be refused again");
    assert_eq!(hand.len(), 0);
}

#[test]
fn what_can_not_be_done_now_is_said_again_and_who_is_out_is_told() {
    let mut hand = Hand::default();
    let serial = out(&mut hand, 1, "a");
    let full = say(&mut hand, serial, Verdict::Reject { error: String::new() });
    let (_, asked) = hand.next_said(9).unwrap();
    let overloaded = || vec![answer(None, Some(ErrorCode::Overloaded))];
    assert!(hand.settled(&asked, overloaded(), PATIENCE).has_more);
    let (_, asked) = hand.next_said(9).unwrap();
    let late = (NOW + Duration::from_secs(60), Duration::from_secs(60));
    assert!(!hand.settled(&asked, overloaded(), late).has_more);
    assert!(matches!(heard(full), Some(Err(SettleError::Refused { .. }))));
    let serial = out(&mut hand, 2, "b");
    let gone = say(&mut hand, serial, Verdict::Success);
    let (_, asked) = hand.next_said(9).unwrap();
    let told = hand.settled(&asked, vec![answer(None, Some(ErrorCode::UnknownMember))], PATIENCE);
    assert!(told.is_out);
    assert!(matches!(heard(gone), Some(Err(SettleError::Lost))));
}

#[test]
fn locks_are_renewed_for_what_is_worked_on_and_for_so_long() {
    let mut hand = Hand::default();
    let (buffered, out) = (hand.take_in(arrival(1, 1, "a")).unwrap(), out(&mut hand, 2, "b"));
    let ends = NOW + LOCK;
    assert!(hand.to_renew(ends - Duration::from_secs(1), LOCK, 9).0.is_empty());
    let (items, serials) = hand.to_renew(ends, LOCK, 9);
    assert_eq!((items.len(), serials.as_slice()), (2, [buffered, out].as_slice()));
    let named =
        |token: &str, result, code| AckResult { token: token.to_owned(), ..answer(result, code) };
    let results =
        [named("a", Some(Settled::Renewed), None), named("b", None, Some(ErrorCode::NotHeld))];
    hand.renewed(&serials, &results, ends + LOCK);
    assert_eq!(hand.to_renew(ends + LOCK, LOCK, 9).1, [buffered], "b has no lock to renew");
    assert_eq!(hand.take_in(arrival(2, 1, "b")), None);
    assert_eq!(hand.to_renew(ends, LOCK, 9).1, [out], "now it has");
    let max = Duration::from_secs(300);
    assert_eq!(hand.drop_late(NOW + max, max), 1);
    let late = say(&mut hand, out, Verdict::Success);
    assert!(matches!(heard(late), Some(Err(SettleError::TooLate))));
    assert!(hand.take_in(arrival(2, 2, "b2")).is_some(), "and it is delivered anew");
}

#[test]
fn what_is_lost_settles_nothing_and_what_is_dropped_is_not_kept() {
    let mut hand = Hand::default();
    let serials = [out(&mut hand, 1, "a"), out(&mut hand, 2, "b"), out(&mut hand, 3, "c")];
    let said = say(&mut hand, serials[0], Verdict::Success);
    hand.drop_lost(|_| true);
    assert!(matches!(heard(said), Some(Err(SettleError::Lost))));
    let answer = say(&mut hand, serials[1], Verdict::Success);
    assert!(matches!(heard(answer), Some(Err(SettleError::Lost))));
    hand.dropped(serials[2], true);
    assert!(hand.next_said(9).is_none() && hand.len() == 0);
    let serial = out(&mut hand, 4, "d");
    hand.dropped(serial, false);
    assert_eq!(hand.len(), 1, "it will be settled automatically");
    hand.dropped(serial, true);
    assert_eq!(hand.len(), 0);
    let serial = out(&mut hand, 5, "e");
    hand.committed(&place(), 5);
    assert_eq!(hand.len(), 1);
    hand.committed(&place(), 6);
    assert_eq!(hand.len(), 0);
    let late = say(&mut hand, serial, Verdict::Success);
    assert!(matches!(heard(late), Some(Ok(Settled::AlreadySettled))));
}
