//! A partition's snapshot: not its records, only where they go on. It is of the planned cut, below
//! which everything was trimmed, and never of the last applied entry: a new learner would start at
//! the end and lose the retained records.
//! INV-06: it is of nothing that is not applied, and durable before what it covers is purged.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use rampart_api::model::ids::Offset;

use super::partition::{Applied, PartitionShared, StoredSnapshot};
use crate::format::envelope;
use crate::format::log_id::{log_id, term_of};
use crate::planted::{self, Bug};
use crate::state::partition::{PartitionState, ProducersRecord, Sealed};
use crate::type_config::{LogId, Snapshot, SnapshotMeta};

/// Version 1 has no producers, and is still written where there are none.
const VERSION_WITHOUT_PRODUCERS: u8 = 1;
/// Without a seal, likewise.
const VERSION_WITHOUT_SEAL: u8 = 2;
const VERSION: u8 = 3;

/// Where the log is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Last entry that goes.
    pub(crate) log_id: LogId,
    /// Offset of the first record after it.
    pub(crate) next_offset: Offset,
}

/// The bytes of a snapshot.
pub(crate) fn encode(state: &PartitionState, producers: &ProducersRecord) -> Bytes {
    Bytes::from(match state.sealed {
        Some(sealed) => envelope::seal(VERSION, &(state, producers, sealed)),
        None if *producers == ProducersRecord::default() => {
            envelope::seal(VERSION_WITHOUT_PRODUCERS, state)
        }
        None => envelope::seal(VERSION_WITHOUT_SEAL, &(state, producers)),
    })
}

/// The reverse of [`encode`].
pub(crate) fn decode(data: &[u8]) -> io::Result<(PartitionState, ProducersRecord)> {
    Ok(match envelope::version(data) {
        Some(VERSION_WITHOUT_PRODUCERS) => {
            let state = envelope::open(VERSION_WITHOUT_PRODUCERS, data)?;
            (state, ProducersRecord::default())
        }
        Some(VERSION_WITHOUT_SEAL) => envelope::open(VERSION_WITHOUT_SEAL, data)?,
        _ => {
            let (mut state, producers, sealed): (PartitionState, ProducersRecord, Sealed) =
                envelope::open(VERSION, data)?;
            state.sealed = Some(sealed);
            (state, producers)
        }
    })
}

/// Builds one snapshot.
#[derive(Debug)]
pub struct PartitionSnapshotBuilder {
    shared: Arc<PartitionShared>,
}

impl PartitionSnapshotBuilder {
    pub(super) fn new(shared: Arc<PartitionShared>) -> Self {
        PartitionSnapshotBuilder { shared }
    }

    /// The snapshot is durable when this returns: openraft purges what it covers next.
    pub(super) async fn build(&mut self) -> io::Result<Snapshot> {
        let planned = self.shared.cut().take();
        let planned = planned.filter(|_| !planted::is(Bug::SnapshotAtLastApplied));
        let cut = match planned {
            Some(cut) => Some(cut),
            None => self.unplanned_cut()?,
        };
        let (meta, snapshot) = self.shared.store_built(cut).await?;
        Ok(Snapshot { meta, snapshot })
    }

    /// A snapshot that openraft insists on: of what is purged already, or of everything applied
    /// where no record can be lost by that.
    fn unplanned_cut(&self) -> io::Result<Option<Cut>> {
        let applied = self.shared.applied();
        let everything =
            applied.log_id.map(|log_id| Cut { log_id, next_offset: applied.state.next_offset });
        if applied.state.log_start == applied.state.next_offset
            || planted::is(Bug::SnapshotAtLastApplied)
        {
            return Ok(everything);
        }
        match self.shared.log.purged() {
            Some(purged) => {
                let log_id = log_id(purged.log_id.term, purged.log_id.index);
                Ok(Some(Cut { log_id, next_offset: purged.next_offset }))
            }
            None => Err(io::Error::other("no cut is planned and nothing was purged")),
        }
    }
}

/// The snapshot at a cut, which is not behind what is applied. Producers are as of what is applied:
/// the entries up to there change nothing in them when they are appended behind the cut.
pub(super) fn at_cut(
    applied: &mut Applied,
    producers: &ProducersRecord,
    cut: Option<Cut>,
) -> StoredSnapshot {
    let Some(cut) = cut else {
        return (
            SnapshotMeta::default(),
            encode(&PartitionState::default(), &ProducersRecord::default()),
        );
    };
    // Every later snapshot is at this cut or behind it: only the membership in force here and
    // those after it are needed from now on.
    let in_force = applied
        .memberships
        .partition_point(|m| m.log_id().is_none_or(|id| id.index <= cut.log_id.index));
    applied.memberships.drain(..in_force.saturating_sub(1));
    let last_membership = match in_force {
        0 => Default::default(),
        _ => applied.memberships.first().cloned().unwrap_or_default(),
    };
    let state = applied.state.at_cut((term_of(&cut.log_id), cut.log_id.index), cut.next_offset);
    let meta = SnapshotMeta { last_log_id: Some(cut.log_id), last_membership };
    (meta, encode(&state, producers))
}
