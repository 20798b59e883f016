//! Rebuilds a group's log from the disk. Only the entries behind the last closed granule are read;
//! they are checked one by one. A hole or damage above what is known to have been synced is a torn
//! tail, never acknowledged: it is cut with a warning. Below, it was acknowledged: the replica is
//! refused. Known to have been synced is what the mark says, what was committed, and what was
//! applied: all three are written behind the entries they name. Where a write is never half done
//! there is no torn tail, and every bad entry refuses the replica.
//! Enforces INV-18.

use std::collections::VecDeque;
use std::sync::Arc;

use rampart_api::model::ids::{GroupId, Offset};

use super::group_log::{
    DamagedGroups, GroupLog, Inner, erase_one, store_granule, store_term, stored_fact,
};
use super::offset_index::OffsetIndex;
use super::once::{Appender, LogProducers};
use super::reader::READ_BYTES_MAX;
use super::record::LogRecord;
use super::seal::LogSeal;
use super::sync_progress::SyncProgress;
use super::tail::{Tail, TailBudget};
use super::terms::TermTable;
use crate::engine::{Engine, Op};
use crate::error::OpenGroupError;
use crate::format::envelope;
use crate::format::log_id::{StoredLogId, log_id, term_of};
use crate::keys::applied::AppliedRecord;
use crate::keys::group::GroupKind;
use crate::keys::offset_index::Granule;
use crate::keys::purged::PurgedRecord;
use crate::keys::snapshot::{self, SnapshotMetaRecord};
use crate::keys::vote::VoteRecord;
use crate::keys::{
    Family, committed, log_term, node_record, offset_index, producers, purged, registry,
    synced_mark, vote,
};
use crate::planted::{self, Bug};
use crate::state::partition::{ProducersRecord, Sealed};
use crate::type_config::{EntryPayload, LogId, ProposalKind, Vote};

/// What the disk says about a log before its entries are looked at.
struct Found {
    vote: Option<Vote>,
    committed: Option<LogId>,
    purged: Option<PurgedRecord>,
    mark: Option<u64>,
    applied: Option<u64>,
    sealed: Option<Sealed>,
    snapshot: Option<u64>,
    bounds: Option<(u64, u64)>,
    terms: Vec<(u64, u64)>,
    granules: VecDeque<Granule>,
}

/// Opens a group's log. Blocks.
pub(crate) fn open(
    engine: &Arc<dyn Engine>,
    (group, kind): (GroupId, GroupKind),
    budget: &Arc<TailBudget>,
    damaged: &DamagedGroups,
) -> Result<GroupLog, OpenGroupError> {
    check_damaged_entry(&**engine, group)?;
    if planted::is(Bug::LostOnRestart) && group != GroupId::METADATA {
        cut_unapplied(&**engine, group).map_err(|error| OpenGroupError::read(group, error))?;
    }
    let mut found =
        Found::read(&**engine, group).map_err(|error| OpenGroupError::read(group, error))?;
    let (applied, sealed) = (found.applied, found.sealed);
    let stale = found.drop_stale_granules();
    let checked = CheckedTail::read(&**engine, group, &found)?;
    if let Some(index) = checked.cut_at {
        let what = checked.torn.as_deref().unwrap_or_default();
        tracing::warn!(%group, index, what, "log has a torn tail, never acknowledged: cut");
    }
    if let Some(cut_at) = checked.cut_at.or(stale.and(checked.end)) {
        let granules_from = stale.unwrap_or(cut_at).min(cut_at);
        cut(&**engine, group, cut_at, granules_from)
            .map_err(|error| OpenGroupError::read(group, error))?;
    }
    let (mut inner, mended) = found.into_inner(checked, group, budget);
    if kind == GroupKind::Partition {
        inner.seal = LogSeal::new(sealed);
        read_unapplied(&**engine, group, &mut inner, applied)?;
    }
    if !mended.is_empty() {
        engine.write_now(mended).map_err(|error| OpenGroupError::read(group, error))?;
    }
    Ok(GroupLog::new(group, engine.clone(), inner, damaged.clone()))
}

