//! `[pure]` Which topics a member reads: it leaves one that went on in another cluster, and takes up
//! one that came from there.

use std::time::Duration;

use super::{Life, Member};

impl Member {
    pub(in crate::client::consumer) fn topics(&self) -> &[String] {
        &self.topics
    }

    pub(in crate::client::consumer) fn reads(&self, topic: &str) -> bool {
        self.topics.iter().any(|known| known == topic)
    }

    /// Whether a topic went on in another cluster: the group was through with it.
    pub(in crate::client::consumer) fn has_left(&self, topic: &str) -> bool {
        self.left.contains(topic)
    }

    /// Whether a topic can be left, as far as the member knows: nothing that was said of its records
    /// waits for an answer, nobody has paused or ended the member, and nobody seeks.
    pub(in crate::client::consumer) fn may_leave_topic(&self, topic: &str) -> bool {
        let is_running = self.life == Life::Running && !self.was_told_to_end;
        let is_free = is_running && !self.is_paused && self.holds == 0;
        is_free && self.reads(topic) && !self.hand.has_said_of(topic)
    }

    /// Leaves a topic whose records the whole group has settled, unless it can't be left now. A member
    /// without a topic leaves its group.
    pub(in crate::client::consumer) fn leave_topic(&mut self, topic: &str, now: Duration) -> bool {
        if !self.may_leave_topic(topic) {
            return false;
        }
        self.topics.retain(|known| known != topic);
        self.left.insert(topic.to_owned());
        // Whatever is here of it was settled by somebody.
        self.drop_moved(|place| *place.topic == *topic);
        let kept = self.assignment.held().iter().filter(|place| *place.topic != *topic);
        let kept = kept.cloned().collect();
        self.changes.extend(self.assignment.becomes(kept));
        if self.topics.is_empty() {
            self.close(false, now);
        }
        true
    }

    /// Reads one more topic from now on, unless the member is about to end.
    pub(in crate::client::consumer) fn join_topic(&mut self, topic: &str) -> bool {
        if self.life != Life::Running || self.was_told_to_end {
            return false;
        }
        self.left.remove(topic);
        if !self.reads(topic) {
            self.topics.push(topic.to_owned());
        }
        self.stale();
        true
    }

    /// Nothing is left to be told to the listener.
    pub(in crate::client::consumer) fn has_told(&self) -> bool {
        self.changes.is_empty() && !self.is_telling
    }
}
