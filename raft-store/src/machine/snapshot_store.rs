//! Where a group's current snapshot is kept: its description and its bytes, written together and
//! synced before anybody relies on them.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use rampart_api::model::ids::GroupId;

use crate::engine::{Engine, Op};
use crate::format::envelope::{self, crc32c};
use crate::keys::Family;
use crate::keys::snapshot::{self, SnapshotMetaRecord};
use crate::runtime::run_blocking;
use crate::type_config::{Snapshot, SnapshotMeta};

/// The changes that make this the group's current snapshot.
pub(crate) fn store(group: GroupId, meta: &SnapshotMeta, data: &Bytes) -> Vec<Op> {
    let record = envelope::seal(snapshot::VERSION, &SnapshotMetaRecord::new(meta, data));
    vec![
        Op::put(Family::SnapshotMeta.group_key(group), record),
        Op::put(Family::SnapshotData.group_key(group), data.clone()),
    ]
}

/// The group's current snapshot, checked. Blocks where the engine does.
pub(crate) fn load(engine: &dyn Engine, group: GroupId) -> io::Result<Option<Snapshot>> {
    let meta_key = Family::SnapshotMeta.group_key(group);
    while let Some(stored) = engine.fact(&meta_key)? {
        let record: SnapshotMetaRecord = envelope::open(snapshot::VERSION, &stored)?;
        let data = engine.fact(&Family::SnapshotData.group_key(group))?.unwrap_or_default();
        if crc32c(&[&data]) == record.data_crc {
            return Ok(Some(Snapshot { meta: record.try_into()?, snapshot: data }));
        }
        // Another snapshot may have been stored between the two reads.
        if engine.fact(&meta_key)? == Some(stored) {
            let what = format!("group {group}: the snapshot of {} bytes is damaged", data.len());
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
    }
    Ok(None)
}

/// As [`load`], on a thread that may wait where the engine does.
pub(super) async fn load_later(
    engine: &Arc<dyn Engine>,
    group: GroupId,
) -> io::Result<Option<Snapshot>> {
    if !engine.reads_block() {
        return load(&**engine, group);
    }
    let engine = engine.clone();
    run_blocking(move || load(&*engine, group)).await?
}
