//! The engine alone, on a real directory.

use std::sync::mpsc;

use super::*;

fn append(group: u64, index: u64, payload: &str) -> Op {
    Op::Append {
        group: GroupId(group),
        index,
        header: Bytes::from_static(b"h:"),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

fn open(dir: &Path) -> RocksEngine {
    RocksEngine::open(dir, &RocksOptions::default()).unwrap()
}

fn all(engine: &RocksEngine, group: u64) -> Vec<(u64, Bytes)> {
    engine.entries(GroupId(group), 0, u64::MAX, usize::MAX).unwrap()
}

#[test]
fn entries_of_groups_lie_apart_and_survive_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    engine.write_now(vec![append(1, 5, "a"), append(1, 6, "b"), append(2, 1, "c")]).unwrap();
    drop(engine);
    let engine = open(dir.path());
    assert_eq!(all(&engine, 1), vec![(5, "h:a".into()), (6, "h:b".into())]);
    assert_eq!(engine.log_bounds(GroupId(1)).unwrap(), Some((5, 6)));
    assert_eq!(engine.log_bounds(GroupId(2)).unwrap(), Some((1, 1)));
    assert_eq!(engine.log_bounds(GroupId(3)).unwrap(), None);
}

#[test]
fn truncate_and_purge_cut_their_group_only_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let mut ops: Vec<Op> = (1..=9).map(|index| append(1, index, "x")).collect();
    ops.push(append(2, 9, "other"));
    ops.push(Op::Truncate { group: GroupId(1), from: 8 });
    ops.push(append(1, 8, "new"));
    ops.push(Op::Purge { group: GroupId(1), upto: 3 });
    engine.write_now(ops).unwrap();
    let kept: Vec<u64> = all(&engine, 1).iter().map(|(index, _)| *index).collect();
    assert_eq!(kept, vec![4, 5, 6, 7, 8]);
    assert_eq!(all(&engine, 1)[4].1, Bytes::from("h:new"));
    assert_eq!(all(&engine, 2).len(), 1);
}

#[test]
fn reads_stop_at_their_byte_limit_but_answer_one() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    engine.write_now((1..=3).map(|index| append(1, index, "12345678")).collect()).unwrap();
    assert_eq!(engine.entries(GroupId(1), 1, 9, 1).unwrap().len(), 1);
    assert_eq!(engine.entries(GroupId(1), 1, 9, 20).unwrap().len(), 2);
    assert_eq!(engine.entries(GroupId(1), 2, 3, 99).unwrap().len(), 1);
}

#[test]
fn unsynced_writes_are_visible_after_settling() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    engine.submit(Write { ops: vec![Op::put(b"k".to_vec(), "v")], done: None });
    engine.settle().unwrap();
    assert_eq!(engine.fact(b"k").unwrap(), Some("v".into()));
    engine.write_now(vec![Op::Erase { from: b"a".to_vec(), to: b"z".to_vec() }]).unwrap();
    assert_eq!(engine.facts(b"a", b"z").unwrap(), vec![]);
}

#[test]
fn completions_come_in_order_of_submission() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let (tx, rx) = mpsc::channel();
    for index in 1..=100u64 {
        let tx = tx.clone();
        let done: crate::engine::Done = Box::new(move |result| {
            result.unwrap();
            tx.send(index).unwrap();
        });
        engine.submit(Write { ops: vec![append(1, index, "x")], done: Some(done) });
    }
    let order: Vec<u64> = rx.iter().take(100).collect();
    assert_eq!(order, (1..=100).collect::<Vec<_>>());
}

#[test]
fn a_directory_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _engine = open(dir.path());
    let error = RocksEngine::open(dir.path(), &RocksOptions::default()).unwrap_err();
    assert!(matches!(error, RocksOpenError::InUse { .. }), "{error}");
}

#[test]
fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    std::fs::write(dir.path().join("FORMAT"), "2\n").unwrap();
    let error = RocksEngine::open(dir.path(), &RocksOptions::default()).unwrap_err();
    assert!(matches!(error, RocksOpenError::NewerFormat { found: 2, known: 1, .. }), "{error}");
}

#[test]
fn a_flipped_bit_in_the_write_ahead_log_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    for index in 1..=50 {
        engine.write_now(vec![append(1, index, &"x".repeat(2_000))]).unwrap();
    }
    drop(engine);
    let wal = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .max_by_key(|path| std::fs::metadata(path).unwrap().len())
        .unwrap();
    let mut bytes = std::fs::read(&wal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&wal, bytes).unwrap();
    let error = RocksEngine::open(dir.path(), &RocksOptions::default()).unwrap_err();
    let RocksOpenError::Damaged { reason, .. } = error else { panic!("{error}") };
    assert!(reason.contains(".log"), "{reason}");
}

#[test]
fn half_a_record_at_the_end_of_the_write_ahead_log_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    for index in 1..=10 {
        engine.write_now(vec![append(1, index, &"x".repeat(2_000))]).unwrap();
    }
    drop(engine);
    let wal = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .max_by_key(|path| std::fs::metadata(path).unwrap().len())
        .unwrap();
    let bytes = std::fs::read(&wal).unwrap();
    std::fs::write(&wal, &bytes[..bytes.len() - 700]).unwrap();
    let engine = open(dir.path());
    assert_eq!(all(&engine, 1).len(), 9);
}
