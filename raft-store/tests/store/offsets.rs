//! INV-02: offsets are dense, a pure function of the log prefix, whatever is appended, truncated
//! and restarted.

use openraft::storage::RaftLogStorage;
use proptest::prelude::*;
use rampart_api::model::record_batch;
use rampart_raft_store::MemoryFaults;
use rampart_raft_store::format::log_id::log_id;
use rampart_raft_store::type_config::{EntryPayload, ProposalKind};

use crate::harness::{Replica, batch, data};

#[derive(Debug, Clone)]
enum Step {
    /// Entries: records (0 = a blank one) and value size.
    Append(Vec<(usize, usize)>),
    /// Keeps this share of the log.
    Truncate(prop::sample::Index),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let entry = (0..4usize, prop_oneof![Just(10usize), Just(9_000)]);
    let step = prop_oneof![
        4 => prop::collection::vec(entry, 1..12).prop_map(Step::Append),
        1 => any::<prop::sample::Index>().prop_map(Step::Truncate),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn offsets_stay_dense(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(steps));
    }
}

async fn run(steps: Vec<Step>) {
    let faults = MemoryFaults::none();
    let mut replica = Replica::in_memory(&faults);
    // Term and records of every entry.
    let mut model: Vec<(u64, u64)> = Vec::new();
    let mut term = 1;
    for step in steps {
        match step {
            Step::Append(entries) => {
                model.extend(entries.iter().map(|(records, _)| (term, *records as u64)));
                let payloads = entries.into_iter().map(|(records, size)| match records {
                    0 => EntryPayload::Blank,
                    records => data(batch(records, size, 5)),
                });
                replica.append(term, payloads.collect()).await;
            }
            Step::Truncate(keep) => {
                let keep = keep.index(model.len() + 1);
                let last = keep.checked_sub(1).map(|last| log_id(model[last].0, last as u64));
                replica.log.truncate_after(last).await.unwrap();
                model.truncate(keep);
                term += 1;
            }
            Step::Restart => replica = Replica::in_memory(&faults),
        }
        check(&mut replica, &model).await;
    }
}

async fn check(replica: &mut Replica, model: &[(u64, u64)]) {
    let total: u64 = model.iter().map(|(_, records)| records).sum();
    assert_eq!(replica.handle.log_end_offset().0, total);
    assert_eq!(replica.next_index(), model.len() as u64);
    let mut next = 0;
    let entries = replica.entries().await.unwrap();
    assert_eq!(entries.len(), model.len());
    for (index, (entry, (term, records))) in entries.iter().zip(model).enumerate() {
        assert_eq!(entry.log_id, log_id(*term, index as u64));
        if let EntryPayload::Normal(proposal) = &entry.payload {
            assert_eq!(proposal.kind, ProposalKind::Batches);
            let header = record_batch::validate(&proposal.body).unwrap();
            assert_eq!(header.base_offset, next);
            assert_eq!(header.leader_epoch, *term as i32);
        }
        next += *records as i64;
    }
}

#[tokio::test]
async fn a_gap_in_the_log_is_refused() {
    let mut replica = Replica::in_memory(&MemoryFaults::none());
    replica.append(1, vec![EntryPayload::Blank]).await;
    let error = replica.submit_at(5, 1, vec![EntryPayload::Blank]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn an_entry_whose_offset_does_not_follow_stops_the_replica() {
    use openraft::storage::RaftStateMachine;
    use rampart_raft_store::type_config::Entry;

    let mut replica = Replica::in_memory(&MemoryFaults::none());
    let mut stray = batch(1, 10, 0).to_vec();
    record_batch::patch(&mut stray, 9, 1);
    let entry = Entry { log_id: log_id(1, 0), payload: data(stray.into()) };
    let stream = futures_util::stream::iter([Ok((entry, None))]);
    let error = replica.machine.apply(stream).await.unwrap_err();
    assert!(error.to_string().contains("INV-02"), "{error}");
}
