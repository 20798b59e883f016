//! Memory that a disk can be written from directly: it begins, and ends, at a multiple of a block.

/// Direct I/O wants memory, positions and lengths in multiples of this.
pub(super) const ALIGN: usize = 4 << 10;

/// A buffer that is filled once and written as a whole.
#[derive(Debug, Default)]
pub(super) struct AlignedBuffer {
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl AlignedBuffer {
    /// Empties it, with room for so many bytes. Memory far larger than that is given back.
    pub(super) fn reset(&mut self, bytes: usize) {
        let wanted = padded(bytes) + ALIGN;
        if self.memory.len() < wanted || self.memory.len() > wanted.max(KEPT_BYTES) {
            self.memory = vec![0; wanted];
        }
        self.start = self.memory.as_ptr().align_offset(ALIGN);
        self.length = 0;
    }

    /// Adds bytes. There must be room for them.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        let at = self.start + self.length;
        self.memory[at..at + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    /// Adds zeros up to the next multiple.
    pub(super) fn pad(&mut self) {
        let end = padded(self.length);
        self.memory[self.start + self.length..self.start + end].fill(0);
        self.length = end;
    }

    /// Bytes that were put, and padded.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// What was put.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.length]
    }

    /// The same, to change it.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.length]
    }
}

/// Up to so much memory is kept for the next time.
const KEPT_BYTES: usize = 9 << 20;

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
            buffer.reset(bytes);
            buffer.put(&vec![7; bytes]);
            buffer.pad();
            assert!(buffer.bytes().as_ptr().cast::<[u8; 1]>().align_offset(ALIGN) == 0);
            assert_eq!(buffer.len(), padded(bytes));
            assert!(buffer.bytes()[..bytes].iter().all(|byte| *byte == 7));
            assert!(buffer.bytes()[bytes..].iter().all(|byte| *byte == 0), "nothing of before");
        }
    }
}
