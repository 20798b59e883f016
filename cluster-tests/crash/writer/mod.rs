//! Works on a store as openraft does, in steps that a seed draws: appends of random sizes, votes,
//! conflicting suffixes, snapshots, purges, replicas that come and go. Says each step before it is
//! submitted, and that it is durable once the store says so.

mod grow;
mod payloads;
pub(crate) mod process;
mod snapshots;

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use rampart_api::model::ids::{GroupId, ReplicaId};
use rampart_raft_store::format::log_id::log_id;
use rampart_raft_store::type_config::EntryPayload;
use rampart_raft_store::{EngineKind, OpenGroup, PartitionLog, Store, StoreOptions, type_config};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::Semaphore;

use crate::event::Event;
use crate::look::{self, BOOT, Blind, Opened, id_of};
use crate::model::{Group, LogId, State, Step};

/// A recreated replica's id is so much above the one before: ids are never used twice.
const NEXT_LIFE: u64 = 1_000;
/// Below this much free space nothing large is appended any more, in percent.
const FREE_PERCENT_MIN: u64 = 40;

/// Takes what a writer says. Called from several threads.
pub(crate) type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// How one life of a writer is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Engine of a new store.
    pub(crate) engine: EngineKind,
    /// Groups to write to.
    pub(crate) groups: u64,
    /// Appends that may wait for the disk at once.
    pub(crate) in_flight: u32,
    /// Largest value, in bytes.
    pub(crate) value_bytes_max: usize,
    /// Memory of the store's write buffers: small ones flush and compact all the time.
    pub(crate) write_buffer_bytes: usize,
    /// Memory of the store's tail cache.
    pub(crate) tail_cache_bytes: usize,
}

impl Manner {
    /// The manner of a seed.
    pub(crate) fn of(seed: u64) -> Manner {
        let mut rng = StdRng::seed_from_u64(seed ^ 0x6d61_6e6e);
        let mut pick = |from: &[usize]| from[rng.random_range(0..from.len())];
        // The one that is the default more often.
        let engine = match seed % 4 {
            3 => EngineKind::RocksDb,
            _ => EngineKind::Journal,
        };
        Manner {
            engine,
            groups: pick(&[1, 3, 10]) as u64,
            in_flight: pick(&[1, 8, 64]) as u32,
            value_bytes_max: pick(&[300, 6_000, 200_000]),
            write_buffer_bytes: pick(&[64 << 10, 256 << 10, 2 << 20, 32 << 20]),
            tail_cache_bytes: pick(&[0, 1 << 20]),
        }
    }

    /// The store's options in this manner.
    pub(crate) fn options(&self) -> StoreOptions {
        StoreOptions {
            engine: self.engine,
            tail_cache_bytes: self.tail_cache_bytes,
            write_buffer_bytes: self.write_buffer_bytes,
            block_cache_bytes: 4 << 20,
            ..StoreOptions::default()
        }
    }
}

/// One life on one store.
pub(crate) struct Writer {
    store: Store,
    listener: Listener,
    rng: StdRng,
    manner: Manner,
    replicas: Opened,
    state: State,
    next_step: u64,
    /// Permits of appends that wait for the disk.
    flights: Arc<Semaphore>,
}

impl Writer {
    /// Reads all of an opened store, says what it found, and makes it ready as openraft does.
    pub(crate) async fn start(
        store: Store,
        seed: u64,
        manner: Manner,
        listener: Listener,
    ) -> Result<Writer> {
        let (found, replicas) = look::look(&store).await.map_err(|blind| match blind {
            Blind::Refused(what) | Blind::Wrong(what) => anyhow!(what),
        })?;
        let state = State::from(&found);
        listener(Event::Found(found));
        let flights = Arc::new(Semaphore::new(manner.in_flight as usize));
        let rng = StdRng::seed_from_u64(seed);
        let mut writer =
            Writer { store, listener, rng, manner, replicas, state, next_step: 0, flights };
        writer.boot()?;
        for group in writer.replicas.keys().copied().collect::<Vec<_>>() {
            writer.catch_up(group).await?;
        }
        Ok(writer)
    }

    /// One step, or a few that belong together.
    pub(crate) async fn step(&mut self) -> Result<()> {
        let group = self.rng.random_range(1..=self.manner.groups);
        if !self.replicas.contains_key(&group) {
            return self.create(group);
        }
        match self.rng.random_range(0..100) {
            0..54 => self.append(group).await,
            54..57 => self.append_many(group).await,
            57..66 => self.commit_and_apply(group).await,
            66..72 => self.vote(group).await,
            72..79 => self.conflict(group).await,
            79..86 => self.save_applied(group).await,
            86..93 => self.snapshot(group).await,
            93..96 => self.install(group).await,
            96..97 => self.drop_group(group).await,
            _ => self.boot(),
        }
    }

