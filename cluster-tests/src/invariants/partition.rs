//! What a history says about one partition.

use super::offsets::Offsets;
use super::values::{ValueId, hash_of};
use crate::history::event::{DumpedEntry, Event};

/// What was certain about a partition at some moment, and must hold for whatever is asked later.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Floors {
    /// Behind the highest offset acknowledged by a majority or by all in sync.
    pub(super) acked: u64,
    /// Highest watermark that an answer named.
    pub(super) watermark: u64,
    /// Highest log start that an answer named.
    pub(super) start: u64,
    /// Latest epoch in which something was read.
    pub(super) epoch: Option<u64>,
    /// Highest watermark in that epoch.
    pub(super) epoch_watermark: u64,
}

/// Offsets that a read passed over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Skipped {
    /// First of them.
    pub(super) from: u64,
    /// Behind the last.
    pub(super) to: u64,
    /// The operation that read.
    pub(super) op: u64,
    /// When it was answered.
    pub(super) time: u64,
    /// Whether it read the whole partition at the end.
    pub(super) is_last: bool,
}

/// One replica's log on its disk.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    pub(super) node: u32,
    pub(super) replica: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    /// Behind its last committed record, where the dump says.
    pub(super) committed: Option<u64>,
    pub(super) entries: Vec<DiskEntry>,
}

/// One entry on a disk: base, records, term, and the CRC or a hash of what it says instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DiskEntry {
    pub(super) base: u64,
    pub(super) records: u32,
    pub(super) term: u32,
    pub(super) crc: u64,
}

impl DiskEntry {
    /// From the form of a history.
    pub(super) fn new(entry: &DumpedEntry) -> DiskEntry {
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let crc = u64::from_str_radix(entry.crc.trim_start_matches("0x"), 16);
        DiskEntry {
            base: entry.base,
            records: narrow(entry.records),
            term: narrow(entry.term),
            crc: crc.unwrap_or_else(|_| hash_of(&entry.crc)),
        }
    }

    /// Behind its last record.
    pub(super) fn end(&self) -> u64 {
        self.base.saturating_add(u64::from(self.records))
    }
}

/// One partition.
#[derive(Debug, Default)]
pub(super) struct Partition {
    /// Its topic was deleted, or somebody began to.
    pub(super) is_deleted: bool,
    /// `topic/number`.
    pub(super) name: String,
    /// Produces to it, in the order in which they began.
    pub(super) writes: Vec<u32>,
    /// The first value that a reader saw at each offset.
    pub(super) seen: Offsets,
    /// The same of those who read everything at the end.
    pub(super) last: Offsets,
    /// From and to where it was read at the end.
    pub(super) last_range: Option<(u64, u64)>,
    /// Its end, as the last of those reads found it, and the line on which that was asked for.
    pub(super) last_end: Option<(u64, u32)>,
    /// Offsets that reads passed over.
    pub(super) skipped: Vec<Skipped>,
    /// What is certain now.
    pub(super) floors: Floors,
    /// The highest offset to which somebody asked to truncate.
    pub(super) truncated_to: u64,
    /// If its log start moves by itself: how many records that leaves at least.
    pub(super) keeps: Option<u64>,
    /// Its replicas' disks.
    pub(super) disks: Vec<Disk>,
}

impl Partition {
    /// The value at an offset: as it was read at the end, or, below where that begins, before.
    pub(super) fn value_at(&self, offset: u64) -> Option<ValueId> {
        match self.last_range {
            Some((from, _)) if offset >= from => self.last.get(offset),
            _ => self.seen.get(offset),
        }
    }

    /// All of those, by offset.
    pub(super) fn log(&self) -> impl Iterator<Item = (u64, ValueId)> {
        let from = self.last_range.map_or(u64::MAX, |(from, _)| from);
        self.seen.iter().take_while(move |(offset, _)| *offset < from).chain(self.last.iter())
    }

    /// Whether a record that should be at an offset would have been read at the end.
    pub(super) fn was_read_at_the_end(&self, offset: u64) -> bool {
        offset >= self.floors.start
            && self.last_range.is_some_and(|(from, to)| (from..to).contains(&offset))
    }

    /// An answer was read: what it says is certain from now on.
    pub(super) fn learn(&mut self, event: &Event) {
        let floors = &mut self.floors;
        floors.start = floors.start.max(event.log_start.unwrap_or(0));
        let watermark = event.high_watermark.unwrap_or(0);
        floors.watermark = floors.watermark.max(watermark);
        if event.epoch > floors.epoch {
            floors.epoch = event.epoch;
            floors.epoch_watermark = watermark;
        } else if event.epoch.is_some() && event.epoch == floors.epoch {
            floors.epoch_watermark = floors.epoch_watermark.max(watermark);
        }
    }

    /// It was read at the end from one offset to another, and perhaps to its end.
    pub(super) fn read_at_the_end(&mut self, from: u64, to: u64) {
        let (least, most) = self.last_range.unwrap_or((from, to));
        self.last_range = Some((least.min(from), most.max(to)));
    }
}
