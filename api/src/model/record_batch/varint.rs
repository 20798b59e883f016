//! Zigzag varints as in Kafka's record format (and protobuf's sint): 7 bits a byte, low first.

use super::error::BatchError;

/// Why a varint or a length-prefixed field can't be read. The caller adds which record.
pub(crate) type Reason = &'static str;

/// Appends a zigzag varint. i32 and i64 of the same value have the same bytes.
pub(crate) fn put(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Appends a length and the bytes; -1 for a null.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => put(out, -1),
        Some(bytes) => {
            put(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
    }
}

/// Bytes that [`put`] takes.
pub(super) fn size(value: i64) -> usize {
    let zigzag = ((value << 1) ^ (value >> 63)) as u64;
    let bits = 64 - (zigzag | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// Bytes that [`put_bytes`] takes.
pub(super) fn size_bytes(bytes: Option<&[u8]>) -> usize {
    match bytes {
        None => 1,
        Some(bytes) => size(bytes.len() as i64) + bytes.len(),
    }
}

/// Reads fields off the front of one record's bytes, never past its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], position: usize) -> Self {
        Cursor { bytes, position }
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Reason> {
        let byte = *self.bytes.get(self.position).ok_or("it ends in the middle of a field")?;
        self.position += 1;
        Ok(byte)
    }

    /// A zigzag varint of up to 64 bits.
    pub(crate) fn varlong(&mut self) -> Result<i64, Reason> {
        let mut raw = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err("a varint is longer than 64 bits");
            }
            raw |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((raw >> 1) as i64 ^ -((raw & 1) as i64));
            }
        }
        Err("a varint is longer than 64 bits")
    }

    /// A zigzag varint of up to 32 bits.
    pub(super) fn varint(&mut self) -> Result<i32, Reason> {
        i32::try_from(self.varlong()?).map_err(|_| "a varint is longer than 32 bits")
    }

    /// Length and bytes, as the range they occupy; `None` for a null (any negative length).
    pub(super) fn range(&mut self) -> Result<Option<std::ops::Range<usize>>, Reason> {
        let Ok(length) = usize::try_from(self.varint()?) else {
            return Ok(None);
        };
        if length > self.remaining() {
            return Err("a length points past its end");
        }
        let start = self.position;
        self.position += length;
        Ok(Some(start..self.position))
    }
}

/// Adds which record it was.
pub(super) fn in_record(index: usize) -> impl Fn(Reason) -> BatchError {
    move |reason| BatchError::BadRecord { index, reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_bytes() {
        let cases: [(i64, &[u8]); 8] = [
            (0, &[0]),
            (-1, &[1]),
            (1, &[2]),
            (63, &[126]),
            (64, &[0x80, 1]),
            (-65, &[0x81, 1]),
            (i64::from(i32::MAX), &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ];
        for (value, bytes) in cases {
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!(out, bytes, "{value}");
            assert_eq!(size(value), bytes.len(), "{value}");
            assert_eq!(Cursor::new(bytes, 0).varlong(), Ok(value));
        }
    }

    #[test]
    fn overlong_and_cut_off_are_errors() {
        assert!(Cursor::new(&[0x80; 11], 0).varlong().is_err());
        assert!(Cursor::new(&[0xff; 9], 0).varlong().is_err());
        assert!(
            Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], 0)
                .varlong()
                .is_err()
        );
        assert!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0x7f], 0).varint().is_err());
        assert!(Cursor::new(&[4, b'a'], 0).range().is_err());
    }

    proptest! {
        #[test]
        fn round_trip(value: i64, narrow: i32) {
            let mut out = Vec::new();
            put(&mut out, value);
            prop_assert_eq!(out.len(), size(value));
            put(&mut out, i64::from(narrow));
            let mut cursor = Cursor::new(&out, 0);
            prop_assert_eq!(cursor.varlong(), Ok(value));
            prop_assert_eq!(cursor.varint(), Ok(narrow));
            prop_assert_eq!(cursor.remaining(), 0);
        }
    }
}
