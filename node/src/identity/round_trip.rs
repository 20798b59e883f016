//! `node.json`: any identity comes back equal and to the same bytes, and no damage to the file
//! makes a start panic.

use proptest::prelude::*;
use proptest::sample::Index;
use uuid::Uuid;

use super::*;

fn memberships() -> impl Strategy<Value = Membership> {
    let peers = prop::collection::vec((any::<u64>().prop_map(NodeId), ".{0,20}"), 0..4);
    (any::<u128>(), any::<u64>(), peers, any::<bool>()).prop_map(
        |(cluster, node, peers, is_founding)| Membership {
            cluster: ClusterId(Uuid::from_u128(cluster)),
            node: NodeId(node),
            peers,
            is_founding,
        },
    )
}

fn identities() -> impl Strategy<Value = Identity> {
    let membership = prop::option::of(memberships());
    (any::<u128>(), 1..u64::MAX, membership).prop_map(|(disk, boot, membership)| Identity {
        format: FORMAT,
        disk: DiskId(Uuid::from_u128(disk)),
        boot,
        membership,
    })
}

fn read(bytes: &[u8]) -> Result<Identity, IdentityError> {
    parse(Path::new(FILE), bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))] // Each syncs a file.

    #[test]
    fn an_identity_survives_the_file(identity in identities(), at: Index, bit in 0..8u8) {
        let dir = tempfile::tempdir().unwrap();
        identity.save(dir.path()).unwrap();
        let bytes = fs::read(dir.path().join(FILE)).unwrap();
        let loaded = Identity::load(dir.path()).unwrap();
        prop_assert_eq!(&loaded, &identity);
        loaded.save(dir.path()).unwrap();
        prop_assert_eq!(&fs::read(dir.path().join(FILE)).unwrap(), &bytes);

        let counted = Identity::load_and_count(dir.path(), &Randomness::seeded(1)).unwrap();
        prop_assert_eq!(counted, Identity { boot: identity.boot + 1, ..identity });

        prop_assert!(read(&bytes[..at.index(bytes.len())]).is_err(), "a cut");
        let mut flipped = bytes;
        let at = at.index(flipped.len());
        flipped[at] ^= 1 << bit;
        let _ = read(&flipped);
    }

    #[test]
    fn noise_never_panics(noise: Vec<u8>) {
        prop_assert!(read(&noise).is_err());
    }
}
