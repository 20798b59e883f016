//! How a node gets into a cluster: it is in one already, it creates one, or it asks to join. On an
//! initialised directory `--bootstrap` and `--join` are ignored with a log line, so that the same
//! command line starts a node the first time and every time after.

use std::path::Path;
use std::time::Duration;

use rampart_api::model::ids::{ClusterId, DiskId, NodeId};
use rampart_api::peer::rpc::{JoinAnswer, JoinRequest};
use rampart_raft_store::Store;
use rampart_raft_store::state::metadata::command::NodeInfo;

use crate::config::{Config, Entry};
use crate::identity::{Identity, Membership};
use crate::net::TcpListener;
use crate::peer;
use crate::randomness::Randomness;
use crate::start::StartError;

/// Pause before the first peer is asked again.
const ASK_PAUSE_MIN: Duration = Duration::from_millis(200);
/// Longest pause between two rounds of asking.
const ASK_PAUSE_MAX: Duration = Duration::from_secs(3);

/// How long one peer may take to let this node in.
const JOIN_TIMEOUT: Duration = Duration::from_secs(20);

/// A node's place in its cluster.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The cluster.
    pub cluster: ClusterId,
    /// This node.
    pub node: NodeId,
    /// Its data directory.
    pub disk: DiskId,
    /// Starts of this directory so far, this one included.
    pub boot: u64,
    /// Random: this process, as against one on a copy of the directory.
    pub start: u64,
    /// It creates the cluster with this start, or with one that did not finish.
    pub is_founding: bool,
    /// Peer addresses known before the metadata has arrived.
    pub peers: Vec<(NodeId, String)>,
}

/// Reads or gets the node's place. Waits as long as nobody lets it in, and says so; meanwhile it
/// answers at the listener who it is.
///
/// # Errors
/// The directory cannot be used, its store is of another disk, or it is empty and nothing says how
/// to get into a cluster.
pub async fn admit(
    config: &Config,
    data_dir: &Path,
    info: &NodeInfo,
    randomness: &Randomness,
    store: &Store,
    listener: &TcpListener,
) -> Result<Admitted, StartError> {
    let mut identity = Identity::load_and_count(data_dir, randomness)?;
    claim(store, &identity, data_dir)?;
    let membership = match (identity.membership.clone(), config.node.entry()) {
        (Some(membership), entry) => {
            if entry != Entry::Initialised {
                tracing::info!(
                    node = %membership.node, cluster = %membership.cluster,
                    "this directory is in a cluster already; --bootstrap and --join are ignored"
                );
            }
            membership
        }
        (None, Entry::Bootstrap) => found(info, randomness),
        (None, Entry::Join(peers)) => tokio::select! {
            membership = join(peers, identity.disk, info) => membership,
            never = peer::client::answer_callers(listener, identity.disk) => match never {},
        },
        (None, Entry::Initialised) => {
            return Err(StartError::NotInCluster { dir: data_dir.to_owned() });
        }
    };
    identity.membership = Some(membership.clone());
    identity.save(data_dir)?;
    Ok(Admitted {
        cluster: membership.cluster,
        node: membership.node,
        disk: identity.disk,
        boot: identity.boot,
        start: randomness.fork("process").number(),
        is_founding: membership.is_founding,
        peers: membership.peers,
    })
}

/// Name of the fact in the store that says which disk it is on.
const DISK_FACT: &str = "disk";

/// The store and `node.json` belong together: a store that was emptied or exchanged under the same
/// disk id and a higher boot counter would pass every handshake, with none of its votes (INV-15).
fn claim(store: &Store, identity: &Identity, data_dir: &Path) -> Result<(), StartError> {
    let io = |source| StartError::Io { what: "reading the store's disk id", source };
    let disk = identity.disk.to_string();
    let found = match store.node_record_get(DISK_FACT).map_err(io)? {
        Some(found) if found == disk.as_bytes() => return Ok(()),
        Some(found) => format!("is of disk {}", String::from_utf8_lossy(&found)),
        // A store with replicas and no id is of a version that did not write one yet.
        None if identity.membership.is_none() || !store.groups().map_err(io)?.is_empty() => {
            return store.node_record_put(DISK_FACT, disk).map_err(io);
        }
        None => "is empty, but this node was a member before".to_owned(),
    };
    Err(StartError::ForeignStore { dir: data_dir.to_owned(), found })
}

/// Notes that the creation of the cluster is applied.
///
/// # Errors
/// The directory cannot be written.
pub fn founded(data_dir: &Path) -> Result<(), StartError> {
    let mut identity = Identity::load(data_dir)?;
    if let Some(membership) = identity.membership.as_mut() {
        membership.is_founding = false;
    }
    Ok(identity.save(data_dir)?)
}

/// The founder's node id; bootstrap is the first command that gives one out.
const FOUNDER: NodeId = NodeId(1);

fn found(info: &NodeInfo, randomness: &Randomness) -> Membership {
    Membership {
        cluster: ClusterId(randomness.fork("cluster id").uuid()),
        node: FOUNDER,
        peers: vec![(FOUNDER, info.peer_addr.clone())],
        is_founding: true,
    }
}

async fn join(peers: &[String], disk: DiskId, info: &NodeInfo) -> Membership {
    let request = JoinRequest {
        disk,
        peer_addr: info.peer_addr.clone(),
        http_addr: info.http_addr.clone(),
        rack: info.rack.clone(),
        version: info.version.clone(),
    };
    let mut pause = ASK_PAUSE_MIN;
    loop {
        for addr in peers {
            match peer::client::join(addr, request.clone(), JOIN_TIMEOUT).await {
                Ok(answer) => return admitted(answer),
                Err(error) => tracing::warn!(
                    peer = addr, %error,
                    "could not join through this peer; trying again until one lets this node in \
                     (is --join the peer address of a running node?)"
                ),
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(ASK_PAUSE_MAX);
    }
}

fn admitted(answer: JoinAnswer) -> Membership {
    tracing::info!(node = %answer.node, cluster = %answer.cluster, "joined the cluster");
    Membership {
        cluster: answer.cluster,
        node: answer.node,
        peers: answer.peers,
        is_founding: false,
    }
}

#[cfg(test)]
mod tests {
    use rampart_raft_store::MemoryFaults;

    use super::*;

    #[test]
    fn a_store_that_was_emptied_or_exchanged_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut identity = Identity::load_and_count(dir.path(), &Randomness::seeded(1)).unwrap();
        let store = Store::in_memory(MemoryFaults::none());
        claim(&store, &identity, dir.path()).expect("a new directory takes its store");
        identity.membership = Some(Membership {
            cluster: ClusterId(uuid::Uuid::from_u128(7)),
            node: NodeId(2),
            peers: Vec::new(),
            is_founding: false,
        });
        claim(&store, &identity, dir.path()).expect("and knows it again");

        let emptied = Store::in_memory(MemoryFaults::none());
        let error = claim(&emptied, &identity, dir.path()).unwrap_err().to_string();
        assert!(error.contains("is empty, but this node was a member"), "{error}");
        assert!(error.contains("move the whole data directory away"), "{error}");
        assert_eq!(emptied.node_record_get(DISK_FACT).unwrap(), None, "it is not taken");

        identity.disk = DiskId(uuid::Uuid::from_u128(8));
        let error = claim(&store, &identity, dir.path()).unwrap_err().to_string();
        assert!(error.contains("is of disk"), "{error}");
    }
}
