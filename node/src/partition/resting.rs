//! Groups for which nothing is due: the sweep passes over them, and whoever brings work wakes them.
//! With thousands of groups at rest, none of their replicas is touched.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use rampart_api::model::ids::GroupId;

/// Groups that were at rest and have work again, until the sweep takes them.
#[derive(Debug, Default)]
pub struct Woken {
    groups: Mutex<Vec<GroupId>>,
}

impl Woken {
    fn push(&self, group: GroupId) {
        self.groups.lock().expect("no holder of this lock panics").push(group);
    }

    /// Takes them; each is named once since it was last put to rest.
    pub(super) fn take(&self) -> Vec<GroupId> {
        std::mem::take(&mut *self.groups.lock().expect("no holder of this lock panics"))
    }
}

/// When one group last had work, and whether it is at rest. Times in milliseconds of its replica.
#[derive(Debug)]
pub(super) struct Activity {
    group: GroupId,
    last_ms: AtomicU64,
    rests: AtomicBool,
    woken: Arc<Woken>,
}

impl Activity {
    pub(super) fn new(group: GroupId, woken: Arc<Woken>) -> Activity {
        Activity { group, last_ms: AtomicU64::new(0), rests: AtomicBool::new(false), woken }
    }

    /// There is work now. What `rest` and this one store, the other sees: a group that goes to rest
    /// at this moment is woken, or does not rest.
    pub(super) fn note(&self, now_ms: u64) {
        self.last_ms.store(now_ms, Ordering::SeqCst);
        if self.rests.load(Ordering::SeqCst) && self.rests.swap(false, Ordering::SeqCst) {
            self.woken.push(self.group);
        }
    }

    /// Milliseconds since the last work.
    pub(super) fn idle_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.last_ms.load(Ordering::SeqCst))
    }

    /// Puts the group to rest, unless it had work in the last `after_ms`; answers whether it rests.
    pub(super) fn rest(&self, now_ms: u64, after_ms: u64) -> bool {
        self.rests.store(true, Ordering::SeqCst);
        let rests = self.idle_ms(now_ms) >= after_ms;
        if !rests {
            self.rests.store(false, Ordering::SeqCst);
        }
        rests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_at_rest_is_woken_once() {
        let woken = Arc::<Woken>::default();
        let activity = Activity::new(GroupId(7), woken.clone());
        activity.note(1_000);
        assert!(!activity.rest(1_900, 1_000), "it had work 900 ms ago");
        activity.note(1_950);
        assert_eq!(woken.take(), [], "it did not rest");
        assert!(activity.rest(2_950, 1_000));
        activity.note(3_000);
        activity.note(3_001);
        assert_eq!(woken.take(), [GroupId(7)]);
        assert_eq!(woken.take(), []);
        assert_eq!(activity.idle_ms(3_011), 10);
    }

    #[test]
    fn work_that_comes_as_a_group_goes_to_rest_is_not_missed() {
        let woken = Arc::<Woken>::default();
        let activity = Arc::new(Activity::new(GroupId(7), woken.clone()));
        for round in 1..2_000_u64 {
            // So far apart that only the work of this round keeps it from resting.
            let now_ms = round * 10_000;
            let other = activity.clone();
            let works = std::thread::spawn(move || other.note(now_ms));
            let rests = activity.rest(now_ms, 1_000);
            works.join().unwrap();
            assert!(woken.take().len() == 1 || !rests, "round {round}");
        }
    }
}
