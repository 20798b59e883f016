//! Steps on a log: appends, votes, conflicting suffixes, commit and apply.

use anyhow::{Context, Result};
use openraft::storage::{RaftLogReader, RaftLogStorage, RaftStateMachine};
use openraft::type_config::TypeConfigExt;
use openraft::vote::RaftLeaderId;
use rampart_cluster_tests::harness::clock::background;
use rampart_raft_store::format::log_id::log_id;
use rampart_raft_store::type_config::{Entry, IoFlushed, TypeConfig};
use rand::RngExt;

use super::Writer;
use super::payloads::{self, Payload};
use crate::event::Event;
use crate::look::digest;
use crate::model::{NewEntry, Step, Vote};

/// Enough entries that a planned cut keeps its margin and still finds something.
const MANY: u64 = 600;

impl Writer {
    pub(super) async fn append(&mut self, group: u64) -> Result<()> {
        let limit = if self.is_roomy()? { self.manner.value_bytes_max } else { 100 };
        let count = self.rng.random_range(1..=6);
        let payloads = (0..count).map(|_| payloads::any(&mut self.rng, limit)).collect();
        self.append_these(group, payloads).await
    }

    pub(super) async fn append_many(&mut self, group: u64) -> Result<()> {
        let payloads = (0..MANY).map(|_| payloads::small(&mut self.rng)).collect();
        self.append_these(group, payloads).await
    }

    pub(super) async fn append_these(&mut self, group: u64, payloads: Vec<Payload>) -> Result<()> {
        let term = self.term(group);
        let first = self.group(group).last_index().map_or(0, |last| last + 1);
        let new = |(payload, records): &Payload| {
            let (digest, records) = (digest(payload), *records);
            NewEntry { term, digest, records }
        };
        let step = Step::Append { first, entries: payloads.iter().map(new).collect() };
        let entries: Vec<Entry> = (first..)
            .zip(payloads)
            .map(|(index, (payload, _))| Entry { log_id: log_id(term, index), payload })
            .collect();
        let permit = self.flights.clone().acquire_owned().await?;
        let id = self.begin(group, step);
        let (tx, rx) = TypeConfig::oneshot();
        self.open(group)?.log.append(entries, IoFlushed::signal(tx)).await?;
        let listener = self.listener.clone();
        background(async move {
            listener(match rx.await {
                Ok(Ok(())) => Event::Durable { id, snapshot: None },
                Ok(Err(error)) => Event::Failed(format!("an append: {error}")),
                Err(_) => Event::Failed("an append was never answered".to_owned()),
            });
            drop(permit);
        });
        Ok(())
    }

    pub(super) async fn vote(&mut self, group: u64) -> Result<()> {
        let now = self.group(group).vote;
        let vote = match now.filter(|vote| !vote.committed && self.rng.random_bool(0.5)) {
            Some(vote) => Vote { committed: true, ..vote },
            None => Vote {
                term: self.term(group) + 1,
                voted_for: self.rng.random_range(1..9),
                committed: false,
            },
        };
        self.save_vote(group, vote).await
    }

    async fn save_vote(&mut self, group: u64, vote: Vote) -> Result<()> {
        let id = self.begin(group, Step::Vote(vote));
        let leader_id = RaftLeaderId::new(vote.term, vote.voted_for);
        let stored = rampart_raft_store::type_config::Vote { leader_id, committed: vote.committed };
        self.open(group)?.log.save_vote(&stored).await?;
        self.durable(id, None);
        Ok(())
    }

    /// A new leader, whose log goes on before the end of this one.
    pub(super) async fn conflict(&mut self, group: u64) -> Result<()> {
        let model = self.group(group);
        let fixed = model.committed.most.max(model.applied.most);
        let lowest = fixed.map_or(0, |fixed| fixed + 1);
        let Some(last) = model.entries.keys().next_back().copied() else { return Ok(()) };
        if last < lowest || model.entries.keys().next().is_some_and(|first| *first > lowest) {
            return Ok(());
        }
        let from = self.rng.random_range(lowest..=last);
        let keep = from.checked_sub(1);
        let keep = keep.map(|keep| self.log_id_at(group, keep).context("a hole")).transpose()?;
        let vote = Vote { term: self.term(group) + 1, voted_for: 9, committed: true };
        self.save_vote(group, vote).await?;
        self.begin(group, Step::Truncate { from });
        self.open(group)?.log.truncate_after(keep).await?;
        self.append(group).await
    }

    pub(super) async fn commit_and_apply(&mut self, group: u64) -> Result<()> {
        let model = self.group(group);
        let Some(last) = model.entries.keys().next_back().copied() else { return Ok(()) };
        let first = model.committed.most.max(model.applied.most).map_or(0, |index| index + 1);
        if first <= last {
            let index = self.rng.random_range(first..=last);
            self.commit(group, index).await?;
        }
        self.apply(group).await
    }

    pub(super) async fn commit(&mut self, group: u64, index: u64) -> Result<()> {
        let committed = self.log_id_at(group, index).context("not in the log")?;
        self.begin(group, Step::Commit { index });
        Ok(self.open(group)?.log.save_committed(Some(committed)).await?)
    }

    /// Applies what is committed.
    pub(super) async fn apply(&mut self, group: u64) -> Result<()> {
        let model = self.group(group);
        let from = model.applied.most.map_or(0, |applied| applied + 1);
        let Some(upto) = model.committed.most.filter(|upto| *upto >= from) else { return Ok(()) };
        let mut reader = self.open(group)?.log.get_log_reader().await;
        let entries = reader.try_get_log_entries(from..=upto).await?;
        self.begin(group, Step::Apply { index: upto });
        let entries =
            futures_util::stream::iter(entries.into_iter().map(|entry| Ok((entry, None))));
        Ok(self.open(group)?.machine.apply(entries).await?)
    }

    pub(super) async fn save_applied(&mut self, group: u64) -> Result<()> {
        let id = self.begin(group, Step::SaveApplied);
        self.open(group)?.handle.save_applied().await?;
        self.durable(id, None);
        Ok(())
    }
}
