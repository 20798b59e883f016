//! The engine alone, on a real directory.

mod against_rocks;
mod crashes;

use std::path::Path;

use super::*;
use crate::engine::EngineKind;

/// Small files and little memory, so that all of it is gone through soon.
fn options() -> StoreOptions {
    StoreOptions {
        engine: EngineKind::Journal,
        write_buffer_bytes: 128 << 10,
        block_cache_bytes: 1 << 20,
        ..StoreOptions::default()
    }
}

fn open(dir: &Path) -> JournalEngine {
    JournalEngine::open(dir, &options()).unwrap()
}

fn append(group: u64, index: u64, payload: &[u8]) -> Op {
    Op::Append {
        group: GroupId(group),
        index,
        header: Bytes::from_static(b"h:"),
        payload: Bytes::copy_from_slice(payload),
    }
}

fn all(engine: &dyn Engine, group: u64) -> Vec<(u64, Bytes)> {
    let (mut from, mut found) = (0, Vec::new());
    loop {
        let more = engine.entries(GroupId(group), from, u64::MAX, 1 << 20).unwrap();
        let Some((last, _)) = more.last() else { return found };
        from = last + 1;
        found.extend(more);
    }
}

/// A copy of the files while the store is open, of one moment: what is left when the process dies.
fn copied(from: &Path) -> tempfile::TempDir {
    loop {
        let before = listed(from);
        let to = tempfile::tempdir().unwrap();
        for (name, ..) in &before {
            // One may have been removed since.
            let _ = std::fs::copy(from.join(name), to.path().join(name));
        }
        if listed(from) == before {
            return to;
        }
    }
}

fn listed(dir: &Path) -> Vec<(String, u64, std::time::SystemTime)> {
    let described = |name: String| {
        let metadata = std::fs::metadata(dir.join(&name)).ok()?;
        Some((name, metadata.len(), metadata.modified().unwrap()))
    };
    names(dir, "").into_iter().filter_map(described).collect()
}

fn names(dir: &Path, what: &str) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(what))
        .collect();
    names.sort();
    names
}

/// Waits until it is so.
#[expect(clippy::disallowed_methods)] // No simulation runs these.
pub(super) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn entries_and_facts_survive_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    engine.write_now(vec![append(1, 5, b"a"), append(1, 6, b"b"), append(2, 1, b"c")]).unwrap();
    engine.write_now(vec![Op::put(b"k".to_vec(), "v")]).unwrap();
    drop(engine);
    let engine = open(dir.path());
    assert_eq!(all(&engine, 1), vec![(5, "h:a".into()), (6, "h:b".into())]);
    assert_eq!(engine.log_bounds(GroupId(1)).unwrap(), Some((5, 6)));
    assert_eq!(engine.log_bounds(GroupId(3)).unwrap(), None);
    assert_eq!(engine.fact(b"k").unwrap(), Some("v".into()));
}

#[test]
fn what_nobody_waits_for_is_visible_after_settling_and_durable_a_little_later() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    engine.submit(Write { ops: vec![Op::put(b"k".to_vec(), "v")], done: None });
    engine.settle().unwrap();
    assert_eq!(engine.fact(b"k").unwrap(), Some("v".into()));
    engine.submit(Write { ops: vec![Op::put(b"l".to_vec(), "v")], done: None });
    wait_until("it lasts, though nobody asks", || {
        let after = JournalEngine::open(copied(dir.path()).path(), &options()).unwrap();
        after.fact(b"l").unwrap().is_some()
    });
}

#[test]
fn what_is_written_goes_into_segments_and_the_journal_is_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let payload = vec![7; 20_000];
    for index in 1..=400 {
        engine.write_now(vec![append(1, index, &payload), append(2, index, b"small")]).unwrap();
    }
    wait_until("few files of the journal are left", || names(dir.path(), "journal-").len() <= 12);
    let newest = names(dir.path(), "journal-").pop().unwrap();
    assert!(newest > files::journal_name(40), "{newest}: 8 MB went through files of 64 KiB");
    assert_eq!(all(&engine, 1).len(), 400);
    drop(engine);
    let engine = open(dir.path());
    let (large, small) = (all(&engine, 1), all(&engine, 2));
    assert_eq!((large.len(), small.len()), (400, 400));
    assert!(
        large.iter().zip(1..).all(|((at, bytes), index)| *at == index && bytes[2..] == payload)
    );
    assert!(small.iter().all(|(_, bytes)| bytes == "h:small"));
}

