//! A cluster of real processes, each with its own data directory, on loopback or in namespaces.
//! Whatever way a test ends, its processes end with it, and its logs are kept until the verdict.

mod disks;
mod disturb;
mod links;
mod observe;
mod whole;

pub use disks::copy_folder;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;

use super::cgroup::Group;
use super::client::Api;
use super::clock::Stopwatch;
use super::disk::Disk;
use super::environment::{Environment, Namespaces};
use super::links::Links;
use super::network::Network;
use super::ports::free_port;
use super::probe::wait_for;
use super::proc_stat;
use super::process::{LAUNCH, Process};
use super::session::keep_until_verdict;
use super::shim::{Knobs, Shim};

/// A node must be ready within this time, on a machine that does other things too.
pub const READY: Duration = Duration::from_secs(60);

/// The topic that the cluster makes for its consumer groups.
pub const GROUP_STATE: &str = "__group_state";
/// So many partitions it has unless configured.
pub const GROUP_STATE_PARTITIONS: u64 = 8;

const CONFIG_FILE: &str = "rampart.toml";

/// What kind of cluster.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Put a network between the nodes that can be cut; in namespaces it always can.
    pub cuttable: bool,
    /// Configuration file of every server, as TOML.
    pub config: &'static str,
    /// Load the library into every node that makes its disk fail and its clock wrong.
    pub shim: bool,
    /// Where the nodes live.
    pub environment: Environment,
    /// Where the data directories are made; the system's temporary folder if not said.
    pub folder: Option<PathBuf>,
}

/// One node: where it listens, where its data is, and its process if it runs.
#[derive(Debug)]
pub struct Node {
    /// Its data directory.
    pub data_dir: PathBuf,
    /// Its HTTP listener.
    pub http: SocketAddr,
    /// Its peer listener.
    pub peer: SocketAddr,
    /// How the others reach it.
    pub advertised_peer: SocketAddr,
    log: PathBuf,
    api: Api,
    process: Option<Process>,
    /// Its own, where the environment gives it one.
    disk: Option<Disk>,
    knobs: Knobs,
    /// The bound on its memory, if there is one.
    memory: Option<Group>,
    /// The bound on what it writes.
    writes: Option<Group>,
    /// The time namespace it is started in has been up for so many seconds longer.
    uptime_s: Option<u32>,
    /// On an empty directory it makes the cluster rather than joining it.
    founds: bool,
    /// Its disk was damaged on purpose.
    must_be_emptied: bool,
    retired: bool,
}

/// Nodes by index; indices are never reused, so a removed node leaves a gap that is down.
#[derive(Debug)]
pub struct Cluster {
    options: Options,
    nodes: Vec<Node>,
    network: Option<Network>,
    namespaces: Option<Namespaces>,
    shim: Option<Shim>,
    links: Links,
    /// The trouble that is the isolation of a node.
    isolations: BTreeMap<usize, u64>,
    /// Ids of nodes whose disks were taken away.
    emptied_ids: Vec<u64>,
    folder: Option<TempDir>,
}

impl Cluster {
    /// So many nodes, ready, all of them voters of the metadata group (up to five).
    pub async fn start(nodes: usize) -> Result<Cluster> {
        Cluster::start_with(nodes, Options::default()).await
    }

    /// The same with options.
    pub async fn start_with(nodes: usize, options: Options) -> Result<Cluster> {
        let mut cluster = Cluster::empty(options)?;
        for _ in 0..nodes {
            cluster.prepare().await?;
        }
        cluster.launch(0)?;
        cluster.wait_first_ready(0).await?;
        for index in 1..nodes {
            cluster.launch(index)?;
        }
        for index in 1..nodes {
            cluster.wait_first_ready(index).await?;
        }
        cluster.wait_members(nodes).await?;
        // Whoever dies next may be the one that has it.
        cluster.wait_in_sync(GROUP_STATE, nodes.min(3)).await?;
        Ok(cluster)
    }

    /// No node yet: for tests that start them by hand.
    pub fn empty(options: Options) -> Result<Cluster> {
        let namespaces = match options.environment {
            Environment::Loopback => None,
            Environment::Namespaces { .. } => Some(Namespaces::new()?),
        };
        let prefix =
            namespaces.as_ref().map_or("rampart-".to_owned(), |all| format!("{}-", all.name()));
        let folder = match &options.folder {
            Some(parent) => {
                std::fs::create_dir_all(parent)?;
                TempDir::with_prefix_in(&prefix, parent)?
            }
            None => TempDir::with_prefix(&prefix)?,
        };
        std::fs::write(folder.path().join(CONFIG_FILE), options.config)?;
        let shim = if options.shim { Some(Shim::compile(folder.path())?) } else { None };
        let network = (options.cuttable && namespaces.is_none()).then(Network::new);
        Ok(Cluster {
            options,
            nodes: Vec::new(),
            network,
            namespaces,
            shim,
            links: Links::default(),
            isolations: BTreeMap::new(),
            emptied_ids: Vec::new(),
            folder: Some(folder),
        })
    }

