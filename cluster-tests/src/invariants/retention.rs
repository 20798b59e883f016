//! P17: only what lies below the log start vanishes, and the log starts no higher than somebody
//! asked to truncate it, unless its topic forgets by itself: then at the end, when nobody writes any
//! more, so much is there as the topic keeps. That nothing is missing above the log start is found
//! by P1 and P2. Nothing is compacted yet.

use super::findings::Findings;
use super::partition::Partition;
use super::property::Property::P17;
use super::write::when;
use crate::history::event::{Event, Function};

/// An answer that says where the log starts.
pub(super) fn on_log_start(
    event: &Event,
    start: u64,
    partition: &Partition,
    findings: &mut Findings,
) {
    findings.facts(P17, 1);
    let (name, asked) = (&partition.name, partition.truncated_to);
    if start <= asked {
        return;
    }
    let Some(keeps) = partition.keeps else {
        findings.violation(P17, || {
            let when = when(event);
            format!("{name} starts at {start}, truncated by nobody beyond {asked}: {when}")
        });
        return;
    };
    // Before, start and end of one answer may be of different moments.
    let end = event.high_watermark.filter(|_| event.f == Function::FinalRead);
    if let Some(end) = end.filter(|end| *end < start.saturating_add(keeps)) {
        findings.violation(P17, || {
            let when = when(event);
            format!("{name} starts at {start} and ends at {end}, and keeps {keeps} records: {when}")
        });
    }
}
