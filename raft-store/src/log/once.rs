//! What a log knows of producers and keys: as of its end, for whoever appends, and as of what is
//! applied, to which a truncation goes back and which a snapshot carries. Between the two lie the
//! few entries that are not applied yet, as far as they matter here.
//! Enforces INV-07: a leader that appends takes a batch out of the entry that is not the next one of
//! its producer, and everybody else must find them all next, or stops.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rampart_api::model::ids::Offset;
use rampart_api::model::once::OnceTag;
use rampart_api::model::record_batch::{self, BatchHeader};

use super::seal::has_records;
use crate::format::log_id::term_of;
use crate::format::once::OnceHead;
use crate::planted::{self, Bug};
use crate::state::partition::ProducerStates;
use crate::state::partition::producers::{OnceBatch, Verdict, Written};
use crate::type_config::LogId;

/// Who puts an entry into the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appender {
    /// The leader that proposed it: it decides.
    Leader,
    /// A follower, or a log that is read again: it is decided.
    Other,
}

/// Producers and keys of one log.
#[derive(Debug, Default)]
pub(super) struct LogProducers {
    applied: ProducerStates,
    end: ProducerStates,
    unapplied: VecDeque<OnceEntry>,
    /// What was last written of `applied`.
    stored: u64,
}

/// What an entry of the log says to the states.
#[derive(Debug)]
struct OnceEntry {
    index: u64,
    append_ms: i64,
    written: Vec<(OnceBatch, Written)>,
}

/// An entry that was judged.
pub(super) struct Judged {
    /// What is put into the log.
    pub(super) body: Bytes,
    /// Where its batches begin.
    pub(super) start: usize,
    /// What became of each batch that is to be written once, in order, unless all were written.
    pub(super) verdicts: Option<Arc<[Verdict]>>,
}

impl LogProducers {
    /// Starts from what was stored.
    pub(super) fn new(applied: ProducerStates) -> Self {
        let (end, stored) = (applied.clone(), applied.next_index());
        LogProducers { applied, end, unapplied: VecDeque::new(), stored }
    }

    /// As of the log's end.
    pub(super) fn end(&self) -> &ProducerStates {
        &self.end
    }

    /// As of the last applied entry.
    pub(super) fn applied(&self) -> &ProducerStates {
        &self.applied
    }

    /// Whether `applied` was changed since it was last written; then it counts as written.
    pub(super) fn take_changed(&mut self) -> Option<&ProducerStates> {
        let is_new = self.applied.next_index() != self.stored;
        self.stored = self.applied.next_index();
        is_new.then_some(&self.applied)
    }

