//! Where the records of RocksDB's logs lie, of the write-ahead log and of the manifest alike: blocks
//! of 32 KiB, in each records with a header of seven bytes (checksum, length, type). `[pure]`

const BLOCK: usize = 32 << 10;
const HEADER: usize = 7;

/// A record, or a part of one that spans blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record {
    /// Where its header begins.
    pub(super) at: usize,
    /// Header and payload.
    pub(super) bytes: usize,
}

impl Record {
    /// Its header.
    pub(super) fn header(self) -> std::ops::Range<usize> {
        self.at..self.at + HEADER
    }

    /// What the header describes.
    pub(super) fn payload(self) -> std::ops::Range<usize> {
        self.at + HEADER..self.at + self.bytes
    }
}

/// The records of a file, as far as it can be followed.
pub(super) fn records(file: &[u8]) -> Vec<Record> {
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
        found.push(Record { at, bytes });
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
        let found: Vec<_> = records(&file).iter().map(|r| (r.at, r.bytes)).collect();
        assert_eq!(found, [(0, 17), (17, BLOCK - 20), (BLOCK, 12)]);
        assert_eq!(records(&file)[2].payload(), BLOCK + 7..BLOCK + 12);
        assert!(records(&file[..10]).is_empty());
    }
}
