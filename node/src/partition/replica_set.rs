//! The replicas of this node by group, and lists of them that are made anew only when one comes or
//! goes: many look at all of them many times a second.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rampart_api::model::ids::GroupId;

use super::replica::Replica;

/// A list of replicas that many share, in the order of their groups.
pub type ReplicaList = Arc<[Arc<Replica>]>;

/// The replicas of this node.
#[derive(Debug, Default)]
pub(super) struct ReplicaSet {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    by_group: BTreeMap<GroupId, Arc<Replica>>,
    /// Since the last change.
    lists: Option<Lists>,
}

#[derive(Debug, Clone)]
struct Lists {
    all: ReplicaList,
    /// Those that keep consumer groups.
    of_groups: ReplicaList,
}

impl ReplicaSet {
    /// The replica of a group.
    pub(super) fn get(&self, group: GroupId) -> Option<Arc<Replica>> {
        self.read().by_group.get(&group).cloned()
    }

    /// All of them.
    pub(super) fn all(&self) -> ReplicaList {
        self.lists().all
    }

    /// Those that keep consumer groups.
    pub(super) fn of_groups(&self) -> ReplicaList {
        self.lists().of_groups
    }

    /// Takes a replica in if `may_enter`, which is asked while nobody else changes the set; gives
    /// back the one that was there, or the one that may not enter.
    pub(super) fn enter(
        &self,
        replica: Arc<Replica>,
        may_enter: impl FnOnce() -> bool,
    ) -> Result<Option<Arc<Replica>>, Arc<Replica>> {
        let mut state = self.write();
        if !may_enter() {
            return Err(replica);
        }
        state.lists = None;
        Ok(state.by_group.insert(replica.spec().group, replica))
    }

    /// Takes a replica out.
    pub(super) fn remove(&self, group: GroupId) -> Option<Arc<Replica>> {
        let mut state = self.write();
        state.lists = None;
        state.by_group.remove(&group)
    }

    /// Takes all of them out.
    pub(super) fn take(&self) -> BTreeMap<GroupId, Arc<Replica>> {
        std::mem::take(&mut *self.write()).by_group
    }

    fn lists(&self) -> Lists {
        if let Some(lists) = &self.read().lists {
            return lists.clone();
        }
        let mut state = self.write();
        let all: ReplicaList = state.by_group.values().cloned().collect();
        let of_groups = all.iter().filter(|replica| replica.groups().is_some()).cloned().collect();
        state.lists.insert(Lists { all, of_groups }).clone()
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().expect("no holder of this lock panics")
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().expect("no holder of this lock panics")
    }
}
