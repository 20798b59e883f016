//! `[pure]` Which replica to start anew. The queues inside a Raft core grow with use to about a
//! megabyte, and keep it: a replica that has worked and has nothing to do any more gives it back by
//! being stopped and started. One at a time; its group goes on with the others, and elects the same
//! leader again.

use std::collections::BTreeMap;
use std::time::Duration;

use rampart_api::model::ids::{GroupId, ReplicaId};

/// A replica that took fewer entries since it was started has little to give back.
const ENTRIES_MIN: u64 = 256;

/// A replica as it is now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) group: GroupId,
    pub(super) replica: ReplicaId,
    /// The end of its log.
    pub(super) last_index: u64,
    /// It has applied its log, and is not needed to keep a leader's lease.
    pub(super) is_at_rest: bool,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    replica: ReplicaId,
    /// The end of its log when it was first seen.
    first_index: u64,
    /// The end of its log since then.
    last_index: u64,
    since: Duration,
}

/// What is known of each replica since it was started.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    known: BTreeMap<GroupId, Known>,
}

impl Renewal {
    /// Takes what is seen at `now`, a time since this node began, of all groups that are looked at;
    /// names one whose replica is to be started anew, if it may: it has done nothing for so long.
    pub(super) fn next(
        &mut self,
        (seen, is_looked_at): (impl Iterator<Item = Seen>, impl Fn(GroupId) -> bool),
        (now, after): (Duration, Duration),
        may_renew: impl Fn(GroupId) -> bool,
    ) -> Option<GroupId> {
        let mut worn = None;
        let mut looked_at = BTreeMap::new();
        for Seen { group, replica, last_index, is_at_rest } in seen {
            let first = Known { replica, first_index: last_index, last_index, since: now };
            let known = self.known.remove(&group).filter(|known| known.replica == replica);
            let known = looked_at.entry(group).or_insert(known.unwrap_or(first));
            if !is_at_rest || known.last_index != last_index {
                (known.last_index, known.since) = (last_index, now);
            }
            let entries = last_index.saturating_sub(known.first_index);
            let is_worn = entries >= ENTRIES_MIN && now.saturating_sub(known.since) >= after;
            if worn.is_none() && is_worn && may_renew(group) {
                worn = Some(group);
            }
        }
        // The others are gone.
        self.known.retain(|group, _| !is_looked_at(*group));
        self.known.append(&mut looked_at);
        // Seen for the first time when it is back.
        self.known.remove(&worn?);
        worn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_secs(60);
    /// It may not be started anew.
    const LOCKED: GroupId = GroupId(4);

    fn seen(group: u64, last_index: u64) -> Seen {
        Seen { group: GroupId(group), replica: ReplicaId(group), last_index, is_at_rest: true }
    }

    fn ask(renewal: &mut Renewal, seconds: u64, replicas: &[Seen]) -> Option<u64> {
        let now = Duration::from_secs(seconds);
        let seen = (replicas.iter().copied(), |_| true);
        renewal.next(seen, (now, AFTER), |group| group != LOCKED).map(|group| group.0)
    }

    #[test]
    fn what_has_worked_and_rests_is_started_anew_one_after_the_other() {
        let mut renewal = Renewal::default();
        let all = |index| [seen(4, index), seen(1, index), seen(2, index), seen(3, 5)];
        assert_eq!(ask(&mut renewal, 0, &all(5)), None);
        assert_eq!(ask(&mut renewal, 61, &all(5)), None, "they did nothing");
        assert_eq!(ask(&mut renewal, 62, &all(300)), None, "they work");
        assert_eq!(ask(&mut renewal, 121, &all(300)), None, "59 s ago");
        assert_eq!(ask(&mut renewal, 122, &all(300)), Some(1));
        assert_eq!(ask(&mut renewal, 123, &all(300)), Some(2));
        assert_eq!(ask(&mut renewal, 999, &all(300)), None, "both are new");
    }

    #[test]
    fn a_replica_that_is_needed_or_is_another_one_waits() {
        let mut renewal = Renewal::default();
        assert_eq!(ask(&mut renewal, 0, &[seen(1, 5)]), None);
        let needed = Seen { is_at_rest: false, ..seen(1, 300) };
        assert_eq!(ask(&mut renewal, 100, &[needed]), None);
        assert_eq!(ask(&mut renewal, 159, &[seen(1, 300)]), None);
        let other = Seen { replica: ReplicaId(9), ..seen(1, 300) };
        assert_eq!(ask(&mut renewal, 160, &[other]), None, "it is new");
        assert_eq!(ask(&mut renewal, 230, &[other]), None, "and has done nothing");
        assert_eq!(ask(&mut renewal, 231, &[]), None);
        assert!(renewal.known.is_empty(), "it is gone");
    }
}
