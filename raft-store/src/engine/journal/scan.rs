//! Reads the journal from a block on. It ends where the next block is not: torn, never acknowledged,
//! unless something behind it says that it was synced. Then it is damage, and nothing is opened.
//! Enforces INV-18.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use bytes::Bytes;

use super::aligned::ALIGN;
use super::block::{HEADER_BYTES, Header};
use super::files;
use super::ring::FileHeader;
use crate::engine::rocks::open::file_names;

/// Why the journal can't be read.
#[derive(Debug)]
pub(super) enum Flaw {
    /// The disk does not give it.
    Unreadable(io::Error),
    /// What was synced is not there.
    Damaged(String),
}

impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Flaw {
        Flaw::Unreadable(error)
    }
}

/// Where the journal ends.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// The last block.
    pub(super) last: u64,
    /// File and position behind it; nothing if no file is in use.
    pub(super) at: Option<(u64, u64)>,
    /// The files in use, oldest first.
    pub(super) live: Vec<FileHeader>,
    /// Numbers of the others.
    pub(super) free: Vec<u64>,
    /// Something was there behind the end: it was torn.
    pub(super) is_torn: bool,
}

/// The files of a journal and what they say about themselves.
struct Found {
    headers: Vec<FileHeader>,
    /// Numbers of those without a header, or with that of an earlier use.
    strays: Vec<u64>,
}

fn find(dir: &Path) -> io::Result<Found> {
    let (mut headers, mut strays) = (Vec::new(), Vec::new());
    for name in file_names(dir)? {
        let Some(number) = files::journal_number(&name) else { continue };
        let file = match File::open(dir.join(&name)) {
            Ok(file) => file,
            // A running node used it again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut start = [0; ALIGN];
        let read = read_at(&file, &mut start, 0)?;
        match FileHeader::decode(&start[..read]).filter(|header| header.number == number) {
            Some(header) => headers.push(header),
            None => strays.push(number),
        }
    }
    headers.sort_unstable_by_key(|header| header.number);
    strays.sort_unstable();
    Ok(Found { headers, strays })
}

/// Reads as much as there is.
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], at + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// Reads every block behind this one, in order. `synced` is the last block that is known to be
/// synced, from elsewhere.
pub(super) fn scan(
    dir: &Path,
    written: u64,
    synced: u64,
    mut each: impl FnMut(u64, Bytes) -> Result<(), Flaw>,
) -> Result<End, Flaw> {
    let Found { headers, strays } = find(dir)?;
    let start = headers.iter().rposition(|header| header.first <= written + 1);
    if start.is_none() && !headers.is_empty() {
        let first = headers[0].first;
        let what = format!(
            "the journal begins at block {first}, but the index has it only up to {written}"
        );
        return Err(Flaw::Damaged(what));
    }
    let live: Vec<FileHeader> = start.map_or_else(Vec::new, |start| headers[start..].to_vec());
    let free = headers[..start.unwrap_or(0)].iter().map(|header| header.number);
    let mut end =
        End { last: written, free: free.chain(strays.iter().copied()).collect(), ..End::default() };
    for (number, header) in live.iter().enumerate() {
        let name = files::journal_name(header.number);
        // Numbers may be left out: a file may have been named and not begun.
        if number > 0 && header.first != end.last + 1 {
            // A file is begun when all before it is synced.
            let next = end.last + 1;
            return Err(Flaw::Damaged(format!("{name} begins behind block {next}, which is bad")));
        }
        let file = File::open(dir.join(&name))?;
        if number == 0 {
            end.last = header.first - 1;
        }
        let at = blocks(&file, &mut end.last, |sequence, changes| match sequence > written {
            true => each(sequence, changes),
            false => Ok(()),
        })?;
        end.at = Some((header.number, at));
        end.live.push(*header);
    }
    end.is_torn = check_end(dir, &end)?;
    if end.last < written.max(synced) {
        let name =
            end.at.map_or("the journal".to_owned(), |(number, _)| files::journal_name(number));
        let (last, known) = (end.last, written.max(synced));
        let what = format!("{name} ends at block {last}, but blocks up to {known} were synced");
        return Err(Flaw::Damaged(what));
    }
    Ok(end)
}

/// The blocks of a file that follow each other; answers where they end.
fn blocks(
    file: &File,
    last: &mut u64,
    mut each: impl FnMut(u64, Bytes) -> Result<(), Flaw>,
) -> Result<u64, Flaw> {
    let mut at = ALIGN as u64;
    while let Some((header, block)) = block_at(file, at)? {
        if header.sequence != *last + 1 {
            break;
        }
        each(header.sequence, block.slice(HEADER_BYTES..HEADER_BYTES + header.length))?;
        *last = header.sequence;
        at += header.block_bytes() as u64;
    }
    Ok(at)
}

/// A whole block, if there is one.
fn block_at(file: &File, at: u64) -> io::Result<Option<(Header, Bytes)>> {
    let mut start = [0; HEADER_BYTES];
    let read = read_at(file, &mut start, at)?;
    let Some(header) = Header::decode(&start[..read]) else { return Ok(None) };
    // Not yet known to be true: no more memory than the file can fill.
    let left = file.metadata()?.len().saturating_sub(at);
    if header.block_bytes() as u64 > left {
        return Ok(None);
    }
    let mut block = vec![0; header.block_bytes()];
    let read = read_at(file, &mut block, at)?;
    Ok((read == block.len() && header.fits(&block)).then(|| (header, block.into())))
}

/// Looks behind the end for blocks that say that the one that is missing there was synced. Answers
/// whether anything new is there at all.
fn check_end(dir: &Path, end: &End) -> Result<bool, Flaw> {
    let Some((number, mut at)) = end.at else { return Ok(false) };
    let name = files::journal_name(number);
    let file = File::open(dir.join(&name))?;
    let (missing, length) = (end.last + 1, file.metadata()?.len());
    let mut is_torn = at < length && Header::is_of(&file_start(&file, at)?, missing);
    while at < length {
        let start = file_start(&file, at)?;
        let later = Header::decode(&start).filter(|header| header.sequence > missing);
        if later.is_some_and(|header| header.synced >= missing)
            && let Some((header, _)) = block_at(&file, at)?
        {
            let (later, synced) = (header.sequence, header.synced);
            let what = format!(
                "{name}: block {missing} is bad, but block {later} behind it says that {synced} were synced"
            );
            return Err(Flaw::Damaged(what));
        }
        is_torn |= later.is_some();
        at += ALIGN as u64;
    }
    Ok(is_torn)
}

fn file_start(file: &File, at: u64) -> io::Result<[u8; HEADER_BYTES]> {
    let mut start = [0; HEADER_BYTES];
    read_at(file, &mut start, at)?;
    Ok(start)
}
