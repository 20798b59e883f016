//! Where to start reading, as people write it.

use std::str::FromStr;

use rampart_api::client::FetchFrom;
use rampart_api::http::fetch::OffsetParam;

/// `-o`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position(pub(super) FetchFrom);

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(time) = text.strip_prefix('@') {
            let ms = time.parse().map_err(|_| {
                format!(
                    "@ is followed by milliseconds since 1970, such as @1700000000000, not {time:?}"
                )
            })?;
            return Ok(Position(FetchFrom::Timestamp(ms)));
        }
        let offset: OffsetParam =
            text.parse().map_err(|error| format!("{error}, or @ and a time"))?;
        Ok(Position(FetchFrom::Offset(offset)))
    }
}

#[cfg(test)]
mod tests {
    use rampart_api::model::ids::Offset;

    use super::*;

    #[test]
    fn positions_read_as_documented() {
        let cases = [
            ("earliest", FetchFrom::Offset(OffsetParam::Earliest)),
            ("latest", FetchFrom::Offset(OffsetParam::Latest)),
            ("17", FetchFrom::Offset(OffsetParam::At(Offset(17)))),
            ("-5", FetchFrom::Offset(OffsetParam::FromEnd(5))),
            ("@1700000000000", FetchFrom::Timestamp(1_700_000_000_000)),
        ];
        for (text, from) in cases {
            assert_eq!(text.parse(), Ok(Position(from)), "{text}");
        }
        for text in ["", "beginning", "@yesterday", "-x", "1.5"] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }
}
