//! Steps with snapshots: built at a cut and the log purged up to it, or installed from elsewhere.

use anyhow::{Context, Result};
use openraft::storage::{RaftSnapshotBuilder, RaftStateMachine};
use rampart_api::model::ids::Offset;
use rampart_raft_store::format::envelope;
use rampart_raft_store::format::log_id::log_id;
use rampart_raft_store::state::partition::PartitionState;
use rampart_raft_store::type_config::{SnapshotMeta, StoredMembership};
use rand::RngExt;

use super::Writer;
use super::payloads::trim_to;
use crate::look::id_of;
use crate::model::Step;

/// Version of a partition's snapshot (docs/formats.md).
const SNAPSHOT_VERSION: u8 = 1;

impl Writer {
    /// Trims, applies, and cuts: where the rules of retention allow it, or at the last applied entry
    /// if everything is trimmed, as openraft may insist on.
    pub(super) async fn snapshot(&mut self, group: u64) -> Result<()> {
        let end = self.open(group)?.handle.high_watermark().0;
        let offset = match self.rng.random_bool(0.3) {
            true => u64::MAX,
            false => self.rng.random_range(end / 2..=end),
        };
        self.append_these(group, vec![trim_to(offset)]).await?;
        let last = self.group(group).last_index().context("an entry was appended")?;
        self.commit(group, last).await?;
        self.apply(group).await?;
        let handle = self.open(group)?.handle.clone();
        let is_empty = handle.log_start_offset() == handle.high_watermark();
        let open = self.open(group)?;
        let builder = match handle.plan_cut(None) {
            true => open.machine.try_create_snapshot_builder(false).await,
            false if is_empty => Some(open.machine.get_snapshot_builder().await),
            false => None,
        };
        let Some(mut builder) = builder else { return Ok(()) };
        let id = self.begin(group, Step::Snapshot { at: None });
        let snapshot = builder.build_snapshot().await?;
        let at = snapshot.meta.last_log_id.context("something was applied")?;
        self.durable(id, Some(id_of(&at)));
        self.state.take(group, &Step::Snapshot { at: Some(id_of(&at)) });
        if self.rng.random_bool(0.8) {
            self.purge(group, at).await?;
        }
        Ok(())
    }

    /// What a follower does that was away for too long.
    pub(super) async fn install(&mut self, group: u64) -> Result<()> {
        let term = self.term(group);
        let index = self.group(group).last_index().map_or(0, |last| last + 1)
            + self.rng.random_range(0..99);
        let next_offset = Offset(self.group(group).end_offset + self.rng.random_range(0..999));
        let at = log_id(term, index);
        let state =
            PartitionState { log_start: next_offset, next_offset, ..PartitionState::default() };
        let data = envelope::seal(SNAPSHOT_VERSION, &state).into();
        let meta =
            SnapshotMeta { last_log_id: Some(at), last_membership: StoredMembership::default() };
        let id = self.begin(group, Step::Install { at: id_of(&at) });
        self.open(group)?.machine.install_snapshot(&meta, data).await?;
        self.durable(id, None);
        self.purge(group, at).await?;
        self.commit(group, index).await
    }
}
