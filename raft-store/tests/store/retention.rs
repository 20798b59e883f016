//! What retention takes, and where the log may be cut.

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
