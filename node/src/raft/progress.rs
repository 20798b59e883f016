//! How far the followers of one group are, as their acknowledgements say (whose view: the
//! leader's). Written by the group's network, read by those who wait for ack -1, by the in-sync
//! set, and by moves. openraft's own metrics would cost a copy of everything per look.

use std::collections::BTreeMap;
use std::sync::Mutex;

use rampart_api::model::ids::ReplicaId;
use tokio::sync::watch;
use tokio::time::Instant;

/// What a follower last acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaAck {
    /// Last index known on its disk and equal to the leader's log; `None` = nothing yet.
    pub matched: Option<u64>,
    /// When it last acknowledged anything.
    pub at: Instant,
}

/// Acknowledgements of one group's followers, of one term at a time.
#[derive(Debug)]
pub struct ReplicaProgress {
    acks: Mutex<Acks>,
    rises: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Acks {
    term: u64,
    replicas: BTreeMap<ReplicaId, ReplicaAck>,
}

impl Default for ReplicaProgress {
    fn default() -> Self {
        ReplicaProgress { acks: Mutex::default(), rises: watch::channel(0).0 }
    }
}

impl ReplicaProgress {
    /// Last index that a replica acknowledged to the leader of `term`.
    pub fn matched(&self, replica: ReplicaId, term: u64) -> Option<u64> {
        self.ack(replica, term)?.matched
    }

    /// A replica's last acknowledgement to the leader of `term`.
    pub fn ack(&self, replica: ReplicaId, term: u64) -> Option<ReplicaAck> {
        let acks = self.acks.lock().expect("no holder of this lock panics");
        if acks.term == term { acks.replicas.get(&replica).copied() } else { None }
    }

    /// Changes whenever some replica's matched index rises.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.rises.subscribe()
    }

    /// Notes an acknowledgement given to the leader of `term`. What belongs to an older term is
    /// dropped: that leader's log may have been cut.
    pub(crate) fn acked(&self, replica: ReplicaId, term: u64, matched: Option<u64>, at: Instant) {
        let has_risen = self.note(replica, term, matched, at);
        if has_risen {
            self.rises.send_modify(|rises| *rises = rises.wrapping_add(1));
        }
    }

    fn note(&self, replica: ReplicaId, term: u64, matched: Option<u64>, at: Instant) -> bool {
        let mut acks = self.acks.lock().expect("no holder of this lock panics");
        if term < acks.term {
            return false;
        }
        if term > acks.term {
            *acks = Acks { term, replicas: BTreeMap::new() };
        }
        let ack = acks.replicas.entry(replica).or_insert(ReplicaAck { matched: None, at });
        ack.at = ack.at.max(at);
        let has_risen = matched > ack.matched;
        ack.matched = ack.matched.max(matched);
        has_risen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn acknowledgements_rise_within_a_term_and_start_over_with_the_next() {
        let (progress, now) = (ReplicaProgress::default(), Clock::default().instant());
        let replica = ReplicaId(4);
        let mut rises = progress.watch();
        let mut acked = |term, matched, expect_rise: bool| {
            progress.acked(replica, term, matched, now);
            assert_eq!(rises.has_changed().unwrap(), expect_rise, "{term} {matched:?}");
            rises.borrow_and_update();
        };
        acked(2, None, false);
        acked(2, Some(5), true);
        acked(2, Some(5), false);
        acked(2, Some(4), false);
        assert_eq!(progress.matched(replica, 2), Some(5));
        assert_eq!(progress.matched(replica, 3), None, "a new leader knows nothing yet");
        acked(3, Some(1), true);
        acked(2, Some(9), false);
        assert_eq!(progress.matched(replica, 3), Some(1));
        assert_eq!(progress.matched(replica, 2), None);
        assert_eq!(progress.matched(ReplicaId(5), 3), None);
        assert_eq!(progress.ack(replica, 3).map(|ack| ack.at), Some(now));
    }
}
