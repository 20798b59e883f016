//! INV-21 at the leader: what comes behind a seal is refused, once nobody can cut the seal off.

use rampart_raft_store::state::partition::PartitionCommand;

use super::once::send;
use super::*;

/// Proposes a seal without waiting for it.
async fn seal(node: &Node) {
    let (responder, _commit, _complete) =
        ProgressResponder::<TypeConfig, ClientWriteResult<TypeConfig>>::new();
    let write = node.raft.write(PartitionCommand::Seal.proposal());
    write.responder(responder).await.unwrap();
}

async fn refusal(answered: Answer) -> (ErrorCode, Outcome) {
    let problem = answer(answered).await.unwrap_err();
    (problem.code, problem.outcome)
}

const MOVED: (ErrorCode, Outcome) = (ErrorCode::TopicMoved, Outcome::NotDone);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_partition_takes_nothing_and_remembers_what_it_has() {
    let [a, _, _] = start_three(1).await;
    let replica = replica(&a);
    assert_eq!(answer(send(&replica, 0)).await.unwrap().base_offset, Some(Offset(0)));
    a.disk.hold_syncs();
    let before = a.log.last_log_index();
    seal(&a).await;
    eventually("the seal is in the log", || a.log.last_log_index() > before).await;
    let (behind, again) = (append(&replica, Ack::Leader), send(&replica, 0));
    a.disk.release_syncs();
    assert_eq!(refusal(behind).await, MOVED, "by the log");
    let again = answer(again).await.unwrap();
    assert_eq!((again.base_offset, again.replayed_stamp_ms), (Some(Offset(0)), Some(7)));
    eventually("the seal is applied", || a.log.sealed_at() == Some(Offset(1))).await;
    let end = a.log.last_log_index();
    for ack in [Ack::Leader, Ack::Quorum, Ack::All] {
        assert_eq!(refusal(append(&replica, ack)).await, MOVED, "{ack:?}");
    }
    assert_eq!(refusal(send(&replica, 1)).await, MOVED, "the next one");
    assert_eq!(refusal(send(&replica, 2)).await, MOVED, "what follows it");
    let again = answer(send(&replica, 0)).await.unwrap();
    assert_eq!((again.base_offset, again.replayed_stamp_ms), (Some(Offset(0)), Some(7)));
    assert_eq!((a.log.last_log_index(), a.log.log_end_offset()), (end, Offset(1)));
    assert_eq!(fetch(&replica, 0, 0).await.unwrap().batches.len(), 1, "reading goes on");
}
