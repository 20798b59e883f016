//! Where to read from: `?offset=` of one partition, `?cursor=` of all.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::model::ids::{Offset, PartitionId};
use crate::model::limits::PARTITIONS_PER_TOPIC_CEILING;
use crate::model::record_batch::varint;

/// `?offset=N|earliest|latest|-k`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetParam {
    /// This offset.
    At(Offset),
    /// The first record that can be read.
    Earliest,
    /// After the last record.
    Latest,
    /// So many records before the end, not below the start.
    FromEnd(u64),
}

/// A word that is no position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("offset is a number, earliest, latest, or -k for the last k records, not `{0}`")]
pub struct OffsetParamError(String);

impl FromStr for OffsetParam {
    type Err = OffsetParamError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let error = || OffsetParamError(word.chars().take(40).collect());
        let digits = |text: &str| {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit());
            if plain { text.parse().map_err(|_| error()) } else { Err(error()) }
        };
        match word {
            "earliest" => Ok(OffsetParam::Earliest),
            "latest" => Ok(OffsetParam::Latest),
            _ => match word.strip_prefix('-') {
                Some(back) => digits(back).map(OffsetParam::FromEnd),
                None => digits(word).map(|offset| OffsetParam::At(Offset(offset))),
            },
        }
    }
}

impl fmt::Display for OffsetParam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OffsetParam::At(offset) => offset.fmt(f),
            OffsetParam::Earliest => f.write_str("earliest"),
            OffsetParam::Latest => f.write_str("latest"),
            OffsetParam::FromEnd(back) => write!(f, "-{back}"),
        }
    }
}

/// The next offset of every partition: `?cursor=`, `next_cursor`, `X-Next-Cursor` and the SSE id of
/// reads over all partitions. As text it is base64url, which needs no escaping anywhere, of a
/// version byte and then, for each run of neighbouring partitions, the gap before it, its length,
/// and each offset as the difference to the one before: two to four bytes a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor(pub BTreeMap<PartitionId, Offset>);

/// A text that is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no cursor; send back a next_cursor as it was given")]
pub struct CursorError(String);

const CURSOR_VERSION: u8 = 1;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = vec![CURSOR_VERSION];
        let (mut next, mut before) = (0, 0u64);
        let mut rest = self.0.iter().peekable();
        while let Some(first) = rest.peek().map(|(partition, _)| **partition) {
            let length = (first..).zip(rest.clone()).take_while(|(p, (q, _))| p == *q).count();
            varint::put(&mut out, i64::from(first - next));
            varint::put(&mut out, length as i64);
            for (&partition, offset) in rest.by_ref().take(length) {
                varint::put(&mut out, offset.0.wrapping_sub(before).cast_signed());
                (next, before) = (partition + 1, offset.0);
            }
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(out))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || CursorError(text.chars().take(40).collect());
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| error())?;
        read_cursor(&bytes).ok_or_else(error)
    }
}

fn read_cursor(bytes: &[u8]) -> Option<Cursor> {
    let mut bytes = varint::Cursor::new(bytes, 0);
    if bytes.byte().ok()? != CURSOR_VERSION {
        return None;
    }
    let mut offsets = BTreeMap::new();
    let (mut next, mut before) = (0u64, 0u64);
    while bytes.remaining() > 0 {
        let gap = u64::try_from(bytes.varlong().ok()?).ok()?;
        let length = u64::try_from(bytes.varlong().ok()?).ok()?;
        next = next.checked_add(gap)?;
        if length == 0 || next.checked_add(length)? > u64::from(PARTITIONS_PER_TOPIC_CEILING) {
            return None;
        }
        for _ in 0..length {
            before = before.wrapping_add(bytes.varlong().ok()?.cast_unsigned());
            offsets.insert(u32::try_from(next).ok()?, Offset(before));
            next += 1;
        }
    }
    Some(Cursor(offsets))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn offsets_read_back_and_nonsense_is_refused() {
        for word in ["0", "18446744073709551615", "earliest", "latest", "-0", "-100"] {
            assert_eq!(word.parse::<OffsetParam>().unwrap().to_string(), word);
        }
        for word in ["", "-", "--1", "+1", "1.0", "end", "18446744073709551616", " 1"] {
            let error = word.parse::<OffsetParam>().unwrap_err().to_string();
            assert!(error.contains("earliest"), "{error}");
        }
    }

    #[test]
    fn bad_cursors_are_refused() {
        for text in ["", "x", "AA", "0.1_1.1", "AQ==", "AQA", "AQAG", "AQAA", "AQAGAg", "é"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
        let beyond = Cursor([(PARTITIONS_PER_TOPIC_CEILING, Offset(1))].into());
        assert!(beyond.to_string().parse::<Cursor>().is_err());
        let last = Cursor([(PARTITIONS_PER_TOPIC_CEILING - 1, Offset(u64::MAX))].into());
        assert_eq!(last.to_string().parse(), Ok(last));
    }

    #[test]
    fn a_cursor_of_thousands_of_partitions_fits_into_a_head() {
        let offsets = (0..3_000).map(|p| (p, Offset(5_000_000 + u64::from(p % 7) * 250)));
        let text = Cursor(offsets.collect()).to_string();
        assert!(text.len() < 12 << 10, "{}", text.len());
    }

    proptest! {
        #[test]
        fn cursor_round_trip(offsets in proptest::collection::btree_map(prop_oneof![0u32..20, 0u32..100_000], any::<u64>(), 0..40)) {
            let cursor = Cursor(offsets.into_iter().map(|(p, o)| (p, Offset(o))).collect());
            prop_assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
        }

        #[test]
        fn noise_is_no_cursor_or_one_that_reads_back(noise in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Some(cursor) = read_cursor(&noise) {
                prop_assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
            }
        }
    }
}
