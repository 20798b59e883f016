//! Torn ends are cut, damage is refused by name, and the two are told apart.

use std::os::unix::fs::FileExt;

use super::super::aligned::ALIGN;
use super::super::block::Header;
use super::*;

/// A closed store with so many blocks in one file of the journal.
fn filled(blocks: u64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { write_buffer_bytes: 64 << 20, ..options() };
    let engine = JournalEngine::open(dir.path(), &options).unwrap();
    for index in 1..=blocks {
        engine.write_now(vec![append(1, index, &[index as u8; 2_000])]).unwrap();
    }
    drop(engine);
    dir
}

/// Where the blocks of the only file of the journal begin.
fn blocks(dir: &Path) -> Vec<usize> {
    let bytes = std::fs::read(journal(dir)).unwrap();
    let (mut at, mut found) = (ALIGN, Vec::new());
    while let Some(header) = bytes.get(at..).and_then(Header::decode) {
        found.push(at);
        at += header.block_bytes();
    }
    found
}

fn journal(dir: &Path) -> PathBuf {
    dir.join(names(dir, "journal-").pop().unwrap())
}

fn write_at(path: &Path, bytes: &[u8], at: usize) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, at as u64).unwrap();
}

fn damage(dir: &Path) -> String {
    match JournalEngine::open(dir, &options()).unwrap_err() {
        OpenError::Damaged { what, .. } => what,
        other => panic!("{other}"),
    }
}

#[test]
fn a_torn_block_above_the_mark_is_cut_wherever_it_tears() {
    for torn in [0, 1, 20, 40, 1_000, 2_000] {
        let dir = filled(9);
        let last = *blocks(dir.path()).last().unwrap();
        let zeros = vec![0; ALIGN - torn];
        write_at(&journal(dir.path()), &zeros, last + torn);
        let mark = std::fs::read(dir.path().join("SYNCED")).unwrap();
        let what = damage(dir.path());
        assert!(what.contains("ends at block 8, but blocks up to 9 were synced"), "{what}");
        assert_eq!(mark, std::fs::read(dir.path().join("SYNCED")).unwrap(), "nothing is changed");
        // The manifest grew at closing: what it says of that is true, how far the journal was
        // synced is of before.
        std::fs::write(dir.path().join("SYNCED"), mark_before(&mark, 8)).unwrap();
        let engine = open(dir.path());
        assert_eq!(engine.log_bounds(GroupId(1)).unwrap(), Some((1, 8)), "torn at {torn}");
        engine.write_now(vec![append(1, 9, b"again")]).unwrap();
        drop(engine);
        assert_eq!(all(&open(dir.path()), 1).len(), 9);
    }
}

#[test]
fn what_was_placed_by_a_torn_block_was_never_there() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    for index in 1..=3 {
        engine.write_now(vec![append(1, index, &[7; 300_000])]).unwrap();
    }
    // Of the open store: closing it would flush the index.
    let dir = copied(dir.path());
    let last = *blocks(dir.path()).last().unwrap();
    write_at(&journal(dir.path()), &[0; 100], last);
    let mark = std::fs::read(dir.path().join("SYNCED")).unwrap();
    std::fs::write(dir.path().join("SYNCED"), mark_before(&mark, 2)).unwrap();
    let engine = open(dir.path());
    assert_eq!(engine.log_bounds(GroupId(1)).unwrap(), Some((1, 2)));
    engine.write_now(vec![append(1, 3, &[8; 300_000])]).unwrap();
    for engine in [&engine, &open(copied(dir.path()).path())] {
        let found: Vec<u8> = all(engine, 1).iter().map(|(_, bytes)| bytes[2]).collect();
        assert_eq!(found, [7, 7, 8]);
    }
}

#[test]
fn a_torn_block_is_damage_where_the_mark_says_nothing() {
    for mark in [None, Some(&b"x"[..])] {
        let dir = filled(9);
        let last = *blocks(dir.path()).last().unwrap();
        write_at(&journal(dir.path()), &[0; 1_000], last + 1_000);
        let path = dir.path().join("SYNCED");
        match mark {
            None => std::fs::remove_file(path).unwrap(),
            Some(bytes) => std::fs::write(path, bytes).unwrap(),
        }
        let what = damage(dir.path());
        assert!(what.contains("block 9 of the journal is bad, and SYNCED"), "{what}");
    }
}

/// The same mark with another sequence.
fn mark_before(mark: &[u8], sequence: u64) -> Vec<u8> {
    use crate::engine::rocks::synced_mark::Mark;
    use crate::format::envelope;
    let mark: Mark = envelope::open(2, mark).unwrap();
    envelope::seal(2, &Mark { sequence, ..mark })
}

#[test]
fn a_bad_block_before_a_good_one_is_damage_whatever_the_mark_says() {
    for bad in [0, 4, 7] {
        let dir = filled(9);
        let at = blocks(dir.path())[bad];
        write_at(&journal(dir.path()), b"x", at + 100);
        let mark = std::fs::read(dir.path().join("SYNCED")).unwrap();
        std::fs::write(dir.path().join("SYNCED"), mark_before(&mark, 0)).unwrap();
        let what = damage(dir.path());
        let block = bad + 1;
        assert!(what.contains(&format!("block {block} is bad, but block")), "{what}");
        let seen = ReadOnlyEngine::open(dir.path(), &options()).unwrap_err();
        assert!(seen.to_string().contains("is bad"), "{seen}");
    }
}

#[test]
fn a_file_of_the_journal_that_is_missing_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    for index in 1..=8 {
        engine.write_now(vec![append(1, index, &[7; 30_000])]).unwrap();
    }
    for name in names(dir.path(), "journal-") {
        let left = copied(dir.path());
        std::fs::remove_file(left.path().join(&name)).unwrap();
        let what = damage(left.path());
        assert!(what.contains("journal"), "{name}: {what}");
    }
    let left = copied(dir.path());
    for name in names(dir.path(), "journal-") {
        std::fs::remove_file(left.path().join(&name)).unwrap();
    }
    let what = damage(left.path());
    assert!(what.contains("the journal ends at block"), "{what}");
}

#[test]
fn a_damaged_segment_is_found_when_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    for index in 1..=20 {
        engine.write_now(vec![append(1, index, &[7; 100_000])]).unwrap();
    }
    wait_until("a segment", || !names(dir.path(), ".segment").is_empty());
    drop(engine);
    // All of what is in segments, and the journal that had it is used up.
    let engine = open(dir.path());
    for index in 21..=60 {
        engine.write_now(vec![append(1, index, &[8; 100_000])]).unwrap();
    }
    drop(engine);
    let segment = dir.path().join(names(dir.path(), ".segment").remove(0));
    let file = std::fs::OpenOptions::new().write(true).open(&segment).unwrap();
    file.set_len(50_000).unwrap();
    let engine = open(dir.path());
    let error = engine.entries(GroupId(1), 1, 2, 1).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
    assert!(error.to_string().contains(".segment"), "{error}");
}

#[test]
fn a_store_without_its_index_is_not_taken_for_an_empty_one() {
    let dir = filled(3);
    for name in names(dir.path(), "") {
        if !name.starts_with("journal-") && name != "SYNCED" && name != "FORMAT" {
            std::fs::remove_file(dir.path().join(name)).unwrap();
        }
    }
    let what = damage(dir.path());
    assert!(what.contains("CURRENT"), "{what}");
}
