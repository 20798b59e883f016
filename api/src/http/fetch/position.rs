//! Where to read from: `?offset=` of one partition, `?cursor=` of all.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::model::ids::{Offset, PartitionId};
use crate::model::limits::PARTITIONS_PER_TOPIC_MAX;

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
/// reads over all partitions. As text `0.15_1.20`, which needs no escaping anywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor(pub BTreeMap<PartitionId, Offset>);

/// A text that is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no cursor; send back a next_cursor as it was given")]
pub struct CursorError(String);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (partition, offset)) in self.0.iter().enumerate() {
            let separator = if index > 0 { "_" } else { "" };
            write!(f, "{separator}{partition}.{offset}")?;
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || CursorError(text.chars().take(40).collect());
        let mut offsets = BTreeMap::new();
        if text.is_empty() {
            return Ok(Cursor(offsets));
        }
        for part in text.split('_').take(PARTITIONS_PER_TOPIC_MAX as usize + 1) {
            let (partition, offset) = part.split_once('.').ok_or_else(error)?;
            let partition = partition.parse().map_err(|_| error())?;
            let offset = offset.parse().map_err(|_| error())?;
            if partition >= PARTITIONS_PER_TOPIC_MAX || offsets.insert(partition, offset).is_some()
            {
                return Err(error());
            }
        }
        Ok(Cursor(offsets))
    }
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
        for text in ["x", "1", "1.", ".1", "1.2_", "1.2_1.3", "1.2,3.4", "10000.1", "-1.2"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn cursor_round_trip(offsets in proptest::collection::btree_map(0u32..10_000, any::<u64>(), 0..20)) {
            let cursor = Cursor(offsets.into_iter().map(|(p, o)| (p, Offset(o))).collect());
            prop_assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
        }
    }
}
