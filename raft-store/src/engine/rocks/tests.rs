//! The engine alone, on a real directory.

mod damaged_logs;

use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::engine::committer::SyncStep;
use crate::test_data::SyncTally;

fn append(group: u64, index: u64, payload: &str) -> Op {
    Op::Append {
        group: GroupId(group),
        index,
        header: Bytes::from_static(b"h:"),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

fn open(dir: &Path) -> RocksEngine {
    RocksEngine::open(dir, &StoreOptions::default()).unwrap()
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

/// A copy of the files while the store is open: what a power cut leaves if all was written.
fn copied(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

#[test]
fn a_store_whose_last_change_was_an_empty_range_opens_after_a_power_cut() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let (key, fact) = (b"k".to_vec(), Op::put(b"k".to_vec(), "v"));
    engine.write_now(vec![fact, Op::Erase { from: key.clone(), to: key.clone() }]).unwrap();
    engine.write_now(vec![Op::Erase { from: key.clone(), to: key }]).unwrap();
    let after = open(copied(dir.path()).path());
    assert_eq!(after.fact(b"k").unwrap(), Some("v".into()));
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

/// A write that is told to the test.
fn told<T: Send + 'static>(op: Op, tx: &mpsc::Sender<T>, what: T) -> Write {
    let tx = tx.clone();
    let done: crate::engine::Done = Box::new(move |result| {
        result.unwrap();
        tx.send(what).unwrap();
    });
    Write { ops: vec![op], done: Some(done) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Sync(SyncStep),
    Told(u64),
}

#[test]
fn appends_of_many_groups_share_one_sync_and_are_told_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut parts, failed) = RocksEngine::parts(dir.path(), &StoreOptions::default()).unwrap();
    let (events_tx, events) = mpsc::channel();
    let (release, gate) = mpsc::channel::<()>();
    let steps = events_tx.clone();
    parts.on_sync = Some(Box::new(move |step| {
        steps.send(Event::Sync(step)).unwrap();
        if step == SyncStep::Begins {
            // Held until the test has let go of it.
            let _ = gate.recv();
        }
    }));
    let tally = Arc::new(SyncTally::default());
    parts.observer = Some(tally.clone());
    let engine = RocksEngine::start(dir.path(), parts, failed).unwrap();
    engine.submit(told(append(1, 1, "x"), &events_tx, Event::Told(1)));
    assert_eq!(events.recv().unwrap(), Event::Sync(SyncStep::Begins));
    for group in 2..=51 {
        engine.submit(told(append(group, 1, "x"), &events_tx, Event::Told(group)));
    }
    assert!(events.try_recv().is_err(), "told before the sync");
    drop(release);
    let wait = std::time::Duration::from_secs(60);
    let is_last = |event: &Event| *event == Event::Told(51);
    let mut seen = Vec::new();
    while !seen.last().is_some_and(is_last) {
        seen.push(events.recv_timeout(wait).unwrap());
    }
    assert_eq!(seen[..2], [Event::Sync(SyncStep::Ended), Event::Told(1)]);
    let syncs = seen.iter().filter(|event| **event == Event::Sync(SyncStep::Begins)).count();
    assert!((1..=2).contains(&syncs), "{syncs} syncs for 50 groups after the held one");
    let (observed, appends, took) = tally.seen();
    assert_eq!((observed, appends), (1 + syncs as u64, 51), "the observer hears of all");
    assert!(took > Duration::ZERO, "a sync takes time");
    let mut is_synced = true;
    for event in &seen {
        match event {
            Event::Sync(step) => is_synced = *step == SyncStep::Ended,
            Event::Told(group) => assert!(is_synced, "group {group} was told during a sync"),
        }
    }
    let order = seen.iter().filter_map(|event| match event {
        Event::Told(group) => Some(*group),
        Event::Sync(_) => None,
    });
    assert_eq!(order.collect::<Vec<_>>(), (1..=51).collect::<Vec<_>>());
}

#[test]
fn a_panic_in_the_committer_fails_the_engine_and_tells_all_who_wait() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let (tx, rx) = mpsc::channel();
    let (release, gate) = mpsc::channel::<()>();
    let held: crate::engine::Done = Box::new(move |_| {
        let _ = gate.recv();
    });
    engine.submit(Write { ops: vec![append(1, 1, "x")], done: Some(held) });
    for index in 2..=20 {
        let tx = tx.clone();
        let done: crate::engine::Done = match index {
            // Two, so that telling the others meets one too.
            3 | 7 => Box::new(|_| panic!("a callback went wrong")),
            _ => Box::new(move |result| tx.send((index, result)).unwrap()),
        };
        engine.submit(Write { ops: vec![append(1, index, "x")], done: Some(done) });
    }
    drop(release);
    let wait = std::time::Duration::from_secs(60);
    for index in (2..=20).filter(|index| ![3, 7].contains(index)) {
        let (told, result) = rx.recv_timeout(wait).unwrap();
        assert_eq!(told, index);
        match index {
            2 => result.unwrap(),
            _ => assert!(result.unwrap_err().message.contains("a callback went wrong")),
        }
    }
    let reason = engine.failed().borrow().clone().unwrap();
    assert!(reason.starts_with("the storage thread panicked: a callback"), "{reason}");
    let late = engine.write_now(vec![append(1, 21, "x")]).unwrap_err();
    assert!(late.to_string().contains("panicked"), "{late}");
    assert_eq!(engine.log_bounds(GroupId(1)).unwrap().unwrap().0, 1);
}

/// Async tasks submit: a slow disk must not hold their threads.
#[test]
fn submitting_never_waits_for_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Arc::new(open(dir.path()));
    let (release, gate) = mpsc::channel::<()>();
    let held: crate::engine::Done = Box::new(move |_| {
        let _ = gate.recv();
    });
    engine.submit(Write { ops: vec![append(1, 1, "x")], done: Some(held) });
    let (tx, rx) = mpsc::channel();
    let submitting = engine.clone();
    std::thread::spawn(move || {
        for index in 2..=40_000 {
            submitting.submit(Write { ops: vec![append(1, index, "x")], done: None });
        }
        tx.send(()).unwrap();
    });
    rx.recv_timeout(std::time::Duration::from_secs(60)).expect("submitting waited");
    drop(release);
    engine.settle().unwrap();
    assert_eq!(engine.log_bounds(GroupId(1)).unwrap(), Some((1, 40_000)));
}

