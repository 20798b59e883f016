//! `[pure]` How a replica stands, as the sweep remembers it from look to look to count it: the
//! election it asked for, how long its partition has had no leader, whether replicas are missing.

use std::time::Duration;

use crate::raft::status::Role;

/// Of one replica on this node.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// The term that it was in when it was told to campaign, until that election is decided.
    campaigned_in: Option<u64>,
    leaderless_since_ms: Option<u64>,
    /// It leads, and fewer replicas are in sync than there should be.
    pub(super) is_under_replicated: bool,
}

impl Standing {
    /// It was told to campaign.
    pub(super) fn campaigned(&mut self, term: u64) {
        self.campaigned_in.get_or_insert(term);
    }

    /// Whether it leads since this look, by the election it was told to start. One that was won by
    /// another is forgotten: what comes later, such as a hand-over, is another matter.
    pub(super) fn has_won(&mut self, role: Role, term: u64, follows: bool) -> bool {
        let is_decided = role == Role::Leader || follows;
        let was_asked = self.campaigned_in.take_if(|asked| is_decided && term > *asked).is_some();
        was_asked && role == Role::Leader
    }

    /// Whether its partition has a leader now that serves, as far as this node knows.
    pub(super) fn note_leader(&mut self, has_leader: bool, now_ms: u64) {
        match has_leader {
            true => self.leaderless_since_ms = None,
            false => _ = self.leaderless_since_ms.get_or_insert(now_ms),
        }
    }

    /// Whether there has been none for longer than this.
    pub(super) fn is_leaderless(&self, patience: Duration, now_ms: u64) -> bool {
        let since = self.leaderless_since_ms.map(|since| now_ms.saturating_sub(since));
        since.is_some_and(|for_ms| u128::from(for_ms) > patience.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_election_is_won_once_and_only_by_who_asked_for_it() {
        let mut standing = Standing::default();
        assert!(!standing.has_won(Role::Leader, 1, false), "of a new group, or handed over");
        standing.campaigned(3);
        assert!(!standing.has_won(Role::Voter, 3, true), "still the old leader");
        assert!(!standing.has_won(Role::Voter, 4, false), "votes are asked for");
        standing.campaigned(4);
        assert!(standing.has_won(Role::Leader, 5, false));
        assert!(!standing.has_won(Role::Leader, 5, false), "counted already");
        standing.campaigned(5);
        assert!(!standing.has_won(Role::Voter, 6, true), "another won");
        assert!(!standing.has_won(Role::Leader, 7, false), "handed over later");
    }

    #[test]
    fn a_partition_is_leaderless_only_after_an_election_could_have_ended() {
        let (mut standing, patience) = (Standing::default(), Duration::from_millis(600));
        standing.note_leader(false, 1_000);
        standing.note_leader(false, 1_600);
        assert!(!standing.is_leaderless(patience, 1_600));
        assert!(standing.is_leaderless(patience, 1_601));
        standing.note_leader(true, 1_700);
        assert!(!standing.is_leaderless(patience, 9_000));
    }
}
