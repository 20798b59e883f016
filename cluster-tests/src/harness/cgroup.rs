//! A bound on the memory of one process, by a control group of the first version: those of the
//! second are given out by whoever started this machine, and not to be taken.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use super::machine::is_root;

const MEMORY: &str = "/sys/fs/cgroup/memory";
/// The group that everything is in from the start.
const ROOT: &str = "/sys/fs/cgroup/memory/cgroup.procs";

/// Groups of this process, for names.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A control group for memory, removed at the end.
#[derive(Debug)]
pub struct MemoryGroup {
    folder: PathBuf,
}

/// Whether memory can be bounded here; the error says why not.
pub fn possible() -> Result<(), String> {
    if is_root() && Path::new(ROOT).exists() {
        return Ok(());
    }
    Err("it takes root and control groups of version 1".to_owned())
}

impl MemoryGroup {
    /// Makes one, without members.
    pub fn new() -> Result<MemoryGroup> {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(MEMORY).join(format!("rampart-{}-{count}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Ok(MemoryGroup { folder })
    }

    /// Takes a process in, with what it uses from now on, and lets the group use so much.
    pub fn bound(&self, pid: u32, bytes: u64) -> Result<()> {
        fs::write(self.folder.join("memory.limit_in_bytes"), bytes.to_string())?;
        Ok(fs::write(self.folder.join("cgroup.procs"), pid.to_string())?)
    }

    /// Lets its members go; nothing if they have ended.
    pub fn release(&self) -> Result<()> {
        fs::write(self.folder.join("memory.limit_in_bytes"), "-1")?;
        for pid in fs::read_to_string(self.folder.join("cgroup.procs"))?.lines() {
            // It may have ended just now.
            let _ = fs::write(ROOT, pid);
        }
        Ok(())
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // Refused as long as it has members; then the next run finds it.
        let _ = (self.release(), fs::remove_dir(&self.folder));
    }
}
