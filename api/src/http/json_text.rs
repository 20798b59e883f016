//! JSON as text: the nesting check that runs before any parser, and writing strings.

use memchr::memchr2;

use crate::model::limits::JSON_DEPTH_MAX;

/// A body that nests deeper than [`JSON_DEPTH_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("JSON nests deeper than {JSON_DEPTH_MAX} levels at byte {position}")]
pub struct TooDeep {
    /// The bracket that is too many.
    pub position: usize,
}

/// Counts brackets outside strings, in one pass and without memory. Says nothing about syntax.
pub fn check_depth(text: &[u8]) -> Result<(), TooDeep> {
    let mut depth = 0usize;
    let mut position = 0;
    while position < text.len() {
        match text[position] {
            b'"' => position = end_of_string(text, position + 1),
            b'{' | b'[' => {
                depth += 1;
                if depth > JSON_DEPTH_MAX {
                    return Err(TooDeep { position });
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        position += 1;
    }
    Ok(())
}

/// Position of the quote that closes the string whose content begins at `from`.
fn end_of_string(text: &[u8], from: usize) -> usize {
    let mut position = from;
    while let Some(found) = text.get(position..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        position += found;
        match text[position] {
            b'"' => return position,
            _ => position += 2,
        }
    }
    text.len()
}

/// Appends a JSON string, quotes and escapes included.
pub fn put_string(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("writing a string to memory can't fail");
}

/// Appends an integer.
pub fn put_integer(out: &mut Vec<u8>, number: impl std::fmt::Display) {
    use std::io::Write;
    write!(out, "{number}").expect("writing to memory can't fail");
}

/// What kind of JSON value a text is, for messages. The text must be valid JSON.
pub(super) fn kind_of(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// A parser's message without its position in the text, which is 1 line long or said elsewhere.
pub(super) fn message_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn depth_is_counted_outside_strings_only() {
        assert_eq!(check_depth(nested(JSON_DEPTH_MAX).as_bytes()), Ok(()));
        let error = check_depth(nested(JSON_DEPTH_MAX + 1).as_bytes()).unwrap_err();
        assert_eq!(error.position, JSON_DEPTH_MAX);
        let brackets = "[".repeat(100);
        for text in [
            format!("\"{brackets}\""),
            format!("{{\"a\\\"{brackets}\":\"\\\\\"}}"),
            format!("\"{brackets}"),
            "[],".repeat(1_000),
            "]]]]".into(),
            "\"\\".into(),
        ] {
            assert_eq!(check_depth(text.as_bytes()), Ok(()), "{text}");
        }
        assert!(check_depth(format!("\"\\\\\"{brackets}").as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "[\\[\\]{}\"\\\\a]{0,200}") {
            let _ = check_depth(text.as_bytes());
        }
    }
}
