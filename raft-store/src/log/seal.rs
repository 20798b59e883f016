//! Whether a log is sealed as of its end. Whoever leads decides by the log's prefix, when it appends:
//! an entry of data behind the seal is kept without its records, and their senders are told that
//! nothing was written. Everybody else must find no record there, or stops.
//! Enforces INV-21.

use std::io;

use bytes::Bytes;
use rampart_api::model::ids::Offset;

use super::once::{Appender, Judged, LogProducers};
use super::record::LogRecord;
use crate::state::partition::{PartitionCommand, Sealed};
use crate::type_config::{EntryPayload, LogId, Proposal, ProposalKind};

/// The seal of one log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LogSeal {
    sealed: Option<Sealed>,
}

impl LogSeal {
    /// Starts from what is applied.
    pub(super) fn new(applied: Option<Sealed>) -> Self {
        LogSeal { sealed: applied }
    }

    /// Where the log ends for good, if it does.
    pub(super) fn at(&self) -> Option<Offset> {
        self.sealed.map(|sealed| sealed.at)
    }

    /// An entry is in the log. What can't be read as a command is refused when it is applied.
    pub(super) fn note(&mut self, record: &LogRecord) {
        let EntryPayload::Normal(proposal) = &record.payload else { return };
        if self.sealed.is_none()
            && proposal.kind == ProposalKind::Partition
            && let Ok(PartitionCommand::Seal) = PartitionCommand::decode(&proposal.body)
        {
            self.sealed = Some(Sealed { index: record.index(), at: record.base_offset });
        }
    }

    /// The entries from this index on are gone.
    pub(super) fn truncate(&mut self, from: u64) {
        self.sealed = self.sealed.filter(|sealed| sealed.index < from);
    }

    /// A snapshot stands for everything up to `last`; a seal behind that is still in the log.
    pub(super) fn install(&mut self, of_snapshot: Option<Sealed>, last: Option<u64>) {
        let behind = self.sealed.filter(|sealed| Some(sealed.index) > last);
        self.sealed = of_snapshot.or(behind);
    }
}

/// An entry of data that comes behind the seal, as it is put into the log.
pub(super) fn behind_seal(
    log_id: &LogId,
    proposal: &mut Proposal,
    by: Appender,
    producers: &mut LogProducers,
) -> io::Result<Judged> {
    let body = std::mem::take(&mut proposal.body);
    if proposal.kind == ProposalKind::OnceBatches {
        return producers.append_sealed(log_id, &body, by);
    }
    if by == Appender::Other && !body.is_empty() {
        return Err(has_records(log_id));
    }
    Ok(Judged { body: Bytes::new(), start: 0, verdicts: None })
}

/// The replica must stop: its log is not that of the others.
pub(super) fn has_records(log_id: &LogId) -> io::Error {
    let what = format!("INV-21: entry {log_id} has records behind the seal of its partition");
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::log_id::log_id;

    fn record(index: u64, command: &PartitionCommand) -> LogRecord {
        let payload = EntryPayload::Normal(command.proposal());
        let base_offset = Offset(10 * index);
        LogRecord { log_id: log_id(1, index), base_offset, records: 0, payload, bytes: 0 }
    }

    #[test]
    fn the_first_seal_counts_until_it_is_cut_off() {
        let mut seal = LogSeal::default();
        seal.note(&record(3, &PartitionCommand::TrimTo { offset: Offset(1) }));
        assert_eq!(seal.at(), None);
        seal.note(&record(4, &PartitionCommand::Seal));
        seal.note(&record(6, &PartitionCommand::Seal));
        assert_eq!(seal.at(), Some(Offset(40)));
        seal.truncate(5);
        assert_eq!(seal.at(), Some(Offset(40)), "the second one only is gone");
        seal.truncate(4);
        assert_eq!(seal.at(), None);
    }

    #[test]
    fn a_snapshot_brings_its_seal_and_leaves_one_behind_it() {
        let sealed = |index| Some(Sealed { index, at: Offset(7) });
        let after = |seal, of_snapshot, last| {
            let mut seal = LogSeal::new(seal);
            seal.install(of_snapshot, Some(last));
            seal.sealed
        };
        assert_eq!(after(None, sealed(4), 9), sealed(4));
        assert_eq!(after(sealed(12), None, 9), sealed(12));
        assert_eq!(after(sealed(8), None, 9), None, "it was never committed");
        assert_eq!(after(sealed(8), sealed(4), 9), sealed(4));
    }
}
