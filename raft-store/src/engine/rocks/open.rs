//! Opening the database: the format is looked at first, then the lock, then the data.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use rocksdb::{DB, ErrorKind};

use super::error::RocksOpenError;
use super::options::{self, RocksOptions};

/// Says what wrote the directory, so that an older version refuses instead of misreading.
const FORMAT_FILE: &str = "FORMAT";
/// The format this version writes and reads.
const FORMAT: u32 = 1;

pub(super) fn open(dir: &Path, options: &RocksOptions) -> Result<DB, RocksOpenError> {
    let not_accessible =
        |source: io::Error| RocksOpenError::NotAccessible { dir: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(not_accessible)?;
    check_format(dir)?;
    let families = options::column_families(options);
    let db = DB::open_cf_descriptors(&options::database(options), dir, families)
        .map_err(|error| explain(dir, &error))?;
    Ok(db)
}

fn check_format(dir: &Path) -> Result<(), RocksOpenError> {
    let path = dir.join(FORMAT_FILE);
    let not_accessible =
        |source: io::Error| RocksOpenError::NotAccessible { dir: dir.to_owned(), source };
    match fs::read_to_string(&path) {
        Ok(text) => {
            let found = text.trim().parse::<u32>().map_err(|_| RocksOpenError::Damaged {
                dir: dir.to_owned(),
                reason: format!("{} says {:?} instead of a number", path.display(), text.trim()),
            })?;
            if found > FORMAT {
                let dir = dir.to_owned();
                return Err(RocksOpenError::NewerFormat { dir, found, known: FORMAT });
            }
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut file = File::create(&path).map_err(not_accessible)?;
            writeln!(file, "{FORMAT}").map_err(not_accessible)?;
            file.sync_all().map_err(not_accessible)?;
            File::open(dir).and_then(|dir| dir.sync_all()).map_err(not_accessible)
        }
        Err(error) => Err(not_accessible(error)),
    }
}

fn explain(dir: &Path, error: &rocksdb::Error) -> RocksOpenError {
    let dir = dir.to_owned();
    let text = error.to_string();
    // RocksDB has no kind of its own for a held lock.
    if text.contains("lock hold by current process") || text.contains("While lock file") {
        return RocksOpenError::InUse { dir };
    }
    match error.kind() {
        ErrorKind::IOError if !text.contains("No such file") => {
            RocksOpenError::NotAccessible { dir, source: io::Error::other(text) }
        }
        _ => {
            let file =
                damaged_file(&dir).unwrap_or_else(|| "a file RocksDB did not name".to_owned());
            RocksOpenError::Damaged { dir, reason: format!("{file}: {text}") }
        }
    }
}

/// The write-ahead log that RocksDB could not replay. Its error does not name it, but the last
/// lines of its own log file do (`…/000012.log: dropping 1234 bytes; Corruption: …`); failing
/// that, those that were to be replayed.
fn damaged_file(dir: &Path) -> Option<String> {
    let is_wal = |name: &str| name.ends_with(".log");
    let lines = fs::read_to_string(dir.join("LOG")).unwrap_or_default();
    let named = lines.lines().rev().filter(|line| line.contains("dropping")).find_map(|line| {
        let word = line.split([' ', ':']).find(|word| is_wal(word))?;
        Path::new(word).file_name().map(|name| name.to_string_lossy().into_owned())
    });
    named.or_else(|| {
        let names =
            fs::read_dir(dir).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let wals: Vec<String> = names.filter(|name| is_wal(name)).collect();
        (!wals.is_empty()).then(|| wals.join(" or "))
    })
}
