//! Memory that a disk can be written from directly: it begins, and ends, at a multiple of a block, and
//! lies in huge pages where the kernel has them. A disk's driver takes a piece of memory a descriptor:
//! of half a MiB in pages of 4 KiB it may get 128, of a huge page one.

use std::io;

use memmap2::{Advice, MmapMut};

/// Direct I/O wants memory, positions and lengths in multiples of this.
pub(super) const ALIGN: usize = 4 << 10;
/// A huge page.
const HUGE: usize = 2 << 20;

/// A buffer that is filled once and written as a whole.
#[derive(Debug, Default)]
pub(super) struct AlignedBuffer {
    memory: Option<MmapMut>,
    start: usize,
    length: usize,
}

impl AlignedBuffer {
    /// Empties it, with room for so many bytes. Memory far larger than that is given back.
    pub(super) fn reset(&mut self, bytes: usize) -> io::Result<()> {
        // The kernel may give any page: what lies before the first whole huge page is never touched.
        let wanted = padded(bytes).next_multiple_of(HUGE) + HUGE;
        let has = self.memory.as_ref().map_or(0, |memory| memory.len());
        if has < wanted || has > wanted.max(KEPT_BYTES) {
            self.memory = None;
            let memory = MmapMut::map_anon(wanted)?;
            // A kernel without them has pages of 4 KiB, which are as good and slower.
            let _ = memory.advise(Advice::HugePage);
            self.start = memory.as_ptr().align_offset(HUGE);
            self.memory = Some(memory);
        }
        self.length = 0;
        Ok(())
    }

    /// Adds bytes. There must be room for them.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        let begin = self.length;
        self.room(end)[begin..].copy_from_slice(bytes);
        self.length = end;
    }

    /// Adds zeros up to the next multiple.
    pub(super) fn pad(&mut self) {
        let end = padded(self.length);
        let begin = self.length;
        self.room(end)[begin..].fill(0);
        self.length = end;
    }

    /// Bytes that were put, and padded.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// What was put.
    pub(super) fn bytes(&self) -> &[u8] {
        match &self.memory {
            Some(memory) => &memory[self.start..self.start + self.length],
            None => &[],
        }
    }

    /// The same, to change it.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        self.room(self.length)
    }

    fn room(&mut self, end: usize) -> &mut [u8] {
        match &mut self.memory {
            Some(memory) => &mut memory[self.start..self.start + end],
            None => &mut [],
        }
    }
}

/// Up to so much memory is kept for the next time.
const KEPT_BYTES: usize = 12 << 20;

/// So many bytes with what pads them.
pub(super) fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(ALIGN)
}

/// The same of a position in a file.
pub(super) fn padded_u64(bytes: u64) -> u64 {
    bytes.next_multiple_of(ALIGN as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_begins_and_ends_at_a_multiple() {
        let mut buffer = AlignedBuffer::default();
        for bytes in [1, ALIGN - 1, ALIGN, ALIGN + 1, 3 * ALIGN, 5] {
            buffer.reset(bytes).unwrap();
            buffer.put(&vec![7; bytes]);
            buffer.pad();
            assert!(buffer.bytes().as_ptr().cast::<[u8; 1]>().align_offset(ALIGN) == 0);
            assert_eq!(buffer.len(), padded(bytes));
            assert!(buffer.bytes()[..bytes].iter().all(|byte| *byte == 7));
            assert!(buffer.bytes()[bytes..].iter().all(|byte| *byte == 0), "nothing of before");
        }
    }
}
