//! Bounds on one process, by a control group of the first version: those of the second are given
//! out by whoever started this machine, and not to be taken.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use rustix::fs::{major, minor, stat};

use super::machine::is_root;

const ROOT: &str = "/sys/fs/cgroup";
const MEMBERS: &str = "cgroup.procs";
const MEMORY_BOUND: &str = "memory.limit_in_bytes";
const WRITES_BOUND: &str = "blkio.throttle.write_bps_device";

/// Groups of this process, for names.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// What can be bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bounded {
    /// Memory, page cache and all.
    Memory,
    /// What is written to a disk in a second.
    Writes,
}

impl Bounded {
    fn root(self) -> PathBuf {
        Path::new(ROOT).join(match self {
            Bounded::Memory => "memory",
            Bounded::Writes => "blkio",
        })
    }

    /// Whether it can be bounded here; the error says why not.
    pub fn possible(self) -> Result<(), String> {
        if is_root() && self.root().join(MEMBERS).exists() {
            return Ok(());
        }
        Err("it takes root and control groups of version 1".to_owned())
    }
}

/// A control group with one process, removed at the end.
#[derive(Debug)]
pub struct Group {
    folder: PathBuf,
}

impl Group {
    /// Lets a process use so much memory, counted from now on.
    pub fn with_memory(pid: u32, bytes: u64) -> Result<Group> {
        Group::make(Bounded::Memory, pid, MEMORY_BOUND, &bytes.to_string())
    }

    /// Lets a process write so many bytes a second to the disk that is mounted here. What it syncs
    /// is bounded, not what only lies in the page cache.
    pub fn with_writes(pid: u32, mount: &Path, bytes: u64) -> Result<Group> {
        let device = stat(mount)?.st_dev;
        let bound = format!("{}:{} {bytes}", major(device), minor(device));
        Group::make(Bounded::Writes, pid, WRITES_BOUND, &bound)
    }

    fn make(what: Bounded, pid: u32, file: &str, bound: &str) -> Result<Group> {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = what.root().join(format!("rampart-{}-{count}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let group = Group { folder };
        fs::write(group.folder.join(file), bound)?;
        fs::write(group.folder.join(MEMBERS), pid.to_string())?;
        Ok(group)
    }

    /// Lets its members go; nothing if they have ended.
    fn release(&self) -> Result<()> {
        let memory = self.folder.join(MEMORY_BOUND);
        if memory.exists() {
            fs::write(memory, "-1")?;
        }
        let root = self.folder.parent().context("a group is in another")?.join(MEMBERS);
        for pid in fs::read_to_string(self.folder.join(MEMBERS))?.lines() {
            // It may have ended just now.
            let _ = fs::write(&root, pid);
        }
        Ok(())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Refused as long as it has members; then the next run finds it.
        let _ = (self.release(), fs::remove_dir(&self.folder));
    }
}
