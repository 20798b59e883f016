//! A file system of its own in a file, whose power can be cut: what was not synced is gone, and the
//! next mount replays its journal as after a real cut. Takes root and a loop device.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rampart_cluster_tests::harness::disk::cut_power;
use rampart_cluster_tests::harness::machine::tool;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tempfile::TempDir;

const IMAGE_BYTES: u64 = 512 << 20;

/// Kinds of file systems that may be here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ext4,
    Xfs,
}

impl Kind {
    pub(crate) const ALL: [Kind; 2] = [Kind::Ext4, Kind::Xfs];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Ext4 => "ext4",
            Kind::Xfs => "xfs",
        }
    }
}

/// The file system. Unmounted, detached and removed at the end.
#[derive(Debug)]
pub(crate) struct Disk {
    kind: Kind,
    device: PathBuf,
    mount: PathBuf,
    is_mounted: bool,
    _folder: TempDir,
}

impl Disk {
    /// Makes and mounts an empty one below a folder.
    pub(crate) fn new(kind: Kind, below: &Path) -> Result<Disk> {
        let folder = TempDir::with_prefix_in("rampart-crash-", below)?;
        let (image, mount) = (folder.path().join("image"), folder.path().join("mount"));
        File::create(&image)?.set_len(IMAGE_BYTES)?;
        std::fs::create_dir(&mount)?;
        let force = if kind == Kind::Ext4 { "-F" } else { "-f" };
        let program = format!("mkfs.{}", kind.name());
        tool(&program, &["-q".as_ref(), force.as_ref(), image.as_ref()])?;
        let attached = Command::new("losetup").args(["--find", "--show"]).arg(&image).output();
        let attached = attached.context("losetup can't be started")?;
        let said = String::from_utf8_lossy(&attached.stderr).into_owned();
        ensure!(attached.status.success(), "losetup: {said}");
        let device = PathBuf::from(String::from_utf8_lossy(&attached.stdout).trim());
        let mut disk = Disk { kind, device, mount, is_mounted: false, _folder: folder };
        disk.mount()?;
        Ok(disk)
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.mount
    }

    /// The file system takes nothing any more, and what it has not written is lost.
    pub(crate) fn cut_power(&self) -> Result<()> {
        cut_power(&self.mount)
    }

    /// Unmounts and mounts again: the journal is replayed.
    pub(crate) fn remount(&mut self) -> Result<()> {
        self.unmount()?;
        self.mount()
    }

    fn mount(&mut self) -> Result<()> {
        let flags = MountFlags::NOATIME;
        mount(&self.device, &self.mount, self.kind.name(), flags, None)
            .with_context(|| format!("mount {}", self.device.display()))?;
        self.is_mounted = true;
        Ok(())
    }

    fn unmount(&mut self) -> Result<()> {
        unmount(&self.mount, UnmountFlags::empty()).context("umount")?;
        self.is_mounted = false;
        Ok(())
    }

    /// How full it is, in percent.
    pub(crate) fn used_percent(&self) -> Result<u64> {
        let stat = rustix::fs::statvfs(&self.mount)?;
        Ok(100 - stat.f_bavail * 100 / stat.f_blocks.max(1))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            // Lazily, for a process may still hold a file; a failure leaves it for the next boot.
            let _ = unmount(&self.mount, UnmountFlags::DETACH);
        }
        let _ = Command::new("losetup").arg("--detach").arg(&self.device).status();
    }
}
