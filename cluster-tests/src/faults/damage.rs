//! Disks that lose what they had: emptied, put back to an older state, with a flipped bit, a file
//! cut short, a file missing, or one that can't be read.
//!
//! Nothing acknowledged is lost, for these hit one node only and only a cluster in which every
//! partition has three replicas in sync: a majority keeps what is acknowledged (INV-01). The node
//! must notice: an empty or an older disk is not the one its peers know (INV-15), damage below what
//! was known to be synced is refused (INV-18), and what is left of it goes only where a sound
//! majority goes on (INV-19). Healing empties the disk, so that damage nobody has met yet does not
//! add up with the next one's; the next begins only when all has been rebuilt.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::BoxFuture;
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::membership::id_of;
use super::victims::Who;
use super::{Fault, How, Injected};
use crate::harness::cluster::Cluster;
use crate::harness::shim::{EIO, Knob};

/// A node that is refused ends within this time, if nothing else hinders the others to say so.
const REFUSAL: Duration = Duration::from_secs(10);
/// Files of the store that hold no data.
const EMPTY: [&str; 2] = ["LOCK", "LOG"];

pub(super) fn all() -> Vec<Fault> {
    let damage = |name, how| Fault::new(name, Who::One, how);
    vec![
        damage("wiped-disk", Damage::Wiped),
        damage("old-disk", Damage::Old),
        damage("flipped-bit", Damage::Flipped),
        damage("short-file", Damage::Short),
        damage("missing-file", Damage::Missing),
        damage("read-error", Damage::ReadError),
    ]
}

#[derive(Debug)]
enum Damage {
    /// Emptied, and started under the same addresses.
    Wiped,
    /// A copy of it that is older is put back.
    Old,
    /// One bit of one file.
    Flipped,
    /// One file ends earlier.
    Short,
    /// One file is gone.
    Missing,
    /// Reads fail with EIO.
    ReadError,
}

impl How for Damage {
    fn possible(&self, cluster: &Cluster) -> Result<(), String> {
        match self {
            Damage::ReadError => cluster.has_shim(),
            _ => Ok(()),
        }
    }

    fn begin<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        nodes: &'a [usize],
        rng: &'a mut StdRng,
    ) -> BoxFuture<'a, Result<Injected>> {
        Box::pin(self.damage(cluster, nodes[0], rng))
    }

    fn end<'a>(
        &'a self,
        cluster: &'a mut Cluster,
        injected: &'a Injected,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            for &node in &injected.nodes {
                if matches!(self, Damage::ReadError) {
                    cluster.turn(node, Knob::ReadError, 0)?;
                }
                if cluster.must_be_emptied(node) {
                    cluster.kill(node);
                    cluster.wipe(node)?;
                }
            }
            cluster.launch_those_down(&injected.nodes)
        })
    }
}

impl Damage {
    async fn damage(
        &self,
        cluster: &mut Cluster,
        node: usize,
        rng: &mut StdRng,
    ) -> Result<Injected> {
        if !cluster.is_whole().await {
            return Ok(Injected::none("not everything is on three disks, or somebody is missing"));
        }
        let Ok(id) = id_of(cluster, node).await else {
            return Ok(Injected::none("nobody says what node this is"));
        };
        cluster.scar(node, id);
        let detail = match self {
            Damage::ReadError => {
                cluster.turn(node, Knob::ReadError, EIO)?;
                return Ok(Injected::on(&[node], "reads fail with EIO"));
            }
            Damage::Wiped => {
                cluster.kill(node);
                cluster.wipe(node)?;
                cluster.launch(node)?;
                return Ok(Injected::on(&[node], "emptied"));
            }
            Damage::Old => old(cluster, node).await?,
            Damage::Flipped | Damage::Short | Damage::Missing => {
                cluster.kill(node);
                self.spoil(&cluster.node(node).data_dir, rng)?
            }
        };
        cluster.launch(node)?;
        let end = match cluster.end_within(node, REFUSAL).await? {
            Some(code) => format!("exit code {code}"),
            None => "it runs".to_owned(),
        };
        Ok(Injected::on(&[node], format!("{detail}; {end}")))
    }

    /// Spoils one file with data.
    fn spoil(&self, data: &Path, rng: &mut StdRng) -> Result<String> {
        let mut files = Vec::new();
        find(data, &mut files)?;
        files.sort();
        let path = files.choose(rng).context("there is no file")?;
        let size = fs::metadata(path)?.len();
        let at = rng.random_range(0..size);
        match self {
            Damage::Short => File::options().write(true).open(path)?.set_len(at)?,
            Damage::Missing => fs::remove_file(path)?,
            _ => {
                let file = File::options().read(true).write(true).open(path)?;
                let mut byte = [0];
                file.read_exact_at(&mut byte, at)?;
                file.write_all_at(&[byte[0] ^ (1 << rng.random_range(0..8))], at)?;
            }
        }
        let name = path.strip_prefix(data)?.display();
        Ok(format!("{name} at byte {at} of {size}"))
    }
}

/// The node goes on for a while after the copy was made, and then finds the copy.
async fn old(cluster: &mut Cluster, node: usize) -> Result<String> {
    cluster.kill(node);
    let copy = cluster.copy_data(node)?;
    cluster.launch(node)?;
    // It need not be ready: once started it has counted up, and the copy is older.
    let ended = cluster.end_within(node, Duration::from_secs(2)).await?;
    cluster.kill(node);
    cluster.restore_data(node, &copy)?;
    Ok(format!("a copy from before its last start, which ended with {ended:?}"))
}

/// Every file with data below a folder.
fn find(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        let has_data = !EMPTY.iter().any(|empty| name.to_string_lossy().starts_with(empty));
        if path.is_dir() {
            find(&path, files)?;
        } else if has_data && fs::metadata(&path)?.len() > 0 {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    /// What is left of a folder with one file of a hundred bytes, and one without data.
    fn spoiled(how: &Damage) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let (file, lock) = (folder.path().join("deep/1.sst"), folder.path().join("LOCK"));
        fs::create_dir(folder.path().join("deep")).unwrap();
        fs::write(&file, [7; 100]).unwrap();
        fs::write(&lock, "pid").unwrap();
        let said = how.spoil(folder.path(), &mut StdRng::seed_from_u64(1)).unwrap();
        assert!(said.starts_with("deep/1.sst at byte "), "{said}");
        assert_eq!(fs::read(&lock).unwrap(), b"pid");
        fs::read(&file).ok()
    }

    #[test]
    fn one_bit_is_flipped_one_file_is_cut_and_one_is_gone() {
        let flipped = spoiled(&Damage::Flipped).unwrap();
        let bits: u32 = flipped.iter().map(|byte| (byte ^ 7).count_ones()).sum();
        assert_eq!((flipped.len(), bits), (100, 1));
        let cut = spoiled(&Damage::Short).unwrap();
        assert!(cut.len() < 100 && cut.iter().all(|byte| *byte == 7));
        assert_eq!(spoiled(&Damage::Missing), None);
    }
}
