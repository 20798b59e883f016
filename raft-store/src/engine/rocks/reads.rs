//! Reads. They block on the disk; callers in async code move them to another thread.

use std::io;

use bytes::Bytes;
use rampart_api::model::ids::GroupId;
use rocksdb::{DB, Direction, IteratorMode, ReadOptions};

use super::{FACTS, LOG, log_end, log_key};

pub(super) fn entries(
    db: &DB,
    group: GroupId,
    from: u64,
    to: u64,
    max_bytes: usize,
) -> io::Result<Vec<(u64, Bytes)>> {
    if from >= to {
        return Ok(Vec::new());
    }
    let log = db.cf_handle(LOG).expect("opened with this column family");
    let first = log_key(group, from);
    let mut options = ReadOptions::default();
    options.set_iterate_upper_bound(log_key(group, to).to_vec());
    let mode = IteratorMode::From(&first, Direction::Forward);
    let mut found = Vec::new();
    let mut bytes = 0;
    for item in db.iterator_cf_opt(&log, options, mode) {
        let (key, value) = item.map_err(|error| read_error(&error))?;
        if !found.is_empty() && bytes + value.len() > max_bytes {
            break;
        }
        bytes += value.len();
        found.push((index_of(&key)?, Bytes::from(value)));
    }
    Ok(found)
}

pub(super) fn log_bounds(db: &DB, group: GroupId) -> io::Result<Option<(u64, u64)>> {
    let log = db.cf_handle(LOG).expect("opened with this column family");
    let bounded = || {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(log_key(group, 0).to_vec());
        options.set_iterate_upper_bound(log_end(group));
        options
    };
    let mut first = db.iterator_cf_opt(&log, bounded(), IteratorMode::Start);
    let Some(first) = first.next().transpose().map_err(|error| read_error(&error))? else {
        return Ok(None);
    };
    let mut last = db.iterator_cf_opt(&log, bounded(), IteratorMode::End);
    let Some(last) = last.next().transpose().map_err(|error| read_error(&error))? else {
        return Ok(None);
    };
    Ok(Some((index_of(&first.0)?, index_of(&last.0)?)))
}

pub(super) fn fact(db: &DB, key: &[u8]) -> io::Result<Option<Bytes>> {
    let facts = db.cf_handle(FACTS).expect("opened with this column family");
    let value = db.get_cf(&facts, key).map_err(|error| read_error(&error))?;
    Ok(value.map(Bytes::from))
}

pub(super) fn facts(db: &DB, from: &[u8], to: &[u8]) -> io::Result<Vec<(Vec<u8>, Bytes)>> {
    let facts = db.cf_handle(FACTS).expect("opened with this column family");
    let mut options = ReadOptions::default();
    options.set_iterate_upper_bound(to.to_vec());
    let mode = IteratorMode::From(from, Direction::Forward);
    db.iterator_cf_opt(&facts, options, mode)
        .map(|item| {
            let (key, value) = item.map_err(|error| read_error(&error))?;
            Ok((key.into_vec(), Bytes::from(value)))
        })
        .collect()
}

pub(super) fn index_of(key: &[u8]) -> io::Result<u64> {
    key.get(8..16)
        .and_then(|index| index.try_into().ok())
        .map(u64::from_be_bytes)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "an entry's key is malformed"))
}

pub(super) fn read_error(error: &rocksdb::Error) -> io::Error {
    let kind = match error.kind() {
        rocksdb::ErrorKind::Corruption => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error.to_string())
}
