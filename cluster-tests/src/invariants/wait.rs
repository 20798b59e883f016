//! A wait for what was disturbed to work again. It counts from the disturbance for those who want it
//! then, and else from the first who wants it afterwards.

/// One wait.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Wait {
    /// Since when, if it is waited for.
    since: Option<u64>,
    /// Whether anybody wants it.
    is_wanted: bool,
    /// Operations under way that want it.
    under_way: u32,
}

impl Wait {
    /// Everything was disturbed just now: the wait begins anew, or ends undecided.
    pub(super) fn restart(&mut self, since: Option<u64>) {
        self.since = since;
        self.is_wanted = self.under_way > 0;
    }

    /// An operation that wants it begins.
    pub(super) fn begins(&mut self, time: u64) {
        self.under_way += 1;
        if let Some(since) = self.since.as_mut().filter(|_| !self.is_wanted) {
            *since = time;
            self.is_wanted = true;
        }
    }

    /// One of them ends, however.
    pub(super) fn ends(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// It works; since when it was waited for, if it was.
    pub(super) fn is_over(&mut self) -> Option<u64> {
        let is_wanted = self.is_wanted;
        self.since.take().filter(|_| is_wanted)
    }

    /// Since when it is waited for, by somebody who wants it.
    pub(super) fn since(&self) -> Option<u64> {
        self.since.filter(|_| self.is_wanted)
    }

    /// Whether it has not been seen to work since it was disturbed.
    pub(super) fn is_open(&self) -> bool {
        self.since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_counts_from_the_disturbance_or_from_who_wants_it_later() {
        let mut wait = Wait::default();
        wait.begins(1);
        assert_eq!((wait.since(), wait.is_open()), (None, false), "nothing was disturbed");
        wait.restart(Some(5));
        assert_eq!((wait.since(), wait.is_over()), (Some(5), Some(5)));
        wait.ends();
        wait.restart(Some(10));
        assert_eq!((wait.since(), wait.is_open()), (None, true), "nobody wants it");
        wait.begins(12);
        wait.begins(13);
        assert_eq!((wait.is_over(), wait.is_open()), (Some(12), false));
        wait.restart(None);
        assert_eq!((wait.since(), wait.is_open()), (None, false), "it is undecided");
    }
}
