//! What is done to a file: the n-th damage of a template is drawn from its number. The first ones
//! cut the write-ahead log at every byte of its last record, with both marks.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::records::records;
use super::template::MarkAt;

const SECTOR: usize = 512;
/// RocksDB's footer of a table.
const FOOTER: usize = 53;
/// Where index and properties of a small table lie, before the footer.
const TABLE_END: usize = 1_500;
/// A last record longer than this is cut at so many of its bytes only.
const LAST_RECORD_BYTES: usize = 400;
/// A harm that changes nothing is drawn again so often.
const TRIES: u32 = 50;

/// A file and its bytes.
type Content = (String, Vec<u8>);

/// One damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Harm {
    /// What it is, for the summary.
    pub(super) name: String,
    /// The damaged file.
    pub(super) file: String,
    /// Its class.
    pub(super) class: &'static str,
    /// Which mark lies beside it.
    pub(super) mark: MarkAt,
    /// The new content, or nothing if the file is gone.
    content: Option<Vec<u8>>,
}

impl Harm {
    /// Does it.
    pub(super) fn apply(&self, dir: &Path) -> Result<()> {
        let path = dir.join(&self.file);
        match &self.content {
            Some(content) => std::fs::write(path, content)?,
            None => std::fs::remove_file(path)?,
        }
        Ok(())
    }
}

/// The class of a file, by its name; nothing for those that are not damaged.
fn class(name: &str) -> Option<&'static str> {
    let is = |start: &str| name.starts_with(start);
    match () {
        () if name.ends_with(".log") => Some("write-ahead log"),
        () if is("journal-") => Some("journal"),
        () if name.ends_with(".segment") => Some("segment"),
        () if name.ends_with(".sst") => Some("table"),
        () if is("MANIFEST") => Some("manifest"),
        () if is("CURRENT") => Some("current"),
        () if is("OPTIONS") => Some("options"),
        () if is("SYNCED") => Some("synced mark"),
        () if is("FORMAT") => Some("format"),
        () if is("IDENTITY") => Some("identity"),
        () if is("LOG") => Some("text log"),
        () => None,
    }
}

/// The n-th damage.
pub(super) fn draw(
    number: u64,
    files: &[Content],
    earlier: &[Content],
    rng: &mut StdRng,
) -> Result<Harm> {
    if let Some(harm) = every_byte_of_the_last_record(number, files) {
        return Ok(harm);
    }
    for _ in 0..TRIES {
        let (file, class, content) = pick(files, rng).context("no files")?;
        let before = earlier.iter().find(|(name, _)| name == file).map(|(_, bytes)| &bytes[..]);
        // A manifest that went on after the mark has more behind it than the mark can say.
        let has_mark = class != "manifest" || before == Some(content);
        let mark = match has_mark && rng.random_bool(0.5) {
            true => MarkAt::Before,
            false => MarkAt::End,
        };
        let (how, harmed) = harmed((class, file), content, before, files, rng);
        let is_same = harmed.as_ref() == Some(content);
        if !is_same {
            let name = format!("{class}: {how}");
            return Ok(Harm { name, file: file.clone(), class, mark, content: harmed });
        }
    }
    anyhow::bail!("no damage was found in {TRIES} tries")
}

/// Each class as often as any other, since there are many tables and one manifest; but those that
/// hold what was acknowledged more often.
fn pick<'a>(
    files: &'a [Content],
    rng: &mut StdRng,
) -> Option<(&'a String, &'static str, &'a Vec<u8>)> {
    let mut classes: Vec<&str> = files.iter().filter_map(|(name, _)| class(name)).collect();
    classes.sort_unstable();
    classes.dedup();
    let telling = ["write-ahead log", "journal", "segment", "manifest", "table"];
    let is_there = |class: &&str| classes.contains(class);
    let more: Vec<&str> = telling.into_iter().filter(is_there).collect();
    classes.extend(more.iter().chain(&more).copied());
    let wanted = classes[rng.random_range(0..classes.len())];
    let of_class: Vec<_> = files.iter().filter(|(name, _)| class(name) == Some(wanted)).collect();
    let (name, bytes) = of_class.get(rng.random_range(0..of_class.len().max(1)))?;
    Some((name, class(name)?, bytes))
}

