//! P14, INV-17: what ack 1 loses under one leader is the end of what that leader took, was
//! acknowledged within `ack1.max.lag.ms` and 100 ms, and is lost to a fault.

use std::collections::{BTreeMap, HashSet};

use super::findings::Findings;
use super::liveness::Faults;
use super::partition::Partition;
use super::property::Property::P14;
use super::state::State;
use super::verdict::AckOneLoss;
use super::write::{End, NONE, Write, seconds};
use crate::history::event::Ack;

/// What the promise allows on top of the topic's bound.
const GRACE_MS: u64 = 100;

/// The acknowledgements of one leader.
#[derive(Default)]
struct Leadership {
    /// Produces with lost records, and how many.
    lost: Vec<(u32, u64)>,
    /// The first offset lost.
    first_lost: Option<u64>,
    /// The last offset kept.
    last_kept: Option<u64>,
}

/// Walks the acknowledgements of each epoch against the log, but for those that contradict each
/// other; answers what ack 1 lost.
pub(super) fn at_end(
    state: &State,
    partition: &Partition,
    (faults, contradictory): (&Faults, &HashSet<u32>),
    findings: &mut Findings,
) -> Vec<AckOneLoss> {
    let mut by_epoch: BTreeMap<u32, Leadership> = BTreeMap::new();
    for index in partition.writes.iter().filter(|index| !contradictory.contains(index)) {
        let write = &state.writes[*index as usize];
        if write.end == End::Acked && write.epoch != NONE {
            let leadership = by_epoch.entry(write.epoch).or_default();
            let looked_at = leadership.take(state, *index, partition);
            findings.facts(P14, if write.ack == Ack::Leader { looked_at } else { 0 });
        }
    }
    let lossy = by_epoch.into_iter().filter(|(_, leadership)| !leadership.lost.is_empty());
    lossy
        .map(|(epoch, leadership)| leadership.judge(epoch, state, partition, faults, findings))
        .collect()
}

impl Leadership {
    /// Sorts a produce's records into kept and lost; answers how many were either.
    fn take(&mut self, state: &State, index: u32, partition: &Partition) -> u64 {
        let write = &state.writes[index as usize];
        let (mut kept, mut lost) = (0, 0);
        for (offset, value) in state.records_of(index) {
            if partition.value_at(offset) == Some(value) {
                self.last_kept = self.last_kept.max(Some(offset));
                kept += 1;
            } else if write.ack == Ack::Leader && is_known(write, offset, partition) {
                self.first_lost = Some(self.first_lost.map_or(offset, |first| first.min(offset)));
                lost += 1;
            }
        }
        if lost > 0 {
            self.lost.push((index, lost));
        }
        kept + lost
    }

    fn judge(
        &self,
        epoch: u32,
        state: &State,
        partition: &Partition,
        faults: &Faults,
        findings: &mut Findings,
    ) -> AckOneLoss {
        let lost = || self.lost.iter().map(|(index, _)| &state.writes[*index as usize]);
        let (name, first) = (&partition.name, self.first_lost.unwrap_or(0));
        let what = || {
            let examples: Vec<String> = lost().take(3).map(Write::when).collect();
            let (count, examples) = (self.lost.len(), examples.join("; "));
            format!(
                "{name}: {count} ack-1 produces of epoch {epoch} are lost from offset {first} on \
                 ({examples})"
            )
        };
        if let Some(kept) = self.last_kept.filter(|kept| *kept > first) {
            findings.violation(P14, || format!("{}, and {kept} behind it is kept", what()));
        }
        let acked = lost().map(|write| write.ended_at);
        let (from, to) = (acked.clone().min().unwrap_or(0), acked.max().unwrap_or(0));
        // Answers may be late: the last was given after it was asked for, the first before it came.
        let least = lost().map(|write| write.sent_at).max().unwrap_or(0).saturating_sub(from);
        let bound_ms = state.ack_one_lag_ms(partition).saturating_add(GRACE_MS);
        let bound = bound_ms.saturating_mul(1_000_000);
        if least > bound {
            let (span, bound) = (seconds(least), seconds(bound));
            findings.violation(P14, || format!("{}, acked over {span}, bound {bound}", what()));
        }
        let since = lost().map(|write| write.sent_at).min().unwrap_or(0);
        if !faults.since(since) {
            findings.violation(P14, || format!("{}, and there was no fault", what()));
        }
        AckOneLoss {
            partition: name.clone(),
            epoch: u64::from(epoch),
            records: self.lost.iter().map(|(_, records)| records).sum(),
            span_ms: (to - from) / 1_000_000,
            span_least_ms: least / 1_000_000,
        }
    }
}

/// Whether the record would have been read at the end if it were there.
fn is_known(write: &Write, offset: u64, partition: &Partition) -> bool {
    let is_behind = |(end, asked): (u64, u32)| offset >= end && write.end_line < asked;
    partition.was_read_at_the_end(offset) || partition.last_end.is_some_and(is_behind)
}
