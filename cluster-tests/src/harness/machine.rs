//! What a test needs of the machine and not every machine has. A test that can't run says so where
//! a person sees it; where `RAMPART_REQUIRE` names what it needs it fails instead.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

/// Says that a test is skipped because of `what`, and why; an error if `what` is required.
pub fn skip(what: &str, why: impl std::fmt::Display) -> Result<()> {
    let required = std::env::var("RAMPART_REQUIRE").unwrap_or_default();
    if required.split(',').any(|word| word == what) {
        bail!("{what} is required (RAMPART_REQUIRE) and does not work here: {why}");
    }
    // Past the test runner, which hides what a passing test prints.
    writeln!(std::io::stderr(), "SKIPPED, {what} does not work here: {why}")?;
    Ok(())
}

/// An ext4 of its own in a file, unmounted at the end.
#[derive(Debug)]
pub struct SmallDisk {
    mount: PathBuf,
    _folder: TempDir,
}

impl SmallDisk {
    /// Makes and mounts one; an error where this user may not.
    pub fn mount(mib: u64) -> Result<SmallDisk> {
        let folder = TempDir::with_prefix("rampart-disk-")?;
        let (image, mount) = (folder.path().join("image"), folder.path().join("mount"));
        std::fs::File::create(&image)?.set_len(mib << 20)?;
        std::fs::create_dir(&mount)?;
        tool("mkfs.ext4", &["-q".as_ref(), "-F".as_ref(), image.as_ref()])?;
        tool("mount", &["-o".as_ref(), "loop".as_ref(), image.as_ref(), mount.as_ref()])?;
        Ok(SmallDisk { mount, _folder: folder })
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.mount
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, for a process may still hold a file; a failure leaves a mount for the next boot.
        let _ = Command::new("umount").arg("-l").arg(&self.mount).status();
    }
}

/// Runs a program of the system to its end.
pub fn tool(program: &str, args: &[&std::ffi::OsStr]) -> Result<()> {
    let output = Command::new(program).args(args).output();
    let output = output.with_context(|| format!("{program} can't be started"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{program} ended with {}: {said}", output.status);
    Ok(())
}
