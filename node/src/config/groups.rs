//! `[groups]`: consumer groups.

use super::section::section;
use super::value::between;

section! {
    /// Consumer groups. The same on every node.
    GroupsConfig = "groups" {
        /// Partitions of the internal topic that holds the groups; fixed when it is created.
        state_partitions: u32 = 8, |v| between(v, 1, 256);
        /// Records of one partition that one member may have in its hands.
        in_flight_max: u32 = 1_000, |v| between(v, 1, 100_000);
    }
}
