//! Which value stands at which offset. Four bytes an offset where logs are dense, and no more than
//! a few kilobytes for an offset out of the world.

use std::collections::BTreeMap;

use super::values::ValueId;

const CHUNK: u64 = 512;
const NOTHING: ValueId = ValueId::MAX;

/// Offsets and their values.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    chunks: BTreeMap<u64, Box<[ValueId; CHUNK as usize]>>,
}

impl Offsets {
    /// The value at an offset.
    pub(super) fn get(&self, offset: u64) -> Option<ValueId> {
        let value = self.chunks.get(&(offset / CHUNK))?[(offset % CHUNK) as usize];
        (value != NOTHING).then_some(value)
    }

    /// Puts a value where there is none; answers the one that is there already.
    pub(super) fn put(&mut self, offset: u64, value: ValueId) -> Option<ValueId> {
        let chunk = self.chunks.entry(offset / CHUNK);
        let slot = &mut chunk.or_insert_with(|| Box::new([NOTHING; CHUNK as usize]))
            [(offset % CHUNK) as usize];
        if *slot == NOTHING {
            *slot = value;
            return None;
        }
        Some(*slot)
    }

    /// All of them, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, ValueId)> {
        self.chunks.iter().flat_map(|(number, chunk)| {
            let at = move |(i, value): (usize, &ValueId)| (number * CHUNK + i as u64, *value);
            chunk.iter().enumerate().map(at).filter(|(_, value)| *value != NOTHING)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_of_an_offset_stays() {
        let mut offsets = Offsets::default();
        assert_eq!(offsets.put(511, 1), None);
        assert_eq!(offsets.put(u64::MAX, 2), None);
        assert_eq!(offsets.put(511, 3), Some(1));
        assert_eq!((offsets.get(511), offsets.get(512)), (Some(1), None));
        assert_eq!(offsets.iter().collect::<Vec<_>>(), [(511, 1), (u64::MAX, 2)]);
    }
}
