//! What the sweep remembers of groups at rest while replicas come and go.

use rampart_api::model::ids::GroupId;

use super::replica;
use crate::partition::replica_set::ReplicaList;
use crate::partition::sweep::{Memory, Resting, Settled};
use crate::raft::testing::{GROUP, start_three};

#[tokio::test]
async fn a_group_rests_until_it_is_woken_or_another_replica_takes_the_place_of_its_own() {
    let [a, _, _] = start_three(1).await;
    let rests = Resting { group: GROUP, settled: Some(Settled::Rests) };
    let is_due = Resting { group: GROUP, settled: None };
    let mut memory = Memory::default();
    let list: ReplicaList = [replica(&a)].into();
    assert!(memory.follow(list.clone()), "one came");
    assert_eq!(memory.resting, [is_due]);
    memory.resting = vec![rests];
    assert!(!memory.follow(list.clone()), "the same list");
    assert!(memory.follow([list[0].clone()].into()), "another list");
    assert_eq!(memory.resting, [rests], "of the same replica");
    memory.wake(&[GroupId(GROUP.0 + 1)]);
    assert_eq!(memory.resting, [rests], "another group is woken");
    memory.wake(&[GROUP]);
    assert_eq!(memory.resting, [is_due]);
    memory.resting = vec![rests];
    memory.groups[0].tick.quiesced = true;
    memory.doubt();
    assert_eq!(memory.resting, [is_due], "others may lead by now");
    assert!(!memory.groups[0].tick.quiesced, "it is to prove that it leads");
    memory.resting = vec![rests];
    assert!(memory.follow([replica(&a)].into()), "another replica");
    assert_eq!(memory.resting, [is_due]);
    assert!(memory.follow(ReplicaList::default()), "it went");
    assert_eq!(memory.resting, []);
}