#[test]
fn a_directory_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _engine = open(dir.path());
    let error = RocksEngine::open(dir.path(), &StoreOptions::default()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
}

#[test]
fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    std::fs::write(dir.path().join("FORMAT"), "3\n").unwrap();
    let error = RocksEngine::open(dir.path(), &StoreOptions::default()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 3, known: 2, .. }), "{error}");
}

#[test]
fn a_damaged_format_is_called_damaged() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    for content in [&b"\xb1\n"[..], b"one\n", b""] {
        std::fs::write(dir.path().join("FORMAT"), content).unwrap();
        let what = damage(dir.path());
        assert!(what.contains("FORMAT says"), "{what}");
    }
}

fn newest_wal(dir: &Path) -> PathBuf {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .max_by_key(|path| std::fs::metadata(path).unwrap().len())
        .unwrap()
}

/// Changes the newest write-ahead log of a closed database.
fn tamper(dir: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let wal = newest_wal(dir);
    let mut bytes = std::fs::read(&wal).unwrap();
    change(&mut bytes);
    std::fs::write(&wal, bytes).unwrap();
}

fn filled(dir: &Path, entries: u64) {
    let engine = open(dir);
    for index in 1..=entries {
        engine.write_now(vec![append(1, index, &"x".repeat(2_000))]).unwrap();
    }
}

fn assert_damaged(dir: &Path) {
    let error = RocksEngine::open(dir, &StoreOptions::default()).unwrap_err();
    let OpenError::Damaged { what, .. } = &error else { panic!("{error}") };
    assert!(what.contains(".log") || what.contains("write-ahead log"), "{what}");
    assert!(error.to_string().contains("move the whole data directory"), "{error}");
}

#[test]
fn a_flipped_bit_in_the_write_ahead_log_is_refused_by_name() {
    for per_mille in [10, 300, 500, 990] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 50);
        tamper(dir.path(), |bytes| {
            let at = bytes.len() * per_mille / 1_000;
            bytes[at] ^= 0x10;
        });
        assert_damaged(dir.path());
        assert_damaged(dir.path());
    }
}

#[test]
fn a_synced_tail_that_is_missing_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 10);
    tamper(dir.path(), |bytes| bytes.truncate(bytes.len() - 700));
    assert_damaged(dir.path());
}