    /// An entry is appended whose first record gets `base`.
    pub(super) fn append(
        &mut self,
        log_id: &LogId,
        base: Offset,
        body: Bytes,
        by: Appender,
    ) -> io::Result<Judged> {
        let (head, start) = OnceHead::decode(&body)?;
        if !self.end.enter(log_id.index, head.append_ms) {
            return Ok(Judged { body, start, verdicts: None });
        }
        let batches = record_batch::split(&body.slice(start..)).map_err(io::Error::other)?;
        let mut entry = Judging::new(&head, base);
        for (number, (header, _)) in (0u32..).zip(&batches) {
            entry.judge(&mut self.end, number, header, term_of(log_id));
        }
        let Judging { verdicts, written, .. } = entry;
        self.unapplied.push_back(OnceEntry {
            index: log_id.index,
            append_ms: head.append_ms,
            written,
        });
        if verdicts.iter().all(|verdict| *verdict == Verdict::New) {
            return Ok(Judged { body, start, verdicts: None });
        }
        if by == Appender::Other {
            let what =
                format!("INV-07: entry {log_id} has batches that are not next: {verdicts:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let (body, start) = without_refused(&head, &batches, &verdicts);
        Ok(Judged { body, start, verdicts: Some(verdicts.into()) })
    }

    /// An entry is appended behind the seal (INV-21): nothing of it is written. Its leader says all
    /// the same what each batch is, since one that was written before keeps its offset.
    pub(super) fn append_sealed(
        &mut self,
        log_id: &LogId,
        body: &Bytes,
        by: Appender,
    ) -> io::Result<Judged> {
        let (head, start) = OnceHead::decode(body)?;
        let batches = record_batch::split(&body.slice(start..)).map_err(io::Error::other)?;
        if by == Appender::Other && !batches.is_empty() {
            return Err(has_records(log_id));
        }
        if self.end.enter(log_id.index, head.append_ms) {
            let (index, append_ms) = (log_id.index, head.append_ms);
            self.unapplied.push_back(OnceEntry { index, append_ms, written: Vec::new() });
        }
        let header = |number: u32| batches.get(number as usize).map(|(header, _)| header);
        let tagged = head.tags.iter().filter_map(|(number, tag)| Some((header(*number)?, tag)));
        let verdict = |(header, tag)| self.end.check(&OnceBatch::new(header, tag), head.append_ms);
        let verdicts: Arc<[Verdict]> = tagged.map(verdict).collect();
        let body = OnceHead { append_ms: head.append_ms, tags: Vec::new() }.begin(0).freeze();
        Ok(Judged { start: body.len(), body, verdicts: Some(verdicts) })
    }

    /// Everything up to an entry is applied.
    pub(super) fn apply(&mut self, index: u64) {
        while self.unapplied.front().is_some_and(|entry| entry.index <= index) {
            let entry = self.unapplied.pop_front();
            entry.iter().for_each(|entry| entry.apply_to(&mut self.applied));
        }
    }

    /// The entries from this index on are gone.
    pub(super) fn truncate(&mut self, from: u64) {
        if self.unapplied.back().is_some_and(|last| last.index >= from) {
            self.unapplied.retain(|entry| entry.index < from);
            self.read_again();
        }
    }

    /// A snapshot stands for everything up to what it contains.
    pub(super) fn install(&mut self, applied: ProducerStates) {
        self.unapplied.retain(|entry| entry.index >= applied.next_index());
        self.stored = applied.next_index();
        self.applied = applied;
        self.read_again();
    }

    fn read_again(&mut self) {
        self.end = self.applied.clone();
        for entry in &self.unapplied {
            entry.apply_to(&mut self.end);
        }
    }
}

impl OnceEntry {
    fn apply_to(&self, states: &mut ProducerStates) {
        if states.enter(self.index, self.append_ms) {
            for (batch, written) in &self.written {
                states.note(batch, *written);
            }
        }
    }
}

/// An entry that is gone through.
struct Judging<'a> {
    tags: std::slice::Iter<'a, (u32, OnceTag)>,
    append_ms: i64,
    next_offset: Offset,
    verdicts: Vec<Verdict>,
    written: Vec<(OnceBatch, Written)>,
}

impl<'a> Judging<'a> {
    fn new(head: &'a OnceHead, next_offset: Offset) -> Self {
        let (tags, append_ms) = (head.tags.iter(), head.append_ms);
        let (verdicts, written) = (Vec::with_capacity(head.tags.len()), Vec::new());
        Judging { tags, append_ms, next_offset, verdicts, written }
    }

    fn judge(&mut self, states: &mut ProducerStates, number: u32, header: &BatchHeader, term: u64) {
        let records = header.record_count.unsigned_abs();
        let tag = self.tags.as_slice().first().filter(|(tagged, _)| *tagged == number);
        if let Some((_, tag)) = tag {
            self.tags.next();
            let batch = OnceBatch::new(header, tag);
            let verdict = planted(states.check(&batch, self.append_ms), term);
            self.verdicts.push(verdict);
            if verdict != Verdict::New {
                return;
            }
            let written = Written { term, base_offset: self.next_offset };
            states.note(&batch, written);
            self.written.push((batch, written));
        }
        self.next_offset = Offset(self.next_offset.0 + u64::from(records));
    }
}

/// With a bug planted, what a leader before wrote counts as new.
fn planted(verdict: Verdict, term: u64) -> Verdict {
    match verdict {
        Verdict::Duplicate(original)
            if planted::is(Bug::DuplicateAfterFailover) && original.term != term =>
        {
            Verdict::New
        }
        verdict => verdict,
    }
}

/// The entry without the batches that are not written, and where those that are begin.
fn without_refused(
    head: &OnceHead,
    batches: &[(BatchHeader, Bytes)],
    verdicts: &[Verdict],
) -> (Bytes, usize) {
    let (mut kept, mut left) = (OnceHead { append_ms: head.append_ms, tags: Vec::new() }, 0u32);
    let mut tagged = head.tags.iter().zip(verdicts).peekable();
    let mut bytes = BytesMut::new();
    for (number, (_, batch)) in (0u32..).zip(batches) {
        match tagged.next_if(|((tagged, _), _)| *tagged == number) {
            Some((_, verdict)) if *verdict != Verdict::New => continue,
            Some(((_, tag), _)) => kept.tags.push((left, *tag)),
            None => {}
        }
        left += 1;
        bytes.extend_from_slice(batch);
    }
    let mut body = kept.begin(bytes.len());
    let start = body.len();
    body.unsplit(bytes);
    (body.freeze(), start)
}
