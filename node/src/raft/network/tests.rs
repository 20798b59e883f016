//! Three replicas of one partition in one process: election, replication, a lost link, a full disk,
//! a foreign replica id, a snapshot, a half-done change of the membership.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use openraft::async_runtime::WatchReceiver;
use openraft::entry::RaftPayload;
use rampart_api::model::ids::{NodeId, Offset};
use rampart_api::peer::raft::{UnreachableReason, VoteRequest as WireVoteRequest};
use rampart_raft_store::state::partition::command::PartitionCommand;
use rampart_raft_store::type_config::{Entry, EntryPayload, LogId, Membership};

use super::*;
use crate::clock::Clock;
use crate::raft::testing::{
    GROUP, PATIENCE, all_at, eventually, replica_on, start_three, write, write_one,
};
use crate::raft::{membership, status};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_reach_all_replicas_with_the_same_bytes() {
    let [a, b, c] = start_three(3).await;
    write(&a, 500).await;
    all_at(&[&a, &b, &c], 500).await;
    let mut copies: Vec<Vec<Bytes>> = Vec::new();
    for node in [&a, &b, &c] {
        copies.push(node.log.read(Offset(0), 1 << 20).await.unwrap());
    }
    assert!(copies[0] == copies[1] && copies[1] == copies[2]);
    let (term, last) = (status::status(&a.raft).term, a.log.last_log_index());
    for node in [2, 3] {
        eventually("the leader knows that the follower has it", || {
            a.progress.matched(replica_on(node), term) == last
        })
        .await;
    }
    assert_eq!(b.progress.matched(replica_on(3), term), None, "only the leader knows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follower_without_a_link_is_done_without_and_catches_up() {
    let [a, b, c] = start_three(3).await;
    let all = a.directory.borrow().clone();
    a.directory.send_modify(|directory| {
        Arc::make_mut(directory).remove(&NodeId(3));
    });
    write(&a, 300).await;
    all_at(&[&a, &b], 300).await;
    a.directory.send_replace(all);
    write(&a, 10).await;
    all_at(&[&a, &b, &c], 310).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_follower_takes_no_data_and_stays_a_follower() {
    let [a, b, c] = start_three(3).await;
    write(&a, 10).await;
    all_at(&[&a, &b, &c], 10).await;
    let term = status::status(&a.raft).term;
    c.host.takes_data.store(false, Ordering::Relaxed);
    write(&a, 100).await;
    all_at(&[&a, &b], 110).await;
    assert_eq!(c.log.log_end_offset(), Offset(10));
    c.host.takes_data.store(true, Ordering::Relaxed);
    all_at(&[&c], 110).await;
    assert_eq!(status::status(&a.raft).term, term, "nobody campaigned");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_leader_is_replaced_and_closed_gates_are_kept() {
    let [a, b, c] = start_three(3).await;
    write(&a, 20).await;
    all_at(&[&b, &c], 20).await;
    let term = status::status(&b.raft).term;
    // A replica that may not vote, and one that is not there.
    b.host.votes.store(false, Ordering::Relaxed);
    for (to, why) in [
        (replica_on(2), UnreachableReason::NoVoteNow),
        (ReplicaId(99), UnreachableReason::NoSuchReplica),
    ] {
        let vote = convert::vote_to_wire(Vote::new(term + 5, replica_on(3).0));
        let (group, last) = (GROUP, None);
        let request = WireVoteRequest { group, to, vote, last, leadership_transfer: false };
        let answer = c.peer.call(NodeId(2), PeerRequest::Vote(request), PATIENCE).await;
        assert_eq!(answer, Ok(PeerResponse::Unreachable(why)));
        b.host.votes.store(true, Ordering::Relaxed);
    }
    a.raft.shutdown().await.unwrap();
    a.tasks.cancel();
    eventually("another replica leads", || [&b, &c].iter().any(|node| node.raft.is_leader())).await;
    let leader = if b.raft.is_leader() { &b } else { &c };
    write(leader, 5).await;
    all_at(&[&b, &c], 25).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_is_handed_over_when_asked() {
    let [a, b, c] = start_three(3).await;
    write(&a, 20).await;
    all_at(&[&a, &b, &c], 20).await;
    // A transfer is an attempt: on a busy machine the election behind it may go to another one.
    let deadline = Clock::default().instant() + PATIENCE;
    while !b.raft.is_leader() {
        assert!(Clock::default().instant() < deadline, "not in {PATIENCE:?}: node 2 leads");
        for node in [&a, &c].into_iter().filter(|node| node.raft.is_leader()) {
            node.raft.trigger().transfer_leader(replica_on(2).0).await.unwrap();
        }
        let led = b.raft.wait(Some(Duration::from_secs(1)));
        let _ = led.current_leader(replica_on(2).0, "node 2 leads").await;
    }
    write(&b, 5).await;
    all_at(&[&a, &b, &c], 25).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn learner_behind_the_cut_gets_the_snapshot_and_the_rest_as_log() {
    let [a, b, c] = start_three(2).await;
    for _ in 0..6 {
        write(&a, 1_000).await;
    }
    let trim = PartitionCommand::TrimTo { offset: Offset(4_500) };
    write_one(&a.raft, trim.proposal()).await;
    eventually("a cut is possible", || a.log.plan_cut(None)).await;
    a.raft.trigger().snapshot().await.unwrap();
    eventually("the log is purged up to the cut", || a.log.purged_index().is_some()).await;
    let member = Member { node: NodeId(3) };
    a.raft.add_learner(replica_on(3).0, member, true).await.unwrap();
    all_at(&[&a, &b, &c], 6_000).await;
    assert_eq!(c.log.log_start_offset(), a.log.log_start_offset());
    let (from, bytes) = (Offset(5_999), 1 << 10);
    let newest = c.log.read(from, bytes).await.unwrap();
    assert_eq!(newest, a.log.read(from, bytes).await.unwrap());
    write(&a, 10).await;
    all_at(&[&a, &b, &c], 6_010).await;
}

/// The log refuses entries behind a gap, and relies on this.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_behind_a_snapshot_wait_until_it_is_installed() {
    let [a, b, c] = start_three(2).await;
    for _ in 0..6 {
        write(&a, 1_000).await;
    }
    let trim = PartitionCommand::TrimTo { offset: Offset(4_500) };
    write_one(&a.raft, trim.proposal()).await;
    all_at(&[&a, &b], 6_000).await;
    eventually("a cut is possible", || a.log.plan_cut(None)).await;
    a.raft.trigger().snapshot().await.unwrap();
    eventually("the log is purged up to the cut", || a.log.purged_index().is_some()).await;
    let snapshot = a.raft.get_snapshot().await.unwrap().unwrap();
    let cut = snapshot.meta.last_log_id.unwrap();
    let vote = a.raft.with_raft_state(|state| *state.vote_ref()).await.unwrap();
    let entry = |index| Entry {
        log_id: LogId { leader_id: cut.leader_id, index },
        payload: EntryPayload::Blank,
    };
    let append = openraft::raft::AppendEntriesRequest {
        vote,
        prev_log_id: Some(cut),
        entries: vec![entry(cut.index + 1)],
        leader_commit: Some(cut),
    };

    c.disk.hold_syncs();
    let installing = c.raft.install_full_snapshot(vote, snapshot);
    let appending = async {
        // Behind the snapshot that the core has accepted, in front of the one on the disk.
        eventually("the snapshot is on its way", || c.disk.unsynced() > 0).await;
        c.disk.sync();
        eventually("the snapshot is being installed", || c.disk.unsynced() > 1).await;
        let appending = c.raft.append_entries(append);
        let synced = async {
            eventually("the core has seen it", || {
                c.raft.metrics().borrow_watched().last_log_index > Some(cut.index)
            })
            .await;
            assert_eq!(c.log.last_log_index(), None, "nothing is appended yet");
            c.disk.release_syncs();
        };
        tokio::join!(appending, synced).0
    };
    let (installed, appended) = tokio::join!(installing, appending);
    installed.unwrap();
    assert!(matches!(appended.unwrap(), openraft::raft::AppendEntriesResponse::Success));
    assert_eq!(c.log.last_log_index(), Some(cut.index + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn membership_change_left_half_done_is_finished_by_the_next_leader() {
    let [a, b, c] = start_three(3).await;
    write(&a, 20).await;
    all_at(&[&a, &b, &c], 20).await;
    let ids = |nodes: &[u64]| nodes.iter().map(|n| replica_on(*n).0).collect::<BTreeSet<_>>();
    let nodes: std::collections::BTreeMap<u64, Member> =
        (1..=3).map(|node| (replica_on(node).0, Member { node: NodeId(node) })).collect();
    let joint = Membership::new(vec![ids(&[1, 2, 3]), ids(&[2, 3])], nodes).unwrap();
    a.raft.append_membership(joint, EntryPayload::blank(), []).await.unwrap();
    for node in [&b, &c] {
        eventually("the first half has arrived", || status::membership(&node.raft).is_joint).await;
    }
    a.raft.shutdown().await.unwrap();
    a.tasks.cancel();
    eventually("another replica leads", || [&b, &c].iter().any(|node| node.raft.is_leader())).await;
    let leader = if b.raft.is_leader() { &b } else { &c };
    write(leader, 5).await;
    let half_done = status::membership(&leader.raft);
    assert!(
        half_done.is_joint && half_done.is_committed,
        "nothing else finishes it: {half_done:?}"
    );

    membership::finish(&leader.raft, &half_done).await.unwrap();
    let done = status::membership(&leader.raft);
    assert!(!done.is_joint && done.is_committed, "{done:?}");
    assert_eq!(done.voters.iter().map(|(id, _)| id.0).collect::<BTreeSet<_>>(), ids(&[2, 3]));
    assert_eq!(done.learners, [(replica_on(1), NodeId(1))], "the next step judges it");
    let again = membership::finish(&leader.raft, &half_done).await;
    assert!(again.is_err(), "it is bound to the membership it was decided from");
}
