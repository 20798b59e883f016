//! Replicas of one partition in one process: what an append is answered when leaders change and
//! disks are slow, and what a leader says about the end of its log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use openraft::errors::{ClientWriteError, ForwardToLeader};
use openraft::raft::ClientWriteResult;
use openraft::raft::responder::{ProgressResponder, Responder};
use rampart_api::model::error_code::ErrorCode;
use rampart_api::model::ids::{Offset, TopicId};
use rampart_api::model::problem::{Outcome, Problem};
use rampart_api::model::topic_config::{Ack, TopicConfig};
use rampart_raft_store::ticket::{self, AppendPosition};
use rampart_raft_store::type_config::TypeConfig;
use tokio::sync::oneshot;

use super::appender::{PendingAppend, Unsynced};
use super::fetch_budget::FetchBudget;
use super::follow::{self, EntryInFlight};
use super::local;
use super::replica::{Replica, ReplicaParts, ReplicaSpec};
use super::replica_log::ReplicaLog;
use super::request::{Fetch, Fetched, PartitionKey, Produced};
use super::retention;
use crate::clock::Clock;
use crate::raft::settings::RaftTimings;
use crate::raft::testing::{
    GROUP, Node, PATIENCE, all_at, batch, eventually, replica_on, start_three, write,
};
use crate::telemetry::Metrics;

mod once;
mod resting;
mod sealed;

const KEY: PartitionKey = PartitionKey { topic: TopicId(uuid::Uuid::nil()), partition: 0 };

type Answer = oneshot::Receiver<Result<Produced, Problem>>;

fn replica(node: &Node) -> Arc<Replica> {
    Replica::start(ReplicaParts {
        spec: ReplicaSpec {
            group: GROUP,
            key: KEY,
            replica: replica_on(node.id.0),
            node: node.id,
            rank: 0,
        },
        raft: node.raft.clone(),
        log: ReplicaLog::Records(node.log.clone()),
        progress: node.progress.clone(),
        config: Arc::new(TopicConfig::default()),
        bytes_in_flight_max: 1 << 20,
        timings: RaftTimings::default(),
        liveness: node.peer.liveness(),
        clock: Clock::default(),
        woken: Arc::default(),
        tasks: node.tasks.child(),
        metrics: Metrics::new(),
    })
}

fn pending(ack: Ack) -> (PendingAppend, Answer) {
    let (answer, answered) = oneshot::channel();
    let append = PendingAppend {
        batches: batch(b"value").body,
        records: 1,
        once: None,
        ack,
        deadline: Clock::default().instant() + PATIENCE,
        answer,
        _permits: Vec::new(),
    };
    (append, answered)
}

fn append(replica: &Replica, ack: Ack) -> Answer {
    let (append, answered) = pending(ack);
    replica.enqueue(append).unwrap();
    answered
}

async fn answer(answered: Answer) -> Result<Produced, Problem> {
    tokio::time::timeout(PATIENCE, answered).await.expect("an answer in time").expect("an answer")
}

