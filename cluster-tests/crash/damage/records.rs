//! Where the records of logs lie. RocksDB's, the write-ahead log and the manifest alike: blocks of 32
//! KiB, in each records with a header of seven bytes (checksum, length, type). The journal's: blocks
//! that begin at multiples of 4 KiB, with a header of 32 bytes that has the length at 24. `[pure]`

const BLOCK: usize = 32 << 10;
const HEADER: usize = 7;

/// What the blocks of the journal begin with, and where.
const JOURNAL_BLOCK: &[u8] = b"RpJb";
const JOURNAL_ALIGN: usize = 4 << 10;
const JOURNAL_HEADER: usize = 32;

/// A record, or a part of one that spans blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// Where its header begins.
    pub(super) at: usize,
    /// Header and payload.
    pub(super) bytes: usize,
    header: usize,
}

impl Record {
    /// Its header.
    pub(super) fn header(self) -> std::ops::Range<usize> {
        self.at..self.at + self.header
    }

    /// What the header describes.
    pub(super) fn payload(self) -> std::ops::Range<usize> {
        self.at + self.header..self.at + self.bytes
    }
}

/// The records of a file, as far as it can be followed.
pub(super) fn records(name: &str, file: &[u8]) -> Vec<Record> {
    match name.starts_with("journal-") {
        true => of_journal(file),
        false => of_blocks(file),
    }
}

/// Of the journal, without those that an earlier use of the file left behind.
fn of_journal(file: &[u8]) -> Vec<Record> {
    let (mut found, mut at, mut before) = (Vec::new(), JOURNAL_ALIGN, None);
    while let Some(header) = file.get(at..at + JOURNAL_HEADER) {
        let length = u32::from_be_bytes([header[24], header[25], header[26], header[27]]) as usize;
        let bytes = JOURNAL_HEADER + length;
        let sequence = header[8..16].iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
        if before.replace(sequence).is_some_and(|before| before + 1 != sequence) {
            break;
        }
        if !header.starts_with(JOURNAL_BLOCK) || at + bytes > file.len() {
            break;
        }
        found.push(Record { at, bytes, header: JOURNAL_HEADER });
        at += bytes.next_multiple_of(JOURNAL_ALIGN);
    }
    found
}

fn of_blocks(file: &[u8]) -> Vec<Record> {
    let (mut found, mut at) = (Vec::new(), 0);
    loop {
        let left = BLOCK - at % BLOCK;
        if left < HEADER {
            at += left;
        }
        let Some(header) = file.get(at..at + HEADER) else { return found };
        let bytes = HEADER + usize::from(u16::from_le_bytes([header[4], header[5]]));
        // Zeros follow the last record of a file that was made larger beforehand.
        if header[6] == 0 || at + bytes > file.len() {
            return found;
        }
        found.push(Record { at, bytes, header: HEADER });
        at += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_follow_each_other_and_skip_the_ends_of_blocks() {
        let mut file = vec![0; 3 * BLOCK];
        let mut put = |at: usize, payload: usize| {
            file[at + 4..at + 6].copy_from_slice(&(payload as u16).to_le_bytes());
            file[at + 6] = 1;
        };
        put(0, 10);
        put(17, BLOCK - 17 - 7 - 3);
        put(BLOCK, 5);
        let found: Vec<_> = of_blocks(&file).iter().map(|r| (r.at, r.bytes)).collect();
        assert_eq!(found, [(0, 17), (17, BLOCK - 20), (BLOCK, 12)]);
        assert_eq!(of_blocks(&file)[2].payload(), BLOCK + 7..BLOCK + 12);
        assert!(of_blocks(&file[..10]).is_empty());
    }

    #[test]
    fn blocks_of_the_journal_begin_at_multiples() {
        let mut file = vec![0; 6 * JOURNAL_ALIGN];
        let mut put = |at: usize, length: u32, sequence: u8| {
            file[at + 15] = sequence;
            file[at..at + 4].copy_from_slice(JOURNAL_BLOCK);
            file[at + 24..at + 28].copy_from_slice(&length.to_be_bytes());
        };
        put(JOURNAL_ALIGN, 5_000, 7);
        put(3 * JOURNAL_ALIGN, 10, 8);
        put(4 * JOURNAL_ALIGN, 10, 3);
        let found = records("journal-000000000001", &file);
        let found: Vec<_> = found.iter().map(|record| (record.at, record.bytes)).collect();
        assert_eq!(found, [(4_096, 5_032), (3 * 4_096, 42)]);
        assert!(records("000012.log", &file).is_empty());
    }
}
