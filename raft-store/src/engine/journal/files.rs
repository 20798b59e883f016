//! Files of the store: their names, and how they are opened. They are written past the page cache
//! where the file system can do that: what was written behind is read seldom, and a journal never.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rampart_api::model::ids::GroupId;
use rustix::fs::OFlags;

const JOURNAL: &str = "journal-";
const SEGMENT: &str = ".segment";
/// Digits of a number in a name, so that names sort as numbers.
const DIGITS: usize = 12;

/// Name of a file of the journal.
pub(super) fn journal_name(number: u64) -> String {
    format!("{JOURNAL}{number:0DIGITS$}")
}

/// Its number.
pub(super) fn journal_number(name: &str) -> Option<u64> {
    name.strip_prefix(JOURNAL)?.parse().ok()
}

/// Name of a group's segment.
pub(super) fn segment_name(group: GroupId, number: u64) -> String {
    format!("{}-{number:0DIGITS$}{SEGMENT}", group.0)
}

/// Its group and number.
pub(super) fn segment_number(name: &str) -> Option<(GroupId, u64)> {
    let (group, number) = name.strip_suffix(SEGMENT)?.split_once('-')?;
    Some((GroupId(group.parse().ok()?), number.parse().ok()?))
}

/// Opens a file to write to it past the page cache, or through it where that is refused.
pub(super) fn open_direct(path: &Path, create: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(create).truncate(false);
    let direct = i32::try_from(OFlags::DIRECT.bits()).unwrap_or(0);
    match options.clone().custom_flags(direct).open(path) {
        // tmpfs and some network file systems have none.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => options.open(path),
        opened => opened,
    }
}

/// What was created, renamed or removed in a directory outlives a power cut.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_are_made_of() {
        assert_eq!(journal_name(7), "journal-000000000007");
        assert_eq!(journal_number(&journal_name(7)), Some(7));
        assert_eq!(segment_name(GroupId(12), 3), "12-000000000003.segment");
        assert_eq!(segment_number("12-000000000003.segment"), Some((GroupId(12), 3)));
        for other in ["journal", "journal-x", "12.segment", "a-1.segment", "000012.sst"] {
            assert_eq!((journal_number(other), segment_number(other)), (None, None), "{other}");
        }
    }
}
