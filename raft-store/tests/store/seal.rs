//! INV-21: behind a partition's seal there is no record, whatever is appended, cut off, applied,
//! restarted, and installed as a snapshot; whoever leads decides by the log's prefix, and tells.

use bytes::Bytes;
use openraft::storage::{RaftLogStorage, RaftStateMachine};
use proptest::prelude::*;
use rampart_api::model::ids::Offset;
use rampart_api::model::once::OnceTag;
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};
use rampart_raft_store::format::OnceHead;
use rampart_raft_store::format::log_id::log_id;
use rampart_raft_store::state::partition::PartitionCommand;
use rampart_raft_store::state::partition::producers::{OnceBatch, Refusal, Verdict};
use rampart_raft_store::ticket::{AppendPosition, ticket};
use rampart_raft_store::type_config::{EntryPayload, Proposal, ProposalKind};
use rampart_raft_store::{Crash, MemoryFaults};

use crate::harness::{Replica, batch, data, trim_to, vote};

fn seal() -> EntryPayload {
    EntryPayload::Normal(PartitionCommand::Seal.proposal())
}

/// A batch of an idempotent producer.
fn numbered(base_sequence: i32, records: u32) -> Bytes {
    let mut builder = BatchBuilder::new().producer(4, 0, base_sequence);
    for _ in 0..records {
        builder.push(NewRecord { key: None, value: Some(b"v"), timestamp_ms: 5, headers: &[] });
    }
    builder.build()
}

fn once(base_sequence: i32, records: u32) -> OnceBatch {
    let (producer_id, producer_epoch) = (4, 0);
    OnceBatch { producer_id, producer_epoch, base_sequence, records, stamp_ms: 5, key: None }
}

/// What the leader of a term proposes, and where it landed.
async fn lead(replica: &mut Replica, term: u64, kind: ProposalKind, body: Bytes) -> AppendPosition {
    let (ticket, holder) = ticket();
    let proposal = Proposal { kind, body, ticket: Some(ticket) };
    replica.append(term, vec![EntryPayload::Normal(proposal)]).await;
    holder.position().expect("it was appended")
}

async fn lead_plain(replica: &mut Replica, term: u64, records: usize) -> AppendPosition {
    lead(replica, term, ProposalKind::Batches, batch(records, 3, 5)).await
}

/// An entry of these numbered batches, behind an ordinary one.
async fn lead_once(replica: &mut Replica, batches: &[Bytes]) -> AppendPosition {
    let tags = (1..).zip(batches).map(|(n, _)| (n, OnceTag { stamp_ms: 5, key: None })).collect();
    let mut body = OnceHead { append_ms: 0, tags }.begin(0);
    body.extend_from_slice(&batch(2, 3, 5));
    batches.iter().for_each(|batch| body.extend_from_slice(batch));
    lead(replica, 1, ProposalKind::OnceBatches, body.freeze()).await
}

