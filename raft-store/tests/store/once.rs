//! INV-07: what a log knows of producers follows its prefix, whatever is appended, cut off, applied,
//! restarted, and installed as a snapshot; and what is not next never gets a record.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use openraft::storage::{RaftLogStorage, RaftStateMachine};
use proptest::prelude::*;
use rampart_api::model::ids::Offset;
use rampart_api::model::once::{KeyTag, OnceTag};
use rampart_api::model::record_batch::{BatchBuilder, NewRecord};
use rampart_raft_store::format::OnceHead;
use rampart_raft_store::format::log_id::log_id;
use rampart_raft_store::state::partition::producers::{
    OnceBatch, ProducerStates, Refusal, Verdict, Written,
};
use rampart_raft_store::ticket::{Ticket, TicketHolder, ticket};
use rampart_raft_store::type_config::{EntryPayload, Proposal, ProposalKind};
use rampart_raft_store::{Crash, MemoryFaults};

use crate::harness::{Replica, batch, data, trim_to, vote};

const EPOCH: i16 = 0;

fn once(producer_id: i64, base_sequence: i32, records: u32) -> OnceBatch {
    let producer_epoch = EPOCH;
    OnceBatch { producer_id, producer_epoch, base_sequence, records, stamp_ms: 5, key: None }
}

fn keyed(key: u8, body: u8) -> OnceBatch {
    let key = Some(KeyTag { key: [key; 16], body: [body; 16] });
    OnceBatch { key, ..once(-1, -1, 1) }
}

fn encoded(batch: &OnceBatch) -> Bytes {
    let mut builder =
        BatchBuilder::new().producer(batch.producer_id, batch.producer_epoch, batch.base_sequence);
    for _ in 0..batch.records {
        let record = NewRecord { key: None, value: Some(b"v"), timestamp_ms: 5, headers: &[] };
        builder.push(record);
    }
    builder.build()
}

/// An entry of these, each behind an ordinary batch of two records, as its leader proposes it.
fn entry(batches: &[OnceBatch], append_ms: i64, ticket: Option<Arc<Ticket>>) -> EntryPayload {
    let tag = |batch: &OnceBatch| OnceTag { stamp_ms: batch.stamp_ms, key: batch.key };
    let tags = (0..).zip(batches).map(|(n, batch)| (2 * n + 1, tag(batch))).collect();
    let mut body: BytesMut = OnceHead { append_ms, tags }.begin(0);
    for once in batches {
        body.extend_from_slice(&batch(2, 1, 5));
        body.extend_from_slice(&encoded(once));
    }
    let kind = ProposalKind::OnceBatches;
    EntryPayload::Normal(Proposal { kind, body: body.freeze(), ticket })
}

async fn lead(replica: &mut Replica, term: u64, batches: &[OnceBatch], at_ms: i64) -> TicketHolder {
    let (ticket, holder) = ticket();
    replica.append(term, vec![entry(batches, at_ms, Some(ticket))]).await;
    holder
}

#[tokio::test]
async fn what_is_not_next_is_kept_without_its_records_and_its_sender_is_told() {
    let mut leader = Replica::in_memory(&MemoryFaults::none());
    let first = lead(&mut leader, 1, &[once(4, 0, 3), keyed(1, 1)], 0).await;
    assert_eq!(first.position().unwrap().verdicts, None, "all were written");
    let sent = [once(4, 0, 3), once(4, 3, 1), once(4, 9, 1), keyed(1, 2), keyed(1, 1)];
    let again = lead(&mut leader, 1, &sent, 0).await.position().unwrap();
    assert_eq!(again.base_offset, Offset(8));
    let offsets: Vec<_> = again
        .verdicts
        .unwrap()
        .iter()
        .map(|verdict| match verdict {
            Verdict::Duplicate(original) => Ok(original.base_offset.0),
            Verdict::New => Ok(1_000),
            Verdict::Refused(refusal) => Err(*refusal),
        })
        .collect();
    let gap = Refusal::OutOfOrder { expected: 4 };
    assert_eq!(offsets, [Ok(2), Ok(1_000), Err(gap), Err(Refusal::OtherBody), Ok(7)]);
    leader.apply_all().await;
    let read = leader.read_all().await;
    assert_eq!(
        read,
        [(0, 2), (2, 3), (5, 2), (7, 1), (8, 2), (10, 2), (12, 1), (13, 2), (15, 2), (17, 2)]
    );

    let mut follower = Replica::in_memory(&MemoryFaults::none());
    let payloads = leader.entries().await.unwrap().into_iter().map(|entry| entry.payload);
    follower.append(1, payloads.collect()).await;
    follower.apply_all().await;
    assert_eq!(follower.read_all().await, read);
    assert_eq!(follower.handle.check_once(&once(4, 4, 1), 0), Verdict::New);
}

