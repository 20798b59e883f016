//! Damage in RocksDB's logs that RocksDB alone does not report: it hangs, or goes on without what
//! was lost.

use super::*;

fn header_of_second_record(bytes: &[u8]) -> usize {
    7 + usize::from(u16::from_le_bytes([bytes[4], bytes[5]]))
}

/// One flipped bit, at which RocksDB turns in a circle.
#[test]
fn a_record_of_a_recycled_log_is_refused_and_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 9);
    tamper(dir.path(), |bytes| {
        let header = header_of_second_record(bytes);
        assert_eq!(bytes[header + 6], 1, "a whole record");
        bytes[header + 6] = 5;
    });
    assert_damaged(dir.path());
    let looked = ReadOnlyEngine::open(dir.path(), &StoreOptions::default()).unwrap_err();
    assert!(matches!(looked, OpenError::Damaged { .. }), "{looked}");
}

/// What follows in later blocks would be replayed as if nothing was missing.
#[test]
fn zeros_in_the_middle_of_the_write_ahead_log_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 50);
    tamper(dir.path(), |bytes| {
        let header = header_of_second_record(bytes);
        bytes[header..header + 512].fill(0);
    });
    assert_damaged(dir.path());
}

/// The tables that only its end names would be removed as if nobody knew them.
#[test]
fn a_manifest_without_its_synced_end_is_refused_and_its_tables_are_kept() {
    for harm in ["cut", "flipped", "zeros"] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 3);
        open(dir.path()).write_now(vec![append(1, 4, "last")]).unwrap();
        let name = synced_mark::current_manifest(dir.path()).unwrap();
        let path = dir.path().join(&name);
        let whole = std::fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        let end = bytes.len() - 5;
        match harm {
            "cut" => bytes.truncate(end),
            "flipped" => bytes[end] ^= 1,
            _ => bytes[end - 100..].fill(0),
        }
        std::fs::write(&path, bytes).unwrap();
        for _ in 0..2 {
            let what = damage(dir.path());
            assert!(what.contains(&name), "{harm}: {what}");
        }
        std::fs::write(&path, whole).unwrap();
        assert_eq!(all(&open(dir.path()), 1).len(), 4, "{harm}");
    }
}

/// As a program before this check wrote it.
#[test]
fn a_mark_of_the_first_version_still_counts() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 5);
    let mark = synced_mark::read(dir.path()).unwrap().unwrap();
    let old = crate::format::envelope::seal(1, &mark.sequence);
    std::fs::write(dir.path().join("SYNCED"), old).unwrap();
    let whole = std::fs::read(newest_wal(dir.path())).unwrap();
    tamper(dir.path(), |bytes| bytes.truncate(bytes.len() - 700));
    assert_damaged(dir.path());
    tamper(dir.path(), |bytes| *bytes = whole);
    assert_eq!(all(&open(dir.path()), 1).len(), 5);
    assert_ne!(synced_mark::read(dir.path()).unwrap().unwrap().manifest, 0);
}