/// An entry that was found damaged while the replica ran is looked at again: opening reads only the
/// end of the log. What reads right now, or has been purged, is no damage.
fn check_damaged_entry(engine: &dyn Engine, group: GroupId) -> Result<(), OpenGroupError> {
    let read_error = |error| OpenGroupError::read(group, error);
    let key = node_record::damaged_entry(group);
    let Some(fact) = engine.fact(&key).map_err(read_error)? else { return Ok(()) };
    let index = fact.first_chunk().map_or(0, |index| u64::from_be_bytes(*index));
    let key_of_purged = Family::Purged.group_key(group);
    let purged: Option<PurgedRecord> =
        stored_fact(engine, &key_of_purged, purged::VERSION).map_err(read_error)?;
    if purged.is_none_or(|purged| purged.log_id.index < index) {
        let stored = engine.entries(group, index, index + 1, 1).map_err(read_error)?;
        let what = match stored.first() {
            Some((_, bytes)) => LogRecord::decode(group, index, bytes).err().map(|e| e.to_string()),
            None => Some("it is missing".to_owned()),
        };
        if let Some(what) = what {
            let what = format!("an entry that was synced, found when it was read: {what}");
            return Err(OpenGroupError::Damaged { group, index: Some(index), what });
        }
    }
    tracing::warn!(%group, index, "an entry that was found damaged reads right or is purged");
    engine.write_now(vec![erase_one(key)]).map_err(read_error)
}

impl Found {
    fn read(engine: &dyn Engine, group: GroupId) -> std::io::Result<Found> {
        let key = |family: Family| family.group_key(group);
        let vote: Option<VoteRecord> = stored_fact(engine, &key(Family::Vote), vote::VERSION)?;
        let committed: Option<StoredLogId> =
            stored_fact(engine, &key(Family::Committed), committed::VERSION)?;
        let applied = engine.fact(&key(Family::Applied))?;
        let applied = applied.map(|bytes| AppliedRecord::decode(&bytes)).transpose()?;
        let sealed = applied.as_ref().and_then(|applied| applied.state.sealed);
        let snapshot = stored_fact(engine, &key(Family::SnapshotMeta), snapshot::VERSION)?;
        let (from, to) = Family::LogTerm.group_range(group);
        let mut terms = Vec::new();
        for (key, value) in engine.facts(&from, &to)? {
            let index = registry::parse(&key).and_then(|(_, index)| index).unwrap_or(0);
            terms.push((index, envelope::open(log_term::VERSION, &value)?));
        }
        let (from, to) = Family::OffsetIndex.group_range(group);
        let mut granules = VecDeque::new();
        for (_, value) in engine.facts(&from, &to)? {
            granules.push_back(envelope::open(offset_index::VERSION, &value)?);
        }
        Ok(Found {
            vote: vote.map(Vote::from),
            committed: committed.map(LogId::from),
            purged: stored_fact(engine, &key(Family::Purged), purged::VERSION)?,
            mark: stored_fact(engine, &key(Family::SyncedMark), synced_mark::VERSION)?,
            applied: applied.and_then(|applied| applied.log_id).map(|log_id| log_id.index),
            sealed,
            snapshot: snapshot
                .and_then(|snapshot: SnapshotMetaRecord| snapshot.last_log_id)
                .map(|log_id| log_id.index),
            bounds: engine.log_bounds(group)?,
            terms,
            granules,
        })
    }

    /// Forgets granules that reach beyond the stored entries; answers where the first began.
    fn drop_stale_granules(&mut self) -> Option<u64> {
        let stored_last = self.bounds.map(|(_, last)| last);
        let mut first = None;
        while let Some(last) = self.granules.back().filter(|g| Some(g.last_index) > stored_last) {
            first = Some(last.first_index);
            self.granules.pop_back();
        }
        first
    }

