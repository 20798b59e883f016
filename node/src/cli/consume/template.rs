//! How a record is printed: kcat's letters.

use std::str::FromStr;

use rampart_api::http::encoding::Encoding;
use rampart_api::http::fetch::{Layout, RecordPosition, write_record};
use rampart_api::model::record_batch::Record;

/// `-f`, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Template {
    /// One JSON object a line, as the HTTP interface gives it.
    Json,
    /// Pieces.
    Pieces(Vec<Piece>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(Vec<u8>),
    Headers,
    Key,
    Offset,
    Partition,
    Timestamp,
    Topic,
    Value,
    ValueSize,
}

impl Default for Template {
    fn default() -> Self {
        Template::Pieces(vec![Piece::Value, Piece::Text(b"\n".to_vec())])
    }
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let piece = match character {
                '%' => match field(characters.next())? {
                    Some(piece) => piece,
                    None => {
                        plain.push('%');
                        continue;
                    }
                },
                '\\' => {
                    plain.push(escaped(characters.next())?);
                    continue;
                }
                other => {
                    plain.push(other);
                    continue;
                }
            };
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain).into_bytes()));
            }
            pieces.push(piece);
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain.into_bytes()));
        }
        Ok(Template::Pieces(pieces))
    }
}

/// What a letter after % stands for; `None` is the percent sign itself.
fn field(letter: Option<char>) -> Result<Option<Piece>, String> {
    Ok(Some(match letter {
        Some('h') => Piece::Headers,
        Some('k') => Piece::Key,
        Some('o') => Piece::Offset,
        Some('p') => Piece::Partition,
        Some('t') => Piece::Topic,
        Some('v' | 's') => Piece::Value,
        Some('S') => Piece::ValueSize,
        Some('T') => Piece::Timestamp,
        Some('%') => return Ok(None),
        Some(other) => return Err(format!("%{other} is none of %v %k %t %p %o %T %h %S %%")),
        None => return Err("a letter is missing after the last %".to_owned()),
    }))
}

fn escaped(character: Option<char>) -> Result<char, String> {
    match character {
        Some('n') => Ok('\n'),
        Some('r') => Ok('\r'),
        Some('t') => Ok('\t'),
        Some('0') => Ok('\0'),
        Some('\\') => Ok('\\'),
        Some(other) => Err(format!("\\{other} is none of \\n \\r \\t \\0 \\\\")),
        None => Err("a letter is missing after the last \\".to_owned()),
    }
}

impl Template {
    /// Appends a record. What is null is printed as nothing.
    pub(super) fn write(&self, out: &mut Vec<u8>, position: RecordPosition<'_>, record: &Record) {
        let pieces = match self {
            Template::Json => {
                write_record(out, position, record, Encoding::Json, Layout::Line);
                out.push(b'\n');
                return;
            }
            Template::Pieces(pieces) => pieces,
        };
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Headers => write_headers(out, record),
                Piece::Key => out.extend_from_slice(record.key.as_deref().unwrap_or_default()),
                Piece::Offset => out.extend_from_slice(position.offset.to_string().as_bytes()),
                Piece::Partition => {
                    out.extend_from_slice(position.partition.to_string().as_bytes());
                }
                Piece::Timestamp => {
                    out.extend_from_slice(record.timestamp_ms.to_string().as_bytes());
                }
                Piece::Topic => out.extend_from_slice(position.topic.as_bytes()),
                Piece::Value => out.extend_from_slice(record.value.as_deref().unwrap_or_default()),
                Piece::ValueSize => {
                    let size = record.value.as_ref().map_or(0, |value| value.len());
                    out.extend_from_slice(size.to_string().as_bytes());
                }
            }
        }
    }
}

/// `name=value,name=value`.
fn write_headers(out: &mut Vec<u8>, record: &Record) {
    for (index, (name, value)) in record.headers.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        out.extend_from_slice(value.as_deref().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn printed(template: &Template) -> String {
        let record = Record {
            offset_delta: 0,
            timestamp_ms: 1_700,
            key: Some(Bytes::from_static(b"ABE")),
            value: Some(Bytes::from_static(b"{\"n\":1}")),
            headers: vec![("a".to_owned(), Some(Bytes::from_static(b"1"))), ("b".to_owned(), None)],
        };
        let mut out = Vec::new();
        let position = RecordPosition { topic: "flights", partition: 2, offset: 17 };
        template.write(&mut out, position, &record);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn letters_stand_for_fields() {
        let cases = [
            ("%k %v\\n", "ABE {\"n\":1}\n"),
            ("%t/%p@%o\\t%T %S%%", "flights/2@17\t1700 7%"),
            ("[%h]", "[a=1,b=]"),
            ("", ""),
        ];
        for (template, expected) in cases {
            assert_eq!(printed(&template.parse().unwrap()), expected, "{template}");
        }
        assert_eq!(printed(&Template::default()), "{\"n\":1}\n");
    }

    #[test]
    fn json_is_the_interface_own_shape() {
        let text = printed(&Template::Json);
        assert!(text.starts_with(r#"{"topic":"flights","partition":2,"offset":17,"#), "{text}");
        assert!(text.ends_with("}\n"));
    }

    #[test]
    fn unknown_letters_are_named() {
        for (template, expected) in [("%x", "%x is none of"), ("%", "missing"), ("\\q", "none of")]
        {
            let error = template.parse::<Template>().unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
