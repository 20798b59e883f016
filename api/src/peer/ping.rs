//! `[pure]` The ping between two nodes, every 100 ms: I live, and these groups I lead.
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
            claims: vec![LeaderClaim { group, term: 2, replica: ReplicaId(9), node: NodeId(1) }],
        };
        let bytes = ping.encode().to_bytes().slice(5..);
        assert_eq!(Ping::decode(&bytes).unwrap(), ping);
        assert!(Ping::decode(&bytes.slice(..bytes.len() - 1)).is_err());
    }
}
