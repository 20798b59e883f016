//! Which leader epoch began at which offset, as Kafka's clients ask for it after a failover.

use rampart_api::model::ids::{LeaderEpoch, Offset};
use serde::{Deserialize, Serialize};

/// Where an epoch began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochStart {
    /// The epoch: a Raft term.
    pub epoch: LeaderEpoch,
    /// Offset of its first record.
    pub start_offset: Offset,
}

/// Epochs in the order they began. Strictly growing in epoch, never falling in offset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochTable {
    epochs: Vec<EpochStart>,
}

impl EpochTable {
    /// An entry of this epoch was applied while `next_offset` was the end.
    pub fn observe(&mut self, epoch: LeaderEpoch, next_offset: Offset) {
        match self.epochs.last_mut() {
            Some(last) if last.epoch >= epoch => {}
            // The last epoch has no records: nobody can ask where they end.
            Some(last) if last.start_offset == next_offset => last.epoch = epoch,
            _ => self.epochs.push(EpochStart { epoch, start_offset: next_offset }),
        }
    }

    /// Forgets epochs whose records all lie below the log start.
    pub fn trim(&mut self, log_start: Offset) {
        let ended = self.epochs.iter().skip(1).take_while(|e| e.start_offset <= log_start).count();
        self.epochs.drain(..ended);
    }

    /// The table as it was when `epoch` was the last one.
    pub fn up_to(&self, epoch: LeaderEpoch) -> EpochTable {
        let epochs = self.epochs.iter().take_while(|e| e.epoch <= epoch).copied().collect();
        EpochTable { epochs }
    }

    /// The greatest known epoch not above `epoch`, and the offset after its last record.
    pub fn end_of(&self, epoch: LeaderEpoch, log_end: Offset) -> Option<(LeaderEpoch, Offset)> {
        let after = self.epochs.partition_point(|e| e.epoch <= epoch);
        let found = self.epochs.get(after.checked_sub(1)?)?;
        let end = self.epochs.get(after).map_or(log_end, |next| next.start_offset);
        Some((found.epoch, end))
    }

    /// The epochs in order.
    pub fn iter(&self) -> impl Iterator<Item = &EpochStart> {
        self.epochs.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(starts: &[(u64, u64)]) -> EpochTable {
        let mut table = EpochTable::default();
        for (epoch, offset) in starts {
            table.observe(*epoch, Offset(*offset));
        }
        table
    }

    #[test]
    fn epochs_end_where_the_next_begins() {
        let table = table(&[(1, 0), (1, 5), (3, 10), (4, 10), (7, 12)]);
        let end = |epoch| table.end_of(epoch, Offset(20)).map(|(e, o)| (e, o.0));
        assert_eq!(end(0), None);
        assert_eq!(end(1), Some((1, 10)));
        assert_eq!(end(3), Some((1, 10)), "epoch 3 wrote nothing");
        assert_eq!(end(4), Some((4, 12)));
        assert_eq!(end(6), Some((4, 12)));
        assert_eq!(end(9), Some((7, 20)));
    }

    #[test]
    fn trimming_keeps_the_epoch_of_the_log_start() {
        let mut trimmed = table(&[(1, 0), (2, 10), (3, 20)]);
        trimmed.trim(Offset(15));
        assert_eq!(trimmed, table(&[(2, 10), (3, 20)]));
        trimmed.trim(Offset(100));
        assert_eq!(trimmed, table(&[(3, 20)]));
    }

    #[test]
    fn an_earlier_table_forgets_later_epochs() {
        assert_eq!(table(&[(1, 0), (2, 10), (3, 20)]).up_to(2), table(&[(1, 0), (2, 10)]));
    }
}
