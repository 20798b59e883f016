//! What retention may take: the leader asks for a target and proposes the trim; every replica
//! asks for a cut and gives up whole granules of entries below it.
//! INV-06: a cut is below what is trimmed, and trims are applied.

use rampart_api::model::ids::Offset;

use super::PartitionLog;
use crate::format::log_id::log_id;
use crate::machine::Cut;
use crate::planted::{self, Bug};
use crate::scale::CUT_MARGIN_ENTRIES;

impl PartitionLog {
    /// The offset to trim to, or nothing. `now_ms` is the leader's clock.
    pub fn retention_target(
        &self,
        retention_ms: Option<i64>,
        retention_bytes: Option<u64>,
        now_ms: i64,
    ) -> Option<Offset> {
        let (log_start, high_watermark) = (self.log_start_offset(), self.high_watermark());
        let oldest_ms = retention_ms.map(|keep| now_ms.saturating_sub(keep));
        let mut bytes_left = self.retained_bytes(log_start);
        let mut target = None;
        for granule in self.shared.log.granules() {
            if granule.next_offset <= log_start {
                continue;
            }
            let is_expired = oldest_ms.is_some_and(|oldest| granule.max_timestamp < oldest);
            let is_beyond = retention_bytes
                .is_some_and(|keep| bytes_left.saturating_sub(granule.bytes) >= keep);
            if !(is_expired || is_beyond) || granule.next_offset > high_watermark {
                break;
            }
            bytes_left = bytes_left.saturating_sub(granule.bytes);
            target = Some(granule.next_offset);
        }
        target
    }

    /// Stored bytes that nobody can read any more, but which are not cut off yet.
    pub fn trimmed_bytes(&self) -> u64 {
        self.size_bytes().saturating_sub(self.retained_bytes(self.log_start_offset()))
    }

    /// Stored bytes of the granules that still have readable records.
    fn retained_bytes(&self, log_start: Offset) -> u64 {
        let granules = self.shared.log.granules();
        let retained = granules.iter().filter(|granule| granule.next_offset > log_start);
        retained.map(|granule| granule.bytes).sum()
    }

    /// Chooses where the log may be cut: at the end of a granule of which everything is trimmed,
    /// well below the last applied entry, and not above `keep_from_index`, which a catching-up
    /// learner still needs. True if there is something to gain: then a snapshot is worth
    /// triggering, and it will be of this cut.
    pub fn plan_cut(&self, keep_from_index: Option<u64>) -> bool {
        let log_start = match planted::is(Bug::CutTooFar) {
            true => self.high_watermark(),
            false => self.log_start_offset(),
        };
        let Some(applied) = self.applied_index() else {
            return false;
        };
        let mut highest = applied.saturating_sub(CUT_MARGIN_ENTRIES);
        if let Some(keep_from) = keep_from_index {
            highest = highest.min(keep_from.saturating_sub(1));
        }
        let already = self.shared.current_snapshot().and_then(|(meta, _)| meta.last_log_id);
        let granules = self.shared.log.granules();
        // The open granule is never cut: its end moves.
        let closed = granules.split_last().map_or(&[][..], |(_, closed)| closed);
        let cut = closed
            .iter()
            .take_while(|granule| granule.next_offset <= log_start && granule.last_index <= highest)
            .last()
            .filter(|granule| already.is_none_or(|already| already.index < granule.last_index));
        let Some(granule) = cut else { return false };
        let Some(term) = self.shared.log.term_at(granule.last_index) else {
            return false;
        };
        let log_id = log_id(term, granule.last_index);
        *self.shared.cut() = Some(Cut { log_id, next_offset: granule.next_offset });
        true
    }
}
