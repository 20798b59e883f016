//! The metadata group's state machine, and the metadata as this node reads it.

use std::sync::Arc;

use bytes::Bytes;
use rampart_api::codec;
use rampart_api::model::ids::GroupId;
use tokio::sync::watch;

use super::whole::{WholeShared, WholeState};
use crate::format::FormatError;
use crate::format::envelope;
use crate::state::metadata::castle::CastleRecord;
use crate::state::metadata::command::MetadataCommand;
use crate::state::metadata::state::MetadataState;
use crate::type_config::{Applied, Proposal, ProposalKind};

/// Version of a snapshot without other clusters.
pub(crate) const VERSION: u8 = 1;
/// With them behind the other fields.
pub(crate) const VERSION_WITH_CASTLE: u8 = 2;

impl WholeState for MetadataState {
    const SNAPSHOT_VERSION: u8 = VERSION_WITH_CASTLE;
    /// Whoever reads holds a view that never changes.
    type Published = (u64, Arc<MetadataState>);

    fn empty(_: GroupId) -> Self {
        MetadataState::default()
    }

    fn apply_proposal(&mut self, index: u64, proposal: &Proposal) -> Result<Applied, String> {
        if proposal.kind != ProposalKind::Metadata {
            return Err(format!("{:?} in the metadata group", proposal.kind));
        }
        let command: MetadataCommand =
            codec::decode(&proposal.body).map_err(|error| error.to_string())?;
        Ok(Applied::Metadata(Bytes::from(codec::encode(&self.apply(index, &command)))))
    }

    fn encode(&self) -> Vec<u8> {
        match self.castle == CastleRecord::default() {
            true => envelope::seal(VERSION, self),
            false => envelope::seal(VERSION_WITH_CASTLE, &(self, &self.castle)),
        }
    }

    fn decode(data: &[u8]) -> Result<Self, FormatError> {
        if envelope::version(data) == Some(VERSION) {
            return envelope::open(VERSION, data);
        }
        let (state, castle): (MetadataState, CastleRecord) =
            envelope::open(VERSION_WITH_CASTLE, data)?;
        Ok(MetadataState { castle, ..state })
    }

    fn published(index: u64, state: &Arc<Self>) -> Self::Published {
        (index, state.clone())
    }
}

/// The metadata as this node has applied it: a consistent view at an index. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MetadataReader {
    shared: Arc<WholeShared<MetadataState>>,
}

impl MetadataReader {
    pub(crate) fn new(shared: Arc<WholeShared<MetadataState>>) -> Self {
        MetadataReader { shared }
    }

    /// The state after the last applied batch.
    pub fn state(&self) -> Arc<MetadataState> {
        self.shared.published().1
    }

    /// Index of the last applied entry.
    pub fn applied_index(&self) -> u64 {
        self.shared.published().0
    }

    /// Changes after every applied batch.
    pub fn watch(&self) -> watch::Receiver<(u64, Arc<MetadataState>)> {
        self.shared.watch()
    }
}
