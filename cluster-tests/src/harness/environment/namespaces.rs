//! One network namespace per node, all on one bridge, the harness itself on it too: nodes reach
//! each other and are reached by their addresses, and what goes wrong on the way is the kernel's.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use super::super::links::Links;
use super::super::machine::{has_tool, is_root, tell, tool};
use super::nft::Lateness;
use super::packet_queue::PacketQueue;
use super::{PREFIX, leftovers, nft};

/// Ports are the same everywhere: each node has all of its address.
const HTTP_PORT: u16 = 8080;
const PEER_PORT: u16 = 7070;
/// The last number of the bridge's address; nodes are numbered behind it.
const BRIDGE: u8 = 1;
/// The last number of the first node's address.
const FIRST: u8 = 10;

/// Senders whose packets are late by different times.
const QUEUES: u16 = 16;

/// Clusters of this process, for names.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The network of one cluster.
#[derive(Debug)]
pub(in super::super) struct Namespaces {
    /// Of this process and this cluster, at most twelve letters: what the names of links begin with.
    bridge: String,
    /// What the names of namespaces begin with.
    name: String,
    /// The first three numbers of every address.
    subnet: [u8; 3],
    nodes: BTreeMap<usize, Ipv4Addr>,
    applied: BTreeMap<usize, String>,
    /// Those of nodes whose packets have been late.
    queues: BTreeMap<usize, PacketQueue>,
}

/// Whether they can be made here; the error says why not.
pub(super) fn possible() -> Result<(), String> {
    if !is_root() {
        return Err("namespaces and mounts take root".to_owned());
    }
    let tools = ["ip", "nsenter", "nft", "tc", "mount", "umount", "mkfs.ext4"];
    match tools.iter().find(|tool| !has_tool(tool)) {
        Some(missing) => Err(format!("there is no {missing} here")),
        None => Ok(()),
    }
}

impl Namespaces {
    /// A bridge without nodes.
    pub(in super::super) fn new() -> Result<Namespaces> {
        leftovers::clear()?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        let bridge = format!("{}{pid}x{count}", leftovers::LINK);
        let subnet = free_subnet(pid + count)?;
        let name = format!("{PREFIX}{pid}-{count}");
        let (nodes, applied, queues) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let all = Namespaces { bridge, name, subnet, nodes, applied, queues };
        ip(&format!("link add {} type bridge", all.bridge))?;
        ip(&format!("addr add {}/24 dev {}", all.address(BRIDGE), all.bridge))?;
        ip(&format!("link set {} up", all.bridge))?;
        Ok(all)
    }

    /// What its namespaces and control groups are called after.
    pub(in super::super) fn name(&self) -> &str {
        &self.name
    }

    /// A namespace for one more node; answers where its HTTP and its peer listener are.
    pub(in super::super) fn add(&mut self, index: usize) -> Result<(SocketAddr, SocketAddr)> {
        let number = FIRST.checked_add(u8::try_from(index)?).context("too many nodes")?;
        let address = self.address(number);
        let (space, link, bridge) = (self.space(index), self.link(index), &self.bridge);
        ip(&format!("netns add {space}"))?;
        self.nodes.insert(index, address);
        ip(&format!("link add {link} type veth peer name eth0 netns {space}"))?;
        ip(&format!("link set {link} master {bridge} up"))?;
        ip(&format!("-n {space} addr add {address}/24 dev eth0"))?;
        ip(&format!("-n {space} link set eth0 up"))?;
        ip(&format!("-n {space} link set lo up"))?;
        Ok((SocketAddr::from((address, HTTP_PORT)), SocketAddr::from((address, PEER_PORT))))
    }

    /// Takes a node's namespace away.
    pub(in super::super) fn remove(&mut self, index: usize) {
        if self.nodes.remove(&index).is_some() {
            // What fails here is found by the next run.
            self.queues.remove(&index);
            let _ = ip(&format!("netns delete {}", self.space(index)));
            let _ = ip(&format!("link delete {}", self.link(index)));
        }
    }