/// Bytes that the blocks of the journal have.
fn journaled(dir: &Path) -> usize {
    let bytes_of = |name: &String| {
        let bytes = std::fs::read(dir.join(name)).unwrap();
        let mut at = aligned::ALIGN;
        while let Some(header) = bytes.get(at..).and_then(block::Header::decode) {
            at += header.block_bytes();
        }
        at
    };
    names(dir, "journal-").iter().map(bytes_of).sum()
}

#[test]
fn what_is_large_is_written_once_behind_what_is_small() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { write_buffer_bytes: 64 << 20, ..options() };
    let open = |dir: &Path| JournalEngine::open(dir, &options).unwrap();
    let engine = open(dir.path());
    let (large, mut written) = (vec![7; 500_000], Vec::new());
    for round in 0..10 {
        let index = 3 * round + 1;
        // A small one before, which memory has, and a small one of another group beside.
        engine.write_now(vec![append(1, index, b"small"), append(2, index, b"small")]).unwrap();
        let run = [append(1, index + 1, &large), append(1, index + 2, &large)];
        engine.write_now([&run[..], &[append(2, index + 1, b"beside")]].concat()).unwrap();
        engine.write_now(vec![append(2, index + 2, b"after")]).unwrap();
        written.extend([5, large.len(), large.len()]);
    }
    assert!(journaled(dir.path()) < 300_000, "{} bytes", journaled(dir.path()));
    let check = |engine: &JournalEngine| {
        let found = all(engine, 1);
        let lengths: Vec<usize> = found.iter().map(|(_, bytes)| bytes.len() - 2).collect();
        assert_eq!(lengths, written);
        assert!(found.iter().zip(1..).all(|((at, _), index)| *at == index));
        assert_eq!(engine.log_bounds(GroupId(1)).unwrap(), Some((1, 30)));
        assert_eq!(all(engine, 2).len(), 30);
    };
    check(&engine);
    check(&open(copied(dir.path()).path()));
    let seen = ReadOnlyEngine::open(dir.path(), &options).unwrap();
    assert_eq!(all(&seen, 1), all(&engine, 1));
    drop(engine);
    check(&open(dir.path()));
}

