//! `[pure]` Who of the members gave a sign of life, and when. Kept by the coordinator alone: a
//! heartbeat is not worth an entry in a log. A new coordinator gives everybody a full session.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rampart_raft_store::state::group::{GroupState, MemberId};

/// A member of a group.
type Key = (String, MemberId);

/// The sessions of the groups of one partition of `__group_state`. Times are those of one clock
/// that only grows.
#[derive(Debug, Default)]
pub struct Sessions {
    ends: BTreeMap<Key, Duration>,
    by_end: BTreeSet<(Duration, Key)>,
}

impl Sessions {
    /// Sessions of everybody in the state, in full.
    pub fn of(state: &GroupState, now: Duration) -> Sessions {
        let mut sessions = Sessions::default();
        for (group, members) in &state.groups {
            for (member, known) in &members.members {
                let session = Duration::from_millis(known.about.session_ms.into());
                sessions.seen(group, member, session, now);
            }
        }
        sessions
    }

    /// A member gave a sign of life: its session begins anew.
    pub fn seen(&mut self, group: &str, member: &MemberId, session: Duration, now: Duration) {
        let key = (group.to_owned(), member.clone());
        let end = now + session;
        if let Some(before) = self.ends.insert(key.clone(), end) {
            self.by_end.remove(&(before, key.clone()));
        }
        self.by_end.insert((end, key));
    }

    /// A member is gone.
    pub fn forget(&mut self, group: &str, member: &MemberId) {
        let key = (group.to_owned(), member.clone());
        if let Some(end) = self.ends.remove(&key) {
            self.by_end.remove(&(end, key));
        }
    }

    /// Whose session is over. They stay until they are forgotten, for that they are gone is not
    /// known before it is replicated.
    pub fn over(&self, now: Duration) -> impl Iterator<Item = (&str, &MemberId)> {
        let over = self.by_end.iter().take_while(move |(end, _)| *end <= now);
        over.map(|(_, (group, member))| (group.as_str(), member))
    }

    /// When the first of them is over.
    pub fn next_end(&self) -> Option<Duration> {
        self.by_end.first().map(|(end, _)| *end)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use rampart_api::model::ids::GroupId;
    use rampart_raft_store::state::group::GroupCommand;
    use rampart_raft_store::state::group::state::MemberAbout;

    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn member(name: &str) -> MemberId {
        MemberId(name.to_owned())
    }

    fn over(sessions: &Sessions, at: u64) -> Vec<String> {
        sessions.over(secs(at)).map(|(group, member)| format!("{group}/{member}")).collect()
    }

    #[test]
    fn a_session_is_over_a_while_after_the_last_sign_of_life() {
        let mut sessions = Sessions::default();
        sessions.seen("g", &member("a"), secs(15), secs(0));
        sessions.seen("g", &member("b"), secs(10), secs(1));
        assert_eq!(sessions.next_end(), Some(secs(11)));
        assert!(over(&sessions, 10).is_empty());
        sessions.seen("g", &member("b"), secs(10), secs(9));
        assert_eq!(over(&sessions, 15), ["g/a"]);
        assert_eq!(over(&sessions, 19), ["g/a", "g/b"]);
        sessions.forget("g", &member("a"));
        sessions.forget("h", &member("b"));
        assert_eq!(over(&sessions, 19), ["g/b"]);
        assert_eq!(sessions.len(), 1);
    }

    #[test]
    fn a_new_coordinator_gives_everybody_a_full_session() {
        let mut state = GroupState::empty(GroupId(1));
        for (index, (group, name, session_ms)) in
            (1..).zip([("g", "a", 5_000), ("g", "b", 8_000), ("h", "c", 5_000)])
        {
            let about = MemberAbout { session_ms, ..MemberAbout::default() };
            let (group, member, topics) = (group.to_owned(), member(name), Default::default());
            state.apply(index, &[GroupCommand::Join { group, member, about, topics, now_ms: 0 }]);
        }
        let sessions = Sessions::of(&state, secs(100));
        assert!(over(&sessions, 104).is_empty());
        assert_eq!(over(&sessions, 105), ["g/a", "h/c"]);
        assert_eq!(over(&sessions, 108), ["g/a", "h/c", "g/b"]);
    }
}
