//! What retention takes, and where the log may be cut.

use proptest::prelude::*;
use rampart_api::model::ids::Offset;
use rampart_raft_store::MemoryFaults;

use crate::harness::{Replica, batch, data, trim_to};

/// 3,000 entries of one record and about 400 bytes, timestamps 0, 10, 20, ...
pub(crate) async fn filled(faults: &MemoryFaults) -> Replica {
    let mut replica = Replica::in_memory(faults);
    for hundred in 0..30 {
        let payloads = (0..100).map(|one| data(batch(1, 300, (hundred * 100 + one) * 10)));
        replica.append(1, payloads.collect()).await;
    }
    replica.apply_all().await;
    replica
}

#[tokio::test]
async fn retention_by_time_takes_what_is_wholly_older() {
    let replica = filled(&MemoryFaults::none()).await;
    let target = |keep_ms| replica.handle.retention_target(Some(keep_ms), None, 30_000);
    assert_eq!(target(30_000), None);
    let half = target(15_000).unwrap().0;
    assert!((1_200..=1_500).contains(&half), "{half} of the 1,500 that are older");
    assert_eq!(target(0), Some(Offset(3_000)), "the open granule too, once it is older");
    assert_eq!(replica.handle.retention_target(None, None, 30_000), None);
}

#[tokio::test]
async fn retention_by_size_keeps_at_least_as_much_as_asked() {
    let replica = filled(&MemoryFaults::none()).await;
    let size = replica.handle.size_bytes();
    assert!(size > 1_000_000, "{size}");
    let keep = 500_000;
    let target = replica.handle.retention_target(None, Some(keep), 0).unwrap().0;
    let kept = size * (3_000 - target) / 3_000;
    assert!((keep..keep + 100_000).contains(&kept), "{kept}");
    assert_eq!(replica.handle.retention_target(None, Some(size), 0), None);
}

#[tokio::test]
async fn a_second_look_after_the_trim_finds_nothing() {
    let mut replica = filled(&MemoryFaults::none()).await;
    let target = replica.handle.retention_target(None, Some(500_000), 0).unwrap();
    replica.append(1, vec![trim_to(target.0)]).await;
    replica.apply_all().await;
    assert_eq!(replica.handle.log_start_offset(), target);
    assert_eq!(replica.handle.retention_target(None, Some(500_000), 0), None);
}

#[tokio::test]
async fn a_cut_needs_trimmed_entries_a_margin_and_no_learner_in_the_way() {
    let mut replica = filled(&MemoryFaults::none()).await;
    assert!(!replica.handle.plan_cut(None), "nothing is trimmed");
    replica.append(1, vec![trim_to(2_900)]).await;
    replica.apply_all().await;
    assert!(!replica.handle.plan_cut(Some(50)), "a learner needs it");
    assert!(replica.handle.plan_cut(None));
    let snapshot = replica.snapshot_and_purge().await;
    let cut = snapshot.meta.last_log_id.unwrap().index;
    assert!((1_700..=2_000).contains(&cut), "{cut}: at least 1,000 below the last applied");
    assert!(!replica.handle.plan_cut(None), "nothing more to gain");
}

/// Entries below the last applied one that are never cut.
const MARGIN: u64 = 1_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// openraft reads the log id of applied entries: it must never find them purged, wherever the
    /// trim is, however much is applied, and whoever still needs something.
    #[test]
    fn nothing_is_ever_cut_at_or_near_the_last_applied_entry(
        entries in 900..2_600u64,
        unapplied in 0..400u64,
        value_bytes in 100..900usize,
        trim_per_mille in 0..1_200u64,
        keep_from in prop::option::of(0..2_600u64),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut replica = Replica::in_memory(&MemoryFaults::none());
            for first in (0..entries).step_by(100) {
                let payloads = (first..entries.min(first + 100)).map(|_| data(batch(1, value_bytes, 0)));
                replica.append(1, payloads.collect()).await;
            }
            replica.append(1, vec![trim_to(entries * trim_per_mille / 1_000)]).await;
            replica.apply_all().await;
            let applied = replica.handle.applied_index().unwrap();
            replica.append(1, (0..unapplied).map(|_| data(batch(1, value_bytes, 0))).collect()).await;
            let log_start = replica.handle.log_start_offset();
            if !replica.handle.plan_cut(keep_from) {
                return Ok(());
            }
            let cut = replica.snapshot_and_purge().await.meta.last_log_id.unwrap().index;
            prop_assert!(cut + MARGIN <= applied, "cut at {cut}, applied {applied}");
            prop_assert!(keep_from.is_none_or(|keep_from| cut < keep_from), "{cut} is needed");
            prop_assert_eq!(replica.handle.purged_index(), Some(cut));
            prop_assert!(replica.handle.offset_after_index(cut) <= log_start, "not trimmed");
            let left = replica.entries().await.unwrap();
            prop_assert_eq!(left[0].log_id.index, cut + 1);
            Ok(())
        })?;
    }
}
