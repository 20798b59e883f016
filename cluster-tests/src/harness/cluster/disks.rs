//! What is done to the disks and the clocks of a cluster's nodes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Error, Result};

use super::super::cgroup::Group;
use super::super::disk::Disk;
use super::super::probe::wait_for;
use super::super::shim::{KNOBS, Knob};
use super::Cluster;

/// The kernel takes a moment to let go of the files of a killed process.
const LET_GO: Duration = Duration::from_secs(20);

impl Cluster {
    /// Whether each node has a disk of its own; the error says why not.
    pub fn has_disks(&self) -> Result<(), String> {
        let has = self.nodes.iter().any(|node| node.disk.is_some());
        if has { Ok(()) } else { Err("it takes a disk per node".into()) }
    }

    /// A node's own disk.
    pub fn disk(&self, index: usize) -> Result<&Disk> {
        self.nodes[index].disk.as_ref().context("it has no disk of its own")
    }

    /// Whether the nodes' disks and clocks have knobs; the error says why not.
    pub fn has_shim(&self) -> Result<(), String> {
        if self.shim.is_some() { Ok(()) } else { Err("it was started without the shim".into()) }
    }

    /// Turns a knob of a node's disk or clock, also while it is down.
    pub fn turn(&self, index: usize, knob: Knob, value: i64) -> Result<()> {
        self.has_shim().map_err(Error::msg)?;
        self.nodes[index].knobs.turn(knob, value)
    }

    /// Turns every knob of a node off.
    pub fn turn_all_off(&self, index: usize) -> Result<()> {
        KNOBS.into_iter().try_for_each(|knob| self.nodes[index].knobs.turn(knob, 0))
    }

    /// The power of these nodes fails at once: what they have not synced is gone, and they are down.
    /// Their disks have power again when this is over.
    pub async fn cut_power(&mut self, indices: &[usize]) -> Result<()> {
        for &index in indices {
            self.disk(index)?.cut_power()?;
        }
        self.kill_these(indices);
        for &index in indices {
            let disk = self.disk(index)?;
            let what = format!("the disk of node {index} to be let go");
            wait_for(what, LET_GO, || async { disk.power_on() }).await?;
        }
        Ok(())
    }

    /// Copies a node's data; it must be down.
    pub fn copy_data(&self, index: usize) -> Result<PathBuf> {
        let data = &self.nodes[index].data_dir;
        let copy = data.with_extension("copy");
        remove(&copy)?;
        copy_folder(data, &copy)?;
        Ok(copy)
    }

    /// Puts a copy in the place of a node's data; it must be down.
    pub fn restore_data(&self, index: usize, copy: &Path) -> Result<()> {
        let data = &self.nodes[index].data_dir;
        remove(data)?;
        fs::rename(copy, data).with_context(|| copy.display().to_string())
    }

    /// Empties a node's disk; it must be down. Started again it joins the others as a new node.
    pub fn wipe(&mut self, index: usize) -> Result<()> {
        let node = &mut self.nodes[index];
        node.founds = false;
        node.must_be_emptied = false;
        remove(&node.data_dir.with_extension("copy"))?;
        remove(&node.data_dir)
    }

    /// Takes a node out of the cluster for good: its process ends, its disk and its address go.
    pub fn retire(&mut self, index: usize) {
        self.kill(index);
        let node = &mut self.nodes[index];
        (node.retired, node.disk, node.memory, node.writes) = (true, None, None, None);
        if let Some(namespaces) = &mut self.namespaces {
            namespaces.remove(index);
        }
    }

    /// From now on a node may use so much memory more.
    pub fn bound_memory(&mut self, index: usize, bytes: u64) -> Result<()> {
        let pid = self.pid(index)?;
        self.nodes[index].memory = Some(Group::with_memory(pid, bytes)?);
        Ok(())
    }

    /// From now on a node may write so many bytes a second to its disk.
    pub fn bound_writes(&mut self, index: usize, bytes: u64) -> Result<()> {
        let group = Group::with_writes(self.pid(index)?, self.disk(index)?.path(), bytes)?;
        self.nodes[index].writes = Some(group);
        Ok(())
    }

    /// Lets it use as much memory, and write as much, as there is.
    pub fn free_bounds(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        (node.memory, node.writes) = (None, None);
    }

    /// From its next start on a node finds that its machine has been up for so much longer, or no
    /// longer does.
    pub fn shift_uptime(&mut self, index: usize, seconds: Option<u32>) {
        self.nodes[index].uptime_s = seconds;
    }
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() { Ok(fs::remove_dir_all(folder)?) } else { Ok(()) }
}

/// Copies a folder and all in it.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}
