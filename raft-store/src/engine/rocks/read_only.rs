//! A database that is only looked at: nothing on disk changes, and a running node is not disturbed.
//! Shows what can be recovered, also where a node would refuse to start.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rampart_api::model::ids::GroupId;
use rocksdb::{DB, DBRecoveryMode};
use tokio::sync::{Semaphore, watch};

use super::{open, options, reads};
use crate::engine::unwritable::{LOOKS_MAX, Unwritable};
use crate::engine::{Engine, Op, Space, Write};
use crate::error::OpenError;
use crate::store::StoreOptions;

/// The engine of `inspect`.
#[derive(Debug)]
pub(crate) struct ReadOnlyEngine {
    db: DB,
    dir: PathBuf,
    writing: Unwritable,
}

impl ReadOnlyEngine {
    pub(crate) fn open(dir: &Path, options: &StoreOptions) -> Result<ReadOnlyEngine, OpenError> {
        open::require_format(dir)?;
        open::check_logs(dir)?;
        let mut database = options::database(options);
        database.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
        let mut look = 1;
        let db = loop {
            let families = options::column_families(options);
            match DB::open_cf_descriptors_read_only(&database, dir, families, false) {
                Ok(db) => break db,
                Err(error) if look < LOOKS_MAX && has_changed(&error) => look += 1,
                Err(error) => return Err(open::explain(dir, &error)),
            }
        };
        Ok(ReadOnlyEngine { db, dir: dir.to_owned(), writing: Unwritable::default() })
    }
}

/// Whether a running node may have replaced a file since the list of files was read.
fn has_changed(error: &rocksdb::Error) -> bool {
    ["No such file", "Missing WAL"].iter().any(|text| error.as_ref().contains(text))
}

impl Engine for ReadOnlyEngine {
    fn submit(&self, write: Write) {
        self.writing.submit(write);
    }

    fn settle(&self) -> io::Result<()> {
        Ok(())
    }

    fn write_now(&self, _ops: Vec<Op>) -> io::Result<()> {
        self.writing.write_now()
    }

    fn entries(
        &self,
        group: GroupId,
        from: u64,
        to: u64,
        max_bytes: usize,
    ) -> io::Result<Vec<(u64, Bytes)>> {
        reads::entries(&self.db, group, from, to, max_bytes)
    }

    fn log_bounds(&self, group: GroupId) -> io::Result<Option<(u64, u64)>> {
        reads::log_bounds(&self.db, group)
    }

    fn fact(&self, key: &[u8]) -> io::Result<Option<Bytes>> {
        reads::fact(&self.db, key)
    }

    fn facts(&self, from: &[u8], to: &[u8]) -> io::Result<Vec<(Vec<u8>, Bytes)>> {
        reads::facts(&self.db, from, to)
    }

    fn can_tear(&self) -> bool {
        false
    }

    fn reads_block(&self) -> bool {
        true
    }

    fn admission(&self) -> &Arc<Semaphore> {
        self.writing.admission()
    }

    fn failed(&self) -> watch::Receiver<Option<String>> {
        self.writing.failed()
    }

    fn space(&self) -> io::Result<Space> {
        super::space(&self.dir)
    }
}