async fn fetch(replica: &Arc<Replica>, offset: u64, wait_ms: u32) -> Result<Fetched, Problem> {
    let offset = Offset(offset);
    let request = Fetch { key: KEY, offset, max_bytes: 1 << 20, wait_ms, linearizable: false };
    local::fetch(&FetchBudget::new(8 << 20), replica, request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_that_come_while_an_entry_is_on_its_way_to_the_disk_become_one() {
    let [a, _, _] = start_three(1).await;
    let replica = replica(&a);
    answer(append(&replica, Ack::Quorum)).await.unwrap();
    let before = a.log.last_log_index().unwrap();
    a.disk.hold_syncs();
    let first = append(&replica, Ack::Quorum);
    eventually("the first is in the log", || a.log.last_log_index() == Some(before + 1)).await;
    let others: Vec<Answer> = (0..20).map(|_| append(&replica, Ack::Quorum)).collect();
    a.disk.release_syncs();
    assert_eq!(answer(first).await.unwrap().base_offset, Some(Offset(1)));
    for (offset, other) in (2..).zip(others) {
        assert_eq!(answer(other).await.unwrap().base_offset, Some(Offset(offset)));
    }
    assert_eq!(a.log.last_log_index(), Some(before + 2), "20 appends are one entry");
}

/// Follows one entry with ack 1 whose fate the test decides.
async fn follow_one(
    replica: &Arc<Replica>,
    term: u64,
    is_synced: bool,
) -> (Option<Result<Produced, Problem>>, Result<Produced, Problem>) {
    let (ticket, holder) = ticket::ticket();
    let (verdicts, sealed_at) = (None, None);
    ticket.appended(AppendPosition { term, index: 9, base_offset: Offset(3), verdicts, sealed_at });
    if is_synced {
        ticket.synced();
    }
    drop(ticket);
    let (responder, _commit, complete) =
        ProgressResponder::<TypeConfig, ClientWriteResult<TypeConfig>>::new();
    let (append, mut answered) = pending(Ack::Leader);
    let entry = EntryInFlight { number: 1, appends: vec![append], holder, complete };
    let mut run = Box::pin(follow::run(replica.clone(), Arc::new(Unsynced::default()), entry));
    assert!((&mut run).now_or_never().is_none(), "the entry is not decided yet");
    let early = answered.try_recv().ok();
    responder.on_complete(Err(ClientWriteError::LogEntryDiscarded(ForwardToLeader::empty())));
    run.await;
    let late = match &early {
        Some(early) => early.clone(),
        None => answer(answered).await,
    };
    (early, late)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ack_1_is_given_only_for_what_is_on_the_disk_of_the_leader_that_appended_it() {
    let [a, _, _] = start_three(1).await;
    let replica = replica(&a);
    let term = replica.status().term;
    let (early, _) = follow_one(&replica, term, true).await;
    assert_eq!(early.unwrap().unwrap().base_offset, Some(Offset(3)));
    for (term, is_synced, why) in
        [(term, false, "discarded before it was synced"), (term - 1, true, "of an older term")]
    {
        let (early, late) = follow_one(&replica, term, is_synced).await;
        assert_eq!(early, None, "{why}");
        assert_eq!(late.unwrap_err().outcome, Outcome::Unknown, "{why}");
    }
}

/// The first leads, all three have 20 records, and the others take no more.
async fn leader_alone_with_its_log([a, b, c]: [&Node; 3]) -> Arc<Replica> {
    write(a, 20).await;
    all_at(&[a, b, c], 20).await;
    for follower in [b, c] {
        follower.host.takes_data.store(false, Ordering::Relaxed);
    }
    replica(a)
}

/// The leader `a` reaches nobody until another leads.
async fn depose([a, b, c]: [&Node; 3]) {
    let all = a.directory.send_replace(Arc::default());
    eventually("another replica leads", || [b, c].iter().any(|node| node.raft.is_leader())).await;
    a.directory.send_replace(all);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_the_next_leader_cuts_off_is_unknown_never_not_done() {
    let [a, b, c] = start_three(3).await;
    let replica = leader_alone_with_its_log([&a, &b, &c]).await;
    let answered = append(&replica, Ack::Quorum);
    eventually("the leader has it in its log", || a.log.log_end_offset() == Offset(21)).await;
    depose([&a, &b, &c]).await;
    let problem = answer(answered).await.unwrap_err();
    assert_eq!(problem.outcome, Outcome::Unknown, "{problem}");
    assert_eq!(problem.code, ErrorCode::NotLeader);
    eventually("it is cut off", || a.log.log_end_offset() == Offset(20)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn minus_1_waits_for_the_disk_of_the_leader_too() {
    let [a, b, c] = start_three(3).await;
    write(&a, 20).await;
    all_at(&[&a, &b, &c], 20).await;
    let replica = replica(&a);
    a.disk.hold_syncs();
    let (mut all, quorum) = (append(&replica, Ack::All), append(&replica, Ack::Quorum));
    eventually("both followers have it, and it is applied", || {
        a.log.high_watermark() > Offset(20)
            && [2, 3].iter().all(|node| {
                let matched = a.progress.matched(replica_on(*node), replica.status().term);
                matched >= a.log.applied_index()
            })
    })
    .await;
    let early = tokio::time::timeout(Duration::from_millis(300), &mut all).await;
    assert!(early.is_err(), "not on the leader's disk: {early:?}");
    a.disk.release_syncs();
    answer(all).await.unwrap();
    answer(quorum).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_says_nothing_of_its_end_before_it_has_applied_an_entry_of_its_own() {
    let [a, b, c] = start_three(3).await;
    c.host.takes_appends.store(false, Ordering::Relaxed);
    write(&a, 20).await;
    all_at(&[&a, &b], 20).await;
    let replica = replica(&b);
    a.raft.shutdown().await.unwrap();
    a.tasks.cancel();
    eventually("node 2 leads", || b.raft.is_leader()).await;
    // Node 3 gave its vote, and takes nothing: the first entry of the term can't be committed.
    for is_quiesced in [false, true] {
        replica.set_quiesced(is_quiesced);
        for offset in [20, 25] {
            let refused = fetch(&replica, offset, 0).await.unwrap_err();
            assert_eq!((refused.code, refused.outcome), (ErrorCode::NotLeader, Outcome::NotDone));
        }
        assert_eq!(fetch(&replica, 5, 0).await.unwrap().high_watermark, Offset(20));
    }
    replica.set_quiesced(false);
    c.host.takes_appends.store(true, Ordering::Relaxed);
    all_at(&[&c], 20).await;
    write(&b, 1).await;
    let wait_ms = 60_000;
    let out_of_range = tokio::time::timeout(PATIENCE, fetch(&replica, 25, wait_ms)).await;
    let problem = out_of_range.expect("said at once, not after the wait").unwrap_err();
    assert_eq!(problem.code, ErrorCode::OffsetOutOfRange);
    assert_eq!(problem.valid_offsets, Some((0, 21)));
    assert!(fetch(&replica, 21, 0).await.unwrap().batches.is_empty());

    c.host.takes_appends.store(false, Ordering::Relaxed);
    eventually("the lease runs out", || !replica.lease_valid(&replica.status())).await;
    let refused = fetch(&replica, 21, 0).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotLeader, "cut off: there may be more elsewhere");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quiet_leader_that_hears_of_no_majority_says_nothing_of_its_end() {
    let [a, b, c] = start_three(3).await;
    write(&a, 20).await;
    all_at(&[&a, &b, &c], 20).await;
    let replica = replica(&a);
    for node in [&a, &b, &c] {
        node.host.votes.store(false, Ordering::Relaxed);
        node.host.takes_appends.store(false, Ordering::Relaxed);
    }
    eventually("the lease runs out", || !replica.lease_valid(&replica.status())).await;
    let refused = fetch(&replica, 20, 0).await.unwrap_err();
    assert_eq!((refused.code, refused.outcome), (ErrorCode::NotLeader, Outcome::NotDone));
    assert!(replica.is_leader(), "nobody got a vote");
    replica.set_quiesced(true);
    assert_eq!(fetch(&replica, 20, 0).await.unwrap().high_watermark, Offset(20));
    // As after a pause: it takes itself for quiet, and others may lead.
    for follower in [&b, &c] {
        follower.raft.shutdown().await.unwrap();
        follower.tasks.cancel();
    }
    let is_heard = |node: &Node| a.peer.liveness().is_heard(node.id);
    eventually("the others are silent", || !is_heard(&b) && !is_heard(&c)).await;
    assert!(replica.is_leader() && replica.is_quiesced(), "by its own view");
    let refused = fetch(&replica, 20, 0).await.unwrap_err();
    assert_eq!((refused.code, refused.outcome), (ErrorCode::NotLeader, Outcome::NotDone));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fetch_that_waits_is_counted_until_it_is_answered() {
    let [a, _, _] = start_three(1).await;
    let replica = replica(&a);
    let counted = replica.parts.metrics.clone();
    let meanwhile = async {
        eventually("the fetch waits", || counted.fetch.waiting.get() == 1).await;
        answer(append(&replica, Ack::Quorum)).await.unwrap();
    };
    let (fetched, ()) = tokio::join!(fetch(&replica, 0, 60_000), meanwhile);
    let read = fetched.unwrap().batches;
    assert_eq!(read.len(), 1);
    assert_eq!(counted.fetch.waiting.get(), 0);
    assert_eq!(counted.fetch.requests.get(), 1);
    assert_eq!(counted.fetch.bytes.get(), read[0].len() as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trim_takes_what_was_asked_for_and_no_more() {
    let [a, _, _] = start_three(1).await;
    write(&a, 20).await;
    let replica = replica(&a);
    assert_eq!(retention::trim(&replica, Offset(5), PATIENCE).await.unwrap(), Offset(5));
    assert_eq!(a.log.log_start_offset(), Offset(5));
    assert!(fetch(&replica, 5, 0).await.is_ok());
    assert_eq!(fetch(&replica, 4, 0).await.unwrap_err().code, ErrorCode::OffsetOutOfRange);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_replica_starts_where_it_was() {
    let [a, _, _] = start_three(1).await;
    write(&a, 20).await;
    let replica = replica(&a);
    replica.stop().await;
    let (append, _answered) = pending(Ack::Quorum);
    let refused = replica.enqueue(append).unwrap_err();
    assert_eq!((refused.code, refused.outcome), (ErrorCode::NotLeader, Outcome::NotDone));
    let again = a.store.open_partition(GROUP, replica_on(1)).unwrap();
    assert_eq!(again.handle.high_watermark(), Offset(20), "nothing is applied again");
}
