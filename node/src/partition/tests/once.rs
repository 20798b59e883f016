//! Batches that are written once: a duplicate shares the fate of its original.

use rampart_api::model::once::OnceTag;
use rampart_api::model::record_batch::{BatchBuilder, BatchHeader, NewRecord};
use rampart_raft_store::state::partition::producers::{OnceBatch, Verdict};

use super::*;

fn once(sequence: i32) -> (PendingAppend, OnceBatch, Answer) {
    let mut builder = BatchBuilder::new().producer(4_000, 0, sequence);
    builder.push(NewRecord { key: None, value: Some(b"v"), timestamp_ms: 1, headers: &[] });
    let batches = builder.build();
    let header = BatchHeader::parse(&batches).unwrap();
    let batch = OnceBatch::new(&header, &OnceTag { stamp_ms: 7, key: None });
    let (append, answered) = pending(Ack::Quorum);
    (PendingAppend { batches, once: Some(Box::new(batch)), ..append }, batch, answered)
}

pub(super) fn send(replica: &Replica, sequence: i32) -> Answer {
    let (append, _, answered) = once(sequence);
    replica.enqueue(append).unwrap();
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duplicate_is_answered_no_sooner_than_its_original() {
    let [a, b, c] = start_three(3).await;
    let replica = leader_alone_with_its_log([&a, &b, &c]).await;
    let original = send(&replica, 0);
    eventually("the leader has it in its log", || a.log.log_end_offset() == Offset(21)).await;
    let mut duplicate = send(&replica, 0);
    let early = tokio::time::timeout(Duration::from_millis(300), &mut duplicate).await;
    assert!(early.is_err(), "the original has no majority: {early:?}");
    for follower in [&b, &c] {
        follower.host.takes_data.store(true, Ordering::Relaxed);
    }
    let original = answer(original).await.unwrap();
    assert_eq!((original.base_offset, original.replayed_stamp_ms), (Some(Offset(20)), None));
    for duplicate in [duplicate, send(&replica, 0)] {
        let found = answer(duplicate).await.unwrap();
        assert_eq!((found.base_offset, found.replayed_stamp_ms), (Some(Offset(20)), Some(7)));
        assert_eq!(found.leader_epoch, original.leader_epoch);
    }
    let gap = answer(send(&replica, 9)).await.unwrap_err();
    assert_eq!((gap.code, gap.outcome), (ErrorCode::OutOfOrderSequenceNumber, Outcome::NotDone));
    assert_eq!(a.log.log_end_offset(), Offset(21));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_duplicate_of_what_is_cut_off_is_unknown_and_the_batch_may_be_sent_again() {
    let [a, b, c] = start_three(3).await;
    let replica = leader_alone_with_its_log([&a, &b, &c]).await;
    let original = send(&replica, 0);
    eventually("the leader has it in its log", || a.log.log_end_offset() == Offset(21)).await;
    let before = a.log.last_log_index();
    let duplicate = send(&replica, 0);
    eventually("the duplicate is behind it", || a.log.last_log_index() > before).await;
    let (_, batch, _) = once(0);
    assert!(matches!(a.log.check_once(&batch, 0), Verdict::Duplicate(_)));
    depose([&a, &b, &c]).await;
    for answered in [original, duplicate] {
        let problem = answer(answered).await.unwrap_err();
        assert_eq!((problem.code, problem.outcome), (ErrorCode::NotLeader, Outcome::Unknown));
    }
    eventually("both are cut off", || a.log.log_end_offset() == Offset(20)).await;
    assert_eq!(a.log.check_once(&batch, 0), Verdict::New);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_come_together_are_judged_one_after_the_other() {
    let [a, _, _] = start_three(1).await;
    let replica = replica(&a);
    answer(append(&replica, Ack::Quorum)).await.unwrap();
    a.disk.hold_syncs();
    let first = append(&replica, Ack::Quorum);
    eventually("the first is in the log", || a.log.log_end_offset() == Offset(2)).await;
    let answers = [send(&replica, 0), append(&replica, Ack::Quorum), send(&replica, 0)];
    let (next, gap) = (send(&replica, 1), send(&replica, 5));
    a.disk.release_syncs();
    assert_eq!(answer(first).await.unwrap().base_offset, Some(Offset(1)));
    let mut offsets = Vec::new();
    for answered in answers {
        offsets.push(answer(answered).await.unwrap().base_offset.unwrap().0);
    }
    assert_eq!(offsets, [2, 3, 2], "the third is the first");
    assert_eq!(answer(next).await.unwrap().base_offset, Some(Offset(4)));
    let gap = answer(gap).await.unwrap_err();
    assert_eq!(gap.code, ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(fetch(&replica, 0, 0).await.unwrap().high_watermark, Offset(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_come_together_are_taken_in_the_order_of_their_producer() {
    let [a, _, _] = start_three(1).await;
    let replica = replica(&a);
    answer(append(&replica, Ack::Quorum)).await.unwrap();
    a.disk.hold_syncs();
    let first = append(&replica, Ack::Quorum);
    eventually("the first is in the log", || a.log.log_end_offset() == Offset(2)).await;
    let answers = [2, 1, 0].map(|sequence| send(&replica, sequence));
    let other = append(&replica, Ack::Quorum);
    a.disk.release_syncs();
    answer(first).await.unwrap();
    let mut offsets = Vec::new();
    for answered in answers.into_iter().chain([other]) {
        offsets.push(answer(answered).await.unwrap().base_offset.unwrap().0);
    }
    assert_eq!(offsets, [4, 3, 2, 5]);
}