    /// Chooses addresses and a folder for one more node, without starting it.
    pub async fn prepare(&mut self) -> Result<usize> {
        let index = self.nodes.len();
        let node = self.addressed(index).await?;
        self.nodes.push(node);
        Ok(index)
    }

    /// A node with addresses that are free now.
    async fn addressed(&mut self, index: usize) -> Result<Node> {
        let mut data_dir = self.folder().join(format!("node-{index}"));
        let log = data_dir.with_extension("log");
        let (http, peer, disk) = match (&mut self.namespaces, self.options.environment) {
            (Some(namespaces), Environment::Namespaces { disk_mib }) => {
                let (http, peer) = namespaces.add(index)?;
                let disk = Disk::make(&data_dir, disk_mib)?;
                data_dir.push("data");
                (http, peer, Some(disk))
            }
            _ => {
                let local = || anyhow::Ok(SocketAddr::from(([127, 0, 0, 1], free_port()?)));
                (local()?, local()?, None)
            }
        };
        let advertised_peer = match &mut self.network {
            Some(network) => network.add_node(index, peer).await?,
            None => peer,
        };
        let (api, founds) = (Api::new(http)?, index == 0);
        let knobs = Knobs::new(&log.with_extension("knobs"))?;
        Ok(Node {
            data_dir,
            http,
            peer,
            advertised_peer,
            log,
            api,
            disk,
            knobs,
            founds,
            process: None,
            memory: None,
            writes: None,
            uptime_s: None,
            must_be_emptied: false,
            retired: false,
        })
    }

    /// Starts a node's process: the first one bootstraps, the others join it. On a directory that
    /// was used before the server ignores both, so this also restarts.
    pub fn launch(&mut self, index: usize) -> Result<()> {
        self.launch_with(index, &[])
    }

    /// The same, with these variables in its environment.
    pub fn launch_with(&mut self, index: usize, env: &[(&str, &OsStr)]) -> Result<()> {
        let args = self.server_args(index);
        let mut wrapper = self.namespaces.as_ref().map_or(Vec::new(), |all| all.wrapper(index));
        let node = &mut self.nodes[index];
        if let Some(uptime) = node.uptime_s {
            let [monotonic, boot] = ["monotonic", "boottime"].map(|of| format!("--{of}={uptime}"));
            wrapper.extend(["unshare".to_owned(), "--time".to_owned(), monotonic, boot]);
        }
        let shim = self.shim.as_ref().map_or(Vec::new(), |shim| shim.environment(&node.knobs));
        let mut all: Vec<(&str, &OsStr)> = env.to_vec();
        all.extend(shim.iter().map(|(name, value)| (*name, value.as_os_str())));
        let process = Process::start_through(&wrapper, &args, &node.log, &all)?;
        if let Some(network) = &self.network {
            network.set_pid(index, process.pid());
        }
        node.process = Some(process);
        Ok(())
    }

    /// The arguments a node is started with.
    pub fn server_args(&self, index: usize) -> Vec<String> {
        let node = &self.nodes[index];
        let mut args = vec![
            "server".to_owned(),
            format!("--data-dir={}", node.data_dir.display()),
            format!("--http-listen={}", node.http),
            format!("--peer-listen={}", node.peer),
            format!("--advertise-peer={}", node.advertised_peer),
        ];
        if node.founds {
            args.push("--bootstrap".to_owned());
        } else {
            let others =
                self.nodes.iter().filter(|other| other.peer != node.peer && !other.retired);
            let others: Vec<String> =
                others.map(|other| other.advertised_peer.to_string()).collect();
            args.push(format!("--join={}", others.join(",")));
        }
        if !self.options.config.is_empty() {
            args.push(format!("--config={}", self.folder().join(CONFIG_FILE).display()));
        }
        args
    }

    /// Starts one more node and waits until it is a member.
    pub async fn add_node(&mut self) -> Result<usize> {
        let index = self.prepare().await?;
        self.launch(index)?;
        self.wait_first_ready(index).await?;
        Ok(index)
    }

