//! Who is there, and the ping: round trips of everything that can be said, and that neither
//! damage nor noise makes a decoder panic. Appends and questions have tests of their own.

use bytes::{Bytes, BytesMut};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::Index;
use uuid::Uuid;

use super::frame::{EncodedFrame, Frame, FrameKind, Front, take_frame};
use super::handshake::{Class, Hello, Identity, PROTOCOL_VERSION, Refusal, Seen, Welcome};
use super::ping::{LeaderClaim, Ping};
use crate::codec;
use crate::model::ids::{ClusterId, DiskId, GroupId, NodeId, ReplicaId};
use crate::model::limits::PEER_HANDSHAKE_BYTES_MAX;

fn frame_of(encoded: &EncodedFrame) -> Frame {
    let mut buffer = BytesMut::from(&encoded.to_bytes()[..]);
    match take_frame(&mut buffer, PEER_HANDSHAKE_BYTES_MAX).unwrap() {
        Front::Frame(frame) => frame,
        Front::Missing(_) => panic!("a whole frame was written"),
    }
}

fn frame(kind: FrameKind, payload: &[u8]) -> Frame {
    Frame { kind, payload: Bytes::copy_from_slice(payload) }
}

fn flipped(payload: &[u8], at: Index, bit: u8) -> Vec<u8> {
    let mut flipped = payload.to_vec();
    flipped[at.index(payload.len())] ^= 1 << bit;
    flipped
}

fn cluster_ids() -> impl Strategy<Value = ClusterId> {
    any::<u128>().prop_map(|id| ClusterId(Uuid::from_u128(id)))
}

fn disk_ids() -> impl Strategy<Value = DiskId> {
    any::<u128>().prop_map(|id| DiskId(Uuid::from_u128(id)))
}

fn nodes() -> impl Strategy<Value = NodeId> {
    any::<u64>().prop_map(NodeId)
}

fn identities() -> impl Strategy<Value = Identity> {
    (cluster_ids(), nodes(), disk_ids(), any::<u64>(), any::<u64>()).prop_map(
        |(cluster, node, disk, boot, start)| Identity { cluster, node, disk, boot, start },
    )
}

/// What a node may say first: with `Class::Join` it has no identity, else it must have one.
fn hellos() -> impl Strategy<Value = Hello> {
    let member = (prop::sample::select(Class::BETWEEN_NODES.to_vec()), identities())
        .prop_map(|(class, from)| (class, Some(from)));
    let who = prop_oneof![member, Just((Class::Join, None))];
    (who, option::of(nodes())).prop_map(|((class, from), to)| Hello { class, from, to })
}

fn refusals() -> impl Strategy<Value = Refusal> {
    let detail = || ".{0,20}";
    prop_oneof![
        any::<(u32, u32)>().prop_map(|(yours, mine)| Refusal::OtherVersion { yours, mine }),
        (cluster_ids(), cluster_ids())
            .prop_map(|(yours, mine)| Refusal::OtherCluster { yours, mine }),
        (nodes(), nodes()).prop_map(|(wanted, this)| Refusal::OtherNode { wanted, this }),
        (nodes(), disk_ids(), disk_ids()).prop_map(|(node, known, given)| Refusal::OtherDisk {
            node,
            known,
            given
        }),
        (nodes(), any::<u64>(), any::<u64>()).prop_map(|(node, known, given)| Refusal::OlderBoot {
            node,
            known,
            given
        }),
        nodes().prop_map(|node| Refusal::NotAMember { node }),
        detail().prop_map(|detail| Refusal::Malformed { detail }),
        detail().prop_map(|detail| Refusal::NotNow { detail }),
        (nodes(), any::<u64>()).prop_map(|(node, boot)| Refusal::CopiedStart { node, boot }),
        disk_ids().prop_map(|disk| Refusal::Joining { disk }),
    ]
}

/// A new refusal does not compile until it is here, and then it belongs into `refusals` as well.
fn is_generated(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::OtherVersion { .. }
        | Refusal::OtherCluster { .. }
        | Refusal::OtherNode { .. }
        | Refusal::OtherDisk { .. }
        | Refusal::OlderBoot { .. }
        | Refusal::NotAMember { .. }
        | Refusal::Malformed { .. }
        | Refusal::NotNow { .. }
        | Refusal::CopiedStart { .. }
        | Refusal::Joining { .. } => true,
    }
}

