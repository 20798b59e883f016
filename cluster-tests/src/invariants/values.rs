//! Every value of a history once: its text in one long string, a number instead of it elsewhere.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};

/// A value, by the order in which values were first met.
pub(super) type ValueId = u32;

/// No produce sent it.
const NOBODY: u32 = u32::MAX;

/// All values.
#[derive(Debug, Default)]
pub(super) struct Values {
    texts: String,
    ends: Vec<u64>,
    by_hash: HashMap<u64, ValueId, BuildHasherDefault<AsItIs>>,
    first_write: Vec<u32>,
    more_writes: HashMap<ValueId, Vec<u32>>,
    copies: Vec<u8>,
}

impl Values {
    /// The number of a value, and whether it is met for the first time.
    pub(super) fn intern(&mut self, text: &str) -> (ValueId, bool) {
        let mut hash = hash_of(text);
        while let Some(&id) = self.by_hash.get(&hash) {
            if self.text(id) == text {
                return (id, false);
            }
            hash = hash.wrapping_add(1);
        }
        let id = u32::try_from(self.ends.len()).expect("fewer than 2^32 values fit into memory");
        self.texts.push_str(text);
        self.ends.push(self.texts.len() as u64);
        self.first_write.push(NOBODY);
        self.copies.push(0);
        self.by_hash.insert(hash, id);
        (id, true)
    }

    /// The number of a value that was met before.
    pub(super) fn find(&self, text: &str) -> Option<ValueId> {
        let mut hash = hash_of(text);
        loop {
            let id = *self.by_hash.get(&hash)?;
            if self.text(id) == text {
                return Some(id);
            }
            hash = hash.wrapping_add(1);
        }
    }

    /// The text of a value.
    pub(super) fn text(&self, id: ValueId) -> &str {
        let id = id as usize;
        let start = if id == 0 { 0 } else { self.ends[id - 1] };
        &self.texts[start as usize..self.ends[id] as usize]
    }

    /// A write sends it.
    pub(super) fn sent(&mut self, id: ValueId, write: u32) {
        match self.first_write[id as usize] {
            NOBODY => self.first_write[id as usize] = write,
            _ => self.more_writes.entry(id).or_default().push(write),
        }
    }

    /// The writes that sent it.
    pub(super) fn writes(&self, id: ValueId) -> impl Iterator<Item = u32> {
        let first = Some(self.first_write[id as usize]).filter(|write| *write != NOBODY);
        first.into_iter().chain(self.more_writes.get(&id).into_iter().flatten().copied())
    }

    /// The only write that sent it.
    pub(super) fn only_write(&self, id: ValueId) -> Option<u32> {
        let mut writes = self.writes(id);
        writes.next().filter(|_| writes.next().is_none())
    }

    /// Counts a place in the log where it stands; answers how many there are with this one.
    pub(super) fn count_copy(&mut self, id: ValueId) -> u8 {
        let copies = &mut self.copies[id as usize];
        *copies = copies.saturating_add(1);
        *copies
    }
}

/// 64 bits for a text, the same in every run.
pub(super) fn hash_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The keys are hashes already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_keeps_its_number_and_its_text() {
        let mut values = Values::default();
        assert_eq!(values.intern("a"), (0, true));
        assert_eq!(values.intern("bc"), (1, true));
        assert_eq!(values.intern("a"), (0, false));
        assert_eq!((values.find("bc"), values.find("b")), (Some(1), None));
        assert_eq!((values.text(0), values.text(1)), ("a", "bc"));
    }

    #[test]
    fn a_value_sent_again_knows_all_its_writes() {
        let mut values = Values::default();
        let (id, _) = values.intern("a");
        assert_eq!(values.only_write(id), None);
        values.sent(id, 3);
        assert_eq!(values.only_write(id), Some(3));
        values.sent(id, 5);
        assert_eq!(values.writes(id).collect::<Vec<_>>(), [3, 5]);
        assert_eq!(values.only_write(id), None);
    }
}
