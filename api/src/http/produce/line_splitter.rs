//! Cuts a streamed body into lines, whatever the chunks are.

use bytes::{Bytes, BytesMut};

/// A line that is longer than the limit. Nothing after it can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is longer than {max} bytes")]
pub struct LineTooLong {
    /// Its number, from 1.
    pub line: u64,
    /// The limit.
    pub max: usize,
}

/// Holds at most one unfinished line and the chunks pushed since it was last drained.
#[derive(Debug)]
pub struct LineSplitter {
    buffer: BytesMut,
    /// Bytes of `buffer` known to have no line feed.
    searched: usize,
    line_bytes_max: usize,
    line: u64,
}

impl LineSplitter {
    /// Refuses lines of more than `line_bytes_max`.
    pub fn new(line_bytes_max: usize) -> Self {
        LineSplitter { buffer: BytesMut::new(), searched: 0, line_bytes_max, line: 0 }
    }

    /// Takes what arrived. Call [`Self::next_line`] until it has none before pushing more.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next whole line with its number, without the line feed.
    pub fn next_line(&mut self) -> Result<Option<(u64, Bytes)>, LineTooLong> {
        let found = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n');
        let Some(end) = found.map(|at| self.searched + at) else {
            self.searched = self.buffer.len();
            return self.check(self.buffer.len()).map(|()| None);
        };
        self.check(end)?;
        let mut line = self.buffer.split_to(end + 1);
        line.truncate(end);
        self.searched = 0;
        self.line += 1;
        Ok(Some((self.line, line.freeze())))
    }

    /// The last line, if the body does not end with a line feed.
    pub fn finish(mut self) -> Result<Option<(u64, Bytes)>, LineTooLong> {
        self.check(self.buffer.len())?;
        if self.buffer.is_empty() {
            return Ok(None);
        }
        self.line += 1;
        Ok(Some((self.line, self.buffer.freeze())))
    }

    fn check(&self, bytes: usize) -> Result<(), LineTooLong> {
        if bytes > self.line_bytes_max {
            return Err(LineTooLong { line: self.line + 1, max: self.line_bytes_max });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(chunks: &[&[u8]], max: usize) -> Result<Vec<(u64, Bytes)>, LineTooLong> {
        let mut splitter = LineSplitter::new(max);
        let mut lines = Vec::new();
        for chunk in chunks {
            splitter.push(chunk);
            while let Some(line) = splitter.next_line()? {
                lines.push(line);
            }
        }
        lines.extend(splitter.finish()?);
        Ok(lines)
    }

    #[test]
    fn too_long_a_line_is_named() {
        assert_eq!(split(&[b"ab\nabc\n"], 2), Err(LineTooLong { line: 2, max: 2 }));
        assert_eq!(split(&[b"ab\nab", b"c"], 2), Err(LineTooLong { line: 2, max: 2 }));
        assert!(split(&[b"ab\nab"], 2).is_ok());
    }

    proptest! {
        #[test]
        fn chunks_do_not_matter(text in "[ab\n]{0,60}", cuts in proptest::collection::vec(0..60usize, 0..6)) {
            let whole = split(&[text.as_bytes()], 100).unwrap();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks: Vec<_> =
                cuts.windows(2).map(|w| &text.as_bytes()[w[0]..w[1]]).collect();
            prop_assert_eq!(&split(&chunks, 100).unwrap(), &whole);
            let expected: Vec<_> = text.lines().map(str::as_bytes).collect();
            let lines: Vec<_> = whole.iter().map(|(_, line)| &line[..]).collect();
            prop_assert_eq!(lines, expected);
            prop_assert!(whole.iter().enumerate().all(|(i, (n, _))| *n == i as u64 + 1));
        }
    }
}