    /// Waits for a node that nobody knows yet. If another program took one of its ports between
    /// the choice and the launch it gets other ones, once.
    async fn wait_first_ready(&mut self, index: usize) -> Result<()> {
        let Err(error) = self.wait_ready(index).await else { return Ok(()) };
        if !self.said(index).contains("cannot listen") {
            return Err(error);
        }
        eprintln!("node {index} is started again on other ports: {error:#}");
        self.kill(index);
        let data_dir = &self.nodes[index].data_dir;
        if data_dir.exists() {
            std::fs::remove_dir_all(data_dir)?;
        }
        self.nodes[index] = self.addressed(index).await?;
        self.launch(index)?;
        self.wait_ready(index).await?;
        Ok(())
    }

    /// Waits until a node says that it is ready; fails at once if its process ends.
    pub async fn wait_ready(&mut self, index: usize) -> Result<Duration> {
        let watch = Stopwatch::start();
        let Node { api, process, .. } = &mut self.nodes[index];
        let process = process.as_mut().context("the node is not running")?;
        let probe = async || {
            let answer = api.get("/readyz").await?;
            if answer.status == 200 { Ok(()) } else { Err(anyhow!("{answer:?}")) }
        };
        loop {
            if let Some(status) = process.ended()? {
                bail!("node {index} ended with {status} instead of getting ready");
            }
            let tick = Duration::from_millis(500);
            match wait_for(format!("node {index} to be ready"), tick, &probe).await {
                Ok(()) => return Ok(watch.elapsed()),
                Err(error) if watch.elapsed() > READY => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Everything of the cluster lies here.
    pub fn folder(&self) -> &Path {
        self.folder.as_ref().expect("the folder goes with the cluster").path()
    }

    /// A node.
    pub fn node(&self, index: usize) -> &Node {
        &self.nodes[index]
    }

    /// A node's HTTP interface.
    pub fn api(&self, index: usize) -> &Api {
        &self.nodes[index].api
    }

    /// The HTTP interfaces of all nodes.
    pub fn apis(&self) -> Vec<Api> {
        self.nodes.iter().map(|node| node.api.clone()).collect()
    }

    /// Indices of the nodes whose process was started and not ended by the test.
    pub fn running(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|&index| self.nodes[index].process.is_some()).collect()
    }

    /// Indices of the nodes that belong to the cluster, up or down.
    pub fn members(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|&index| self.is_member(index)).collect()
    }

    /// Whether a node belongs to the cluster: it was not retired.
    pub fn is_member(&self, index: usize) -> bool {
        !self.nodes[index].retired
    }

    /// Whether a node's process lives, standing still or not.
    pub fn is_up(&self, index: usize) -> bool {
        self.state(index).is_some_and(|state| state != 'Z')
    }

    /// Indices of the members whose process lives and does not stand still.
    pub fn awake(&self) -> Vec<usize> {
        let is_awake = |&index: &usize| !matches!(self.state(index), None | Some('Z' | 'T'));
        self.members().into_iter().filter(is_awake).collect()
    }

    fn state(&self, index: usize) -> Option<char> {
        proc_stat::state(self.nodes[index].process.as_ref()?.pid())
    }

    /// Any running node.
    pub fn any(&self) -> Result<&Api> {
        let index = *self.running().first().context("no node runs")?;
        Ok(self.api(index))
    }

    /// A node's process id.
    pub fn pid(&self, index: usize) -> Result<u32> {
        Ok(self.nodes[index].process.as_ref().context("the node is not running")?.pid())
    }

    /// What a node itself has said since its last launch, without the harness's own lines.
    pub fn said(&self, index: usize) -> String {
        let log = self.log(index);
        let mut said: Vec<&str> = Vec::new();
        for line in log.lines() {
            if line.starts_with(LAUNCH) {
                said.clear();
            } else {
                said.push(line);
            }
        }
        said.join("\n")
    }

    /// What a node has logged, over all its lives.
    pub fn log(&self, index: usize) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.nodes[index].log).unwrap_or_default())
            .into_owned()
    }

    /// Leaves all processes and data where they are; answers the folder.
    pub fn leave_running(mut self) -> PathBuf {
        for node in &mut self.nodes {
            if let Some(process) = node.process.take() {
                process.leave_running();
            }
        }
        self.folder.take().expect("the folder goes with the cluster").keep()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill_all();
        // Unmounted before the folder goes.
        self.nodes.clear();
        self.namespaces = None;
        if let Some(folder) = self.folder.take() {
            keep_until_verdict(folder);
        }
    }
}