fn welcomes() -> impl Strategy<Value = Welcome> {
    prop_oneof![identities().prop_map(Welcome::Accepted), refusals().prop_map(Welcome::Refused),]
}

fn pings() -> impl Strategy<Value = Ping> {
    let claim = any::<(u64, u64, u64, u64)>().prop_map(|(group, term, replica, node)| {
        let (group, replica, node) = (GroupId(group), ReplicaId(replica), NodeId(node));
        LeaderClaim { group, term, replica, node }
    });
    vec(claim, 0..20).prop_map(|claims| Ping { claims })
}

proptest! {
    #[test]
    fn any_hello_survives_the_trip(hello in hellos(), at: Index, bit in 0..8u8) {
        let frame_read = frame_of(&hello.encode());
        let payload = frame_read.payload.clone();
        let back = Hello::decode(frame_read).unwrap();
        prop_assert_eq!(&back, &hello);
        prop_assert_eq!(&frame_of(&back.encode()).payload, &payload);
        prop_assert!(Hello::decode(frame(FrameKind::Hello, &payload[..at.index(payload.len())])).is_err());
        prop_assert!(Hello::decode(frame(FrameKind::Welcome, &payload)).is_err());
        let _ = Hello::decode(frame(FrameKind::Hello, &flipped(&payload, at, bit)));
    }

    #[test]
    fn any_welcome_survives_the_trip(welcome in welcomes(), at: Index, bit in 0..8u8) {
        let frame_read = frame_of(&welcome.encode());
        let payload = frame_read.payload.clone();
        let back = Welcome::decode(frame_read).unwrap();
        prop_assert_eq!(&back, &welcome);
        if let Welcome::Refused(refusal) = &back {
            prop_assert!(is_generated(refusal));
        }
        prop_assert_eq!(&frame_of(&back.encode()).payload, &payload);
        prop_assert!(Welcome::decode(frame(FrameKind::Welcome, &payload[..at.index(payload.len())])).is_err());
        let _ = Welcome::decode(frame(FrameKind::Welcome, &flipped(&payload, at, bit)));
    }

    #[test]
    fn what_is_remembered_of_a_node_survives(identity in identities(), at: Index) {
        let seen = Seen::from(&identity);
        let bytes = codec::encode(&seen);
        prop_assert_eq!(codec::decode::<Seen>(&bytes).unwrap(), seen);
        prop_assert!(codec::decode::<Seen>(&bytes[..at.index(bytes.len())]).is_err());
    }

    #[test]
    fn any_ping_survives_the_trip(ping in pings(), at: Index, bit in 0..8u8) {
        let payload = frame_of(&ping.encode()).payload;
        prop_assert_eq!(&Ping::decode(&payload).unwrap(), &ping);
        prop_assert!(Ping::decode(&payload.slice(..at.index(payload.len()))).is_err());
        let _ = Ping::decode(&Bytes::from(flipped(&payload, at, bit)));
    }

    #[test]
    fn noise_never_panics(noise: Vec<u8>) {
        // The same noise behind a head that is right gets further.
        let head = [&b"RMPT"[..], &PROTOCOL_VERSION.to_le_bytes()];
        for payload in [noise.clone(), [head.concat(), noise.clone()].concat()] {
            let _ = Hello::decode(frame(FrameKind::Hello, &payload));
            let _ = Welcome::decode(frame(FrameKind::Welcome, &payload));
        }
        let _ = Ping::decode(&Bytes::from(noise));
    }

    #[test]
    fn a_future_version_is_told_this_one_whatever_it_says(version: u32, body: Vec<u8>) {
        prop_assume!(version != PROTOCOL_VERSION);
        let payload = [&b"RMPT"[..], &version.to_le_bytes(), &body].concat();
        let answer = Hello::decode(frame(FrameKind::Hello, &payload)).unwrap_err().unwrap();
        prop_assert_eq!(answer, Refusal::OtherVersion { yours: version, mine: PROTOCOL_VERSION });
    }
}

/// On disk since protocol version 2: fields are positional, so these bytes must stay readable.
#[test]
fn bytes_remembered_of_a_node_never_change() {
    let disk = DiskId(Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff));
    let seen = Seen { disk, boot: 3, start: 4 };
    let bytes: String = codec::encode(&seen).iter().map(|byte| format!("{byte:02x}")).collect();
    let id = "100000000000000000112233445566778899aabbccddeeff";
    assert_eq!(bytes, format!("{id}03000000000000000400000000000000"));
}
