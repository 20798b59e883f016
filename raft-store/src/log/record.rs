//! One entry of a log as it lies in memory: what openraft sees, and where its records are.

use std::io;

use bytes::Bytes;
use rampart_api::model::ids::{GroupId, Offset};
use rampart_api::model::record_batch;

use crate::engine::Op;
use crate::format::log_id::{log_id, term_of};
use crate::format::once::once_batches;
use crate::format::{
    ENTRY_HEADER_BYTES, EntryHeader, FormatError, decode_entry_payload, encode_entry_payload,
};
use crate::type_config::{Entry, EntryPayload, LogId, ProposalKind};

/// An entry and its place among the partition's offsets.
#[derive(Debug, Clone)]
pub(crate) struct LogRecord {
    pub(crate) log_id: LogId,
    pub(crate) base_offset: Offset,
    pub(crate) records: u32,
    pub(crate) payload: EntryPayload,
    /// What it occupies on disk.
    pub(crate) bytes: usize,
}

impl LogRecord {
    /// Takes a stored entry apart and checks it.
    pub(crate) fn decode(group: GroupId, index: u64, stored: &Bytes) -> Result<Self, FormatError> {
        let (header, payload) = EntryHeader::decode(group, stored)?;
        if header.index != index {
            let reason = format!("entry {} under the key of {index}", header.index);
            return Err(FormatError::Malformed { reason });
        }
        Ok(LogRecord {
            log_id: log_id(header.term, header.index),
            base_offset: header.base_offset,
            records: header.records,
            payload: decode_entry_payload(header.kind, payload)?,
            bytes: stored.len(),
        })
    }

    /// The change that stores it, and its size on disk.
    pub(crate) fn store(&mut self, group: GroupId) -> Op {
        let (kind, payload) = encode_entry_payload(&self.payload);
        let header = EntryHeader {
            kind,
            term: term_of(&self.log_id),
            index: self.log_id.index,
            base_offset: self.base_offset,
            records: self.records,
        };
        self.bytes = ENTRY_HEADER_BYTES + payload.len();
        let header = Bytes::copy_from_slice(&header.encode(group, &payload));
        Op::Append { group, index: self.log_id.index, header, payload }
    }

    pub(crate) fn index(&self) -> u64 {
        self.log_id.index
    }

    /// Offset of the first record after this entry.
    pub(crate) fn next_offset(&self) -> Offset {
        Offset(self.base_offset.0 + u64::from(self.records))
    }

    /// The record batches, or nothing if the entry is not data.
    pub(crate) fn batches(&self) -> io::Result<Option<Bytes>> {
        let EntryPayload::Normal(proposal) = &self.payload else {
            return Ok(None);
        };
        match proposal.kind {
            ProposalKind::Batches => Ok(Some(proposal.body.clone())),
            ProposalKind::OnceBatches => Ok(Some(once_batches(&proposal.body)?)),
            ProposalKind::Partition | ProposalKind::Metadata | ProposalKind::Groups => Ok(None),
        }
    }

    /// Greatest timestamp of a record, `i64::MIN` without records.
    pub(crate) fn max_timestamp(&self) -> io::Result<i64> {
        let Some(body) = self.batches()? else {
            return Ok(i64::MIN);
        };
        let batches = record_batch::split(&body).map_err(io::Error::other)?;
        Ok(batches.iter().map(|(header, _)| header.max_timestamp).max().unwrap_or(i64::MIN))
    }

    pub(crate) fn to_entry(&self) -> Entry {
        Entry { log_id: self.log_id, payload: self.payload.clone() }
    }
}
