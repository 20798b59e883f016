//! Disks that fail, stall or are full: syncs that answer an error, that take long, writes that take
//! long, no room left.
//!
//! Nothing acknowledged is lost: a node with a failed sync ends and acknowledges nothing more
//! (INV-13), a slow one is not in the quorum in time, a full one refuses writes before it takes them.

use std::fs::File;

use anyhow::Result;
use futures_util::future::BoxFuture;
use rand::RngExt;
use rand::rngs::StdRng;
use rustix::fs::{FallocateFlags, fallocate, statvfs};

use super::victims::Who;
use super::{Fault, How, Injected};
use crate::harness::cluster::Cluster;
use crate::harness::shim::{EIO, Knob};

/// The file that fills a disk, beside the data.
const BALLAST: &str = "ballast";
const SYNC_DELAY_MS: [i64; 4] = [10, 100, 500, 2_000];
const WRITE_DELAY_MS: [i64; 3] = [1, 10, 100];

pub(super) fn all() -> Vec<Fault> {
    vec![
        Fault::new("sync-error-one", Who::One, DiskFault::SyncError),
        Fault::new("sync-error-all", Who::All, DiskFault::SyncError),
        Fault::new("slow-sync-leader", Who::Leader, DiskFault::SlowSync),
        Fault::new("slow-sync-minority", Who::Minority, DiskFault::SlowSync),
        Fault::new("slow-disk", Who::One, DiskFault::SlowWrite),
        Fault::new("disk-full-one", Who::One, DiskFault::Full),
        Fault::new("disk-full-leader", Who::Leader, DiskFault::Full),
        Fault::new("disk-full-all", Who::All, DiskFault::Full),
    ]
}

#[derive(Debug)]
enum DiskFault {
    /// Syncs fail with EIO, until it is healed; the node ends at its next one.
    SyncError,
    /// Each sync takes so much longer.
    SlowSync,
    /// Each write takes so much longer.
    SlowWrite,
    /// There is no room left.
    Full,
}

impl How for DiskFault {
    fn possible(&self, cluster: &Cluster) -> Result<(), String> {
        match self {
            DiskFault::Full => cluster.has_disks(),
            _ => cluster.has_shim(),
        }
    }

    fn begin<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        nodes: &'a [usize],
        rng: &'a mut StdRng,
    ) -> BoxFuture<'a, Result<Injected>> {
        Box::pin(async move {
            let detail = self.turn(cluster, nodes, rng)?;
            Ok(Injected::on(nodes, detail))
        })
    }

    fn end<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        injected: &'a Injected,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for &node in &injected.nodes {
                match self {
                    DiskFault::SyncError => cluster.turn(node, Knob::SyncError, 0)?,
                    DiskFault::SlowSync => cluster.turn(node, Knob::SyncDelayUs, 0)?,
                    DiskFault::SlowWrite => cluster.turn(node, Knob::WriteDelayUs, 0)?,
                    DiskFault::Full => give_room(cluster, node)?,
                }
            }
            cluster.launch_those_down(&injected.nodes)
        })
    }
}

impl DiskFault {
    fn turn(&self, cluster: &Cluster, nodes: &[usize], rng: &mut StdRng) -> Result<String> {
        let (knob, value, detail) = match self {
            DiskFault::SyncError => (Knob::SyncError, EIO, "syncs fail with EIO".to_owned()),
            DiskFault::SlowSync => {
                let ms = SYNC_DELAY_MS[rng.random_range(0..SYNC_DELAY_MS.len())];
                (Knob::SyncDelayUs, ms * 1_000, format!("a sync takes {ms} ms more"))
            }
            DiskFault::SlowWrite => {
                let ms = WRITE_DELAY_MS[rng.random_range(0..WRITE_DELAY_MS.len())];
                (Knob::WriteDelayUs, ms * 1_000, format!("a write takes {ms} ms more"))
            }
            DiskFault::Full => {
                let left = rng.random_range(0..256) << 10;
                nodes.iter().try_for_each(|&node| fill(cluster, node, left))?;
                return Ok(format!("{left} bytes are left on the disk"));
            }
        };
        nodes.iter().try_for_each(|&node| cluster.turn(node, knob, value))?;
        Ok(detail)
    }
}

/// Takes the room on a node's disk but for so many bytes.
fn fill(cluster: &Cluster, node: usize, left: u64) -> Result<()> {
    let path = cluster.disk(node)?.path();
    let ballast = File::create(path.join(BALLAST))?;
    // As much as there is in pieces: the blocks that describe the file need room themselves.
    let mut at = 0;
    loop {
        let now = statvfs(path)?;
        let free = (now.f_bavail * now.f_frsize).saturating_sub(left);
        let piece = if free > 4 << 20 { free / 2 } else { free.min(now.f_frsize) };
        if piece == 0 || fallocate(&ballast, FallocateFlags::empty(), at, piece).is_err() {
            return Ok(());
        }
        at += piece;
    }
}

/// Gives the room back, if it was taken.
pub(super) fn give_room(cluster: &Cluster, node: usize) -> Result<()> {
    // A power cut may have taken it already.
    match std::fs::remove_file(cluster.disk(node)?.path().join(BALLAST)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
