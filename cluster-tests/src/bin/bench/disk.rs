//! What the disk does alone, in the same folder and the same run: the measure for everything else.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use rampart_cluster_tests::harness::clock::Stopwatch;

use super::report::Report;

/// Bytes of one produce request of the benchmark, so that ratios compare like with like.
const REQUEST_BYTES: usize = 100 << 10;
/// The files are started over at this size, so that a fast disk isn't filled.
const FILE_BYTES_MAX: u64 = 1 << 30;

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
    let small = appends(&path, &[7; 4 << 10], span, File::sync_data)?;
    let large = appends(&path, &[7; REQUEST_BYTES], span, File::sync_data)?;
    let buffered = appends(&path, &[7; REQUEST_BYTES], span, |_| Ok(()))?;
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

/// Appends a second.
fn appends(
    path: &Path,
    bytes: &[u8],
    span: Duration,
    sync: impl Fn(&File) -> std::io::Result<()>,
) -> Result<f64> {
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(path)?;
    let (mut count, mut size) = (0_u64, 0);
    let watch = Stopwatch::start();
    while watch.elapsed() < span {
        file.write_all(bytes)?;
        sync(&file)?;
        count += 1;
        size += bytes.len() as u64;
        if size >= FILE_BYTES_MAX {
            file.set_len(0)?;
            file = OpenOptions::new().write(true).truncate(true).open(path)?;
            size = 0;
        }
    }
    Ok(count as f64 / watch.elapsed().as_secs_f64())
}