/// A record that was being written when the power went: the mark does not cover it.
#[test]
fn a_torn_tail_above_the_synced_mark_is_cut() {
    for damage in ["half", "zeros", "garbage"] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 9);
        let mark = std::fs::read(dir.path().join("SYNCED")).unwrap();
        open(dir.path()).write_now(vec![append(1, 10, &"x".repeat(2_000))]).unwrap();
        std::fs::write(dir.path().join("SYNCED"), mark).unwrap();
        tamper(dir.path(), |bytes| {
            let torn_from = bytes.len() - 700;
            match damage {
                "half" => bytes.truncate(torn_from),
                "zeros" => bytes[torn_from..].fill(0),
                _ => bytes[torn_from..].fill(0xa5),
            }
        });
        let engine = open(dir.path());
        assert_eq!(all(&engine, 1).len(), 9, "{damage}");
        engine.write_now(vec![append(1, 10, "again")]).unwrap();
        drop(engine);
        assert_eq!(all(&open(dir.path()), 1).len(), 10, "{damage}");
    }
}

/// Without the mark nothing tells a torn tail from the loss of what was acknowledged.
#[test]
fn damage_that_is_met_while_opening_is_no_matter_of_permissions() {
    let dir = tempfile::tempdir().unwrap();
    let explained = |kind| super::open::unusable(dir.path(), io::Error::new(kind, "a block"));
    assert!(matches!(explained(io::ErrorKind::InvalidData), OpenError::Damaged { .. }));
    assert!(matches!(explained(io::ErrorKind::StorageFull), OpenError::Full { .. }));
    assert!(matches!(explained(io::ErrorKind::PermissionDenied), OpenError::Unusable { .. }));
}

#[test]
fn a_torn_tail_is_damage_where_the_synced_mark_says_nothing() {
    for mark in [Some("not a mark"), None] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 9);
        let synced = dir.path().join("SYNCED");
        match mark {
            Some(text) => std::fs::write(&synced, text).unwrap(),
            None => std::fs::remove_file(&synced).unwrap(),
        }
        let whole = std::fs::read(newest_wal(dir.path())).unwrap();
        tamper(dir.path(), |bytes| bytes.truncate(bytes.len() - 700));
        assert_damaged(dir.path());
        // A whole log needs no mark.
        tamper(dir.path(), |bytes| *bytes = whole);
        assert_eq!(all(&open(dir.path()), 1).len(), 9);
    }
}

fn damage(dir: &Path) -> String {
    let error = RocksEngine::open(dir, &StoreOptions::default()).unwrap_err();
    let OpenError::Damaged { what, .. } = error else { panic!("{error}") };
    what
}

#[test]
fn a_directory_that_lost_a_file_is_not_taken_for_an_empty_one() {
    for lost in ["FORMAT", "CURRENT"] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 3);
        let path = dir.path().join(lost);
        let content = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        for _ in 0..2 {
            let what = damage(dir.path());
            assert!(what.contains(&format!("its file {lost} is missing")), "{what}");
        }
        std::fs::write(&path, content).unwrap();
        assert_eq!(all(&open(dir.path()), 1).len(), 3);
    }
}

/// A process that is killed while it creates the directory.
#[test]
fn a_creation_that_was_cut_short_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("FORMAT.tmp"), "").unwrap();
    drop(open(dir.path()));
    std::fs::remove_file(dir.path().join("SYNCED")).unwrap();
    drop(open(dir.path()));
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("FORMAT"), "1\n").unwrap();
    open(dir.path()).write_now(vec![append(1, 1, "x")]).unwrap();
    assert_eq!(all(&open(dir.path()), 1).len(), 1);
}

/// Opening writes: the format, the log as a table, a new manifest, an identity where it is missing.
/// The last has a name known beforehand, which leads to a device without room here.
#[test]
fn a_full_disk_at_the_start_is_called_full_and_nothing_is_lost() {
    for (missing, written_first) in [("FORMAT", "FORMAT.tmp"), ("IDENTITY", "000000.dbtmp")] {
        let dir = tempfile::tempdir().unwrap();
        let had_data = missing == "IDENTITY";
        if had_data {
            filled(dir.path(), 3);
            std::fs::remove_file(dir.path().join(missing)).unwrap();
        }
        let full = dir.path().join(written_first);
        std::os::unix::fs::symlink("/dev/full", &full).unwrap();
        let error = RocksEngine::open(dir.path(), &StoreOptions::default()).unwrap_err();
        assert!(matches!(error, OpenError::Full { .. }), "{error}");
        assert!(error.to_string().contains("start again: nothing is lost"), "{error}");
        // RocksDB may have removed what it could not write.
        let _ = std::fs::remove_file(full);
        assert_eq!(all(&open(dir.path()), 1).len(), if had_data { 3 } else { 0 });
    }
}

