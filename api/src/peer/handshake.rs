//! `[pure]` Who is there, and may they come in. The first frames of every connection.
//!
//! The handshake is what catches wiped, restored and foreign disks: every node remembers, durably,
//! the disk id, the highest boot counter and its process it has seen of each other node, and `judge`
//! refuses what contradicts it. Both sides are judged: the one that connects by the listener, and the listener
//! by the one that connects, so that no acknowledgement of a wiped disk is ever counted.
//! Enforces INV-15.

use std::fmt;

use bytes::BufMut;
use serde::{Deserialize, Serialize};

use super::frame::{EncodedFrame, Frame, FrameBuilder, FrameKind};
use super::wire::{Cursor, DecodeError};
use crate::codec;
use crate::model::ids::{ClusterId, DiskId, NodeId};

/// Version of the peer protocol. Raised with every change of bytes on this wire.
pub const PROTOCOL_VERSION: u32 = 3;

const MAGIC: u32 = u32::from_le_bytes(*b"RMPT");

/// What a connection is for; one per node pair and class. Variants are on the wire: append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Class {
    /// Log entries and their answers.
    Log,
    /// Liveness, votes, heartbeats, small questions.
    Control,
    /// Snapshots.
    Bulk,
    /// Forwarded requests of clients.
    Client,
    /// A node that has no id yet asks for one; nothing else is allowed on it.
    Join,
}

impl Class {
    /// The classes between two members of a cluster.
    pub const BETWEEN_NODES: [Class; 4] = [Class::Log, Class::Control, Class::Bulk, Class::Client];
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Log => "log",
            Class::Control => "control",
            Class::Bulk => "bulk",
            Class::Client => "client",
            Class::Join => "join",
        })
    }
}

/// Who a node is: its cluster, its id, and the disk and start that speak for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The cluster it belongs to.
    pub cluster: ClusterId,
    /// Its id there.
    pub node: NodeId,
    /// Its data directory.
    pub disk: DiskId,
    /// Starts of that data directory, raised durably at each.
    pub boot: u64,
    /// Random, chosen by each process: two processes with one `boot` run on copies of a directory.
    pub start: u64,
}

/// What a node durably remembers of another one. On disk: fields are positional.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its data directory.
    pub disk: DiskId,
    /// The highest start of it.
    pub boot: u64,
    /// The process of that start.
    pub start: u64,
}

impl From<&Identity> for Seen {
    fn from(who: &Identity) -> Self {
        Seen { disk: who.disk, boot: who.boot, start: who.start }
    }
}

/// What the connecting side says first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// What the connection is for.
    pub class: Class,
    /// Who is connecting; nobody yet with `Class::Join`.
    pub from: Option<Identity>,
    /// The node it believes to reach; unknown with `Class::Join`.
    pub to: Option<NodeId>,
}

/// What the listening side answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Welcome {
    /// Come in; this is who I am.
    Accepted(Identity),
    /// No, and the connection closes.
    Refused(Refusal),
}

/// Why a handshake is refused. Variants are on the wire: append only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The two sides speak different versions.
    #[error("protocol version {yours} is not {mine}, which this node speaks")]
    OtherVersion {
        /// The connecting side's.
        yours: u32,
        /// The listening side's.
        mine: u32,
    },
    /// The connecting node belongs to another cluster.
    #[error("the data directory belongs to cluster {yours}, this is cluster {mine}")]
    OtherCluster {
        /// The connecting side's.
        yours: ClusterId,
        /// The listening side's.
        mine: ClusterId,
    },
    /// Somebody else lives at this address.
    #[error("this is node {this}, not node {wanted}")]
    OtherNode {
        /// Who was wanted.
        wanted: NodeId,
        /// Who is here.
        this: NodeId,
    },
    /// The node id is known with another data directory: it was wiped or replaced.
    #[error(
        "node {node} is known with data directory {known}, not {given}: it was wiped or replaced, \
         and its replicas must not speak under their old ids"
    )]
    OtherDisk {
        /// The node.
        node: NodeId,
        /// Its data directory as far as this node knows.
        known: DiskId,
        /// The one that knocked.
        given: DiskId,
    },
    /// The data directory is older than one seen before: it was restored from a copy.
    #[error(
        "start {given} of node {node} is older than start {known}, seen before: the data directory \
         was restored from a copy, and its replicas must not speak under their old ids"
    )]
    OlderBoot {
        /// The node.
        node: NodeId,
        /// Highest start seen.
        known: u64,
        /// The one that knocked.
        given: u64,
    },
    /// The node id is not in the cluster, or no longer.
    #[error("node {node} is not a member of this cluster")]
    NotAMember {
        /// The node.
        node: NodeId,
    },
    /// The handshake itself makes no sense.
    #[error("the handshake is malformed: {detail}")]
    Malformed {
        /// What is wrong.
        detail: String,
    },
    /// Nothing wrong with the caller; later it may work.
    #[error("not now: {detail}")]
    NotNow {
        /// What is in the way.
        detail: String,
    },
    /// Another process has spoken with the same start: one of the two runs on a copy.
    #[error(
        "start {boot} of node {node} was seen before, of another process: the data directory was \
         copied, or restored from a copy, and its replicas must not speak under their old ids"
    )]
    CopiedStart {
        /// The node.
        node: NodeId,
        /// The start.
        boot: u64,
    },
    /// Nobody lives here yet: the node at this address has an empty data directory and is asking
    /// to be let in.
    #[error("the node here, with data directory {disk}, is not in a cluster yet")]
    Joining {
        /// Its data directory.
        disk: DiskId,
    },
}

