//! The state machine of a partition of `__group_state`, and its groups as this node reads them.

use std::sync::Arc;

use rampart_api::model::ids::GroupId;
use tokio::sync::watch;

use super::whole::{WholeShared, WholeState};
use crate::state::group::{GroupCommand, GroupState};
use crate::type_config::{Applied, Proposal, ProposalKind};

pub(crate) const VERSION: u8 = 1;

impl WholeState for GroupState {
    const SNAPSHOT_VERSION: u8 = VERSION;
    /// The index alone: a published state would be copied by every batch that changes it.
    type Published = u64;

    fn empty(group: GroupId) -> Self {
        GroupState::empty(group)
    }

    fn apply_proposal(&mut self, index: u64, proposal: &Proposal) -> Result<Applied, String> {
        if proposal.kind != ProposalKind::Groups {
            return Err(format!("{:?} in a partition of groups", proposal.kind));
        }
        let commands = GroupCommand::decode(&proposal.body).map_err(|error| error.to_string())?;
        Ok(Applied::Groups(self.apply(index, &commands)))
    }

    fn published(index: u64, _: &Arc<Self>) -> Self::Published {
        index
    }
}

/// The groups of a partition of `__group_state` as this node has applied them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct GroupReader {
    shared: Arc<WholeShared<GroupState>>,
}

impl GroupReader {
    pub(crate) fn new(shared: Arc<WholeShared<GroupState>>) -> Self {
        GroupReader { shared }
    }

    /// Looks at the state after the last applied batch. Nothing is applied meanwhile, so take what
    /// is needed and go.
    pub fn look<T>(&self, look: impl FnOnce(&GroupState) -> T) -> T {
        self.shared.look(look)
    }

    /// Index of the last applied entry; changes after every applied batch.
    pub fn watch_applied(&self) -> watch::Receiver<u64> {
        self.shared.watch()
    }

    /// Index of the last entry known to be on this node's disk.
    pub fn synced_index(&self) -> Option<u64> {
        self.shared.log().synced_index()
    }

    /// Stored bytes of the log.
    pub fn size_bytes(&self) -> u64 {
        self.shared.log().bytes()
    }
}