#[tokio::test]
async fn what_comes_behind_the_seal_is_kept_without_its_records_and_its_sender_is_told() {
    let mut leader = Replica::in_memory(&MemoryFaults::none());
    let first = lead_once(&mut leader, &[numbered(0, 3)]).await;
    assert_eq!((first.base_offset, first.sealed_at), (Offset(0), None));
    leader.append(1, vec![seal()]).await;
    let plain = lead_plain(&mut leader, 1, 4).await;
    assert_eq!((plain.base_offset, plain.sealed_at), (Offset(5), Some(Offset(5))));
    let again = lead_once(&mut leader, &[numbered(0, 3), numbered(3, 1), numbered(4, 1)]).await;
    assert_eq!((again.base_offset, again.sealed_at), (Offset(5), Some(Offset(5))));
    let verdicts = again.verdicts.unwrap();
    assert!(matches!(verdicts[0], Verdict::Duplicate(original) if original.base_offset.0 == 2));
    assert_eq!(verdicts[1], Verdict::New, "it would be the next one");
    let gap = Verdict::Refused(Refusal::OutOfOrder { expected: 3 });
    assert_eq!(verdicts[2], gap, "what it follows is not there, and will not be");
    leader.append(1, vec![EntryPayload::Blank, trim_to(2), seal()]).await;
    assert_eq!(leader.handle.sealed_at(), None, "nothing is applied yet");
    leader.apply_all().await;
    assert_eq!(leader.handle.sealed_at(), Some(Offset(5)));
    assert_eq!(
        (leader.handle.high_watermark(), leader.handle.log_end_offset()),
        (Offset(5), Offset(5))
    );
    assert_eq!(leader.handle.log_start_offset(), Offset(2), "retention goes on");
    assert_eq!(leader.read_all().await, [(2, 3)]);
    assert_eq!(leader.handle.check_once(&once(3, 1), 0), Verdict::New, "it was never written");

    let mut follower = Replica::in_memory(&MemoryFaults::none());
    let payloads = leader.entries().await.unwrap().into_iter().map(|entry| entry.payload);
    follower.append(1, payloads.collect()).await;
    follower.apply_all().await;
    assert_eq!(follower.handle.sealed_at(), Some(Offset(5)));
    assert_eq!(follower.read_all().await, [(2, 3)]);
}

#[tokio::test]
async fn a_follower_that_finds_records_behind_the_seal_stops() {
    let head = OnceHead { append_ms: 0, tags: Vec::new() };
    let mut ordinary = head.begin(0);
    ordinary.extend_from_slice(&batch(1, 3, 5));
    let kind = ProposalKind::OnceBatches;
    let in_once = Proposal { kind, body: ordinary.freeze(), ticket: None };
    for behind in [data(batch(1, 3, 5)), EntryPayload::Normal(in_once)] {
        let mut follower = Replica::in_memory(&MemoryFaults::none());
        follower.append(1, vec![data(batch(3, 3, 5)), seal()]).await;
        let refused = follower.submit_at(2, 1, vec![behind]).await.unwrap_err();
        assert!(refused.to_string().contains("INV-21"), "{refused}");
    }
}

#[tokio::test]
async fn a_seal_that_is_cut_off_is_none() {
    let mut replica = Replica::in_memory(&MemoryFaults::none());
    lead_plain(&mut replica, 1, 3).await;
    replica.append(1, vec![seal()]).await;
    assert_eq!(lead_plain(&mut replica, 1, 1).await.sealed_at, Some(Offset(3)));
    replica.log.truncate_after(Some(log_id(1, 0))).await.unwrap();
    let landed = lead_plain(&mut replica, 2, 2).await;
    assert_eq!((landed.base_offset, landed.sealed_at), (Offset(3), None));
    replica.apply_all().await;
    assert_eq!(replica.read_all().await, [(0, 3), (3, 2)]);
}

#[derive(Debug, Clone)]
enum Step {
    Append(usize),
    Seal,
    /// Keeps this share of what is not applied.
    Truncate(prop::sample::Index),
    Apply,
    Restart,
    Crash,
    /// All goes on in a new replica that gets a snapshot.
    Install,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..4usize).prop_map(Step::Append),
        2 => Just(Step::Seal),
        2 => any::<prop::sample::Index>().prop_map(Step::Truncate),
        2 => Just(Step::Apply),
        1 => Just(Step::Restart),
        1 => Just(Step::Crash),
        1 => Just(Step::Install),
    ];
    prop::collection::vec(step, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn the_seal_follows_the_prefix(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(steps));
    }
}

/// What an entry was proposed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proposed {
    Records(u64),
    Seal,
    Trim,
}

/// What should be: the entries of the log as they were proposed, with their terms.
#[derive(Default)]
struct Model {
    entries: Vec<(Proposed, u64)>,
    applied: usize,
    term: u64,
}