    /// First index that the log must have, if it has any entries: after what was purged, or where
    /// its first term begins.
    fn first_expected(&self) -> Option<u64> {
        match &self.purged {
            Some(purged) => Some(purged.log_id.index + 1),
            None => self.terms.first().map(|(first, _)| *first),
        }
    }

    /// Last index that must be there: synced, and neither purged nor replaced by a snapshot. What
    /// was applied up to an installed snapshot never was in this log.
    fn acknowledged(&self) -> Option<u64> {
        if planted::is(Bug::LostOnRestart) {
            return None;
        }
        let committed = self.committed.map(|committed| committed.index);
        let synced = self.mark.max(committed).max(self.applied)?;
        let replaced = self.purged.map(|purged| purged.log_id.index).max(self.snapshot);
        Some(synced).filter(|synced| replaced.is_none_or(|replaced| *synced > replaced))
    }

    /// The log, and what its end has and the disk lacks: a tear may take a granule, or where a term
    /// begins, and leave the entries. Unless they are stored, the next start has a gap where they
    /// were.
    fn into_inner(
        self,
        checked: CheckedTail,
        group: GroupId,
        budget: &Arc<TailBudget>,
    ) -> (Inner, Vec<Op>) {
        let mut terms = {
            let mut terms = TermTable::new(self.terms);
            if let Some(cut_at) = checked.cut_at {
                terms.truncate(cut_at);
            }
            terms
        };
        let mut index = OffsetIndex::new(self.granules);
        let purged_offset = self.purged.map_or(Offset(0), |purged| purged.next_offset);
        let next_offset = match (checked.records.last(), index.iter().next_back()) {
            (Some(last), _) => last.next_offset(),
            (None, Some(last)) => last.next_offset,
            (None, None) => purged_offset,
        };
        let mut tail = Tail::new(budget.clone());
        let mut mended = Vec::new();
        for (record, max_timestamp) in checked.records.into_iter().zip(checked.max_timestamps) {
            let (at, term) = (record.index(), term_of(&record.log_id));
            if terms.term_at(at) != Some(term) {
                terms.truncate(at);
                terms.append(at, term);
                mended.push(store_term(group, at, term));
            }
            let closed = index.append(&record, max_timestamp);
            mended.extend(closed.map(|granule| store_granule(group, &granule)));
            tail.push(record);
        }
        let last = checked.last.and_then(|last| Some(log_id(terms.term_at(last)?, last)));
        let last = last.or(self.purged.map(|purged| purged.log_id.into()));
        let inner = Inner {
            vote: self.vote,
            // Written without a sync of its own: it may name entries that a torn tail lost.
            committed: self.committed.min(last),
            first: checked.last.and(self.purged.map(|p| p.log_id.index + 1).or(checked.first)),
            last,
            purged: self.purged,
            next_offset,
            terms,
            tail,
            index,
            producers: LogProducers::default(),
            seal: LogSeal::default(),
            progress: SyncProgress::new(checked.last),
            primed: None,
            committed_is_new: false,
            cuts: 0,
        };
        (inner, mended)
    }
}

/// The entries behind the last closed granule, read and checked.
#[derive(Default)]
struct CheckedTail {
    records: Vec<LogRecord>,
    max_timestamps: Vec<i64>,
    first: Option<u64>,
    last: Option<u64>,
    /// Index after the last good entry.
    end: Option<u64>,
    /// First index of a torn tail, and what is wrong there.
    cut_at: Option<u64>,
    torn: Option<String>,
}

