//! Family 1: small durable facts of the node, such as the boot counters of its peers. Key: a
//! string. Value: bytes, the owner's business.

use rampart_api::model::ids::GroupId;

use super::registry::Family;

/// Key of a named fact.
pub(crate) fn key(name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + name.len());
    key.push(Family::NodeRecord as u8);
    key.extend_from_slice(name.as_bytes());
    key
}

/// Key of the entry of a group that was found damaged: its index, big-endian.
pub(crate) fn damaged_entry(group: GroupId) -> Vec<u8> {
    key(&format!("damaged/{group}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_stay_in_the_family(name: String) {
            let (from, to) = Family::NodeRecord.range();
            prop_assert!(from <= key(&name) && key(&name) < to);
        }
    }
}
