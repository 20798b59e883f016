//! A disk of its own: an ext4 in a file. It fills up when its size is reached, and its power can be
//! cut: what was not synced is then gone, as on a real machine.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::machine::tool;

/// `FS_IOC_SHUTDOWN`: the file system takes no writes from now on.
const SHUTDOWN: rustix::ioctl::Opcode = 0x8004_587d;
/// Its argument: not even the journal is written.
const WITHOUT_LOG_FLUSH: u32 = 2;

/// An ext4 in a file, unmounted at the end.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    mount: PathBuf,
    _folder: Option<TempDir>,
}

impl Disk {
    /// Makes and mounts one in a folder that goes with it; an error where this user may not.
    pub fn temporary(mib: u64) -> Result<Disk> {
        let folder = TempDir::with_prefix("rampart-disk-")?;
        let mut disk = Disk::make(&folder.path().join("mount"), mib)?;
        disk._folder = Some(folder);
        Ok(disk)
    }

    /// Makes one beside the place where it is mounted.
    pub fn make(mount: &Path, mib: u64) -> Result<Disk> {
        let image = mount.with_extension("img");
        File::create(&image)?.set_len(mib << 20)?;
        std::fs::create_dir(mount)?;
        // Without the share that ext4 keeps back for root: the nodes are root.
        let args = ["-q", "-F", "-m", "0"].map(OsStr::new);
        tool("mkfs.ext4", &[&args[..], &[image.as_ref()]].concat())?;
        let disk = Disk { image, mount: mount.to_owned(), _folder: None };
        disk.mount()?;
        Ok(disk)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.mount
    }

    /// Cuts its power: nothing is written any more. Whoever has it open gets errors.
    pub fn cut_power(&self) -> Result<()> {
        cut_power(&self.mount)
    }

    /// Gives it power again: it is unmounted, which nobody may hinder by an open file, and mounted.
    pub fn power_on(&self) -> Result<()> {
        tool("umount", &[self.mount.as_ref()])?;
        self.mount()
    }

    fn mount(&self) -> Result<()> {
        tool("mount", &["-o".as_ref(), "loop".as_ref(), self.image.as_ref(), self.mount.as_ref()])
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, for a process may still hold a file; a failure leaves a mount for the next boot.
        let _ = Command::new("umount").arg("-l").arg(&self.mount).output();
    }
}

/// Cuts the power of the file system that is mounted here: what it has not written yet is lost.
#[expect(unsafe_code)]
pub fn cut_power(mount: &Path) -> Result<()> {
    let root = File::open(mount).with_context(|| mount.display().to_string())?;
    // SAFETY: the kernel reads one u32 behind the pointer, which the setter holds, and touches
    // no other memory of this process; on a file system without the call it answers an error.
    let cut = unsafe {
        let how = rustix::ioctl::Setter::<SHUTDOWN, u32>::new(WITHOUT_LOG_FLUSH);
        rustix::ioctl::ioctl(&root, how)
    };
    cut.with_context(|| format!("FS_IOC_SHUTDOWN of {}", mount.display()))
}
