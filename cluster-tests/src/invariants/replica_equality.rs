//! P19: the logs of a partition's replicas, as they are on the disks of stopped nodes, are equal
//! byte by byte from the highest of their starts to the lowest of their commits.

use super::findings::Findings;
use super::partition::{Disk, DiskEntry, Partition};
use super::property::Property::P19;

/// Compares every replica with the first.
pub(super) fn at_end(partition: &Partition, findings: &mut Findings) {
    let Some((first, others)) = partition.disks.split_first() else { return };
    let start =
        |disk: &Disk| disk.entries.first().map_or(disk.end, |entry| entry.base).max(disk.start);
    let end = |disk: &Disk| disk.committed.unwrap_or(disk.end).min(disk.end);
    let from = partition.disks.iter().map(start).max().unwrap_or(0);
    let to = partition.disks.iter().map(end).min().unwrap_or(0);
    let common = |disk: &Disk| -> Vec<DiskEntry> {
        let entries = disk.entries.iter().copied();
        entries.filter(|entry| entry.base >= from && entry.end() <= to).collect()
    };
    let expected = common(first);
    for other in others {
        let found = common(other);
        findings.facts(P19, expected.len() as u64);
        if let Some((a, b)) = first_difference(&expected, &found) {
            findings.violation(P19, || {
                let name = &partition.name;
                format!(
                    "{name}: between {from} and {to} node {} (replica {}) has {}, node {} \
                     (replica {}) has {}",
                    first.node,
                    first.replica,
                    text(a),
                    other.node,
                    other.replica,
                    text(b)
                )
            });
        }
    }
}

type Difference = (Option<DiskEntry>, Option<DiskEntry>);

fn first_difference(a: &[DiskEntry], b: &[DiskEntry]) -> Option<Difference> {
    let longest = a.len().max(b.len());
    let pairs = (0..longest).map(|i| (a.get(i).copied(), b.get(i).copied()));
    pairs.into_iter().find(|(a, b)| a != b)
}

fn text(entry: Option<DiskEntry>) -> String {
    entry.map_or("nothing".to_owned(), |DiskEntry { base, records, term, crc }| {
        format!("{records} records at {base} of term {term} with CRC {crc:08x}")
    })
}
