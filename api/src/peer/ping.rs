//! [pure] The ping between two nodes, every 100 ms: I live, these groups I lead, these I let sleep.
//! One message for all groups, whatever their number (coalesced by the sender).

use bytes::{BufMut, Bytes};
use serde::{Deserialize, Serialize};

use super::frame::{EncodedFrame, FrameBuilder, FrameKind};
use super::wire::DecodeError;
use crate::codec;
use crate::model::ids::{GroupId, NodeId, ReplicaId};

/// What a ping carries besides the fact that it came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// Groups the sender leads: those that changed, and from time to time all of them.
    pub claims: Vec<LeaderClaim>,
    /// Groups the sender leads and stops sending heartbeats for.
    pub quiesced: Vec<QuiescedGroup>,
    /// Groups the receiver quiesced and the sender wants active: its replica differs.
    pub stay_active: Vec<GroupId>,
}

/// A leader says so itself. The highest term wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderClaim {
    /// The group.
    pub group: GroupId,
    /// The term it leads in.
    pub term: u64,
    /// Its replica that leads.
    pub replica: ReplicaId,
    /// The node of that replica.
    pub node: NodeId,
}

/// A group at rest, described so that a follower can tell whether it has everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuiescedGroup {
    /// The group.
    pub group: GroupId,
    /// Term of its leader.
    pub term: u64,
    /// Last index in the leader's log.
    pub last_index: u64,
    /// Highest committed index.
    pub commit_index: u64,
    /// Index of the entry that set the membership.
    pub membership_index: u64,
}

impl Ping {
    /// The frame that carries it.
    pub fn encode(&self) -> EncodedFrame {
        let body = codec::encode(self);
        let mut frame = FrameBuilder::new(FrameKind::Ping, body.len());
        frame.head.put_slice(&body);
        frame.finish_small()
    }

    /// Reads a payload of `FrameKind::Ping`.
    pub fn decode(payload: &Bytes) -> Result<Ping, DecodeError> {
        Ok(codec::decode(payload)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ping_survives_the_trip() {
        let group = GroupId(5);
        let ping = Ping {
            claims: vec![LeaderClaim {
                group,
                term: 2,
                replica: ReplicaId(9),
                node: NodeId(1),
            }],
            quiesced: vec![QuiescedGroup {
                group,
                term: 2,
                last_index: 8,
                commit_index: 8,
                membership_index: 1,
            }],
            stay_active: vec![GroupId(7)],
        };
        let bytes = ping.encode().to_bytes().slice(5..);
        assert_eq!(Ping::decode(&bytes).unwrap(), ping);
        assert!(Ping::decode(&bytes.slice(..bytes.len() - 1)).is_err());
    }
}
