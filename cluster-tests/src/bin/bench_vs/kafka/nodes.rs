//! Kafka's processes: started, stopped, killed. They are killed when this is dropped.

use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use rampart_cluster_tests::harness::clock::Stopwatch;
use rampart_cluster_tests::harness::probe::wait_for;
use tokio::net::TcpStream;

use super::super::system::NODES;
use super::baseline::Baseline;
use super::generators::terminate;
use super::metadata;

/// It must be ready within this time, on a machine that does other things too.
const READY: Duration = Duration::from_secs(120);
/// A node that doesn't end by itself is killed then.
const STOPPED: Duration = Duration::from_secs(60);

/// Nodes by index; their ids begin at 1.
pub(super) struct Nodes {
    baseline: Baseline,
    folder: PathBuf,
    running: [Option<Child>; NODES],
}

impl Nodes {
    /// None of them runs.
    pub(super) fn new(baseline: Baseline, folder: PathBuf) -> Nodes {
        Nodes { baseline, folder, running: [const { None }; NODES] }
    }

    pub(super) fn pids(&self) -> Result<Vec<u32>> {
        let pid = |child: &Option<Child>| child.as_ref().map(Child::id);
        self.running.iter().map(|child| pid(child).context("a node of Kafka is down")).collect()
    }

    /// Starts all at once; answers how long it took until each answers and knows the others.
    pub(super) async fn launch_all(&mut self) -> Result<Duration> {
        let watch = Stopwatch::start();
        for index in 0..NODES {
            self.launch(index)?;
        }
        for index in 0..NODES {
            self.wait_ready(index).await?;
        }
        Ok(watch.elapsed())
    }

    /// Starts a node on the data that it has.
    pub(super) fn launch(&mut self, index: usize) -> Result<()> {
        let log = self.folder.join(format!("node-{}.log", index + 1));
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let mut node = self.baseline.node(&self.folder, index + 1);
        self.running[index] = Some(node.stdout(log.try_clone()?).stderr(log).spawn()?);
        Ok(())
    }

    /// Waits until a node answers, and names all.
    pub(super) async fn wait_ready(&self, index: usize) -> Result<()> {
        let server = self.baseline.servers.get(index).context("a server of each node")?;
        let folder = self.folder.display();
        wait_for(format!("Kafka to be ready (its logs are in {folder})"), READY, || async {
            // kcat itself tries again only after a while.
            TcpStream::connect(server).await?;
            let nodes = metadata::nodes(server).await?;
            ensure!(nodes == NODES, "it knows {nodes} nodes");
            Ok(())
        })
        .await
    }

    /// SIGTERM to all, and waits until they have ended.
    pub(super) async fn stop_all(&mut self) -> Result<()> {
        for child in self.running.iter().flatten() {
            terminate(child.id())?;
        }
        for slot in &mut self.running {
            let Some(mut child) = slot.take() else { continue };
            let ended = wait_for("a node of Kafka to end", STOPPED, || {
                let ended = child.try_wait();
                async move { ended?.ok_or_else(|| anyhow!("still running")) }
            });
            if ended.await.is_err() {
                kill(&mut child);
            }
        }
        Ok(())
    }

    /// kill -9.
    pub(super) fn kill(&mut self, index: usize) {
        if let Some(mut child) = self.running[index].take() {
            kill(&mut child);
        }
    }

    /// Kills all, and removes their data.
    pub(super) fn end(mut self) -> Result<()> {
        (0..NODES).for_each(|index| self.kill(index));
        Ok(fs::remove_dir_all(&self.folder)?)
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        (0..NODES).for_each(|index| self.kill(index));
    }
}

fn kill(child: &mut Child) {
    // Both fail only if it has ended already, which is what is wanted.
    let _ = child.kill();
    let _ = child.wait();
}
