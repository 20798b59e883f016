//! Opening the database: the format is looked at first, then the lock, then the data.
//!
//! RocksDB is asked to refuse any write-ahead log that is not whole. Where it refuses, what it can
//! recover is compared with the synced mark: if all that was synced is there, the rest is a torn
//! tail, never acknowledged, and is cut with a warning; else the directory is damaged.
//! Enforces INV-18.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use rocksdb::{DB, DBRecoveryMode, ErrorKind};

use super::options;
use super::synced_mark;
use crate::error::OpenError;
use crate::format::STORE_FORMAT_VERSION;
use crate::store::StoreOptions;

/// Says what wrote the directory, so that an older program refuses instead of misreading.
const FORMAT_FILE: &str = "FORMAT";

pub(super) fn open(dir: &Path, options: &StoreOptions) -> Result<DB, OpenError> {
    fs::create_dir_all(dir).map_err(|source| unusable(dir, source))?;
    check_format(dir)?;
    let mark = synced_mark::read(dir).map_err(|source| unusable(dir, source))?;
    let db = match open_as(dir, options, DBRecoveryMode::AbsoluteConsistency) {
        Err(error) if is_damage(&error) => {
            check_torn(dir, options, mark, &error)?;
            open_as(dir, options, DBRecoveryMode::PointInTime)
        }
        opened => opened,
    };
    let db = db.map_err(|error| explain(dir, &error))?;
    check_complete(dir, &db, mark)?;
    Ok(db)
}

fn open_as(dir: &Path, options: &StoreOptions, mode: DBRecoveryMode) -> Result<DB, rocksdb::Error> {
    let mut database = options::database(options);
    database.set_wal_recovery_mode(mode);
    DB::open_cf_descriptors(&database, dir, options::column_families(options))
}

/// Whether what can be recovered has all that was synced. Changes nothing on disk.
fn check_torn(
    dir: &Path,
    options: &StoreOptions,
    mark: u64,
    refused: &rocksdb::Error,
) -> Result<(), OpenError> {
    let mut database = options::database(options);
    database.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    let families = options::column_families(options);
    let db = DB::open_cf_descriptors_read_only(&database, dir, families, false)
        .map_err(|_| explain(dir, refused))?;
    let recovered = db.latest_sequence_number();
    if recovered < mark {
        return Err(explain(dir, refused));
    }
    let file = damaged_file(dir);
    tracing::warn!(
        dir = %dir.display(), file, recovered, mark, reason = %refused,
        "the write-ahead log has a torn tail, never acknowledged: cut"
    );
    Ok(())
}

fn check_complete(dir: &Path, db: &DB, mark: u64) -> Result<(), OpenError> {
    let recovered = db.latest_sequence_number();
    if recovered >= mark {
        return Ok(());
    }
    let what = format!(
        "its write-ahead log ends at change {recovered}, but changes up to {mark} were synced"
    );
    Err(OpenError::Damaged { dir: dir.to_owned(), what })
}

fn check_format(dir: &Path) -> Result<(), OpenError> {
    match require_format(dir) {
        Err(OpenError::Unusable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            write_format(dir, &dir.join(FORMAT_FILE)).map_err(|source| unusable(dir, source))
        }
        checked => checked,
    }
}

/// Checks the format of a directory that must have one.
pub(super) fn require_format(dir: &Path) -> Result<(), OpenError> {
    let path = dir.join(FORMAT_FILE);
    let text = fs::read_to_string(&path).map_err(|source| unusable(dir, source))?;
    let found = text.trim().parse::<u32>().map_err(|_| OpenError::Damaged {
        dir: dir.to_owned(),
        what: format!("{} says {:?} instead of a number", path.display(), text.trim()),
    })?;
    match found > STORE_FORMAT_VERSION {
        true => Err(OpenError::Newer { dir: dir.to_owned(), found, known: STORE_FORMAT_VERSION }),
        false => Ok(()),
    }
}

fn write_format(dir: &Path, path: &Path) -> io::Result<()> {
    let mut file = File::create(path)?;
    writeln!(file, "{STORE_FORMAT_VERSION}")?;
    file.sync_all()?;
    File::open(dir)?.sync_all()
}

fn unusable(dir: &Path, source: io::Error) -> OpenError {
    OpenError::Unusable { dir: dir.to_owned(), source }
}

fn is_in_use(error: &rocksdb::Error) -> bool {
    // RocksDB has no kind of its own for a held lock.
    let text = error.as_ref();
    text.contains("lock hold by current process") || text.contains("While lock file")
}

fn is_damage(error: &rocksdb::Error) -> bool {
    !is_in_use(error)
        && (error.kind() != ErrorKind::IOError || error.as_ref().contains("No such file"))
}

pub(super) fn explain(dir: &Path, error: &rocksdb::Error) -> OpenError {
    if is_in_use(error) {
        return OpenError::InUse { dir: dir.to_owned() };
    }
    match is_damage(error) {
        false => unusable(dir, io::Error::other(error.to_string())),
        true => {
            let what = format!("{}: {error}", damaged_file(dir));
            OpenError::Damaged { dir: dir.to_owned(), what }
        }
    }
}

/// The write-ahead log that RocksDB could not replay. Its error does not name it, but the last
/// lines of its own log file do (`…/000012.log: dropping 1234 bytes; Corruption: …`); failing
/// that, those that were to be replayed.
fn damaged_file(dir: &Path) -> String {
    let is_wal = |name: &str| name.ends_with(".log");
    let lines = fs::read_to_string(dir.join("LOG")).unwrap_or_default();
    let named = lines.lines().rev().filter(|line| line.contains("dropping")).find_map(|line| {
        let word = line.split([' ', ':']).find(|word| is_wal(word))?;
        Path::new(word).file_name().map(|name| name.to_string_lossy().into_owned())
    });
    let all = || {
        let names = fs::read_dir(dir).ok()?.filter_map(|e| e.ok()?.file_name().into_string().ok());
        let wals: Vec<String> = names.filter(|name| is_wal(name)).collect();
        (!wals.is_empty()).then(|| wals.join(" or "))
    };
    named.or_else(all).unwrap_or_else(|| "a file RocksDB did not name".to_owned())
}
