//! What of a replica lies on its disk.

use std::io;

use rampart_api::model::ids::{GroupId, Offset};
use rampart_cluster_tests::history::{DumpedEntry, Event};
use rampart_raft_store::inspect::Inspector;
use rampart_raft_store::{MemoryFaults, Store};

/// The log of one replica.
pub(super) struct Dumped {
    log_start: Option<u64>,
    log_end: Option<u64>,
    entries: Vec<DumpedEntry>,
}

/// Reads the log of a group from a disk, beside the node that is running on it. Its readers begin at
/// `readable_from`.
pub(super) fn of(disk: MemoryFaults, group: GroupId, readable_from: Offset) -> io::Result<Dumped> {
    let inspector = Inspector::of(&Store::in_memory(disk));
    let found = inspector.groups()?.into_iter().find(|report| report.group == group);
    let report = found.ok_or_else(|| io::Error::other("there is no such replica"))?;
    let mut entries = Vec::new();
    // What is damaged below the log start, where nobody reads, nobody needs to have noticed: the
    // entry behind it begins there, too, or at the log start.
    let mut damage = None;
    for entry in inspector.entries(group, 0) {
        let entry = entry?;
        let (header, crc) = match entry.content {
            Ok(content) => content,
            Err(error) => {
                damage = Some(io::Error::other(format!("entry {}: {error}", entry.index)));
                continue;
            }
        };
        if let Some(damage) = damage.take()
            && header.base_offset > readable_from
        {
            return Err(damage);
        }
        if header.records > 0 {
            entries.push(DumpedEntry {
                base: header.base_offset.0,
                records: u64::from(header.records),
                term: header.term,
                crc: format!("{crc:08x}"),
            });
        }
    }
    if let Some(damage) = damage.filter(|_| report.log_end.is_none_or(|end| readable_from < end)) {
        return Err(damage);
    }
    let [log_start, log_end] = [report.log_start, report.log_end].map(|at| at.map(|at| at.0));
    Ok(Dumped { log_start, log_end, entries })
}

impl Dumped {
    pub(super) fn into_event(self, event: Event) -> Event {
        let Dumped { log_start, log_end, entries } = self;
        Event { log_start, log_end, entries, ..event }
    }
}
