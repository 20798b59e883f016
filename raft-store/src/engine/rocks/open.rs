//! Opening the database: the format is looked at first, then the lock, then the data.
//!
//! RocksDB is asked to refuse any write-ahead log that is not whole. Where it refuses, what it can
//! recover is compared with the synced mark: if all that was synced is there, the rest is a torn
//! tail, never acknowledged, and is cut with a warning; else the directory is damaged.
//! Enforces INV-18.

use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use rocksdb::{DB, DBRecoveryMode, ErrorKind};

use super::log_files::{self, FlawKind};
use super::options;
use super::synced_mark::{self, Mark};
use crate::error::OpenError;
use crate::format::{STORE_FORMAT_JOURNAL, STORE_FORMAT_ROCKS, STORE_FORMAT_VERSION};
use crate::store::StoreOptions;

/// Says what wrote the directory, so that an older program refuses instead of misreading.
const FORMAT_FILE: &str = "FORMAT";
/// It before it is whole.
const FORMAT_TEMPORARY: &str = "FORMAT.tmp";
/// RocksDB's way to all of its files.
const CURRENT_FILE: &str = "CURRENT";

pub(super) fn open(dir: &Path, options: &StoreOptions) -> Result<DB, OpenError> {
    let mark = prepare(dir, STORE_FORMAT_ROCKS)?.map(|mark| mark.sequence);
    let open_as = |mode| {
        let mut database = options::database(options);
        let is_new = is_new(dir).map_err(|source| unusable(dir, source))?;
        database.create_if_missing(is_new);
        database.create_missing_column_families(is_new);
        database.set_wal_recovery_mode(mode);
        let families = options::column_families(options);
        Ok(DB::open_cf_descriptors(&database, dir, families))
    };
    let db = match open_as(DBRecoveryMode::AbsoluteConsistency)? {
        Err(error) if is_damage(&error) => {
            check_torn(dir, options, mark, &error)?;
            open_as(DBRecoveryMode::PointInTime)?
        }
        opened => opened,
    };
    let db = db.map_err(|error| explain(dir, &error))?;
    check_complete(dir, &db, mark)?;
    Ok(db)
}

/// Opens the index of a journal: a database whose write-ahead log is not used, since the journal is
/// one. Answers how far the journal is known to have been synced, too.
pub(super) fn open_index(
    dir: &Path,
    options: &StoreOptions,
) -> Result<(DB, Option<Mark>), OpenError> {
    let mark = prepare(dir, STORE_FORMAT_JOURNAL)?;
    let mut database = options::index(options);
    let is_new = is_new(dir).map_err(|source| unusable(dir, source))?;
    database.create_if_missing(is_new);
    database.create_missing_column_families(is_new);
    let families = options::index_families(options);
    let db = DB::open_cf_descriptors(&database, dir, families);
    Ok((db.map_err(|error| explain(dir, &error))?, mark))
}

/// Makes the directory, and checks what RocksDB would not.
fn prepare(dir: &Path, format: u32) -> Result<Option<Mark>, OpenError> {
    fs::create_dir_all(dir).map_err(|source| unusable(dir, source))?;
    check_format(dir, format)?;
    let mark = synced_mark::read(dir).map_err(|source| unusable(dir, source))?;
    check_logs(dir)?;
    check_manifest(dir, mark)?;
    Ok(mark)
}

/// Refuses logs that RocksDB would not get through, or would get through wrongly.
pub(crate) fn check_logs(dir: &Path) -> Result<(), OpenError> {
    let names = file_names(dir).map_err(|source| unusable(dir, source))?;
    let manifest = synced_mark::current_manifest(dir).unwrap_or_default();
    let is_log = |name: &&String| name.ends_with(".log") || **name == manifest;
    for name in names.iter().filter(is_log) {
        let flaws = match log_files::flaws(&dir.join(name), 0) {
            // A running node removed it since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            flaws => flaws.map_err(|source| unusable(dir, source))?,
        };
        if let Some(flaw) = flaws.iter().find(|flaw| flaw.kind != FlawKind::Bad) {
            return Err(damaged(dir, flaw.describe(name)));
        }
    }
    Ok(())
}

/// Refuses a manifest without what was synced of it: RocksDB takes a damaged end for one that was
/// never written, and removes the tables that it named.
fn check_manifest(dir: &Path, mark: Option<Mark>) -> Result<(), OpenError> {
    let Some(mark) = mark.filter(|mark| mark.manifest != 0) else { return Ok(()) };
    // What is wrong with CURRENT itself RocksDB says.
    let Ok(name) = synced_mark::current_manifest(dir) else { return Ok(()) };
    let Ok(number) = synced_mark::manifest_number(&name) else { return Ok(()) };
    let path = dir.join(&name);
    let Ok(length) = path.metadata().map(|metadata| metadata.len()) else { return Ok(()) };
    let what = match number.cmp(&mark.manifest) {
        Ordering::Greater => return Ok(()),
        Ordering::Less => format!("{CURRENT_FILE} names {name}, older than {}", mark.manifest),
        Ordering::Equal if length < mark.manifest_bytes => {
            format!("{name} ends at byte {length}, but {} were synced", mark.manifest_bytes)
        }
        Ordering::Equal => {
            let flaws = log_files::flaws(&path, mark.manifest_bytes);
            let flaws = flaws.map_err(|source| unusable(dir, source))?;
            match flaws.iter().find(|flaw| flaw.at < mark.manifest_bytes) {
                Some(flaw) => flaw.describe(&name),
                None => return Ok(()),
            }
        }
    };
    Err(damaged(dir, what))
}