#[test]
fn what_was_written_behind_before_something_large_is_in_its_place_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let mut next = 1;
    let mut add = |engine: &JournalEngine, bytes: usize| {
        engine.write_now(vec![append(1, next, &vec![next as u8; bytes])]).unwrap();
        next += 1;
    };
    (0..6).for_each(|_| add(&engine, 30_000));
    wait_until("it is written behind", || engine.shared.tails().bytes_of(GroupId(1)) < 60_000);
    add(&engine, 300_000);
    let indexes = |engine: &dyn Engine| {
        all(engine, 1).into_iter().map(|(index, _)| index).collect::<Vec<u64>>()
    };
    assert_eq!(indexes(&engine), [1, 2, 3, 4, 5, 6, 7]);
    // With so much memory nothing is written behind that would hide what is wrong.
    let roomy = StoreOptions { write_buffer_bytes: 64 << 20, ..options() };
    let left = copied(dir.path());
    let seen = ReadOnlyEngine::open(left.path(), &roomy).unwrap();
    assert_eq!(indexes(&seen), [1, 2, 3, 4, 5, 6, 7]);
    let after = JournalEngine::open(left.path(), &roomy).unwrap();
    add(&after, 10);
    assert_eq!(indexes(&after), [1, 2, 3, 4, 5, 6, 7, 8]);
    add(&after, 300_000);
    for engine in [&after, &open(copied(left.path()).path())] {
        assert_eq!(indexes(engine), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
}

#[test]
fn what_is_large_takes_much_that_memory_has_with_it() {
    let dir = tempfile::tempdir().unwrap();
    // Nothing is written behind.
    let roomy = StoreOptions { write_buffer_bytes: 64 << 20, ..options() };
    let engine = JournalEngine::open(dir.path(), &roomy).unwrap();
    let lengths: Vec<usize> = [vec![80_000; 40], vec![1 << 20], vec![10]].concat();
    for (length, index) in lengths.iter().zip(1..) {
        engine.write_now(vec![append(1, index, &vec![index as u8; *length])]).unwrap();
        let kept = engine.shared.tails().bytes_of(GroupId(1));
        match index {
            40 => assert!(kept > 3 << 20, "{kept} bytes in memory"),
            41 => assert_eq!(kept, 0, "they went into a segment"),
            _ => {}
        }
    }
    let left = copied(dir.path());
    let after = JournalEngine::open(left.path(), &roomy).unwrap();
    for engine in [&engine, &after] {
        let found = all(engine, 1);
        assert!(found.iter().zip(1..).all(|((at, bytes), index)| {
            *at == index && bytes[2..].iter().all(|byte| *byte == index as u8)
        }));
        assert_eq!(found.iter().map(|(_, bytes)| bytes.len() - 2).collect::<Vec<_>>(), lengths);
    }
    assert_eq!(all(&ReadOnlyEngine::open(left.path(), &roomy).unwrap(), 1), all(&engine, 1));
}

#[test]
fn what_was_placed_is_cut_and_purged_as_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let large = vec![7; 300_000];
    for index in 1..=6 {
        engine.write_now(vec![append(1, index, &large)]).unwrap();
    }
    engine.write_now(vec![Op::Truncate { group: GroupId(1), from: 4 }]).unwrap();
    engine.write_now(vec![append(1, 4, &vec![8; 300_000])]).unwrap();
    engine.write_now(vec![Op::Purge { group: GroupId(1), upto: 2 }]).unwrap();
    for engine in [&engine, &open(copied(dir.path()).path())] {
        let found: Vec<(u64, u8)> =
            all(engine, 1).into_iter().map(|(index, bytes)| (index, bytes[2])).collect();
        assert_eq!(found, [(3, 7), (4, 8)]);
    }
    engine.write_now(vec![Op::Purge { group: GroupId(1), upto: 4 }]).unwrap();
    wait_until("its segments are gone", || names(dir.path(), ".segment").is_empty());
}

#[test]
fn segments_go_when_all_in_them_is_purged_or_cut() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let payload = vec![7; 100_000];
    for index in 1..=20 {
        engine.write_now(vec![append(1, index, &payload), append(2, index, &payload)]).unwrap();
    }
    wait_until("segments of both", || names(dir.path(), ".segment").len() >= 2);
    engine.write_now(vec![Op::Purge { group: GroupId(1), upto: 20 }]).unwrap();
    engine.write_now(vec![Op::Truncate { group: GroupId(2), from: 0 }]).unwrap();
    wait_until("none", || names(dir.path(), ".segment").is_empty());
    engine.write_now(vec![append(1, 21, b"next"), append(2, 1, b"anew")]).unwrap();
    let after = open(copied(dir.path()).path());
    assert_eq!(all(&after, 1), vec![(21, "h:next".into())]);
    assert_eq!(all(&after, 2), vec![(1, "h:anew".into())]);
}

#[test]
fn a_directory_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _engine = open(dir.path());
    let error = JournalEngine::open(dir.path(), &options()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
}

#[test]
fn a_running_store_can_be_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    for index in 1..=100 {
        let fact = Op::put(format!("k{index}").into_bytes(), "v");
        engine.write_now(vec![append(1, index, &[7; 5_000]), fact]).unwrap();
    }
    engine.write_now(vec![Op::Purge { group: GroupId(1), upto: 30 }]).unwrap();
    engine.write_now(vec![Op::Truncate { group: GroupId(1), from: 90 }]).unwrap();
    engine.write_now(vec![Op::Erase { from: b"k1".to_vec(), to: b"k2".to_vec() }]).unwrap();
    let seen = ReadOnlyEngine::open(dir.path(), &options()).unwrap();
    assert_eq!(all(&seen, 1), all(&engine, 1));
    assert_eq!(seen.log_bounds(GroupId(1)).unwrap(), Some((31, 89)));
    assert_eq!(seen.facts(b"a", b"z").unwrap(), engine.facts(b"a", b"z").unwrap());
    assert!(seen.write_now(vec![append(1, 90, b"x")]).is_err());
}
