//! What the disk does alone, in the same folder and the same run: the measure for everything else.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use rampart_cluster_tests::figures::appends;

use super::report::Report;

/// Bytes of one produce request of the benchmark, so that ratios compare like with like.
const REQUEST_BYTES: usize = 100 << 10;

/// Figures of the disk alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Disk {
    /// Appends of 4 KiB, each synced.
    pub(crate) syncs_per_second: f64,
    /// Appends of 100 KiB, each synced.
    pub(crate) synced_mb_per_second: f64,
    /// Appends of 100 KiB, never synced.
    pub(crate) buffered_mb_per_second: f64,
}

/// Measures each for so long.
pub(crate) fn measure(folder: &Path, span: Duration) -> Result<Disk> {
    fs::create_dir_all(folder)?;
    let path = folder.join("disk-alone");
    let small = appends::per_second(&path, &[7; 4 << 10], span, File::sync_data)?;
    let large = appends::per_second(&path, &[7; REQUEST_BYTES], span, File::sync_data)?;
    let buffered = appends::per_second(&path, &[7; REQUEST_BYTES], span, |_| Ok(()))?;
    fs::remove_file(&path)?;
    let mb = REQUEST_BYTES as f64 / 1e6;
    Ok(Disk {
        syncs_per_second: small,
        synced_mb_per_second: large * mb,
        buffered_mb_per_second: buffered * mb,
    })
}

impl Disk {
    /// Puts the figures into the report.
    pub(crate) fn describe(&self, report: &mut Report) {
        let area = "disk alone";
        report.add(area, "4 KiB append + fdatasync", self.syncs_per_second, "1/s");
        report.add(area, "100 KiB append + fdatasync", self.synced_mb_per_second, "MB/s");
        report.add(area, "100 KiB append, buffered", self.buffered_mb_per_second, "MB/s");
    }
}