impl Refusal {
    /// Whether the refused node must not go on under its identity. The others pass with time.
    pub fn is_final(&self) -> bool {
        match self {
            Refusal::OtherCluster { .. }
            | Refusal::OtherDisk { .. }
            | Refusal::OlderBoot { .. }
            | Refusal::CopiedStart { .. }
            | Refusal::NotAMember { .. } => true,
            Refusal::OtherVersion { .. }
            | Refusal::OtherNode { .. }
            | Refusal::Malformed { .. }
            | Refusal::NotNow { .. }
            | Refusal::Joining { .. } => false,
        }
    }
}

/// What to remember of a node that was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Known exactly like this.
    Known,
    /// First meeting, or a new start: remember it durably before going on.
    Remember,
}

/// Judges the other side against this node's own cluster and what it remembers of that node.
pub fn judge(mine: ClusterId, other: &Identity, seen: Option<Seen>) -> Result<Verdict, Refusal> {
    if other.cluster != mine {
        return Err(Refusal::OtherCluster { yours: other.cluster, mine });
    }
    let node = other.node;
    match seen {
        None => Ok(Verdict::Remember),
        Some(known) if known.disk != other.disk => {
            Err(Refusal::OtherDisk { node, known: known.disk, given: other.disk })
        }
        Some(known) if other.boot < known.boot => {
            Err(Refusal::OlderBoot { node, known: known.boot, given: other.boot })
        }
        // The same process again is a reconnect. A copy of the directory from one start ago counts
        // up to the same start, but is another process.
        Some(known) if other.boot == known.boot && other.start == known.start => Ok(Verdict::Known),
        Some(known) if other.boot == known.boot => {
            Err(Refusal::CopiedStart { node, boot: other.boot })
        }
        Some(_) => Ok(Verdict::Remember),
    }
}

impl Hello {
    /// The frame that carries it. Magic and version come raw and first, so that every future
    /// version can tell that this one is not its own.
    pub fn encode(&self) -> EncodedFrame {
        encode(FrameKind::Hello, self)
    }

    /// Reads it. `Err(Ok(..))` is a refusal to answer with, `Err(Err(..))` not worth an answer.
    pub fn decode(frame: Frame) -> Result<Hello, Result<Refusal, DecodeError>> {
        let malformed = |detail: &str| Err(Ok(Refusal::Malformed { detail: detail.to_owned() }));
        let (version, body) = header(FrameKind::Hello, frame).map_err(Err)?;
        if version != PROTOCOL_VERSION {
            return Err(Ok(Refusal::OtherVersion { yours: version, mine: PROTOCOL_VERSION }));
        }
        let Ok(hello) = codec::decode::<Hello>(&body) else {
            return malformed("unreadable");
        };
        match (hello.class, &hello.from) {
            (Class::Join, Some(_)) => malformed("a joining node has no identity"),
            (Class::Log | Class::Control | Class::Bulk | Class::Client, None) => {
                malformed("a node without an identity can only join")
            }
            _ => Ok(hello),
        }
    }
}

impl Welcome {
    /// The frame that carries it.
    pub fn encode(&self) -> EncodedFrame {
        encode(FrameKind::Welcome, self)
    }

    /// Reads it.
    pub fn decode(frame: Frame) -> Result<Welcome, DecodeError> {
        let (version, body) = header(FrameKind::Welcome, frame)?;
        if version != PROTOCOL_VERSION {
            return Ok(Welcome::Refused(Refusal::OtherVersion {
                yours: PROTOCOL_VERSION,
                mine: version,
            }));
        }
        Ok(codec::decode(&body)?)
    }
}

fn encode<T: Serialize>(kind: FrameKind, message: &T) -> EncodedFrame {
    let mut frame = FrameBuilder::new(kind, 256);
    frame.head.put_u32_le(MAGIC);
    frame.head.put_u32_le(PROTOCOL_VERSION);
    frame.head.put_slice(&codec::encode(message));
    frame.finish_small()
}