    /// Waits until everything is durable and said.
    pub(crate) async fn rest(&self) -> Result<()> {
        let all = self.flights.acquire_many(self.manner.in_flight).await?;
        drop(all);
        Ok(self.store.flush()?)
    }

    /// One small entry, durable when this returns.
    pub(crate) async fn end_small(&mut self) -> Result<()> {
        let group = *self.replicas.keys().next().context("no replica")?;
        self.append_these(group, vec![(EntryPayload::Blank, 0)]).await?;
        self.rest().await
    }

    fn begin(&mut self, group: u64, step: Step) -> u64 {
        let id = self.next_step;
        self.next_step += 1;
        self.state.take(group, &step);
        (self.listener)(Event::Begun { id, group, step });
        id
    }

    fn durable(&self, id: u64, snapshot: Option<LogId>) {
        (self.listener)(Event::Durable { id, snapshot });
    }

    fn open(&mut self, group: u64) -> Result<&mut OpenGroup<PartitionLog>> {
        self.replicas.get_mut(&group).context("a replica that was not opened")
    }

    fn group(&self, group: u64) -> &Group {
        &self.state.groups[&group]
    }

    fn boot(&mut self) -> Result<()> {
        let number = self.state.boot + 1;
        let id = self.begin(0, Step::Boot { number });
        self.store.node_record_put(BOOT, number.to_be_bytes().to_vec())?;
        self.durable(id, None);
        Ok(())
    }

    fn create(&mut self, group: u64) -> Result<()> {
        let replica = group + NEXT_LIFE * (1 + self.state.boot);
        let id = self.begin(group, Step::Create { replica });
        let open = self.store.open_partition(GroupId(group), ReplicaId(replica))?;
        self.durable(id, None);
        self.replicas.insert(group, open);
        Ok(())
    }

    async fn drop_group(&mut self, group: u64) -> Result<()> {
        // What is under way would be answered as closed.
        drop(self.flights.acquire_many(self.manner.in_flight).await?);
        self.replicas.remove(&group);
        let id = self.begin(group, Step::Drop);
        self.store.drop_group(GroupId(group))?;
        self.durable(id, None);
        // A counted start lies between two lives, so that no replica id comes twice.
        self.boot()
    }

    /// As openraft starts: purges what is applied and not in the log, applies what is committed.
    async fn catch_up(&mut self, group: u64) -> Result<()> {
        use openraft::storage::RaftStateMachine;
        let last = self.group(group).last_index();
        let open = self.open(group)?;
        let (applied, _) = open.machine.applied_state().await?;
        if let Some(applied) = applied.filter(|applied| Some(applied.index) > last) {
            self.purge(group, applied).await?;
        }
        self.apply(group).await
    }

    fn is_roomy(&self) -> Result<bool> {
        let space = self.store.free_space()?;
        Ok(space.free_bytes * 100 > space.total_bytes * FREE_PERCENT_MIN)
    }

    /// Log id of an entry that is in the log, or of the last purged one.
    fn log_id_at(&self, group: u64, index: u64) -> Option<type_config::LogId> {
        let group = self.group(group);
        match group.entries.get(&index) {
            Some(entry) => Some(log_id(entry.term, index)),
            None => {
                let purged = group.purged.filter(|purged| purged.index == index)?;
                Some(log_id(purged.term, index))
            }
        }
    }

    /// Term that a leader would write in now.
    fn term(&self, group: u64) -> u64 {
        let group = self.group(group);
        let last = group.entries.values().next_back().map(|entry| entry.term);
        let vote = group.vote.map(|vote| vote.term);
        vote.max(last).max(group.purged.map(|purged| purged.term)).unwrap_or(1)
    }

    async fn purge(&mut self, group: u64, upto: type_config::LogId) -> Result<()> {
        use openraft::storage::RaftLogStorage;
        let model = self.group(group);
        if model.purged.is_some_and(|purged| purged.index >= upto.index) {
            return Ok(());
        }
        let is_part = model.entries.keys().next_back().is_some_and(|last| *last >= upto.index);
        let end_offset = match is_part {
            true => model.end_offset,
            false => self.open(group)?.handle.high_watermark().0,
        };
        let at = id_of(&upto);
        self.begin(group, Step::Purge { at, end_offset });
        Ok(self.open(group)?.log.purge(upto).await?)
    }
}
