//! `[pure]` Which replica to ask whether its state machine is alive: one that had entries to apply
//! and applied none. Asking takes time, so it is one in a round, and each in its turn.

use std::collections::BTreeMap;
use std::ops::Bound;

use rampart_api::model::ids::GroupId;

/// What was seen in the last round.
#[derive(Debug, Default)]
pub(super) struct Applying {
    /// Last applied index of the groups that had entries to apply.
    applied: BTreeMap<GroupId, u64>,
    /// The group asked last.
    asked: Option<GroupId>,
}

impl Applying {
    /// Takes what is seen now; names the group to ask: the next one behind the one asked last, so
    /// that one that is merely slow hides no other.
    ///
    /// Groups that were not looked at now are left as they were.
    pub(super) fn next(
        &mut self,
        now: BTreeMap<GroupId, u64>,
        is_looked_at: impl Fn(GroupId) -> bool,
    ) -> Option<GroupId> {
        let is_stuck =
            |(group, applied): &(&GroupId, &u64)| self.applied.get(group) == Some(*applied);
        let behind = self.asked.map_or(Bound::Unbounded, Bound::Excluded);
        let next = now.range((behind, Bound::Unbounded)).find(is_stuck);
        let next = next.or_else(|| now.iter().find(is_stuck)).map(|(group, _)| *group);
        self.applied.retain(|group, _| !is_looked_at(*group));
        self.applied.extend(now);
        self.asked = next.or(self.asked);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stuck_group_is_asked_in_its_turn() {
        let mut applying = Applying::default();
        let mut ask = |now: &[(u64, u64)]| {
            let now = now.iter().map(|(group, applied)| (GroupId(*group), *applied)).collect();
            applying.next(now, |_| true).map(|group| group.0)
        };
        assert_eq!(ask(&[(1, 5), (2, 5), (4, 5)]), None, "seen for the first time");
        assert_eq!(ask(&[(1, 5), (2, 5), (4, 5)]), Some(1));
        assert_eq!(ask(&[(1, 5), (2, 5), (4, 5)]), Some(2), "the slow group 1 hides no other");
        assert_eq!(ask(&[(1, 5), (2, 5), (4, 5)]), Some(4));
        assert_eq!(ask(&[(1, 5), (2, 6), (4, 6)]), Some(1));
        assert_eq!(ask(&[(1, 5), (2, 7), (4, 7)]), Some(1), "the others move");
        assert_eq!(ask(&[]), None);
        assert_eq!(ask(&[(1, 5)]), None, "it had nothing to apply meanwhile");
    }

    #[test]
    fn groups_that_take_turns_are_compared_with_their_own_last_look() {
        let mut applying = Applying::default();
        let mut ask = |group: u64, applied| {
            let now = BTreeMap::from([(GroupId(group), applied)]);
            applying.next(now, |other| other.0 == group).map(|group| group.0)
        };
        assert_eq!([ask(1, 5), ask(2, 5)], [None, None], "seen for the first time");
        assert_eq!([ask(1, 5), ask(2, 6)], [Some(1), None]);
        assert_eq!([ask(1, 6), ask(2, 6)], [None, Some(2)]);
    }
}