fn header(wanted: FrameKind, frame: Frame) -> Result<(u32, bytes::Bytes), DecodeError> {
    if frame.kind != wanted {
        return Err(DecodeError::NotPeerProtocol);
    }
    let mut cursor = Cursor::new(frame.payload);
    if cursor.u32("magic")? != MAGIC {
        return Err(DecodeError::NotPeerProtocol);
    }
    let version = cursor.u32("protocol version")?;
    let rest = cursor.remaining();
    Ok((version, cursor.slice(rest, "handshake")?))
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use uuid::Uuid;

    use super::super::frame::{Front, take_frame};
    use super::*;

    const CLUSTER: ClusterId = ClusterId(Uuid::from_u128(1));
    const DISK: DiskId = DiskId(Uuid::from_u128(2));

    fn identity(boot: u64) -> Identity {
        Identity { cluster: CLUSTER, node: NodeId(3), disk: DISK, boot, start: boot * 100 }
    }

    fn read(encoded: &EncodedFrame) -> Frame {
        let mut buffer = BytesMut::from(&encoded.to_bytes()[..]);
        match take_frame(&mut buffer, 1 << 16).unwrap() {
            Front::Frame(frame) => frame,
            Front::Missing(_) => panic!("a whole frame was written"),
        }
    }

    #[test]
    fn judgement_follows_disk_and_boot() {
        let other_disk = DiskId(Uuid::from_u128(9));
        let seen = Some(Seen::from(&identity(4)));
        assert_eq!(judge(CLUSTER, &identity(1), None), Ok(Verdict::Remember));
        assert_eq!(judge(CLUSTER, &identity(4), seen), Ok(Verdict::Known));
        assert_eq!(judge(CLUSTER, &identity(5), seen), Ok(Verdict::Remember));
        assert_eq!(
            judge(CLUSTER, &identity(3), seen),
            Err(Refusal::OlderBoot { node: NodeId(3), known: 4, given: 3 })
        );
        // Made one start ago and restored: it counts up to the same start.
        let copy = Identity { start: 401, ..identity(4) };
        let copied = Refusal::CopiedStart { node: NodeId(3), boot: 4 };
        assert_eq!(judge(CLUSTER, &copy, seen), Err(copied.clone()));
        assert!(copied.is_final());
        // Another disk is refused however high its counter is.
        let other = Some(Seen { disk: other_disk, boot: 4, start: 400 });
        assert_eq!(
            judge(CLUSTER, &identity(99), other),
            Err(Refusal::OtherDisk { node: NodeId(3), known: other_disk, given: DISK })
        );
        let foreign = ClusterId(Uuid::from_u128(7));
        assert_eq!(
            judge(foreign, &identity(1), None),
            Err(Refusal::OtherCluster { yours: CLUSTER, mine: foreign })
        );
    }

    #[test]
    fn hello_and_welcome_survive_the_trip() {
        let hello = Hello { class: Class::Log, from: Some(identity(1)), to: Some(NodeId(4)) };
        assert_eq!(Hello::decode(read(&hello.encode())).unwrap(), hello);
        for welcome in [
            Welcome::Accepted(identity(2)),
            Welcome::Refused(Refusal::NotNow { detail: "starting".into() }),
        ] {
            assert_eq!(Welcome::decode(read(&welcome.encode())).unwrap(), welcome);
        }
    }

    #[test]
    fn nameless_node_may_only_join() {
        let join = Hello { class: Class::Join, from: None, to: None };
        assert_eq!(Hello::decode(read(&join.encode())).unwrap(), join);
        for (class, from) in [(Class::Join, Some(identity(1))), (Class::Client, None)] {
            let hello = Hello { class, from, to: None };
            assert!(matches!(
                Hello::decode(read(&hello.encode())),
                Err(Ok(Refusal::Malformed { .. }))
            ));
        }
    }

    #[test]
    fn other_version_is_answered_and_other_protocols_are_not() {
        let mut payload = BytesMut::new();
        payload.put_u32_le(MAGIC);
        payload.put_u32_le(PROTOCOL_VERSION + 1);
        payload.put_slice(b"whatever a future version says");
        let future = Frame { kind: FrameKind::Hello, payload: payload.freeze() };
        assert!(matches!(Hello::decode(future), Err(Ok(Refusal::OtherVersion { .. }))));
        let stranger = Frame { kind: FrameKind::Hello, payload: Bytes::from_static(b"GET / HT") };
        assert!(matches!(Hello::decode(stranger), Err(Err(DecodeError::NotPeerProtocol))));
    }
}
