//! One group's log in memory: where it begins and ends, which offsets its records have, its newest
//! entries. `writer` changes it, `reader` and the partition's reads look at it, `open` rebuilds it.
//! Everything here is synchronous; the lock is never held over an await or a disk access.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use rampart_api::model::ids::{GroupId, Offset};
use tokio::sync::watch;

use super::offset_index::OffsetIndex;
use super::once::LogProducers;
use super::placement::place;
use super::record::LogRecord;
use super::seal::LogSeal;
use super::sync_progress::SyncProgress;
use super::tail::Tail;
use super::terms::TermTable;
use crate::engine::{Engine, Op, Write, WriteError, synced_write};
use crate::format::envelope;
use crate::format::log_id::{StoredLogId, log_id, term_of};
use crate::keys::purged::PurgedRecord;
use crate::keys::{
    Family, committed, log_term, node_record, offset_index, producers, purged, synced_mark,
};
use crate::planted::{self, Bug};
use crate::state::partition::producers::{OnceBatch, Verdict};
use crate::state::partition::{ProducersRecord, Sealed};
use crate::ticket::AppendPosition;
use crate::type_config::{Entry, LogId, Vote};

/// Where the log goes on behind a snapshot that is durable. openraft purges the log up to it next,
/// and appends what is behind it after that and not before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Primed {
    /// Last entry in the snapshot.
    pub(crate) log_id: LogId,
    /// Offset of the first record after it.
    pub(crate) next_offset: Offset,
}

/// One group's log, shared by its writer, its readers and its state machine.
#[derive(Debug)]
pub(crate) struct GroupLog {
    pub(crate) group: GroupId,
    pub(crate) engine: Arc<dyn Engine>,
    inner: Mutex<Inner>,
    /// Held while a write is submitted, so that none is submitted after it was closed.
    is_closed: RwLock<bool>,
    damaged: DamagedGroups,
}

/// Groups of the node in whose logs damage was read, and what.
pub(crate) type DamagedGroups = watch::Sender<BTreeMap<GroupId, String>>;

/// What the lock protects.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) vote: Option<Vote>,
    pub(super) committed: Option<LogId>,
    pub(super) purged: Option<PurgedRecord>,
    /// First index in the log; with an empty log the next one expected, if that is known.
    pub(super) first: Option<u64>,
    pub(super) last: Option<LogId>,
    pub(super) next_offset: Offset,
    pub(super) terms: TermTable,
    pub(super) tail: Tail,
    pub(super) index: OffsetIndex,
    pub(super) producers: LogProducers,
    pub(super) seal: LogSeal,
    pub(super) progress: SyncProgress,
    pub(super) primed: Option<Primed>,
    /// `committed` changed since it was last written.
    pub(super) committed_is_new: bool,
    /// Truncations and purges so far: what is read meanwhile may be missing and not be damage.
    pub(super) cuts: u64,
}

/// An append that is in memory and still has to be submitted.
pub(super) struct Appended {
    pub(super) ops: Vec<Op>,
    pub(super) number: u64,
}

impl GroupLog {
    pub(super) fn new(
        group: GroupId,
        engine: Arc<dyn Engine>,
        inner: Inner,
        damaged: DamagedGroups,
    ) -> Self {
        let (inner, is_closed) = (Mutex::new(inner), RwLock::new(false));
        GroupLog { group, engine, inner, is_closed, damaged }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic under the lock ends the group's core, which is then started from the disk.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn last_log_id(&self) -> Option<LogId> {
        self.lock().last
    }

    pub(crate) fn synced_index(&self) -> Option<u64> {
        self.lock().progress.synced()
    }

    pub(crate) fn end_offset(&self) -> Offset {
        self.lock().next_offset
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.lock().index.bytes()
    }

    pub(crate) fn purged(&self) -> Option<PurgedRecord> {
        self.lock().purged
    }

    pub(crate) fn term_at(&self, index: u64) -> Option<u64> {
        self.lock().terms.term_at(index)
    }

    /// Granules in order, the open one last.
    pub(crate) fn granules(&self) -> Vec<offset_index::Granule> {
        self.lock().index.iter().copied().collect()
    }

    /// Index at or before the entry that holds the offset.
    pub(crate) fn index_of(&self, offset: Offset) -> Option<u64> {
        let inner = self.lock();
        let index = inner.tail.index_of(offset).or_else(|| inner.index.index_of(offset))?;
        Some(index.max(inner.first.unwrap_or(0)))
    }

