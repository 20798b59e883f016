//! Where the nodes of a cluster live: all on loopback, which takes no privileges, or each in a
//! network namespace of its own with a disk of its own, which takes root and lets more happen to
//! them. Nothing that was made outlives the run; what a run leaves that was itself killed, the
//! next one clears away.

mod leftovers;
mod namespaces;
mod nfqueue;
mod nft;
mod packet_queue;

pub(super) use namespaces::Namespaces;

/// Begins the name of everything that a run makes outside its folder.
const PREFIX: &str = "rampart-";

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Environment {
    /// Processes on loopback.
    #[default]
    Loopback,
    /// A network namespace and an ext4 in a file for each node.
    Namespaces {
        /// Size of each disk.
        disk_mib: u64,
    },
}

impl Environment {
    /// Whether this machine and this user can have it; the error says why not.
    pub fn possible(self) -> Result<(), String> {
        match self {
            Environment::Loopback => Ok(()),
            Environment::Namespaces { .. } => namespaces::possible(),
        }
    }
}
