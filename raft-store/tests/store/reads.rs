//! Reads by offset and timestamp: whole batches, below the high watermark only, from memory and
//! from the disk alike.

use rampart_api::model::ids::Offset;
use rampart_api::model::record_batch::BatchHeader;
use rampart_raft_store::MemoryFaults;
use rampart_raft_store::error::ReadError;
use rampart_raft_store::type_config::EntryPayload;

use crate::harness::{Replica, batch, data, trim_to};

/// 200 entries of 3 records and about 3 KB each, timestamps 1000, 1010, ...
async fn filled(faults: &MemoryFaults) -> Replica {
    let mut replica = Replica::in_memory(faults);
    for entry in 0..200 {
        replica.append(1, vec![data(batch(3, 1_000, 1_000 + entry * 10))]).await;
    }
    replica.apply_all().await;
    replica
}

#[tokio::test]
async fn every_offset_is_found_from_memory_and_from_disk() {
    let faults = MemoryFaults::none();
    let warm = filled(&faults).await;
    warm.handle.save_applied().await.unwrap();
    let cold = Replica::in_memory(&faults);
    for replica in [&warm, &cold] {
        for offset in (0..600).step_by(7) {
            let batches = replica.handle.read(Offset(offset), 1).await.unwrap();
            assert_eq!(batches.len(), 1, "one batch, however small the limit");
            let header = BatchHeader::parse(&batches[0]).unwrap();
            assert_eq!(header.base_offset as u64, offset / 3 * 3);
        }
        let expected: Vec<_> = (0..200).map(|entry| (entry * 3, 3)).collect();
        assert_eq!(replica.read_all().await, expected);
    }
}

#[tokio::test]
async fn a_read_carries_no_more_than_asked() {
    let replica = filled(&MemoryFaults::none()).await;
    for max in [3_000, 10_000, 300_000] {
        let batches = replica.handle.read(Offset(10), max).await.unwrap();
        let bytes: usize = batches.iter().map(|batch| batch.len()).sum();
        assert!(bytes <= max || batches.len() == 1, "{bytes} of {max}");
    }
}

#[tokio::test]
async fn nothing_at_or_above_the_high_watermark_is_read() {
    let mut replica = filled(&MemoryFaults::none()).await;
    replica.append(1, vec![data(batch(1, 10, 0))]).await;
    assert_eq!(replica.handle.log_end_offset(), Offset(601));
    assert_eq!(replica.handle.high_watermark(), Offset(600));
    assert!(replica.handle.read(Offset(600), 100).await.unwrap().is_empty());
    let error = replica.handle.read(Offset(601), 100).await.unwrap_err();
    let ReadError::OutOfRange { log_start, high_watermark } = error else { panic!("{error}") };
    assert_eq!((log_start, high_watermark), (Offset(0), Offset(600)));

    let mut watch = replica.handle.watch_high_watermark();
    watch.borrow_and_update();
    replica.apply_all().await;
    assert!(watch.has_changed().unwrap());
    assert_eq!(replica.handle.read(Offset(600), 100).await.unwrap().len(), 1);
}

#[tokio::test]
async fn trimmed_records_are_out_of_range_at_once() {
    let mut replica = filled(&MemoryFaults::none()).await;
    replica.append(1, vec![trim_to(100)]).await;
    replica.apply_all().await;
    assert_eq!(replica.handle.log_start_offset(), Offset(100));
    let error = replica.handle.read(Offset(99), 100).await.unwrap_err();
    assert!(matches!(error, ReadError::OutOfRange { .. }), "{error}");
    // The batch of 99..=101 is whole.
    let batches = replica.handle.read(Offset(100), 1).await.unwrap();
    assert_eq!(BatchHeader::parse(&batches[0]).unwrap().base_offset, 99);
}

#[tokio::test]
async fn a_timestamp_leads_to_its_first_record() {
    let mut replica = filled(&MemoryFaults::none()).await;
    let at = |ts| replica.handle.offset_for_timestamp(ts);
    assert_eq!(at(0).await.unwrap(), Some((Offset(0), 1_000)));
    assert_eq!(at(1_000).await.unwrap(), Some((Offset(0), 1_000)));
    assert_eq!(at(1_011).await.unwrap(), Some((Offset(6), 1_020)));
    assert_eq!(at(2_990).await.unwrap(), Some((Offset(597), 2_990)));
    assert_eq!(at(2_991).await.unwrap(), None);
    replica.append(1, vec![trim_to(100)]).await;
    replica.apply_all().await;
    let first = replica.handle.offset_for_timestamp(0).await.unwrap();
    assert_eq!(first, Some((Offset(100), 1_330)));
}

#[tokio::test]
async fn epochs_end_where_the_next_one_begins() {
    let mut replica = Replica::in_memory(&MemoryFaults::none());
    replica.append(1, vec![EntryPayload::Blank, data(batch(5, 10, 0))]).await;
    replica.append(4, vec![EntryPayload::Blank, data(batch(2, 10, 0))]).await;
    replica.apply_all().await;
    assert_eq!(replica.handle.epoch_end(1), Some((1, Offset(5))));
    assert_eq!(replica.handle.epoch_end(3), Some((1, Offset(5))));
    assert_eq!(replica.handle.epoch_end(9), Some((4, Offset(7))));
}
