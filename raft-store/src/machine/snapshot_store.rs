//! Where a group's current snapshot is kept: its description and its bytes, written together and
//! synced before anybody relies on them.

use std::io;

use bytes::Bytes;
use rampart_api::model::ids::GroupId;

use crate::engine::{Engine, Op};
use crate::format::envelope::{self, crc32c};
use crate::keys::Family;
use crate::keys::snapshot::{self, SnapshotMetaRecord};
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
    let Some(record) = engine.fact(&Family::SnapshotMeta.group_key(group))? else {
        return Ok(None);
    };
    let record: SnapshotMetaRecord = envelope::open(snapshot::VERSION, &record)?;
    let data = engine.fact(&Family::SnapshotData.group_key(group))?.unwrap_or_default();
    if crc32c(&[&data]) != record.data_crc {
        let what = format!("group {group}: the snapshot of {} bytes is damaged", data.len());
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(Some(Snapshot { meta: record.try_into()?, snapshot: data }))
}
