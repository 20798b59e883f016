//! `[pure]` When a write may be acknowledged: who is in sync, and whether an ack 1 would lie.
//! Enforces INV-17: `ack_one_is_honest`.

use std::time::Duration;

use rampart_api::model::ids::{NodeId, ReplicaId};
use rampart_api::model::topic_config::{Ack, TopicConfig};

/// A voter as its leader sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoterView {
    /// The replica.
    pub replica: ReplicaId,
    /// Its node.
    pub node: NodeId,
    /// This node's liveness says its node lives. The leader itself always does.
    pub alive: bool,
    /// Last log index it is known to have on disk; `None` = nothing yet.
    pub matched: Option<u64>,
    /// Time since it last had everything the leader had.
    pub behind_for: Duration,
}

/// When a follower last had everything. As in Kafka it need not have what was appended a moment
/// ago, but what there was at an earlier look: under load a look never finds a follower level.
/// Times are since any fixed moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct FollowerClock {
    had_all_at: Duration,
    goal: Option<u64>,
    goal_set_at: Duration,
}

impl FollowerClock {
    /// A follower seen for the first time, with the end of the leader's log. It gets the benefit
    /// of the doubt.
    pub(super) fn new(log_end: Option<u64>, now: Duration) -> Self {
        FollowerClock { had_all_at: now, goal: log_end, goal_set_at: now }
    }

    /// Notes what the follower has now, and what there is now.
    pub(super) fn look(&mut self, matched: Option<u64>, log_end: Option<u64>, now: Duration) {
        if matched >= log_end {
            self.had_all_at = now;
        } else if matched >= self.goal {
            self.had_all_at = self.goal_set_at;
        } else {
            return;
        }
        (self.goal, self.goal_set_at) = (log_end, now);
    }

    /// Time since it last had everything.
    pub(super) fn behind_for(&self, now: Duration) -> Duration {
        now.saturating_sub(self.had_all_at)
    }
}

/// Whether a voter belongs to the in-sync set: its node lives and it was caught up recently.
/// Learners never belong to it.
pub(super) fn is_in_sync(voter: &VoterView, lag_time_max: Duration) -> bool {
    voter.alive && voter.behind_for <= lag_time_max
}

/// Number of voters in sync.
pub(super) fn in_sync_count(voters: &[VoterView], lag_time_max: Duration) -> usize {
    voters.iter().filter(|voter| is_in_sync(voter, lag_time_max)).count()
}

/// Whether every voter in sync has `index` on disk (INV-01, ack -1).
pub(super) fn all_in_sync_have(voters: &[VoterView], index: u64, lag_time_max: Duration) -> bool {
    voters
        .iter()
        .filter(|voter| is_in_sync(voter, lag_time_max))
        .all(|voter| voter.matched.is_some_and(|matched| matched >= index))
}

/// Fewest replicas in sync for a write with ack -1, by the topic's one rule.
pub(super) fn min_in_sync(config: &TopicConfig, voters: usize) -> usize {
    config.min_insync(u32::try_from(voters).unwrap_or(u32::MAX)) as usize
}

/// Whether an ack 1 may be given now: the lease of the leader that appended the entry holds, and the
/// quorum is at most `lag_max` behind. Otherwise the write waits for its commit instead of lying.
pub(super) fn ack_one_is_honest(
    oldest_uncommitted_age: Option<Duration>,
    lease_valid: bool,
    lag_max: Duration,
) -> bool {
    lease_valid && oldest_uncommitted_age.is_none_or(|age| age <= lag_max)
}

/// Whether a level needs the replicas in sync to be counted before the write is proposed.
pub(super) fn needs_min_in_sync(ack: Ack) -> bool {
    match ack {
        Ack::All => true,
        Ack::Quorum | Ack::Leader | Ack::None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAG_MAX: Duration = Duration::from_millis(3_000);

    fn voter(id: u64, alive: bool, matched: u64, behind_ms: u64) -> VoterView {
        VoterView {
            replica: ReplicaId(id),
            node: NodeId(id),
            alive,
            matched: Some(matched),
            behind_for: Duration::from_millis(behind_ms),
        }
    }

    #[test]
    fn a_dead_or_slow_voter_does_not_hold_up_ack_all() {
        let voters = [voter(1, true, 10, 0), voter(2, false, 3, 0), voter(3, true, 10, 0)];
        assert!(all_in_sync_have(&voters, 10, LAG_MAX));
        let voters = [voter(1, true, 10, 0), voter(2, true, 3, 3_001), voter(3, true, 10, 0)];
        assert!(all_in_sync_have(&voters, 10, LAG_MAX));
        assert_eq!(in_sync_count(&voters, LAG_MAX), 2);
    }

    #[test]
    fn a_voter_in_sync_that_lacks_the_entry_holds_up_ack_all() {
        let voters = [voter(1, true, 10, 0), voter(2, true, 9, 20), voter(3, true, 10, 0)];
        assert!(!all_in_sync_have(&voters, 10, LAG_MAX));
        assert!(all_in_sync_have(&voters, 9, LAG_MAX));
    }

    #[test]
    fn a_follower_that_keeps_up_is_never_late_though_never_level() {
        let ms = Duration::from_millis;
        let mut clock = FollowerClock::new(Some(100), ms(0));
        for look in 1..=200 {
            // Each look finds what was appended in the last half of the time since the one before.
            let log_end = 100 + look * 10;
            clock.look(Some(log_end - 5), Some(log_end), ms(look * 50));
        }
        assert_eq!(clock.behind_for(ms(10_000)), ms(50));
    }

    #[test]
    fn a_follower_that_stops_is_late_from_when_it_last_had_everything() {
        let ms = Duration::from_millis;
        let mut clock = FollowerClock::new(Some(100), ms(0));
        clock.look(Some(100), Some(100), ms(50));
        for look in 2..=100 {
            clock.look(Some(100), Some(100 + look), ms(look * 50));
        }
        // Its goal at 50 ms was 100, which it had; that of 100 ms it never reached.
        assert_eq!(clock.behind_for(ms(5_000)), ms(4_950));
        clock.look(Some(200), Some(200), ms(5_050));
        assert_eq!(clock.behind_for(ms(5_050)), ms(0));
    }

    #[test]
    fn minimum_in_sync_is_what_the_topic_shows() {
        let with = |min_insync_replicas| TopicConfig { min_insync_replicas, ..Default::default() };
        let cases = [
            (None, 1, 1),
            (None, 2, 1),
            (None, 3, 2),
            (None, 5, 3),
            (Some(3), 3, 3),
            (Some(2), 1, 1),
        ];
        for (configured, voters, expected) in cases {
            assert_eq!(min_in_sync(&with(configured), voters), expected, "{voters} voters");
        }
    }

    #[test]
    fn ack_one_waits_when_the_quorum_lags_or_the_lease_is_gone() {
        let second = Duration::from_secs(1);
        assert!(ack_one_is_honest(None, true, second));
        assert!(ack_one_is_honest(Some(second), true, second));
        assert!(!ack_one_is_honest(Some(Duration::from_millis(1_001)), true, second));
        assert!(!ack_one_is_honest(None, false, second));
    }
}