    /// What a program of a node is started through.
    pub(in super::super) fn wrapper(&self, index: usize) -> Vec<String> {
        vec!["nsenter".to_owned(), format!("--net=/run/netns/{}", self.space(index))]
    }

    /// Makes the links what they should be, all of them.
    pub(in super::super) fn apply(&mut self, links: &Links) -> Result<()> {
        let nodes: Vec<usize> = self.nodes.keys().copied().collect();
        for index in nodes {
            let (space, device) = (self.space(index), self.link(index));
            let wanted = nft::commands(index, &self.nodes, links, &device);
            let text = format!("{wanted:?}");
            if self.applied.get(&index) == Some(&text) {
                continue;
            }
            let inside = format!("--net=/run/netns/{space}");
            tell("nsenter", &[&inside, "nft", "-f", "-"], &wanted.inside)?;
            tell("nft", &["-f", "-"], &wanted.outside)?;
            self.make_late(index, &wanted.late)?;
            // There is nothing to delete where the link was never slow.
            let _ = Command::new("tc").args(nft::unshape(&space)).output();
            if let Some(kbit) = wanted.kbit {
                let args = nft::shape(&space, kbit);
                tool("tc", &args.iter().map(AsRef::as_ref).collect::<Vec<_>>())?;
            }
            self.applied.insert(index, text);
        }
        Ok(())
    }

    /// Hands what comes from these senders to the queue, and nothing else.
    fn make_late(&mut self, index: usize, late: &BTreeMap<usize, Lateness>) -> Result<()> {
        if late.is_empty() && !self.queues.contains_key(&index) {
            return Ok(());
        }
        let space = Path::new("/run/netns").join(self.space(index));
        let queue = match self.queues.entry(index) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(PacketQueue::open(&space, QUEUES)?),
        };
        let mut waits = BTreeMap::new();
        let mut rules = "*filter\n:INPUT ACCEPT\n".to_owned();
        for (from, wait) in late {
            waits.insert(u16::try_from(*from)? % QUEUES, *wait);
            let (address, number) = (self.nodes[from], from % usize::from(QUEUES));
            rules += &format!("-A INPUT -s {address} -j NFQUEUE --queue-num {number}");
            rules += " --queue-bypass\n";
        }
        queue.set(waits);
        let inside = format!("--net={}", space.display());
        tell("nsenter", &[&inside, "iptables-restore"], &format!("{rules}COMMIT\n"))
    }

    fn address(&self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.subnet;
        Ipv4Addr::new(a, b, c, last)
    }

    fn space(&self, index: usize) -> String {
        format!("{}-{index}", self.name)
    }

    fn link(&self, index: usize) -> String {
        format!("{}n{index}", self.bridge)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for index in self.nodes.keys().copied().collect::<Vec<_>>() {
            self.remove(index);
        }
        let _ = ip(&format!("link delete {}", self.bridge));
        for index in self.applied.keys() {
            let _ = tell("nft", &["-f", "-"], &nft::clear_outside(&self.link(*index)));
        }
    }
}

/// A private network that no interface of this machine is in, tried from a number on.
fn free_subnet(from: u32) -> Result<[u8; 3]> {
    let output = Command::new("ip").args(["-4", "-o", "addr"]).output()?;
    let taken = String::from_utf8_lossy(&output.stdout).into_owned();
    let subnet = |n: u32| {
        let [_, _, high, low] = (n % (64 << 8)).to_be_bytes();
        [10, 64 + high, low]
    };
    let is_free = |[a, b, c]: &[u8; 3]| !taken.contains(&format!(" {a}.{b}.{c}."));
    (from..from + 256).map(subnet).find(is_free).context("no free network in 10.64.0.0/10")
}

fn ip(args: &str) -> Result<()> {
    tool("ip", &args.split(' ').map(AsRef::as_ref).collect::<Vec<_>>())
}