    /// Offset after the last record up to this index: exact in the tail, else the start of the
    /// granule that holds it, which is at most 64 KiB too low.
    pub(crate) fn offset_after(&self, index: u64) -> Offset {
        let inner = self.lock();
        if inner.last.is_none_or(|last| last.index <= index) {
            return inner.next_offset;
        }
        if let Some(record) = inner.tail.get(index) {
            return Offset(record.base_offset.0 + u64::from(record.records));
        }
        inner.index.offset_before(index)
    }

    /// What a batch would be if it were appended now, by a leader whose clock says `now_ms`.
    pub(crate) fn check_once(&self, batch: &OnceBatch, now_ms: i64) -> Verdict {
        self.lock().producers.end().check(batch, now_ms)
    }

    /// Everything up to an entry with batches that are written once is applied.
    pub(crate) fn apply_once(&self, index: u64) {
        self.lock().producers.apply(index);
    }

    /// Producers and keys as of what is applied.
    pub(crate) fn applied_producers(&self) -> ProducersRecord {
        self.lock().producers.applied().into()
    }

    /// About how many bytes those are.
    pub(crate) fn producers_bytes(&self) -> usize {
        self.lock().producers.applied().record_bytes()
    }

    /// The change that stores those, if they are not stored. It goes with the applied state: what
    /// is stored is never behind that.
    pub(crate) fn take_producers_op(&self) -> Option<Op> {
        let mut inner = self.lock();
        inner.producers.take_changed().map(|applied| store_producers(self.group, &applied.into()))
    }

    /// A snapshot is installed: so it is up to there.
    pub(crate) fn install_producers(&self, applied: ProducersRecord) {
        self.lock().producers.install(applied.into());
    }

    /// A snapshot up to `last` is installed: so sealed, or not, it is up to there.
    pub(crate) fn install_seal(&self, of_snapshot: Option<Sealed>, last: Option<u64>) {
        self.lock().seal.install(of_snapshot, last);
    }

    /// The change that stores the committed log id, if it is new.
    pub(crate) fn take_committed_op(&self) -> Option<Op> {
        self.lock().committed_op(self.group)
    }

    /// Submits a write of this group, unless it is closed.
    pub(crate) fn submit(&self, write: Write) {
        let is_closed = self.is_closed.read().unwrap_or_else(PoisonError::into_inner);
        if !*is_closed {
            return self.engine.submit(write);
        }
        drop(is_closed);
        if let Some(done) = write.done {
            let message = format!("group {}: the replica is closed", self.group);
            done(Err(WriteError { kind: io::ErrorKind::BrokenPipe, message }));
        }
    }

    /// No write is submitted any more: the group is erased, or opened again. Tasks of a replica
    /// that was stopped, as one that builds a snapshot, may outlive it.
    pub(crate) fn close(&self) {
        *self.is_closed.write().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Submits a synced write before it returns; what it returns waits until that is durable.
    pub(crate) fn write(
        &self,
        ops: Vec<Op>,
    ) -> impl Future<Output = io::Result<()>> + Send + use<> {
        let (write, durable) = synced_write(ops);
        self.submit(write);
        durable
    }

    /// An entry was read and is bad. If it was synced, and not cut off meanwhile, that is damage:
    /// the replica's owner is told, and the next start of it, too.
    pub(super) fn found_bad(&self, index: u64, what: &str, cuts: u64) {
        {
            let inner = self.lock();
            if inner.cuts != cuts || Some(index) > inner.progress.synced() {
                return;
            }
        }
        if *self.is_closed.read().unwrap_or_else(PoisonError::into_inner) {
            return;
        }
        let is_new = self.damaged.send_if_modified(|damaged| {
            let is_new = !damaged.contains_key(&self.group);
            damaged.entry(self.group).or_insert_with(|| what.to_owned());
            is_new
        });
        if is_new {
            let key = node_record::damaged_entry(self.group);
            let ops = vec![Op::put(key, index.to_be_bytes().to_vec())];
            self.submit(Write { ops, done: Some(Box::new(|_| {})) });
        }
    }

    /// A snapshot is installed; see [`Primed`].
    pub(crate) fn prime(&self, primed: Primed) {
        self.lock().primed = Some(primed);
    }

    /// Puts entries into the log. On an error nothing has changed but memory, and the group ends.
    pub(super) fn append(&self, entries: Vec<Entry>) -> io::Result<Option<Appended>> {
        let mut inner = self.lock();
        let mut ops = Vec::with_capacity(entries.len() + 2);
        let Some(last) = entries.last().map(|entry| entry.log_id) else {
            return Ok(None);
        };
        for entry in entries {
            inner.check_continues(self.group, &entry.log_id)?;
            inner.append_one(self.group, entry, &mut ops)?;
        }
        inner.write_marks(self.group, &mut ops);
        let number = inner.progress.submit(last.index);
        Ok(Some(Appended { ops, number }))
    }

    /// An append is on disk.
    pub(super) fn synced(&self, number: u64) {
        let tickets = {
            let mut inner = self.lock();
            let tickets = inner.progress.complete(number);
            let synced = inner.progress.synced();
            inner.tail.evict(synced);
            tickets
        };
        for ticket in tickets {
            ticket.synced();
        }
    }
}

impl Inner {
    /// A log begins with its first entry, or behind the one that was purged last, and has no gap.
    /// Only the first entry of all may be missing: a membership, which has no records.
    fn check_continues(&self, group: GroupId, next: &LogId) -> io::Result<()> {
        let last = self.last.or(self.purged.map(|purged| purged.log_id.into()));
        let continues = match last {
            Some(last) => last.index + 1 == next.index,
            None => next.index <= 1,
        };
        if continues {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("group {group}: append of {next} to a log that ends at {last:?}"),
        ))
    }