#[tokio::test]
async fn a_follower_that_finds_a_batch_twice_stops() {
    let mut follower = Replica::in_memory(&MemoryFaults::none());
    follower.append(1, vec![entry(&[once(4, 0, 3)], 0, None)]).await;
    let twice = vec![entry(&[once(4, 0, 3)], 0, None)];
    let refused = follower.submit_at(1, 1, twice).await.unwrap_err();
    assert!(refused.to_string().contains("INV-07"), "{refused}");
}

#[derive(Debug, Clone)]
enum Step {
    /// Entries of these, a time after the last.
    Append(Vec<OnceBatch>, i64),
    /// An entry without any.
    Plain,
    /// Keeps this share of what is not applied.
    Truncate(prop::sample::Index),
    Apply,
    Restart,
    Crash,
    /// All goes on in a new replica that gets a snapshot.
    Install,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let batch = prop_oneof![
        4 => (0..3i64, 0..9i32, 1..3u32).prop_map(|(id, sequence, n)| once(id, sequence, n)),
        1 => (0..3u8, 0..2u8).prop_map(|(key, body)| keyed(key, body)),
    ];
    let hours = prop::sample::select(vec![0, 0, 0, 11]);
    let append = (prop::collection::vec(batch, 1..4), hours.prop_map(|h: i64| h * 3_600_000));
    let step = prop_oneof![
        8 => append.prop_map(|(batches, step_ms)| Step::Append(batches, step_ms)),
        1 => Just(Step::Plain),
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
    fn producers_follow_the_prefix(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(steps));
    }
}

/// What should be: the entries of the log as they were proposed, by index.
#[derive(Default)]
struct Model {
    entries: Vec<(Vec<OnceBatch>, i64, u64)>,
    applied: usize,
    term: u64,
    now_ms: i64,
}

impl Model {
    /// The states by the rules alone, from the first entry on.
    fn states(&self) -> ProducerStates {
        let (mut states, mut offset) = (ProducerStates::default(), 0);
        for (index, (batches, append_ms, term)) in (0..).zip(&self.entries) {
            if batches.is_empty() {
                // A plain entry has one record, a trim none: its time is -1.
                offset += u64::from(*append_ms == 0);
                continue;
            }
            states.enter(index, *append_ms);
            for batch in batches {
                offset += 2;
                if states.check(batch, *append_ms) == Verdict::New {
                    states.note(batch, Written { term: *term, base_offset: Offset(offset) });
                    offset += u64::from(batch.records);
                }
            }
        }
        states
    }
}

async fn run(steps: Vec<Step>) {
    let mut faults = MemoryFaults::none();
    let mut replica = Replica::in_memory(&faults);
    let mut model = Model { term: 1, ..Model::default() };
    for step in steps {
        match step {
            Step::Append(batches, step_ms) => {
                model.now_ms += step_ms;
                lead(&mut replica, model.term, &batches, model.now_ms).await;
                model.entries.push((batches, model.now_ms, model.term));
            }
            Step::Plain => {
                replica.append(model.term, vec![data(batch(1, 10, 5))]).await;
                model.entries.push((Vec::new(), 0, model.term));
            }
            Step::Truncate(keep) => {
                let unapplied = model.entries.len() - model.applied;
                let keep = model.applied + keep.index(unapplied + 1);
                let last = keep.checked_sub(1);
                let last = last.map(|last| log_id(model.entries[last].2, last as u64));
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
        check(&replica, &model);
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
    model.entries.push((Vec::new(), -1, model.term));
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

fn check(replica: &Replica, model: &Model) {
    let (states, now_ms) = (model.states(), model.now_ms);
    for id in 0..3 {
        for (sequence, records) in (0..12).flat_map(|s| [(s, 1), (s, 2)]) {
            let batch = once(id, sequence, records);
            let (found, expected) =
                (replica.handle.check_once(&batch, now_ms), states.check(&batch, now_ms));
            assert_eq!(found, expected, "{batch:?}");
        }
    }
    for (key, body) in (0..3).flat_map(|key| [(key, 0), (key, 1)]) {
        let batch = keyed(key, body);
        let (found, expected) =
            (replica.handle.check_once(&batch, now_ms), states.check(&batch, now_ms));
        assert_eq!(found, expected, "{batch:?}");
    }
}
