//! P17: only what lies below the log start vanishes, and the log starts no higher than somebody
//! asked to truncate it, unless its topic forgets by itself. That nothing is missing above the log
//! start is found by P1 and P2. Nothing is compacted yet.

use super::findings::Findings;
use super::partition::Partition;
use super::property::Property::P17;
use super::write::when;
use crate::history::event::Event;

/// An answer that says where the log starts.
pub(super) fn on_log_start(
    event: &Event,
    start: u64,
    partition: &Partition,
    findings: &mut Findings,
) {
    findings.facts(P17, 1);
    let asked = partition.truncated_to;
    if start > asked && !partition.has_retention {
        findings.violation(P17, || {
            let (name, when) = (&partition.name, when(event));
            format!("{name} starts at {start}, truncated by nobody beyond {asked}: {when}")
        });
    }
}