fn every_byte_of_the_last_record(number: u64, files: &[Content]) -> Option<Harm> {
    // A journal beside a write-ahead log, which is empty then, is the last of them by name.
    let is_log = |(name, bytes): &&Content| {
        matches!(class(name), Some("write-ahead log" | "journal"))
            && !records(name, bytes).is_empty()
    };
    let (file, bytes) = files.iter().rfind(is_log)?;
    let last = *records(file, bytes).last()?;
    let class = class(file)?;
    let missing = usize::try_from(number / 2).ok()?;
    if missing >= last.bytes || missing >= LAST_RECORD_BYTES {
        return None;
    }
    Some(Harm {
        name: format!("{class}: cut at each byte of the last record"),
        file: file.clone(),
        class,
        mark: if number.is_multiple_of(2) { MarkAt::End } else { MarkAt::Before },
        content: Some(bytes[..last.at + missing].to_vec()),
    })
}

fn harmed(
    (class, name): (&str, &str),
    bytes: &[u8],
    before: Option<&[u8]>,
    files: &[Content],
    rng: &mut StdRng,
) -> (&'static str, Option<Vec<u8>>) {
    let mut new = bytes.to_vec();
    let length = bytes.len();
    match rng.random_range(0..20) {
        0 => return ("gone", None),
        1 => return ("empty", Some(Vec::new())),
        2..5 => {
            new.truncate(rng.random_range(0..length.max(1)));
            return ("shorter", Some(new));
        }
        5 => {
            let more = rng.random_range(1..200);
            new.resize(length + more, 0);
            rng.fill_bytes(&mut new[length..]);
            return ("longer", Some(new));
        }
        6..8 => {
            fill(&mut new, sector(length, rng), None);
            return ("a sector of zeros", Some(new));
        }
        8..10 => {
            let sector = sector(length, rng);
            let old =
                before.map(|old| &old[sector.start.min(old.len())..sector.end.min(old.len())]);
            fill(&mut new, sector, Some(old.unwrap_or_default()));
            return ("a sector of before", Some(new));
        }
        10 => {
            let (_, other) = &files[rng.random_range(0..files.len())];
            let from = self::sector(other.len(), rng);
            fill(&mut new, sector(length, rng), Some(&other[from]));
            return ("a sector from elsewhere", Some(new));
        }
        11 => return ("as it was before", before.map(<[u8]>::to_vec).or(Some(new))),
        _ => {}
    }
    let (part, range) = part((class, name), bytes, rng);
    if !range.is_empty() {
        let at = rng.random_range(range);
        new[at] ^= 1 << rng.random_range(0..8);
    }
    (part, Some(new))
}

/// A part of a file, for a bit to flip in it.
fn part(
    (class, name): (&str, &str),
    bytes: &[u8],
    rng: &mut StdRng,
) -> (&'static str, Range<usize>) {
    let length = bytes.len();
    match class {
        "write-ahead log" | "journal" | "manifest" => {
            let records = records(name, bytes);
            match records.is_empty() {
                true => ("a bit", 0..length),
                false => {
                    let record = records[rng.random_range(0..records.len())];
                    match rng.random_bool(0.5) {
                        true => ("a bit of a record's header", record.header()),
                        false => ("a bit of a record", record.payload()),
                    }
                }
            }
        }
        "table" => {
            let footer = length.saturating_sub(FOOTER);
            let end = footer.saturating_sub(TABLE_END);
            match rng.random_range(0..3) {
                0 => ("a bit of the footer", footer..length),
                1 => ("a bit of index and properties", end..footer),
                _ => ("a bit of a block", 0..end),
            }
        }
        _ => ("a bit", 0..length),
    }
}

fn sector(length: usize, rng: &mut StdRng) -> Range<usize> {
    let start = rng.random_range(0..=length.saturating_sub(1) / SECTOR) * SECTOR;
    start..(start + SECTOR).min(length)
}

/// Puts other bytes there, and zeros where there are too few.
fn fill(bytes: &mut [u8], range: Range<usize>, from: Option<&[u8]>) {
    let from = from.unwrap_or_default();
    for (offset, byte) in bytes[range].iter_mut().enumerate() {
        *byte = from.get(offset).copied().unwrap_or(0);
    }
}
