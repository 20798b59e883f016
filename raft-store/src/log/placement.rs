//! Gives records their offsets (INV-02). A batch keeps its base offset and leader epoch outside
//! its checksum, so both are patched in place; the rest is stored as it came.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rampart_api::model::ids::Offset;
use rampart_api::model::record_batch::{self, BatchHeader};

use super::once::{Appender, LogProducers};
use super::record::LogRecord;
use super::seal::{LogSeal, behind_seal};
use crate::format::log_id::term_of;
use crate::state::partition::producers::Verdict;
use crate::ticket::Ticket;
use crate::type_config::{Entry, EntryPayload, ProposalKind};

/// An entry with its offsets, and whoever waits for it.
pub(super) struct Placed {
    pub(super) record: LogRecord,
    pub(super) max_timestamp: i64,
    pub(super) ticket: Option<Arc<Ticket>>,
    /// See `AppendPosition`.
    pub(super) verdicts: Option<Arc<[Verdict]>>,
    /// Likewise.
    pub(super) sealed_at: Option<Offset>,
}

/// Places an entry whose first record, if any, gets `next_offset`.
pub(super) fn place(
    entry: Entry,
    next_offset: Offset,
    producers: &mut LogProducers,
    seal: &LogSeal,
) -> io::Result<Placed> {
    let Entry { log_id, mut payload } = entry;
    let (mut records, mut max_timestamp, mut ticket, mut verdicts) = (0, i64::MIN, None, None);
    let mut sealed_at = None;
    if let EntryPayload::Normal(proposal) = &mut payload {
        ticket = proposal.ticket.take();
        // Kafka's leader epoch is 32 bits wide; terms stay far below.
        let epoch = i32::try_from(term_of(&log_id)).unwrap_or(i32::MAX);
        let by = if ticket.is_some() { Appender::Leader } else { Appender::Other };
        let mut start = 0;
        sealed_at = seal.at().filter(|_| proposal.kind.is_data());
        if sealed_at.is_some() {
            let judged = behind_seal(&log_id, proposal, by, producers)?;
            (proposal.body, start, verdicts) = (judged.body, judged.start, judged.verdicts);
        } else if proposal.kind == ProposalKind::OnceBatches {
            let body = std::mem::take(&mut proposal.body);
            let judged = producers.append(&log_id, next_offset, body, by)?;
            (proposal.body, start, verdicts) = (judged.body, judged.start, judged.verdicts);
        }
        if proposal.kind.is_data() {
            let body = std::mem::take(&mut proposal.body);
            let numbered = number(body, start, next_offset, epoch)?;
            (proposal.body, records, max_timestamp) =
                (numbered.body, numbered.records, numbered.max_timestamp);
        }
    }
    let record = LogRecord { log_id, base_offset: next_offset, records, payload, bytes: 0 };
    Ok(Placed { record, max_timestamp, ticket, verdicts, sealed_at })
}

struct Numbered {
    body: Bytes,
    records: u32,
    max_timestamp: i64,
}

/// Numbers the batches that begin at `start`.
fn number(body: Bytes, start: usize, base: Offset, epoch: i32) -> io::Result<Numbered> {
    let mut numbered = Numbered { body: Bytes::new(), records: 0, max_timestamp: i64::MIN };
    let mut patches = Vec::new();
    let mut at = start;
    let mut offset = i64::try_from(base.0).map_err(io::Error::other)?;
    while at < body.len() {
        let header = BatchHeader::parse(&body[at..]).map_err(invalid)?;
        let end = at + header.size();
        if end > body.len() || header.record_count < 0 {
            return Err(invalid(format!(
                "a batch of {} bytes at {at} of {}",
                end - at,
                body.len()
            )));
        }
        if header.base_offset != offset || header.leader_epoch != epoch {
            patches.push((at, end, offset));
        }
        offset += i64::from(header.record_count);
        let records = numbered.records.checked_add(header.record_count.unsigned_abs());
        numbered.records = records.ok_or_else(|| invalid("more records than 32 bits count"))?;
        numbered.max_timestamp = numbered.max_timestamp.max(header.max_timestamp);
        at = end;
    }
    numbered.body = patch(body, &patches, epoch);
    Ok(numbered)
}

fn patch(body: Bytes, patches: &[(usize, usize, i64)], epoch: i32) -> Bytes {
    if patches.is_empty() {
        return body;
    }
    // Copied only where somebody else holds the same bytes.
    let mut body = body.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    for (from, to, offset) in patches {
        record_batch::patch(&mut body[*from..*to], *offset, epoch);
    }
    body.freeze()
}

fn invalid(reason: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("proposed record batch: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::log_id::log_id;
    use crate::test_data::batch;
    use crate::type_config::Proposal;

    fn placed(body: Bytes, offset: u64) -> Placed {
        let proposal = Proposal { kind: ProposalKind::Batches, body, ticket: None };
        let entry = Entry { log_id: log_id(7, 1), payload: EntryPayload::Normal(proposal) };
        place(entry, Offset(offset), &mut LogProducers::default(), &LogSeal::default()).unwrap()
    }

    #[test]
    fn batches_of_one_entry_are_numbered_one_after_the_other() {
        let body: Bytes = [batch(3, 10), batch(2, 20)].concat().into();
        let placed = placed(body, 100);
        assert_eq!((placed.record.records, placed.max_timestamp), (5, 20));
        let batches = record_batch::split(&placed.record.batches().unwrap().unwrap()).unwrap();
        let places: Vec<_> = batches.iter().map(|(h, _)| (h.base_offset, h.leader_epoch)).collect();
        assert_eq!(places, [(100, 7), (103, 7)]);
        for (_, batch) in batches {
            record_batch::validate(&batch).unwrap();
        }
    }

    #[test]
    fn a_placed_batch_is_not_touched_again() {
        let first = placed(batch(3, 0), 5);
        let body = first.record.batches().unwrap().unwrap();
        let again = placed(body.clone(), 5);
        assert_eq!(again.record.batches().unwrap().unwrap().as_ptr(), body.as_ptr());
    }

    #[test]
    fn a_torn_batch_is_refused() {
        let whole = batch(3, 0);
        let proposal = Proposal {
            kind: ProposalKind::Batches,
            body: whole.slice(..whole.len() - 1),
            ticket: None,
        };
        let entry = Entry { log_id: log_id(7, 1), payload: EntryPayload::Normal(proposal) };
        let placed = place(entry, Offset(0), &mut LogProducers::default(), &LogSeal::default());
        assert!(placed.is_err());
    }
}
