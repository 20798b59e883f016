//! P3: nobody reads what nobody sent, what was refused, or what was sent elsewhere; and what
//! nobody knows of is there once at most (that is found in `no_duplicate`).

use super::findings::Findings;
use super::partition::Partition;
use super::property::Property::P3;
use super::state::State;
use super::values::ValueId;
use super::write::End;

/// A value that nobody has sent so far.
pub(super) fn never_sent(value: &str, offset: u64, reader: &str, findings: &mut Findings) {
    findings.violation(P3, || {
        format!("{value} is at {offset}, and nobody has sent it; read by {reader}")
    });
}

/// Walks all that was seen against what was sent.
pub(super) fn at_end(state: &State, number: u32, partition: &Partition, findings: &mut Findings) {
    let at_the_end = partition.last.iter();
    let only_there = at_the_end.filter(|(at, value)| partition.seen.get(*at) != Some(*value));
    for (offset, value) in partition.seen.iter().chain(only_there) {
        findings.facts(P3, 1);
        if let Some(why) = refused(state, number, value) {
            findings.violation(P3, || {
                let (name, value) = (&partition.name, state.values.text(value));
                format!("{name}: {value} is at {offset}, and {why}")
            });
        }
    }
}

/// Why a value may not be in a partition, if somebody sent it at all.
fn refused(state: &State, number: u32, value: ValueId) -> Option<String> {
    let writes = state.values.writes(value).map(|index| &state.writes[index as usize]);
    let mut why = None;
    for write in writes {
        if write.partition != number {
            why = Some(format!("was sent to another partition: {}", write.when()));
        } else if write.end == End::Failed {
            why = Some(format!("was refused: {}", write.when()));
        } else {
            return None;
        }
    }
    why
}