impl CheckedTail {
    fn read(
        engine: &dyn Engine,
        group: GroupId,
        found: &Found,
    ) -> Result<CheckedTail, OpenGroupError> {
        let damaged = |index: u64, what: &str| OpenGroupError::Damaged {
            group,
            index: Some(index),
            what: what.to_owned(),
        };
        let Some((stored_first, stored_last)) = found.bounds else {
            return match found.acknowledged() {
                Some(mark) => Err(damaged(mark, "the entry was synced and is missing")),
                None => Ok(CheckedTail::default()),
            };
        };
        let first = found.first_expected().unwrap_or(stored_first);
        let indexed_to = found.granules.back().map(|granule| granule.last_index + 1);
        let from = indexed_to.unwrap_or(first).max(first);
        let mut checked = CheckedTail { first: Some(first), ..CheckedTail::default() };
        checked.last = from.checked_sub(1).filter(|last| *last >= first);
        let bad = checked.scan(engine, group, from, stored_last)?;
        let end = checked.last.map_or(first, |last| last + 1);
        if let Some(mark) = found.acknowledged()
            && mark >= end
        {
            let what = bad.as_deref().unwrap_or("it is missing");
            return Err(damaged(end, &format!("an entry that was synced: {what}")));
        }
        if let Some(what) = bad.as_deref().filter(|_| !engine.can_tear()) {
            return Err(damaged(end, what));
        }
        checked.torn = bad;
        checked.end = Some(end);
        if stored_last >= end {
            checked.cut_at = Some(end);
        }
        Ok(checked)
    }

    /// Takes entries up to the first that is missing or damaged, and says what is wrong with that
    /// one.
    fn scan(
        &mut self,
        engine: &dyn Engine,
        group: GroupId,
        from: u64,
        last: u64,
    ) -> Result<Option<String>, OpenGroupError> {
        let mut next = from;
        while next <= last {
            let stored = engine
                .entries(group, next, last + 1, READ_BYTES_MAX)
                .map_err(|error| OpenGroupError::read(group, error))?;
            if stored.is_empty() {
                return Ok(Some(format!("entry {next} is missing")));
            }
            for (index, bytes) in stored {
                if index != next {
                    return Ok(Some(format!("entry {next} is missing")));
                }
                let record = match LogRecord::decode(group, index, &bytes) {
                    Ok(record) => record,
                    Err(newer) if newer.is_newer() => {
                        let (index, what) = (Some(index), newer.to_string());
                        return Err(OpenGroupError::Newer { group, index, what });
                    }
                    Err(damage) => return Ok(Some(damage.to_string())),
                };
                let max_timestamp = match record.max_timestamp() {
                    Ok(max_timestamp) => max_timestamp,
                    Err(damage) => return Ok(Some(damage.to_string())),
                };
                self.last = Some(index);
                self.records.push(record);
                self.max_timestamps.push(max_timestamp);
                next += 1;
            }
        }
        Ok(None)
    }
}

/// Producers, keys, and the seal at the end of the log: what was stored with the applied state, and
/// the entries behind that.
fn read_unapplied(
    engine: &dyn Engine,
    group: GroupId,
    inner: &mut Inner,
    applied: Option<u64>,
) -> Result<(), OpenGroupError> {
    let read_error = |error| OpenGroupError::read(group, error);
    let key = Family::Producers.group_key(group);
    let stored: Option<ProducersRecord> =
        stored_fact(engine, &key, producers::VERSION).map_err(read_error)?;
    inner.producers = LogProducers::new(stored.unwrap_or_default().into());
    let (Some(first), Some(last)) = (inner.first, inner.last) else {
        return Ok(());
    };
    let mut next = applied.map_or(first, |applied| first.max(applied + 1));
    while next <= last.index {
        let stored =
            engine.entries(group, next, last.index + 1, READ_BYTES_MAX).map_err(read_error)?;
        if stored.first().is_none_or(|(index, _)| *index != next) {
            let what = "the entry was synced and is missing".to_owned();
            return Err(OpenGroupError::Damaged { group, index: Some(next), what });
        }
        for (index, bytes) in stored {
            let record = LogRecord::decode(group, index, &bytes).map_err(|error| {
                let what = error.to_string();
                match error.is_newer() {
                    true => OpenGroupError::Newer { group, index: Some(index), what },
                    false => OpenGroupError::Damaged { group, index: Some(index), what },
                }
            })?;
            next = index + 1;
            inner.seal.note(&record);
            if let EntryPayload::Normal(proposal) = record.payload
                && proposal.kind == ProposalKind::OnceBatches
            {
                let (log_id, base, by) = (record.log_id, record.base_offset, Appender::Other);
                let judged = match inner.seal.at() {
                    None => inner.producers.append(&log_id, base, proposal.body, by),
                    Some(_) => inner.producers.append_sealed(&log_id, &proposal.body, by),
                };
                judged.map_err(read_error)?;
            }
        }
    }
    Ok(())
}