    fn append_one(&mut self, group: GroupId, entry: Entry, ops: &mut Vec<Op>) -> io::Result<()> {
        let placed = place(entry, self.next_offset, &mut self.producers, &self.seal)?;
        let mut record = placed.record;
        self.seal.note(&record);
        let (term, index) = (term_of(&record.log_id), record.index());
        ops.push(record.store(group));
        if self.terms.append(index, term) {
            ops.push(store_term(group, index, term));
        }
        if let Some(closed) = self.index.append(&record, placed.max_timestamp) {
            ops.push(store_granule(group, &closed));
        }
        if let Some(ticket) = placed.ticket {
            let base_offset = record.base_offset;
            let (verdicts, sealed_at) = (placed.verdicts, placed.sealed_at);
            ticket.appended(AppendPosition { term, index, base_offset, verdicts, sealed_at });
            self.progress.wait(index, ticket);
        }
        self.first.get_or_insert(index);
        self.last = Some(record.log_id);
        self.next_offset = record.next_offset();
        self.tail.push(record);
        Ok(())
    }

    /// Facts that ride along with an append.
    fn write_marks(&mut self, group: GroupId, ops: &mut Vec<Op>) {
        if let Some(mark) = self.progress.mark() {
            let key = Family::SyncedMark.group_key(group);
            ops.push(Op::put(key, envelope::seal(synced_mark::VERSION, &mark)));
        }
        ops.extend(self.committed_op(group));
    }

    /// The change that stores `committed`, if it has changed.
    pub(super) fn committed_op(&mut self, group: GroupId) -> Option<Op> {
        if !std::mem::take(&mut self.committed_is_new) {
            return None;
        }
        let stored = StoredLogId::from(&self.committed?);
        let key = Family::Committed.group_key(group);
        Some(Op::put(key, envelope::seal(committed::VERSION, &stored)))
    }

    /// The entries from `from` on are gone. `reread` are the entries before it whose granule went
    /// with them, and `next_offset` is where the log ends now.
    pub(super) fn truncate(
        &mut self,
        group: GroupId,
        from: u64,
        reread: &[LogRecord],
        next_offset: Offset,
    ) -> io::Result<Vec<Op>> {
        let mut ops = vec![Op::Truncate { group, from }];
        if planted::is(Bug::TruncateSkipped) {
            ops.clear();
        }
        self.cuts += 1;
        self.tail.truncate(from);
        self.terms.truncate(from);
        self.producers.truncate(from);
        self.seal.truncate(from);
        ops.push(erase(Family::LogTerm, group, from, u64::MAX));
        if let Some(first) = self.index.truncate(from) {
            ops.push(erase(Family::OffsetIndex, group, first, u64::MAX));
        }
        for record in reread {
            let closed = self.index.append(record, record.max_timestamp()?);
            ops.extend(closed.map(|closed| store_granule(group, &closed)));
        }
        self.last = match from.checked_sub(1) {
            Some(keep) if self.first.is_some_and(|first| first <= keep) => {
                self.terms.term_at(keep).map(|term| log_id(term, keep))
            }
            _ => self.purged.map(|purged| purged.log_id.into()),
        };
        if self.first.is_some_and(|first| first >= from) {
            self.first = None;
        }
        if !planted::is(Bug::OffsetFromMemory) {
            self.next_offset = next_offset;
        }
        self.progress.truncate(from);
        let key = Family::SyncedMark.group_key(group);
        match self.progress.mark_after_truncate() {
            Some(mark) => ops.push(Op::put(key, envelope::seal(synced_mark::VERSION, &mark))),
            None => ops.push(erase_one(key)),
        }
        Ok(ops)
    }

