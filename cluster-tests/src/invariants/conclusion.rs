//! What the judge makes of a history when there is nothing more of it.

use super::super::verdict::{AckOneLoss, Outcome, Verdict};
use super::super::write::End;
use super::super::{
    ack_one_bound, acked_is_kept, batch_atomicity, dense_offsets, no_duplicate, nothing_phantom,
    real_time_order, replica_equality,
};
use super::Judge;

/// Records that must be acknowledged in a history before it says anything.
pub const ACKNOWLEDGED_MIN: u64 = 50;

impl Judge {
    /// There is nothing more: judges the whole.
    pub fn finish(mut self) -> Verdict {
        let ack_one_losses = self.judge_partitions();
        self.changes.at_end(&mut self.findings);
        let names: Vec<&str> = self.state.partitions.iter().map(|p| p.name.as_str()).collect();
        let mut undecided = self.liveness.at_end(&names, self.state.now, &mut self.findings);
        undecided.extend(self.groups.at_end(&self.state, &mut self.findings));
        undecided.extend(self.castle.at_end(self.state.now, &mut self.findings));
        self.count();
        undecided.extend(self.too_little());
        let outcome = match (self.findings.is_violated(), undecided.is_empty()) {
            (true, _) => Outcome::Violated,
            (false, true) => Outcome::Clean,
            (false, false) => Outcome::Undecided,
        };
        let (properties, violations) = self.findings.into_parts();
        let outages = self.liveness.outages();
        let counts = self.counts;
        Verdict { outcome, undecided, violations, properties, counts, ack_one_losses, outages }
    }

    fn judge_partitions(&mut self) -> Vec<AckOneLoss> {
        let (state, findings) = (&mut self.state, &mut self.findings);
        let partitions = std::mem::take(&mut state.partitions);
        for (number, partition) in (0..).zip(&partitions) {
            no_duplicate::at_end(state, number, partition, findings);
            batch_atomicity::at_end(state, partition, findings);
        }
        state.partitions = partitions;
        real_time_order::sequences(state, findings);
        let mut losses = Vec::new();
        for (number, partition) in (0..).zip(&state.partitions) {
            let contradictory = dense_offsets::given_twice(state, partition, findings);
            acked_is_kept::at_end(state, partition, &contradictory, findings);
            dense_offsets::passed_over(state, partition, findings);
            nothing_phantom::at_end(state, number, partition, findings);
            real_time_order::at_end(state, partition, findings);
            replica_equality::at_end(partition, findings);
            let faults = (&self.liveness.faults, &contradictory);
            losses.extend(ack_one_bound::at_end(state, partition, faults, findings));
        }
        losses
    }

    fn count(&mut self) {
        self.counts.faults = self.liveness.faults.count();
        (self.counts.delivered, self.counts.settled) =
            (self.groups.deliveries, self.groups.settled);
        for write in &self.state.writes {
            let records = match write.end {
                End::Acked | End::AckedSomewhere => &mut self.counts.acked,
                End::Failed => &mut self.counts.failed,
                End::Unknown => &mut self.counts.unknown,
            };
            *records += u64::from(write.count);
        }
    }

    /// Why the history is too thin to be called clean.
    fn too_little(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let acked = self.counts.acked;
        if acked < ACKNOWLEDGED_MIN {
            reasons.push(format!("only {acked} records of {ACKNOWLEDGED_MIN} were acknowledged"));
        }
        for partition in
            self.state.partitions.iter().filter(|p| p.floors.acked > 0 && !p.is_deleted)
        {
            let name = &partition.name;
            let acked = partition.floors.acked;
            match partition.last_range {
                None => reasons.push(format!("{name} was not read at the end")),
                Some((_, to)) if to < acked => {
                    reasons.push(format!("{name} was read to {to} of {acked} at the end"));
                }
                Some(_) => {}
            }
        }
        if self.orphans > 0 {
            reasons.push(format!("{} operations ended that had not begun", self.orphans));
        }
        reasons
    }
}