impl Model {
    /// The next offset and the seal after so many entries, by the rule alone.
    fn after(&self, entries: usize) -> (u64, Option<Offset>) {
        let (mut next, mut sealed) = (0, None);
        for (proposed, _) in &self.entries[..entries] {
            match proposed {
                Proposed::Records(records) if sealed.is_none() => next += records,
                Proposed::Seal if sealed.is_none() => sealed = Some(Offset(next)),
                Proposed::Records(_) | Proposed::Seal | Proposed::Trim => {}
            }
        }
        (next, sealed)
    }
}

async fn run(steps: Vec<Step>) {
    let mut faults = MemoryFaults::none();
    let mut replica = Replica::in_memory(&faults);
    let mut model = Model { term: 1, ..Model::default() };
    for step in steps {
        match step {
            Step::Append(records) => {
                let (next, sealed) = model.after(model.entries.len());
                let landed = lead_plain(&mut replica, model.term, records).await;
                assert_eq!((landed.base_offset, landed.sealed_at), (Offset(next), sealed));
                model.entries.push((Proposed::Records(records as u64), model.term));
            }
            Step::Seal => {
                replica.append(model.term, vec![seal()]).await;
                model.entries.push((Proposed::Seal, model.term));
            }
            Step::Truncate(keep) => {
                let unapplied = model.entries.len() - model.applied;
                let keep = model.applied + keep.index(unapplied + 1);
                let last = keep.checked_sub(1);
                let last = last.map(|last| log_id(model.entries[last].1, last as u64));
                replica.log.truncate_after(last).await.unwrap();
                model.entries.truncate(keep);
                model.term += 1;
                // Else a crash may bring back what was cut off: a truncation has no sync of its own.
                replica.log.save_vote(&vote(model.term)).await.unwrap();
            }
            Step::Apply => {
                replica.apply_all().await;
                model.applied = model.entries.len();
            }
            Step::Restart => {
                replica.handle.save_applied().await.unwrap();
                replica = started(&faults).await;
            }
            Step::Crash => {
                faults.crash(Crash::LoseUnsynced);
                replica = started(&faults).await;
                replica.apply_all().await;
                model.applied = model.entries.len();
            }
            Step::Install => (replica, faults) = installed(replica, &mut model).await,
        }
        let (next, sealed) = model.after(model.applied);
        assert_eq!(
            (replica.handle.high_watermark(), replica.handle.sealed_at()),
            (Offset(next), sealed)
        );
        assert_eq!(replica.handle.log_end_offset(), Offset(model.after(model.entries.len()).0));
    }
}

/// The replica on this disk. As openraft does, it purges what is applied and not in the log.
async fn started(faults: &MemoryFaults) -> Replica {
    let mut replica = Replica::in_memory(faults);
    let (applied, _) = replica.machine.applied_state().await.unwrap();
    if let Some(applied) = applied
        && replica.handle.last_log_index() < Some(applied.index)
    {
        replica.log.purge(applied).await.unwrap();
    }
    replica
}

/// A new replica with a snapshot of everything that the old one has.
async fn installed(mut old: Replica, model: &mut Model) -> (Replica, MemoryFaults) {
    old.apply_all().await;
    let end = old.handle.high_watermark().0;
    old.append(model.term, vec![trim_to(end)]).await;
    model.entries.push((Proposed::Trim, model.term));
    old.apply_all().await;
    model.applied = model.entries.len();
    let faults = MemoryFaults::none();
    let mut new = Replica::in_memory(&faults);
    let mut builder = old.machine.try_create_snapshot_builder(true).await.unwrap();
    use openraft::storage::RaftSnapshotBuilder;
    let snapshot = builder.build_snapshot().await.unwrap();
    new.machine.install_snapshot(&snapshot.meta, snapshot.snapshot).await.unwrap();
    new.log.purge(snapshot.meta.last_log_id.unwrap()).await.unwrap();
    (new, faults)
}
