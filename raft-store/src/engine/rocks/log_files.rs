//! Looks through RocksDB's logs, the write-ahead log and the manifest, before RocksDB does. It takes
//! three kinds of damage wrongly, found by damaging files at random:
//! - a record of a recycled log in one that was not recycled makes it turn in a circle forever;
//! - behind a header of zeros it skips the rest of a block without a word, and goes on in the next;
//! - a manifest whose end is missing or damaged passes for one that was never written further: the
//!   tables that it named there are removed as if nobody knew them.
//!
//! A log is blocks of 32 KiB, in each records with a header of checksum (4 bytes), length (2) and
//! type (1). Supports INV-18.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::format::envelope::crc32c;

const BLOCK: usize = 32 << 10;
const HEADER: usize = 7;
/// What RocksDB adds to a checksum that it stores.
const MASK_DELTA: u32 = 0xa282_ead8;

/// What is wrong in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Where the record begins.
    pub(super) at: u64,
    /// What it is.
    pub(super) kind: FlawKind,
}

/// Kinds of flaws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlawKind {
    /// A type that is only in recycled logs. RocksDB must not see it.
    Recycled,
    /// Zeros, and something behind them.
    Gap,
    /// A record whose checksum or length is wrong. RocksDB sees that itself, but may take it for
    /// the end.
    Bad,
}

impl Flaw {
    /// For a message.
    pub(super) fn describe(&self, file: &str) -> String {
        let what = match self.kind {
            FlawKind::Recycled => "has a type that is never written",
            FlawKind::Gap => "is zeros, with more behind it",
            FlawKind::Bad => "does not match its checksum or length",
        };
        format!("{file}: the record at byte {} {what}", self.at)
    }
}

/// The flaws of a log, each block's first, as RocksDB would meet them. So many bytes are known to
/// have been `written`: zeros below are a gap, too. Blocks.
pub(super) fn flaws(path: &Path, written: u64) -> io::Result<Vec<Flaw>> {
    let mut file = File::open(path)?;
    let (mut block, mut at, mut found) = (Vec::with_capacity(BLOCK), 0, Vec::new());
    let mut zeros_from = None;
    loop {
        block.clear();
        (&mut file).take(BLOCK as u64).read_to_end(&mut block)?;
        if block.is_empty() {
            return Ok(found);
        }
        if let Some(from) = zeros_from.take_if(|_| has_data(&block)) {
            found.push(Flaw { at: from, kind: FlawKind::Gap });
        }
        if let Some((offset, kind)) = first_flaw(&block) {
            let at = at + offset as u64;
            match kind {
                // The end of a file that was made larger beforehand, if nothing follows.
                FlawKind::Gap if at >= written && !has_data(&block[offset..]) => {
                    zeros_from.get_or_insert(at);
                }
                kind => found.push(Flaw { at, kind }),
            }
        }
        at += block.len() as u64;
    }
}

fn has_data(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| *byte != 0)
}

/// RocksDB leaves a block at its first flaw.
fn first_flaw(block: &[u8]) -> Option<(usize, FlawKind)> {
    let mut at = 0;
    while let Some(header) = block.get(at..at + HEADER) {
        let length = usize::from(u16::from_le_bytes([header[4], header[5]]));
        match header[6] {
            5..=8 | 11 | 131 => return Some((at, FlawKind::Recycled)),
            0 if length == 0 => return Some((at, FlawKind::Gap)),
            _ => {}
        }
        let end = at + HEADER + length;
        let Some(covered) = block.get(at + HEADER - 1..end) else {
            return Some((at, FlawKind::Bad));
        };
        let stored = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
        if stored != crc32c(&[covered]).rotate_right(15).wrapping_add(MASK_DELTA) {
            return Some((at, FlawKind::Bad));
        }
        at = end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
        let covered = [&[kind], payload].concat();
        let crc = crc32c(&[&covered]).rotate_right(15).wrapping_add(MASK_DELTA);
        let length = (payload.len() as u16).to_le_bytes();
        [&crc.to_le_bytes()[..], &length, &covered].concat()
    }

    fn found(bytes: &[u8]) -> Vec<(u64, FlawKind)> {
        found_below(bytes, 0)
    }

    fn found_below(bytes: &[u8], written: u64) -> Vec<(u64, FlawKind)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        flaws(file.path(), written).unwrap().into_iter().map(|flaw| (flaw.at, flaw.kind)).collect()
    }

    #[test]
    fn each_flaw_is_found_where_it_is() {
        let good = [record(1, b"one"), record(1, b"two")].concat();
        let mut block = good.clone();
        block.resize(BLOCK, 0);
        assert_eq!(found(&good), []);
        assert_eq!(found(&block), [], "zeros to the end");
        assert_eq!(found_below(&block, 20), []);
        assert_eq!(found_below(&block, 21), [(20, FlawKind::Gap)]);
        let after = [&block[..], &good].concat();
        assert_eq!(found(&after), [(20, FlawKind::Gap)]);
        let recycled = [&good[..], &record(5, b"three")].concat();
        assert_eq!(found(&recycled), [(20, FlawKind::Recycled)]);
        assert_eq!(found(&good[..19]), [(10, FlawKind::Bad)]);
        let mut flipped = after;
        flipped[8] ^= 1;
        flipped[BLOCK + 8] ^= 1;
        assert_eq!(found(&flipped), [(0, FlawKind::Bad), (BLOCK as u64, FlawKind::Bad)]);
    }
}