    /// The entries up to `upto` are gone. `next_offset` is the offset after it, unless the whole
    /// log goes.
    pub(super) fn purge(
        &mut self,
        group: GroupId,
        upto: LogId,
        next_offset: Option<Offset>,
    ) -> io::Result<Vec<Op>> {
        if self.last.is_none_or(|last| last.index <= upto.index) {
            self.replace_all(group, upto)?;
        } else {
            self.tail.purge(upto.index);
            self.first = Some(self.first.unwrap_or(0).max(upto.index + 1));
        }
        let next_offset = match next_offset {
            Some(next_offset) if self.first.is_some() => next_offset,
            _ => self.next_offset,
        };
        let record = PurgedRecord { log_id: (&upto).into(), next_offset };
        self.purged = Some(record);
        self.cuts += 1;
        let mut ops = vec![Op::Purge { group, upto: upto.index }];
        let key = Family::Purged.group_key(group);
        ops.push(Op::put(key, envelope::seal(purged::VERSION, &record)));
        let first_term = self.terms.purge(upto.index);
        ops.push(erase(Family::LogTerm, group, 0, first_term));
        let first_granule = self.index.purge(upto.index);
        ops.push(erase(Family::OffsetIndex, group, 0, first_granule));
        Ok(ops)
    }

    /// A snapshot stands for the whole log, which goes on after it.
    fn replace_all(&mut self, group: GroupId, upto: LogId) -> io::Result<()> {
        self.next_offset = match self.primed {
            _ if self.last == Some(upto) => self.next_offset,
            Some(primed) if primed.log_id == upto => primed.next_offset,
            _ => {
                let what = format!("group {group}: no snapshot says where it goes on after {upto}");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
            }
        };
        self.tail.purge(u64::MAX);
        self.terms.clear();
        self.first = None;
        self.last = Some(upto);
        self.progress.purge_all(upto.index);
        Ok(())
    }
}

/// The change that stores a closed granule.
pub(super) fn store_granule(group: GroupId, granule: &offset_index::Granule) -> Op {
    let key = Family::OffsetIndex.indexed_key(group, granule.first_index);
    Op::put(key, envelope::seal(offset_index::VERSION, granule))
}

/// The change that stores where a term begins.
pub(super) fn store_term(group: GroupId, first: u64, term: u64) -> Op {
    let key = Family::LogTerm.indexed_key(group, first);
    Op::put(key, envelope::seal(log_term::VERSION, &term))
}

/// The change that stores producers and keys.
pub(crate) fn store_producers(group: GroupId, record: &ProducersRecord) -> Op {
    Op::put(Family::Producers.group_key(group), envelope::seal(producers::VERSION, record))
}

fn erase(family: Family, group: GroupId, from: u64, to: u64) -> Op {
    let to = match to {
        u64::MAX => family.group_range(group).1,
        to => family.indexed_key(group, to),
    };
    Op::Erase { from: family.indexed_key(group, from), to }
}

pub(crate) fn erase_one(key: Vec<u8>) -> Op {
    let mut to = key.clone();
    to.push(0);
    Op::Erase { from: key, to }
}

/// A stored fact of a group, checked.
pub(super) fn stored_fact<T: serde::de::DeserializeOwned>(
    engine: &dyn Engine,
    key: &[u8],
    version: u8,
) -> io::Result<Option<T>> {
    let Some(bytes): Option<Bytes> = engine.fact(key)? else {
        return Ok(None);
    };
    Ok(Some(envelope::open(version, &bytes)?))
}