#[test]
fn an_engine_dropped_by_its_own_callback_ends() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Arc::new(open(dir.path()));
    let (tx, rx) = mpsc::channel();
    let (held, gate) = (engine.clone(), mpsc::channel::<()>());
    let done: crate::engine::Done = Box::new(move |_| {
        // Until the test has let go of its handle.
        let _ = gate.1.recv();
        drop(held);
        tx.send(()).unwrap();
    });
    engine.submit(Write { ops: vec![append(1, 1, "x")], done: Some(done) });
    drop(engine);
    drop(gate.0);
    rx.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
}

/// Bytes that no compression makes smaller, other ones for each seed.
fn noise(seed: u64, bytes: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).take(bytes / 8).flatten().collect()
}

/// So many entries of 256 KiB, the first at index 1.
fn write_noise(engine: &RocksEngine, group: u64, entries: u64) {
    for index in 1..=entries {
        let (header, payload) = (Bytes::from_static(b"h:"), noise(group << 32 | index, 256 << 10));
        let group = GroupId(group);
        engine.write_now(vec![Op::Append { group, index, header, payload }]).unwrap();
    }
}

fn directory_bytes(dir: &Path) -> u64 {
    let sizes = std::fs::read_dir(dir).unwrap().map(|entry| {
        // A file may go between the two calls.
        entry.unwrap().metadata().map_or(0, |metadata| metadata.len())
    });
    sizes.sum()
}

fn wait_until_smaller(dir: &Path, bytes: u64) {
    for _ in 0..900 {
        if directory_bytes(dir) < bytes {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("the directory still has {} bytes, not less than {bytes}", directory_bytes(dir));
}

fn assert_noise(engine: &RocksEngine, group: u64, indexes: std::ops::Range<u64>) {
    let entries = all(engine, group);
    let found: Vec<u64> = entries.iter().map(|(index, _)| *index).collect();
    assert_eq!(found, indexes.collect::<Vec<_>>());
    for (index, value) in entries {
        assert!(value[2..] == noise(group << 32 | index, 256 << 10), "entry {index} changed");
    }
}

/// What these tests write: 48 MiB that go and 4 MiB that stay.
const NOISE_BYTES: u64 = 52 << 20;

/// With large buffers, so that no compaction comes by itself.
fn open_with_few_tables(dir: &Path) -> RocksEngine {
    let options = StoreOptions { write_buffer_bytes: 64 << 20, ..StoreOptions::default() };
    RocksEngine::open(dir, &options).unwrap()
}

fn assert_gives_space_back(delete: Op, first_left: u64) {
    let dir = tempfile::tempdir().unwrap();
    let engine = open_with_few_tables(dir.path());
    write_noise(&engine, 1, 192);
    write_noise(&engine, 2, 16);
    assert!(directory_bytes(dir.path()) > NOISE_BYTES);
    engine.write_now(vec![delete]).unwrap();
    wait_until_smaller(dir.path(), NOISE_BYTES / 3);
    assert_noise(&engine, 1, first_left..193);
    assert_noise(&engine, 2, 1..17);
    drop(engine);
    let engine = open(dir.path());
    assert_noise(&engine, 1, first_left..193);
    assert_noise(&engine, 2, 1..17);
}

#[test]
fn a_dropped_group_gives_its_space_back() {
    assert_gives_space_back(Op::Truncate { group: GroupId(1), from: 0 }, 193);
}

#[test]
fn purged_entries_give_their_space_back() {
    assert_gives_space_back(Op::Purge { group: GroupId(1), upto: 190 }, 191);
}

/// The process may end between the deletion and its compaction.
#[test]
fn what_was_deleted_before_a_restart_gives_its_space_back_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open_with_few_tables(dir.path());
    write_noise(&engine, 1, 192);
    write_noise(&engine, 2, 16);
    engine.write_now(vec![Op::Truncate { group: GroupId(1), from: 0 }]).unwrap();
    drop(engine);
    let engine = open_with_few_tables(dir.path());
    wait_until_smaller(dir.path(), NOISE_BYTES / 3);
    assert_noise(&engine, 2, 1..17);
}
