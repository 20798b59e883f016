//! What the disk does alone: appends to one file.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::harness::clock::Stopwatch;

/// The file is started over at this size, so that a fast disk isn't filled.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Appends a second to the file at a path, which stays.
pub fn per_second(
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