pub(crate) fn damaged(dir: &Path, what: String) -> OpenError {
    OpenError::Damaged { dir: dir.to_owned(), what }
}

/// Whether nothing was ever acknowledged from here, so that creating the database, or going on
/// with a creation that was cut short, can hide no loss.
fn is_new(dir: &Path) -> io::Result<bool> {
    if synced_mark::is_there(dir)? {
        return Ok(false);
    }
    let names = file_names(dir)?;
    let has_data = names.iter().any(|name| name.ends_with(".sst") || name.ends_with(".log"));
    Ok(!has_data || names.iter().any(|name| name == CURRENT_FILE))
}

pub(crate) fn file_names(dir: &Path) -> io::Result<Vec<String>> {
    let name =
        |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    fs::read_dir(dir)?.map(name).collect()
}

/// Whether what can be recovered has all that was synced. Changes nothing on disk.
fn check_torn(
    dir: &Path,
    options: &StoreOptions,
    mark: Option<u64>,
    refused: &rocksdb::Error,
) -> Result<(), OpenError> {
    // Nothing says how much was synced: it may be more than can be recovered.
    let mark = mark.ok_or_else(|| explain(dir, refused))?;
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

fn check_complete(dir: &Path, db: &DB, mark: Option<u64>) -> Result<(), OpenError> {
    let recovered = db.latest_sequence_number();
    let Some(mark) = mark.filter(|mark| recovered < *mark) else {
        return Ok(());
    };
    let what = format!(
        "its write-ahead log ends at change {recovered}, but changes up to {mark} were synced"
    );
    Err(OpenError::Damaged { dir: dir.to_owned(), what })
}

/// The format of a directory, if it has one yet.
pub(crate) fn format_of(dir: &Path) -> Result<Option<u32>, OpenError> {
    match require_format(dir) {
        Err(OpenError::Unusable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(None)
        }
        found => found.map(Some),
    }
}

fn check_format(dir: &Path, wanted: u32) -> Result<(), OpenError> {
    match format_of(dir)? {
        None => {}
        Some(found) if found == wanted => return Ok(()),
        Some(found) => {
            let what = format!("it has format {found} and was opened as {wanted}");
            return Err(damaged(dir, what));
        }
    }
    let names = file_names(dir).map_err(|source| unusable(dir, source))?;
    if let Some(other) = names.iter().find(|name| *name != FORMAT_TEMPORARY) {
        let what = format!("its file {FORMAT_FILE} is missing, though {other} is there");
        return Err(OpenError::Damaged { dir: dir.to_owned(), what });
    }
    write_format(dir, wanted).map_err(|source| unusable(dir, source))
}

/// Checks the format of a directory that must have one.
pub(crate) fn require_format(dir: &Path) -> Result<u32, OpenError> {
    let path = dir.join(FORMAT_FILE);
    let bytes = fs::read(&path).map_err(|source| unusable(dir, source))?;
    let text = String::from_utf8_lossy(&bytes);
    let found = text.trim().parse::<u32>().map_err(|_| OpenError::Damaged {
        dir: dir.to_owned(),
        what: format!("{} says {:?} instead of a number", path.display(), text.trim()),
    })?;
    match found > STORE_FORMAT_VERSION {
        true => Err(OpenError::Newer { dir: dir.to_owned(), found, known: STORE_FORMAT_VERSION }),
        false => Ok(found),
    }
}

/// It is there whole or not at all, and the directory with it.
fn write_format(dir: &Path, format: u32) -> io::Result<()> {
    let temporary = dir.join(FORMAT_TEMPORARY);
    let mut file = File::create(&temporary)?;
    writeln!(file, "{format}")?;
    file.sync_all()?;
    fs::rename(&temporary, dir.join(FORMAT_FILE))?;
    File::open(dir)?.sync_all()?;
    match dir.canonicalize()?.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

pub(crate) fn unusable(dir: &Path, source: io::Error) -> OpenError {
    match source.kind() {
        io::ErrorKind::StorageFull => full(dir, source.to_string()),
        io::ErrorKind::InvalidData => damaged(dir, source.to_string()),
        _ => OpenError::Unusable { dir: dir.to_owned(), source },
    }
}

fn full(dir: &Path, what: String) -> OpenError {
    OpenError::Full { dir: dir.to_owned(), what }
}

fn is_full(error: &rocksdb::Error) -> bool {
    error.as_ref().contains("No space left on device")
}

fn is_in_use(error: &rocksdb::Error) -> bool {
    // RocksDB has no kind of its own for a held lock.
    let text = error.as_ref();
    text.contains("lock hold by current process") || text.contains("While lock file")
}

fn is_damage(error: &rocksdb::Error) -> bool {
    !is_in_use(error)
        && !is_full(error)
        && (error.kind() != ErrorKind::IOError || error.as_ref().contains("No such file"))
}

pub(super) fn explain(dir: &Path, error: &rocksdb::Error) -> OpenError {
    if is_in_use(error) {
        return OpenError::InUse { dir: dir.to_owned() };
    }
    if is_full(error) {
        return full(dir, error.to_string());
    }
    if error.as_ref().contains("create_if_missing is false") {
        let what = format!("its file {CURRENT_FILE} is missing");
        return OpenError::Damaged { dir: dir.to_owned(), what };
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
        let wals: Vec<String> = file_names(dir).ok()?.into_iter().filter(|n| is_wal(n)).collect();
        (!wals.is_empty()).then(|| wals.join(" or "))
    };
    named.or_else(all).unwrap_or_else(|| "a file RocksDB did not name".to_owned())
}
