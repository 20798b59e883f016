//! A library that is loaded before the system's into processes under test, and the knobs by which
//! it makes their disk fail and their clock wrong while they run.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::machine::tool;

const SOURCE: &str = include_str!("shim.c");
/// Eight numbers of eight bytes.
const KNOBS_BYTES: u64 = 64;

/// The error number of a failing disk, everywhere on Linux.
pub const EIO: i64 = 5;

/// What can be turned, by its place in the file; zero is off. The order of shim.c.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knob {
    /// fsync and fdatasync fail with this error number.
    SyncError,
    /// They take so much longer.
    SyncDelayUs,
    /// pread fails with this error number.
    ReadError,
    /// write and pwrite to files take so much longer.
    WriteDelayUs,
    /// The wall clock is so much ahead, or behind.
    ClockOffsetNs,
    /// The offset is there and gone in turn, each for so long.
    ClockStrobeNs,
}

/// Every knob.
pub const KNOBS: [Knob; 6] = [
    Knob::SyncError,
    Knob::SyncDelayUs,
    Knob::ReadError,
    Knob::WriteDelayUs,
    Knob::ClockOffsetNs,
    Knob::ClockStrobeNs,
];

/// The compiled library.
#[derive(Debug)]
pub struct Shim {
    library: PathBuf,
}

impl Shim {
    /// Compiles it into a folder; an error where there is no C compiler.
    pub fn compile(folder: &Path) -> Result<Shim> {
        let (source, library) = (folder.join("shim.c"), folder.join("shim.so"));
        std::fs::write(&source, SOURCE)?;
        let args = ["-O2", "-shared", "-fPIC", "-o"].map(OsStr::new);
        tool("cc", &[&args[..], &[library.as_ref(), source.as_ref(), "-ldl".as_ref()]].concat())?;
        Ok(Shim { library })
    }

    /// What a process needs in its environment to be governed by these knobs.
    pub fn environment(&self, knobs: &Knobs) -> Vec<(&'static str, OsString)> {
        let library = self.library.clone().into();
        vec![("LD_PRELOAD", library), ("SHIM_KNOBS", knobs.path.clone().into())]
    }
}

/// The knobs of one process. They outlive it: its next life finds them as they are.
#[derive(Debug)]
pub struct Knobs {
    path: PathBuf,
}

impl Knobs {
    /// All off.
    pub fn new(path: &Path) -> Result<Knobs> {
        File::create(path)?.set_len(KNOBS_BYTES)?;
        Ok(Knobs { path: path.to_owned() })
    }

    /// Turns one; the process sees it at its next call.
    pub fn turn(&self, knob: Knob, value: i64) -> Result<()> {
        let file = File::options().write(true).open(&self.path);
        let file = file.with_context(|| self.path.display().to_string())?;
        file.write_all_at(&value.to_ne_bytes(), knob as u64 * 8)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_knob_has_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let knobs = Knobs::new(&folder.path().join("knobs")).unwrap();
        for (place, knob) in KNOBS.into_iter().enumerate() {
            knobs.turn(knob, place as i64 + 1).unwrap();
        }
        let bytes = std::fs::read(&knobs.path).unwrap();
        let values = bytes.chunks(8).map(|eight| eight[0]).collect::<Vec<_>>();
        assert_eq!(values, [1, 2, 3, 4, 5, 6, 0, 0]);
    }
}