fn cut(engine: &dyn Engine, group: GroupId, from: u64, granules_from: u64) -> std::io::Result<()> {
    let mut ops = vec![Op::Truncate { group, from }];
    for (family, from) in [(Family::LogTerm, from), (Family::OffsetIndex, granules_from)] {
        let to = family.group_range(group).1;
        ops.push(Op::Erase { from: family.indexed_key(group, from), to });
    }
    engine.write_now(ops)
}

/// The wrong line of [`Bug::LostOnRestart`].
fn cut_unapplied(engine: &dyn Engine, group: GroupId) -> std::io::Result<()> {
    let next = Found::read(engine, group)?.applied.map_or(0, |applied| applied + 1);
    cut(engine, group, next, next)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::engine::memory::{MemoryEngine, MemoryFaults};
    use crate::format::{ENTRY_HEADER_BYTES, EntryHeader};

    const GROUP: GroupId = GroupId(4);

    fn opened(ops: Vec<Op>) -> Result<GroupLog, OpenGroupError> {
        let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new(MemoryFaults::none()));
        engine.write_now(ops).unwrap();
        open(
            &engine,
            (GROUP, GroupKind::Partition),
            &TailBudget::new(1 << 20),
            &DamagedGroups::default(),
        )
    }

    /// A sound entry, but for its version or kind.
    fn entry(version: u8, kind: u8) -> Op {
        let header = EntryHeader { kind, term: 1, index: 0, base_offset: Offset(0), records: 0 };
        let mut bytes = header.encode(GROUP, &[]);
        bytes[0] = version;
        let crc_at = ENTRY_HEADER_BYTES - 4;
        let crc = envelope::crc32c(&[&GROUP.0.to_be_bytes(), &bytes[..crc_at]]);
        bytes[crc_at..].copy_from_slice(&crc.to_be_bytes());
        Op::Append {
            group: GROUP,
            index: 0,
            header: Bytes::copy_from_slice(&bytes),
            payload: Bytes::new(),
        }
    }

    /// Else the log would be said to be empty with an entry in it, or to end in an older term.
    #[test]
    fn where_a_term_begins_is_known_also_if_a_tear_took_it() {
        let engine: Arc<dyn Engine> = Arc::new(MemoryEngine::new(MemoryFaults::none()));
        engine.write_now(vec![entry(1, 0)]).unwrap();
        for _ in 0..2 {
            let log = open(
                &engine,
                (GROUP, GroupKind::Partition),
                &TailBudget::new(1 << 20),
                &DamagedGroups::default(),
            )
            .unwrap();
            assert_eq!(log.last_log_id(), Some(log_id(1, 0)));
        }
        let stored = engine.fact(&Family::LogTerm.indexed_key(GROUP, 0)).unwrap().unwrap();
        assert_eq!(envelope::open::<u64>(log_term::VERSION, &stored).unwrap(), 1);
    }

    #[test]
    fn what_a_newer_program_wrote_is_neither_cut_nor_called_damage() {
        assert!(opened(vec![entry(1, 0)]).is_ok());
        let vote = envelope::seal(vote::VERSION + 1, &0u8);
        let fact = Op::put(Family::Vote.group_key(GROUP), vote);
        for ops in [vec![entry(2, 0)], vec![entry(1, 99)], vec![fact]] {
            let error = opened(ops).unwrap_err();
            assert!(matches!(error, OpenGroupError::Newer { .. }), "{error}");
            assert!(error.to_string().contains("start that version again"), "{error}");
        }
    }
}
